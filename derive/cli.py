"""The command ``derive``."""

from __future__ import annotations

import atexit
import gc
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from derive.cli_exercise import exercise
from derive.errors import UserError
from derive.options import (
    ArchitectureText,
    CostName,
    NumberingName,
    OwnActivations,
    Verbose,
    architecture_of,
    deliver,
    proved,
    report,
)

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


@app.command(epilog="Example: [bold]derive latex 2-2-3-2 -o lemma.tex && pdflatex lemma.tex[/bold]")
def latex(
    architecture: ArchitectureText,
    cost: CostName = "quadratic",
    activation: OwnActivations = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; standard output without it.")
    ] = None,
    fragment: Annotated[
        bool, typer.Option("--fragment", help="Only displays, for your own paper; they need amsmath.")
    ] = False,
    level: Annotated[
        str, typer.Option("--level", help="How many steps: student, lecturer or terse.")
    ] = "student",
    numbering: NumberingName = "own",
    cite_code: Annotated[
        bool, typer.Option("--cite-code", help="Cite the lines of the emitted package that compute each.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite any file.")] = False,
    verbose: Verbose = False,
) -> None:
    """Print the derivation as a LaTeX document."""
    from derive.latex_document import latex_document
    from derive.latex_fragment import latex_fragment
    from derive.numbering import numbering as numbering_of
    from derive.printers.levels import Level
    from derive.stages import Stages

    if level not in list(Level):
        raise UserError(f"expected --level student, lecturer or terse, got {level!r}")
    if fragment and cite_code:
        raise UserError("expected --fragment or --cite-code, got both; only the article cites code")
    stages, numbers = Stages(), numbering_of(numbering)
    proof = proved(architecture, cost, activation, stages)
    with stages("print"):
        if fragment:
            text = latex_fragment(proof, Level(level), numbers)
        else:
            text = latex_document(proof, Level(level), numbers, cite_code=cite_code)
    deliver(text, output, force)
    report(stages, verbose)


@app.command(epilog="Example: [bold]derive page 2-2-3-2 -o lemma.html[/bold]")
def page(
    architecture: ArchitectureText,
    cost: CostName = "quadratic",
    activation: OwnActivations = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; standard output without it.")
    ] = None,
    numbering: NumberingName = "own",
    force: Annotated[bool, typer.Option("--force", help="Overwrite any file.")] = False,
    verbose: Verbose = False,
) -> None:
    """Print the proof as one web page to read and to step through, offline."""
    from derive.numbering import numbering as numbering_of
    from derive.page import page as page_of
    from derive.stages import Stages

    stages, numbers = Stages(), numbering_of(numbering)
    proof = proved(architecture, cost, activation, stages)
    with stages("print"):
        text = page_of(proof, numbers)
    deliver(text, output, force)
    report(stages, verbose)


@app.command(epilog="Example: [bold]derive notebook 2-2-3-2 -o lemma.ipynb[/bold]")
def notebook(
    architecture: ArchitectureText,
    cost: CostName = "quadratic",
    activation: OwnActivations = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("lemma.ipynb"),
    numbering: NumberingName = "own",
    force: Annotated[bool, typer.Option("--force", help="Overwrite any file.")] = False,
) -> None:
    """Write a notebook that derives, replays and checks the lemma again as it runs."""
    from derive.numbering import numbering as numbering_of

    if str(output) != "-" and output.suffix != ".ipynb":
        raise UserError(f"expected a name ending in .ipynb for -o, got {str(output)!r}")
    try:
        from derive.notebook import notebook as notebook_of
    except ImportError:
        raise UserError("expected nbformat to be installed: pip install 'backproof[notebook]'") from None
    numbers = numbering_of(numbering)
    proof = proved(architecture, cost, activation)
    deliver(notebook_of(proof, numbers), output, force)


@app.command(
    epilog="Examples: [bold]derive generate 2-2-3-2 -o generated[/bold], the same with --check, "
    "with --with hessian,products, with --target c, or with --target python"
)
def generate(
    architecture: ArchitectureText,
    cost: CostName = "quadratic",
    activation: OwnActivations = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the package's folder goes.")
    ] = Path(),
    extras: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="LIST",
            help="Further modules, joined by commas: input-jacobian, products (J v, J^T U and J as an "
            "operator), hessian, gauss-newton, matrix-free (Levenberg-Marquardt steps without any matrix).",
        ),
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            "--target",
            metavar="LANGUAGE",
            help="numpy; c: C99 with a loader for Python; python: one file of scalars for tiny networks.",
        ),
    ] = "numpy",
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; show a diff and exit with 1 on drift.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files that were not generated by this tool.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Write the package for an architecture, NumPy, C or plain Python, once it is proved."""
    from derive.extras import parse
    from derive.generate import TARGET_NAMES, TARGETS, drift, extras_on_disk, write
    from derive.generate import generate as make
    from derive.stages import Stages

    stages, wanted = Stages(), parse(",".join(extras)) if extras else ()
    if target not in TARGETS:
        raise UserError(f"expected --target {TARGET_NAMES}, got {target!r}")
    if target == "python":
        from derive.package_python import require_small

        require_small(architecture_of(architecture, cost, activation))
    proof = proved(architecture, cost, activation, brute_force=False, stages=stages)
    with stages("lower and print"):
        if check and not extras and target == "numpy":
            wanted = extras_on_disk(output / proof.architecture.package_name)
        package = make(proof, wanted, target)
    if check:
        diff = drift(package, output)
        typer.echo(diff, nl=False)
        where = output / (next(iter(package.files)) if target == "python" else package.name)
        typer.echo(f"{where}: {'differs' if diff else 'up to date'}", err=True)
        if diff:
            raise typer.Exit(1)
    else:
        with stages("write"):
            folder = write(package, output, force=force)
        listed = "" if target == "python" else f": {', '.join(package.files)}"
        typer.echo(f"wrote {folder}{listed}", err=True)
        there = "" if output == Path() else f"cd {shlex.quote(str(output))} && "
        typer.echo(f"try it: {there}{package.trial}", err=True)
    report(stages, verbose)


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
    from derive.demo import run
    from derive.stages import Stages

    stages = Stages()
    run(output, steps, Console(), stages)
    report(stages, verbose)


app.command(
    epilog="Examples: [bold]derive exercise --kind gap --hint 1[/bold], "
    "[bold]derive exercise --seed 7 -o sheet.tex[/bold]"
)(exercise)


def collect_seldom() -> None:
    """Have Python look for cycles of garbage less often, and not at all when it ends.

    Proofs make many objects, and few are in cycles; to look through all of them at the end took a fifth of
    the time of the command.
    """
    gc.set_threshold(100_000, 50, 50)
    atexit.register(gc.freeze)


def main() -> None:
    """Run the command; bad input becomes one line and exit status 2."""
    collect_seldom()
    try:
        app()
    except UserError as error:
        Console(stderr=True).print(
            f"[red]derive:[/red] {escape(str(error))}", soft_wrap=True, highlight=False
        )
        sys.exit(2)
    except BrokenPipeError:  # the reader has gone: end as a command that its pipe killed
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        Console(stderr=True).print(f"[red]derive:[/red] cannot write: {error.strerror or error}")
        sys.exit(2)


if __name__ == "__main__":
    main()
