"""Workspaces: the same numbers as the plain functions, without allocating, without stepping on each other."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sigmoid_2_2_3_2
from emitted import NETS, module, problem

each_net = pytest.mark.parametrize("net", NETS, ids=lambda net: net.__name__)

Call = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]


def calls(net: Any, n: int) -> dict[str, tuple[Call, Call]]:
    """Return every call on a fresh workspace, each beside the plain function that it must agree with."""
    forward, gradient, jacobian = (
        workspace(n) for workspace in (net.ForwardWorkspace, net.GradientWorkspace, net.JacobianWorkspace)
    )
    return {
        "forward": (lambda p, X, Y: forward.forward(p, X), lambda p, X, Y: net.forward(p, X)),
        "cost": (forward.cost, net.cost),
        "gradient": (gradient.gradient, net.gradient),
        "cost_and_gradient": (
            lambda p, X, Y: gradient.cost_and_gradient(p, X, Y)[1],
            lambda p, X, Y: net.cost_and_gradient(p, X, Y)[1],
        ),
        "its cost": (
            lambda p, X, Y: gradient.cost_and_gradient(p, X, Y)[0],
            net.cost,
        ),
        "jacobian": (lambda p, X, Y: jacobian.jacobian(p, X), lambda p, X, Y: net.jacobian(p, X)),
        "sample costs": (forward.sample_costs, net.ForwardWorkspace(n).sample_costs),
        "residual": (lambda p, X, Y: jacobian.residual_and_jacobian(p, X, Y)[0], net.residual),
    }


NAMES = list(calls(sigmoid_2_2_3_2, 1))
each_call = pytest.mark.parametrize("name", NAMES)


@each_net
@each_call
def test_workspace_gives_what_the_plain_function_gives_again_and_again(net: Any, name: str) -> None:
    work, plain = calls(net, 7)[name]
    for seed in range(3):
        given = problem(net, 7, seed)
        np.testing.assert_array_equal(work(*given), plain(*given))


@each_net
@each_call
def test_workspace_sees_p_changed_in_place(net: Any, name: str) -> None:
    work, plain = calls(net, 7)[name]
    p, X, Y = problem(net)
    before = np.array(work(p, X, Y))
    p *= 0.5
    np.testing.assert_array_equal(work(p, X, Y), plain(p, X, Y))
    assert not np.array_equal(before, work(p, X, Y))


@each_net
@each_call
def test_workspace_leaves_its_inputs_alone(net: Any, name: str) -> None:
    given, original = problem(net), problem(net)
    calls(net, 7)[name][0](*given)
    for array, kept in zip(given, original, strict=True):
        np.testing.assert_array_equal(array, kept)


@each_net
@each_call
def test_workspaces_do_not_interfere(net: Any, name: str) -> None:
    first, second = calls(net, 7)[name][0], calls(net, 7)[name][0]
    found = first(*problem(net, seed=1))
    kept = np.array(found)
    second(*problem(net, seed=2))
    np.testing.assert_array_equal(found, kept)


@each_net
@each_call
def test_repeated_calls_allocate_no_arrays(net: Any, name: str) -> None:
    work, _ = calls(net, n := 20_000)[name]
    given = problem(net, n)
    work(*given)
    tracemalloc.start()
    try:
        work(*given)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(3):
            work(*given)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # NumPy's own buffers for a call that broadcasts, three of 8192 numbers, whatever the number of samples
    buffers = 3 * 8192 * 8 + 4096
    assert buffers < 8 * n * min(net.SIZES), "the smallest array of a value a sample would go unnoticed"
    assert peak - before < buffers
    assert after - before < 1024


@each_net
def test_gradient_goes_where_the_caller_wants_it(net: Any) -> None:
    p, X, Y = problem(net)
    work, out = net.GradientWorkspace(len(X)), np.empty(net.N_PARAMETERS)
    assert work.gradient(p, X, Y, out=out) is out
    np.testing.assert_array_equal(out, net.gradient(p, X, Y))
    cost, g = work.cost_and_gradient(p, X, Y, out=out)
    assert g is out
    assert cost == net.cost(p, X, Y)
    assert work.gradient(p, X, Y) is work.g


@each_net
def test_jacobian_rows_are_views_into_j(net: Any) -> None:
    work = net.JacobianWorkspace(4)
    work.J[...] = np.arange(work.J.size).reshape(work.J.shape)
    columns = np.arange(net.N_PARAMETERS)
    for rows, block in zip(work.rows, net.unpack(columns), strict=True):
        assert np.shares_memory(rows, work.J)
        assert rows.shape == (4, net.SIZES[-1], *block.shape)
        np.testing.assert_array_equal(rows[1, 1], work.J[net.SIZES[-1] + 1][block])


@each_net
def test_complex_workspaces_carry_a_complex_step_through(net: Any) -> None:
    p, X, Y = problem(net)
    direction = np.random.default_rng(5).standard_normal(len(p))
    q = p + 1e-30j * direction
    F = net.ForwardWorkspace(len(X), complex).forward(q, X)
    np.testing.assert_allclose(F.imag.ravel() / 1e-30, net.jacobian(p, X) @ direction, rtol=1e-12, atol=1e-15)
    hessian_row = net.GradientWorkspace(len(X), complex).gradient(q, X, Y).imag / 1e-30
    h = 1e-6
    differences = (net.gradient(p + h * direction, X, Y) - net.gradient(p - h * direction, X, Y)) / (2 * h)
    np.testing.assert_allclose(hessian_row, differences, atol=1e-8)


@each_net
@pytest.mark.parametrize("size", [1, 6, 8])
def test_samples_that_do_not_fit_a_workspace_are_refused(net: Any, size: int) -> None:
    p, X, Y = problem(net, 7)
    inputs, outputs = net.SIZES[0], net.SIZES[-1]
    for name, (work, _) in calls(net, size).items():
        expected = rf"^X: expected shape \({size}, {inputs}\), got \(7, {inputs}\)$"
        with pytest.raises(ValueError, match=expected):
            work(p, X, Y)
        if name not in ("forward", "jacobian"):
            expected = rf"^Y: expected shape \({size}, {outputs}\), got \(7, {outputs}\)$"
            with pytest.raises(ValueError, match=expected):
                work(p, np.zeros((size, inputs)), Y)


@pytest.mark.parametrize("workspace", ["ForwardWorkspace", "GradientWorkspace", "JacobianWorkspace"])
@pytest.mark.parametrize("size", [0, -1, 2.0, "7"])
def test_a_workspace_for_no_samples_is_refused(workspace: str, size: Any) -> None:
    with pytest.raises(ValueError, match=rf"^n_samples: expected a whole number from 1, got {size!r}$"):
        getattr(sigmoid_2_2_3_2, workspace)(size)


def test_an_absurdly_large_system_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = module(sigmoid_2_2_3_2, "lm_step")
    monkeypatch.setattr(lm, "MAX_SYSTEM_BYTES", 8 * 20**2)
    p, X, Y = problem(sigmoid_2_2_3_2, 10)
    lm.lm_step(p, X, Y, 1.0)  # 20 residuals
    lm.lm_step_dual(p, X, Y, 1.0)
    with pytest.raises(ValueError, match=r"^expected a system of at most .*, got 23 equations"):
        lm.lm_step_primal(p, X, Y, 1.0)
    p, X, Y = problem(sigmoid_2_2_3_2, 11)
    with pytest.raises(ValueError, match=r"got 22 equations"):
        lm.lm_step(p, X, Y, 1.0)
