"""One stochastic step at a time on 2-2-3-2: a descent step on one sample, thousands of them in a loop.

The inner loop of ``netbp.m`` (Higham & Higham, arXiv 1801.05894, section 6) is written here as it stands
there, with NumPy in the place of MATLAB: forward pass, deltas, gradient step. The article's program also
takes the cost after every step; here nobody does. All start at the article's start, take the article's
samples in the article's order, and must be at the same parameters after the first few hundred steps.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from contest import Contender, Peer, Suite
from gradient import jit_options
from networks import Row, Task

ETA = 0.05
COMPARED = 300  # steps after which all must be at the same p
MANY, SOME, FEW = 20_000, 2_000, 300  # steps of a timed call


class Run:
    """The article's start, points and samples, however a network of 2-2-3-2 is trained."""

    def __init__(self, task: Task) -> None:
        if task.net.SIZES != (2, 2, 3, 2):
            raise NotImplementedError("written for 2-2-3-2")
        sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
        import higham

        self.net, self.X, self.Y = task.net, higham.X, higham.Y
        self.p = higham.from_columns(higham.REFERENCE["matlab_rng5000"]["p0"])
        self.order = higham.drawn_samples()
        blocks = [block.copy() for block in task.net.unpack(self.p)]
        self.layers = list(zip(blocks[::2], blocks[1::2], strict=True))


def contender(run: Callable[[int], Any], steps: int, flat: Callable[[Any], Any] = lambda p: p) -> Contender:
    """Return what takes so many steps a call; ``run`` takes the first k steps from the article's start."""
    return Contender(lambda: run(steps), steps, lambda: flat(run(COMPARED)))


def flat(layers: Any) -> Any:
    import numpy as np

    return np.concatenate([np.ravel(block) for layer in layers for block in layer])


# -- NumPy and C -------------------------------------------------------------------------------------------


def article(task: Task) -> Contender:
    """The article's program; columns are samples, vectors are columns."""
    import numpy as np

    start = Run(task)
    points, y = np.ascontiguousarray(start.X.T), np.ascontiguousarray(start.Y.T)

    def activate(x: Any, W: Any, b: Any) -> Any:
        return 1 / (1 + np.exp(-(W @ x + b)))

    def netbp(steps: int) -> Any:
        (W2, b2), (W3, b3), (W4, b4) = [(W, b[:, None]) for W, b in start.layers]
        for k in start.order[:steps].tolist():
            x = points[:, k : k + 1]
            # forward pass
            a2 = activate(x, W2, b2)
            a3 = activate(a2, W3, b3)
            a4 = activate(a3, W4, b4)
            # backward pass
            delta4 = a4 * (1 - a4) * (a4 - y[:, k : k + 1])
            delta3 = a3 * (1 - a3) * (W4.T @ delta4)
            delta2 = a2 * (1 - a2) * (W3.T @ delta3)
            # gradient step
            W2 = W2 - ETA * delta2 @ x.T
            W3 = W3 - ETA * delta3 @ a2.T
            W4 = W4 - ETA * delta4 @ a3.T
            b2 = b2 - ETA * delta2
            b3 = b3 - ETA * delta3
            b4 = b4 - ETA * delta4
        return (W2, b2), (W3, b3), (W4, b4)

    return contender(netbp, SOME, flat)


def emitted(task: Task) -> Contender:
    """The emitted ``sgd``, as it comes."""
    return _emitted(Run(task), task.net, MANY, {"record_every": MANY})


def emitted_c(task: Task) -> Contender:
    """The C target through its loader: one call takes all the steps."""
    return _emitted(Run(task), task.other("c"), 10 * MANY, {})


def _emitted(start: Run, net: Any, steps: int, settings: dict[str, Any]) -> Contender:
    def run(k: int) -> Any:
        return net.sgd(start.p, start.X, start.Y, eta=ETA, indices=start.order[:k], **settings).p

    return contender(run, steps)


