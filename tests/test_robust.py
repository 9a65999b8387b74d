"""Robust losses: their numbers against mpmath and SciPy, their slopes against differences, their proofs."""

from __future__ import annotations

import importlib
import itertools
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import sigmoid_2_2_3_2 as net
from emitted import module, problem
from sympy import Abs, Max, log, sqrt
from sympy.codegen.cfunctions import hypot
from verification_mutants import Mutant, mutants

from derive.activations import A, Z
from derive.architecture import Architecture
from derive.errors import NotProvedError
from derive.package import render
from derive.program.robust import robust_routines
from derive.proof import Proof, prove
from derive.quantities import Index
from derive.robust import ROBUST, _agree, put_in
from derive.theorems.catalogue import theorems
from derive.theorems.levenberg_marquardt import M
from derive.theorems.robust import robust_losses, zeta
from derive.verification.objects import Located, Skipped
from derive.verification.robust import FILE, robust_runs
from derive.verification.source import read_source
from derive.verification.values import Refusal
from derive.verification.verify import verify_files

robust = module(net, "robust")
NAMES = ("soft_l1", "huber", "cauchy")
named = pytest.mark.parametrize("name", NAMES)
RESIDUALS = [
    sign * size
    for size in (1e-150, 1e-30, 3e-9, 1e-4, 0.1, 0.7, 0.999, 1.0, 1.001, 3.0, 200.0, 1e9, 1e160, 1e300)
    for sign in (1.0, -1.0)
]


def by_mpmath(name: str, r: float, scale: float) -> tuple[float, float]:
    """Return the objective of one residual and the root of its weight, by SciPy's definitions."""
    with mpmath.workdps(1400):  # z may be 1e-300 or 1e600 beside the 1
        z = (mpmath.mpf(r) / mpmath.mpf(scale)) ** 2
        rho, slope = {
            "soft_l1": lambda: (2 * (mpmath.sqrt(1 + z) - 1), 1 / mpmath.sqrt(1 + z)),
            "huber": lambda: (z, mpmath.mpf(1)) if z <= 1 else (2 * mpmath.sqrt(z) - 1, 1 / mpmath.sqrt(z)),
            "cauchy": lambda: (mpmath.log(1 + z), 1 / (1 + z)),
        }[name]()
        return float(scale**2 * rho), float(mpmath.sqrt(slope))


def factors(name: str, scale: float, r: np.ndarray) -> np.ndarray:
    t = np.empty_like(r)
    robust.RobustLoss(name, scale, r.shape, r.dtype).factors(r, t)
    return t


# -- numbers -------------------------------------------------------------------------------------------


@named
@pytest.mark.parametrize("scale", [1.0, 0.25])
@pytest.mark.parametrize("r", RESIDUALS)
def test_objective_and_factor_keep_their_digits_for_tiny_and_huge_residuals(
    name: str, scale: float, r: float
) -> None:
    objective, root = by_mpmath(name, r, scale)
    one = np.array([[r]])
    np.testing.assert_allclose(robust.RobustLoss(name, scale, (1, 1)).total(one), objective, rtol=2e-15)
    np.testing.assert_allclose(factors(name, scale, one), root, rtol=1e-15)


@named
def test_a_residual_of_zero_has_the_weight_one_and_costs_nothing(name: str) -> None:
    loss = robust.RobustLoss(name, 0.3, (2, 2))
    zero, t = np.zeros((2, 2)), np.empty((2, 2))
    loss.factors(zero, t)
    np.testing.assert_array_equal(t, 1.0)
    assert loss.total(zero) == 0.0


@named
def test_the_weight_falls_as_the_residual_grows(name: str) -> None:
    t = factors(name, 1.0, np.linspace(0.0, 9.0, 500))
    assert np.all(np.diff(t) <= 0.0)
    assert 0.0 < t[-1] < 0.4
    np.testing.assert_array_equal(t, factors(name, 1.0, -np.linspace(0.0, 9.0, 500)))


