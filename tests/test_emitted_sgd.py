"""Stochastic descent with the emitted packages: which samples are drawn, and what one step does with them."""

from __future__ import annotations

import re
from typing import Any

import by_hand
import numpy as np
import pytest
import sigmoid_2_2_3_2
from emitted import NETS, module, problem

net = sigmoid_2_2_3_2
P, X, Y = problem(net)
N = len(X)
each_net = pytest.mark.parametrize("net", NETS, ids=lambda net: net.__name__)


def descend_by_hand(net: Any, p: np.ndarray, rows: np.ndarray, eta: float) -> np.ndarray:
    """Take one step for each row of sample numbers along complex-step gradients of the cost by hand."""
    _, X, Y = problem(net)
    for drawn in rows:

        def cost(q: np.ndarray, drawn: Any = drawn) -> Any:
            return by_hand.cost(q, X[drawn], Y[drawn], net.SIZES)

        p = p - eta * by_hand.complex_step(cost, p)[0]
    return p


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Every row of sample numbers that a run descends on."""
    seen: list[np.ndarray] = []
    batches = module(net, "train")._Batches
    descend = batches.descend

    def watched(self: Any, p: np.ndarray, rows: np.ndarray, eta: float) -> None:
        seen.extend(np.array(rows))
        descend(self, p, rows, eta)

    monkeypatch.setattr(batches, "descend", watched)
    return seen


# -- one step --------------------------------------------------------------------------------------------


@each_net
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_steps_are_those_of_descent_by_hand_on_the_same_samples(net: Any, batch: int) -> None:
    p, X, Y = problem(net)
    rows = np.random.default_rng(2).integers(len(X), size=(6, batch))
    found = net.sgd(p, X, Y, eta=0.4, indices=rows)
    assert found.steps == 6
    np.testing.assert_allclose(found.p, descend_by_hand(net, p, rows, 0.4), rtol=1e-13, atol=1e-15)


@each_net
def test_scalar_steps_are_the_steps_of_the_array_code(net: Any) -> None:
    p, X, Y = problem(net)
    order = np.random.default_rng(3).integers(len(X), size=500)
    alone = net.sgd(p, X, Y, eta=0.3, indices=order)
    # the mean over the same sample twice is that sample, but goes through the arrays
    twice = net.sgd(p, X, Y, eta=0.3, indices=np.column_stack([order, order]))
    np.testing.assert_allclose(alone.p, twice.p, rtol=1e-12)
    batches = module(net, "train")._Batches(X, Y, 1)
    batches.batch = 0  # neither one sample nor any other number: the array code, on one sample
    q = p.copy()
    batches.descend(q, order[:, None], 0.3)
    np.testing.assert_allclose(alone.p, q, rtol=1e-12)


def test_scalar_steps_change_p_in_place_and_leave_the_samples_alone() -> None:
    p, given_X, given_Y = P.copy(), X.copy(), Y.copy()
    module(net, "sample_steps").sample_steps(p, given_X.tolist(), given_Y.tolist(), [1, 0, 1], 0.1)
    np.testing.assert_allclose(p, net.sgd(P, X, Y, eta=0.1, indices=[1, 0, 1]).p, rtol=0)
    np.testing.assert_array_equal(given_X, X)
    np.testing.assert_array_equal(given_Y, Y)


# -- which samples ---------------------------------------------------------------------------------------


def test_indices_of_one_and_of_two_dimensions_mean_the_same() -> None:
    order = np.arange(20) % N
    flat = net.sgd(P, X, Y, indices=order)
    column = net.sgd(P, X, Y, indices=order[:, None])
    np.testing.assert_array_equal(flat.p, column.p)
    assert (flat.steps, flat.history) == (20, column.history)


def test_indices_are_taken_as_they_are_whatever_else_is_asked_for(drawn: list[np.ndarray]) -> None:
    result = net.sgd(P, X, Y, indices=[[3, 0], [6, 6]], steps=9, batch=5, order="epoch", seed=1)
    assert (result.steps, np.array(drawn).tolist()) == (2, [[3, 0], [6, 6]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint64, list])
def test_indices_of_any_whole_type_are_taken(dtype: Any) -> None:
    order = [0, 6, 3]
    given = order if dtype is list else np.array(order, dtype)
    np.testing.assert_array_equal(net.sgd(P, X, Y, indices=given).p, net.sgd(P, X, Y, indices=order).p)


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([0, 7], "indices: expected 0 to 6, got 0 to 7"),
        ([-1, 2], "indices: expected 0 to 6, got -1 to 2"),
        ([[0, 1], [2, 9]], "indices: expected 0 to 6, got 0 to 9"),
        ([], "indices: expected whole numbers of shape (steps,) or (steps, batch), got dtype float64"),
        ([0.0, 1.0], "indices: expected whole numbers"),
        ([True, False], "indices: expected whole numbers"),
        (3, "indices: expected whole numbers"),
        (np.zeros((2, 2, 2), int), "indices: expected whole numbers"),
        (np.zeros((2, 0), int), "indices: expected whole numbers"),
        (["a"], "indices: expected whole numbers"),
        ([[0, 1], [2]], "indices: expected whole numbers"),
    ],
)
def test_indices_that_name_no_samples_are_refused_in_one_line(indices: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}") as caught:
        net.sgd(P, X, Y, indices=indices)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
def test_an_epoch_uses_every_sample_at_most_once_and_leaves_out_only_what_fills_no_batch(
    drawn: list[np.ndarray], batch: int
) -> None:
    per_epoch = N // batch
    net.sgd(P, X, Y, steps=5 * per_epoch, batch=batch, order="epoch", seed=0)
    epochs = np.array(drawn).reshape(5, -1)
    assert all(len(set(epoch.tolist())) == per_epoch * batch for epoch in epochs)
    assert set(epochs.ravel().tolist()) == set(range(N))
    assert len({tuple(epoch) for epoch in epochs.tolist()}) > 1, "every epoch is shuffled anew"


def test_an_epoch_can_be_cut_short(drawn: list[np.ndarray]) -> None:
    assert net.sgd(P, X, Y, steps=10, order="epoch", seed=0).steps == 10
    assert len(drawn) == 10


def test_replacement_draws_every_sample_equally_often(drawn: list[np.ndarray]) -> None:
    net.sgd(P, X, Y, steps=7000, batch=1, seed=0)
    counts = np.bincount(np.ravel(drawn), minlength=N)
    assert counts.sum() == 7000
    assert np.sum((counts - 1000) ** 2 / 1000) < 22.5  # chi squared with 6 degrees of freedom, p = 0.001
    repeats = np.mean(np.diff(np.ravel(drawn)) == 0)
    assert abs(repeats - 1 / N) < 0.02


@pytest.mark.parametrize("settings", [{}, {"batch": 3}, {"order": "epoch"}, {"order": "epoch", "batch": 3}])
def test_a_seed_gives_the_same_run_again(settings: dict[str, Any]) -> None:
    runs = [net.sgd(P, X, Y, steps=50, seed=seed, **settings) for seed in (5, 5, np.random.default_rng(5), 6)]
    for same in runs[1:3]:
        np.testing.assert_array_equal(same.p, runs[0].p)
        assert same.history == runs[0].history
    assert not np.array_equal(runs[3].p, runs[0].p)


# -- the record ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["replacement", "epoch"])
@pytest.mark.parametrize("every", [1, 7, 10, 25, 1000])
def test_recording_more_or_less_often_changes_no_step(order: Any, every: int) -> None:
    settings: dict[str, Any] = {"steps": 25, "seed": 0, "order": order}
    result = net.sgd(P, X, Y, record_every=every, **settings)
    np.testing.assert_array_equal(result.p, net.sgd(P, X, Y, **settings).p)
    recorded = [step for step, _ in result.history]
    assert recorded == [*range(0, 25, every), 25]


def test_a_run_is_recorded_a_hundred_times_unless_asked_otherwise() -> None:
    history = net.sgd(P, X, Y, steps=2000, seed=0).history
    assert [step for step, _ in history] == list(range(0, 2001, 20))