def emitted_scalars(task: Task) -> Contender:
    """The scalar target, plain Python, which moves a list in place."""
    start, net = Run(task), task.other("python")
    X, Y = start.X.tolist(), start.Y.tolist()

    def run(k: int) -> Any:
        p = start.p.tolist()
        net.sgd(p, X, Y, eta=ETA, indices=start.order[:k].tolist())
        return p

    return contender(run, MANY)


def by_hand(task: Task) -> Contender:
    """Scalars as a person writes them: every number a local name, no guard against overflow."""
    start = Run(task)
    X, Y = start.X.tolist(), start.Y.tolist()

    def loop(p: list[float], order: list[int]) -> list[float]:
        exp, eta = math.exp, ETA
        a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, q, r, s, t, u, v, w, x = p  # noqa: E741
        for sample in order:
            x1, x2 = X[sample]
            y1, y2 = Y[sample]
            p1 = 1.0 / (1.0 + exp(-(a * x1 + b * x2 + e)))
            p2 = 1.0 / (1.0 + exp(-(c * x1 + d * x2 + f)))
            q1 = 1.0 / (1.0 + exp(-(g * p1 + h * p2 + m)))
            q2 = 1.0 / (1.0 + exp(-(i * p1 + j * p2 + n)))
            q3 = 1.0 / (1.0 + exp(-(k * p1 + l * p2 + o)))
            r1 = 1.0 / (1.0 + exp(-(q * q1 + r * q2 + s * q3 + w)))
            r2 = 1.0 / (1.0 + exp(-(t * q1 + u * q2 + v * q3 + x)))
            d41 = eta * (r1 - y1) * r1 * (1.0 - r1)
            d42 = eta * (r2 - y2) * r2 * (1.0 - r2)
            d31 = (q * d41 + t * d42) * q1 * (1.0 - q1)
            d32 = (r * d41 + u * d42) * q2 * (1.0 - q2)
            d33 = (s * d41 + v * d42) * q3 * (1.0 - q3)
            d21 = (g * d31 + i * d32 + k * d33) * p1 * (1.0 - p1)
            d22 = (h * d31 + j * d32 + l * d33) * p2 * (1.0 - p2)
            q -= d41 * q1
            r -= d41 * q2
            s -= d41 * q3
            t -= d42 * q1
            u -= d42 * q2
            v -= d42 * q3
            w -= d41
            x -= d42
            g -= d31 * p1
            h -= d31 * p2
            i -= d32 * p1
            j -= d32 * p2
            k -= d33 * p1
            l -= d33 * p2  # noqa: E741
            m -= d31
            n -= d32
            o -= d33
            a -= d21 * x1
            b -= d21 * x2
            c -= d22 * x1
            d -= d22 * x2
            e -= d21
            f -= d22
        return [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, q, r, s, t, u, v, w, x]

    return contender(lambda steps: loop(start.p.tolist(), start.order[:steps].tolist()), MANY)


# -- other libraries ---------------------------------------------------------------------------------------


