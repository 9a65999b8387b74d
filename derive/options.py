"""What several commands share: their arguments and options, and how they hand over what they made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from derive.stages import Stages

if TYPE_CHECKING:
    from derive.architecture import Architecture
    from derive.proof import Proof

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
        "--cost",
        help="quadratic, huber, log-cosh, a cross-entropy or 'name: formula in a and y'; "
        "scaled, weighted or summed as in 'sum:2*quadratic(1,3)'.",
    ),
]
OwnActivations = Annotated[
    list[str] | None,
    typer.Option(
        "--activation", metavar="'NAME: EXPR'", help="An activation of your own, such as 'swoosh: z*tanh(z)'."
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say how long each stage took.")]


def architecture_of(text: str, cost: str, own: list[str] | None) -> Architecture:
    """Return the network that the arguments of a command describe."""
    from derive.architecture_file import read_architecture

    return read_architecture(text, cost, own or ())


def proved(
    text: str, cost: str, own: list[str] | None, stages: Stages | None = None, *, brute_force: bool = True
) -> Proof:
    """Return the proof for the network that the arguments of a command describe."""
    from derive.proof import prove

    return prove(architecture_of(text, cost, own), brute_force=brute_force, stages=stages)


def deliver(text: str, output: Path | None, force: bool) -> None:
    """Write a text to a file, or to standard output where none is named."""
    from derive.writing import write_text

    if output is None or str(output) == "-":
        typer.echo(text, nl=False)
        return
    write_text(output, text, force=force)
    typer.echo(f"wrote {output}", err=True)


def report(stages: Stages, verbose: bool) -> None:
    """Say how long each stage took, if that was asked for."""
    if verbose:
        from derive.show import show_stages

        show_stages(Console(stderr=True), stages)
