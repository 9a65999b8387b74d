"""The network as a TikZ picture; tall layers are abbreviated."""

from __future__ import annotations

from typing import TypeVar

from derive.architecture import Architecture

T = TypeVar("T")
MAX_NEURONS = 6
MAX_LAYERS = 8


def network_tikz(architecture: Architecture) -> str:
    """Return a ``tikzpicture`` of neurons and connections, layer numbers and sizes below."""
    layers = _shown(list(enumerate(architecture.sizes, start=1)), MAX_LAYERS)
    lines = [r"\begin{tikzpicture}[x=1.9cm, y=0.8cm, neuron/.style={circle, draw, inner sep=0pt,"]
    lines.append(r"  minimum size=5mm, fill=white}, every node/.style={font=\scriptsize}]")
    previous: list[str] = []
    tops: dict[int, str] = {}
    for column, layer in enumerate(layers):
        if layer is None:
            lines.append(rf"\node at ({column}, 0) {{$\cdots$}};")
            previous = []
            continue
        number, size = layer
        rows = _shown(list(range(1, size + 1)), MAX_NEURONS)
        names = []
        for row, neuron in enumerate(rows):
            up = f"{(len(rows) - 1) / 2 - row:g}"
            if neuron is None:
                lines.append(rf"\node at ({column}, {up}) {{$\vdots$}};")
                continue
            name = f"n{number}x{neuron}"
            lines.append(rf"\node[neuron] ({name}) at ({column}, {up}) {{{neuron}}};")
            names.append(name)
        lines += [rf"\draw ({left}) -- ({right});" for left in previous for right in names]
        low = f"{-(len(rows) - 1) / 2 - 0.9:g}"
        lines.append(rf"\node at ({column}, {low}) {{layer {number}: ${size}$}};")
        previous = names
        tops[number] = names[0]
    for number, joint in enumerate(architecture.joints, start=2):
        for link in joint.links[1:]:
            if number in tops and link.source in tops:
                sign = "$+$" if link.weights is None else "$+W$"
                start, end = tops[link.source], tops[number]
                curve = f"to[out=80, in=100] node[above] {{{sign}}}"
                lines.append(rf"\draw ({start}.north) {curve} ({end}.north);")
    return "\n".join([*lines, r"\end{tikzpicture}"])


def _shown(items: list[T], most: int) -> list[T | None]:
    """Return the items, or the first and last of them around None."""
    return [*items] if len(items) <= most else [*items[: most - 2], None, items[-1]]
