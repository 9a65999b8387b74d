"""What the quantities of a problem are made of, and exact values of index expressions at small widths.

Every quantity without a definition becomes a random element of a large prime field, every sum a few terms,
the activation a random quadratic, and a derivative is read off the infinitesimal part of its function's
value. There is no rounding and no rule of calculus beyond e^2 = 0. Values tell an unequal pair; they prove
nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from random import Random
from typing import Protocol

from sympy import Add, Expr, Indexed, Integer, KroneckerDelta, Mul, Pow, Rational, Sum, Symbol

from derive.network import Network, Objective
from derive.quantities import (
    Direct,
    Index,
    L,
    Loss,
    LossPrime,
    LossSecond,
    N,
    Partial,
    Rho,
    RhoPrime,
    Sigma,
    SigmaPrime,
    SigmaSecond,
    a,
    l,
    n,
    z,
)

PRIME = 2**61 - 1
WIDEST = 3  # wider ranges are cut
TRIALS = 3

# An element of the field with infinitesimals: {which infinitesimals: coefficient}, each e^2 = 0.
Value = dict[frozenset[int], int]
Entry = tuple[str, tuple[int, ...]]
# The entries in which one differentiates, outermost first, numbered by their place; a direct derivative, for
# which other weighted inputs are held, says so.
Moving = tuple[tuple[Entry, bool], ...]

REAL: frozenset[int] = frozenset()
_SIZES = {L: 4, l: 2, N: 2}


class Definitions(Hashable, Protocol):
    """What says how a quantity is made of others."""

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines the quantity, or None."""


