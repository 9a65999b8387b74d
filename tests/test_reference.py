"""The emitted 2-2-3-2 package against values that others computed: the article's example, and its run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import by_hand
import numpy as np
import pytest
import sigmoid_2_2_3_2 as net
from higham import PERMUTATION, REFERENCE, X, Y, costsum, drawn_samples, from_columns
from sigmoid_2_2_3_2.forward import propagate

P0 = from_columns(REFERENCE["p0"])
ARTICLE = REFERENCE["matlab_rng5000"]
LM_STEPS = [net.lm_step, net.lm_step_primal, net.lm_step_dual]


def close(found: object, expected: object, relative: float = 0.0, absolute: float = 0.0) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=relative, atol=absolute)


def activations(p: np.ndarray) -> tuple[np.ndarray, ...]:
    found = tuple(np.empty((len(X), width)) for width in (2, 3, 2))
    propagate(X, net.unpack(p), found, net.ForwardWorkspace(len(X)).spare)
    return found


def descend(p: np.ndarray, samples: np.ndarray, stops: list[int]) -> dict[int, np.ndarray]:
    """Take the article's steps along the samples and return p at each of the stops."""
    found, last = {}, 0
    for stop in stops:
        p = net.sgd(p, X, Y, eta=0.05, indices=samples[last:stop], record_every=stop).p
        found[stop], last = p, stop
    return found


@pytest.fixture(scope="module")
def article_run() -> dict[int, np.ndarray]:
    """A million steps from the article's start with the article's samples."""
    return descend(from_columns(ARTICLE["p0"]), drawn_samples(), ARTICLE["steps"])


# -- one point, looked at in full ------------------------------------------------------------------------


def test_blocks_of_the_start_are_where_the_article_has_them() -> None:
    for block, name in zip(net.unpack(P0), ("W2", "b2", "W3", "b3", "W4", "b4"), strict=True):
        close(block, REFERENCE[name])


@pytest.mark.parametrize("layer", [2, 3, 4])
def test_activations_are_those_of_the_reference(layer: int) -> None:
    expected = [sample[f"a{layer}"] for sample in REFERENCE["samples"]]
    close(activations(P0)[layer - 2], expected, relative=1e-14)


@pytest.mark.parametrize("layer", [2, 3, 4])
def test_weighted_inputs_behind_the_activations_are_those_of_the_reference(layer: int) -> None:
    a = activations(P0)[layer - 2]
    expected = [sample[f"z{layer}"] for sample in REFERENCE["samples"]]
    close(np.log(a) - np.log1p(-a), expected, absolute=1e-13)


@pytest.mark.parametrize("i", range(10))
def test_deltas_of_one_sample_are_those_of_the_reference(i: int) -> None:
    sample, one = REFERENCE["samples"][i], slice(i, i + 1)
    blocks = net.unpack(net.gradient(P0, X[one], Y[one]))
    before = [X[i], sample["a2"], sample["a3"]]
    for layer in (2, 3, 4):
        W, b = blocks[2 * layer - 4], blocks[2 * layer - 3]
        close(b, sample[f"delta{layer}"], absolute=1e-15)
        close(W, np.outer(sample[f"delta{layer}"], before[layer - 2]), absolute=1e-15)
    close(net.cost(P0, X[one], Y[one]), sample["C"], relative=1e-14)


def test_cost_is_that_of_the_reference() -> None:
    close(net.cost(P0, X, Y), REFERENCE["Cost6_0"], relative=1e-14)
    close(costsum(P0), REFERENCE["costsum0"], relative=1e-14)
    close(costsum(from_columns(ARTICLE["p0"])), ARTICLE["costsum0"], relative=1e-14)


def test_gradient_is_that_of_the_reference() -> None:
    close(net.gradient(P0, X, Y), from_columns(REFERENCE["grad_Cost6"]), absolute=1e-15)


def test_jacobian_is_that_of_the_reference() -> None:
    close(net.jacobian(P0, X), np.array(REFERENCE["J"])[:, PERMUTATION], absolute=1e-13)


def test_residual_is_that_of_the_reference() -> None:
    close(net.residual(P0, X, Y), REFERENCE["r"], absolute=1e-15)


def test_jacobian_has_the_singular_values_of_the_reference() -> None:
    found = np.linalg.svd(net.jacobian(P0, X), compute_uv=False)
    close(found, REFERENCE["check"]["singular_values_J"], absolute=1e-15)


# -- descent ---------------------------------------------------------------------------------------------


def test_sgd_follows_the_reference_on_cyclic_samples() -> None:
    reference = REFERENCE["sgd_cyclic"]
    run = descend(P0, 7 * np.arange(1, 100_001) % 10, reference["steps"])
    close([costsum(p) for p in run.values()], reference["costsum"], relative=1e-12)
    for step in (1, 1000):
        close(run[step], from_columns(reference[f"p_step{step}"]), relative=1e-12)
    close(run[100_000], from_columns(reference["p_step100000"]), relative=1e-10)


def _follow_full_batch(limit: int) -> None:
    reference = REFERENCE["fullbatch_eta_0p5"]
    p, last = P0, 0
    for step, expected in zip(reference["steps"], reference["costsum"], strict=True):
        if step > limit:
            break
        p = net.gradient_descent(p, X, Y, eta=reference["eta"], steps=step - last).p
        last = step
        close(costsum(p), expected, relative=1e-12)
        if step == 1000:
            close(p, from_columns(reference["p_step1000"]), relative=1e-12)


