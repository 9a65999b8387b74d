"""What may be assumed of sigma, for the proof and, by exact stand-ins, for numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from sympy import Expr, Integer, Symbol

from derive.quantities import Sigma, SigmaPrime

ONE_SIGMA = Integer(0)  # where the theory has the activation's layer: claims have one sigma for all


@dataclass(frozen=True)
class StandIn:
    """An activation in rational arithmetic: its name, its value and its slope at a point."""

    name: str
    value: Callable[[Fraction], Fraction]
    slope: Callable[[Fraction], Fraction]


@dataclass(frozen=True)
class Activation:
    """What is assumed: in words, as sigma(u) and sigma'(u) for the proof, and as stand-ins."""

    said: str
    sigma: Callable[[Expr], Expr]
    sigma_prime: Callable[[Expr], Expr]
    stand_ins: tuple[StandIn, ...]


def _opaque(u: Expr) -> Expr:
    return Sigma(ONE_SIGMA, u)


def _some(z: Fraction) -> Fraction:
    return (z + 3) / (z * z + 2)


SQUARE = StandIn("z^2 + z", lambda z: z * z + z, lambda z: 2 * z + 1)
RATIONAL = StandIn(  # unlike the other one, it is not 0 at 0
    "(1 + z)/(1 + z^2)",
    lambda z: (1 + z) / (1 + z * z),
    lambda z: (1 - 2 * z - z * z) / (1 + z * z) ** 2,
)

# For a sigma with a differential equation, values are arbitrary and slopes obey it: no rational function
# does both, and the sides of a claim see no more of sigma than its values and slopes at some points.
ACTIVATIONS = {
    "any": Activation("", _opaque, lambda u: SigmaPrime(ONE_SIGMA, u), (SQUARE, RATIONAL)),
    "affine": Activation(
        "sigma' is constant",
        _opaque,
        lambda u: Symbol("slope"),
        (StandIn("3 z + 2", lambda z: 3 * z + 2, lambda z: Fraction(3)),),
    ),
    "identity": Activation(
        "sigma(z) = z", lambda u: u, lambda u: Integer(1), (StandIn("z", lambda z: z, lambda z: Fraction(1)),)
    ),
    "logistic": Activation(
        "sigma is the logistic function, for which sigma' = sigma (1 - sigma)",
        _opaque,
        lambda u: _opaque(u) * (1 - _opaque(u)),
        (StandIn("logistic", _some, lambda z: _some(z) * (1 - _some(z))),),
    ),
    "tanh": Activation(
        "sigma is tanh, for which sigma' = 1 - sigma^2",
        _opaque,
        lambda u: 1 - _opaque(u) ** 2,
        (StandIn("tanh", _some, lambda z: 1 - _some(z) ** 2),),
    ),
}
