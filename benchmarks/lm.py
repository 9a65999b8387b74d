"""One exact Levenberg-Marquardt step, beside the bare matrix products that it needs and other libraries.

Every step goes from the same p and samples to the h that minimises ||r - J h||^2 + mu ||h||^2, in float64,
and takes the cost at p + h, as a run does to say whether the step is taken. A peer's p + h must first agree
with the emitted one. SciPy's ``lm`` chooses mu by itself: its h must be such a step for some mu, and it is
timed up to the first that it accepts. A "loop" or a "run" takes many steps in a call.

Bare are the products alone, with the same NumPy: forward pass, deltas, the Gram matrix or the normal matrix,
the linear system by ``np.linalg.solve``, J^T v, and the forward pass at the new p. Rejections are five more
trials at the same p, each with its forward pass, after a step; a gradient is the emitted one. "Peak" is the
most that a process held up to the end of its first step, "idle" what was there before.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from contest import Contender, Peer, Suite
from lm_peers import (
    LOOP,
    MU,
    Step,
    small,
    with_jax,
    with_jax_loop,
    with_lsmr,
    with_nlls_gram,
    with_optimistix,
    with_optimistix_loop,
    with_scipy_lm,
    with_scipy_run,
    with_torch,
    with_torch_lm,
)
from networks import Row, Task

CHUNK = 1000  # rows of the bare normal matrix that are multiplied at a time
DIRECT, ITERATIVE = 1e-6, 1e-3  # how well steps agree
LARGEST = 5e8  # bytes of a Jacobian that plain NumPy may hold

# -- NumPy and C -------------------------------------------------------------------------------------------


def emitted(task: Task) -> Contender:
    import numpy as np

    net, p, X, Y, _ = task
    step, forward, moved = net.damped_step(len(X)), net.ForwardWorkspace(len(X)), np.empty_like(p)

    def take() -> Any:
        step.at(p, X, Y)
        np.add(p, step.trial(MU), out=moved)
        forward.cost(moved, X, Y)
        return moved

    return Contender(take, value=take)


def rejections(task: Task) -> Contender:
    import numpy as np

    net, p, X, Y, _ = task
    step, forward, moved = net.damped_step(len(X)), net.ForwardWorkspace(len(X)), np.empty_like(p)

    def take() -> None:
        step.at(p, X, Y)
        for mu in (MU, 10 * MU, 100 * MU, 1e3 * MU, 1e4 * MU, 1e5 * MU):
            np.add(p, step.trial(mu), out=moved)
            forward.cost(moved, X, Y)

    return Contender(take)


def gradient(task: Task) -> Contender:
    slope = task.net.GradientWorkspace(len(task.X))
    return Contender(lambda: slope.gradient(task.p, task.X, task.Y))


def bare(task: Task) -> Contender:
    return Contender((bare_normal if task.primal else bare_gram)(task.net.SIZES, len(task.X)))


def bare_gram(sizes: tuple[int, ...], n: int) -> Step:
    """Return a function that does the products of a dual step and nothing else."""
    import numpy as np

    rng = np.random.default_rng(0)
    order = n * sizes[-1]
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

    return products


def bare_normal(sizes: tuple[int, ...], n: int) -> Step:
    """Return a function that multiplies J^T J by chunks, solves, and does the forward passes."""
    import numpy as np

    rng = np.random.default_rng(0)
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


def plain(task: Task) -> Contender:
    """As one would write it by hand: rows of J backwards, output by output, then the smaller system."""
    import numpy as np

    functions = {
        "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
        "tanh": (np.tanh, lambda a: 1 - a**2),
        "linear": (lambda z: z, np.ones_like),
    }
    if task.Y.size * task.p.size * 8 > LARGEST:
        raise NotImplementedError(f"its Jacobian would take more than {LARGEST / 1e6:.0f} MB")
    layers, kinds, X, Y = task.layers, [functions[name] for name in task.activations], task.X, task.Y
    n, outputs = Y.shape

    def passed(p: Any) -> list[Any]:
        a, begin = [X], 0
        for (W, b), (activate, _) in zip(layers, kinds, strict=True):
            middle, end = begin + W.size, begin + W.size + b.size
            a.append(activate(a[-1] @ p[begin:middle].reshape(W.shape).T + p[middle:end]))
            begin = end
        return a

    def step() -> Any:
        a = passed(task.p)
        rows = np.empty((n, outputs, task.p.size))
        for c in range(outputs):
            delta = np.zeros((n, outputs))
            delta[:, c] = kinds[-1][1](a[-1])[:, c]
            end = task.p.size
            for number in reversed(range(len(layers))):
                W, b = layers[number]
                middle, begin = end - b.size, end - b.size - W.size
                rows[:, c, middle:end] = delta
                rows[:, c, begin:middle] = (delta[:, :, None] * a[number][:, None, :]).reshape(n, -1)
                end = begin
                if number:
                    delta = (delta @ W) * kinds[number - 1][1](a[number])
        J, r = rows.reshape(n * outputs, -1), (Y - a[-1]).ravel()
        if task.primal:
            h = np.linalg.solve(J.T @ J + MU * np.eye(task.p.size), J.T @ r)
        else:
            h = J.T @ np.linalg.solve(J @ J.T + MU * np.eye(r.size), r)
        moved = task.p + h
        np.sum((Y - passed(moved)[-1]) ** 2)
        return moved

    return Contender(step, value=step)


REPEAT = r"""
#include "NAME.h"
int repeat(const double *p, const double *X, const double *Y, size_t n, double mu, size_t times,
           double *moved)
{
    static NAME_lm_workspace work;
    volatile double cost = 0;
    for (size_t k = 0; k < times; k++) {
        if (!NAME_lm_step(&work, p, X, Y, n, mu)) return 1;
        cost = NAME_cost(&work.pass, work.moved, X, Y, n);
    }
    for (size_t k = 0; k < COUNT; k++) moved[k] = work.moved[k];
    return cost != cost;
}
"""


def emitted_c(task: Task) -> Contender:
    """The C target, steps in a loop in C, all from the same p."""
    import numpy as np

    small(task)
    net, (_, p, X, Y, _) = task.other("c"), task
    if not hasattr(net, "lm_step"):
        raise NotImplementedError("no step in C for this network")
    folder, name = Path(net.__file__).parent, task.net.__name__
    source = REPEAT.replace("NAME", name).replace("COUNT", str(p.size))
    Path("repeat.c").write_text(source, encoding="utf-8")
    files = [f"-I{folder}", str(folder / f"{name}.c"), "repeat.c", "-lm", "-o", "./repeat.so"]
    subprocess.run([shutil.which("cc") or "cc", *net.FLAGS, *files], check=True)
    library, moved = ctypes.CDLL("./repeat.so"), np.empty_like(p)
    given = [ctypes.c_void_p(array.ctypes.data) for array in (p, X, Y)]
    pointer = ctypes.c_void_p(moved.ctypes.data)

    def steps(times: int) -> Any:
        size = ctypes.c_size_t(len(X)), ctypes.c_double(MU), ctypes.c_size_t(times)
        if library.repeat(*given, *size, pointer):
            raise ArithmeticError("the system has no solution")
        return moved

    return Contender(lambda: steps(LOOP), LOOP, lambda: steps(1))


def in_turns(make: Callable[[Task], Step]) -> Callable[[Task], Contender]:
    """Return what makes a contender of a function that returns a step."""

    def made(task: Task) -> Contender:
        step = make(task)
        return Contender(step, value=step)

    return made


def apart_from_any(task: Task, moved: Any) -> float:
    """Return how far (J^T J + mu I) h is from J^T r for the mu that fits best; ``moved`` is p + h."""
    import numpy as np

    J, h = task.net.jacobian(task.p, task.X), moved - task.p
    g = J.T @ task.net.residual(task.p, task.X, task.Y)
    rest = g - J.T @ (J @ h)
    mu = max(float(h @ rest / (h @ h)), 0.0)
    return float(np.linalg.norm(rest - mu * h) / np.linalg.norm(g))


PEERS = {
    "bare": Peer(bare, "numpy"),
    "emitted": Peer(emitted, "numpy"),
    "step, five rejections": Peer(rejections, "numpy"),
    "a gradient": Peer(gradient, "numpy"),
    "plain NumPy": Peer(plain, "numpy", (), DIRECT),
    "emitted C (loop)": Peer(emitted_c, "numpy", (), DIRECT),
    "torch-lm": Peer(in_turns(with_torch_lm), "torch#lm", ("torch-levenberg-marquardt", "torch"), DIRECT),
    "JAX": Peer(in_turns(with_jax), "jax", ("jax",), DIRECT),
    "JAX (loop)": Peer(with_jax_loop, "jax", ("jax",), DIRECT),
    "torch": Peer(in_turns(with_torch), "torch", ("torch",), DIRECT),
    "optimistix": Peer(in_turns(with_optimistix), "optimistix", ("optimistix", "lineax", "jax"), ITERATIVE),
    "optimistix (loop)": Peer(with_optimistix_loop, "optimistix", ("optimistix", "lineax", "jax"), ITERATIVE),
    "nlls-gram": Peer(in_turns(with_nlls_gram), "jax#nlls-gram", ("nlls-gram", "jax"), DIRECT),
    "SciPy lsmr": Peer(in_turns(with_lsmr), "scipy", ("scipy",), ITERATIVE),
    "SciPy lm": Peer(in_turns(with_scipy_lm), "scipy", ("scipy",), DIRECT, apart_from_any),
    "SciPy lm (run)": Peer(with_scipy_run, "scipy", ("scipy",), DIRECT, apart_from_any),
}
QUICK = (
    Row("2-2-3-2", 10),
    Row("8-32:tanh-32:tanh-1:linear", 2_000),
    Row("784-300:tanh-100:tanh-10:linear", 100),
)
MORE = (
    Row("4-16:tanh-16:tanh-1:linear", 100_000, apart=True),
    Row("784-1000:tanh-200:tanh-1:linear", 1_000, apart=True),
    Row("64-960:tanh-960:tanh-1:linear", 512, apart=True),
)
SUITES = {
    "lm": Suite(
        "lm",
        __name__,
        "Levenberg-Marquardt steps",
        PEERS,
        QUICK,
        MORE,
        "emitted",
        ("c",),
        ("products",),
    )
}
