"""Exact Levenberg-Marquardt steps beside the bare matrix products that they need, in one run.

python benchmarks/lm_step.py [ROW ...]

Bare are the products alone, in float64 with the same NumPy: forward pass, deltas, the Gram matrix or the
normal matrix, the linear system by ``np.linalg.solve``, J^T v, and the forward pass at the new p that says
whether the step is taken. The emitted step does all of this. Its peak memory is what tracemalloc sees beyond
X, Y and p; ``gradients`` is its time in those of the emitted gradient. Rejections are five more trials at the
same p, each with its forward pass, beside one accepted step.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from derive import Architecture, generate, write

ROWS = (
    ("8-32:tanh-32:tanh-1:linear", 2_000),
    ("4-16:tanh-16:tanh-1:linear", 100_000),
    ("784-300:tanh-100:tanh-10:linear", 100),
    ("784-1000:tanh-200:tanh-1:linear", 1_000),
    ("64-960:tanh-960:tanh-1:linear", 512),
)
REPEATS = 9
CHUNK = 1000  # rows of the bare normal matrix that are multiplied at a time


def alternating(functions: list[Callable[[], Any]]) -> list[float]:
    """Return the median milliseconds of each function, timed in turn so that they share the noise."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(REPEATS):
        for function, found in zip(functions, times, strict=True):
            start = perf_counter()
            function()
            found.append((perf_counter() - start) * 1e3)
    return [median(found[1:]) for found in times]


def bare_gram(sizes: tuple[int, ...], n: int, rng: np.random.Generator) -> Callable[[], None]:
    """Return a function that does the products of a dual step and nothing else."""
    outputs, order = sizes[-1], n * sizes[-1]
    weights = [rng.standard_normal((m, k)) for k, m in pairwise(sizes)]
    values = [rng.standard_normal((n, size)) for size in sizes]
    deltas = [rng.standard_normal((order, size)) for size in sizes[1:-1]]
    backward = [rng.standard_normal((n, size)) for size in sizes[1:]]
    step = [np.empty_like(weight) for weight in weights]
    samples, gram = np.empty((n, n)), np.empty((order, order))
    matrix, right = np.eye(order) + 0.01, rng.standard_normal(order)

    def products() -> None:
        forward()
        for number in reversed(range(len(deltas))):
            if number + 1 < len(deltas):
                np.matmul(deltas[number + 1], weights[number + 1], out=deltas[number])
            np.matmul(deltas[number], deltas[number].T, out=gram)
        for value in values[:-1]:
            np.matmul(value, value.T, out=samples)
        np.linalg.solve(matrix, right)
        for number in reversed(range(len(weights))):
            np.matmul(backward[number].T, values[number], out=step[number])
            if number:
                np.matmul(backward[number], weights[number], out=backward[number - 1])
        forward()

    def forward() -> None:
        for number, weight in enumerate(weights):
            np.matmul(values[number], weight.T, out=values[number + 1])

    assert outputs
    return products


def bare_normal(sizes: tuple[int, ...], n: int, rng: np.random.Generator) -> Callable[[], None]:
    """Return a function that multiplies J^T J by chunks, solves, and does the forward passes."""
    s = sum(m * (k + 1) for k, m in pairwise(sizes))
    weights = [rng.standard_normal((m, k)) for k, m in pairwise(sizes)]
    values = [rng.standard_normal((n, size)) for size in sizes]
    rows, normal = rng.standard_normal((CHUNK, s)), np.empty((s, s))
    matrix, right = np.eye(s) + 0.001, rng.standard_normal(s)

    def products() -> None:
        for _ in range(2):
            for number, weight in enumerate(weights):
                np.matmul(values[number], weight.T, out=values[number + 1])
        for _ in range(n * sizes[-1] // CHUNK):
            np.matmul(rows.T, rows, out=normal)
        np.linalg.solve(matrix, right)

    return products


def peak(function: Callable[[], Any]) -> float:
    """Return the megabytes that a call holds at most, its workspaces among them."""
    tracemalloc.start()
    function()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 1e6


def measured(net: Any, n: int) -> tuple[list[float], float]:
    """Return milliseconds (bare, step, five rejections, gradient) and the peak in megabytes."""
    rng = np.random.default_rng(0)
    p = net.initial_parameters(rng)
    X, Y = rng.standard_normal((n, net.SIZES[0])), rng.random((n, net.SIZES[-1]))
    primal = n * net.SIZES[-1] >= net.N_PARAMETERS
    bare = (bare_normal if primal else bare_gram)(net.SIZES, n, rng)
    step, forward, slope = net.damped_step(n), net.ForwardWorkspace(n), net.GradientWorkspace(n)
    moved = np.empty_like(p)

    def trial(mu: float) -> None:
        np.add(p, step.trial(mu), out=moved)
        forward.cost(moved, X, Y)

    def accepted() -> None:
        step.at(p, X, Y)
        trial(0.1)

    def rejected() -> None:
        for k in range(5):
            trial(10.0**k)

    def alone() -> None:
        work = net.damped_step(n)
        work.at(p, X, Y)
        work.trial(0.1)

    most = peak(alone)
    return alternating([bare, accepted, rejected, lambda: slope.gradient(p, X, Y)]), most


def main(chosen: list[str]) -> None:
    """Print a line for each row, or for those whose numbers are given."""
    print(
        f"{'network':34s} {'samples':>7s} {'form':>6s} {'bare':>8s} {'step':>8s} {'step/bare':>9s} ", end=""
    )
    print(f"{'gradients':>9s} {'5 rejections/step':>17s} {'peak MB':>8s}")
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        for number, (text, n) in enumerate(ROWS):
            if chosen and str(number) not in chosen:
                continue
            name = write(generate(Architecture.parse(text)), Path(folder)).name
            importlib.invalidate_caches()
            net = importlib.import_module(name)
            (bare, step, rejected, gradient), most = measured(net, n)
            form = "primal" if n * net.SIZES[-1] >= net.N_PARAMETERS else "dual"
            print(f"{text:34s} {n:7d} {form:>6s} {bare:8.1f} {step:8.1f} {step / bare:9.2f} ", end="")
            print(f"{step / gradient:9.2f} {rejected / step:17.2f} {most:8.1f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
