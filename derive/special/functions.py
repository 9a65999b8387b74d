"""The error function and the normal distribution function for arrays, to a few units in the last place.

NumPy has neither. With t = 2 / (2 + x) the function exp(x^2) erfc(x) / t is smooth on 0 <= t <= 1, and its
Chebyshev series there serves every x >= 0; the square in the exponential is split, so that its rounding does
not enlarge. Near 0 erf is its Taylor series. Each call takes a few temporary arrays of the argument's size.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SERIES = (
    0.5770337386164697,
    0.3554369212704985,
    0.06509515882878653,
    0.003671142395836639,
    -0.0011128447433526325,
    -0.0001607582991537808,
    3.278031574173137e-05,
    5.442441645505016e-06,
    -1.5154665553171482e-06,
    -1.4297608181169865e-07,
    8.234608827419493e-08,
    -1.2962846852306563e-09,
    -4.154721631015199e-09,
    6.347058278362811e-10,
    1.4320822712256225e-10,
    -6.160390105204585e-11,
    2.0612138554721698e-12,
    3.5714931488477042e-12,
    -8.586422843251796e-13,
    -6.14560021379063e-14,
    7.418725748596617e-14,
    -1.2895042755032325e-14,
    -2.358726385710632e-15,
    1.5729349381685912e-15,
    -2.2782966239546465e-16,
    -6.31233045075643e-17,
    3.5916763531814925e-17,
    -5.049809149847729e-18,
)
NEAR_ZERO = (
    1.1283791670955126,
    -0.37612638903183754,
    0.11283791670955126,
    -0.026866170645131252,
    0.005223977625442188,
    -0.0008548327023450853,
    0.00012055332981789664,
    -1.492565035840625e-05,
    1.6462114365889248e-06,
    -1.6365844691234924e-07,
    1.4807192815879218e-08,
    -1.2290555301717928e-09,
)
FAR = 40.0  # both exponentials are 0 there
ROOT_OF_TWO = 1.4142135623730951
SPLIT = 134217729.0  # 2^27 + 1


def erf(u: Any, out: Any = None) -> Any:
    """Return the error function of real entries, or of complex ones close to the real line."""
    v = np.asarray(u)
    size = np.minimum(np.maximum(v, -v), FAR)
    sign = 1.0 - 2.0 * np.greater(0.0, v)
    far = sign * (1.0 - np.exp(-size * size) * _scaled_tail(size))
    near = np.minimum(size, 1.0)
    square = near * near
    total = np.full_like(square, NEAR_ZERO[-1])
    for c in NEAR_ZERO[-2::-1]:
        total *= square
        total += c
    total *= near
    total *= sign
    return _result(np.where(size < 0.5, total, far), out)


def normal_cdf(u: Any, out: Any = None) -> Any:
    """Return (1 + erf(u / sqrt(2))) / 2, to its last places in the left tail as well."""
    v = np.asarray(u)
    size = np.minimum(np.maximum(v, -v), FAR)
    big = SPLIT * size
    head = big - (big - size)
    tail = 0.5 * np.exp(-0.5 * head * head) * np.exp(-0.5 * (size - head) * (size + head))
    tail *= _scaled_tail(size / ROOT_OF_TWO)
    above = np.greater(v, 0.0)
    return _result(above + (1.0 - 2.0 * above) * tail, out)


def _scaled_tail(x: Any) -> Any:
    """Return exp(x^2) erfc(x) for x >= 0, by Clenshaw's recurrence."""
    t = 2.0 / (2.0 + x)
    twice = 4.0 * t - 2.0
    first, second = np.zeros_like(twice), np.zeros_like(twice)
    for c in SERIES[:0:-1]:
        first, second = twice * first - second + c, first
    return t * (0.5 * twice * first - second + SERIES[0])


def _result(value: Any, out: Any) -> Any:
    if out is None:
        return value
    np.copyto(out, value)
    return out
