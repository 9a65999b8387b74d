"""NIST's certified problems in nonlinear regression as networks: see tests/data/README.md.

Each model is a network with parameters of its own, ``to_network`` of NIST's and ``to_nist`` back. An
activation of one's own must be real on the whole line, so a pole or a logarithm is cut off where no sample
comes near it.

A layer takes from the one before. Where two ways from the input are to be joined, a layer of ``NOTHING``
parts them: its output is 0 for every z, and the weights on both of its sides move no output. Two such layers
would have the same gradient, 0, and which is which cannot be told when the code is read back: that network
is not written. For want of them the rational models (Hahn1, Kirby2, MGH09, Thurber) and ENSO, two waves of
which have a fixed length, are not here; nor is Nelson, where one input of two goes another way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "data" / "nist"
NOTHING = "nothing: relu(z)*relu(-z)"
LOG = "ln: log(max(z,1/1000000))"
MINUS_LOG = "minusln: -log(max(z,1/1000000))"
ROOT = 2**0.5

Vector = np.ndarray
Parameters = Callable[[Vector], list[float]]


@dataclass(frozen=True)
class Problem:
    """Samples, both starts, and what is certified: the parameters b and the sum of squared residuals."""

    X: Vector
    Y: Vector
    starts: tuple[Vector, Vector]
    b: Vector
    squares: float

    @property
    def resolved(self) -> float:
        """How exactly the sum of squares must agree: to 9 digits, or as float64 resolves the targets."""
        rounding = np.finfo(float).eps * float(np.linalg.norm(self.Y))
        return 1e-9 * self.squares + 4 * rounding * self.squares**0.5


@dataclass(frozen=True)
class Model:
    """A network, and how its parameters and those that NIST names b1, b2, ... follow from each other."""

    architecture: str
    to_network: Parameters
    to_nist: Parameters
    own: tuple[str, ...] = ()
    inputs: Callable[[Vector], Vector] = np.asarray

    def problem(self, name: str) -> Problem:
        """Read the file of a problem that has this model."""
        lines = (FOLDER / f"{name}.dat").read_text("ascii").splitlines()
        table = [line.split("=")[1].split()[:3] for line in lines if re.match(r"\s+b\d =", line)]
        (squares,) = [line.split(":")[1] for line in lines if line.startswith("Residual Sum of Squares:")]
        begin = max(k for k, line in enumerate(lines) if line.startswith("Data:"))
        data = np.array([line.split() for line in lines[begin + 1 :] if line.strip()], dtype=float)
        first, second, b = np.array(table, dtype=float).T
        return Problem(self.inputs(data[:, 1:]), data[:, :1], (first, second), b, float(squares))


def _rising(pairs: list[tuple[float, ...]], by: int) -> list[float]:
    """Put exchangeable neurons in the order in which NIST has them."""
    return [value for pair in sorted(pairs, key=lambda pair: pair[by]) for value in pair]


def _lanczos(p: Vector) -> list[float]:
    return _rising([(p[3 + k], -p[k]) for k in range(3)], by=1)


def _mgh17(p: Vector) -> list[float]:
    (c, u), (d, v) = sorted([(p[2], -p[0]), (p[3], -p[1])], key=lambda pair: pair[1])
    return [p[4], c, d, u, v]


def _gauss(p: Vector) -> list[float]:
    bells = [(p[9 + k], -p[2 + k] / p[k], abs(ROOT / p[k])) for k in range(2)]
    return [p[8], -p[7], *_rising(bells, by=1)]


def _saturating(activation: str, *own: str) -> Model:
    """b1 f(b2 x)."""
    text = f"1-1:{activation},no-bias-1:linear,no-bias"
    return Model(text, lambda b: [b[1], b[0]], lambda p: [p[1], p[0]], own)


EXPONENTIALS = Model(
    "1-3:exp,no-bias-1:linear,no-bias",
    lambda b: [-b[1], -b[3], -b[5], b[0], b[2], b[4]],
    _lanczos,
)
DECAY_OF_A_RATIO = Model(  # layer 2 is -log(b2 + b3 x), layer 4 adds it to -b1 x
    "1-1:minusln-1:nothing,no-bias-1:exp+2+W1,no-bias",
    lambda b: [b[2], b[1], 1, 1, -b[0]],
    lambda p: [-p[4], p[1], p[0]],
    (MINUS_LOG, NOTHING),
)
BELLS = Model(  # layer 2 is both bells, layer 4 the exponential, layer 5 adds all three
    "1-2:gaussian-1:nothing,no-bias-1:exp+W1,no-bias-1:linear+W2,no-bias",
    lambda b: [
        *(ROOT / b[4], ROOT / b[7], -ROOT * b[3] / b[4], -ROOT * b[6] / b[7]),
        *(1, 1, 1, -b[1], b[0], b[2], b[5]),
    ],
    _gauss,
    (NOTHING,),
)
MODELS = {
    "Misra1a": _saturating("one_minus_exp"),
    "Misra1b": _saturating("half_squared", "half_squared: 1-1/(1+max(z,-1)/2)^2"),
    "Misra1c": _saturating("root", "root: 1-1/sqrt(1+2*max(z,-1/4))"),
    "Misra1d": _saturating("softsign"),  # z/(1 + z) where z is not negative
    "BoxBOD": _saturating("one_minus_exp"),
    "DanWood": replace(_saturating("exp"), inputs=np.log),  # x^b2 is exp(b2 log x)
    "Rat42": Model("1-1-1:linear,no-bias", lambda b: [b[2], -b[1], b[0]], lambda p: [p[2], -p[1], p[0]]),
    "Rat43": Model(
        "1-1:softplus-1:exp,no-bias-1:linear,no-bias",
        lambda b: [-b[2], b[1], -1 / b[3], b[0]],
        lambda p: [p[3], p[1], -p[0], -1 / p[2]],
    ),
    "Eckerle4": Model(
        "1-1:gaussian-1:linear,no-bias",
        lambda b: [1 / b[1], -b[2] / b[1], b[0] / b[1]],
        lambda p: [p[2] / p[0], 1 / p[0], -p[1] / p[0]],
    ),
    "Lanczos1": EXPONENTIALS,
    "Lanczos2": EXPONENTIALS,
    "Lanczos3": EXPONENTIALS,
    "MGH10": Model(  # b2/(x + b3) is 1/z with z = x/b2 + b3/b2
        "1-1:exp_of_inverse-1:linear,no-bias",
        lambda b: [1 / b[1], b[2] / b[1], b[0]],
        lambda p: [p[2], 1 / p[0], p[1] / p[0]],
        ("exp_of_inverse: exp(1/max(z,1/100))",),
    ),
    "MGH17": Model("1-2:exp,no-bias-1:linear", lambda b: [-b[3], -b[4], b[1], b[2], b[0]], _mgh17),
    "Bennett5": Model(  # -exp(-log(w x + w b2)/b3), where w^(-1/b3) is -b1
        "1-1:ln-1:minus_exp,no-bias",
        lambda b: [(-b[0]) ** -b[2], (-b[0]) ** -b[2] * b[1], -1 / b[2]],
        lambda p: [-(p[0] ** p[2]), p[1] / p[0], -1 / p[2]],
        (LOG, "minus_exp: -exp(z)"),
    ),
    "Chwirut1": DECAY_OF_A_RATIO,
    "Chwirut2": DECAY_OF_A_RATIO,
    "Gauss1": BELLS,
    "Gauss2": BELLS,
    "Gauss3": BELLS,
    "Roszman1": Model(  # -arctan(1/z) is pi/2 + arctan(z) where z is negative, as it is for x < b4
        "1-1:angle-1:nothing,no-bias-1:linear+2+W1",
        lambda b: [1 / b[2], -b[3] / b[2], 1, 1, -b[1], b[0] + 0.5],
        lambda p: [p[5] - 0.5, -p[4], 1 / p[0], -p[1] / p[0]],
        ("angle: atan(z)/pi", NOTHING),
    ),
}
