"""What the source notes print wrongly: each formula refuted by its smallest counterexample, and mended.

Counterexamples are 1 by 1: whole numbers from 1 (from 0 for a parameter), smallest sum first, evaluated in
exact rational arithmetic. A formula that is right at some values only, such as lambda = 1, is refuted all
the same, and the case is named. That the cost falls in an example proves nothing: the printed gradient step
lowers the cost of the article's example, because it throws p to about zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

Values = dict[str, Fraction]


@dataclass(frozen=True)
class Refutation:
    """A printed formula, the smallest values at which it fails, both sides there, and the mended form."""

    key: str
    printed: str
    mended: str
    claim: str
    values: tuple[tuple[str, int], ...]
    found: Fraction
    claimed: Fraction
    trap: str


@dataclass(frozen=True)
class _Case:
    key: str
    printed: str
    mended: str
    claim: str
    names: tuple[str, ...]
    true: Callable[[Values], Fraction]
    as_printed: Callable[[Values], Fraction]
    as_mended: Callable[[Values], Fraction]
    trap: str


def smallest(names: tuple[str, ...], fails: Callable[[Values], bool], largest: int = 6) -> Values | None:
    """Return the first assignment of small whole numbers at which something fails, smallest sum first.

    A name that begins with p starts at 0, any other at 1.
    """
    return next((values for values in _assignments(names, largest) if fails(values)), None)


def _assignments(names: tuple[str, ...], largest: int) -> Iterator[Values]:
    ranges = [range(0 if name.startswith("p") else 1, largest + 1) for name in names]
    for choice in sorted(product(*ranges), key=lambda choice: (sum(choice), choice)):
        yield {name: Fraction(value) for name, value in zip(names, choice, strict=True)}


def _inverse_of_sum(v: Values) -> Fraction:
    return 1 / (v["A"] + v["U"] * v["C"] * v["V"])


def _correction(v: Values) -> Fraction:
    return v["U"] * v["V"] / (v["A"] ** 2 * (1 / v["C"] + v["V"] * v["U"] / v["A"]))


def _inverse_normal(v: Values) -> Fraction:
    return 1 / (v["lambda"] + v["J"] ** 2)


def _dual(power: int) -> Callable[[Values], Fraction]:
    return lambda v: 1 / v["lambda"] - v["J"] ** 2 / (v["lambda"] ** power * (v["lambda"] + v["J"] ** 2))


def _update(key: str, printed: str, mended: str, trap: str) -> _Case:
    """Return the case of an update rule for C = (p - q)^2 / 2, whose gradient at p is p - q.

    A step of t = 1 against the gradient lands on the minimiser q.
    """
    return _Case(
        key,
        printed,
        mended,
        "for C = (p - q)^2/2 and t = 1 the step ends at the minimiser q",
        ("p", "q"),
        lambda v: v["q"],
        lambda v: v["p"] - v["q"],
        lambda v: v["p"] - (v["p"] - v["q"]),
        trap,
    )


_CASES = (
    _update(
        "gd-update",
        "p -> t grad Cost(p)",
        "p -> p - t grad Cost(p)",
        "the printed step forgets p; it can lower the cost of an example by collapsing p to about 0",
    ),
    _update("sgd-update", "p -> t grad C_i(p)", "p -> p - t grad C_i(p)", "as for the full gradient"),
    _update(
        "mini-batch",
        "p -> (t/m) sum grad C_(k_i)(p)",
        "p -> p - (t/m) sum grad C_(k_i)(p)",
        "as for the full gradient",
    ),
    _Case(
        "woodbury",
        "(A + U C V)^-1 = A^-1 U (C^-1 + V A^-1 U)^-1 V A^-1",
        "(A + U C V)^-1 = A^-1 - A^-1 U (C^-1 + V A^-1 U)^-1 V A^-1",
        "the inverse of A + U C V",
        ("A", "U", "C", "V"),
        _inverse_of_sum,
        _correction,
        lambda v: 1 / v["A"] - _correction(v),
        "at A = U = C = V = 1 both sides are 1/2",
    ),
    _Case(
        "lm-woodbury",
        "(lambda I + J^T J)^-1 = lambda^-1 I - lambda^-1 J^T (lambda I + J J^T)^-1 J lambda^-1",
        "(lambda I + J^T J)^-1 = lambda^-1 I - lambda^-1 J^T (lambda I + J J^T)^-1 J",
        "the inverse of lambda I + J^T J",
        ("lambda", "J"),
        _inverse_normal,
        _dual(2),
        _dual(1),
        "at lambda = 1 the printed form is exact, for every J",
    ),
)


def refutations() -> tuple[Refutation, ...]:
    """Return every refutation with its smallest counterexample.

    Raises:
        ValueError: if a printed formula has no counterexample, or a mended one has.
    """
    found = []
    for case in _CASES:
        values = smallest(case.names, lambda v, case=case: case.true(v) != case.as_printed(v))  # type: ignore[misc]
        broken = smallest(case.names, lambda v, case=case: case.true(v) != case.as_mended(v))  # type: ignore[misc]
        if values is None or broken is not None:
            raise ValueError(f"{case.key}: expected the printed form alone to fail")
        shown = tuple((name, int(value)) for name, value in values.items())
        found.append(
            Refutation(
                case.key,
                case.printed,
                case.mended,
                case.claim,
                shown,
                case.true(values),
                case.as_printed(values),
                case.trap,
            )
        )
    return tuple(found)
