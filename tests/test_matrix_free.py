"""Steps without any matrix and J as an operator: against dense least squares, cut short, in chunks."""

from __future__ import annotations

import importlib
import itertools
import sys
import tempfile
import tracemalloc
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from derive.architecture import Architecture
from derive.errors import UserError
from derive.extras import checked
from derive.package import render
from derive.proof import Proof, prove

FOLDER = tempfile.TemporaryDirectory()
_numbers = itertools.count()
EXTRAS = ("products", "matrix-free")
WIRED = (
    "2-3:tanh-3:tanh+2-2:linear",
    "2-3:tanh-2:tanh=W2T-3:tanh=W2-2:linear=W3",
    "2-4:tanh-3:gelu-2:linear+W2+W1",
    "3-4:silu,no-bias-1:linear,no-bias",
)
ARCHITECTURES = [
    *("2-3:tanh-2:linear", "3-4:relu-3:sigmoid-1", "3-3:tanh-3:sin=W2-3:tanh=W2+2-2"),
    *(pytest.param(text, marks=pytest.mark.slow) for text in WIRED),
]


@cache
def proof_of(text: str) -> Proof:
    return prove(Architecture.parse(text), brute_force=False)


@cache
def files_of(text: str) -> dict[str, str]:
    return render(proof_of(text), EXTRAS)


@cache
def package(text: str, *changes: tuple[str, str, str]) -> Any:
    """Return the emitted package, imported, with some text of its files changed."""
    name = f"free_{next(_numbers)}"
    folder = Path(FOLDER.name) / name
    folder.mkdir()
    files = dict(files_of(text))
    for file, old, new in changes:
        assert old in files[file]
        files[file] = files[file].replace(old, new)
    for file, content in files.items():
        (folder / file).write_text(content, encoding="utf-8")
    sys.path.insert(0, FOLDER.name)
    try:
        importlib.invalidate_caches()
        return importlib.import_module(name)
    finally:
        sys.path.remove(FOLDER.name)


def part(net: Any, file: str) -> Any:
    return importlib.import_module(f"{net.__name__}.{file}")


class Problem:
    """Samples, the explicit J, and the stacked least-squares problem that a step solves."""

    def __init__(self, net: Any, n: int, *, weighted: bool = False, ridge: float = 0.0) -> None:
        rng = np.random.default_rng(n)
        self.ridge = ridge
        self.p = net.initial_parameters(rng) + 0.1 * rng.standard_normal(net.N_PARAMETERS)
        self.X, self.Y = rng.standard_normal((n, net.SIZES[0])), rng.random((n, net.SIZES[-1]))
        self.t = rng.random(self.Y.shape) if weighted else None
        rows = np.ones(self.Y.size) if self.t is None else self.t.ravel()
        self.J = rows[:, None] * net.jacobian(self.p, self.X)
        self.r = rows * net.residual(self.p, self.X, self.Y)
        self.largest = float(np.linalg.norm(self.J, 2) ** 2)

    def solved(self, mu: float) -> np.ndarray:
        s = len(self.p)
        stacked = np.vstack([self.J, np.sqrt(self.ridge) * np.eye(s), np.sqrt(mu) * np.eye(s)])
        right = np.concatenate([self.r, -np.sqrt(self.ridge) * self.p, np.zeros(s)])
        return np.linalg.lstsq(stacked, right, rcond=None)[0]

    def objective(self, h: np.ndarray) -> float:
        return float(np.sum((self.r - self.J @ h) ** 2) + self.ridge * np.sum((self.p + h) ** 2))

    def slope(self, h: np.ndarray, mu: float = 0.0) -> np.ndarray:
        return self.J.T @ (self.r - self.J @ h) - mu * h - self.ridge * (self.p + h)

    def visit(self, work: Any) -> Any:
        work.ridge = self.ridge
        work.at(self.p, self.X, self.Y, self.t)
        return work


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


