"""Training by Levenberg-Marquardt: certified problems, when a run may say that it converged, going on."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import net_1_20_tanh_1_linear as wide
import net_4_16_relu_3_softmax_cross_entropy as classifier
import numpy as np
import pytest
import sigmoid_2_2_3_2 as net
from emitted import problem
from nist import MODELS as NIST

from derive.generate import generate, write

DOCUMENT = Path(__file__).parents[1] / "docs" / "levenberg-marquardt.md"
P, X, Y = problem(net)
StopReason = net.StopReason
Emitted = Callable[[str], Any]
each_rule = pytest.mark.parametrize("damping", ["marquardt", "nielsen", "trust-region"])


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    folder = tmp_path_factory.mktemp("packages")
    made: dict[str, ModuleType] = {}

    def package(architecture: str) -> ModuleType:
        if architecture not in made:
            target = write(generate(architecture), folder)
            sys.path.insert(0, str(folder))
            try:
                importlib.invalidate_caches()
                made[architecture] = importlib.import_module(target.name)
            finally:
                sys.path.remove(str(folder))
        return made[architecture]

    return package


# -- NIST's certified problems; more of them in test_nist.py -----------------------------------------------


@each_rule
@pytest.mark.parametrize("settings", [{}, {"gtol": 1e-6}, {"xtol": 1e-6}, {"ftol": 1e-6}])
def test_the_plateau_of_boxbod_is_never_called_a_minimum(
    emitted: Emitted, settings: dict[str, float], damping: str
) -> None:
    # where SciPy's lm reports success: exp(-b2 x) is 0 for all x, and b1 the mean of what is left
    model = NIST["BoxBOD"]
    boxbod, fit = model.problem("BoxBOD"), emitted(model.architecture)
    inputs, targets = boxbod.X, boxbod.Y
    for b2 in (15.0, 20.0, 30.0, 60.0):  # at 60 no output moves with b2 any more, in float64
        far = np.array([b2, targets.mean()])
        state = carried_out(fit, inputs, targets, far / [10, 1], far)
        result = fit.levenberg_marquardt(far, inputs, targets, damping=damping, resume=state, **settings)
        solved = 12 * result.cost == pytest.approx(1168.0088766, rel=1e-6)
        assert result.success == solved, (b2, result.message)


def carried_out(fit: Any, inputs: Any, targets: Any, began: np.ndarray, far: np.ndarray) -> dict[str, Any]:
    """Return the state of a run that began at one p, where all parameters mattered, and came to another."""
    state = dict(fit.levenberg_marquardt(began, inputs, targets, steps=1).state)
    history = np.array(state["history"])
    history[-1, 1] = fit.cost(far, inputs, targets)
    return state | {"p": far, "history": history}


# -- small networks --------------------------------------------------------------------------------------


@each_rule
def test_sine_is_fitted_from_thirty_starts_in_five_steps_on_average(emitted: Emitted, damping: str) -> None:
    fit = emitted("1-5:tanh-1:linear")
    inputs = np.linspace(-1, 1, 41)[:, None]
    steps = []
    for seed in range(30):
        p = fit.initial_parameters(seed, "nguyen-widrow")
        result = fit.levenberg_marquardt(
            p, inputs, np.sin(2 * np.pi * inputs), damping=damping, goal=0.002 / 2
        )
        assert result.success
        steps.append(result.steps)
    assert np.mean(steps) <= 5


# -- when a run stops ------------------------------------------------------------------------------------


def test_run_stops_where_neither_step_nor_prediction_changes_the_cost(emitted: Emitted) -> None:
    model = NIST["Rat42"]
    rat42, fit = model.problem("Rat42"), emitted(model.architecture)
    inputs, targets, p = rat42.X, rat42.Y, model.to_network(rat42.starts[0])
    costs = [record.cost for record in fit.levenberg_marquardt(p, inputs, targets).history]
    result = fit.levenberg_marquardt(p, inputs, targets, ftol=1e-4)
    assert result.reason is fit.StopReason.DECREASE
    falls = [1 - after / before for before, after in pairwise(costs)]
    assert falls[result.steps - 1] <= 1e-4
    assert result.steps < len(falls)
    assert result.success


def test_a_step_kept_short_by_the_damping_is_no_success() -> None:
    result = net.levenberg_marquardt(P, X, Y, mu=1e9, xtol=1e-6)
    assert result.reason is StopReason.STEP_SIZE
    assert not result.stationary
    assert not result.success
    assert result.message.startswith(f"{result.reason.value}; but p is no minimum")


def test_damping_at_its_maximum_is_no_success() -> None:
    p, inputs, targets = np.zeros(23), [[0.3, 0.7]] * 2, [[0.0, 1.0], [1.0, 0.0]]
    result = net.levenberg_marquardt(p, inputs, targets, ftol=0)
    assert (result.reason, result.success) == (StopReason.DAMPING, False)
    assert net.levenberg_marquardt(p, inputs, targets).reason is StopReason.DECREASE


@each_rule
@pytest.mark.parametrize("allowed", [3, 10, 25])
def test_evaluations_never_pass_those_allowed_by_more_than_the_step_begun(damping: str, allowed: int) -> None:
    result = net.levenberg_marquardt(P, X, Y, max_evaluations=allowed, damping=damping)
    assert result.reason is StopReason.EVALUATIONS
    assert not result.success
    assert allowed <= result.evaluations <= allowed + 3


def test_validation_stops_the_run_and_gives_back_the_best() -> None:
    rng = np.random.default_rng(3)
    x, held = rng.uniform(-1, 1, (25, 1)), rng.uniform(-1, 1, (25, 1))
    y, held_y = (np.sin(3 * u) + 0.3 * rng.standard_normal(u.shape) for u in (x, held))
    seen: list[float] = []
    result = wide.levenberg_marquardt(
        wide.initial_parameters(0),
        x,
        y,
        validation=(held, held_y),
        patience=4,
        callback=lambda step, p, cost: seen.append(wide.cost(p, held, held_y)),
    )
    assert result.reason is wide.StopReason.VALIDATION
    assert not result.success
    assert result.validation_cost == min(seen) == wide.cost(result.p, held, held_y)
    assert seen.index(min(seen)) == len(seen) - 1 - 4
    assert result.cost == wide.cost(result.p, x, y) > result.history[-1].cost


@pytest.mark.parametrize(
    "settings", [{"damping": "newton"}, {"dtype": int}, {"validation": X}, {"resume": {}}]
)
def test_settings_that_make_no_sense_are_refused_in_one_line(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(settings))}: expected .*, got .*$"):
        net.levenberg_marquardt(P, X, Y, **settings)


@each_rule
@pytest.mark.parametrize("samples", [5, 60], ids=["dual", "primal"])
def test_every_rule_brings_a_classifier_down_by_a_predicted_decrease(damping: str, samples: int) -> None:
    p, inputs, _ = problem(classifier, samples)
    targets = np.eye(3)[np.arange(samples) % 3]
    settings: dict[str, Any] = {"damping": damping, "ridge": 0.1, "weights": np.linspace(0.5, 2, samples)}
    result = classifier.levenberg_marquardt(p, inputs, targets, steps=60, **settings)
    costs = [record.cost for record in result.history]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.9 * costs[0]
    short = classifier.levenberg_marquardt(
        p, inputs, targets, steps=1, **settings | {"damping": "marquardt"}, mu=1e5
    )
    assert short.gain_ratio == pytest.approx(1.0, abs=1e-2)  # of a short step the model is right


# -- what a run tells ------------------------------------------------------------------------------------


@each_rule
def test_history_holds_mu_gain_ratio_and_gradient_of_every_accepted_step(damping: str) -> None:
    points: list[np.ndarray] = []
    result = net.levenberg_marquardt(
        P, X, Y, steps=6, damping=damping, callback=lambda step, p, cost: points.append(p)
    )
    last = result.history[-1]
    assert (result.mu, result.gain_ratio, result.gradient_norm) == last[2:5]
    assert result.x is result.p
    for p, record in zip(points, result.history, strict=True):
        assert record.gradient_norm == pytest.approx(np.linalg.norm(net.gradient(p, X, Y)), rel=1e-12)
    for (p, q), record in zip(pairwise(points), result.history[1:], strict=True):
        r, J, h = net.residual(p, X, Y), net.jacobian(p, X), q - p
        moved = net.residual(q, X, Y)
        predicted = r @ r - np.sum((r - J @ h) ** 2)
        assert record.gain_ratio == pytest.approx((r @ r - moved @ moved) / predicted, rel=1e-6)


def test_nielsens_rule_follows_the_gain_ratio() -> None:
    result = net.levenberg_marquardt(P, X, Y, steps=30, damping="nielsen")
    exact = [1, 2, 8, 64, 1024]  # what 0 to 4 rejections multiply by: 2, 4, 8, 16
    for before, after in pairwise(result.history):
        factor = after.mu / before.mu / max(1 / 3, 1 - (2 * min(after.gain_ratio, 1) - 1) ** 3)
        assert min(abs(factor / k - 1) for k in exact) < 1e-12


# -- going on --------------------------------------------------------------------------------------------


@each_rule
@pytest.mark.parametrize("samples", [5, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_saved_loaded_and_gone_on_with_are_those_of_one_run(
    tmp_path: Path, damping: str, samples: int, dtype: Any
) -> None:
    p, inputs, targets = problem(net, samples, 1)
    settings: dict[str, Any] = {"damping": damping, "dtype": dtype, "ftol": 0}
    settings["validation"] = inputs, targets
    if samples == 40 and damping != "nielsen":
        settings |= {"scaling": "marquardt", "weights": np.linspace(0.5, 2, 40)}
        settings |= {"loss": "huber", "f_scale": 0.3}
    whole = net.levenberg_marquardt(p, inputs, targets, steps=12, **settings)
    half = net.levenberg_marquardt(p, inputs, targets, steps=6, **settings)
    np.savez(tmp_path / "state.npz", **half.state)
    with np.load(tmp_path / "state.npz") as state:
        rest = net.levenberg_marquardt(p, inputs, targets, steps=6, resume=state, **settings)
    np.testing.assert_array_equal(rest.p, whole.p)
    np.testing.assert_array_equal(np.array(rest.history), np.array(whole.history))
    assert rest.steps == whole.steps == 12
    assert rest.evaluations == whole.evaluations
    for name, value in whole.state.items():
        np.testing.assert_array_equal(rest.state[name], value, err_msg=name)


def test_a_run_that_reached_its_goal_does_not_go_on() -> None:
    done = net.levenberg_marquardt(P, X, Y, goal=0.01)
    again = net.levenberg_marquardt(P, X, Y, goal=0.01, resume=done.state)
    assert (again.reason, again.steps, again.cost) == (StopReason.GOAL, done.steps, done.cost)


def test_a_run_that_was_interrupted_can_go_on() -> None:
    def interrupt(step: int, p: np.ndarray, cost: float) -> None:
        if step == 5:
            raise KeyboardInterrupt

    cut = net.levenberg_marquardt(P, X, Y, callback=interrupt)
    assert cut.reason is StopReason.INTERRUPTED
    rest = net.levenberg_marquardt(P, X, Y, steps=3, resume=cut.state)
    np.testing.assert_array_equal(rest.p, net.levenberg_marquardt(P, X, Y, steps=8).p)


def test_a_network_that_no_parameter_moves_has_not_converged() -> None:
    p = np.full(23, -1e3)  # every logistic neuron is 0 to the last bit, and its slope as well
    result = net.levenberg_marquardt(p, np.abs(X), Y, gtol=1e-3)
    assert result.reason is StopReason.GRADIENT
    assert not result.success


def test_a_state_is_refused_with_other_samples() -> None:
    state = net.levenberg_marquardt(P, X, Y, steps=2).state
    with pytest.raises(ValueError, match=r"^resume: expected the samples of that run, where the cost is"):
        net.levenberg_marquardt(P, X, 1 - Y, resume=state)


@each_rule
@pytest.mark.parametrize("mu", [1e-10, 1e-2, 1e3])
def test_float32_fits_without_failing(damping: str, mu: float) -> None:
    x = np.linspace(-1, 1, 60)[:, None]
    p = wide.initial_parameters(0, "nguyen-widrow")
    result = wide.levenberg_marquardt(
        p, x, np.sin(3 * x), dtype=np.float32, mu=mu, damping=damping, goal=1e-6
    )
    assert result.p.dtype == np.float32
    assert result.reason is wide.StopReason.GOAL
    assert wide.cost(result.p, x, np.sin(3 * x)) < 2e-6


# -- starts ----------------------------------------------------------------------------------------------


def test_glorot_keeps_within_its_bound_and_starts_without_bias() -> None:
    W, b, *_ = wide.unpack(wide.initial_parameters(0, "glorot"))
    assert 0.8 * np.sqrt(6 / 21) < np.abs(W).max() <= np.sqrt(6 / 21)
    assert not b.any()


def test_nguyen_widrow_spreads_the_slopes_over_the_inputs() -> None:
    p = wide.initial_parameters(0, "nguyen-widrow")
    W, b, V, c = wide.unpack(p)
    np.testing.assert_allclose(np.abs(W), 2 * 0.7 * 20)
    np.testing.assert_allclose(np.sort(-b / W[:, 0]), np.linspace(-1, 1, 20), atol=1e-12)
    assert np.abs(V).max() <= np.sqrt(6 / 21)
    assert not c.any()
    np.testing.assert_array_equal(p, wide.initial_parameters(0, "nguyen-widrow"))


def test_an_unknown_start_is_refused() -> None:
    said = r"^method: expected normal, glorot, nguyen-widrow or uniform, got 'he'$"
    with pytest.raises(ValueError, match=said):
        net.initial_parameters(0, "he")


# -- SciPy -----------------------------------------------------------------------------------------------


def test_scipy_takes_residual_and_jacobian_as_the_document_says() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    call = "least_squares(lambda p: net.residual(p, X, Y), p0, jac=lambda p: -net.jacobian(p, X))"
    assert call in DOCUMENT.read_text("utf-8")
    x = np.linspace(-1, 1, 60)[:, None]
    y, p0 = np.sin(3 * x), wide.initial_parameters(0, "nguyen-widrow")
    theirs = optimize.least_squares(
        lambda p: wide.residual(p, x, y), p0, jac=lambda p: -wide.jacobian(p, x), max_nfev=50
    )
    assert theirs.cost < 1e-4
    assert theirs.cost == pytest.approx(60 * wide.cost(theirs.x, x, y), rel=1e-12)