@dataclass(frozen=True)
class Problem:
    """A network and its objective: what defines z, a, the objective and delta."""

    network: Network
    objective: Objective

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines a quantity; None if nothing does, or if its layer does not exist."""
        objective, symbol = self.objective, self.objective.symbol
        if quantity == symbol:
            return objective.define(self.network)
        if not isinstance(quantity, Indexed):
            return None
        base, (first, *rest) = quantity.base, quantity.indices
        if base == getattr(symbol, "base", None) and quantity.rank == symbol.rank:
            names = dict(zip(symbol.indices, quantity.indices, strict=True))
            return objective.define(self.network).xreplace(names)
        if base == objective.base and len(rest) == 2 + len(objective.extra):
            names = dict(zip((objective.i, *objective.extra), rest, strict=False))
            return Partial(symbol.xreplace(names), z[first, rest[0], rest[-1]])
        known = base in (z, a) and len(rest) == 2 and self._exists(base, first)
        return self.network.definition(quantity) if known else None

    @property
    def premises(self) -> tuple[tuple[Expr, Expr, str], ...]:
        """What may be used beside definitions, each equation with its number or name."""
        found = self.network.premises
        return tuple((eq.lhs, eq.rhs, f"({eq.number})" if eq.number else eq.name) for eq in found)

    def label(self, quantity: Expr) -> str:
        """Return the number or name of what defines a quantity, as a step cites it."""
        symbol = self.objective.symbol
        if quantity == symbol or getattr(quantity, "base", quantity) == getattr(symbol, "base", symbol):
            return "the objective"
        if getattr(quantity, "base", None) == self.objective.base:
            return "delta"
        return self.network.label(quantity)

    def _exists(self, base: Expr, layer: Expr) -> bool:
        if not isinstance(layer, Integer):
            return self.network.architecture is None
        return (2 if base == z else 1) <= layer and not (layer - self.network.depth).is_positive


def same_value(left: Expr, right: Expr, definitions: Definitions) -> bool:
    """Say whether two expressions agree wherever they are tried.

    False is certain, unless a range has been cut; True is not.

    Raises:
        ValueError: naming what cannot be evaluated.
    """
    symbols = left.free_symbols | right.free_symbols
    free = sorted((s for s in symbols if isinstance(s, Index)), key=lambda i: int(i.dummy_index))
    for trial in range(TRIALS):
        there = _point(definitions, trial)
        random = Random(trial)
        # at first all free indices are 1, so that equal ones are tried too
        at = {i: 1 if trial == 0 else random.randint(1, there.size(i.upper)) for i in free}
        if there.value(left, at, ()) != there.value(right, at, ()):
            return False
    return True


class _Point:
    """Random values for everything that has no definition."""

    def __init__(self, definitions: Definitions, trial: int) -> None:
        self.definitions = definitions
        self.trial = trial
        self.meanings: dict[Entry, Expr | None] = {}
        self.known: dict[tuple[Entry, Moving], Value] = {}

    def value(self, expr: Expr, at: Mapping[Index, int], moving: Moving) -> Value:
        """Return the value of an expression, with its infinitesimal parts."""
        if isinstance(expr, Rational):
            return _number(int(expr.p) * pow(int(expr.q), -1, PRIME))
        if isinstance(expr, Add):
            return _sum([self.value(arg, at, moving) for arg in expr.args])
        if isinstance(expr, Mul):
            return _product([self.value(arg, at, moving) for arg in expr.args])
        if isinstance(expr, Pow) and isinstance(expr.exp, Integer):
            return _power(self.value(expr.base, at, moving), int(expr.exp))
        if isinstance(expr, Sum):
            ranges = [range(self.place(low, at), self.size(upper) + 1) for _, low, upper in expr.limits]
            names = [name for name, _, _ in reversed(expr.limits)]  # an inner index hides an outer one
            places = (dict(zip(names, reversed(place), strict=True)) for place in product(*ranges))
            return _sum([self.value(expr.function, {**at, **place}, moving) for place in places])
        if isinstance(expr, KroneckerDelta):
            p, q = (self.place(arg, at) for arg in expr.args[:2])
            return _number(int(p == q))
        if isinstance(expr, Partial):
            direct = isinstance(expr, Direct)
            within = (*moving, (self.entry(expr.v, at), direct))
            inside = self.function(expr.f, at, within) if direct else self.value(expr.f, at, within)
            return {tags - {len(moving)}: c for tags, c in inside.items() if len(moving) in tags}
        if isinstance(expr, (Sigma, SigmaPrime, SigmaSecond)):
            bend = self.random(("sigma", (self.place(expr.args[0], at),)))
            u = self.value(expr.args[1], at, moving)
            if isinstance(expr, Sigma):  # u + bend u^2
                return _sum([u, _product([bend, u, u])])
            if isinstance(expr, SigmaSecond):
                return _product([_number(2), bend])
            return _sum([_number(1), _product([_number(2), bend, u])])
        if isinstance(expr, LossSecond):
            return _number(2)
        if isinstance(expr, (Rho, RhoPrime)):
            u = self.value(expr.args[0], at, moving)  # u^2
            return _product([u, u]) if isinstance(expr, Rho) else _product([_number(2), u])
        if isinstance(expr, (Loss, LossPrime)):
            y, u = (self.value(arg, at, moving) for arg in expr.args)
            if isinstance(expr, Loss):  # u^2 + y u
                return _sum([_product([u, u]), _product([y, u])])
            return _sum([_product([_number(2), u]), y])
        if getattr(expr, "base", None) == n or (isinstance(expr, Symbol) and expr.is_integer):
            return _number(at[expr] if expr in at else self.size(expr))
        if isinstance(expr, (Indexed, Symbol)) and expr.is_commutative:
            return self.quantity(expr, self.entry(expr, at), moving)
        raise ValueError(f"cannot evaluate {expr}")

    def function(self, expr: Expr, at: Mapping[Index, int], moving: Moving) -> Value:
        """Return the value of what a direct derivative is taken of: a z by itself is what defines it."""
        if getattr(expr, "base", None) != z or self.entry(expr, at)[1][0] == moving[-1][0][1][0]:
            return self.value(expr, at, moving)
        place = self.entry(expr, at)[1]
        meaning = self.definitions.definition(z[tuple(map(Integer, place))])
        if meaning is None:
            raise ValueError(f"nothing defines {expr}")
        return self.value(meaning, {}, moving)

    def quantity(self, expr: Expr, entry: Entry, moving: Moving) -> Value:
        """Return the value of one entry, from its definition if it has one."""
        if (entry, moving) not in self.known:
            if entry not in self.meanings:
                places = tuple(map(Integer, entry[1]))
                self.meanings[entry] = self.definitions.definition(expr.base[places] if places else expr)
            meaning = self.meanings[entry]
            found = self.random(entry) if meaning is None else self.value(meaning, {}, moving)
            if entry[0] == "z":
                held = {tag for tag, (_, direct) in enumerate(moving) if direct}
                found = {tags: c for tags, c in found.items() if not tags & held}
            steps = [{frozenset({tag}): 1} for tag, (other, _) in enumerate(moving) if other == entry]
            self.known[entry, moving] = _sum([found, *steps])
        return self.known[entry, moving]

    def random(self, entry: Entry) -> Value:
        """Return a value that depends on the entry and the trial only."""
        return _number(Random(f"{entry} {self.trial}").randrange(1, PRIME))

    def entry(self, quantity: Expr, at: Mapping[Index, int]) -> Entry:
        """Name an entry by its letter and its places."""
        if isinstance(quantity, Indexed):
            return _name(quantity.base), tuple(self.place(arg, at) for arg in quantity.indices)
        return _name(quantity), ()

    def place(self, expr: Expr, at: Mapping[Index, int]) -> int:
        """Return the number for an index or a layer."""
        if isinstance(expr, Index) and expr in at:
            return at[expr]
        if isinstance(expr, Integer):
            return int(expr)
        found = expr.xreplace({i: Integer(m) for i, m in (*at.items(), *_SIZES.items())})
        if not isinstance(found, Integer):
            raise ValueError(f"cannot evaluate the place {expr}")
        return int(found)

    def size(self, upper: Expr) -> int:
        """Return how many terms a sum up to there has."""
        if isinstance(upper, Integer):
            return min(int(upper), WIDEST)
        if getattr(upper, "base", None) == n:  # unequal from layer to layer
            return 2 + self.place(upper.indices[0], {}) % 2
        return _SIZES.get(upper) or 2 + sum(map(ord, str(upper))) % 3


@lru_cache(maxsize=4 * TRIALS)
def _point(definitions: Definitions, trial: int) -> _Point:
    return _Point(definitions, trial)


@cache
def _name(letter: Expr) -> str:
    return str(letter)


def _number(number: int) -> Value:
    return {REAL: number % PRIME} if number % PRIME else {}


def _sum(values: list[Value]) -> Value:
    total: Value = {}
    for value in values:
        for tags, c in value.items():
            total[tags] = (total.get(tags, 0) + c) % PRIME
    return {tags: c for tags, c in total.items() if c}


def _product(values: list[Value]) -> Value:
    found = _number(1)
    for value in values:
        terms = [{p | q: c * d % PRIME} for p, c in found.items() for q, d in value.items() if not p & q]
        found = _sum(terms)
    return found


def _power(value: Value, exponent: int) -> Value:
    if exponent >= 0:
        return _product([value] * exponent)
    if REAL not in value:
        raise ValueError("cannot evaluate a quotient by 0")
    inverse = _number(pow(value[REAL], -1, PRIME))
    for _ in value:  # Newton's iteration, exact once the infinitesimals are used up
        inverse = _product([inverse, _sum([_number(2), _product([_number(-1), value, inverse])])])
    return _product([inverse] * -exponent)
