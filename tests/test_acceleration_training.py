"""Training with geodesic acceleration: which step is taken, that no step goes uphill, and going on later."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from derive.architecture import Architecture
from derive.extras import ACCELERATION
from derive.package import render
from derive.proof import prove

RULES = ["marquardt", "nielsen", "trust-region"]
each_rule = pytest.mark.parametrize("damping", RULES)
few_or_many = pytest.mark.parametrize("n", [8, 60], ids=["dual", "primal"])
MORE: list[dict[str, Any]] = [{}, {"ridge": 1e-3}, {"loss": "soft_l1", "f_scale": 0.3}, {"ridge": "bayes"}]


@pytest.fixture(scope="session")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a package whose training loop knows acceleration."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "accelerated_loop").mkdir()
    proof = prove(Architecture.parse("1-6:tanh-1:linear"), brute_force=False)
    for file, source in render(proof, (ACCELERATION,)).items():
        (folder / "accelerated_loop" / file).write_text(source, encoding="utf-8")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    yield importlib.import_module("accelerated_loop")
    sys.path.remove(str(folder))
    for key in [key for key in sys.modules if key.startswith("accelerated_loop")]:
        del sys.modules[key]


def samples(net: Any, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.linspace(-1, 1, n)[:, None]
    return net.initial_parameters(3), x, np.sin(2 * np.pi * x)


def moved(net: Any, p: np.ndarray, X: np.ndarray, Y: np.ndarray, mu: float, ridge: float) -> np.ndarray:
    """Return p + h + c/2 by least squares, or p + h where the correction is long."""
    root, no = np.sqrt(mu) * np.eye(len(p)), np.zeros(len(p))
    J = np.vstack([net.jacobian(p, X), np.sqrt(ridge) * np.eye(len(p)), root])
    r = np.concatenate([net.residual(p, X, Y), -np.sqrt(ridge) * p, no])
    h = np.linalg.lstsq(J, r, rcond=None)[0]
    bend = net.second_derivative_along(p, X, h).reshape(-1)
    c = np.linalg.lstsq(J, np.concatenate([-bend, no, no]), rcond=None)[0]
    return p + h + c / 2 if 2 * np.linalg.norm(c) <= 0.75 * np.linalg.norm(h) else p + h


@each_rule
@few_or_many
@pytest.mark.parametrize("ridge", [0.0, 1e-2])
def test_the_steps_taken_are_the_accelerated_ones(net: Any, n: int, damping: str, ridge: float) -> None:
    p, X, Y = samples(net, n)
    settings: dict[str, Any] = {"damping": damping, "acceleration": True, "ridge": ridge}
    state, used = None, []
    accepted = net.damping.RULES[damping].accepted

    def remembered(self: Any, gain: float) -> None:
        used.append(self.mu)
        accepted(self, gain)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(net.damping.RULES[damping], "accepted", remembered)
        for _ in range(6):
            result = net.levenberg_marquardt(p, X, Y, steps=1, resume=state, **settings)
            np.testing.assert_allclose(result.p, moved(net, p, X, Y, used[-1], ridge), rtol=1e-6, atol=1e-8)
            p, state = result.p, result.state
    plain = net.levenberg_marquardt(*samples(net, n), damping=damping, ridge=ridge, steps=6)
    assert not np.allclose(plain.p, p)


@each_rule
@few_or_many
@pytest.mark.parametrize("more", MORE[:3])  # "bayes" changes the objective
def test_no_step_is_accepted_that_goes_uphill(net: Any, n: int, damping: str, more: dict[str, Any]) -> None:
    p, X, Y = samples(net, n)
    result = net.levenberg_marquardt(p, X, Y, damping=damping, acceleration=True, steps=40, **more)
    costs = [record.cost for record in result.history]
    assert len(costs) > 10
    assert all(after < before for before, after in pairwise(costs))
    if not more:
        assert costs[-1] == net.cost(result.p, X, Y)


@each_rule
@few_or_many
@pytest.mark.parametrize("more", [*MORE, {"weights": 3, "dtype": np.float32}])
def test_a_run_goes_on_as_if_it_had_not_stopped(net: Any, n: int, damping: str, more: dict[str, Any]) -> None:
    p, X, Y = samples(net, n)
    settings: dict[str, Any] = {"damping": damping, "acceleration": True, **more}
    if "weights" in more:
        settings["weights"] = np.linspace(0.5, more["weights"], n)
    whole = net.levenberg_marquardt(p, X, Y, steps=12, **settings)
    half = net.levenberg_marquardt(p, X, Y, steps=5, **settings)
    rest = net.levenberg_marquardt(p, X, Y, steps=7, resume=half.state, **settings)
    np.testing.assert_array_equal(rest.p, whole.p)
    assert (rest.cost, rest.evaluations, rest.mu) == (whole.cost, whole.evaluations, whole.mu)


@each_rule
@few_or_many
@pytest.mark.parametrize("why", ["long", "none"])
def test_the_plain_step_is_taken_where_a_correction_is_long_or_there_is_none(
    net: Any, n: int, damping: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    p, X, Y = samples(net, n)
    plain = net.levenberg_marquardt(p, X, Y, damping=damping, steps=10)
    found, asked = net.Acceleration.correction, []

    def correction(self: Any, *given: Any) -> Any:
        asked.append(given)
        c = found(self, *given)
        return c if why == "long" else None

    monkeypatch.setattr(net.Acceleration, "correction", correction)
    monkeypatch.setattr(sys.modules[net.levenberg_marquardt.__module__], "MAX_RATIO", 0.0)
    result = net.levenberg_marquardt(p, X, Y, damping=damping, steps=10, acceleration=True)
    # a trust region may need nine systems at a point, and from the ninth on they are solved by eigenvectors
    np.testing.assert_allclose(result.p, plain.p, rtol=1e-6, atol=1e-9)
    assert result.evaluations == plain.evaluations + len(asked)  # F'' counts as a pass, once a trial
    assert len(asked) >= 10


def test_long_narrow_valleys_take_fewer_steps(net: Any) -> None:
    taken = []
    for acceleration in (False, True):
        settings: dict[str, Any] = {"goal": 1e-5, "steps": 1000, "acceleration": acceleration}
        _, x, y = samples(net, 41)
        runs = [net.levenberg_marquardt(net.initial_parameters(k), x, y, **settings) for k in range(6)]
        assert all(run.success for run in runs)
        taken.append(sum(run.steps for run in runs))
    assert taken[1] < 0.7 * taken[0]


def test_a_scaling_is_refused_with_acceleration(net: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^scaling: expected 'identity' with acceleration, got 'marquardt'$"
    ):
        net.levenberg_marquardt(*samples(net, 60), acceleration=True, scaling="marquardt")
