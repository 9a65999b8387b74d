"""The commands that print a proof as a document: ``derive latex``, ``page`` and ``notebook``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from derive.delivery import deliver, proved, report
from derive.errors import UserError
from derive.options import ArchitectureText, CostName, NumberingName, OwnActivations, Verbose


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
