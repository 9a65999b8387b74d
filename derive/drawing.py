"""Where the neurons of a network lie in a drawing, and the lines between them; what draws is a template.

Large layers are abbreviated to their first and last neurons, deep networks to their first and last layers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from derive.architecture import Architecture
from derive.wiring import Link

MAX_NEURONS = 7
MAX_LAYERS = 9
RADIUS = 21
_ACROSS, _DOWN, _MARGIN, _FOOT = 88, 52, 32, 26
_SCALE = 1.35
_RISE = 20  # how much higher an arc goes for each layer that it leads on


@dataclass(frozen=True)
class Neuron:
    """One circle; ``value`` stands in it."""

    x: int
    y: int
    value: str


@dataclass(frozen=True)
class Layer:
    """A column of the drawing; ``dots`` are the heights of the dots that stand for neurons left out."""

    number: int
    x: int
    width: int
    role: str
    neurons: tuple[Neuron, ...]
    dots: tuple[int, ...]
    lit: bool


@dataclass(frozen=True)
class Wires:
    """All connections from one column to the next, as one path; dashed where layers are left out."""

    path: str
    left_out: bool
    lit: bool


@dataclass(frozen=True)
class Skip:
    """An arc over the layers that a link skips, with a letter at its top: + for what is added as it is."""

    path: str
    x: int
    y: int
    label: str


@dataclass(frozen=True)
class Drawing:
    """Everything that a template needs to draw a network; ``natural`` is how wide it would like to be."""

    natural: int
    width: int
    height: int
    foot: int
    radius: int
    layers: tuple[Layer, ...]
    wires: tuple[Wires, ...]
    skips: tuple[Skip, ...]
    backward: bool
    title: str


def draw(
    architecture: Architecture,
    title: str,
    *,
    lit_layers: Collection[int] = (),
    lit_wires: int = 0,
    values: Mapping[int, tuple[str, ...]] | None = None,
    backward: bool = False,
) -> Drawing:
    """Lay out a network.

    ``lit_layers`` and the wires into layer ``lit_wires`` are emphasised; ``values[l]`` are written into the
    neurons of layer l.
    """
    sizes = architecture.sizes
    numbers = _shown(len(sizes), MAX_LAYERS)
    tallest = max(min(size, MAX_NEURONS) for size in sizes)
    rise = _RISE * max((layer - link.source for layer, link in _skipping(architecture)), default=0)
    middle = rise + _MARGIN + (tallest - 1) * _DOWN // 2
    layers = []
    for place, number in enumerate(numbers):
        x = _MARGIN + place * _ACROSS
        given = (values or {}).get(number, ())
        layers.append(_layer(number, x, middle, sizes, given, number in lit_layers))
    wires = tuple(
        Wires(
            " ".join(
                f"M{p.x + RADIUS} {p.y}L{q.x - RADIUS} {q.y}" for p in left.neurons for q in right.neurons
            ),
            right.number - left.number > 1,
            right.number == lit_wires,
        )
        for left, right in pairwise(layers)
    )
    foot = rise + _MARGIN + (tallest - 1) * _DOWN + RADIUS + 18
    width = 2 * _MARGIN + (len(layers) - 1) * _ACROSS
    return Drawing(
        round(_SCALE * width),
        width,
        foot + _FOOT,
        foot,
        RADIUS,
        tuple(layers),
        wires,
        tuple(_skips(architecture, layers, rise)),
        backward,
        title,
    )


def _skipping(architecture: Architecture) -> Iterator[tuple[int, Link]]:
    """Yield each link beside that from the layer before through weights, with the layer that it leads to."""
    for layer, joint in enumerate(architecture.joints, start=2):
        for link in joint.links[1:]:
            yield layer, link


def _skips(architecture: Architecture, layers: Sequence[Layer], rise: int) -> Iterator[Skip]:
    shown = {layer.number: layer for layer in layers}
    for number, link in _skipping(architecture):
        if number in shown and link.source in shown:
            left, right = shown[link.source], shown[number]
            start, end = left.neurons[0].y - RADIUS, right.neurons[0].y - RADIUS
            top = rise + _MARGIN - RADIUS - _RISE * (number - link.source)
            middle = (left.x + right.x) // 2
            path = f"M{left.x} {start}C{left.x} {top} {right.x} {top} {right.x} {end}"
            height = (start + 6 * top + end) // 8  # of a cubic at its middle
            yield Skip(path, middle, height - 4, "+" if link.weights is None else "+W")


def _layer(
    number: int, x: int, middle: int, sizes: tuple[int, ...], values: tuple[str, ...], lit: bool
) -> Layer:
    size = sizes[number - 1]
    shown = _shown(size, MAX_NEURONS)
    rows = len(shown) + (len(shown) < size)
    neurons, dots = [], []
    row = 0
    for before, j in zip((0, *shown), shown, strict=False):
        if j - before > 1:
            height = middle + (2 * row - rows + 1) * _DOWN // 2
            dots += [height - 8, height, height + 8]
            row += 1
        height = middle + (2 * row - rows + 1) * _DOWN // 2
        neurons.append(Neuron(x, height, values[j - 1] if values else ""))
        row += 1
    role = {1: "input", len(sizes): "output"}.get(number, "")
    return Layer(number, x, size, role, tuple(neurons), tuple(dots), lit)


def _shown(count: int, most: int) -> list[int]:
    """Return 1..count, or the first few and the last where that is more than there is room for."""
    if count <= most:
        return list(range(1, count + 1))
    return [*range(1, most - 1), count]