def test_full_batch_descent_follows_the_reference() -> None:
    _follow_full_batch(limit=10_000)


@pytest.mark.slow
def test_full_batch_descent_follows_the_reference_to_the_end() -> None:
    _follow_full_batch(limit=100_000)


# -- the article's own result ----------------------------------------------------------------------------


def test_drawn_samples_are_those_of_the_articles_generator() -> None:
    drawn = drawn_samples() + 1
    assert drawn[:1000].tolist() == ARTICLE["k_first1000"]
    text = "".join(f"{k}\n" for k in drawn)
    assert hashlib.sha256(text.encode()).hexdigest() == ARTICLE["k_sha256_of_text_file"]


def test_million_steps_give_the_articles_costs(article_run: dict[int, np.ndarray]) -> None:
    close([costsum(p) for p in article_run.values()], ARTICLE["costsum"], relative=1e-9)
    close(costsum(article_run[1_000_000]), REFERENCE["article"]["reproduced_final"], relative=1e-9)
    for step, relative in ((1000, 1e-12), (200_000, 1e-9), (1_000_000, 1e-9)):
        close(article_run[step], from_columns(ARTICLE[f"p_step{step}"]), relative=relative)


def _crossing(side: Callable[[float], float], low: float = 0.0, high: float = 1.0) -> float:
    """Return where a function of one number changes its sign, by bisection."""
    rising = side(high) > 0
    assert (side(low) > 0) != rising, "there is no crossing in the frame"
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if (side(middle) > 0) == rising else (middle, high)
    return low


def test_trained_boundary_is_the_curve_of_the_articles_figure_8(
    article_run: dict[int, np.ndarray],
) -> None:
    def side(x: float, y: float) -> float:
        first, second = net.forward(article_run[1_000_000], [[x, y]])[0]
        return float(first - second)

    figure = REFERENCE["article"]["fig8_boundary_F1_eq_F2"]
    close(_crossing(lambda x: side(x, 0.0)), figure["x_at_y0"], absolute=1e-9)
    close(_crossing(lambda y: side(1.0, y)), figure["y_at_x1"], absolute=1e-9)
    y = figure["leftmost_y_about"]
    close(_crossing(lambda x: side(x, y), high=0.5), figure["leftmost_x"], absolute=1e-9)
    edge = [_crossing(lambda x, y=y: side(x, y), high=0.5) for y in np.linspace(0.4, 0.7, 31)]
    close(min(edge), figure["leftmost_x"], absolute=2e-6)


def test_trained_network_parts_the_two_classes(article_run: dict[int, np.ndarray]) -> None:
    found = net.forward(article_run[1_000_000], X).argmax(axis=1)
    assert found.tolist() == [0] * 5 + [1] * 5


# -- Levenberg-Marquardt ---------------------------------------------------------------------------------


def fixed_damping(
    step: Callable[..., np.ndarray], p: np.ndarray, mu: float, steps: int = 20
) -> list[np.ndarray]:
    """Return every p of steps that are all accepted."""
    found = [p]
    for _ in range(steps):
        found.append(step(found[-1], X, Y, mu))
    return found


@pytest.mark.parametrize("step", LM_STEPS)
def test_fixed_damping_from_a_trained_network_follows_the_reference(step: Callable[..., np.ndarray]) -> None:
    reference = REFERENCE["lm_sgd_mu1e3"]
    run = fixed_damping(step, from_columns(ARTICLE["p_step200000"]), reference["mu"])
    close([costsum(p) for p in run], reference["costsum"], relative=1e-11)
    close(run[-1], from_columns(reference["p_final"]), relative=1e-11)


@pytest.mark.parametrize("step", LM_STEPS)
def test_tiny_fixed_damping_from_p0_diverges_as_in_the_reference(step: Callable[..., np.ndarray]) -> None:
    reference = REFERENCE["lm_p0_mu1e3"]
    run = fixed_damping(step, P0, reference["mu"])
    close([costsum(p) for p in run], reference["costsum"], relative=1e-8)
    close(run[1], from_columns(reference["p_iter1"]), relative=1e-9)
    close(run[-1], from_columns(reference["p_final"]), relative=1e-7)
    assert costsum(run[-1]) > 9.99


def test_unit_fixed_damping_from_p0_follows_stacked_least_squares() -> None:
    run = fixed_damping(net.lm_step, P0, 1.0)
    expected = fixed_damping(lambda p, *rest: by_hand.lm_step(p, *rest, net.SIZES), P0, 1.0)
    close(run, expected, absolute=1e-12)
    assert costsum(run[-1]) < costsum(P0)


@pytest.mark.parametrize("mu", [1e-3, 1.0])
@pytest.mark.parametrize("start", ["p0", "the article's"])
def test_adaptive_damping_solves_the_example_where_fixed_damping_diverges(start: str, mu: float) -> None:
    p = P0 if start == "p0" else from_columns(ARTICLE["p0"])
    result = net.levenberg_marquardt(p, X, Y, mu=mu, goal=1e-6 / 20)
    assert result.reason is net.StopReason.GOAL
    assert costsum(result.p) < 1e-6
