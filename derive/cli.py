"""The command ``derive``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from derive.errors import UserError

if TYPE_CHECKING:
    from derive.stages import Stages

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Derive backpropagation, prove it, and write the code from the proof.",
)
ArchitectureText = Annotated[
    str,
    typer.Argument(
        metavar="ARCHITECTURE",
        help="Layers, input first: 2-2-3-2, 8-32:tanh-1:linear, or a .toml or .json file.",
    ),
]
NumberingName = Annotated[
    str, typer.Option("--numbering", help="Equation numbers: own, or the article's: arxiv or siam.")
]
CostName = Annotated[
    str,
    typer.Option(
        "--cost", help="quadratic, huber, log-cosh, a cross-entropy, or 'name: formula in a and y'."
    ),
]
OwnActivations = Annotated[
    list[str] | None,
    typer.Option(
        "--activation", metavar="'NAME: EXPR'", help="An activation of your own, such as 'swoosh: z*tanh(z)'."
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say how long each stage took.")]


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
    from derive.architecture_file import read_architecture
    from derive.numbering import numbering as numbering_of
    from derive.proof import prove as prove_lemma
    from derive.stages import Stages

    console, stages, numbers = Console(), Stages(), numbering_of(numbering)
    proof = prove_lemma(read_architecture(architecture, cost, activation or ()), stages=stages)
    show.show_numbering(console, numbers)
    show.show_theorem(console, proof.network.in_general, numbers)
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
    from derive.architecture_file import read_architecture
    from derive.describe import picture

    shape = read_architecture(architecture, cost, activation or ())
    if output is not None:
        _deliver(picture(shape, output.suffix), output, force)
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
    from derive.architecture_file import read_architecture
    from derive.latex_document import latex_document
    from derive.latex_fragment import latex_fragment
    from derive.numbering import numbering as numbering_of
    from derive.printers.levels import Level
    from derive.proof import prove as prove_lemma
    from derive.stages import Stages

    if level not in list(Level):
        raise UserError(f"expected --level student, lecturer or terse, got {level!r}")
    if fragment and cite_code:
        raise UserError("expected --fragment or --cite-code, got both; only the article cites code")
    stages, numbers = Stages(), numbering_of(numbering)
    proof = prove_lemma(read_architecture(architecture, cost, activation or ()), stages=stages)
    with stages("print"):
        if fragment:
            text = latex_fragment(proof, Level(level), numbers)
        else:
            text = latex_document(proof, Level(level), numbers, cite_code=cite_code)
    _deliver(text, output, force)
    _report(stages, verbose)


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
    from derive.architecture_file import read_architecture
    from derive.numbering import numbering as numbering_of
    from derive.page import page as page_of
    from derive.proof import prove as prove_lemma
    from derive.stages import Stages

    stages, numbers = Stages(), numbering_of(numbering)
    proof = prove_lemma(read_architecture(architecture, cost, activation or ()), stages=stages)
    with stages("print"):
        text = page_of(proof, numbers)
    _deliver(text, output, force)
    _report(stages, verbose)


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
    from derive.architecture_file import read_architecture
    from derive.numbering import numbering as numbering_of
    from derive.proof import prove as prove_lemma

    if str(output) != "-" and output.suffix != ".ipynb":
        raise UserError(f"expected a name ending in .ipynb for -o, got {str(output)!r}")
    try:
        from derive.notebook import notebook as notebook_of
    except ImportError:
        raise UserError("expected nbformat to be installed: pip install 'backproof[notebook]'") from None
    numbers = numbering_of(numbering)
    _deliver(
        notebook_of(prove_lemma(read_architecture(architecture, cost, activation or ())), numbers),
        output,
        force,
    )


@app.command(epilog="Examples: [bold]derive generate 2-2-3-2 -o generated[/bold], the same with --check")
def generate(
    architecture: ArchitectureText,
    cost: CostName = "quadratic",
    activation: OwnActivations = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the package's folder goes.")
    ] = Path(),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; show a diff and exit with 1 on drift.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files that were not generated by this tool.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Write the NumPy package for an architecture, once it is proved."""
    from derive.architecture_file import read_architecture
    from derive.generate import drift, write
    from derive.generate import generate as make
    from derive.proof import prove as prove_lemma
    from derive.stages import Stages

    stages = Stages()
    proof = prove_lemma(
        read_architecture(architecture, cost, activation or ()), brute_force=False, stages=stages
    )
    with stages("lower and print"):
        package = make(proof)
    if check:
        diff = drift(package, output)
        typer.echo(diff, nl=False)
        typer.echo(f"{output / package.name}: {'differs' if diff else 'up to date'}", err=True)
        if diff:
            raise typer.Exit(1)
    else:
        with stages("write"):
            folder = write(package, output, force=force)
        typer.echo(f"wrote {folder}: {', '.join(package.files)}", err=True)
        there = "" if output == Path() else f"cd {shlex.quote(str(output))} && "
        typer.echo(f"try it: {there}python -m {package.name}", err=True)
    _report(stages, verbose)


