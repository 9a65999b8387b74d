"""Training with the emitted packages: every reason to stop, what a result holds, settings, and LM's rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sigmoid_2_2_3_2 as net
from emitted import NETS, module, problem

P, X, Y = problem(net)
StopReason = net.StopReason
train = module(net, "train")

# the same settings for all three, so that every step is recorded
RUNS: dict[str, Callable[..., Any]] = {
    "gradient_descent": lambda *given, **more: net.gradient_descent(*given, **{"steps": 8, **more}),
    "sgd": lambda *given, **more: net.sgd(*given, **{"steps": 8, "seed": 1, "record_every": 1, **more}),
    "levenberg_marquardt": lambda *given, **more: net.levenberg_marquardt(*given, **{"steps": 8, **more}),
}


def workspace() -> Any:
    """Return the class whose steps are taken: for seven samples the Gram matrix is the smaller system."""
    return type(net.damped_step(len(X)))


each_run = pytest.mark.parametrize("name", RUNS)


def check_consistent(result: Any) -> None:
    """Whatever made a run stop: p is finite, the cost is that of p, the history begins at step 0."""
    assert np.isfinite(result.p).all()
    assert result.cost == net.cost(result.p, X, Y)
    assert result.history[0][:2] == (0, net.cost(P, X, Y))
    assert [step for step, *_ in result.history] == sorted({step for step, *_ in result.history})
    assert (result.steps, result.cost) == result.history[-1][:2]


# -- why a run stops -------------------------------------------------------------------------------------


def test_every_reason_to_stop_has_a_test() -> None:
    assert {reason.name for reason in StopReason} == {
        "STEPS",
        "GOAL",
        "GRADIENT",
        "STEP_SIZE",
        "DECREASE",
        "EVALUATIONS",
        "VALIDATION",
        "DAMPING",
        "NON_FINITE",
        "CALLBACK",
        "INTERRUPTED",
    }


@each_run
def test_run_stops_after_the_steps_asked_for(name: str) -> None:
    result = RUNS[name](P, X, Y)
    assert result.reason is StopReason.STEPS
    assert [step for step, *_ in result.history] == list(range(9))
    check_consistent(result)


@each_run
def test_run_stops_at_the_first_step_that_reaches_the_goal(name: str) -> None:
    costs = [cost for _, cost, *_ in RUNS[name](P, X, Y).history]
    goal = (costs[2] + costs[3]) / 2
    result = RUNS[name](P, X, Y, goal=goal)
    assert result.reason is StopReason.GOAL
    assert result.steps == next(step for step, cost in enumerate(costs) if cost <= goal)
    check_consistent(result)


@each_run
def test_run_that_starts_at_its_goal_takes_no_step(name: str) -> None:
    result = RUNS[name](P, X, Y, goal=1.0)
    assert (result.reason, result.steps) == (StopReason.GOAL, 0)
    check_consistent(result)


@pytest.mark.parametrize("name", ["gradient_descent", "levenberg_marquardt"])
def test_run_stops_where_the_gradient_is_small(name: str) -> None:
    norms: list[float] = []

    def watch(step: int, p: np.ndarray, cost: float) -> None:
        norms.append(float(np.linalg.norm(net.gradient(p, X, Y))))

    RUNS[name](P, X, Y, steps=40, callback=watch)
    gtol = min(norms)
    result = RUNS[name](P, X, Y, steps=50, gtol=gtol)
    assert result.reason is StopReason.GRADIENT
    assert result.steps == norms.index(gtol) > 0
    check_consistent(result)


def test_levenberg_marquardt_stops_after_a_step_that_is_small_for_p() -> None:
    steps: list[np.ndarray] = []
    net.levenberg_marquardt(P, X, Y, steps=30, callback=lambda step, p, cost: steps.append(p.copy()))
    sizes = [np.linalg.norm(q - p) / np.linalg.norm(p) for p, q in pairwise(steps)]
    xtol = sorted(sizes)[5]
    result = net.levenberg_marquardt(P, X, Y, steps=30, xtol=xtol)
    assert result.reason is StopReason.STEP_SIZE
    assert result.steps == 1 + next(k for k, size in enumerate(sizes) if size <= xtol)
    check_consistent(result)


def test_levenberg_marquardt_stops_where_no_step_leads_downhill() -> None:
    # one input with two opposite targets: with all weights 0 the outputs lie in the middle, and stay there
    p, X, Y = np.zeros(23), [[0.3, 0.7]] * 2, [[0.0, 1.0], [1.0, 0.0]]
    result = net.levenberg_marquardt(p, X, Y, mu=1.0, mu_max=1e6, ftol=0)
    assert result.reason is StopReason.DAMPING
    assert (result.steps, result.evaluations) == (0, 3)  # a cost, a Jacobian, and a step that moves nothing
    np.testing.assert_array_equal(result.p, p)
    assert result.cost == 0.25


@each_run
def test_run_that_starts_without_a_finite_cost_takes_no_step(name: str) -> None:
    with np.errstate(over="ignore"):
        result = RUNS[name](P, X, 1e200 * Y)
    assert (result.reason, result.steps) == (StopReason.NON_FINITE, 0)
    np.testing.assert_array_equal(result.p, P)


@pytest.mark.parametrize("settings", [{}, {"batch": 1}, {"batch": 2}])
def test_diverging_run_stops_and_gives_back_the_last_finite_state(settings: dict[str, Any]) -> None:
    # a step so long that the first weights overflow: infinity meets infinity of the other sign
    p, inputs = P.copy(), 1e6 * X
    net.unpack(p)[0][...] = 0
    with np.errstate(over="ignore", invalid="ignore"):
        result = RUNS["sgd" if settings else "gradient_descent"](p, inputs, Y, eta=1e308, **settings)
    assert result.reason is StopReason.NON_FINITE
    assert np.isfinite(result.p).all()
    assert np.isnan(result.history[-1][1])
    assert result.cost == result.history[-2][1] == net.cost(result.p, inputs, Y)


def test_levenberg_marquardt_takes_a_step_that_overflows_for_a_rejected_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    damping, system = [], module(net, "definite").ShiftedSystem
    factor = system._by_factor

    def failing(self: Any, mu: float, right: np.ndarray) -> np.ndarray:
        damping.append(mu)
        if len(damping) == 1:
            raise np.linalg.LinAlgError("Matrix is not positive definite")
        return factor(self, mu, right) * (np.nan if len(damping) == 2 else 1.0)

    monkeypatch.setattr(system, "_by_factor", failing)
    result = net.levenberg_marquardt(P, X, Y, mu=1.0, steps=1)
    assert damping[:3] == [1.0, 10.0, 100.0]
    assert result.steps == 1
    check_consistent(result)


@each_run
def test_callback_is_told_every_step_and_can_stop_the_run(name: str) -> None:
    told: list[tuple[int, float, float]] = []

    def watch(step: int, p: np.ndarray, cost: float) -> bool:
        told.append((step, cost, net.cost(p, X, Y)))
        return step == 3

    result = RUNS[name](P, X, Y, callback=watch)
    assert result.reason is StopReason.CALLBACK
    assert [entry[:2] for entry in result.history] == [(step, cost) for step, cost, _ in told]
    assert [step for step, _, _ in told] == [0, 1, 2, 3]
    assert all(cost == of_p for _, cost, of_p in told)
    check_consistent(result)


@each_run
def test_what_a_callback_keeps_does_not_change_later(name: str) -> None:
    kept: list[tuple[np.ndarray, float]] = []
    RUNS[name](P, X, Y, callback=lambda step, p, cost: kept.append((p, cost)))
    assert [net.cost(p, X, Y) for p, _ in kept] == [cost for _, cost, *_ in kept]


@each_run
@pytest.mark.parametrize("at", [0, 3])
def test_interrupt_gives_back_the_last_state_that_was_recorded(name: str, at: int) -> None:
    def interrupt(step: int, p: np.ndarray, cost: float) -> None:
        if step == at:
            raise KeyboardInterrupt

    try:
        result = RUNS[name](P, X, Y, callback=interrupt)
    except KeyboardInterrupt:
        pytest.fail("the interrupt came through and the run is lost")
    assert result.reason is StopReason.INTERRUPTED
    assert result.steps == at
    check_consistent(result)


@pytest.mark.parametrize(
    ("name", "slow_part"),
    [
        ("gradient_descent", "GradientWorkspace.cost_and_gradient"),
        ("sgd", "_Batches.descend"),
        ("levenberg_marquardt", "step.at"),
    ],
)
def test_interrupt_in_the_middle_of_a_step_loses_nothing(
    name: str, slow_part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner_name, method = slow_part.split(".")
    owner = workspace() if owner_name == "step" else getattr(train, owner_name)
    original, calls = getattr(owner, method), []

    def interrupted(self: Any, p: np.ndarray, *rest: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            if name == "sgd":  # only there p itself moves: the worst that half a step can leave behind
                p[...] = np.nan
            raise KeyboardInterrupt
        return original(self, p, *rest)

    monkeypatch.setattr(owner, method, interrupted)
    result = RUNS[name](P, X, Y)
    assert result.reason is StopReason.INTERRUPTED
    assert result.steps in (2, 3)
    check_consistent(result)


@pytest.mark.parametrize("name", ["gradient_descent", "levenberg_marquardt"])
def test_evaluations_count_the_passes_that_were_made(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []

    def counted(pass_: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given: passes.append(1) or pass_(*given)

    for owner, method in [
        (train.ForwardWorkspace, "cost"),
        (train.GradientWorkspace, "cost_and_gradient"),
        (train.GradientWorkspace, "gradient"),
        (workspace(), "at"),
    ]:
        monkeypatch.setattr(owner, method, counted(getattr(owner, method)))
    assert RUNS[name](P, X, Y).evaluations == len(passes)


# -- settings --------------------------------------------------------------------------------------------

POSITIVE = "expected a positive, finite number, got"
WHOLE = "expected a whole number from"
BAD_SETTINGS = [
    *[
        (name, {"eta": eta}, f"eta: {POSITIVE} {eta}")
        for name in ("gradient_descent", "sgd")
        for eta in (0, -0.1)
    ],
    ("sgd", {"eta": np.nan}, f"eta: {POSITIVE} nan"),
    ("gradient_descent", {"eta": np.inf}, f"eta: {POSITIVE} inf"),
    *[(name, {"steps": -1}, f"steps: {WHOLE} 0, got -1") for name in RUNS],
    *[(name, {"steps": 2.5}, f"steps: {WHOLE} 0, got 2.5") for name in RUNS],
    ("sgd", {"batch": 0}, f"batch: {WHOLE} 1, got 0"),
    ("sgd", {"batch": 1.0}, f"batch: {WHOLE} 1, got 1.0"),
    ("sgd", {"record_every": 0}, f"record_every: {WHOLE} 1, got 0"),
    ("sgd", {"order": "cyclic"}, "order: expected 'replacement' or 'epoch', got 'cyclic'"),
    ("sgd", {"order": "epoch", "batch": 8}, "batch: expected at most 7 for order 'epoch', got 8"),
    ("levenberg_marquardt", {"mu": 0.0}, f"mu: {POSITIVE} 0.0"),
    ("levenberg_marquardt", {"mu": np.inf}, f"mu: {POSITIVE} inf"),
    ("levenberg_marquardt", {"mu_min": -1.0}, f"mu_min: {POSITIVE} -1.0"),
    ("levenberg_marquardt", {"mu_max": np.nan}, f"mu_max: {POSITIVE} nan"),
]


@pytest.mark.parametrize(("name", "settings", "message"), BAD_SETTINGS)
def test_settings_that_make_no_sense_are_refused_in_one_line(
    name: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        RUNS[name](P, X, Y, **settings)


# -- descent and Levenberg-Marquardt ---------------------------------------------------------------------


def test_gradient_descent_goes_against_the_gradient() -> None:
    p = P
    for _ in range(5):
        p = p - 0.3 * net.gradient(p, X, Y)
    np.testing.assert_allclose(net.gradient_descent(P, X, Y, eta=0.3, steps=5).p, p, rtol=1e-14)


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.__name__)
@pytest.mark.parametrize("mu", [1e-6, 1.0, 1e3])
@pytest.mark.parametrize("seed", range(3))
def test_levenberg_marquardt_never_goes_uphill(net: Any, mu: float, seed: int) -> None:
    p, X, Y = problem(net, 12, seed)
    result = net.levenberg_marquardt(p, X, Y, mu=mu, steps=25)
    costs = [cost for _, cost, *_ in result.history]
    assert all(later < earlier for earlier, later in pairwise(costs))
    assert result.cost == costs[-1] < costs[0]


def test_damping_falls_after_a_step_downhill_rises_after_any_other_and_has_a_floor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    damping: list[tuple[int, float]] = []
    accepted, trial = [0], workspace().trial

    def watched(self: Any, mu: float) -> np.ndarray | None:
        damping.append((len(accepted), mu))
        return trial(self, mu)

    monkeypatch.setattr(workspace(), "trial", watched)
    net.levenberg_marquardt(
        P, X, Y, mu=1e-2, mu_min=1e-4, steps=40, callback=lambda step, p, cost: accepted.append(step)
    )
    rises = falls = 0
    for (steps, mu), (steps_later, mu_later) in pairwise(damping):
        wanted = 10 * mu if steps_later == steps else max(mu / 10, 1e-4)
        assert mu_later == pytest.approx(wanted)
        rises, falls = rises + (steps_later == steps), falls + (steps_later > steps)
    assert rises
    assert falls
