"""Gradients of the mean cost of squares, and forward passes, beside bare products and other libraries.

Everything is float64, from the same p and samples. What comes back is an array of a gradient (one of each
weight and bias, where that is the library's way) or of outputs; conversions to and from are not timed.
Bare are the matrix products of the passes alone, into arrays that are there already.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from contest import Contender, Peer, Suite
from networks import Row, Task

# -- NumPy -------------------------------------------------------------------------------------------------


def bare(task: Task, backward: bool) -> Contender:
    import numpy as np

    rng, n, sizes = np.random.default_rng(0), len(task.X), task.net.SIZES
    weights = [rng.random((m, k)) for k, m in pairwise(sizes)]
    values = [rng.random((n, size)) for size in sizes]
    gradients = [np.empty_like(weight) for weight in weights]

    def products() -> None:
        for number, weight in enumerate(weights):
            np.matmul(values[number], weight.T, out=values[number + 1])
        for number in reversed(range(len(weights) if backward else 0)):
            np.matmul(values[number + 1].T, values[number], out=gradients[number])
            if number:
                np.matmul(values[number + 1], weights[number], out=values[number])

    return Contender(products)


def emitted(task: Task, backward: bool) -> Contender:
    net, p, X, Y, _ = task
    if backward:
        work = net.GradientWorkspace(len(X))
        return _plainly(lambda: work.gradient(p, X, Y))
    pass_ = net.ForwardWorkspace(len(X))
    return _plainly(lambda: pass_.forward(p, X))


def emitted_c(task: Task, backward: bool) -> Contender:
    """The C target through its loader, which checks what it is given."""
    if len(task.X) * task.p.size > 1e6:
        raise NotImplementedError("loops without a BLAS: for samples times parameters up to a million")
    net, (_, p, X, Y, _) = task.other("c"), task
    return _plainly((lambda: net.gradient(p, X, Y)) if backward else (lambda: net.forward(p, X)))


def emitted_scalars(task: Task, backward: bool) -> Contender:
    """The scalar target, plain Python with lists."""
    if len(task.X) * task.p.size > 1e4:
        raise NotImplementedError("plain Python: for samples times parameters up to ten thousand")
    net, p, X, Y = task.other("python"), task.p.tolist(), task.X.tolist(), task.Y.tolist()
    if backward:
        return _plainly(lambda: net.gradient(p, X, Y))
    return _plainly(lambda: [net.forward(p, x) for x in X])


def plain(task: Task, backward: bool) -> Contender:
    """As one would write it by hand."""
    import numpy as np

    functions = {
        "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
        "tanh": (np.tanh, lambda a: 1 - a**2),
        "linear": (lambda z: z, lambda a: 1.0),
    }
    layers, kinds, X, Y = task.layers, [functions[name] for name in task.activations], task.X, task.Y

    def forward() -> list[Any]:
        a = [X]
        for (W, b), (activate, _) in zip(layers, kinds, strict=True):
            a.append(activate(a[-1] @ W.T + b))
        return a

    def gradient() -> list[Any]:
        a = forward()
        delta = (a[-1] - Y) * kinds[-1][1](a[-1]) / len(X)
        found: list[Any] = []
        for number in reversed(range(len(layers))):
            found[:0] = [delta.T @ a[number], delta.sum(axis=0)]
            if number:
                delta = (delta @ layers[number][0]) * kinds[number - 1][1](a[number])
        return found

    if backward:
        return Contender(gradient, value=lambda: _flat(gradient()))
    return _plainly(lambda: forward()[-1])


# -- other libraries ---------------------------------------------------------------------------------------


def with_jax(task: Task, backward: bool) -> Contender:
    """jax.jit of jax.grad."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    outputs = _outputs(task, {"sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh})
    layers, X, Y = jax.tree.map(jnp.asarray, (task.layers, task.X, task.Y))
    cost = jax.jit(jax.grad(lambda layers, X, Y: jnp.sum((outputs(layers, X) - Y) ** 2) / (2 * len(X))))
    if backward:
        return Contender(
            lambda: jax.block_until_ready(cost(layers, X, Y)), value=lambda: _of_layers(cost(layers, X, Y))
        )
    forward = jax.jit(outputs)
    return _plainly(lambda: jax.block_until_ready(forward(layers, X)))


def with_torch(task: Task, backward: bool) -> Contender:
    """torch.autograd.grad, or without it in inference mode."""
    torch, outputs, cost = _torch(task)
    X, Y = torch.from_numpy(task.X), torch.from_numpy(task.Y)
    layers = [
        tuple(torch.from_numpy(block).requires_grad_(backward) for block in layer) for layer in task.layers
    ]
    leaves = [block for layer in layers for block in layer]
    if backward:
        return _of_torch(lambda: torch.autograd.grad(cost(layers, X, Y), leaves))
    return _of_torch(lambda: outputs(layers, X), torch)


