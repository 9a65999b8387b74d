"""A diagonal in the damping: against least squares of stacked rows, MINPACK's rule, and mutated."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from test_lean_step import package, part, problem, relative

from derive.architecture import Architecture
from derive.package import render
from derive.proof import prove
from derive.verification.verify import Verifier

TEXT = "2-3:tanh-2:linear"


def oracle(
    J: np.ndarray, r: np.ndarray, p: np.ndarray, mu: float, ridge: float, D: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the step from stacked rows, and what the model of the objective loses by it."""
    s = len(p)
    rows = np.vstack([J, np.sqrt(ridge) * np.eye(s), np.diag(np.sqrt(mu * D))])
    h = np.linalg.lstsq(rows, np.concatenate([r, -np.sqrt(ridge) * p, np.zeros(s)]), rcond=None)[0]
    decrease = r @ r + ridge * p @ p - np.sum((r - J @ h) ** 2) - ridge * np.sum((p + h) ** 2)
    return h, float(decrease)


@pytest.mark.parametrize("memory", [3_000, 10**7])
@pytest.mark.parametrize("ridge", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_step_decrease_and_slope_have_the_largest_squares_of_the_run(
    weighted: bool, ridge: float, memory: int
) -> None:
    net, n = package(TEXT), 9
    work = net.damped_step(n, memory, scaling="marquardt")
    work.ridge = ridge
    largest = np.zeros(net.N_PARAMETERS)
    for seed in (0, 1, 2):
        p, X, Y = problem(net, n, seed)
        t = np.random.default_rng(4).uniform(0.2, 2.0, Y.shape) if weighted else None
        J, r = net.jacobian(p, X), net.residual(p, X, Y)
        if t is not None:
            J, r = J * t.reshape(-1, 1), r * t.ravel()
        largest = np.maximum(largest, np.sum(J**2, axis=0))
        work.at(p, X, Y, t)
        for k in range(12):
            mu = 10.0 ** (k / 4 - 2)
            h, decrease = oracle(J, r, p, mu, ridge, largest)
            assert relative(work.trial(mu), h) < 1e-9
            assert work.decrease == pytest.approx(decrease, rel=1e-9)
        assert relative(work.slope(), J.T @ r - ridge * p) < 1e-12
        squares = np.linalg.svd(J, compute_uv=False) ** 2
        assert work.effective_parameters(0.1) == pytest.approx(np.sum(squares / (squares + 0.1)))
        np.testing.assert_allclose(work.scaling.largest, largest, rtol=1e-13)


def test_a_parameter_that_moves_nothing_counts_as_one_and_stays() -> None:
    net, n = package("2-3:relu-2:linear"), 12
    p, X, Y = problem(net, n)
    W2, b2, *_ = net.unpack(p)
    W2[0], b2[0] = 0.0, -1.0  # a dead neuron
    work = net.damped_step(n, scaling="marquardt")
    work.at(p, X, Y)
    h = work.trial(0.1)
    assert np.isfinite(h).all()
    dead = np.all(net.jacobian(p, X) == 0.0, axis=0)
    assert dead.sum() >= 3
    assert not h[dead].any()


def test_small_columns_keep_their_scale() -> None:
    net, n = package(TEXT), 9
    p, X, Y = problem(net, n)
    work = net.damped_step(n, scaling="marquardt")
    work.at(p, 1e-12 * X, Y)
    assert relative(work.scaling.scale, np.sum(net.jacobian(p, 1e-12 * X) ** 2, axis=0) ** -0.5) < 1e-10


def test_the_form_can_be_chosen_and_the_dual_refuses_a_diagonal_in_one_line() -> None:
    net = package("2-6:tanh-3:linear")  # 39 parameters
    assert type(net.damped_step(3, form="primal")).__name__ == "NormalStep"
    assert type(net.damped_step(30, form="dual")).__name__ == "GramStep"
    assert type(net.damped_step(3, scaling="marquardt", form="primal")).__name__ == "NormalStep"
    for form in ("dual", "auto"):
        with pytest.raises(
            ValueError, match=r"^scaling: 'marquardt' .* breaks the Gram form J J\^T; expected 'ide"
        ):
            net.damped_step(3, scaling="marquardt", form=form)
    with pytest.raises(
        ValueError, match=r"^scaling: expected one of 'identity', 'marquardt', 'layer', got 'more'$"
    ):
        net.damped_step(3, scaling="more")
    with pytest.raises(ValueError, match=r"^form: expected 'auto', 'primal', 'dual', got 'both'$"):
        net.damped_step(3, form="both")


@pytest.mark.parametrize("form", ["dual", "primal"])
def test_a_chosen_form_gives_the_same_step(form: str) -> None:
    net, n = package(TEXT), 9
    p, X, Y = problem(net, n)
    work, usual = net.damped_step(n, form=form), part(net, "gram_step").GramStep(n)
    work.at(p, X, Y)
    usual.at(p, X, Y)
    assert relative(work.trial(0.3), usual.trial(0.3)) < 1e-11


@cache
def verified() -> tuple[Verifier, dict[str, str]]:
    proof = prove(Architecture.parse("1-2:tanh-1:linear"), brute_force=False)
    files = render(proof)
    verifier = Verifier(proof)
    assert verifier.verify(files).holds
    return verifier, files


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (
            "scaling.py",
            "np.maximum(column, largest, out=largest)",
            "np.minimum(column, largest, out=largest)",
        ),
        ("scaling.py", "np.multiply(Z, scale[:, None], out=Z)", "np.multiply(Z, scale, out=Z)"),
        ("scaling.py", "np.multiply(t1, ridge, out=t1)", "np.multiply(t1, 1.0, out=t1)"),
        ("scaling.py", "np.multiply(g, scale, out=gz)", "np.copyto(gz, g)"),
        ("scaling.py", "np.multiply(scale, x, out=h)", "np.copyto(h, x)"),
        ("scaling.py", "column = np.diagonal(S)", "column = g"),
        ("normal_step.py", "predicted_decrease(scaling.gz, x, mu)", "predicted_decrease(self.g, x, mu)"),
        ("normal_step.py", "else scaling.step(x)", "else x"),
        ("normal_step.py", "self.system.at(self.scaling.Z, ", "self.system.at(self.S, "),
        (
            "normal_step.py",
            "            system.at(self.S, self.g)",
            "            system.at(self.scaling.Z, self.g)",
        ),
    ],
)
def test_a_scale_in_the_wrong_place_is_refused(file: str, old: str, new: str) -> None:
    verifier, files = verified()
    changed = files[file].replace(old, new, 1)
    assert changed != files[file]
    findings: Any = verifier.verify({**files, file: changed}).findings
    assert findings
    assert findings[0].file == file
