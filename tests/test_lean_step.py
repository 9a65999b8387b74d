"""Steps without the Jacobian: against the Jacobian, least squares and singular values; memory; damping."""

from __future__ import annotations

import doctest
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
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_networks import network

from derive.architecture import Architecture
from derive.package import render
from derive.proof import prove
from derive.verification.verify import verify_files

FOLDER = tempfile.TemporaryDirectory()
_numbers = itertools.count()


@cache
def package(text: str) -> Any:
    """Return the emitted package for an architecture, imported."""
    return package_of(Architecture.parse(text))


def package_of(shape: Architecture) -> Any:
    """Return the emitted package, imported."""
    name = f"lean_{next(_numbers)}"
    folder = Path(FOLDER.name) / name
    folder.mkdir()
    for file, content in render(prove(shape, brute_force=False)).items():
        (folder / file).write_text(content, encoding="utf-8")
    sys.path.insert(0, FOLDER.name)
    try:
        importlib.invalidate_caches()
        return importlib.import_module(name)
    finally:
        sys.path.remove(FOLDER.name)


def part(net: Any, file: str) -> Any:
    return importlib.import_module(f"{net.__name__}.{file}")


def problem(net: Any, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = net.initial_parameters(rng) + 0.1 * rng.standard_normal(net.N_PARAMETERS)
    return p, rng.standard_normal((n, net.SIZES[0])), rng.random((n, net.SIZES[-1]))


def outputs_first(net: Any, n: int) -> np.ndarray:
    """Return where the rows of J and r lie in the order of the Gram matrix."""
    return np.arange(n * net.SIZES[-1]).reshape(n, -1).T.ravel()


def least_squares(J: np.ndarray, r: np.ndarray, mu: float) -> np.ndarray:
    """Return the h that minimises ||[J; sqrt(mu) I] h - [r; 0]||."""
    s = J.shape[1]
    stacked = np.vstack([J, np.sqrt(mu) * np.eye(s)])
    return np.linalg.lstsq(stacked, np.concatenate([r, np.zeros(s)]), rcond=None)[0]


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


ACTIVATIONS = ("sigmoid", "tanh", "linear", "softplus", "silu", "relu", "sin")
SLOW = [HealthCheck.too_slow]
layers = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from(ACTIVATIONS), st.sampled_from(["", ",no-bias"])),
    min_size=1,
    max_size=3,
)
WIRED = (
    "2-3:tanh-3:tanh+2-2:linear",
    "3-3:tanh-3:sin=W2-3:tanh=W2+2-2",
    "2-3:tanh-2:tanh=W2T-3:tanh=W2-2:linear=W3",
    "2-2:tanh-2:linear=2",
    "2-4:tanh-3:tanh-2:linear+W2+W1",
)


def check_forms(net: Any, n: int, shares: tuple[float, ...]) -> None:
    """Compare both forms with each other and with the stacked least squares."""
    p, X, Y = problem(net, n)
    J, r = net.jacobian(p, X), net.residual(p, X, Y)
    dual, primal = part(net, "gram_step").GramStep(n), part(net, "normal_step").NormalStep(n)
    for work in (dual, primal):
        work.at(p, X, Y)
    for share in shares:
        mu = share * float(np.linalg.norm(J, 2) ** 2)
        expected = least_squares(J, r, mu)
        h_dual, h_primal = dual.trial(mu).copy(), primal.trial(mu)
        assert relative(h_dual, h_primal) <= 1e-10
        assert relative(h_dual, expected) <= 1e-10


def check_gram(text: str, n: int) -> None:
    check_gram_of(package(text), n)


def check_gram_of(net: Any, n: int) -> None:
    p, X, Y = problem(net, n)
    J, r, order = net.jacobian(p, X), net.residual(p, X, Y), outputs_first(net, n)
    work = part(net, "gram_step").GramStep(n)
    for _ in range(2):  # a workspace that was used before gives the same
        work.at(p, X, Y)
        wanted = (J @ J.T)[np.ix_(order, order)]
        np.testing.assert_allclose(work.gram, wanted, rtol=0, atol=1e-14 * np.max(wanted))
    np.testing.assert_array_equal(work.r.ravel(), r[order])
    v = np.random.default_rng(1).standard_normal(len(r))
    work.system.solve = lambda mu: v
    np.testing.assert_allclose(work.trial(1.0), J[order].T @ v, rtol=0, atol=1e-12 * np.abs(J).sum())


