"""Geodesic acceleration by numbers: F'' against 50 digits, corrections against least squares, memory."""

from __future__ import annotations

import importlib
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import mpmath
import numpy as np
import pytest
from random_networks import KINKED, SMOOTH, ByHand, network, rows

from derive.architecture import Architecture
from derive.costs import QUADRATIC, SOFTMAX
from derive.extras import ACCELERATION
from derive.generate import generate, write
from derive.package import render
from derive.proof import prove

Emitted = Callable[[str], Any]
WIRED = "3-3:tanh-3:gelu=2-3:sigmoid=W3T+2+1-2:linear+W1"
REGRESSION = "2-4:tanh-2:linear"


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emitted]:
    """Return packages with acceleration, as rendered; that they are proved is tested elsewhere."""
    folder = tmp_path_factory.mktemp("packages")
    made: dict[str, ModuleType] = {}
    sys.path.insert(0, str(folder))

    def package(text: str) -> Any:
        if text not in made:
            name = f"accelerated_{len(made)}"
            (folder / name).mkdir()
            proof = prove(Architecture.parse(text), brute_force=False)
            for file, source in render(proof, (ACCELERATION,)).items():
                (folder / name / file).write_text(source, encoding="utf-8")
            importlib.invalidate_caches()
            made[text] = importlib.import_module(name)
        return made[text]

    yield package
    sys.path.remove(str(folder))
    for key in [key for key in sys.modules if key.startswith("accelerated_")]:
        del sys.modules[key]


def squares(seed: int) -> Architecture:
    """Return a random network, wired and shared as it comes, whose cost is a sum of squares."""
    drawn, random = network(seed), Random(seed)
    last = drawn.activations[-1]
    names = (*drawn.activations[:-1], random.choice(SMOOTH) if last == SOFTMAX else last)
    return Architecture(drawn.sizes, names, drawn.biases, QUADRATIC, drawn.wiring)


def problem(net: Any, n: int = 3, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    p, v = rng.standard_normal((2, net.N_PARAMETERS)) * 0.7
    return p, rng.standard_normal((n, net.SIZES[0])), rng.standard_normal((n, net.SIZES[-1])), v


def close(found: Any, wanted: Any, rtol: float) -> None:
    scale = max(1e-3, float(np.max(np.abs(wanted))))
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * scale)


# -- F'' -------------------------------------------------------------------------------------------------


def compare(net: Any, shape: Architecture, seed: int) -> None:
    """Compare with second differences of the definition in 50 digits."""
    p, X, _, v = problem(net, 2, seed)
    hand = ByHand(shape)
    wanted = np.empty((len(X), shape.sizes[-1]))
    with mpmath.workdps(50):
        step = mpmath.mpf(10) ** -15
        exact, way = ([mpmath.mpf(float(x)) for x in array] for array in (p, v))
        for i, x in enumerate(X.tolist()):
            ahead, here, behind = (
                hand.output(rows(net, [q + k * step * d for q, d in zip(exact, way, strict=True)]), x)
                for k in (1, 0, -1)
            )
            wanted[i] = [
                float((f - 2 * g + h) / step**2) for f, g, h in zip(ahead, here, behind, strict=True)
            ]
    close(net.second_derivative_along(p, X, v), wanted, 1e-11)


FAST = (3, 15)


@pytest.mark.parametrize("seed", [*FAST, *(pytest.param(k, marks=pytest.mark.slow) for k in range(16, 40))])
def test_outputs_of_random_networks_bend_as_their_definition_does(emitted: Emitted, seed: int) -> None:
    shape = squares(seed)
    compare(emitted(str(shape)), shape, seed)


def test_the_random_networks_are_wired_shared_and_of_many_activations() -> None:
    shapes = [squares(seed) for seed in (*FAST, *range(16, 40))]
    texts = [str(shape) for shape in shapes]
    for sign in ("+", "=", "no-bias"):
        assert sum(sign in text for text in texts) >= 3
    assert len({name for shape in shapes for name in shape.activations}) >= 12


@pytest.mark.parametrize(
    "name", ["tanh", *(pytest.param(k, marks=pytest.mark.slow) for k in SMOOTH + KINKED)]
)
def test_every_activation_bends_as_its_definition_does(emitted: Emitted, name: str) -> None:
    text = f"2-3:{name}-2:{name}"
    compare(emitted(text), Architecture.parse(text), 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20, 32))
