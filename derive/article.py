"""The running example of Higham & Higham: ten points, a network 2-2-3-2, a start and an order of samples.

From "Deep Learning: An Introduction for Applied Mathematicians", arXiv 1801.05894, SIAM Review 61(4), 2019,
program netbp.m. Points 1-5 are of class O, target [1, 0], points 6-10 of class X, target [0, 1]. ``START``
is what ``rng(5000)`` and ``0.5*randn`` give in MATLAB, in the order W2, b2, W3, b3, W4, b4, rows first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ARCHITECTURE = "2-2-3-2"
LEARNING_RATE = 0.05
STEPS = 1_000_000

X = np.array(
    [
        [0.1, 0.1],
        [0.3, 0.4],
        [0.1, 0.5],
        [0.6, 0.9],
        [0.4, 0.2],
        [0.6, 0.3],
        [0.5, 0.6],
        [0.9, 0.2],
        [0.4, 0.4],
        [0.7, 0.6],
    ]
)
Y = np.array([[1.0, 0.0]] * 5 + [[0.0, 1.0]] * 5)

START = np.array(
    [
        *(-0.18635217442407617, 0.2051097158568371, -0.23323093496476677, -0.803145034320579),  # W2
        *(-0.7742422986624597, 0.17515318925386988),  # b2
        *(
            0.23117704890278215,
            -0.9132476669437173,
            0.41911591596332315,
            0.7767685513646548,
            0.34913501956886217,
            -0.8961620624007656,
        ),  # W3
        *(-0.0696131259360779, 0.07905050930747855, 0.07789820712165789),  # b3
        *(
            -0.12212999531797203,
            1.2367279408105805,
            -0.12499918916433495,
            0.4133758256916416,
            -0.022999514167748723,
            0.08483371298725849,
        ),  # W4
        *(-0.2499400806645836, 0.432240371264996),  # b4
    ]
)

_DRAWN_BEFORE = 2 * START.size  # MATLAB's randn takes two 32-bit numbers for each normal deviate


def sample_order(steps: int = STEPS) -> NDArray[np.intp]:
    """Return the 0-based sample that the article's program draws at each step.

    MATLAB's ``randi(10)`` is ``floor(10 u) + 1`` for u from the same Mersenne Twister as NumPy's.
    """
    twister = np.random.RandomState(5000)
    twister.randint(0, 2**32, size=_DRAWN_BEFORE, dtype=np.uint32)
    return np.floor(len(X) * twister.random_sample(steps)).astype(np.intp)