@named
def test_factors_are_the_slope_of_the_objective_in_the_parameters(name: str) -> None:
    p, X, Y = problem(net, 6, 2)
    scale, J, r = 0.4, net.jacobian(p, X), net.residual(p, X, Y)
    loss = robust.RobustLoss(name, scale, r.shape)
    t = np.empty_like(r)
    loss.factors(r, t)
    found = -2.0 * J.T @ (t**2 * r)
    differences = np.empty_like(p)
    for k, step in itertools.product(range(len(p)), [1e-5]):
        ahead, behind = p.copy(), p.copy()
        ahead[k] += step
        behind[k] -= step
        rise = loss.total(net.residual(ahead, X, Y)) - loss.total(net.residual(behind, X, Y))
        differences[k] = rise / (2 * step)
    np.testing.assert_allclose(found, differences, rtol=0, atol=1e-8)


@named
def test_the_objective_rises_no_more_than_the_weighted_squares(name: str) -> None:
    rng = np.random.default_rng(5)
    loss = robust.RobustLoss(name, 0.7, (40,))
    for spread in (0.1, 1.0, 30.0):
        here, there, t = (*(spread * rng.standard_cauchy((2, 40))), np.empty(40))
        loss.factors(here, t)
        weighted = float(np.sum(t**2 * (there**2 - here**2)))
        assert loss.total(there) - loss.total(here) <= weighted + 1e-9 * abs(weighted)


@named
def test_float32_residuals_are_added_up_in_float64(name: str) -> None:
    r = np.full((1000, 1000), 0.125, np.float32)
    loss = robust.RobustLoss(name, 0.5, r.shape, np.float32)
    wanted = by_mpmath(name, 0.125, 0.5)
    np.testing.assert_allclose(loss.total(r), 1e6 * wanted[0], rtol=1e-12)
    t = np.empty_like(r)
    loss.factors(r, t)
    np.testing.assert_allclose(t[::97, ::97], wanted[1], rtol=1e-7)


@named
def test_a_loss_allocates_no_arrays_and_leaves_the_residual_alone(name: str) -> None:
    r = np.random.default_rng(0).standard_normal((5000, 2))
    kept, t, loss = r.copy(), np.empty_like(r), robust.RobustLoss(name, 1.0, r.shape)
    loss.factors(r, t)
    loss.total(r)
    tracemalloc.start()
    try:
        for _ in range(3):
            loss.factors(r, t)
            loss.total(r)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5000
    np.testing.assert_array_equal(r, kept)


@named
@pytest.mark.parametrize("scale", [1.0, 0.05, 20.0])
def test_scipy_has_the_same_objective_and_the_same_gradient(name: str, scale: float) -> None:
    reason = "SciPy is not installed: robust losses are NOT compared with it"
    optimize = pytest.importorskip("scipy.optimize", reason=reason)
    rng = np.random.default_rng(1)
    slope, start = rng.standard_normal((30, 3)), rng.standard_cauchy(30)
    found = optimize.least_squares(
        lambda x: start + slope @ x, np.zeros(3), lambda x: slope, loss=name, f_scale=scale, max_nfev=2
    )
    loss = robust.RobustLoss(name, scale, (30,))
    np.testing.assert_allclose(loss.total(found.fun), 2 * found.cost, rtol=1e-14)
    t = factors(name, scale, found.fun)
    np.testing.assert_allclose(slope.T @ (t**2 * found.fun), found.grad, rtol=1e-12, atol=1e-12)


# -- what is refused -----------------------------------------------------------------------------------


def test_an_unknown_loss_is_refused_with_the_names_of_those_that_are() -> None:
    with pytest.raises(ValueError, match="loss: expected soft_l1, huber, cauchy, got 'arctan'"):
        net.RobustLoss("arctan", 1.0, (3,))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan"), 1e31])
def test_a_scale_that_makes_no_sense_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="scale: expected a number from 1e-30 to 1e\\+30, got"):
        net.RobustLoss("huber", scale, (3,))


