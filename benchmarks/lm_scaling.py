"""Training with one number for each layer in the damping, beside the identity and Marquardt's diagonal.

python benchmarks/lm_scaling.py

sin(2 pi x) at 41 points by 1-20-1, and 60 points of sin of a sum by 8-16-16-16-1, with inputs and targets in
other units: of all seeds, how many met the goal within 200 steps, and their mean steps (evaluations). Figures
do not depend on the machine, but for rounding.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from derive import generate, write

FORMS = {"identity": "dual", "layer": "dual", "marquardt": "primal"}
WAVE, DEEP = "1-20:tanh-1:linear", "8-16:tanh-16:tanh-16:tanh-1:linear"


def package(text: str) -> Any:
    """Return the generated package for an architecture."""
    with tempfile.TemporaryDirectory() as folder:
        place = write(generate(text), Path(folder))
        sys.path.insert(0, folder)
        try:
            return importlib.import_module(place.name)
        finally:
            sys.path.remove(folder)


def start(net: Any, seed: int, method: str, inputs: float = 1.0, targets: float = 1.0) -> np.ndarray:
    """Return a start, for inputs and targets in other units."""
    p = net.initial_parameters(seed, method)
    first, *_, last, bias = net.unpack(p)
    first /= inputs
    last *= targets
    bias *= targets
    return np.asarray(p)


def row(label: str, net: Any, X: np.ndarray, Y: np.ndarray, starts: list[np.ndarray], goal: float) -> None:
    """Print what each scaling reaches."""
    cells = []
    for scaling, form in FORMS.items():
        runs = [net.levenberg_marquardt(p, X, Y, goal=goal, scaling=scaling, form=form) for p in starts]
        met = [run for run in runs if run.reason.name == "GOAL"]
        steps, evaluations = ([getattr(run, name) for run in met] for name in ("steps", "evaluations"))
        mean = f", {np.mean(steps):.0f} ({np.mean(evaluations):.0f})" if met else ""
        cells.append(f"{len(met)}/{len(runs)}{mean}")
    print(f"| {label} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the table."""
    print(f"| problem | {' | '.join(f'{scaling}, {form}' for scaling, form in FORMS.items())} |")
    print("| --- | --- | --- | --- |")
    net, x = package(WAVE), np.linspace(-1, 1, 41)[:, None]
    y = np.sin(2 * np.pi * x)
    for label, a, b in (
        ("1-20-1", 1.0, 1.0),
        ("targets x 1,000", 1.0, 1e3),
        ("targets / 1,000", 1.0, 1e-3),
        ("inputs x 1,000", 1e3, 1.0),
    ):
        starts = [start(net, seed, "nguyen-widrow", a, b) for seed in range(10)]
        row(label, net, a * x, b * y, starts, 1e-8 * b**2)
    starts = [start(net, seed, "normal") for seed in range(10)]
    row("targets x 1,000, default start", net, x, 1e3 * y, starts, 1e-2)
    net, rng = package(DEEP), np.random.default_rng(0)
    X = rng.standard_normal((60, 8))
    Y = np.sin(X.sum(1, keepdims=True))
    starts = [start(net, seed, "glorot") for seed in range(6)]
    for label, a in (("8-16-16-16-1", 1.0), ("inputs x 1,000", 1e3), ("inputs / 1,000", 1e-3)):
        row(label, net, a * X, Y, starts, 1e-8)


if __name__ == "__main__":
    main()