# -- the step --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ARCHITECTURES)
@pytest.mark.parametrize(("weighted", "ridge"), [(False, 0.0), (True, 0.0), (False, 0.3), (True, 0.02)])
def test_the_step_is_that_of_dense_least_squares(text: str, weighted: bool, ridge: float) -> None:
    net = package(text)
    problem = Problem(net, 9, weighted=weighted, ridge=ridge)
    work = problem.visit(net.KrylovStep(9, tolerance=1e-11, max_iterations=2000))
    np.testing.assert_allclose(work.slope(), problem.slope(0 * problem.p), rtol=0, atol=1e-12)
    for share in (1.0, 1e-2, 1e-3, 1e-1):
        mu = share * problem.largest
        h = work.trial(mu)
        assert relative(h, problem.solved(mu)) < 1e-7
        true = np.linalg.norm(problem.slope(h, mu)) / np.linalg.norm(problem.slope(0 * h))
        assert true <= 1.01e-11 + 1e-13  # what is stated of the residual holds of the residual itself
        assert work.residual <= 1e-11


@pytest.mark.parametrize("iterations", [1, 2, 4])
@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_a_step_cut_short_leads_downhill_and_predicts_its_own_decrease(iterations: int, ridge: float) -> None:
    net = package("3-4:relu-3:sigmoid-1")
    problem = Problem(net, 30, weighted=True, ridge=ridge)
    work = problem.visit(net.KrylovStep(30, max_iterations=iterations))
    for share in (1e-4, 1e-2, 1e-6):  # the second and third begin on the ray of the last
        mu = share * problem.largest
        h = work.trial(mu)
        assert h @ work.slope() > 0
        fallen = problem.objective(0 * h) - problem.objective(h)
        assert work.decrease == pytest.approx(fallen, rel=1e-9)
        assert fallen > mu * (h @ h)  # the damped model has fallen as well
        assert work.residual == pytest.approx(
            np.linalg.norm(problem.slope(h, mu)) / np.linalg.norm(problem.slope(0 * h)), rel=1e-6
        )


@pytest.mark.parametrize("memory", [1, 900, 2500])
def test_chunks_of_samples_give_the_same_step(memory: int) -> None:
    net = package("3-4:relu-3:sigmoid-1")
    problem = Problem(net, 23, weighted=True, ridge=0.1)
    whole = problem.visit(net.KrylovStep(23, tolerance=1e-10))
    work = problem.visit(net.KrylovStep(23, memory, tolerance=1e-10))
    assert len(whole.chunks) == 1 < len(work.chunks)
    for mu in (0.1, 1.0):
        assert relative(work.trial(mu), whole.trial(mu)) < 1e-8
        assert work.decrease == pytest.approx(whole.decrease, rel=1e-8)


def test_a_workspace_goes_to_another_point_and_forgets_the_last() -> None:
    net = package("2-3:tanh-2:linear")
    first, second = Problem(net, 9), Problem(net, 9, weighted=True, ridge=0.2)
    second.p *= 0.5
    second.J = second.t.reshape(-1, 1) * net.jacobian(second.p, second.X)
    second.r = second.t.ravel() * net.residual(second.p, second.X, second.Y)
    work = net.KrylovStep(9, tolerance=1e-10)
    first.visit(work).trial(0.1)
    assert relative(second.visit(work).trial(0.1), second.solved(0.1)) < 1e-7
    assert relative(first.visit(work).trial(0.1), first.solved(0.1)) < 1e-7


def test_a_further_trial_begins_where_the_last_ended() -> None:
    net = package("20-30:tanh-1:linear")
    problem = Problem(net, 40)
    mu = 1e-5 * problem.largest
    work, fresh = (problem.visit(net.KrylovStep(40, tolerance=1e-4)) for _ in range(2))
    work.trial(mu)
    before = work.products
    warm = work.trial(10 * mu).copy()
    again = work.products - before
    cold = fresh.trial(10 * mu)
    assert again < fresh.products - 1
    assert relative(warm, cold) < 0.05
    before = work.products
    work.trial(10 * mu)
    assert work.products == before  # the same damping: nothing to do


def test_float32_is_as_good_as_its_numbers_and_never_fails() -> None:
    net = package("3-4:relu-3:sigmoid-1")
    problem = Problem(net, 30, weighted=True, ridge=0.01)
    single = [np.ascontiguousarray(x, np.float32) for x in (problem.p, problem.X, problem.Y, problem.t)]
    work = net.KrylovStep(30, dtype=np.float32)
    work.ridge = 0.01
    work.at(*single)
    for share in (1.0, 1e-2, 1e-4, 1e-8):
        h = work.trial(share * problem.largest)
        assert h.dtype == np.float32
        assert work.tolerance > 7e-6
        if share >= 1e-2:
            assert relative(h, problem.solved(share * problem.largest)) < 1e-3


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_gives_none_and_no_exception(bad: float) -> None:
    net = package("2-3:tanh-2:linear")
    problem = Problem(net, 9)
    work = net.KrylovStep(9)
    with np.errstate(all="ignore"):
        work.at(problem.p, problem.X, np.full_like(problem.Y, bad))
        assert work.trial(1.0) is None
        assert work.trial(1.0) is None
    assert problem.visit(work).trial(1.0) is not None