@pytest.mark.parametrize("other", [np.zeros(3), np.zeros((3, 1)), np.zeros((3, 2), np.float32)])
def test_another_shape_or_dtype_is_refused_rather_than_broadcast(other: np.ndarray) -> None:
    loss, right = net.RobustLoss("huber", 1.0, (3, 2)), np.zeros((3, 2))
    with pytest.raises(ValueError, match="expected float64 of shape"):
        loss.total(other)
    for pair in ((other, right), (right, other)):
        with pytest.raises(ValueError, match="expected float64 of shape"):
            loss.factors(*pair)


# -- proofs --------------------------------------------------------------------------------------------


def test_the_theorem_holds_and_has_a_slope_for_every_loss_and_case() -> None:
    theorem = robust_losses()
    assert theorem.holds
    numbers = [part.equation.number for part in theorem.parts]
    assert numbers == [*(f"5.{k}" for k in range(20, 29)), *["5.29"] * 4]


def test_only_networks_with_a_step_of_squares_list_the_theorem() -> None:
    keys = {
        cost: [t.key for t in theorems(Architecture.parse("2-2", cost))] for cost in ("quadratic", "huber")
    }
    assert "robust" in keys["quadratic"]
    assert "robust" not in keys["huber"]
    assert "robust" in [theorem.key for theorem in theorems()]


@pytest.mark.parametrize(
    "definition",
    [Z**2, Z + Z**2, -Z, Max(Z, 2 * Z - 1), Max(-Z, -1), sqrt(Z), log(1 + Z) - Z / 9],
    ids=str,
)
def test_a_loss_that_is_not_concave_or_falls_proves_nothing(definition: Any) -> None:
    loss = replace(ROBUST["cauchy"], definition=definition)
    assert not loss.concave
    assert not robust_losses([loss]).holds


@named
def test_each_loss_is_proved_concave_and_counts_small_residuals_as_squares(name: str) -> None:
    assert ROBUST[name].concave
    assert ROBUST[name].normal


@named
def test_what_is_put_into_a_form_makes_of_it_what_sympy_makes_of_it(name: str) -> None:
    loss, place = ROBUST[name], zeta[Index("q", M)]
    for form in (loss.stable, loss.root, loss.part or Z):
        assert put_in(form, {Z: place, A: place**2}) == form.xreplace({Z: place, A: place**2})


WRONG = [
    replace(ROBUST["soft_l1"], stable=A * abs(Z)),
    replace(ROBUST["soft_l1"], part=abs(Z) / hypot(1, Z)),
    replace(ROBUST["soft_l1"], root=1 / hypot(1, Z)),
    replace(ROBUST["huber"], stable=Z**2),
    replace(ROBUST["huber"], root=-ROBUST["huber"].root),
    replace(ROBUST["cauchy"], stable=2 * log(Max(abs(Z), 1))),
    replace(ROBUST["cauchy"], stable=ROBUST["cauchy"].stable + 1),
    replace(ROBUST["cauchy"], definition=2 * (sqrt(1 + Z) - 1)),
]


@pytest.mark.parametrize("loss", WRONG, ids=[str(k) for k in range(len(WRONG))])
def test_a_form_that_is_not_the_loss_is_not_emitted(loss: Any) -> None:
    with pytest.raises(NotProvedError):
        robust_routines(loss)


# -- the emitted file, read back -----------------------------------------------------------------------


@cache
def emitted() -> tuple[Proof, dict[str, str]]:
    proof = prove(Architecture.parse("1-1"), brute_force=False)
    return proof, render(proof)


def holds(text: str) -> bool:
    """Say whether a changed robust.py is proved."""
    proof, files = emitted()
    sources = {name: read_source(name, text if name == FILE else other) for name, other in files.items()}
    try:
        for _, _, run in robust_runs(sources, proof)[1]:
            run()
    except (Refusal, Located, Skipped):
        return False
    return True


