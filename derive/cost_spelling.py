"""How a cost is typed and read back: ``sum:2*quadratic(1,2,0.5)``.

    cost     =  ["sum:" | "mean:"]  [number "*"]  loss
    loss     =  name ["(" number {"," number} ")"]  [":" formula]

The cost of a sample is the sum of its losses over the outputs, each times its weight, one for each output,
times the number in front. The cost is the mean of that over the samples, or with ``sum:`` the sum. Numbers
are decimals, taken exactly. A loss of one's own has its formula after a second colon. Nothing is evaluated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from sympy import Integer, Rational

from derive.errors import UserError

LARGEST = 10**6
MAX_DIGITS = 12
MAX_WEIGHTS = 1000
MAX_TEXT = 20_000
SUM, MEAN = "sum", "mean"
_ONE = Integer(1)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?", flags=re.ASCII)


@dataclass(frozen=True)
class Spelled:
    """The parts of a cost as typed: the loss by name or with its formula, and what it is multiplied by."""

    name: str
    formula: str | None = None
    factor: Rational = _ONE
    weights: tuple[Rational, ...] = ()
    summed: bool = False

    def __str__(self) -> str:
        """Return the text that ``read_cost`` reads back; what is usual is left out."""
        return self.head + ("" if self.formula is None else f": {self.formula}")

    @property
    def head(self) -> str:
        """The text without the formula."""
        over = f"{SUM}:" if self.summed else ""
        times = "" if self.factor == 1 else f"{spelled(self.factor)}*"
        weights = f"({','.join(map(spelled, self.weights))})" if self.weights else ""
        return f"{over}{times}{self.name}{weights}"


def read_cost(text: str) -> Spelled:
    """Read a cost; whether its loss is known is not looked at.

    Raises:
        UserError: with one line that says what was expected.
    """
    if not isinstance(text, str):
        raise UserError(f"expected the name of a cost, got {text!r:.40}")
    if len(text) > MAX_TEXT:
        raise UserError(f"expected a cost of at most {MAX_TEXT} characters, got {len(text)}")
    head, colon, formula = text.partition(":")
    over = head.strip()
    if colon and over in (SUM, MEAN):
        head, colon, formula = formula.partition(":")
    factor: Rational = _ONE
    if "*" in head:
        before, _, head = head.partition("*")
        factor = _number(before, "in front of '*' in a cost")
    name, bracket, inside = head.partition("(")
    weights: tuple[Rational, ...] = ()
    if bracket:
        inside = inside.strip()
        if not inside.endswith(")"):
            raise UserError(f"expected weights like quadratic(1,2,0.5), got {head.strip()[:40]!r}")
        parts = inside[:-1].split(",")
        if len(parts) > MAX_WEIGHTS:
            raise UserError(f"expected at most {MAX_WEIGHTS} weights in a cost, got {len(parts)}")
        weights = tuple(_number(part, "for a weight of a cost") for part in parts)
    return Spelled(name.strip(), formula.strip() if colon else None, factor, weights, over == SUM)


def spelled(value: Rational) -> str:
    """Return a number as its exact decimals."""
    text = format(Decimal(int(value.p)) / Decimal(int(value.q)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def readable(value: Rational) -> bool:
    """Say whether a number could be typed."""
    return len(spelled(value)) <= MAX_DIGITS and 1 <= value * LARGEST <= LARGEST**2


def _number(text: str, where: str) -> Rational:
    text = text.strip()
    if _NUMBER.fullmatch(text) and len(text) <= MAX_DIGITS:
        value = Rational(text)
        if 1 <= value * LARGEST <= LARGEST**2:
            return value
    raise UserError(f"expected a number from 0.000001 to {LARGEST} {where}, such as 0.5, got {text[:20]!r}")
