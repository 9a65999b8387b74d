"""What is emitted for every activation, in numbers: against mpmath written out by hand, in both tails."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from activation_code import arrays, scalars

from derive.activations import ACTIVATIONS, activation

EPS = 2.0**-52
TINY = 1e-319  # an absolute error below the normal numbers, where a float has fewer digits

mp = mpmath
ALPHA, SCALE = mp.mpf("1.6732632423543772"), mp.mpf("1.0507009873554805")

SIZES = [1e-300, 1e-17, 1e-8, 0.01, 0.1, 0.5, 1, 2, math.pi, 5, 10, 20, 30, 36.5, 40, 100, 300, 600, 700]
POINTS = sorted({0.0, *SIZES, *(-s for s in SIZES)})
BEYOND = [708.0, 709.7, 710.0, 744.0, 745.0, 746.0, 1e4, 1e17, 1e300]
ALL = sorted({*POINTS, *BEYOND, *(-b for b in BEYOND)})


def _s(z: Any) -> Any:
    return 1 / (1 + mp.exp(-z))


def _near(z: Any) -> Any:
    return max(min(z, mp.mpf(10) ** 4), -(mp.mpf(10) ** 4))  # mpmath gives up on erf of 1e300


def _cdf(z: Any) -> Any:
    return mp.erfc(-_near(z) / mp.sqrt(2)) / 2


def _pdf(z: Any) -> Any:
    return mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)


def _w(z: Any) -> Any:
    return mp.sqrt(2 / mp.pi) * (z + mp.mpf("0.044715") * z**3)


def _dw(z: Any) -> Any:
    return mp.sqrt(2 / mp.pi) * (1 + 3 * mp.mpf("0.044715") * z**2)


BY_HAND: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sigmoid": (_s, lambda z: _s(z) * _s(-z)),
    "linear": (lambda z: z, lambda z: mp.mpf(1)),
    "tanh": (mp.tanh, lambda z: mp.sech(z) ** 2),
    "relu": (lambda z: max(z, mp.mpf(0)), lambda z: mp.mpf(z > 0)),
    "leaky_relu": (lambda z: max(z, z / 100), lambda z: mp.mpf(1) if z > 0 else mp.mpf(1) / 100),
    "elu": (lambda z: z if z > 0 else mp.expm1(z), lambda z: mp.exp(min(z, 0))),
    "selu": (
        lambda z: SCALE * z if z > 0 else SCALE * ALPHA * mp.expm1(z),
        lambda z: SCALE if z > 0 else SCALE * ALPHA * mp.exp(z),
    ),
    "softplus": (lambda z: mp.log1p(mp.exp(z)), _s),
    "silu": (lambda z: z * _s(z), lambda z: _s(z) * (1 + z * _s(-z))),
    "gelu": (lambda z: z * _cdf(z), lambda z: _cdf(z) + z * _pdf(z)),
    "gelu_tanh": (
        lambda z: z * _s(2 * _w(z)),
        lambda z: _s(2 * _w(z)) * (1 + z * _s(-2 * _w(z)) * 2 * _dw(z)),
    ),
    "softsign": (lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2),
    "sin": (mp.sin, mp.cos),
    "gaussian": (lambda z: mp.exp(-z * z / 2), lambda z: -z * mp.exp(-z * z / 2)),
    "exp": (mp.exp, mp.exp),
    "one_minus_exp": (lambda z: -mp.expm1(-z), lambda z: mp.exp(-z)),
    "sigmoid(3,5)": (lambda z: _s(3 * (z - 5)), lambda z: 3 * _s(3 * (z - 5)) * _s(-3 * (z - 5))),
}
# through an a close to a bound, sigma' is a difference: right to the last places of 1, not of itself
FROM_A_BOUND = {"sigmoid", "tanh", "elu", "selu", "softsign", "one_minus_exp", "sigmoid(3,5)"}
GUARDED = {"sigmoid", "sigmoid(3,5)"}  # a is 1 / (1 + exp(708)) at least
OVERFLOWS = {"exp": lambda z: z > 708, "one_minus_exp": lambda z: z < -708}


def test_every_activation_is_compared() -> None:
    assert set(ACTIVATIONS) | {"sigmoid(3,5)"} == set(BY_HAND)


@cache
def wanted_at(name: str, kind: int, z: float, digits: int = 700) -> tuple[Any, float]:
    """Return the value, and how much a rounding of z is enlarged in it: |z f'(z) / f(z)|."""
    f, h = BY_HAND[name][kind], mp.mpf(10) ** -60
    with mp.workdps(digits):
        exact = mp.mpf(z)
        value = f(exact)
        if not value:
            return value, 0.0
        return value, float(min(abs(f(exact * (1 + h)) - value) / (h * abs(value)), mp.mpf(10) ** 9))


def check(name: str, kind: int, z: float, got: float) -> None:
    wanted, sensitivity = wanted_at(name, kind, z)
    with mp.workdps(50):
        error = abs(mp.mpf(got) - wanted)
        if kind and name in FROM_A_BOUND:
            assert error <= 8 * EPS * max(1, abs(wanted)), (name, kind, z, got)
            return
        allowed = 4 * EPS * (1 + sensitivity) * abs(wanted) + TINY
        if name in GUARDED:
            allowed += 1e-307
        assert error <= allowed, (name, kind, z, got, mp.nstr(wanted, 20), mp.nstr(error / allowed, 5))


@pytest.mark.parametrize("name", BY_HAND)
def test_emitted_arrays_are_right_to_the_last_places_in_both_tails(name: str, tmp_path: Path) -> None:
    run = arrays(activation(name), tmp_path)
    with np.errstate(all="raise", under="ignore"):
        values, slopes = run(ALL)
    beyond = OVERFLOWS.get(name, lambda z: False)
    for z, value, slope in zip(ALL, values, slopes, strict=True):
        assert math.isfinite(value)
        assert math.isfinite(slope)
        if not beyond(z):
            check(name, 0, z, float(value))
            check(name, 1, z, float(slope))


@pytest.mark.parametrize("name", BY_HAND)
def test_emitted_scalars_are_right_to_the_last_places_in_both_tails(name: str, tmp_path: Path) -> None:
    run = scalars(activation(name), tmp_path)
    beyond = OVERFLOWS.get(name, lambda z: False)
    for z in ALL:
        value, slope = run(z)
        assert math.isfinite(value)
        assert math.isfinite(slope)
        if not beyond(z):
            check(name, 0, z, value)
            check(name, 1, z, slope)


@pytest.mark.parametrize("name", BY_HAND)
def test_emitted_arrays_carry_a_complex_step(name: str, tmp_path: Path) -> None:
    z = np.array([-7.3, -2.0, -0.6, -1e-3, 1e-3, 0.4, 1.7, 6.1])
    value, slope = arrays(activation(name), tmp_path)(z + 1e-40j)
    np.testing.assert_allclose(value.imag / 1e-40, slope.real, rtol=1e-12, atol=1e-15)
    real, _ = arrays(activation(name), tmp_path)(z)
    np.testing.assert_allclose(value.real, real, rtol=1e-15, atol=1e-16)
