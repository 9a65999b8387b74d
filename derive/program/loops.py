"""Equations of one sample as loops: what an index runs over is a loop, a sum is an inner loop.

An array target computes whole arrays at a time and needs a statement for every operation. A language with
loops needs none of that: ``x_j = sum_k w_jk a_k + b_j`` is one loop over j, with an inner loop over k that
adds up. One nest an equation, so that width never adds lines. The sample index is left out: these are the
equations of one sample, and the loop over the samples is its caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from sympy import Add, Expr, Indexed, Integer, KroneckerDelta, Max, Mul, Pow, Sum, Symbol

from derive.equation import Equation
from derive.printers.naming import index_names, is_sample
from derive.program.scalars import shared
from derive.quantities import Greatest, Index, Partial

Naming = Callable[[Expr], tuple[str, tuple[Expr, ...]]]
MAX_WRITTEN_POWER = 8


@dataclass(frozen=True)
class Element:
    """An entry of an array, ``name`` at the values of some loop variables, or a local value without any."""

    name: str
    at: tuple[str, ...] = ()

    @property
    def symbol(self) -> Symbol:
        """The entry as a letter of an expression."""
        return Symbol(f"{self.name}[{','.join(self.at)}]")


@dataclass(frozen=True)
class For:
    """A loop over ``start <= letter < size``; the start is 0 or another loop's letter."""

    letter: str
    size: int
    body: tuple[Step, ...]
    start: str = "0"


@dataclass(frozen=True)
class Put:
    """``target operation value``; "real" as the operation makes a local value that is written again."""

    operation: str  # "=", "+=", "-=", "const" or "real"
    target: Element | str
    value: Expr


Step = For | Put


@dataclass(frozen=True)
class Nest:
    """The loops that compute one equation, and every array entry that they read or write."""

    equation: Equation
    steps: tuple[Step, ...]
    elements: Mapping[Symbol, Element]

    @property
    def arrays(self) -> set[str]:
        """The arrays that the loops read or write."""
        return {element.name for element in self.elements.values()}

    @property
    def written(self) -> set[str]:
        """The arrays that the loops write."""
        return {step.target.name for step in walk(self.steps) if isinstance(step.target, Element)}


def walk(steps: Sequence[Step]) -> list[Put]:
    """Return the assignments of some steps, in order."""
    found: list[Put] = []
    for step in steps:
        found += walk(step.body) if isinstance(step, For) else [step]
    return found