def with_jax(task: Task, way: str) -> Contender:
    """A step by jax.grad: in one compiled lax.scan or fori_loop, or one dispatch a step."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    start = Run(task)
    layers, X, Y, order = jax.tree.map(jnp.asarray, (start.layers, start.X, start.Y, start.order))

    def cost(layers: Any, x: Any, y: Any) -> Any:
        for W, b in layers:
            x = jax.nn.sigmoid(W @ x + b)
        return jnp.sum((x - y) ** 2) / 2

    def step(layers: Any, k: Any) -> Any:
        slope = jax.grad(cost)(layers, X[k], Y[k])
        return jax.tree.map(lambda value, change: value - ETA * change, layers, slope)

    if way == "dispatch":
        one, drawn = jax.jit(step), start.order.tolist()

        def run(steps: int) -> Any:
            moved = layers
            for k in drawn[:steps]:
                moved = one(moved, k)
            return jax.block_until_ready(moved)

        return contender(run, FEW, flat)
    if way == "scan":
        many = jax.jit(lambda order: jax.lax.scan(lambda p, k: (step(p, k), None), layers, order)[0])
        return contender(lambda steps: jax.block_until_ready(many(order[:steps])), MANY, flat)
    loop = jax.jit(lambda n: jax.lax.fori_loop(0, n, lambda k, p: step(p, order[k]), layers))
    return contender(lambda steps: jax.block_until_ready(loop(steps)), MANY, flat)


def with_torch(task: Task) -> Contender:
    """torch.autograd.grad, and the step in place."""
    import torch

    start = Run(task)
    X, Y, drawn = torch.from_numpy(start.X), torch.from_numpy(start.Y), start.order.tolist()

    def run(steps: int) -> Any:
        layers = [tuple(torch.tensor(block, requires_grad=True) for block in layer) for layer in start.layers]
        leaves = [block for layer in layers for block in layer]
        for k in drawn[:steps]:
            a = X[k]
            for W, b in layers:
                a = torch.sigmoid(torch.nn.functional.linear(a, W, b))
            slope = torch.autograd.grad(torch.sum((a - Y[k]) ** 2) / 2, leaves)
            with torch.no_grad():
                torch._foreach_add_(leaves, slope, alpha=-ETA)
        return layers

    def values(layers: Any) -> Any:
        return flat([block.detach().numpy() for block in layer] for layer in layers)

    return contender(run, FEW, values)


def with_autograd(task: Task) -> Contender:
    """autograd.grad."""
    import autograd.numpy as np
    from autograd import grad

    start = Run(task)

    def cost(layers: Any, k: int) -> Any:
        a = start.X[k]
        for W, b in layers:
            a = 1 / (1 + np.exp(-(W @ a + b)))
        return np.sum((a - start.Y[k]) ** 2) / 2

    slope = grad(cost)

    def run(steps: int) -> Any:
        layers = start.layers
        for k in start.order[:steps].tolist():
            pairs = zip(layers, slope(layers, k), strict=True)
            layers = [(W - ETA * gW, b - ETA * gb) for (W, b), (gW, gb) in pairs]
        return layers

    return contender(run, FEW, flat)


def with_sympy(task: Task) -> Contender:
    """A step by SymPy's diff, as scalars with common subexpressions by lambdify."""
    import sympy

    start = Run(task)
    p = sympy.symbols(f"p:{len(start.p)}")
    x, y = sympy.symbols("x:2"), sympy.symbols("y:2")
    a, begin = list(x), 0
    for inputs, outputs in pairwise(task.net.SIZES):
        weights, biases = p[begin : begin + inputs * outputs], p[begin + inputs * outputs :]
        begin += (inputs + 1) * outputs
        rows = [weights[j * inputs : (j + 1) * inputs] for j in range(outputs)]
        sums = [sum(w * v for w, v in zip(row, a, strict=True)) for row in rows]
        a = [1 / (1 + sympy.exp(-(z + b))) for z, b in zip(sums, biases, strict=False)]
    cost = sum((u - v) ** 2 for u, v in zip(a, y, strict=True)) / 2
    step = sympy.lambdify((*p, *x, *y), [q - ETA * sympy.diff(cost, q) for q in p], modules="math", cse=True)
    samples = [(*u, *v) for u, v in zip(start.X.tolist(), start.Y.tolist(), strict=True)]
    drawn = start.order.tolist()

    def run(steps: int) -> Any:
        moved = start.p.tolist()
        for k in drawn[:steps]:
            moved = step(*moved, *samples[k])
        return moved

    return contender(run, MANY)


