"""One's own activation: accepted, derived and computed, or refused in one line."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from activation_code import arrays, scalars
from sympy import Symbol, besselj, tanh

from derive.activations import Z, activation, own, own_activation
from derive.errors import UserError

X = Symbol("x")
FORMULAS = {
    "swoosh: z*tanh(log(1+exp(z)))": lambda z: z * np.tanh(np.log1p(np.exp(z))),
    "cube: z^3": lambda z: z**3,
    "bump: z/(1+z^2)": lambda z: z / (1 + z**2),
    "squared_relu: relu(z)^2": lambda z: np.maximum(z, 0) ** 2,
    "hard: z*min(max(z+3,0),6)/6": lambda z: z * np.clip(z + 3, 0, 6) / 6,
    "quick: z*sigmoid(1.702*z)": lambda z: z / (1 + np.exp(-1.702 * z)),
    "arc: atan(z)": np.arctan,
    "root: sqrt(1+z^2) - 1": lambda z: np.sqrt(1 + z**2) - 1,
    "flat: z*(1+z^2)^(-1.5)": lambda z: z * (1 + z**2) ** -1.5,
    "wave: z + sin(z)^2": lambda z: z + np.sin(z) ** 2,
    "hump: exp(-z^2)": lambda z: np.exp(-(z**2)),
    "gated: relu(z)*sigmoid(z)": lambda z: np.maximum(z, 0) / (1 + np.exp(-z)),
    "hyper: z/cosh(z)": lambda z: z / np.cosh(z),
}
PLACES = np.array([-9.1, -3.7, -2.2, -0.9, -0.3, 0.2, 0.7, 1.6, 2.9, 4.4, 8.2])


@pytest.mark.parametrize("text", FORMULAS)
def test_an_own_activation_is_computed_and_differentiated(text: str, tmp_path: Path) -> None:
    function = FORMULAS[text]
    found = own_activation(text)
    assert activation(text) == found
    values, slopes = arrays(found, tmp_path)(PLACES)
    np.testing.assert_allclose(values, function(PLACES), rtol=1e-12, atol=1e-14)
    step = 1e-5
    differences = (function(PLACES + step) - function(PLACES - step)) / (2 * step)
    np.testing.assert_allclose(slopes, differences, rtol=1e-6, atol=1e-8)
    one = [scalars(found, tmp_path)(float(z)) for z in PLACES]
    np.testing.assert_allclose(one, np.transpose([values, slopes]), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("log: z", "which has a meaning"),
        ("tanh: z", "which has a meaning"),
        ("class: z", "no word of Python"),
        ("2x: z", "no word of Python"),
        ("b ad: z", "no word of Python"),
        ("z*z", "expected an activation like"),
        ("f: z + y", "unknown name 'y'"),
        ("f: 3", "depends on z"),
        ("f: log(z)", "is not at z = 0"),
        ("f: sqrt(z)", "is not at z = -1"),
        ("f: 1/z", "is not at z = 0"),
        ("f: 1/(z^2-2)", "is not at z = -1.41421"),
        ("f: 1/(exp(z)-1)", "is not at z = 0"),
        ("f: sqrt(sin(z))", "is not at z"),
        ("f: z^0.5", "is not at z"),
        ("f: exp(exp(exp(z)))", "overflows at z"),
        ("f: max(tanh(z), sin(z))", "cannot tell the sign"),
    ],
)
def test_an_own_activation_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        own_activation(text)
    assert "\n" not in str(caught.value)


def test_an_own_activation_comes_from_sympy_too() -> None:
    found = own_activation("mine", X * tanh(X))
    assert found.definition == Z * tanh(Z)
    assert own_activation(f"mine: {found.source}") == found
    for refused in (X * Symbol("w"), besselj(0, X), X / X, 1 / X):
        with pytest.raises(UserError):
            own_activation("mine", refused)


@pytest.mark.parametrize(
    "text", ["softplus(sigmoid(2)+(2-z))", "softplus(sinh(0.5)/softplus(z)/(z/3.7+max(z,0.5)))"]
)
def test_what_sympy_cannot_compare_is_accepted_or_refused_and_never_a_traceback(text: str) -> None:
    with contextlib.suppress(UserError):
        assert own_activation(f"f: {text}").slope() is not None


def test_a_wrong_derivative_is_noticed_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own.Activation, "slope", lambda self: self.derivative() + Z**2 / 10**6)
    with pytest.raises(UserError, match="its derivative is"):
        own_activation("mutated: z*tanh(z)")


def test_a_wrong_stable_form_is_noticed_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "stably", lambda expr: expr + Z**2 / 10**6)
    with pytest.raises(UserError, match="its stable form is"):
        own_activation("mutated_too: z*tanh(z)")