def with_torch_compile(task: Task, backward: bool) -> Contender:
    """torch.compile of torch.func.grad, forward and backward pass in one, or of the outputs."""
    import os

    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    torch, outputs, cost = _torch(task)
    X, Y = torch.from_numpy(task.X), torch.from_numpy(task.Y)
    layers = [tuple(torch.from_numpy(block) for block in layer) for layer in task.layers]
    if backward:
        gradient = torch.compile(torch.func.grad(cost))
        return _of_torch(lambda: [block for layer in gradient(layers, X, Y) for block in layer])
    forward = torch.compile(outputs)
    return _of_torch(lambda: forward(layers, X), torch)


def _torch(task: Task) -> tuple[Any, Any, Any]:
    import torch

    outputs = _outputs(task, {"sigmoid": torch.sigmoid, "tanh": torch.tanh}, torch.nn.functional.linear)
    return torch, outputs, lambda layers, X, Y: torch.sum((outputs(layers, X) - Y) ** 2) / (2 * len(X))


def _of_torch(call: Callable[[], Any], inferring: Any = None) -> Contender:
    """Return a contender whose value is one tensor, by torch in inference mode, or many."""
    if inferring is None:
        return Contender(call, value=lambda: _flat(block.numpy() for block in call()))

    def inferred() -> Any:
        with inferring.inference_mode():
            return call()

    return Contender(inferred, value=lambda: inferred().numpy())


def with_autograd(task: Task, backward: bool) -> Contender:
    """autograd.grad."""
    import autograd.numpy as np
    from autograd import grad

    outputs = _outputs(task, {"sigmoid": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh})
    layers, X, Y = task.layers, task.X, task.Y
    gradient = grad(lambda layers: np.sum((outputs(layers, X) - Y) ** 2) / (2 * len(X)))
    if backward:
        return Contender(lambda: gradient(layers), value=lambda: _of_layers(gradient(layers)))
    return _plainly(lambda: outputs(layers, X))


def with_numba(task: Task, backward: bool) -> Contender:
    """By hand for numba.njit: products by np.dot, what lies between them in loops."""
    import numba
    import numpy as np

    if len(task.layers) != 3 or not set(task.activations) <= {"sigmoid", "tanh", "linear"}:
        raise NotImplementedError("written for three layers of weights")
    codes = [("linear", "sigmoid", "tanh").index(name) for name in task.activations]

    @numba.njit
    def activate(z, b, code):  # type: ignore[no-untyped-def]
        for i in range(z.shape[0]):
            for j in range(z.shape[1]):
                u = z[i, j] + b[j]
                if code == 1:
                    u = 1 / (1 + np.exp(-u))
                elif code == 2:
                    u = np.tanh(u)
                z[i, j] = u
        return z

    @numba.njit
    def slope(d, a, gb, code):  # type: ignore[no-untyped-def]
        gb[:] = 0
        for i in range(d.shape[0]):
            for j in range(d.shape[1]):
                u = a[i, j]
                if code == 1:
                    d[i, j] *= u * (1 - u)
                elif code == 2:
                    d[i, j] *= 1 - u * u
                gb[j] += d[i, j]
        return d

    @numba.njit
    def forward(W2, b2, W3, b3, W4, b4, X):  # type: ignore[no-untyped-def]
        a2 = activate(np.dot(X, W2.T), b2, codes2)
        a3 = activate(np.dot(a2, W3.T), b3, codes3)
        return a2, a3, activate(np.dot(a3, W4.T), b4, codes4)

    @numba.njit
    def gradient(W2, b2, W3, b3, W4, b4, X, Y):  # type: ignore[no-untyped-def]
        a2, a3, a4 = forward(W2, b2, W3, b3, W4, b4, X)
        g2, g3, g4 = np.empty_like(b2), np.empty_like(b3), np.empty_like(b4)
        d4 = slope((a4 - Y) / X.shape[0], a4, g4, codes4)
        d3 = slope(np.dot(d4, W4), a3, g3, codes3)
        d2 = slope(np.dot(d3, W3), a2, g2, codes2)
        return np.dot(d2.T, X), g2, np.dot(d3.T, a2), g3, np.dot(d4.T, a3), g4

    codes2, codes3, codes4 = codes
    blocks = [block for layer in task.layers for block in layer]
    if backward:
        return Contender(
            lambda: gradient(*blocks, task.X, task.Y), value=lambda: _flat(gradient(*blocks, task.X, task.Y))
        )
    return _plainly(lambda: forward(*blocks, task.X)[2])


