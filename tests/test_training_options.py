"""What a run may be asked beside damping: weights, a ridge, robust losses, a few samples at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import net_1_20_tanh_1_linear as wide
import numpy as np
import pytest
import sigmoid_2_2_3_2 as net
from emitted import module, problem

P, X, Y = problem(net, 40)
StopReason = net.StopReason
RULES = ["marquardt", "nielsen", "trust-region"]
each_rule = pytest.mark.parametrize("damping", RULES)
few_or_many = pytest.mark.parametrize("samples", [5, 40], ids=["dual", "primal"])


def noisy(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return samples of a sine with noise, every ninth of them far off."""
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, n)[:, None]
    y = np.sin(3 * x) + 0.05 * rng.standard_normal(x.shape)
    y[::9] += 3
    return x, y


# -- weights ---------------------------------------------------------------------------------------------


@each_rule
@few_or_many
def test_a_weight_of_three_is_a_sample_that_is_there_three_times(damping: str, samples: int) -> None:
    p, inputs, targets = problem(net, samples)
    times = np.array([3, 1, 0, 2, 1] * (samples // 5))
    repeated = np.repeat(np.arange(samples), times)
    settings: dict[str, Any] = {"damping": damping, "steps": 8}
    result = net.levenberg_marquardt(p, inputs, targets, weights=times, **settings)
    other = net.levenberg_marquardt(p, inputs[repeated], targets[repeated], **settings)
    np.testing.assert_allclose(result.p, other.p, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(result.cost * samples, other.cost * len(repeated), rtol=1e-9)


@pytest.mark.parametrize("weights", [np.ones(39), -np.ones(40), np.zeros(40), np.full(40, np.nan)])
def test_weights_that_make_no_sense_are_refused_in_one_line(weights: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"^weights: expected [^\n]*$"):
        net.levenberg_marquardt(P, X, Y, weights=weights)


# -- ridge -----------------------------------------------------------------------------------------------


@each_rule
@few_or_many
def test_a_ridge_ends_where_cost_and_ridge_together_are_flat(damping: str, samples: int) -> None:
    p, inputs, targets = problem(net, samples)
    result = net.levenberg_marquardt(p, inputs, targets, ridge=0.1, damping=damping, steps=400, ftol=1e-15)
    pull = 0.1 * result.p / samples  # of ridge ||p||^2 / (2 N)
    np.testing.assert_allclose(net.gradient(result.p, inputs, targets), -pull, atol=1e-7)
    share = 0.1 * result.p @ result.p / (2 * samples)
    assert result.cost == pytest.approx(net.cost(result.p, inputs, targets) + share, rel=1e-12)
    costs = [record.cost for record in result.history]
    assert costs == sorted(costs, reverse=True)


def test_the_evidence_finds_the_noise_and_how_many_parameters_matter() -> None:
    rng = np.random.default_rng(1)
    x = np.linspace(-1, 1, 400)[:, None]
    y = np.sin(3 * x) + 0.1 * rng.standard_normal(x.shape)
    result = wide.levenberg_marquardt(wide.initial_parameters(0, "nguyen-widrow"), x, y, ridge="bayes")
    last = result.history[-1]
    r, J = wide.residual(result.p, x, y), wide.jacobian(result.p, x)
    values = np.linalg.eigvalsh(J.T @ J)
    gamma = float(np.sum(values / (values + last.ridge)))
    assert gamma == pytest.approx(last.effective_parameters, rel=0.05)  # for the ridge before the last
    assert 4 < gamma < 30
    assert r @ r / (400 - gamma) == pytest.approx(0.01, rel=0.2)
    assert last.ridge == pytest.approx(gamma / (result.p @ result.p) * (r @ r) / (400 - gamma), rel=0.05)


# -- robust losses ---------------------------------------------------------------------------------------


@each_rule
@pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy"])
def test_a_robust_run_ends_where_the_robust_objective_is_flat(loss: str, damping: str) -> None:
    x, y = noisy()
    start = wide.initial_parameters(0, "nguyen-widrow")
    settings: dict[str, Any] = {"loss": loss, "f_scale": 0.1, "ridge": 1e-2}
    result = wide.levenberg_marquardt(start, x, y, damping=damping, steps=500, **settings)
    robust = wide.RobustLoss(loss, 0.1, x.shape)

    def objective(p: np.ndarray) -> float:
        return robust.total(wide.residual(p, x, y).reshape(x.shape)) + 1e-2 * p @ p

    slope = [
        (objective(result.p + step) - objective(result.p - step)) / 2e-6
        for step in 1e-6 * np.eye(wide.N_PARAMETERS)
    ]
    assert np.abs(slope).max() < 1e-4
    assert 2 * len(x) * result.cost == pytest.approx(objective(result.p), rel=1e-12)
    off = wide.forward(result.p, x) - np.sin(3 * x)
    assert np.abs(off).mean() < 0.1  # the samples that are far off pull little


def test_scipy_finds_nothing_lower_with_the_same_loss() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    x, y = noisy()
    start = wide.initial_parameters(0, "nguyen-widrow")
    result = wide.levenberg_marquardt(start, x, y, loss="soft_l1", f_scale=0.1, steps=500)
    theirs = optimize.least_squares(
        lambda p: wide.residual(p, x, y),
        result.p,
        jac=lambda p: -wide.jacobian(p, x),
        loss="soft_l1",
        f_scale=0.1,
        max_nfev=20,
    )
    first = 0.5 * wide.RobustLoss("soft_l1", 0.1, x.shape).total(
        wide.residual(result.p, x, y).reshape(x.shape)
    )
    assert len(x) * result.cost == pytest.approx(first, rel=1e-12)
    assert theirs.cost > 0.99 * first


def test_a_loss_without_a_name_here_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^loss: expected .*soft_l1, huber, cauchy, got 'arctan'$"):
        net.levenberg_marquardt(P, X, Y, loss="arctan")


# -- what is no sample, validation or state --------------------------------------------------------------


@pytest.mark.parametrize(("name", "X", "Y"), [("X", 1e39 * X, Y), ("Y", X, 1e39 * Y)])
def test_samples_beyond_float32_are_refused_and_not_made_infinite(name: str, X: Any, Y: Any) -> None:
    message = rf"^{name}: expected numbers that float32 holds, got a larger one$"
    with pytest.raises(ValueError, match=message):
        net.levenberg_marquardt(P, X, Y, dtype=np.float32)
    with pytest.raises(ValueError, match=message):
        net.levenberg_marquardt_batches(P, X, Y, batch=10, dtype=np.float32)
    assert np.isfinite(net.levenberg_marquardt(P, X, Y, steps=1).cost)  # float64 holds them
    with pytest.raises(ValueError, match=r"^p: expected numbers that float32 holds"):
        net.levenberg_marquardt(np.full_like(P, 1e39), X / 1e39, Y, dtype=np.float32)


def test_a_result_in_the_place_of_its_state_is_refused_in_one_line() -> None:
    result = net.levenberg_marquardt(P, X, Y, steps=2)
    with pytest.raises(ValueError, match=r"^resume: expected the state of a result, got TrainingResult$"):
        net.levenberg_marquardt(P, X, Y, resume=result)
    with pytest.raises(ValueError, match=r"^resume: expected records of 8 numbers, got \(2,\)$"):
        net.levenberg_marquardt(P, X, Y, resume={**result.state, "history": np.ones(2)})


def test_a_validation_of_one_part_is_refused_by_how_many_there_are() -> None:
    with pytest.raises(ValueError, match=r"^validation: expected a pair \(X, Y\), got tuple of 1$"):
        net.levenberg_marquardt(P, X, Y, validation=(X,))


# -- memory ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [{}, {"weights": np.linspace(0, 2, 40)}, {"loss": "huber", "f_scale": 0.1}]
)
def test_chunks_change_nothing_but_rounding(settings: dict[str, Any]) -> None:
    whole = net.levenberg_marquardt(P, X, Y, steps=5, **settings)
    pieces = net.levenberg_marquardt(P, X, Y, steps=5, memory=2000, **settings)
    np.testing.assert_allclose(pieces.p, whole.p, rtol=1e-8, atol=1e-10)
    assert pieces.cost == pytest.approx(whole.cost, rel=1e-12)


@few_or_many
def test_a_system_that_is_absurdly_large_is_refused_before_it_is_made(
    samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    p, inputs, targets = problem(net, samples)
    monkeypatch.setattr(module(net, "lm_step"), "MAX_SYSTEM_BYTES", 8 * 9**2)
    with pytest.raises(ValueError, match=r"^expected a system of at most .* --with matrix-free$"):
        net.levenberg_marquardt(p, inputs, targets)


# -- a few samples at a time -----------------------------------------------------------------------------


@each_rule
def test_batches_bring_the_cost_of_all_samples_down(damping: str) -> None:
    x = np.linspace(-1, 1, 600)[:, None]
    y = np.sin(3 * x)
    start = wide.initial_parameters(0, "nguyen-widrow")
    result = wide.levenberg_marquardt_batches(start, x, y, batch=200, epochs=15, goal=1e-6, damping=damping)
    assert result.reason is wide.StopReason.GOAL
    assert result.cost == wide.cost(result.p, x, y) <= 1e-6


def test_batches_never_take_a_step_uphill_on_their_own_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    from sigmoid_2_2_3_2 import mini_batches

    seen = []

    class Watched(mini_batches.Search):  # type: ignore[misc]
        def downhill(self, p: Any, cost: float, moved: Any, stationary: Any) -> Any:
            before, there = self.fit.cost(p), p.copy()
            found = super().downhill(p, cost, moved, stationary)
            seen.append((before, cost, self.cost, self.fit.cost(moved)))
            np.testing.assert_array_equal(p, there)
            return found

    monkeypatch.setattr(mini_batches, "Search", Watched)
    net.levenberg_marquardt_batches(P, X, Y, batch=10, epochs=5)
    assert len(seen) == 20
    for before, cost, lower, moved in seen:
        assert before == cost
        assert not lower < cost or moved == lower


def test_batches_saved_and_gone_on_with_are_those_of_one_run(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"batch": 7, "seed": 3, "weights": np.linspace(0.5, 1, 40), "ridge": 0.01}
    whole = net.levenberg_marquardt_batches(P, X, Y, epochs=6, **settings)
    half = net.levenberg_marquardt_batches(P, X, Y, epochs=3, **settings)
    np.savez(tmp_path / "state.npz", **half.state)
    with np.load(tmp_path / "state.npz") as state:
        rest = net.levenberg_marquardt_batches(P, X, Y, epochs=3, resume=state, **settings)
    np.testing.assert_array_equal(rest.p, whole.p)
    np.testing.assert_array_equal(np.array(rest.history), np.array(whole.history))
    for name, value in whole.state.items():
        np.testing.assert_array_equal(rest.state[name], value, err_msg=name)


def test_a_run_over_batches_that_was_interrupted_gives_the_best_epoch() -> None:
    def interrupt(epoch: int, p: np.ndarray, cost: float) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    cut = net.levenberg_marquardt_batches(P, X, Y, batch=10, callback=interrupt)
    assert cut.reason is StopReason.INTERRUPTED
    assert cut.cost == net.cost(cut.p, X, Y) == min(record.cost for record in cut.history)


@pytest.mark.parametrize(
    "settings", [{"batch": 41}, {"batch": 0}, {"batch": 5, "seed": -1}, {"batch": 5, "trials": 0}]
)
def test_batches_that_make_no_sense_are_refused_in_one_line(settings: dict[str, Any]) -> None:
    name = list(settings)[-1]
    with pytest.raises(ValueError, match=rf"^{name}: expected .*, got .*$"):
        net.levenberg_marquardt_batches(P, X, Y, **settings)


# -- the radius ------------------------------------------------------------------------------------------


class Bowl:
    """A workspace whose steps are known: those of a diagonal system."""

    def __init__(self, curvatures: np.ndarray, slope: np.ndarray) -> None:
        self.curvatures, self.given, self.asked = curvatures, slope, 0

    def trial(self, mu: float) -> np.ndarray | None:
        self.asked += 1
        return self.given / (self.curvatures + mu) if mu > 1e-9 else None

    def slope(self) -> np.ndarray:
        return self.given


@pytest.mark.parametrize("seed", range(20))
def test_a_trust_region_finds_the_damping_for_its_radius_in_a_few_trials(seed: int) -> None:
    rng = np.random.default_rng(seed)
    curvatures, slope = 10.0 ** rng.uniform(-8, 4, 12), 10.0 ** rng.uniform(-4, 4) * rng.standard_normal(12)
    rule = module(net, "damping").TrustRegion(1.0, 1e-12, 1e32)
    bowl = Bowl(curvatures, slope)
    rule.step(bowl)
    longest = np.linalg.norm(bowl.trial(2e-9))
    for radius in np.geomspace(1e-6, 1.0, 7) * longest:
        rule.memory, bowl.asked = radius, 0
        h = rule.step(bowl)
        assert h is not None
        assert 0.9 * radius <= np.linalg.norm(h) <= 1.1 * radius
        assert bowl.asked <= 12
        np.testing.assert_array_equal(h, bowl.trial(rule.mu))