def test_the_emitted_file_is_proved() -> None:
    assert holds(emitted()[1][FILE])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    np.sqrt(zeta, out=zeta)  # (5.22)\n", ""),
        ("robust = scale**2*t3", "robust = scale*t3"),
        ("robust = scale**2*t3", "robust = t3"),
        ("np.divide(r, scale, out=zeta)", "np.copyto(zeta, r)"),
        ("np.subtract(t2, zeta, out=t2)", "np.add(t2, zeta, out=t2)"),
        ("np.maximum(zeta, 1.0, out=zeta)", "np.minimum(zeta, 1.0, out=zeta)"),
        ("np.log1p(part, out=part)", "np.log(part, out=part)"),
        ("np.hypot(1.0, zeta, out=zeta)", "np.hypot(2.0, zeta, out=zeta)"),
        ('"huber": (huber_factors, huber_total)', '"huber": (cauchy_factors, huber_total)'),
        ('"huber": (huber_factors, huber_total)', '"huber": (huber_factors, cauchy_total)'),
        ('    "cauchy": (cauchy_factors, cauchy_total),\n', ""),
        ("self.fill, self.add_up = LOSSES[name]", 'self.fill, self.add_up = LOSSES["huber"]'),
        ("self.scale = float(scale)", "self.scale = 1.0"),
        ("self.fill(r, t, self.work, self.scale)", "self.fill(t, r, self.work, self.scale)"),
    ],
)
def test_a_sign_a_root_or_a_scale_that_is_lost_is_found(old: str, new: str) -> None:
    text = emitted()[1][FILE]
    assert old in text
    assert not holds(text.replace(old, new, 1))


def test_a_package_without_the_file_or_with_a_wrong_line_in_it_is_not_verified() -> None:
    proof, files = emitted()
    assert verify_files(files, proof).holds
    assert not verify_files({name: text for name, text in files.items() if name != FILE}, proof).holds
    wrong = files[FILE].replace("scale**2*t3", "scale*t3")
    (finding, *_) = verify_files({**files, FILE: wrong}, proof).findings
    assert finding.file == FILE
    assert "(5.21)" in str(finding)


_names = itertools.count()


def bits(text: str, folder: Path) -> list[bytes]:
    """Run a changed robust.py and return the bits of all that it computes."""
    name = f"robust_{next(_names)}"
    (folder / name).mkdir()
    for file, content in {
        "__init__.py": "",
        "parameters.py": emitted()[1]["parameters.py"],
        FILE: text,
    }.items():
        (folder / name / file).write_text(content, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        losses = importlib.import_module(f"{name}.robust")
    finally:
        sys.path.remove(str(folder))
    r = np.array([[0.0, 0.2, -0.3], [1.7, -5.0, 1e3]])
    found = []
    for loss, scale in itertools.product(NAMES, (1.0, 0.6)):
        made, t = losses.RobustLoss(loss, scale, r.shape), np.empty(r.shape)
        for _ in range(2):
            made.factors(r, t)
            found += [t.tobytes(), np.float64(made.total(r)).tobytes()]
    return found


def all_mutants() -> Iterator[Mutant]:
    return mutants(FILE, emitted()[1][FILE], lambda name: not name.endswith("check"))


def examine(step: int, folder: Path) -> None:
    """Verify every step-th mutant; a survivor must compute the same bits, or stop."""
    expected, refused, seen = bits(emitted()[1][FILE], folder), 0, 0
    for mutant in itertools.islice(all_mutants(), 0, None, step):
        seen += 1
        if not holds(mutant.text):
            refused += 1
            continue
        try:
            found = bits(mutant.text, folder)
        except (ValueError, TypeError, AttributeError):
            continue
        assert found == expected, mutant.change
    assert refused > 0.7 * seen > 5, (refused, seen)


def test_every_mutant_that_changes_a_number_is_refused(tmp_path: Path) -> None:
    examine(229, tmp_path)


@pytest.mark.slow
def test_all_mutants_that_change_a_number_are_refused(tmp_path: Path) -> None:
    examine(23, tmp_path)


def test_forms_that_agree_for_positive_z_alone_do_not_agree() -> None:
    assert not _agree(Z, Abs(Z))
    assert not _agree(Abs(Z + 1), Z + 1)
    assert not _agree(Z**3, Abs(Z) ** 3)
    assert _agree(Z**2 * Abs(Z), Abs(Z) ** 3)
