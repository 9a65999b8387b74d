"""The arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from derive.command_line import Argument

_Command = TypeVar("_Command", bound=Callable[..., object])

PATH = click.Path(path_type=Path)


def architecture_text(command: _Command) -> _Command:
    """Give a command the argument that says which network it is about."""
    # A function, since click 8.1.0 forgets the class of a decorator once it was used.
    return click.argument(
        "architecture",
        cls=Argument,
        metavar="ARCHITECTURE",
        help="Layers, input first: 2-2-3-2, 8-32:tanh-1:linear, or a .toml or .json file.",
    )(command)


numbering_name = click.option(
    "--numbering", default="own", help="Equation numbers: own, or the article's: arxiv or siam."
)
cost_name = click.option(
    "--cost",
    default="quadratic",
    show_default=False,
    help="quadratic (the default), huber, log-cosh, a cross-entropy or 'name: formula in a and y'; "
    "scaled, weighted or summed as in 'sum:2*quadratic(1,3)'.",
)
own_activations = click.option(
    "--activation",
    multiple=True,
    metavar="'NAME: EXPR'",
    help="One of your own, such as 'swoosh: z*tanh(z)'.",
)
document = click.option("--output", "-o", type=PATH, help="The file to write; standard output without it.")
steps_too = click.option("--steps", is_flag=True, help="Show every step with its rule.")
force = click.option("--force", is_flag=True, help="Overwrite any file.")
verbose = click.option("--verbose", "-v", is_flag=True, help="Say how long each stage took.")