def with_numba(task: Task) -> Contender:
    """Loops by hand for numba.njit."""
    import numba
    import numpy as np

    start = Run(task)

    @numba.njit
    def loops(p, X, Y, order):  # type: ignore[no-untyped-def]
        a, d = np.empty(9), np.empty(9)  # the neurons of all layers, inputs first
        for i in order:
            for j in range(2):
                a[j] = X[i, j]
            behind, here, w = 0, 2, 0
            for inputs, outputs in ((2, 2), (2, 3), (3, 2)):
                for j in range(outputs):
                    z = p[w + inputs * outputs + j]
                    for k in range(inputs):
                        z += p[w + inputs * j + k] * a[behind + k]
                    a[here + j] = 1 / (1 + np.exp(-z))
                behind, here, w = here, here + outputs, w + (inputs + 1) * outputs
            for j in range(7, 9):
                d[j] = a[j] * (1 - a[j]) * (a[j] - Y[i, j - 7])
            for behind, here, w, inputs, outputs in ((4, 7, 15, 3, 2), (2, 4, 6, 2, 3), (0, 2, 0, 2, 2)):
                for k in range(inputs):
                    total = 0.0
                    for j in range(outputs):
                        total += p[w + inputs * j + k] * d[here + j]
                        p[w + inputs * j + k] -= ETA * d[here + j] * a[behind + k]
                    d[behind + k] = a[behind + k] * (1 - a[behind + k]) * total
                for j in range(outputs):
                    p[w + inputs * outputs + j] -= ETA * d[here + j]
        return p

    return contender(lambda steps: loops(start.p.copy(), start.X, start.Y, start.order[:steps]), MANY)


def with_casadi(task: Task) -> Contender:
    """CasADi's SX for a step and fold for the loop, compiled from its generated C."""
    import casadi
    import numpy as np

    start = Run(task)
    p, x, y = casadi.SX.sym("p", len(start.p)), casadi.SX.sym("x", 2), casadi.SX.sym("y", 2)
    a, begin = x, 0
    for W, b in start.layers:
        middle, end = begin + W.size, begin + W.size + b.size
        weights = casadi.reshape(p[begin:middle], W.shape[1], W.shape[0]).T
        a, begin = 1 / (1 + casadi.exp(-(casadi.mtimes(weights, a) + p[middle:end]))), end
    moved = p - ETA * casadi.gradient(casadi.sumsqr(a - y) / 2, p)
    step = casadi.Function("step", [p, x, y], [moved])

    def prepared(steps: int) -> Callable[[], Any]:
        many = step.fold(steps)
        arguments = many.mx_in()
        made = casadi.Function("made", arguments, [many(*arguments)], jit_options())
        given = [start.p, start.X[start.order[:steps]], start.Y[start.order[:steps]]]
        given, result = [np.ascontiguousarray(array) for array in given], np.empty_like(start.p)
        buffer, call = made.buffer()
        for number, array in enumerate(given):
            buffer.set_arg(number, memoryview(array))
        buffer.set_res(0, memoryview(result))

        keep = given, made, buffer  # for what is called holds none of them

        def run() -> Any:
            call()
            return result if keep else None

        return run

    few, some = prepared(COMPARED), prepared(SOME)
    return Contender(some, SOME, few)


def _peers() -> dict[str, Peer]:
    tolerance = 1e-9
    return {
        "article's loop": Peer(article, "numpy"),
        "emitted": Peer(emitted, "numpy", tolerance=tolerance),
        "emitted scalars": Peer(emitted_scalars, "math", tolerance=tolerance),
        "scalars by hand": Peer(by_hand, "math", tolerance=tolerance),
        "emitted C": Peer(emitted_c, "ctypes", tolerance=tolerance),
        "JAX scan": Peer(lambda task: with_jax(task, "scan"), "jax", ("jax",), tolerance),
        "JAX fori_loop": Peer(lambda task: with_jax(task, "fori_loop"), "jax", ("jax",), tolerance),
        "JAX dispatch": Peer(lambda task: with_jax(task, "dispatch"), "jax", ("jax",), tolerance),
        "torch": Peer(with_torch, "torch", ("torch",), tolerance),
        "autograd": Peer(with_autograd, "autograd", ("autograd",), tolerance),
        "SymPy lambdify": Peer(with_sympy, "sympy", ("sympy",), tolerance),
        "numba": Peer(with_numba, "numba", ("numba",), tolerance),
        "CasADi": Peer(with_casadi, "casadi", ("casadi",), tolerance),
    }


SUITES = {
    "sgd": Suite(
        "sgd",
        __name__,
        "Stochastic descent steps, one sample each, in a loop",
        _peers(),
        (Row("2-2-3-2", 1),),
        (),
        "article's loop",
        ("c", "python"),
    )
}