def test_outputs_bend_as_automatic_differentiation_says(emitted: Emitted, seed: int) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    shape = squares(seed)
    net = emitted(str(shape))
    p, X, _, v = problem(net, 2, seed)
    hand = ByHand(shape, [{"erf": jax.scipy.special.erf}, "jax"])
    zero = np.zeros((1, shape.sizes[-1]))

    def output(flat: Any, x: Any, k: int) -> Any:
        blocks, at = {}, 0
        for name, view in zip(net.parameters.NAMES, net.unpack(p), strict=True):
            blocks[name] = flat[at : at + view.size].reshape(view.shape)
            at += view.size
        unit = zero.copy()
        unit[0, k] = 1.0  # (F^2 - (F - 1)^2) / 2 + 1/2 = F
        cost = [hand.array_cost(blocks, x[None], T, jax.numpy) for T in (zero, unit)]
        return cost[0] - cost[1] + 0.5

    found = net.second_derivative_along(p, X, v)
    for i, k in np.ndindex(found.shape):

        def moved(t: Any, i: int = i, k: int = k) -> Any:
            return output(p + t * v, X[i], k)

        close(found[i, k], jax.grad(jax.grad(moved))(0.0), 1e-10)


# -- corrections -----------------------------------------------------------------------------------------


def stacked(net: Any, p: Any, X: Any, h: Any, mu: float, t: Any = 1.0) -> np.ndarray:
    """Return the correction by least squares of [t J; sqrt(mu) I] and [-t F''; 0]."""
    t = np.broadcast_to(t, (len(X), net.SIZES[-1])).reshape(-1)
    J = t[:, None] * net.jacobian(p, X)
    bend = t * net.second_derivative_along(p, X, h).reshape(-1)
    above = np.vstack([J, np.sqrt(mu) * np.eye(len(p))])
    return np.linalg.lstsq(above, np.concatenate([-bend, np.zeros(len(p))]), rcond=None)[0]


def both(net: Any, n: int) -> list[Any]:
    return [form(n) for form in (net.gram_step.GramStep, net.normal_step.NormalStep)]


@pytest.mark.parametrize("mu", [1e-3, 1.0])
@pytest.mark.parametrize("memory", [1, 1000, 2**24])
def test_both_forms_give_the_correction_of_least_squares(emitted: Emitted, memory: int, mu: float) -> None:
    for text, n in ((REGRESSION, 23), (WIRED, 11)):
        net = emitted(text)
        p, X, Y, _ = problem(net, n, 5)
        corrector = net.Acceleration(n, memory=memory)
        assert (corrector.chunk < n) == (memory < 2**24)
        for step in both(net, n):
            step.at(p, X, Y)
            h = step.trial(mu).copy()
            found = corrector.correction(step, p, X, mu, h)
            wanted = stacked(net, p, X, h, mu)
            close(found, wanted, 1e-8)
            assert corrector.ratio == pytest.approx(2 * np.linalg.norm(wanted) / np.linalg.norm(h), rel=1e-8)
            close(step.trial(mu), h, 1e-12)  # the step itself is not touched


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("n", [9, 40])
def test_factors_of_the_rows_and_a_ridge_are_those_of_the_step(
    emitted: Emitted, n: int, weighed: bool, ridge: float
) -> None:
    net = emitted(REGRESSION)
    p, X, Y, v = problem(net, n, 2)
    t = np.random.default_rng(1).uniform(0.1, 3.0, (n, 2)) if weighed else None
    wanted = stacked(net, p, X, v, 0.1 + ridge, 1.0 if t is None else t)
    for step in both(net, n):
        step.ridge = ridge
        step.at(p, X, Y, t)
        for _ in range(12):  # by a factor, later by the eigenvectors
            close(net.Acceleration(n, memory=2000).correction(step, p, X, 0.1, v, t), wanted, 1e-8)


def test_a_scaled_system_is_refused_in_one_line(emitted: Emitted) -> None:
    net = emitted(REGRESSION)
    p, X, Y, v = problem(net, 40, 2)
    step = net.damped_step(40, scaling="marquardt")
    step.at(p, X, Y)
    with pytest.raises(ValueError, match=r"^scaling: expected 'identity' for a correction of steps, got"):
        net.Acceleration(40).correction(step, p, X, 0.1, v)


def test_an_accelerated_step_follows_a_curved_valley_further(emitted: Emitted) -> None:
    """The residual along p + h + c/2 is smaller to second order: its error falls with the third power."""
    net = emitted(REGRESSION)
    p, X, Y, _ = problem(net, 5, 7)
    step, corrector = net.gram_step.GramStep(5), net.Acceleration(5)
    step.at(p, X, Y)
    r = net.residual(p, X, Y)
    errors = []
    p_new, mu = np.empty_like(p), 1e-9  # J J^T is invertible, so with mu nearly nothing bends any more
    for size in (1e-2, 5e-3):
        h = size * step.trial(mu)
        c = corrector.correction(step, p, X, mu, h)
        net.acceleration.take_accelerated(p, h, p_new, c)
        errors.append(np.linalg.norm(net.residual(p_new, X, Y) - (r - net.jacobian(p, X) @ h)))
    assert 7.5 < errors[0] / errors[1] < 8.5


