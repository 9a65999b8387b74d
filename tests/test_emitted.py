"""The mathematics of the emitted packages, against hand-written networks, least squares and mpmath."""

from __future__ import annotations

from typing import Any

import by_hand
import mpmath
import numpy as np
import pytest
import sigmoid_2_2_3_2
import sigmoid_4_8_8_2
from emitted import NETS, module, problem
from hypothesis import given
from hypothesis import strategies as st

each_net = pytest.mark.parametrize("net", NETS, ids=lambda net: net.__name__)
seeds = pytest.mark.parametrize("seed", range(3))

PUBLIC = {
    "N_PARAMETERS",
    "SIZES",
    "ForwardWorkspace",
    "GradientWorkspace",
    "JacobianWorkspace",
    "RobustLoss",
    "StopReason",
    "TrainingResult",
    "blas_threads",
    "cost",
    "cost_and_gradient",
    "damped_step",
    "forward",
    "gradient",
    "gradient_descent",
    "initial_parameters",
    "jacobian",
    "levenberg_marquardt",
    "levenberg_marquardt_batches",
    "lm_step",
    "lm_step_dual",
    "lm_step_primal",
    "pack",
    "residual",
    "sgd",
    "unpack",
}


def deviation(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest deviation, relative to the largest entry."""
    return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


# -- public face and parameters --------------------------------------------------------------------------


@each_net
def test_public_names_are_exactly_those_promised(net: Any) -> None:
    assert set(net.__all__) == PUBLIC
    for name in net.__all__:
        assert name.isupper() or getattr(net, name).__doc__


@pytest.mark.parametrize(
    ("net", "sizes", "count"),
    [(sigmoid_2_2_3_2, (2, 2, 3, 2), 23), (sigmoid_4_8_8_2, (4, 8, 8, 2), 130)],
)
def test_sizes_are_those_of_the_name(net: Any, sizes: tuple[int, ...], count: int) -> None:
    assert sizes == net.SIZES
    assert count == net.N_PARAMETERS


@each_net
@pytest.mark.parametrize("n", [1, 2, 9])
def test_shapes_are_those_documented(net: Any, n: int) -> None:
    p, X, Y = problem(net, n)
    s, outputs = net.N_PARAMETERS, net.SIZES[-1]
    assert net.forward(p, X).shape == (n, outputs)
    assert type(net.cost(p, X, Y)) is float
    assert net.gradient(p, X, Y).shape == (s,)
    assert net.residual(p, X, Y).shape == (n * outputs,)
    assert net.jacobian(p, X).shape == (n * outputs, s)
    assert net.lm_step(p, X, Y, 1.0).shape == (s,)
    cost, g = net.cost_and_gradient(p, X, Y)
    assert type(cost) is float
    assert g.shape == (s,)


@each_net
def test_unpacked_blocks_are_views_in_the_documented_order(net: Any) -> None:
    p = np.arange(float(net.N_PARAMETERS))
    blocks = net.unpack(p)
    expected = [block for pair in by_hand.layers(p, net.SIZES) for block in pair]
    assert len(blocks) == len(expected)
    for block, wanted in zip(blocks, expected, strict=True):
        assert np.shares_memory(block, p)
        np.testing.assert_array_equal(block, wanted)
    blocks[0][0, 1] = -1.0
    assert p[1] == -1.0


@each_net
def test_pack_undoes_unpack_and_shares_nothing(net: Any) -> None:
    p, _, _ = problem(net)
    packed = net.pack(*net.unpack(p))
    np.testing.assert_array_equal(packed, p)
    assert not np.shares_memory(packed, p)
    np.testing.assert_array_equal(net.pack(*(block.tolist() for block in net.unpack(p))), p)


@each_net
def test_pack_refuses_missing_and_misshapen_blocks(net: Any) -> None:
    blocks = list(net.unpack(problem(net)[0]))
    with pytest.raises(ValueError, match=r"^expected 6 blocks in the order of NAMES, got 5$"):
        net.pack(*blocks[:-1])
    shape = ", ".join(map(str, blocks[2].shape))
    with pytest.raises(ValueError, match=rf"^W3: expected shape \({shape}\), got \(1, 1\)$"):
        net.pack(*blocks[:2], [[1.0]], *blocks[3:])


@each_net
def test_initial_parameters_have_the_documented_spread_and_seed(net: Any) -> None:
    p = net.initial_parameters(3)
    np.testing.assert_array_equal(p, net.initial_parameters(np.random.default_rng(3)))
    assert not np.array_equal(p, net.initial_parameters(4))
    samples = [net.initial_parameters(seed) for seed in range(300)]
    for position, block in enumerate(net.unpack(p)):
        if position % 2:
            assert not block.any()
        else:
            weights = np.array([net.unpack(q)[position] for q in samples])
            assert abs(weights.var() * block.shape[1] - 1) < 0.15


# -- forward pass, gradient and Jacobian -----------------------------------------------------------------


@each_net
@seeds
def test_forward_pass_cost_and_residual_are_those_of_a_network_by_hand(net: Any, seed: int) -> None:
    p, X, Y = problem(net, seed=seed)
    F = by_hand.forward(p, X, net.SIZES)
    np.testing.assert_allclose(net.forward(p, X), F, rtol=1e-14)
    np.testing.assert_allclose(net.cost(p, X, Y), by_hand.cost(p, X, Y, net.SIZES), rtol=1e-14)
    np.testing.assert_allclose(net.residual(p, X, Y), np.ravel(Y - F), atol=1e-15)


@each_net
@seeds
def test_gradient_is_the_complex_step_and_the_central_difference_of_the_cost(net: Any, seed: int) -> None:
    p, X, Y = problem(net, seed=seed)

    def cost(q: np.ndarray) -> Any:
        return by_hand.cost(q, X, Y, net.SIZES)

    g = net.gradient(p, X, Y)
    assert deviation(g, by_hand.complex_step(cost, p)[0]) < 1e-13
    assert deviation(g, by_hand.central_difference(cost, p)[0]) < 1e-7


@each_net
@seeds
def test_jacobian_is_the_complex_step_and_the_central_difference_of_the_output(net: Any, seed: int) -> None:
    p, X, _ = problem(net, seed=seed)
    J = net.jacobian(p, X)
    assert deviation(J, by_hand.jacobian(p, X, net.SIZES)) < 1e-13
    assert deviation(J, by_hand.central_difference(lambda q: by_hand.forward(q, X, net.SIZES), p)) < 1e-7


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.floats(0.1, 30))
def test_gradient_holds_at_random_points_and_scales(seed: int, n: int, scale: float) -> None:
    net = sigmoid_2_2_3_2
    p, X, Y = problem(net, n, seed)
    p *= scale
    expected = by_hand.complex_step(lambda q: by_hand.cost(q, X, Y, net.SIZES), p)[0]
    np.testing.assert_allclose(net.gradient(p, X, Y), expected, rtol=1e-12, atol=1e-16 * max(scale, 1) ** 2)


@each_net
def test_gradient_of_the_mean_is_the_mean_of_the_gradients(net: Any) -> None:
    p, X, Y = problem(net)
    each = [net.gradient(p, X[i : i + 1], Y[i : i + 1]) for i in range(len(X))]
    np.testing.assert_allclose(net.gradient(p, X, Y), np.mean(each, axis=0), atol=1e-16, rtol=1e-13)


@each_net
def test_gradient_is_minus_jacobian_times_residual_over_samples(net: Any) -> None:
    p, X, Y = problem(net)
    expected = -net.jacobian(p, X).T @ net.residual(p, X, Y) / len(X)
    np.testing.assert_allclose(net.gradient(p, X, Y), expected, rtol=1e-12, atol=1e-16)


@each_net
def test_cost_and_gradient_together_are_those_taken_one_by_one(net: Any) -> None:
    p, X, Y = problem(net)
    cost, g = net.cost_and_gradient(p, X, Y)
    assert cost == net.cost(p, X, Y)
    np.testing.assert_array_equal(g, net.gradient(p, X, Y))


# -- Levenberg-Marquardt ---------------------------------------------------------------------------------


@each_net
@pytest.mark.parametrize("mu", [1e-6, 1e-3, 0.1, 1.0, 2.0, 1e4])
@pytest.mark.parametrize("n", [3, 40])
def test_both_steps_solve_the_stacked_least_squares_problem(net: Any, mu: float, n: int) -> None:
    p, X, Y = problem(net, n)
    expected = by_hand.lm_step(p, X, Y, mu, net.SIZES)
    J = by_hand.jacobian(p, X, net.SIZES)
    condition = 1 + np.linalg.norm(J, 2) ** 2 / mu
    limit = 1e-15 + 1e-15 * (100 + condition) * np.max(np.abs(expected - p))
    for step in (net.lm_step, net.lm_step_primal, net.lm_step_dual):
        np.testing.assert_allclose(step(p, X, Y, mu), expected, rtol=0, atol=limit)


@pytest.mark.parametrize(
    ("net", "n", "chosen"),
    [
        (sigmoid_2_2_3_2, 11, "step_by_gram_matrix"),
        (sigmoid_2_2_3_2, 12, "step_by_normal_matrix"),
        (sigmoid_4_8_8_2, 64, "step_by_gram_matrix"),
        (sigmoid_4_8_8_2, 65, "step_by_normal_matrix"),  # 130 residuals, 130 parameters
    ],
)
def test_the_smaller_system_is_solved(net: Any, n: int, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    lm = module(net, "lm_step")
    for name in ("step_by_gram_matrix", "step_by_normal_matrix"):
        monkeypatch.setattr(lm, name, lambda p, *_, name=name: called.append(name) or p)
    net.lm_step(*problem(net, n), 1.0)
    assert called == [chosen]
    dual = "gram" in chosen and net.N_PARAMETERS > module(net, "damped").FEW
    assert type(net.damped_step(n)).__name__ == ("GramStep" if dual else "NormalStep")


@each_net
def test_large_damping_is_a_short_step_downhill(net: Any) -> None:
    p, X, Y = problem(net)
    mu = 1e9
    step = net.lm_step(np.zeros_like(p), X, Y, mu)
    np.testing.assert_allclose(
        step, -len(X) / mu * net.gradient(np.zeros_like(p), X, Y), rtol=1e-7, atol=1e-20
    )


@each_net
@pytest.mark.parametrize("mu", [0.0, -1.0, np.nan, np.inf])
def test_a_damping_that_is_not_positive_and_finite_is_refused(net: Any, mu: float) -> None:
    for step in (net.lm_step, net.lm_step_primal, net.lm_step_dual):
        with pytest.raises(ValueError, match=f"^mu: expected a positive, finite number, got {mu}$"):
            step(*problem(net), mu)


# -- the logistic ----------------------------------------------------------------------------------------


def logistic(z: float) -> float:
    """Return sigma(z) as the package computes it: all weights 0, so that F is sigma of the last biases."""
    net = sigmoid_2_2_3_2
    p = np.zeros(net.N_PARAMETERS)
    p[-2:] = z
    first, second = net.forward(p, [[0.5, -0.5]])[0]
    assert first == second
    return float(first)


def logistic_in_scalars(z: float) -> float:
    """Return sigma(z) from the scalar step: how far one output moves a bias tells its activation."""
    net = sigmoid_2_2_3_2
    p = np.zeros(net.N_PARAMETERS)
    p[-2:] = z
    before = p.copy()
    module(net, "sample_steps").sample_steps(p, [[0.0, 0.0]], [[0.0, 0.0]], [0], 1.0)
    return float((before - p)[-1])


@given(st.floats(-700, 40))
def test_logistic_keeps_every_digit(z: float) -> None:
    with mpmath.workdps(40):
        exact = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
        assert abs(mpmath.mpf(logistic(z)) / exact - 1) < 4 * 2.0**-53


@given(st.floats(-1e308, 1e308))
def test_logistic_neither_warns_nor_leaves_its_range(z: float) -> None:
    value = logistic(z)
    assert 0 <= value <= 1
    assert value < 1e-300 or z > -710
    assert value == 1.0 or z < 40


@pytest.mark.parametrize("z", [-1e308, -800.0, -709.0, -708.0, 0.0, 37.0, 709.0, 1e308])
def test_scalar_step_neither_overflows_nor_goes_astray(z: float) -> None:
    a = logistic(z)
    assert logistic_in_scalars(z) == pytest.approx(a * a * (1 - a), abs=1e-12)


@each_net
@pytest.mark.parametrize("scale", [1e3, 1e150, 1e306])
def test_saturated_network_gives_finite_numbers_without_a_warning(net: Any, scale: float) -> None:
    p, X, Y = problem(net)
    X /= 10
    assert np.isfinite(net.forward(scale * p, X)).all()
    assert np.isfinite(net.gradient(scale * p, X, Y)).all()
    assert np.isfinite(net.jacobian(scale * p, X)).all()
