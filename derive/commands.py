"""The commands of ``derive`` and their options; documents and ``generate`` have modules of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from derive.cli_documents import latex, notebook, page
from derive.cli_exercise import exercise
from derive.cli_generate import generate
from derive.delivery import architecture_of, deliver, proved, report
from derive.errors import UserError
from derive.options import ArchitectureText, CostName, NumberingName, OwnActivations, Verbose

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Derive backpropagation, prove it, and write the code from the proof.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from derive.version import tool_version

        typer.echo(f"backproof {tool_version()}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: [bold]derive prove 2-2-3-2 --steps[/bold]")
def prove(
    architecture: ArchitectureText,
    cost: CostName = "quadratic",
    activation: OwnActivations = None,
    steps: Annotated[bool, typer.Option("--steps", help="Show every step with its rule.")] = False,
    numbering: NumberingName = "own",
    verbose: Verbose = False,
) -> None:
    """Prove Lemma 1 for an architecture; exit status 1 if anything is refuted."""
    from rich.console import Console

    from derive import show
    from derive.numbering import numbering as numbering_of
    from derive.stages import Stages

    console, stages, numbers = Console(), Stages(), numbering_of(numbering)
    proof = proved(architecture, cost, activation, stages)
    show.show_numbering(console, numbers)
    show.show_theorem(console, proof.network.in_general, numbers)
    show.show_wiring(console, proof.network, numbers)
    if steps:
        show.show_steps(console, proof.network.in_general, numbers)
    show.show_verdicts(console, proof, numbers)
    if verbose:
        show.show_stages(Console(stderr=True), stages)
    if not proof.holds:
        raise typer.Exit(1)


@app.command(epilog="Examples: [bold]derive describe 8-32:tanh-1:linear[/bold], the same with -o net.svg")
def describe(
    architecture: ArchitectureText,
    cost: CostName = "quadratic",
    activation: OwnActivations = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Draw it into a file, .svg or .tex (TikZ).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite any file.")] = False,
) -> None:
    """Show the layers, shapes and parameters of a network, what its passes cost, and a drawing."""
    from rich.console import Console

    from derive import show
    from derive.describe import picture

    shape = architecture_of(architecture, cost, activation)
    if output is not None:
        deliver(picture(shape, output.suffix), output, force)
        return
    show.show_description(Console(), shape)


@app.command(epilog="Examples: [bold]derive theorems[/bold], [bold]derive theorems woodbury --steps[/bold]")
def theorems(
    key: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One theorem; all without it.")] = None,
    steps: Annotated[bool, typer.Option("--steps", help="Show every step with its rule.")] = False,
    numbering: NumberingName = "own",
) -> None:
    """Prove the theorems beside Lemma 1, and refute what the source notes print wrongly."""
    from rich.console import Console

    from derive import show
    from derive.numbering import numbering as numbering_of
    from derive.theorems.catalogue import theorems as all_theorems

    known = all_theorems()
    chosen = [theorem for theorem in known if key in (None, theorem.key)]
    if not chosen:
        names = ", ".join(theorem.key for theorem in known)
        raise UserError(f"expected one of {names}; got {key!r}")
    console, numbers = Console(), numbering_of(numbering)
    show.show_numbering(console, numbers)
    show.show_theorem_list(console, chosen, steps, numbers)
    if key is None:
        show.show_refutations(console, numbers)
    if not all(theorem.holds for theorem in chosen):
        raise typer.Exit(1)


@app.command(
    epilog=r"Examples: [bold]derive check 'dC/dW\[l] = delta\[l] @ a\[l-1].T'[/bold], "
    r"[bold]derive check 'gd.next(p) = p - t*grad(Cost)'[/bold]"
)
def check(
    claim: Annotated[
        str | None,
        typer.Argument(metavar="[CLAIM]", help=r"An equation, such as 'delta\[L] = a\[L] - y'."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Check each line: name: claim -> outcome."),
    ] = None,
    steps: Annotated[bool, typer.Option("--steps", help="Show every step with its rule.")] = False,
) -> None:
    r"""Decide a claim; exit status 1 if it is not true, 2 if it is not well formed.

    One sample of a network: W\[l] b\[l] z\[l] a\[l] delta\[l] x y C, dC/dW\[l] ...
    sigma(.) dsigma(.) @ * .T sum(k, .), at layer l, l+1, l-1, L or a number.

    Matrices: capital letters, I, J, inv(.) .T @, lam mu, lm.step(mu) lm.next(p).

    Parameters and costs: p f g t N m, Cost C\[i] grad(.) first(Cost, d) dot(f, g)
    norm2(f) gd.next(p) sgd.next(p, i) minibatch.next(p, k).

    All of it is in docs/claims.md; docs/notes.claims has examples of every kind.
    """
    from derive.claims import check_claim, check_file

    if (claim is None) == (file is None):
        raise UserError("expected a claim or --file, one of the two; see derive check --help")
    if file is None:
        verdict = check_claim(claim or "")
        typer.echo("\n".join([*verdict.lines, *(verdict.steps() if steps else [])]))
        raise typer.Exit(verdict.exit_status)
    checked = check_file(file)
    for line in checked:
        name = f"{line.name}: " if line.name else ""
        found = line.verdict.condition
        note = f"  [true if {found}]" if found else ""
        note += "" if line.as_expected else f"  (expected {line.expected.value})"
        typer.echo(f"{line.number:4d}  {line.verdict.outcome.value:11s}  {name}{line.verdict.claim}{note}")
    unexpected = sum(not line.as_expected for line in checked)
    typer.echo(f"{len(checked)} claims, {unexpected} not as expected", err=True)
    raise typer.Exit(min(unexpected, 1))


app.command(epilog="Example: [bold]derive latex 2-2-3-2 -o lemma.tex && pdflatex lemma.tex[/bold]")(latex)
app.command(epilog="Example: [bold]derive page 2-2-3-2 -o lemma.html[/bold]")(page)
app.command(epilog="Example: [bold]derive notebook 2-2-3-2 -o lemma.ipynb[/bold]")(notebook)
app.command(
    epilog="Examples: [bold]derive generate 2-2-3-2 -o generated[/bold], the same with --check, "
    "with --with hessian,products, with --target c, or with --target python"
)(generate)


@app.command(epilog="Example: [bold]derive verify sigmoid_2_2_3_2[/bold]")
def verify(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="The folder of a generated package, or a file of --target python."
        ),
    ],
) -> None:
    """Prove that a package on disk computes what is derived; exit status 1 if a line does not."""
    from derive.verification import verify_directory

    report = verify_directory(folder)
    for item in report.proved:
        typer.echo(str(item))
    for finding in report.findings:
        typer.echo(str(finding))
    count = f"{len(report.proved)} functions proved, {len(report.findings)} findings"
    typer.echo(f"{folder}: {count}; what is not mathematics: derive generate --check", err=True)
    if not report.holds:
        raise typer.Exit(1)


@app.command(epilog="Example: [bold]derive demo -o demo-output[/bold]")
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the package and pictures go.")
    ] = Path("demo-output"),
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="SGD steps; the article takes a million.")
    ] = 1_000_000,
    verbose: Verbose = False,
) -> None:
    """Run the article's example: prove, generate, train with SGD and Levenberg-Marquardt, draw."""
    from rich.console import Console

    from derive.demo import run
    from derive.stages import Stages

    stages = Stages()
    run(output, steps, Console(), stages)
    report(stages, verbose)


app.command(
    epilog="Examples: [bold]derive exercise --kind gap --hint 1[/bold], "
    "[bold]derive exercise --seed 7 -o sheet.tex[/bold]"
)(exercise)
