"""Another activation, another cost, another shape: formulas change with the definition, no template does."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import by_hand
import numpy as np
import pytest
from sympy import Expr, Integer, Min, exp

from derive import activations, network
from derive.activations import Activation, Z
from derive.architecture import Architecture
from derive.errors import NotProvedError
from derive.generate import generate, write
from derive.proof import prove
from derive.theorems.lemma1 import LEMMA_1

Import = Callable[[str], Any]


@dataclass(frozen=True)
class Other:
    """An activation as SymPy and as NumPy have it."""

    definition: Expr
    stable: Expr
    by_hand: Callable[[Any], Any]


def _guarded(power: Expr) -> Expr:
    return exp(Min(power, 708))


OTHERS = {
    "steeper": Other(1 / (1 + exp(-2 * Z)), 1 / (1 + _guarded(-2 * Z)), lambda z: 1 / (1 + np.exp(-2 * z))),
    "shifted": Other(1 / (1 + exp(5 - Z)), 1 / (1 + _guarded(5 - Z)), lambda z: 1 / (1 + np.exp(5 - z))),
    "odd": Other(2 / (1 + exp(-Z)) - 1, 2 / (1 + _guarded(-Z)) - 1, lambda z: np.tanh(z / 2)),
    "saturating": Other(1 - exp(-Z), 1 - _guarded(-Z), lambda z: 1 - np.exp(-z)),
}


@pytest.fixture
def emitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Import]:
    """Generate a package under a name of its own, let it check itself, and import it."""
    made: list[str] = []

    def emit(source: Any) -> Any:
        target = write(generate(source), tmp_path)
        made.append(target.name)
        net = import_module(target.name)
        assert import_module(f"{target.name}.__main__").main() == 0
        return net

    monkeypatch.syspath_prepend(tmp_path)
    yield emit
    for name in [name for name in sys.modules if name.partition(".")[0] in made]:
        del sys.modules[name]


def forward_by_hand(p: Any, X: Any, sizes: tuple[int, ...], sigma: Callable[[Any], Any]) -> Any:
    for W, b in by_hand.layers(p, sizes):
        X = sigma(X @ W.T + b)
    return X


# -- another activation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OTHERS)
def test_another_activation_changes_what_is_computed(
    name: str, emitted: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = OTHERS[name]
    activation = Activation("sigmoid", other.definition, other.stable)
    monkeypatch.setitem(activations.ACTIVATIONS, "sigmoid", activation)
    net = emitted("2-5-3")
    rng = np.random.default_rng(0)
    p, X, Y = rng.uniform(-0.3, 0.3, net.N_PARAMETERS), rng.uniform(-1, 1, (4, 2)), rng.random((4, 3))

    def outputs(q: np.ndarray) -> np.ndarray:
        return forward_by_hand(q, X, net.SIZES, other.by_hand)

    def cost(q: np.ndarray) -> Any:
        return np.sum((Y - outputs(q)) ** 2) / 8

    np.testing.assert_allclose(net.forward(p, X), outputs(p), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(
        net.gradient(p, X, Y), by_hand.complex_step(cost, p)[0], rtol=1e-10, atol=1e-14
    )
    np.testing.assert_allclose(net.jacobian(p, X), by_hand.complex_step(outputs, p), rtol=1e-10, atol=1e-14)
    one = [2]
    step = p - 0.1 * by_hand.complex_step(
        lambda q: np.sum((Y[one] - forward_by_hand(q, X[one], net.SIZES, other.by_hand)) ** 2) / 2, p
    )
    np.testing.assert_allclose(net.sgd(p, X, Y, eta=0.1, indices=one).p, step[0], rtol=1e-12)


SAME = (
    "__init__.py",
    "__main__.py",
    "damped.py",
    "damping.py",
    "definite.py",
    "fit.py",
    "history.py",
    "levenberg_marquardt.py",
    "mini_batches.py",
    "parameters.py",
    "ridge.py",
    "robust.py",
    "scaling.py",
    "threads.py",
    "train.py",
)

CHANGING = (
    "0.3)",
    "1.",
    "5.3)",
    "7.1)",
    "7.2)",
    "5.15)",
    "5.53)",
)  # what an activation is in, or names arrays after it


def _of_memory(line: str) -> bool:
    """Say whether a line tells where arrays lie, or names those of a function."""
    named = re.fullmatch(r" +[a-zA-Z0-9_, ]+ = (work|squares|activations|weights)", line)
    words = ("carve(", "np.array(", "memory = ", "allocate(")
    return named is not None or any(word in line for word in words)


def test_another_activation_changes_only_the_lines_that_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    before = generate("2-2-2").files
    other = OTHERS["steeper"]
    monkeypatch.setitem(
        activations.ACTIVATIONS, "sigmoid", Activation("sigmoid", other.definition, other.stable)
    )
    after = generate("2-2-2").files
    assert before.keys() == after.keys()
    for name in before:
        changed = set(before[name].splitlines()) ^ set(after[name].splitlines())
        lines = {line for line in changed if not line.startswith("# ")}  # the digest
        assert len(changed) - len(lines) == 2
        cited = (*CHANGING, "0.2") if name == "sample_steps.py" else CHANGING  # z may have no name there
        assert all(any(f"# ({number}" in line for number in cited) or _of_memory(line) for line in lines)
        assert bool(lines) == (name not in SAME), name


def test_an_activation_without_a_proved_derivative_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Activation("sigmoid", Z + exp(-Z), Z - exp(-Z))
    monkeypatch.setitem(activations.ACTIVATIONS, "sigmoid", other)
    with pytest.raises(NotProvedError):
        generate("2-2-3-2")


# -- another cost ----------------------------------------------------------------------------------------


def test_another_cost_is_refuted_by_lemma_1_and_emitted_under_its_own_lemma(
    emitted: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_square = network.half_square
    monkeypatch.setattr(network, "half_square", lambda *at: Integer(3) * half_square(*at))
    with pytest.raises(NotProvedError, match="nothing is emitted"):
        generate("2-4-2")
    tripled = replace(LEMMA_1, output_delta=lambda *at: 3 * LEMMA_1.output_delta(*at))
    net = emitted(prove(Architecture.parse("2-4-2"), tripled, brute_force=False))
    rng = np.random.default_rng(0)
    p, X, Y = rng.uniform(-1, 1, net.N_PARAMETERS), rng.uniform(-1, 1, (4, 2)), rng.random((4, 2))

    def cost(q: np.ndarray) -> Any:
        return 3 * by_hand.cost(q, X, Y, net.SIZES)

    np.testing.assert_allclose(net.cost(p, X, Y), cost(p), rtol=1e-14)
    np.testing.assert_allclose(
        net.gradient(p, X, Y), by_hand.complex_step(cost, p)[0], rtol=1e-11, atol=1e-15
    )
    np.testing.assert_allclose(
        net.sgd(p, X, Y, eta=0.1, indices=[[0, 1, 2, 3]]).p,
        p - 0.1 * by_hand.complex_step(cost, p)[0],
        rtol=1e-12,
    )
    sample = 3 * by_hand.complex_step(lambda q: by_hand.cost(q, X[1:2], Y[1:2], net.SIZES), p)[0]
    np.testing.assert_allclose(net.sgd(p, X, Y, eta=0.1, indices=[1]).p, p - 0.1 * sample, rtol=1e-12)


# -- another shape ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", ["1-1", "5-3", "3-1-2", "2-2-2-2-2", "7-30-1"])
def test_other_shapes_compute_what_a_network_by_hand_does(sizes: str, emitted: Import) -> None:
    net = emitted(sizes)
    assert "-".join(map(str, net.SIZES)) == sizes
    rng = np.random.default_rng(1)
    p = rng.uniform(-1, 1, net.N_PARAMETERS)
    X, Y = rng.uniform(-1, 1, (3, net.SIZES[0])), rng.random((3, net.SIZES[-1]))
    np.testing.assert_allclose(net.forward(p, X), by_hand.forward(p, X, net.SIZES), rtol=1e-14)
    np.testing.assert_allclose(
        net.lm_step(p, X, Y, 0.5), by_hand.lm_step(p, X, Y, 0.5, net.SIZES), atol=1e-12
    )


def test_larger_network_descends_without_scalar_code(emitted: Import, tmp_path: Path) -> None:
    net = emitted("3-20-20-2")
    assert not (tmp_path / net.__name__ / "sample_steps.py").exists()
    rng = np.random.default_rng(2)
    p, X, Y = rng.uniform(-1, 1, net.N_PARAMETERS), rng.uniform(-1, 1, (4, 3)), rng.random((4, 2))
    q = p
    for i in (2, 0, 2):
        q = q - 0.3 * net.gradient(q, X[i : i + 1], Y[i : i + 1])
    np.testing.assert_allclose(net.sgd(p, X, Y, eta=0.3, indices=[2, 0, 2]).p, q, rtol=1e-13)
    assert net.sgd(p, X, Y, seed=0, steps=200, order="epoch").cost < net.cost(p, X, Y)