@settings(max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=SLOW)
@given(st.integers(1, 4), layers, st.integers(1, 7))
def test_gram_matrix_is_the_product_of_the_jacobians(inputs: int, above: list[Any], n: int) -> None:
    check_gram("-".join([str(inputs), *(f"{size}:{name}{bias}" for size, name, bias in above)]), n)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, phases=[Phase.generate], suppress_health_check=SLOW)
@given(st.integers(1, 6), layers, st.integers(1, 9))
def test_gram_matrix_is_the_product_of_the_jacobians_of_fifty(inputs: int, above: list[Any], n: int) -> None:
    check_gram("-".join([str(inputs), *(f"{size}:{name}{bias}" for size, name, bias in above)]), n)


@pytest.mark.slow
def test_both_forms_agree_about_fifty_random_networks_with_as_many_residuals_as_parameters() -> None:
    """Skips and shared weights among them; N n_L is the nearest to s from either side."""
    tried, seed = 0, 0
    while tried < 50:
        drawn, seed = network(seed), seed + 1
        if drawn.activations[-1] == "softmax" or drawn.n_parameters < drawn.sizes[-1]:
            continue
        tried += 1
        shape = Architecture(drawn.sizes, drawn.activations, drawn.biases, "quadratic", drawn.wiring)
        net = package_of(shape)
        below = net.N_PARAMETERS // net.SIZES[-1]
        for n in (below, below + 1):
            check_gram_of(net, n)
            check_forms(net, n, (1e-4, 1e-2, 1.0))


@pytest.mark.parametrize("text", WIRED)
def test_gram_matrix_knows_layers_that_share_weights_or_skip(text: str) -> None:
    check_gram(text, 5)


@pytest.mark.parametrize("text", ["2-3:tanh-2:linear", "2-3:tanh-1", *WIRED[:3]])
@pytest.mark.parametrize("memory", [1, 1_500, 10**8])
def test_normal_matrix_is_summed_over_chunks_of_any_size(text: str, memory: int) -> None:
    net, n = package(text), 13
    p, X, Y = problem(net, n)
    J, r = net.jacobian(p, X), net.residual(p, X, Y)
    work = part(net, "normal_step").NormalStep(n, memory)
    assert (work.chunk == n) == (memory > 10**6)
    for _ in range(2):
        work.at(p, X, Y)
        np.testing.assert_allclose(work.S, J.T @ J, rtol=0, atol=1e-14 * n * np.max(J**2))
        np.testing.assert_allclose(work.g, J.T @ r, rtol=0, atol=1e-14 * n * np.max(np.abs(J)))


# 2-3-2: 17 parameters, 9-8 samples of 2 outputs; 3-4-1: 21 parameters
@pytest.mark.parametrize(
    ("text", "n"), [("2-3:tanh-2:linear", 8), ("2-3:tanh-2:linear", 9), ("3-4:tanh-1:linear", 20)]
)
@pytest.mark.parametrize("share", [1e-4, 1e-2, 1.0])
def test_both_forms_give_the_damped_least_squares_step(text: str, n: int, share: float) -> None:
    net = package(text)
    p, X, Y = problem(net, n)
    assert abs(n * net.SIZES[-1] - net.N_PARAMETERS) == 1
    J, r = net.jacobian(p, X), net.residual(p, X, Y)
    mu = share * float(np.linalg.norm(J, 2) ** 2)
    expected = least_squares(J, r, mu)
    dual, primal = part(net, "gram_step").GramStep(n), part(net, "normal_step").NormalStep(n)
    for work in (dual, primal):
        work.at(p, X, Y)
    h_dual, h_primal = dual.trial(mu).copy(), primal.trial(mu)
    assert relative(h_dual, h_primal) <= 1e-10
    assert relative(h_dual, expected) <= 1e-10
    assert relative(h_primal, expected) <= 1e-10
    np.testing.assert_allclose(net.lm_step(p, X, Y, mu) - p, expected, rtol=0, atol=1e-10)
    decrease = r @ r - np.sum((r - J @ expected) ** 2)
    assert dual.decrease == pytest.approx(decrease, rel=1e-9)
    assert primal.decrease == pytest.approx(decrease, rel=1e-9)


