"""The network written out by hand, for any sizes: an oracle that shares no line with what is emitted.

Parameters lie layer by layer, W before b, W row by row, as the emitted packages say they do.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

Sizes = tuple[int, ...]


def layers(p: np.ndarray, sizes: Sizes) -> list[tuple[np.ndarray, np.ndarray]]:
    found, start = [], 0
    for inputs, outputs in pairwise(sizes):
        middle, stop = start + outputs * inputs, start + outputs * (inputs + 1)
        found.append((p[start:middle].reshape(outputs, inputs), p[middle:stop]))
        start = stop
    assert start == len(p)
    return found


def forward(p: np.ndarray, X: np.ndarray, sizes: Sizes) -> np.ndarray:
    """Return F(X), (N, n_L); p may be complex."""
    a = X
    for W, b in layers(p, sizes):
        a = 1 / (1 + np.exp(-(np.einsum("jk,ik->ij", W, a) + b)))
    return a


def cost(p: np.ndarray, X: np.ndarray, Y: np.ndarray, sizes: Sizes) -> complex | float:
    return np.sum((Y - forward(p, X, sizes)) ** 2) / (2 * len(X))


def complex_step(function: Callable[[np.ndarray], np.ndarray], p: np.ndarray) -> np.ndarray:
    """Return the derivative of a function in every entry of p, to machine precision; columns go with p."""
    columns = []
    for k in range(len(p)):
        shifted = p.astype(complex)
        shifted[k] += 1e-30j
        columns.append(np.ravel(function(shifted)).imag / 1e-30)
    return np.column_stack(columns)


def central_difference(function: Callable[[np.ndarray], np.ndarray], p: np.ndarray) -> np.ndarray:
    """Return the derivative of a function in every entry of p, to about 1e-9."""
    h, columns = 6e-6, []
    for k in range(len(p)):
        step = h * (np.arange(len(p)) == k)
        columns.append(np.ravel(function(p + step) - function(p - step)) / (2 * h))
    return np.column_stack(columns)


def jacobian(p: np.ndarray, X: np.ndarray, sizes: Sizes) -> np.ndarray:
    return complex_step(lambda q: forward(q, X, sizes), p)


def lm_step(p: np.ndarray, X: np.ndarray, Y: np.ndarray, mu: float, sizes: Sizes) -> np.ndarray:
    """Return p + h where h minimises ||J h - r||^2 + mu ||h||^2, by the stacked least-squares problem."""
    stacked = np.vstack([jacobian(p, X, sizes), np.sqrt(mu) * np.eye(len(p))])
    r = np.concatenate([np.ravel(Y - forward(p, X, sizes)), np.zeros(len(p))])
    return p + np.linalg.lstsq(stacked, r)[0]