def test_where_the_slope_is_zero_the_step_is_zero() -> None:
    net = package("2-3:tanh-2:linear")
    problem = Problem(net, 9)
    work = net.KrylovStep(9)
    work.at(problem.p, problem.X, net.forward(problem.p, problem.X))
    for mu in (1.0, 0.1):
        assert not work.trial(mu).any()
        assert work.decrease == 0.0


def test_an_iteration_allocates_no_arrays() -> None:
    net, n = package("3-4:relu-3:sigmoid-1"), 20_000
    rng = np.random.default_rng(0)
    p, X, Y = net.initial_parameters(rng), rng.standard_normal((n, 3)), rng.random((n, 1))
    for memory in (10**9, 10**6):
        work = net.KrylovStep(n, memory, max_iterations=4)
        work.at(p, X, Y, np.ones_like(Y))
        work.trial(1.0)
        tracemalloc.start()
        work.trial(0.1)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert work.products > 10
        assert most < 100_000 < work.E.nbytes  # NumPy's own buffer of 64 KiB, and views


def test_where_no_system_fits_memory_is_that_of_some_vectors_and_activations() -> None:
    """64-200-200-10 with 1,000 samples: J would take 4.4 GB, J J^T 0.8 GB and J^T J 24 GB."""
    net, n = package("64-200:tanh-200:tanh-10:linear"), 1000
    rng = np.random.default_rng(0)
    p = net.initial_parameters(rng)
    X, Y = rng.standard_normal((n, 64)), rng.random((n, 10))
    tracemalloc.start()
    work = part(net, "matrix_free").KrylovStep(n, 2**21, max_iterations=2)
    work.at(p, X, Y)
    h = work.trial(1.0)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(work.chunks) > 1
    assert most < 2**21 + 8 * (6 * len(p) + 3 * Y.size) + 10**5
    assert h @ work.slope() > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"memory": 0}, "memory: expected a number of bytes, got 0"),
        ({"tolerance": 0.0}, "tolerance: expected a number between 0 and 1, got 0.0"),
        ({"max_iterations": 0}, "max_iterations: expected a whole number from 1, got 0"),
        ({"n_samples": 0}, "n_samples: expected a whole number from 1, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        package("2-3:tanh-2:linear").KrylovStep(**({"n_samples": 5} | settings))


def test_factors_of_another_shape_are_refused() -> None:
    net = package("2-3:tanh-2:linear")
    problem = Problem(net, 9)
    with pytest.raises(ValueError, match=r"^t: expected shape \(9, 2\), got \(9,\)$"):
        net.KrylovStep(9).at(problem.p, problem.X, problem.Y, np.ones(9))


FRAME = [
    ("matrix_free.py", "            weigh(t=self.t, E=self.c, c=self.c)", "            pass"),
    ("matrix_free.py", "            weigh(t=self.t, E=E, c=self.c)\n", ""),
    ("matrix_free.py", "            weigh(t=t, E=self.r, c=self.r)", "            pass"),
    ("matrix_free.py", "self.sloped, self.last, self.products = False, None, 0", "self.last = None"),
    ("matrix_free.py", "accumulate(g=B, part_g=self.part)", "pass"),
    ("matrix_free.py", "on_ray(**given, mu=mu, nu=nu", "on_ray(**given, mu=mu, nu=mu"),
]


@pytest.mark.parametrize("change", FRAME)
def test_what_is_not_proved_is_seen_in_the_step_if_it_is_wrong(change: tuple[str, str, str]) -> None:
    net = package("2-3:tanh-2:linear", change)
    problem = Problem(net, 9, weighted=True, ridge=0.1)
    work = net.KrylovStep(9, 600, tolerance=1e-9)
    work.at(problem.p, problem.X, problem.Y + 1.0)
    work.trial(1.0)
    problem.visit(work).trial(1.0)
    h = work.trial(0.01)
    assert h is None or relative(h, problem.solved(0.01)) > 1e-6


# -- which form is taken ---------------------------------------------------------------------------------


def test_the_form_is_matrix_free_where_it_is_asked_for_or_nothing_else_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = package("2-6:tanh-3:linear")  # 39 parameters
    damped = part(net, "damped")
    assert type(net.damped_step(8)).__name__ == "GramStep"
    assert type(net.damped_step(8, form="matrix-free")).__name__ == "KrylovStep"
    monkeypatch.setattr(damped, "MAX_SYSTEM_BYTES", 8 * 23**2)
    assert type(net.damped_step(8)).__name__ == "KrylovStep"
    assert type(net.damped_step(8, form="dual")).__name__ == "GramStep"
    assert type(net.damped_step(7)).__name__ == "GramStep"
    assert net.damped_step(8, memory=100).chunk == 1
    with pytest.raises(ValueError, match=r"^form: expected 'auto', .*'matrix-free', got 'exact'$"):
        net.damped_step(8, form="exact")
    problem = Problem(net, 8)
    work, moved = net.damped_step(8), np.empty_like(problem.p)
    problem.visit(work)
    damped.take(problem.p, work.trial(0.1), moved)
    assert relative(moved - problem.p, problem.solved(0.1)) < 1e-4


@pytest.mark.parametrize(("extras", "hint"), [((), "--with matrix-free"), (EXTRAS, 'form="matrix-free"')])
def test_a_system_that_is_too_large_is_refused_with_what_to_do(extras: tuple[str, ...], hint: str) -> None:
    text = render(proof_of("2-3:tanh-2:linear"), extras)["lm_step.py"]
    (refusal,) = (line for line in text.splitlines() if "matrix-free" in line and line[0] != "#")
    assert hint in refusal


def test_only_a_sum_of_squares_has_such_steps() -> None:
    proof = prove(Architecture.parse("2-3-2", "log-cosh"), brute_force=False)
    with pytest.raises(UserError, match=r"sum of squares for --with matrix-free.*got log-cosh"):
        render(proof, ("matrix-free",))
    assert checked(("matrix-free",)) == EXTRAS


# -- the operator ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ARCHITECTURES)
def test_the_operator_is_the_jacobian_row_by_row(text: str) -> None:
    net = package(text)
    problem = Problem(net, 7)
    operator = net.jacobian_operator(problem.p, problem.X)
    assert operator.shape == problem.J.shape
    assert operator.dtype == np.float64
    problem.p[:] = 7.0  # it keeps its own
    for _ in range(2):
        columns = np.stack([operator.matvec(v) for v in np.eye(operator.shape[1])], axis=1)
        rows = np.stack([operator.rmatvec(u[:, None]) for u in np.eye(operator.shape[0])])
        np.testing.assert_allclose(columns, problem.J, rtol=0, atol=1e-14)
        np.testing.assert_allclose(rows, problem.J, rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match=r"^v: expected shape"):
        operator.matvec(np.zeros(3))
    with pytest.raises(TypeError, match=r"^u: expected real numbers"):
        operator.rmatvec(np.zeros(operator.shape[0], complex))


def test_scipy_takes_the_operator() -> None:
    linalg = pytest.importorskip("scipy.sparse.linalg", reason="SciPy is not installed")
    optimize = pytest.importorskip("scipy.optimize")
    net = package("2-3:tanh-2:linear")
    problem = Problem(net, 30)
    operator = linalg.aslinearoperator(net.jacobian_operator(problem.p, problem.X))
    v, u = np.ones(operator.shape[1]), np.ones(operator.shape[0])
    assert (u @ (operator @ v)) == pytest.approx((operator.T @ u) @ v)
    h = linalg.lsmr(operator, problem.r, damp=0.5, atol=1e-12, btol=1e-12, maxiter=1000)[0]
    assert relative(h, problem.solved(0.25)) < 1e-6
    found = optimize.least_squares(
        lambda p: net.residual(p, problem.X, problem.Y),
        problem.p,
        jac=lambda p: -linalg.aslinearoperator(net.jacobian_operator(p, problem.X)),
        max_nfev=30,
    )
    assert found.cost < 0.5 * problem.objective(0 * problem.p)
