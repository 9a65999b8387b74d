"""The commands of ``derive`` and their options; documents and ``generate`` have modules of their own."""

from __future__ import annotations

from pathlib import Path

import click
from click.exceptions import Exit

from derive import options
from derive.cli_documents import latex, notebook, page
from derive.cli_exercise import exercise
from derive.cli_generate import generate
from derive.command_line import Argument, Commands, examples
from derive.delivery import architecture_of, deliver, proved, report
from derive.errors import UserError


def _version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        from derive.version import tool_version

        click.echo(f"backproof {tool_version()}")
        context.exit()


@click.group(
    cls=Commands,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"show_default": True},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
)
@click.pass_context
def app(context: click.Context) -> None:
    """Derive backpropagation, prove it, and write the code from the proof."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        context.exit(2)


@app.command(epilog=examples("derive prove 2-2-3-2 --steps"))
@options.architecture_text
@options.cost_name
@options.own_activations
@options.steps_too
@options.numbering_name
@options.verbose
def prove(
    architecture: str,
    cost: str,
    activation: tuple[str, ...],
    steps: bool,
    numbering: str,
    verbose: bool,
) -> None:
    """Prove Lemma 1 for an architecture; exit status 1 if anything is refuted."""
    from derive import show
    from derive.numbering import numbering as numbering_of
    from derive.stages import Stages
    from derive.terminal import Terminal

    console, stages, numbers = Terminal(), Stages(), numbering_of(numbering)
    proof = proved(architecture, cost, activation, stages)
    show.show_numbering(console, numbers)
    show.show_theorem(console, proof.network.in_general, numbers)
    show.show_wiring(console, proof.network, numbers)
    if steps:
        show.show_steps(console, proof.network.in_general, numbers)
    show.show_verdicts(console, proof, numbers)
    report(stages, verbose)
    if not proof.holds:
        raise Exit(1)


@app.command(
    epilog=examples("derive describe 8-32:tanh-1:linear", "derive describe 8-32:tanh-1:linear -o net.svg")
)
@options.architecture_text
@options.cost_name
@options.own_activations
@click.option("--output", "-o", type=options.PATH, help="Draw it into a file, .svg or .tex (TikZ).")
@options.force
def describe(
    architecture: str,
    cost: str,
    activation: tuple[str, ...],
    output: Path | None,
    force: bool,
) -> None:
    """Show the layers, shapes and parameters of a network, what its passes cost, and a drawing."""
    from derive import show
    from derive.describe import picture
    from derive.terminal import Terminal

    shape = architecture_of(architecture, cost, activation)
    if output is not None:
        deliver(picture(shape, output.suffix), output, force)
        return
    show.show_description(Terminal(), shape)


@app.command(epilog=examples("derive theorems", "derive theorems woodbury --steps"))
@click.argument("key", cls=Argument, required=False, metavar="[NAME]", help="One theorem; all without it.")
@options.steps_too
@options.numbering_name
def theorems(key: str | None, steps: bool, numbering: str) -> None:
    """Prove the theorems beside Lemma 1, and refute what the source notes print wrongly."""
    from derive import show
    from derive.numbering import numbering as numbering_of
    from derive.terminal import Terminal
    from derive.theorems.catalogue import theorems as all_theorems

    known = all_theorems()
    chosen = [theorem for theorem in known if key in (None, theorem.key)]
    if not chosen:
        names = ", ".join(theorem.key for theorem in known)
        raise UserError(f"expected one of {names}; got {key!r}")
    console, numbers = Terminal(), numbering_of(numbering)
    show.show_numbering(console, numbers)
    show.show_theorem_list(console, chosen, steps, numbers)
    if key is None:
        show.show_refutations(console, numbers)
    if not all(theorem.holds for theorem in chosen):
        raise Exit(1)


@app.command(
    epilog=examples(
        "derive check 'dC/dW[l] = delta[l] @ a[l-1].T'", "derive check 'gd.next(p) = p - t*grad(Cost)'"
    )
)
@click.argument(
    "claim",
    cls=Argument,
    required=False,
    metavar="[CLAIM]",
    help="An equation, such as 'delta[L] = a[L] - y'.",
)
@click.option(
    "--file", "-f", type=options.PATH, metavar="FILE", help="Check each line: name: claim -> outcome."
)
@options.steps_too
def check(claim: str | None, file: Path | None, steps: bool) -> None:
    """Decide a claim; exit status 1 if it is not true, 2 if it is not well formed.

    \b
    One sample of a network: W[l] b[l] z[l] a[l] delta[l] x y C, dC/dW[l] ...
    sigma(.) dsigma(.) @ * .T sum(k, .), at layer l, l+1, l-1, L or a number.

    \b
    Matrices: capital letters, I, J, inv(.) .T @, lam mu, lm.step(mu) lm.next(p).

    \b
    Parameters and costs: p f g t N m, Cost C[i] grad(.) first(Cost, d) dot(f, g)
    norm2(f) gd.next(p) sgd.next(p, i) minibatch.next(p, k).

    \b
    All of it is in docs/claims.md; docs/notes.claims has examples of every kind.
    """
    from derive.claims import check_claim, check_file

    if (claim is None) == (file is None):
        raise UserError("expected a claim or --file, one of the two; see derive check --help")
    if file is None:
        verdict = check_claim(claim or "")
        click.echo("\n".join([*verdict.lines, *(verdict.steps() if steps else [])]))
        raise Exit(verdict.exit_status)
    checked = check_file(file)
    for line in checked:
        name = f"{line.name}: " if line.name else ""
        found = line.verdict.condition
        note = f"  [true if {found}]" if found else ""
        note += "" if line.as_expected else f"  (expected {line.expected.value})"
        click.echo(f"{line.number:4d}  {line.verdict.outcome.value:11s}  {name}{line.verdict.claim}{note}")
    unexpected = sum(not line.as_expected for line in checked)
    click.echo(f"{len(checked)} claims, {unexpected} not as expected", err=True)
    raise Exit(min(unexpected, 1))


app.command(epilog=examples("derive latex 2-2-3-2 -o lemma.tex && pdflatex lemma.tex"))(latex)
app.command(epilog=examples("derive page 2-2-3-2 -o lemma.html"))(page)
app.command(epilog=examples("derive notebook 2-2-3-2 -o lemma.ipynb"))(notebook)
app.command(
    epilog=examples(
        "derive generate 2-2-3-2 -o generated",
        "derive generate 2-2-3-2 -o generated --check",
        "derive generate 2-2-3-2 --with hessian,products",
        "derive generate 2-2-3-2 --target c",
        "derive generate 2-2-3-2 --target python",
    )
)(generate)


@app.command(epilog=examples("derive verify sigmoid_2_2_3_2"))
@click.argument(
    "folder",
    cls=Argument,
    type=options.PATH,
    metavar="DIR",
    help="The folder of a generated package, or a file of --target python.",
)
def verify(folder: Path) -> None:
    """Prove that a package on disk computes what is derived; exit status 1 if a line does not."""
    from derive.verification import verify_directory

    report = verify_directory(folder)
    for item in report.proved:
        click.echo(str(item))
    for finding in report.findings:
        click.echo(str(finding))
    count = f"{len(report.proved)} functions proved, {len(report.findings)} findings"
    click.echo(f"{folder}: {count}; what is not mathematics: derive generate --check", err=True)
    if not report.holds:
        raise Exit(1)


@app.command(epilog=examples("derive demo -o demo-output"))
@click.option(
    "--output",
    "-o",
    type=options.PATH,
    metavar="DIR",
    default=Path("demo-output"),
    help="Where package and pictures go.",
)
@click.option(
    "--steps",
    metavar="N",
    type=click.IntRange(min=1),
    default=1_000_000,
    show_default=False,
    help="SGD steps; the article's million without it.",
)
@options.verbose
def demo(output: Path, steps: int, verbose: bool) -> None:
    """Run the article's example: prove, generate, train and draw.

    It is trained with SGD and with Levenberg-Marquardt.
    """
    from derive.demo import run
    from derive.stages import Stages
    from derive.terminal import Terminal

    stages = Stages()
    run(output, steps, Terminal(), stages)
    report(stages, verbose)


app.command(epilog=examples("derive exercise --kind gap --hint 1", "derive exercise --seed 7 -o sheet.tex"))(
    exercise
)