@pytest.mark.parametrize("form", ["gram", "normal"])
def test_many_trials_from_one_place_agree_whatever_solves_them(form: str) -> None:
    net, n = package("3-4:tanh-2:linear"), 11
    p, X, Y = problem(net, n)
    work = getattr(part(net, f"{form}_step"), f"{form.capitalize()}Step")(n)
    work.at(p, X, Y)
    J, r = net.jacobian(p, X), net.residual(p, X, Y)
    for k in range(14):  # the first by factors, the rest by eigenvectors
        mu = 1e-3 * 10.0 ** (k / 2)
        assert relative(work.trial(mu), least_squares(J, r, mu)) < 1e-9
    assert work.system.spectrum is not None


def test_dual_step_is_as_good_as_singular_values_and_float32_never_fails() -> None:
    """Item 5: 1e-9 at mu/lambda_max = 1e-8 in float64; float32 no failure, and 1e-4 at 1e-6."""
    net, n = package("20-30:tanh-10:tanh-1:linear"), 40
    p, X, Y = problem(net, n)
    Y += 3.0
    work, single = part(net, "gram_step").GramStep(n), part(net, "gram_step").GramStep(n, np.float32)
    p32, X32, Y32 = (np.ascontiguousarray(array, np.float32) for array in (p, X, Y))
    work.at(p, X, Y)
    single.at(p32, X32, Y32)

    def by_singular_values(J: np.ndarray, r: np.ndarray, mu: float) -> np.ndarray:
        left, values, right = np.linalg.svd(J, full_matrices=False)
        return right.T @ (values / (values**2 + mu) * (left.T @ r))

    J, r = net.jacobian(p, X), net.residual(p, X, Y)
    largest = float(np.linalg.norm(J, 2) ** 2)
    expected = by_singular_values(J, r, 1e-8 * largest)
    assert np.linalg.norm(work.trial(1e-8 * largest) - expected) <= 1e-9 * np.linalg.norm(expected)
    exact = net.jacobian(p32.astype(float), X32.astype(float))
    r32 = net.residual(p32.astype(float), X32.astype(float), Y32.astype(float))
    for share in 10.0 ** np.arange(-2, -11, -1):
        h = single.trial(share * largest)
        assert h is not None
        assert h.dtype == np.float32
        assert np.isfinite(h).all()
        if share >= 0.99e-6:
            wanted = by_singular_values(exact, r32, share * largest)
            assert np.linalg.norm(h - wanted) <= 1e-4 * np.linalg.norm(wanted)


@pytest.mark.parametrize("form", ["gram", "normal"])
def test_a_system_that_float64_cannot_solve_gives_none_and_no_exception(form: str) -> None:
    net, n = package("3-4:tanh-2:linear"), 11
    p, X, Y = problem(net, n)
    work = getattr(part(net, f"{form}_step"), f"{form.capitalize()}Step")(n)
    work.at(p, X, np.full_like(Y, np.nan))
    for _ in range(10):
        assert work.trial(1.0) is None
    with np.errstate(all="ignore"):
        work.at(p, X * 1e200, Y * 1e300)
        for _ in range(10):
            work.trial(1e-300)