@app.command(epilog="Example: [bold]derive verify sigmoid_2_2_3_2[/bold]")
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a generated package.")],
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
    _report(stages, verbose)


@app.command(
    epilog="Examples: [bold]derive exercise --kind gap --hint 1[/bold], "
    "[bold]derive exercise --seed 7 -o sheet.tex[/bold]"
)
def exercise(
    kind: Annotated[
        list[str] | None, typer.Option("--kind", "-k", help="A kind of exercise; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same exercises.")] = 1,
    count: Annotated[
        int | None, typer.Option("--count", "-n", help="How many; one of each kind without it.")
    ] = None,
    hint: Annotated[int, typer.Option("--hint", metavar="K", help="Show hints up to level K, 1 to 3.")] = 0,
    solution: Annotated[bool, typer.Option("--solution", help="Show the solutions.")] = False,
    answer: Annotated[
        str | None, typer.Option("--answer", help="Grade this answer to the exercise of one kind and seed.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write a sheet, .tex, or a notebook, .ipynb.")
    ] = None,
    student: Annotated[
        bool, typer.Option("--student", help="The notebook without solutions and hidden tests.")
    ] = False,
    kinds: Annotated[bool, typer.Option("--list", help="List the kinds of exercises.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite any file.")] = False,
) -> None:
    """Draw exercises by a seed; with --answer, exit status 1 if it is wrong, 2 if it is not well formed."""
    from derive.exercises import command, exercises
    from derive.exercises.terminal import kinds_text
    from derive.printers.text import Unicode
    from derive.show import spelling

    if kinds:
        typer.echo(kinds_text(), nl=False)
    elif answer is not None:
        grade = command.graded(kind or [], seed, answer)
        typer.echo(grade.reason)
        raise typer.Exit(grade.mark.exit_status)
    elif output is not None:
        drawn = exercises(seed, kind or [], count)
        command.written(drawn, output, hint, solution, student, lambda text, to: _deliver(text, to, force))
    else:
        drawn = exercises(seed, kind or [], count)
        typer.echo(command.shown(drawn, hint, solution, spelling(Console()) is Unicode), nl=False)


def _deliver(text: str, output: Path | None, force: bool) -> None:
    """Write a text to a file, or to standard output where none is named."""
    from derive.writing import write_text

    if output is None or str(output) == "-":
        typer.echo(text, nl=False)
        return
    write_text(output, text, force=force)
    typer.echo(f"wrote {output}", err=True)


def _report(stages: Stages, verbose: bool) -> None:
    from derive.show import show_stages

    if verbose:
        show_stages(Console(stderr=True), stages)


def main() -> None:
    """Run the command; bad input becomes one line and exit status 2."""
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
