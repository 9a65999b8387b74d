"""Exact Levenberg-Marquardt steps beside the bare matrix products that they need, in one run.

python benchmarks/lm_step.py [--cpu] [ROW ...]

Bare are the products alone, in float64 with the same NumPy: forward pass, deltas, the Gram matrix or the
normal matrix, the linear system by ``np.linalg.solve``, J^T v, and the forward pass at the new p that says
whether the step is taken. The emitted step does all of this. Its peak memory is that of a process of its
own, Python, NumPy and data included, of which ``idle`` were there before; ``gradients`` is its time in those
of the emitted gradient. Rejections are five more trials at the same p, each with its forward pass, beside one
accepted step. On a machine that others use, ``--cpu`` counts processor time, best with
OPENBLAS_NUM_THREADS=1.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
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


def alternating(functions: list[Callable[[], Any]], clock: Callable[[], float]) -> list[float]:
    """Return the median milliseconds of each function, timed in turn so that they share the noise."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(REPEATS):
        for function, found in zip(functions, times, strict=True):
            start = clock()
            function()
            found.append((clock() - start) * 1e3)
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


ALONE = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
net, n = __import__(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(0)
p = net.initial_parameters(rng)
X, Y = rng.standard_normal((n, net.SIZES[0])), rng.random((n, net.SIZES[-1]))
def held():
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6
idle = held()
step = net.damped_step(n)
step.at(p, X, Y)
step.trial(0.1)
print(idle, held())
"""


def peak(folder: str, name: str, n: int) -> tuple[float, float]:
    """Return the megabytes of a process before it takes a step, and at most; Linux counts them."""
    if not Path("/proc/self/status").exists():
        return float("nan"), float("nan")
    command = [sys.executable, "-c", ALONE, folder, name, str(n)]
    idle, most = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(idle), float(most)


def measured(net: Any, n: int, clock: Callable[[], float]) -> list[float]:
    """Return milliseconds: bare, a step, five rejections, a gradient."""
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

    return alternating([bare, accepted, rejected, lambda: slope.gradient(p, X, Y)], clock)


def main(chosen: list[str]) -> None:
    """Print a line for each row, or for those whose numbers are given."""
    clock = process_time if "--cpu" in chosen else perf_counter
    rows = [word for word in chosen if word != "--cpu"]
    print(
        f"{'network':34s} {'samples':>7s} {'form':>6s} {'bare':>8s} {'step':>8s} {'step/bare':>9s} ", end=""
    )
    print(f"{'gradients':>9s} {'5 rejections/step':>17s} {'peak MB':>8s} {'idle':>6s}")
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        for number, (text, n) in enumerate(ROWS):
            if rows and str(number) not in rows:
                continue
            name = write(generate(Architecture.parse(text)), Path(folder)).name
            importlib.invalidate_caches()
            net = importlib.import_module(name)
            bare, step, rejected, gradient = measured(net, n, clock)
            idle, most = peak(folder, name, n)
            form = "primal" if n * net.SIZES[-1] >= net.N_PARAMETERS else "dual"
            print(f"{text:34s} {n:7d} {form:>6s} {bare:8.1f} {step:8.1f} {step / bare:9.2f} ", end="")
            print(f"{step / gradient:9.2f} {rejected / step:17.2f} {most:8.1f} {idle:6.1f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
