"""Pictures of a trained network: its decision boundary, its cost, itself. Needs the extra ``plots``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from derive.architecture import Architecture

Array = NDArray[np.float64]
RED, BLUE, GREY = "#c0392b", "#1f5fa8", "#444444"


def draw_boundary(outputs: Mapping[str, Callable[[Array], Array]], X: Array, Y: Array, path: Path) -> None:
    """Draw the points of two classes and the curve F_1 = F_2, one panel for each network.

    ``outputs`` maps a title to a function from points (M, 2) to outputs (M, 2).
    """
    side = np.linspace(0.0, 1.0, 401)
    first, second = np.meshgrid(side, side)
    points = np.stack([first.ravel(), second.ravel()], axis=1)
    figure = Figure(figsize=(4.6 * len(outputs), 4.6), layout="constrained")
    for number, (title, output) in enumerate(outputs.items(), start=1):
        axes = figure.add_subplot(1, len(outputs), number, aspect="equal")
        F = output(points)
        lead = (F[:, 0] - F[:, 1]).reshape(first.shape)
        axes.contourf(first, second, lead, levels=[-2, 0, 2], colors=["#e3edf8", "#fbe7e4"])
        axes.contour(first, second, lead, levels=[0], colors=[GREY], linewidths=1.5)
        is_first = Y[:, 0] > Y[:, 1]
        axes.plot(*X[is_first].T, "o", mfc="none", mec=RED, mew=2, ms=11, ls="none", label="class O")
        axes.plot(*X[~is_first].T, "x", color=BLUE, mew=2.5, ms=10, ls="none", label="class X")
        axes.set(title=title, xlabel="$x_1$", ylabel="$x_2$", xlim=(0, 1), ylim=(0, 1))
        axes.legend(loc="upper left", framealpha=0.9)
    figure.savefig(path, dpi=150)


def draw_costs(histories: Mapping[str, Sequence[tuple[int, float]]], path: Path) -> None:
    """Draw cost against steps, both axes logarithmic; step 0 is shown at 1/2."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for colour, (title, history) in zip((BLUE, RED, GREY), histories.items(), strict=False):
        steps = [max(step, 0.5) for step, _ in history]
        axes.loglog(steps, [cost for _, cost in history], "-", color=colour, lw=1.8, label=title)
    axes.set(xlabel="steps", ylabel="sum of squares, $2N$ Cost", title="Cost against steps")
    axes.grid(True, which="major", alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=150)


def draw_network(architecture: Architecture, weights: Sequence[Array], path: Path) -> None:
    """Draw neurons and connections; width shows the size of a weight, colour its sign.

    ``weights`` are W2, W3, ..., each (n_l, n_(l-1)).
    """
    figure = Figure(figsize=(1.6 + 1.7 * architecture.depth, 4.2), layout="constrained")
    axes = figure.add_subplot(aspect="equal")
    tallest = max(architecture.sizes)
    places = [
        [(1.7 * layer, (tallest + size) / 2 - 1 - row) for row in range(size)]
        for layer, size in enumerate(architecture.sizes)
    ]
    for layer, block in enumerate(weights, start=1):
        largest = float(np.abs(block).max()) or 1.0
        for (j, k), value in np.ndenumerate(block):
            ends = np.array([places[layer - 1][k], places[layer][j]]).T
            width = 0.4 + 3.6 * abs(float(value)) / largest
            axes.plot(*ends, "-", color=RED if value > 0 else BLUE, lw=width, alpha=0.75, zorder=1)
    _draw_neurons(axes, places)
    axes.set(xlim=(-0.5, 1.7 * (architecture.depth - 1) + 0.5), ylim=(-0.5, tallest + 0.1))
    axes.set_title(f"{architecture}: red weights excite, blue ones inhibit")
    axes.axis("off")
    figure.savefig(path, dpi=150)


def _draw_neurons(axes: Axes, places: Sequence[Sequence[tuple[float, float]]]) -> None:
    top = max(y for layer in places for _, y in layer) + 0.45
    for number, layer in enumerate(places, start=1):
        x = [place[0] for place in layer]
        y = [place[1] for place in layer]
        axes.plot(x, y, "o", ms=26, mfc="white", mec=GREY, mew=1.5, ls="none", zorder=2)
        for row, (across, up) in enumerate(layer, start=1):
            name = f"$x_{{{row}}}$" if number == 1 else f"$a^{{[{number}]}}_{{{row}}}$"
            axes.annotate(name, (across, up), ha="center", va="center", fontsize=9, zorder=3)
        kind = {1: "input", len(places): "output"}.get(number, "hidden")
        axes.annotate(f"layer {number}\n{kind}", (x[0], top), ha="center", va="bottom", fontsize=9)
