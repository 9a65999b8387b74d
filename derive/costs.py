"""What the cost of one sample is made of: a loss of each target and output, by name.

The quadratic cost is the article's and is written out in every derivation. Of any other loss l(y, a) a
derivation needs no more than that it is differentiable in a; what it is stands here, with its slope dl/da,
which is found from the definition, and with the form that is computed. The cross-entropy of a softmax output
is written out, too: there the outputs of a sample hang together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sympy import (
    Abs,
    Dummy,
    Expr,
    Heaviside,
    Integer,
    Max,
    Min,
    Piecewise,
    Rational,
    Symbol,
    exp,
    factor,
    log,
    sign,
    tanh,
    together,
)
from sympy.codegen.cfunctions import log1p

from derive.activations import A, Z
from derive.activations.equality import same_on_reals
from derive.activations.functions import Above, plainly
from derive.cost_spelling import Spelled
from derive.errors import NotProvedError
from derive.lazily import Lazily
from derive.nonnegative import nonnegative

Y = Symbol("y", real=True)
QUADRATIC = "quadratic"
CROSS_ENTROPY = "cross-entropy"
SOFTMAX = "softmax"
MAX_LABEL = 24
_PLAIN: dict[str, Any] = {"factor": Integer(1), "weights": (), "summed": False}


@dataclass(frozen=True)
class Cost:
    """A loss l(y, a) of a target and an output; the cost of a sample is its weighted sum over the outputs.

    ``definition`` is in ``Y`` and ``A``. ``stable`` equals it and computes without overflow or loss of
    digits: a function of ``Y`` and ``A``, or, where the activation of the output is ``output``, of ``Y`` and
    the weighted input ``Z``. ``proposed`` is dl/da as it is computed, used only if it is proved, and
    ``proposed_curvature`` is d2l/da2 likewise. ``targets``
    are any numbers, "fractions" between 0 and 1, or "shares", from 0 and with the sum 1 for each sample.
    """

    name: str
    definition: Expr
    stable: Expr
    proposed: Expr | None = None
    proposed_curvature: Expr | None = None
    output: str | None = None
    targets: str = ""
    side_condition: str = ""
    spelling: Spelled | None = None

    @property
    def loss(self) -> str:
        """The name of the loss, with its formula if it is one's own, without what it is multiplied by."""
        return self.name if self.spelling is None else str(replace(self.spelling, **_PLAIN))

    @property
    def factor(self) -> Rational:
        """What the cost of a sample is multiplied by."""
        return Integer(1) if self.spelling is None else self.spelling.factor

    @property
    def weights(self) -> tuple[Rational, ...]:
        """The weight of each output; empty if all are 1."""
        return () if self.spelling is None else self.spelling.weights

    @property
    def summed(self) -> bool:
        """True if the cost is the sum over the samples, else it is their mean."""
        return self.spelling is not None and self.spelling.summed

    @property
    def head(self) -> str:
        """The name without a formula."""
        return self.name.partition(":")[0] if self.spelling is None else self.spelling.head

    @property
    def label(self) -> str:
        """The name as a heading has it: without a formula, and without many numbers."""
        if self.spelling is None or len(self.head) <= MAX_LABEL:
            return self.head
        return f"{'weighted' if self.weights else 'scaled'} {self.spelling.name}"

    def slope(self) -> Expr:
        """Return dl/da as it is computed, in ``Y`` and ``A``.

        Raises:
            NotProvedError: if it, or the stable form, is not proved.
        """
        if not self._stable_is_definition:
            raise NotProvedError(
                f"the stable form of the cost {self.name} is not proved to be its definition"
            )
        derivative = _derivative(self.definition)
        if self.proposed is None:
            return derivative
        if not _same(derivative, self.proposed, at_breaks=False):
            raise NotProvedError(f"{self.proposed} is not proved to be the slope of the cost {self.name}")
        return self.proposed

    def curvature(self) -> Expr:
        r"""Return d2l/da2 as it is computed, in ``Y`` and ``A``: the slope that is proved, differentiated.

        Where the slope has a kink (Huber's, at a distance of 1) it is 0 or 1 as ``Above`` says.

        Raises:
            NotProvedError: if it, the slope or the stable form is not proved.
        """
        derivative = _derivative(self.slope())
        if self.proposed_curvature is None:
            return _as_one_fraction(derivative)
        if not _same(derivative, self.proposed_curvature, at_breaks=False):
            raise NotProvedError(
                f"{self.proposed_curvature} is not proved to be the curvature of the cost {self.name}"
            )
        return self.proposed_curvature

    @cached_property
    def convex(self) -> bool:
        """True if d2l/da2 >= 0 is proved for all real outputs and targets; else it is not proved."""
        found = self.curvature()
        as_difference = found.xreplace({A: Z + Y}).replace(lambda e: e.is_Add, lambda e: e.func(*e.args))
        return nonnegative(found) or nonnegative(as_difference)

    @cached_property
    def _stable_is_definition(self) -> bool:
        return _same(self.definition, self.stable)