def test_there_is_no_correction_where_the_system_has_no_solution(emitted: Emitted) -> None:
    net = emitted(REGRESSION)
    p, X, Y, v = problem(net, 150, 1)
    for step, matrix in zip(both(net, 150), ("gram", "S"), strict=True):
        step.at(p, X, Y)
        getattr(step, matrix)[...] = np.nan
        assert net.Acceleration(150).correction(step, p, X, 1e-3, v) is None


def test_float32_gives_the_correction_to_its_own_digits(emitted: Emitted) -> None:
    net = emitted(REGRESSION)
    p, X, Y, _ = (array.astype(np.float32) for array in problem(net, 30, 4))
    for form in (net.gram_step.GramStep, net.normal_step.NormalStep):
        step = form(30, dtype=np.float32)
        step.at(p, X, Y)
        h = step.trial(0.5)
        found = net.Acceleration(30, np.float32, 4000).correction(step, p, X, 0.5, h)
        assert found.dtype == np.float32
        close(found, stacked(net, p.astype(float), X.astype(float), np.asarray(h, float), 0.5), 2e-4)


# -- memory and messages ---------------------------------------------------------------------------------


def peak(call: Callable[[], Any]) -> int:
    call()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    call()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most - before


def test_a_loop_over_a_workspace_allocates_nothing(emitted: Emitted) -> None:
    net = emitted("4-30:tanh-3:linear")
    p, X, _, v = problem(net, 1000)
    work = net.SecondDerivativeWorkspace(1000)
    assert peak(lambda: work.derivative(p, X, v)) < 1000 * 30 * 8  # less than one array of activations
    assert peak(lambda: work.pulled(p, X, v, None)) < 1000 * 30 * 8


def test_memory_does_not_grow_with_the_samples_in_the_primal_form(emitted: Emitted) -> None:
    net = emitted("4-8:tanh-1:linear")
    used = []
    for n in (5_000, 50_000):
        p, X, Y, v = problem(net, n)
        step = net.normal_step.NormalStep(n, 2**20)
        step.at(p, X, Y)

        def corrected(n: int = n, step: Any = step, p: Any = p, X: Any = X, v: Any = v) -> None:
            net.Acceleration(n, memory=2**20).correction(step, p, X, 0.1, v)

        used.append(peak(corrected))
    assert used[1] < 1.1 * used[0]
    assert used[1] < 2 * 2**20


def test_a_package_that_is_written_checks_its_own_acceleration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = write(generate("1-2:tanh-1", ACCELERATION), tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importlib.import_module(f"{target.name}.__main__").main() == 0
    said = capsys.readouterr().out
    assert "ok      F'' against complex step" in said
    assert "ok      primal against dual correction" in said


def test_the_document_shows_calls_that_work(emitted: Emitted) -> None:
    document = Path(__file__).parents[1] / "docs" / "levenberg-marquardt.md"
    net = emitted(REGRESSION)
    p, X, Y, _ = problem(net, 12, 3)
    step, acceleration = net.damped_step(len(X)), net.Acceleration(len(X))
    step.at(p, X, Y)
    h = step.trial(10.0)
    c = acceleration.correction(step, p, X, 10.0, h)
    assert acceleration.ratio <= 0.75
    assert net.cost(p + h + c / 2, X, Y) < net.cost(p, X, Y)
    shown = document.read_text("utf-8").split("## Geodesic acceleration")[1]
    assert "acceleration.correction(step, p, X, mu, h)" in shown
    assert "net.damped_step(len(X)), net.Acceleration(len(X))" in shown


def test_what_makes_no_sense_is_refused_in_one_line(emitted: Emitted) -> None:
    net = emitted(REGRESSION)
    p, X, _, v = problem(net)
    with pytest.raises(ValueError, match=r"^v: expected shape"):
        net.second_derivative_along(p, X, v[:-1])
    with pytest.raises(TypeError, match=r"^v: expected real numbers"):
        net.second_derivative_along(p, X, v.astype(complex))
    with pytest.raises(ValueError, match=r"^memory: expected a number of bytes, got 0$"):
        net.Acceleration(3, memory=0)
    with pytest.raises(ValueError, match=r"^n_samples: expected a whole number from 1, got 0$"):
        net.Acceleration(0)
