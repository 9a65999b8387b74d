"""Where the neurons of a network lie in a drawing, and the lines between them; what draws is a template.

Large layers are abbreviated to their first and last neurons, deep networks to their first and last layers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise

from derive.architecture import Architecture

MAX_NEURONS = 7
MAX_LAYERS = 9
RADIUS = 21
_ACROSS, _DOWN, _MARGIN, _FOOT = 88, 52, 32, 26
_SCALE = 1.35


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
class Drawing:
    """Everything that a template needs to draw a network; ``natural`` is how wide it would like to be."""

    natural: int
    width: int
    height: int
    foot: int
    radius: int
    layers: tuple[Layer, ...]
    wires: tuple[Wires, ...]
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
    middle = _MARGIN + (tallest - 1) * _DOWN // 2
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
    foot = _MARGIN + (tallest - 1) * _DOWN + RADIUS + 18
    width = 2 * _MARGIN + (len(layers) - 1) * _ACROSS
    return Drawing(
        round(_SCALE * width), width, foot + _FOOT, foot, RADIUS, tuple(layers), wires, backward, title
    )


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
