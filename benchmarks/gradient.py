"""The emitted gradient beside its own bare matrix products and plain NumPy, side by side in one run.

python benchmarks/gradient.py
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from derive import Architecture, generate, write

CASES = (
    ("2-2-3-2", 10, 3000),
    ("8-32-32-1", 256, 1500),
    ("64-128-128-10", 1024, 40),
    ("784-1000-1000-10", 256, 4),
)
REPEATS = 7


def alternating(functions: list[Callable[[], Any]], calls: int) -> list[float]:
    """Return the median milliseconds of each function, timed in turn so that they share the noise."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(REPEATS):
        for function, found in zip(functions, times, strict=True):
            start = perf_counter()
            for _ in range(calls):
                function()
            found.append((perf_counter() - start) / calls * 1e3)
    return [median(found) for found in times]


def bare_products(sizes: tuple[int, ...], n: int, rng: np.random.Generator) -> Callable[[], None]:
    """Return a function that does the matrix products of both passes and nothing else."""
    weights = [rng.random((m, k)) for k, m in pairwise(sizes)]
    values = [rng.random((n, size)) for size in sizes]
    gradients = [np.empty_like(weight) for weight in weights]

    def products() -> None:
        for number, weight in enumerate(weights):
            np.matmul(values[number], weight.T, out=values[number + 1])
        for number in reversed(range(len(weights))):
            np.matmul(values[number + 1].T, values[number], out=gradients[number])
            if number:
                np.matmul(values[number + 1], weights[number], out=values[number])

    return products


def plain_numpy(net: Any, p: Any, X: Any, Y: Any) -> Callable[[], Any]:
    """Return the gradient as one would write it by hand."""
    blocks = net.unpack(p)
    weights, biases = blocks[::2], blocks[1::2]

    def gradient() -> list[Any]:
        a = [X]
        for weight, bias in zip(weights, biases, strict=True):
            a.append(1 / (1 + np.exp(-(a[-1] @ weight.T + bias))))
        delta = (a[-1] - Y) * a[-1] * (1 - a[-1]) / len(X)
        found = []
        for number in reversed(range(len(weights))):
            found += [delta.sum(axis=0), delta.T @ a[number]]
            if number:
                delta = (delta @ weights[number]) * a[number] * (1 - a[number])
        return found

    return gradient


def main() -> None:
    """Print a line for each case."""
    heads = ("bare", "emitted", "plain")
    print(
        f"{'network':18s} {'batch':>5s}", *(f"{head:>9s}" for head in heads), " emitted/bare  plain/emitted"
    )
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        for text, n, calls in CASES:
            name = write(generate(Architecture.parse(text)), Path(folder)).name
            importlib.invalidate_caches()
            net = importlib.import_module(name)
            rng = np.random.default_rng(0)
            p = net.initial_parameters(rng)
            X, Y = rng.random((n, net.SIZES[0])), rng.random((n, net.SIZES[-1]))
            work, by_hand = net.GradientWorkspace(n), plain_numpy(net, p, X, Y)
            np.testing.assert_allclose(work.gradient(p, X, Y)[-net.SIZES[-1] :], by_hand()[0], rtol=1e-10)
            bare, emitted, plain = alternating(
                [bare_products(net.SIZES, n, rng), lambda w=work, a=(p, X, Y): w.gradient(*a), by_hand], calls
            )
            print(
                f"{text:18s} {n:5d} {bare:9.4f} {emitted:9.4f} {plain:9.4f}"
                f"  {emitted / bare:12.2f}  {plain / emitted:13.2f}"
            )


if __name__ == "__main__":
    main()
