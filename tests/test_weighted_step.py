"""Weights, a ridge and the slope in both steps: against least squares of stacked rows, and mutated."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from test_lean_step import package, part, problem, relative

from derive.architecture import Architecture
from derive.network import Network
from derive.package import render
from derive.proof import Proof, prove
from derive.theorems import weighted_step as weighted
from derive.verification.verify import Verifier

NETWORKS = ("2-3:tanh-2:linear", "3-4:silu-1:tanh", "2-4:tanh-3:tanh-2:linear+W2+W1", "2-2:tanh-2:linear=2")


def work_of(net: Any, form: str, n: int, dtype: Any = np.float64) -> Any:
    if form == "dual":
        return part(net, "gram_step").GramStep(n, dtype)
    return part(net, "normal_step").NormalStep(n, 3_000 if form == "chunks" else 10**7, dtype)


def factors(net: Any, n: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(0.2, 2.0, (n, net.SIZES[-1]))


def oracle(
    net: Any, p: np.ndarray, X: np.ndarray, Y: np.ndarray, t: np.ndarray | None, mu: float, ridge: float
) -> tuple[np.ndarray, float, np.ndarray]:
    """Return the step from stacked rows, what the model loses by it, and minus half of the gradient."""
    J, r, s = net.jacobian(p, X), net.residual(p, X, Y), len(p)
    if t is not None:
        J, r = t.ravel()[:, None] * J, t.ravel() * r
    rows = np.vstack([J, np.sqrt(ridge) * np.eye(s), np.sqrt(mu) * np.eye(s)])
    right = np.concatenate([r, -np.sqrt(ridge) * p, np.zeros(s)])
    h = np.linalg.lstsq(rows, right, rcond=None)[0]
    decrease = r @ r + ridge * p @ p - np.sum((r - J @ h) ** 2) - ridge * np.sum((p + h) ** 2)
    return h, float(decrease), J.T @ r - ridge * p


@pytest.mark.parametrize("form", ["dual", "primal", "chunks"])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("text", NETWORKS)
def test_step_decrease_and_slope_are_those_of_the_stacked_rows(
    text: str, weighted: bool, ridge: float, form: str
) -> None:
    net, n = package(text), 9
    work = work_of(net, form, n)
    work.ridge = ridge
    for seed in (0, 1):  # a workspace that was used before gives the same
        p, X, Y = problem(net, n, seed)
        t = factors(net, n) if weighted else None
        work.at(p, X, Y, t)
        for k in range(12):  # the first by factors, the rest by eigenvectors
            mu = 10.0 ** (k / 4 - 2)
            h, decrease, slope = oracle(net, p, X, Y, t, mu, ridge)
            assert relative(work.trial(mu), h) < 1e-9
            assert work.decrease == pytest.approx(decrease, rel=1e-9)
            if k in (0, 5):
                assert relative(work.slope(), slope) < 1e-12
        kept = work.trial(0.5).copy()
        work.slope()
        np.testing.assert_array_equal(work.trial(0.5), kept)


@pytest.mark.parametrize("form", ["dual", "primal", "chunks"])
def test_factors_of_one_and_no_factors_give_the_same_step(form: str) -> None:
    net, n = package(NETWORKS[0]), 9
    p, X, Y = problem(net, n)
    found = []
    for t in (None, np.ones_like(Y)):
        work = work_of(net, form, n)
        work.at(p, X, Y, t)
        found.append((work.trial(0.1).copy(), work.decrease, work.slope().copy()))
    for plain, with_ones in zip(*found, strict=True):
        np.testing.assert_allclose(plain, with_ones, rtol=1e-13)


@pytest.mark.parametrize("form", ["dual", "primal"])
def test_a_sample_of_weight_zero_is_as_if_it_were_not_there(form: str) -> None:
    net, n = package(NETWORKS[0]), 9
    p, X, Y = problem(net, n)
    t = np.ones_like(Y)
    t[4] = 0.0
    work, fewer = work_of(net, form, n), work_of(net, form, n - 1)
    work.ridge = fewer.ridge = 0.1
    work.at(p, X, Y, t)
    fewer.at(p, np.delete(X, 4, 0), np.delete(Y, 4, 0))
    assert relative(work.trial(0.2), fewer.trial(0.2)) < 1e-12
    assert relative(work.slope(), fewer.slope()) < 1e-12


@pytest.mark.parametrize("form", ["dual", "primal"])
def test_a_small_ridge_loses_no_digits_against_the_stacked_rows(form: str) -> None:
    """The subtractive form would lose as many digits as mu + ridge is small."""
    net, n = package("20-30:tanh-10:tanh-1:linear"), 40
    p, X, Y = problem(net, n)
    work = part(net, "gram_step").GramStep(n) if form == "dual" else part(net, "normal_step").NormalStep(n)
    largest = float(np.linalg.norm(net.jacobian(p, X), 2) ** 2)
    work.ridge = 1e-8 * largest
    work.at(p, X, Y)
    h, _, _ = oracle(net, p, X, Y, None, 1e-8 * largest, work.ridge)
    assert relative(work.trial(1e-8 * largest), h) < (1e-9 if form == "dual" else 1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_both_forms_count_the_effective_parameters_that_singular_values_give(weighted: bool) -> None:
    net, n = package(NETWORKS[0]), 9
    p, X, Y = problem(net, n)
    t = factors(net, n) if weighted else None
    J = net.jacobian(p, X) * (1.0 if t is None else t.reshape(-1, 1))
    squares = np.linalg.svd(J, compute_uv=False) ** 2
    for form in ("dual", "primal", "chunks"):
        work = work_of(net, form, n)
        for work.ridge in (0.0, 0.7):  # the one that is asked for counts, not the objective's
            work.at(p, X, Y, t)
            step = work.trial(0.3).copy()
            for ridge in (1e-6, 1e-2, 10.0):
                gamma = work.effective_parameters(ridge)
                assert gamma == pytest.approx(np.sum(squares / (squares + ridge)), rel=1e-8)
            assert relative(work.trial(0.3), step) < 1e-11
    with pytest.raises(ValueError, match=r"^ridge: expected a positive number, got 0.0$"):
        work.effective_parameters(0.0)


@pytest.mark.parametrize("form", ["dual", "primal"])
def test_float32_steps_have_weights_and_ridge(form: str) -> None:
    net, n = package(NETWORKS[0]), 9
    p, X, Y = (np.ascontiguousarray(array, np.float32) for array in problem(net, n))
    t = factors(net, n).astype(np.float32)
    work = work_of(net, form, n, np.float32)
    work.ridge = 0.2
    work.at(p, X, Y, t)
    h, decrease, slope = oracle(net, p.astype(float), X.astype(float), Y.astype(float), t, 0.1, 0.2)
    assert relative(work.trial(0.1), h) < 1e-4
    assert relative(work.slope(), slope) < 1e-4
    assert work.decrease == pytest.approx(decrease, rel=1e-3)


@pytest.mark.parametrize("form", ["dual", "primal"])
def test_factors_of_another_shape_are_refused_in_one_line(form: str) -> None:
    net, n = package(NETWORKS[0]), 9
    p, X, Y = problem(net, n)
    with pytest.raises(ValueError, match=r"^t: expected shape \(9, 2\), got \(9,\)$"):
        work_of(net, form, n).at(p, X, Y, np.ones(n))


@pytest.mark.parametrize("form", ["dual", "primal"])
def test_a_system_without_a_solution_gives_none_with_a_ridge_too(form: str) -> None:
    net, n = package(NETWORKS[0]), 9
    p, X, Y = problem(net, n)
    work = work_of(net, form, n)
    work.ridge = 0.1
    work.at(p, X, np.full_like(Y, np.nan), factors(net, n))
    for _ in range(10):
        assert work.trial(1.0) is None


def test_what_only_weights_a_ridge_or_the_slope_need_is_allocated_when_they_do() -> None:
    net, n = package("64-300:tanh-300:tanh-1:linear"), 8
    p, X, Y = problem(net, n)
    work = net.damped_step(n)

    def held() -> int:
        tracemalloc.start()
        work.at(p, X, Y)
        work.trial(0.1)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert held() < 100_000  # p has 110,101 entries
    work.ridge = 0.1
    assert held() > 8 * net.N_PARAMETERS


# -- theorems -------------------------------------------------------------------------------------------


def test_the_theorem_holds_and_a_step_without_the_ridge_s_part_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert weighted.weighted_step().holds
    found = weighted.weighted_equations()
    wrong = replace(found, back=replace(found.back, rhs=found.back.rhs.subs(weighted.share, 0)))
    monkeypatch.setattr(weighted, "weighted_equations", lambda: wrong)
    assert not weighted.dual().holds


@pytest.mark.parametrize("text", NETWORKS)
def test_the_product_with_p_is_derived_for_every_wiring(text: str) -> None:
    assert all(p.holds for p in weighted.along_p(Network(Architecture.parse(text)))[1])


# -- verification ---------------------------------------------------------------------------------------


@cache
def verified() -> tuple[Proof, Verifier, dict[str, str]]:
    proof = prove(Architecture.parse("1-2:tanh-1:linear"), brute_force=False)
    return proof, Verifier(proof), render(proof)


def test_what_is_emitted_for_weights_and_ridge_is_proved() -> None:
    _, verifier, files = verified()
    report = verifier.verify(files)
    assert report.holds
    proved = {(item.file, item.name) for item in report.proved}
    assert {("ridge.py", name) for name in ("shifts", "slope_with_ridge", "step_with_ridge")} < proved
    assert {("gram_step.py", f"GramStep.{name}") for name in ("pull", "slope", "product_with_p")} < proved


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("ridge.py", "t1 = np.maximum(values, 0.0)", "t1 = np.maximum(values, 1.0)"),
        ("normal_step.py", "effective_parameters(values, ridge)", "effective_parameters(values, self.ridge)"),
        ("gram_step.py", "np.multiply(Q, t.T, out=Q)", "np.multiply(Q, 1.0, out=Q)"),
        (
            "gram_step.py",
            "        if t is not None:\n            weigh(",
            "        if t is None:\n            weigh(",
        ),
        ("gram_step.py", "            weigh_vector(product, self.t, product)\n", "            pass\n"),
        ("gram_step.py", "            v = self.tv\n", "            pass\n"),
        ("gram_step.py", "np.multiply(t.T, v, out=tv)", "np.copyto(tv, v)"),
        ("gram_step.py", "                slope_with_ridge(self.p, self.downhill, self.ridge)\n", ""),
        ("gram_step.py", "            step_with_ridge(self.p, self.h, share)\n", ""),
        ("gram_step.py", "step_with_ridge(self.p, self.h, share)", "step_with_ridge(self.p, self.h, shift)"),
        ("gram_step.py", "solve(shift, share)", "solve(mu, share)"),
        ("gram_step.py", "solve(shift, share)", "solve(shift)"),
        ("gram_step.py", "self.pull(self.r, self.blocks)", "self.pull(self.r, self.step)"),
        ("gram_step.py", "self.t, self.known = p, X, t, False", "self.t, self.known = p, X, t, True"),
        ("gram_step.py", "self.slope(), self.h, mu)", "self.slope(), self.h, shift)"),
        ("gram_step.py", "np.matmul(a2, W3.T, out=t3)", "np.matmul(Ra2, W3.T, out=t3)"),
        ("gram_step.py", "carve(memory[1], n_samples, 1),  # Ra3", "carve(memory[0], n_samples, 1),  # Ra3"),
        ("ridge.py", "shift = mu + ridge", "shift = mu"),
        ("ridge.py", "share = ridge/shift", "share = ridge/mu"),
        ("ridge.py", "np.multiply(p, ridge)", "np.multiply(pulled, ridge)"),
        ("normal_step.py", "np.multiply(J, t.T, out=J)", "np.multiply(J, 1.0, out=J)"),
        ("normal_step.py", "np.multiply(r, t.T, out=r)", "np.multiply(r, 1.0, out=r)"),
        ("normal_step.py", "shift, _ = shifts(mu, self.ridge)", "pass"),
        ("normal_step.py", "            slope_with_ridge(p, self.g, self.ridge)\n", "            pass\n"),
        ("normal_step.py", "return self.g", "return self.part[1]"),
    ],
)
def test_a_factor_or_a_share_in_the_wrong_place_is_refused(file: str, old: str, new: str) -> None:
    _, verifier, files = verified()
    changed = files[file].replace(old, new, 1)
    assert changed != files[file]
    findings = verifier.verify({**files, file: changed}).findings
    assert findings
    assert findings[0].file == file
