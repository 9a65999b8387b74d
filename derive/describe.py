"""What a network is made of: layers, shapes, parameters, and what its two passes cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from derive.architecture import Architecture
from derive.drawing import draw
from derive.errors import UserError
from derive.printers.tikz import network_tikz
from derive.templating import environment
from derive.version import MARKER
from derive.wiring import Link

MAX_DRAWN_ROWS = 7


@dataclass(frozen=True)
class LayerRow:
    """One layer: its neurons, its activation, the links into it, and how many parameters are its own.

    ``links`` are the shapes of weights, (n_l, n_m) for a link from layer m, each with what must be said of
    it; the weights of the layer before come first. ``bias`` is how many there are, or whose.
    """

    number: int
    neurons: int
    activation: str
    links: tuple[str, ...]
    bias: str
    parameters: int


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
    rows = [LayerRow(1, sizes[0], "", (), "", 0)]
    forward = backward = 0
    for number, (here, joint) in enumerate(zip(sizes[1:], architecture.joints, strict=True), start=2):
        own = sum(prod(item.shape) for item in architecture.parameters if item.layer == number)
        links = tuple(_link(sizes, number, link) for link in joint.links)
        bias = str(here) if joint.bias == number else "none" if joint.bias is None else f"of {joint.bias}"
        rows.append(LayerRow(number, here, architecture.activation(number), links, bias, own))
        for link in joint.links:
            product = here * sizes[link.source - 1] * (link.weights is not None)
            forward += product
            backward += product * (1 if link.source == 1 else 2)
    return Description(tuple(rows), architecture.n_parameters, forward, backward)


def _link(sizes: tuple[int, ...], layer: int, link: Link) -> str:
    """Say what comes through a link: the shape of its weights, and where they are from."""
    where = "" if link.source == layer - 1 else f" from layer {link.source}"
    if link.weights is None:
        return f"layer {link.source}"
    if link.weights.layer != layer:
        turned = ", transposed" if link.transposed else ""
        return f"that of layer {link.weights.layer}{turned}{where}"
    return f"{sizes[layer - 1]} x {sizes[link.source - 1]}{where}"


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
    for layer, joint in enumerate(architecture.joints, start=2):
        for link in joint.links[1:]:
            how = "as it is" if link.weights is None else "through weights"
            yield f"layer {layer} adds layer {link.source}, {how}"


def picture(architecture: Architecture, ending: str) -> str:
    """Return the network drawn as a file: ``.svg``, or ``.tex`` for a TikZ picture.

    Raises:
        UserError: for any other ending.
    """
    if ending == ".tex":
        return f"% {MARKER}: derive describe {architecture}, for tikz\n{network_tikz(architecture)}\n"
    if ending != ".svg":
        raise UserError(f"expected a name ending in .svg or .tex, got {ending or 'none'!r}")
    templates = environment("page", escape=True)
    title = f"The network {architecture.label}"
    drawing = draw(architecture, title)
    return templates.get_template("drawing.svg.j2").render(drawing=drawing, marker=MARKER)