def held(net: Any, n: int) -> int:
    """Return the bytes that a step holds at most beyond its data."""
    p, X, Y = problem(net, n)
    tracemalloc.start()
    work = part(net, "normal_step").NormalStep(n)
    work.at(p, X, Y)
    work.trial(0.1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_memory_of_the_primal_form_does_not_grow_with_the_samples() -> None:
    net = package("4-16:tanh-16:tanh-1:linear")
    assert held(net, 100_000) == pytest.approx(held(net, 10_000), rel=0.1)


def test_a_million_parameters_take_no_jacobian() -> None:
    """64-960-960-1 with 24 samples: J alone would take 189 MB, the step takes less than a fifth."""
    net, n = package("64-960:tanh-960:tanh-1:linear"), 24
    p, X, Y = problem(net, n)
    tracemalloc.start()
    work = net.damped_step(n)
    work.at(p, X, Y)
    h = work.trial(0.1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 36e6
    slope = -len(X) * net.gradient(p, X, Y)
    assert h @ slope > 0


def test_the_form_follows_from_the_sizes() -> None:
    net = package("2-6:tanh-3:linear")  # 39 parameters
    assert [type(net.damped_step(n)).__name__ for n in (12, 13)] == ["GramStep", "NormalStep"]


def test_a_tiny_network_takes_the_normal_matrix_for_any_number_of_samples() -> None:
    net = package("2-3:tanh-2:linear")  # 17 parameters
    assert {type(net.damped_step(n)).__name__ for n in (1, 8, 9)} == {"NormalStep"}


def test_training_with_little_memory_takes_the_same_steps() -> None:
    net, n = package("2-3:tanh-1"), 60
    p, X, Y = problem(net, n)
    small, large = (net.levenberg_marquardt(p, X, Y, steps=6, memory=m) for m in (1_000, 10**9))
    np.testing.assert_allclose(small.p, large.p, rtol=1e-6)


@pytest.mark.parametrize("memory", [0, -1])
def test_no_memory_is_refused_in_one_line(memory: int) -> None:
    with pytest.raises(ValueError, match=rf"^memory: expected a number of bytes, got {memory}$"):
        part(package("2-3:tanh-2:linear"), "normal_step").NormalStep(5, memory)


def test_the_examples_in_the_documentation_run() -> None:
    document = Path(__file__).parents[1] / "docs" / "levenberg-marquardt.md"
    failed, tried = doctest.testfile(str(document), module_relative=False)
    assert tried > 10
    assert failed == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("_taken(p, step.trial(mu))", "_taken(p, step.trial(2.0 * mu))"),
        ("    take(p, h, p_new)\n    return p_new", "    take(p_new, h, p)\n    return p_new"),
        ("    step.at(p, X, Y)", "    step.at(X, p, Y)"),
        ("np.add(h, p, out=p_new)", "np.add(h, h, out=p_new)"),
    ],
)
def test_a_whole_step_is_verified(old: str, new: str) -> None:
    proof = prove(Architecture.parse("1-2-1"), brute_force=False)
    files = render(proof)
    changed = files["damped.py"].replace(old, new, 1)
    assert changed != files["damped.py"]
    assert verify_files(files, proof).holds
    found = verify_files({**files, "damped.py": changed}, proof).findings
    assert [finding.file for finding in found] == ["damped.py"]


@pytest.mark.parametrize("text", ["1-2-2-2:exp+2,no-bias", "1-1-1-1:exp+2+W1"])
def test_an_output_slope_alone_on_a_diagonal_stands_as_its_rows_do(text: str) -> None:
    proof = prove(Architecture.parse(text), brute_force=False)  # s'(z[L]) = a[L], (N, n_L) in (n_L, N, n_l)
    assert verify_files(render(proof), proof).holds
    check_gram(text, 5)


@pytest.mark.parametrize("text", ["2-3:linear-1:linear", "2-3:tanh-2:linear-2:linear"])
def test_linear_layers_above_each_other_are_verified_and_right(text: str) -> None:
    proof = prove(Architecture.parse(text), brute_force=False)
    files = render(proof)
    assert verify_files(files, proof).holds
    check_gram(text, 5)
    spread = "[:, None, :], " if "[:, None, :], " in files["gram_step.py"] else "[:, None, :])"
    changed = files["gram_step.py"].replace(spread, spread.replace(":, None, :", "None, :, :"), 1)
    assert changed != files["gram_step.py"]
    assert not verify_files({**files, "gram_step.py": changed}, proof).holds
