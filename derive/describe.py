"""What a network is made of: layers, shapes, parameters, and what its two passes cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from derive.architecture import Architecture
from derive.drawing import draw
from derive.errors import UserError
from derive.printers.tikz import network_tikz
from derive.templates_path import templates_directory
from derive.version import MARKER

MAX_DRAWN_ROWS = 7


@dataclass(frozen=True)
class LayerRow:
    """One layer: its neurons, its activation, and the shapes of W (n_l, n_(l-1)) and b (n_l,)."""

    number: int
    neurons: int
    activation: str
    weights: tuple[int, int] | None
    bias: bool

    @property
    def parameters(self) -> int:
        """The number of weights and biases."""
        weights = self.weights[0] * self.weights[1] if self.weights else 0
        return weights + self.neurons * self.bias


@dataclass(frozen=True)
class Description:
    """The layers of a network and the multiplications in its matrix products, for one sample.

    ``forward`` counts those of z = W a, ``backward`` those of the weight gradients and of the deltas that
    go back through W; elementwise work is of lower order.
    """

    layers: tuple[LayerRow, ...]
    parameters: int
    forward: int
    backward: int


def describe(architecture: Architecture) -> Description:
    """Return what an architecture is made of."""
    sizes = architecture.sizes
    rows = [LayerRow(1, sizes[0], "", None, False)]
    for number, (below, here) in enumerate(pairwise(sizes), start=2):
        name = architecture.activation(number)
        rows.append(LayerRow(number, here, name, (here, below), architecture.has_bias(number)))
    products = [below * here for below, here in pairwise(sizes)]
    return Description(
        tuple(rows), architecture.n_parameters, sum(products), sum(products) + sum(products[1:])
    )


def text_drawing(architecture: Architecture) -> Iterator[str]:
    """Yield the lines of a drawing for a terminal: a column of circles for each layer, tall ones cut."""
    sizes = architecture.sizes
    height = min(max(sizes), MAX_DRAWN_ROWS)
    for row in range(height):
        cells = []
        for size in sizes:
            shown = min(size, MAX_DRAWN_ROWS)
            at = row - (height - shown) // 2
            cut = size > MAX_DRAWN_ROWS and at == shown - 2
            cells.append((":" if cut else "o") if 0 <= at < shown else " ")
        yield "   ".join(f"{cell:^5s}" for cell in cells).rstrip()
    yield "   ".join(f"{size:^5d}" for size in sizes).rstrip()


def picture(architecture: Architecture, ending: str) -> str:
    """Return the network drawn as a file: ``.svg``, or ``.tex`` for a TikZ picture.

    Raises:
        UserError: for any other ending.
    """
    if ending == ".tex":
        return f"% {MARKER}: derive describe {architecture}, for tikz\n{network_tikz(architecture)}\n"
    if ending != ".svg":
        raise UserError(f"expected a name ending in .svg or .tex, got {ending or 'none'!r}")
    environment = Environment(
        loader=FileSystemLoader(templates_directory() / "page"),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    title = f"The network {architecture.label}"
    drawing = draw(architecture, title)
    return environment.get_template("drawing.svg.j2").render(drawing=drawing, marker=MARKER)
