"""The commands that print a proof as a document: ``derive latex``, ``page`` and ``notebook``."""

from __future__ import annotations

from pathlib import Path

import click

from derive import options
from derive.delivery import deliver, proved, report
from derive.errors import UserError


@options.architecture_text
@options.cost_name
@options.own_activations
@options.document
@click.option("--fragment", is_flag=True, help="Only displays, for your own paper; they need amsmath.")
@click.option("--level", default="student", help="How many steps: student, lecturer or terse.")
@options.numbering_name
@click.option("--cite-code", is_flag=True, help="Cite the lines of the emitted package that compute each.")
@options.force
@options.verbose
def latex(
    architecture: str,
    cost: str,
    activation: tuple[str, ...],
    output: Path | None,
    fragment: bool,
    level: str,
    numbering: str,
    cite_code: bool,
    force: bool,
    verbose: bool,
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


@options.architecture_text
@options.cost_name
@options.own_activations
@options.document
@options.numbering_name
@options.force
@options.verbose
def page(
    architecture: str,
    cost: str,
    activation: tuple[str, ...],
    output: Path | None,
    numbering: str,
    force: bool,
    verbose: bool,
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


@options.architecture_text
@options.cost_name
@options.own_activations
@click.option("--output", "-o", type=options.PATH, default=Path("lemma.ipynb"), help="The file to write.")
@options.numbering_name
@options.force
def notebook(
    architecture: str,
    cost: str,
    activation: tuple[str, ...],
    output: Path,
    numbering: str,
    force: bool,
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
