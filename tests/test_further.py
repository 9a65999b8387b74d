"""Derivatives in the inputs and products with J, J^T, the Hessian and Gauss-Newton, against other oracles."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from random_networks import ByHand, network, rows
from sympy import lambdify

from derive import Architecture, generate, prove, write
from derive.activations import A
from derive.costs import Y as TARGET
from derive.extras import fitting
from derive.own_cost import cost as cost_of

TINY = 1e-30
FAST = [3, 15]  # a softmax with a weighted skip; shared weights and skips that take layers as they are
SLOW = [seed for seed in range(60) if seed not in FAST]
WIRED = [
    ("2-2:tanh-2=W2T+1", "quadratic"),
    ("3-3:tanh-3:tanh=2-3:sigmoid=W3T+2+1", "quadratic"),
    ("2-3:tanh-2:gelu+W1-2:sin+3,no-bias", "log-cosh"),
    ("2-2:tanh-3:relu+W1-2:tanh=W3T+2-2:softmax+4", "cross-entropy"),
]


@contextmanager
def package(shape: Architecture, folder: Path) -> Iterator[Any]:
    """Write a package with every further module and import it."""
    proof = prove(shape, brute_force=False)
    made = write(generate(proof, fitting(proof.squares)), folder)
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        yield importlib.import_module(made.name)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == made.name]:
            del sys.modules[name]


def problem(net: Any, shape: Architecture, seed: int, n: int = 2) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    p, v = rng.standard_normal((2, net.N_PARAMETERS)) * 0.7
    X, T = rng.standard_normal((n, shape.sizes[0])), rng.random((n, shape.sizes[-1]))
    if cost_of(shape.cost).targets == "shares":
        T /= T.sum(axis=1, keepdims=True)
    return p, X, T, v, rng.standard_normal(T.shape)


def close(found: Any, wanted: Any, rtol: float) -> None:
    scale = max(1e-3, float(np.max(np.abs(wanted))))
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * scale * 1e-2)


def check_first_order(net: Any, shape: Architecture, seed: int) -> None:
    p, X, _, v, U = problem(net, shape, seed)
    work = net.ForwardWorkspace(len(X), complex)
    close(net.jacobian_product(p, X, v), work.forward(p + TINY * 1j * v, X).imag / TINY, 1e-12)
    J = net.jacobian(p, X)
    close(net.jacobian_product(p, X, v).ravel(), J @ v, 1e-11)
    close(net.transposed_product(p, X, U), J.T @ U.ravel(), 1e-11)
    left, right = np.vdot(net.jacobian_product(p, X, v), U), np.vdot(v, net.transposed_product(p, X, U))
    assert abs(left - right) <= 1e-11 * max(1, abs(left))
    moved, wanted = X.astype(complex), np.empty((len(X), shape.sizes[-1], shape.sizes[0]))
    for i in range(len(X)):
        for k in range(shape.sizes[0]):
            moved[i, k] += TINY * 1j
            F = work.forward(p.astype(complex), moved).imag / TINY
            wanted[i, :, k] = F[i]
            assert not np.delete(F, i, axis=0).any()  # one sample's output does not see another's input
            moved[i, k] = X[i, k]
    close(net.input_jacobian(p, X), wanted, 1e-12)


def check_gauss_newton(net: Any, shape: Architecture, seed: int) -> None:
    """G v against J^T H J v, with J the Jacobian of a[L] and H from the definition of the loss."""
    p, X, T, v, _ = problem(net, shape, seed)
    J, a, cost = net.jacobian(p, X), net.forward(p, X), cost_of(shape.cost)
    if (
        cost.output == "softmax"
    ):  # J_z^T (diag a - a a^T) J_z = J^T diag(1/a) J, for the rows of J add up to 0
        bend = 1 / a
    elif cost.output == "sigmoid":
        bend = 1 / (a * (1 - a))
    else:
        loss = lambdify((TARGET, A), cost.definition, "mpmath")
        with mpmath.workdps(40):
            pairs = zip(T.ravel().tolist(), a.ravel().tolist(), strict=True)
            bend = np.array([float(mpmath.diff(lambda at, y=y: loss(y, at), f, 2)) for y, f in pairs])
    wanted = J.T @ (bend.ravel() * (J @ v)) / len(X)
    close(net.gauss_newton_product(p, X, T, v), wanted, 1e-9)


def check_hessian(net: Any, shape: Architecture, seed: int) -> None:
    p, X, T, v, _ = problem(net, shape, seed)
    found = net.hessian_product(p, X, T, v)
    along = net.GradientWorkspace(len(X), complex).gradient(p + TINY * 1j * v, X, T).imag / TINY
    close(found, along, 1e-11)
    H = net.hessian(p, X, T)
    close(H @ v, found, 1e-11)
    close(H, H.T, 1e-10)
    work, out = net.HessianWorkspace(len(X)), np.empty(net.N_PARAMETERS)
    assert work.product(p, X, T, v, out=out) is out
    np.testing.assert_array_equal(out, found)
    hand = ByHand(shape)
    with mpmath.workdps(50):
        h = mpmath.mpf(10) ** -11
        exact, way = [mpmath.mpf(float(x)) for x in p], [mpmath.mpf(float(x)) for x in v]

        def cost(k: int, sign: int, side: int) -> Any:
            at = [x + side * h * d for x, d in zip(exact, way, strict=True)]
            at[k] += sign * h
            return hand.cost(rows(net, at), X, T)

        wanted = [
            float((cost(k, 1, 1) - cost(k, 1, -1) - cost(k, -1, 1) + cost(k, -1, -1)) / (4 * h**2))
            for k in range(len(p))
        ]
        in_x, blocks = np.empty_like(X), rows(net, exact)
        for i, k in np.ndindex(*X.shape):
            # differences of numbers with 50 digits, so X is moved as numbers of mpmath
            ahead, behind = (X.astype(object) for _ in range(2))
            ahead[i, k], behind[i, k] = mpmath.mpf(float(X[i, k])) + h, mpmath.mpf(float(X[i, k])) - h
            difference = hand.cost(blocks, ahead, T) - hand.cost(blocks, behind, T)
            in_x[i, k] = float(difference / (2 * h))
    close(found, wanted, 1e-9)
    close(net.input_gradient(p, X, T), in_x, 1e-9)


@pytest.mark.parametrize("seed", FAST + [pytest.param(k, marks=pytest.mark.slow) for k in SLOW])
def test_the_derivatives_of_a_random_network_are_those_of_its_definition(seed, tmp_path):
    shape = network(seed)
    with package(shape, tmp_path) as net:
        check_first_order(net, shape, seed)
        check_gauss_newton(net, shape, seed)
        check_hessian(net, shape, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(0, 40, 3))
def test_the_second_derivatives_are_those_of_automatic_differentiation(seed, tmp_path):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    shape = network(seed)
    with package(shape, tmp_path) as net:
        p, X, T, v, _ = problem(net, shape, seed)
        hand = ByHand(shape, [{"erf": jax.scipy.special.erf}, "jax"])

        def cost(flat: Any, inputs: Any) -> Any:
            blocks, at = {}, 0
            for name, view in zip(net.parameters.NAMES, net.unpack(p), strict=True):
                blocks[name] = flat[at : at + view.size].reshape(view.shape)
                at += view.size
            return hand.array_cost(blocks, inputs, T, jax.numpy)

        _, wanted = jax.jvp(jax.grad(lambda q: cost(q, X)), (p,), (v,))
        close(net.hessian_product(p, X, T, v), np.asarray(wanted), 1e-10)
        close(net.input_gradient(p, X, T), np.asarray(jax.grad(cost, argnums=1)(p, X)), 1e-11)


@pytest.mark.slow
@pytest.mark.parametrize(("text", "cost"), WIRED)
def test_skips_and_shared_weights_are_followed(text, cost, tmp_path):
    shape = Architecture.parse(text, cost)
    with package(shape, tmp_path) as net:
        check_first_order(net, shape, 5)
        check_gauss_newton(net, shape, 5)
        check_hessian(net, shape, 5)
        assert importlib.import_module(f"{net.__name__}.__main__").main() == 0


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("2-2:tanh-2:linear", "sum:2*quadratic"),
        ("2-2:tanh-2:linear", "3*quadratic(1,2)"),
        ("2-2", "sum:0.5*binary-cross-entropy(1,3)"),
        ("2-3:softmax", "sum:2*cross-entropy"),
        ("2-2:tanh-2:linear", "sum:2*mine(1,3): (a-y)^4"),
    ],
)
def test_a_scaled_weighted_or_summed_cost_has_every_further_module(text, cost, tmp_path):
    shape = Architecture.parse(text, cost)
    with package(shape, tmp_path) as net:
        p, X, Y, v, _ = problem(net, shape, 5)
        h = 1e-6

        def slope(q: Any) -> Any:
            return net.gradient(q, X, Y)

        close(net.hessian_product(p, X, Y, v), (slope(p + h * v) - slope(p - h * v)) / (2 * h), 1e-6)
        for k in np.ndindex(X.shape):
            unit = np.zeros_like(X)
            unit[k] = h
            difference = (net.cost(p, X + unit, Y) - net.cost(p, X - unit, Y)) / (2 * h)
            assert net.input_gradient(p, X, Y)[k] == pytest.approx(difference, rel=1e-5, abs=1e-8)
        check_curvature(net, p, X, Y, v, shape)


def check_curvature(net: Any, p: Any, X: Any, Y: Any, v: Any, shape: Architecture) -> None:
    """Compare with J^T H J v, H the curvature of the cost in a[L] or z[L] by differences."""
    h, last = 1e-4, shape.activation(shape.depth)
    terms = cost_of(shape.cost)
    of_z = last == "softmax" or terms.loss.startswith("binary")

    def outputs(q: Any) -> Any:
        a = net.forward(q, X)
        return (np.log(a) - (0.0 if last == "softmax" else np.log1p(-a))) if of_z else a

    moved = (outputs(p + 1e-6 * v) - outputs(p - 1e-6 * v)) / 2e-6
    a = net.forward(p, X)
    omega = np.array([float(w) for w in terms.weights] or [1.0]) * float(terms.factor)
    omega = omega / (1 if terms.summed else len(X))
    if last == "softmax":
        bent = a * moved - a * (a * moved).sum(axis=1, keepdims=True)
    elif of_z:
        bent = a * (1 - a) * moved
    else:
        loss = lambdify([TARGET, A], terms.definition, "numpy")
        bent = (loss(Y, a + h) - 2 * loss(Y, a) + loss(Y, a - h)) / h**2 * moved
    wanted = np.zeros(len(p))
    for k in range(len(p)):
        unit = np.eye(len(p))[k] * 1e-6
        wanted[k] = ((outputs(p + unit) - outputs(p - unit)) / 2e-6 * omega * bent).sum()
    close(net.gauss_newton_product(p, X, Y, v), wanted, 1e-4)


def test_a_loop_over_a_workspace_allocates_nothing(tmp_path):
    import tracemalloc

    with package(Architecture.parse("4-30:tanh-3:linear"), tmp_path) as net:
        p, X, T, v, U = problem(net, Architecture.parse("4-30:tanh-3:linear"), 0, n=1000)
        n = len(X)
        calls = [
            partial(net.HessianWorkspace(n).product, p, X, T, v),
            partial(net.GaussNewtonWorkspace(n).product, p, X, T, v),
            partial(net.JacobianProductWorkspace(n).product, p, X, v),
            partial(net.TransposedProductWorkspace(n).product, p, X, U),
            partial(net.InputGradientWorkspace(n).gradient, p, X, T),
            partial(net.InputJacobianWorkspace(n).jacobian, p, X),
        ]
        for call in calls:
            call()
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(5):
                call()
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak - before < n * 30 * 8  # less than one array of activations
        for bad in (v[:-1], np.full_like(v, np.nan)):
            with pytest.raises(ValueError, match="v: expected"):
                net.hessian_product(p, X, T, bad)
        with pytest.raises(ValueError, match="U: expected shape"):
            net.transposed_product(p, X, U[:, :-1])
        with pytest.raises(TypeError, match="v: expected real numbers"):
            net.jacobian_product(p, X, v.astype(complex))