def with_casadi(task: Task, backward: bool) -> Contender:
    """CasADi's SX, compiled from its generated C; samples are written out, so for the small alone."""
    import casadi

    if task.Y.shape[0] * task.p.size > 2000:
        raise NotImplementedError("samples times parameters above 2,000: its C would be too long")
    n, inputs, outputs = len(task.X), task.net.SIZES[0], task.net.SIZES[-1]
    p, X = casadi.SX.sym("p", task.p.size), casadi.SX.sym("X", inputs, n)  # columns: X^T
    Y, a, begin = casadi.SX.sym("Y", outputs, n), X, 0
    functions = {"sigmoid": lambda z: 1 / (1 + casadi.exp(-z)), "tanh": casadi.tanh, "linear": lambda z: z}
    for (W, b), name in zip(task.layers, task.activations, strict=True):
        middle, end = begin + W.size, begin + W.size + b.size
        weights = casadi.reshape(p[begin:middle], W.shape[1], W.shape[0]).T
        a = functions[name](casadi.mtimes(weights, a) + casadi.repmat(p[middle:end], 1, n))
        begin = end
    result = casadi.gradient(casadi.sumsqr(a - Y) / (2 * n), p) if backward else a
    made = casadi.Function("made", [p, X, Y], [casadi.densify(result)], jit_options())
    return _plainly_casadi(made, [task.p, task.X, task.Y], task.p.shape if backward else task.Y.shape)


def jit_options() -> dict[str, Any]:
    """Return what has CasADi compile its C with the system's compiler."""
    flags = {"compiler": "cc", "flags": ["-O3"], "verbose": False}
    return {"jit": True, "compiler": "shell", "jit_options": flags}


def _plainly_casadi(made: Any, given: list[Any], shape: tuple[int, ...]) -> Contender:
    import numpy as np

    buffer, call = made.buffer()
    kept, result = [np.ascontiguousarray(array, dtype=float) for array in given], np.empty(shape)
    for number, array in enumerate(kept):
        buffer.set_arg(number, memoryview(array))
    buffer.set_res(0, memoryview(result))

    keep = kept, made, buffer  # for what is called holds none of them

    def value() -> Any:
        call()
        return result if keep else None

    return Contender(call, value=value)


# -- common to some ----------------------------------------------------------------------------------------


def _outputs(task: Task, functions: dict[str, Any], affine: Any = None) -> Callable[[Any, Any], Any]:
    """Return the outputs as a function of layers and inputs, in the functions of a library."""
    kinds = [functions.get(name) for name in task.activations]
    if any(name != "linear" and kind is None for name, kind in zip(task.activations, kinds, strict=True)):
        raise NotImplementedError(f"not written for {', '.join(task.activations)}")

    def outputs(layers: Any, a: Any) -> Any:
        for (W, b), activate in zip(layers, kinds, strict=True):
            z = a @ W.T + b if affine is None else affine(a, W, b)
            a = z if activate is None else activate(z)
        return a

    return outputs


def _plainly(call: Callable[[], Any]) -> Contender:
    return Contender(call, value=call)


def _flat(blocks: Any) -> Any:
    import numpy as np

    return np.concatenate([np.ravel(block) for block in blocks])


def _of_layers(layers: Any) -> Any:
    return _flat(block for layer in layers for block in layer)


def _peers(backward: bool) -> dict[str, Peer]:
    def peer(make: Callable[[Task, bool], Contender], library: str, *needs: str) -> Peer:
        return Peer(lambda task: make(task, backward), library, needs)

    return {
        "bare": peer(bare, "numpy"),
        "emitted": peer(emitted, "numpy"),
        "emitted scalars": peer(emitted_scalars, "math"),
        "emitted C": peer(emitted_c, "ctypes"),
        "plain NumPy": peer(plain, "numpy"),
        "JAX jit": peer(with_jax, "jax", "jax"),
        "torch.compile": peer(with_torch_compile, "torch#compile", "torch"),
        "torch": peer(with_torch, "torch", "torch"),
        "autograd": peer(with_autograd, "autograd", "autograd"),
        "numba": peer(with_numba, "numba", "numba", "scipy"),
        "CasADi": peer(with_casadi, "casadi", "casadi"),
    }


QUICK = (
    Row("8-32:tanh-32:tanh-1:linear", 256),
    Row("64-128-128-10", 1024),
    Row("784-1000-1000-10", 256),
    Row("2-2-3-2", 10),
)
MORE = (
    Row("8-32:tanh-32:tanh-1:linear", 1),
    Row("4-16:tanh-16:tanh-1:linear", 100_000),
    Row("64-960:tanh-960:tanh-1:linear", 512),
)
SUITES = {
    name: Suite(
        name, __name__, title, _peers(name == "gradient"), QUICK, MORE, "plain NumPy", ("c", "python")
    )
    for name, title in (("gradient", "Gradients"), ("forward", "Forward passes"))
}