def _derivative(expr: Expr) -> Expr:
    """Return d/da, with selections for signs and steps; a selection itself is constant beside its place."""
    constant = {chosen: Dummy("s", real=True) for chosen in expr.atoms(Above)}
    derivative = expr.xreplace(constant).diff(A).xreplace({letter: u for u, letter in constant.items()})
    derivative = derivative.replace(sign, lambda u: Above(u) - Above(-u))
    return derivative.replace(Heaviside, lambda u, *at_zero: Above(u))


def _as_one_fraction(expr: Expr) -> Expr:
    """Return an expression as one fraction in factors, if that is shorter and proved to be the same."""
    fraction = factor(together(expr))
    try:
        shorter = fraction.count_ops() < expr.count_ops() and _same(expr, fraction, at_breaks=False)
    except NotProvedError:
        shorter = False
    return fraction if shorter else expr


def _same(left: Expr, right: Expr, *, at_breaks: bool = True) -> bool:
    """Decide for all y and a (or z, of a logistic output) whether two expressions agree.

    Either both are functions of r = a - y alone, or both are linear in y with coefficients in one variable.
    """
    if left == right:
        return True
    if right.has(Z):
        left = left.xreplace({A: 1 / (1 + exp(-Z))})
        return all(same_on_reals(u, v, at_breaks=at_breaks) for u, v in _by_target(left, right))
    shifted = (side.xreplace({A: Z + Y}) for side in (left, right))
    u, v = (plainly(side).replace(lambda e: e.is_Add, lambda e: e.func(*e.args)) for side in shifted)
    return not (u.has(Y) or v.has(Y)) and bool(same_on_reals(u, v, at_breaks=at_breaks))


def _by_target(left: Expr, right: Expr) -> list[tuple[Expr, Expr]]:
    """Return the coefficients of 1 and y on both sides, linear in y."""
    pairs = []
    for value in (0, 1):  # a linear function is known by two values
        pairs.append((left.xreplace({Y: Rational(value)}), right.xreplace({Y: Rational(value)})))
    if any(side.diff(Y, 2) != 0 for side in (left, right)):
        raise NotProvedError("expected a loss that is linear in the target")
    return pairs


_R = A - Y


def _log_cosh() -> Cost:
    return Cost(
        "log-cosh",
        log((exp(_R) + exp(-_R)) / 2),
        Abs(_R) + log1p(exp(-2 * Abs(_R))) - log(2),
        tanh(_R),
    )


def _huber() -> Cost:
    clipped = Max(Min(_R, 1), -1)
    return Cost(
        "huber",
        Piecewise((_R - Rational(1, 2), _R > 1), (-_R - Rational(1, 2), _R < -1), (_R**2 / 2, True)),
        clipped * (_R - clipped / 2),
        clipped,
        Above(_R + 1) * Above(1 - _R),
    )


def _binary_cross_entropy() -> Cost:
    return Cost(
        "binary-cross-entropy",
        -Y * log(A) - (1 - Y) * log(1 - A),
        Max(Z, 0) - Y * Z + log1p(exp(-Abs(Z))),
        output="sigmoid",
        targets="fractions",
        side_condition="0 < a < 1",
    )


def _cross_entropy() -> Cost:
    return Cost(
        CROSS_ENTROPY,
        -Y * log(A),
        -Y * log(A),
        output=SOFTMAX,
        targets="shares",
        side_condition="a > 0",
    )


COSTS = Lazily(
    {
        QUADRATIC: lambda: Cost(QUADRATIC, (Y - A) ** 2 / 2, (Y - A) ** 2 / 2),
        "log-cosh": _log_cosh,
        "huber": _huber,
        "binary-cross-entropy": _binary_cross_entropy,
        CROSS_ENTROPY: _cross_entropy,
    }
)
