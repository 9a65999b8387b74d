"""The arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

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