class Looping:
    """Turns one equation into loops; ``naming`` says which array holds a quantity, and at which axes."""

    def __init__(self, equation: Equation, rhs: Expr, naming: Naming) -> None:
        self.equation, self.rhs, self.naming = equation, rhs, naming
        places = Add(*(index for index in naming(equation.lhs)[1] if isinstance(index, Index)))
        self.letters = index_names(equation.lhs, places, rhs)
        self.elements: dict[Symbol, Element] = {}
        self._numbers: dict[str, count[int]] = {}

    def nest(
        self,
        operation: str = "=",
        into: str = "",
        order: Sequence[Index] = (),
        sizes: Mapping[Index, int] | None = None,
    ) -> Nest:
        """Compute the left-hand side in loops over its axes, or add to a local value, if there is one.

        With an ``order`` of loops, in which an index of a sum may stand whose terms are added up one by one,
        half of a symmetric matrix is computed: the last index starts where the first one stands.
        """
        name, places = self.naming(self.equation.lhs)
        axes = [axis for axis in places if isinstance(axis, Index) and not is_sample(axis)]
        target = into or self._element(name, axes)
        loops = list(order or axes)
        by_level: list[list[Step]] = [[] for _ in range(len(loops) + 1)]
        value = self._hoisted(self.rhs, loops, by_level)
        steps = [*by_level[-1], *self._puts(operation, target, value)]
        half = bool(order) and len(axes) > 1
        for level in range(len(loops) - 1, -1, -1):
            axis, letter = loops[level], self.letters[loops[level]]
            size = int(axis.upper) if sizes is None or axis not in sizes else sizes[axis]
            start = self.letters[loops[0]] if half and level == len(loops) - 1 else "0"
            steps = [*by_level[level], For(letter, size, tuple(steps), start)]
        return Nest(self.equation, tuple(steps), self.elements)

    # -- expressions ------------------------------------------------------------------------------------

    def _element(self, name: str, axes: Sequence[Expr]) -> Element:
        letters = tuple(self.letters[axis] for axis in axes if not is_sample(axis))
        element = Element(name, letters)
        self.elements[element.symbol] = element
        return element

    def _entries(self, expr: Expr) -> Expr:
        """Put letters in the place of entries and indices."""
        if isinstance(expr, Indexed):
            return self._element(*self.naming(expr)).symbol
        if isinstance(expr, Index):
            return Symbol(self.letters[expr])
        return expr.func(*map(self._entries, expr.args)) if expr.args else expr

    def _hoisted(self, expr: Expr, axes: Sequence[Index], by_level: list[list[Step]]) -> Expr:
        """Compute each sum where the indices that it depends on are known, and put its name in its place."""
        if isinstance(expr, Sum):
            needed = [place for place, axis in enumerate(axes, start=1) if expr.has(axis)]
            name, steps = self._summed(expr)
            by_level[max(needed, default=0)] += steps
            return name
        if isinstance(expr, (Indexed, Index)) or not expr.args:
            return self._entries(expr)
        return expr.func(*(self._hoisted(arg, axes, by_level) for arg in expr.args))

    def _summed(self, expr: Sum) -> tuple[Symbol, list[Step]]:
        """Return the name of a sum or of a greatest value, and the loop that finds it."""
        (*inner_limits, (index, _, upper)) = expr.limits
        body = expr.func(expr.function, *inner_limits) if inner_limits else expr.function
        greatest = isinstance(expr, Greatest)
        name = Symbol(self._fresh("top" if greatest else "sum"))
        by_level: list[list[Step]] = [[]]
        value = self._hoisted(body, [], by_level)
        letter = self.letters[index]
        if greatest:
            first = {s: self._at_zero(e, letter) for s, e in [*self.elements.items()] if letter in e.at}
            start = Put("real", name.name, value.xreplace(first))
            inner = self._puts("=", name.name, Max(name, value, evaluate=False))
        else:
            start = Put("real", name.name, Integer(0))
            inner = self._puts("+=", name.name, value)
        return name, [start, For(letter, int(upper), (*by_level[0], *inner))]

    def _at_zero(self, element: Element, letter: str) -> Symbol:
        first = Element(element.name, tuple("0" if place == letter else place for place in element.at))
        self.elements[first.symbol] = first
        return first.symbol

    def _puts(self, operation: str, target: Element | str, value: Expr) -> list[Step]:
        """Assign, naming first what would be worked out twice; what adds to the target is said to."""
        if isinstance(target, Element) and operation == "=":
            operation, value = _as_update(target.symbol, value)
        steps: list[Step] = []
        parts, value = shared(value)
        names = {symbol: Symbol(self._fresh("t")) for symbol, _ in parts}
        for symbol, part in parts:
            steps += self._powers(names[symbol].name, part.xreplace(names), "const")
        return [*steps, *self._powers(target, value.xreplace(names), operation)]

    def _powers(self, target: Element | str, value: Expr, operation: str) -> list[Step]:
        """Name the bases of powers that are written as products."""
        names: dict[Expr, Symbol] = {}
        steps: list[Step] = []
        powers = [p for p in value.atoms(Pow) if p.exp.is_Integer and 1 < abs(p.exp) <= MAX_WRITTEN_POWER]
        for power in sorted(powers, key=lambda p: (p.count_ops(), str(p))):
            if power.base.args and power.base not in names:
                name = Symbol(self._fresh("t"))
                steps.append(Put("const", name.name, _replaced(power.base, names)))
                names[power.base] = name
        return [*steps, Put(operation, target, _replaced(value, names))]

    def _fresh(self, stem: str) -> str:
        number = next(self._numbers.setdefault(stem, count(1)))
        return f"{stem}{number}" if number > 1 or stem == "t" else stem


def _replaced(expr: Expr, names: Mapping[Expr, Symbol]) -> Expr:
    if expr in names:
        return names[expr]
    return expr.func(*(_replaced(arg, names) for arg in expr.args)) if expr.args else expr


def _as_update(target: Symbol, value: Expr) -> tuple[str, Expr]:
    """Return ``+= rest`` or ``-= rest`` for ``target = target + rest``."""
    terms = list(Add.make_args(value))
    if target not in terms:
        return "=", value
    rest = Add(*(term for term in terms if term != target))
    return ("-=", -rest) if rest.could_extract_minus_sign() else ("+=", rest)


def of_one_sample(rhs: Expr) -> Expr:
    """Return what one sample adds to a sum over the samples; each term must be such a sum."""
    found = []
    for term in Add.make_args(rhs):
        factor, rest = term.as_independent(Sum, as_Add=False)
        if not isinstance(rest, Sum) or not is_sample(rest.limits[-1][0]):
            raise ValueError(f"expected a sum over the samples, got {term}")
        *inner, _ = rest.limits
        found.append(factor * (Sum(rest.function, *inner) if inner else rest.function))
    return Add(*found)


def is_partial(equation: Equation) -> bool:
    """Say whether an equation gives the derivative in a parameter."""
    return isinstance(equation.lhs, Partial)


def without_kronecker(term: Expr) -> tuple[KroneckerDelta | None, Expr]:
    """Take the Kronecker delta out of a product."""
    deltas = [factor for factor in Mul.make_args(term) if isinstance(factor, KroneckerDelta)]
    if not deltas:
        return None, term
    return deltas[0], Mul(*(factor for factor in Mul.make_args(term) if factor is not deltas[0]))
