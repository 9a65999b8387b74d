"""What the proof says: equations with canonical indices, found again by the normal form of a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from sympy import Expr, Indexed, Integer, Sum

from derive.activations import Z, activation
from derive.architecture import Architecture
from derive.calculus.normal_form import normal_form
from derive.costs import SOFTMAX
from derive.numbered import cost_equation, residual_equation, sample_cost_equation, step_list
from derive.program.lowering import Computed, plainly
from derive.program.routines import (
    computed,
    computed_cost,
    curved_equations,
    forward_equations,
    name_array,
    weighted_inputs_needed,
)
from derive.proof import Proof
from derive.quantities import Cost, Index, N, Partial, a, exchanged, m, put_in, q, z
from derive.remembered import remembered
from derive.theorems import levenberg_marquardt as lm
from derive.verification.spelling import as_code, constant, rounded
from derive.verification.values import Group, Held, place


@dataclass(frozen=True)
class Known:
    """An equation: its number, and both sides in canonical indices."""

    number: str
    letter: Expr
    right: Expr
    leaves: Group


class Candidate(NamedTuple):
    """An equation by its place among all, with the letters that its right-hand side has."""

    place: int
    letters: frozenset[object]
    item: Known


class Knowledge:
    """The equations of a proof, to be found by value."""

    def __init__(
        self,
        proof: Proof,
        equations: Iterable[Computed],
        axes: Callable[[Expr], tuple[Index, ...]] | None = None,
    ) -> None:
        """Read equations."""
        self._network = proof.network
        self.weights = tuple(constant(weight) for weight in proof.network.cost_terms.weights)
        self._linear = linear_layers(proof.architecture)
        step = proof.step if proof.curved is None else proof.curved.step
        self.systems = ((step.primal, lm.h), (step.dual, lm.v))
        self._items: list[Known] = []
        self._candidates: dict[tuple[Group, object], list[Candidate]] = {}
        self._by_heads: dict[tuple[str, Group, frozenset[Any]], list[Known]] = {}
        self._reached: dict[tuple[Expr | None, ...], frozenset[object]] = {}
        self._by_letter: dict[Expr, Known] = {}
        self._forms: dict[Expr, list[Known]] = {}
        self._unfolding: dict[Indexed, Expr] = {}
        self._aliases: dict[tuple[Expr, ...], Known] = {}
        self._keys: dict[Expr, str] = {}
        self._found: dict[tuple[Group, Expr], tuple[Known, ...]] = {}
        self._equations = list(equations)
        self._architecture = proof.architecture
        for item in self._equations:
            self.add(known(item, axes))

    @cached_property
    def kept(self) -> tuple[Expr, ...]:
        """The letters that the tuple ``activations`` of a package holds."""
        backward = [item for item in self._equations if item.equation.number not in ("0.2", "0.3")]
        return tuple(_kept(self._architecture, set().union(*map(_read, backward))))

    def add(self, item: Known) -> None:
        """Make an equation known."""
        self._items.append(item)
        self._candidates.clear()
        self._found.clear()
        self._by_heads.clear()
        self._by_letter[item.letter] = item
        if isinstance(item.right, Indexed) and isinstance(item.letter, Indexed):
            self._aliases[_family(item.letter)] = item
            self._reached.clear()
            self._unfolding.clear()
            self._keys.clear()

    def add_form(self, item: Known) -> None:
        """Make another right-hand side known for a letter that has an equation."""
        self._items.append(item)
        self._candidates.clear()
        self._found.clear()
        self._forms.setdefault(item.letter, []).append(item)

    def clear(self) -> None:
        """Forget all equations, to add others."""
        self._items.clear()
        self._candidates.clear()
        self._found.clear()
        self._by_heads.clear()
        self._by_letter.clear()
        self._forms.clear()
        self._aliases.clear()
        self._reached.clear()
        self._unfolding.clear()
        self._keys.clear()

    def all(self) -> list[Known]:
        """Return the equations, one for each letter."""
        return list(self._by_letter.values())

    def of(self, letter: Expr) -> Known:
        """Return the equation for a letter."""
        return self._by_letter[letter]

    def key(self, expr: Expr) -> str:
        """Return the normal form, with a residual written out and z for the a of a linear layer."""
        if expr not in self._keys:
            try:
                self._keys[expr] = _key(self._written_out(expr))
            except ValueError:
                self._keys[expr] = f"? {expr}"
        return self._keys[expr]

    def find(self, held: Held) -> tuple[Known, ...]:
        """Return the equations that give this value; of the forms of one, that which is just this if any."""
        asked = (held.leaves, held.expr)
        if asked not in self._found:
            possible = self._possible(held)
            same = {(item.letter, item.number) for item in possible if item.right == held.expr}
            found = [
                item
                for item in possible
                if item.right == held.expr
                or ((item.letter, item.number) not in same and self.key(item.right) == self.key(held.expr))
            ]
            letter = self._by_letter.get(held.expr)
            if letter is not None and letter.leaves == held.leaves and letter not in found:
                found += [letter, *self._forms.get(held.expr, ())]
            self._found[asked] = tuple(found)
        return self._found[asked]

    def _possible(self, held: Held) -> list[Known]:
        """Return the equations all of whose letters are in a value; no other can give it.

        A normal form has no letter that its expression does not have. So of a value that lacks one, such as
        most of those on the way to the right-hand side of an equation, no normal form is needed.
        """
        if not self._candidates:
            self._sort()
        letters = self._letters(held.expr)
        found: list[Candidate] = []
        for letter in (None, *letters):
            for candidate in self._candidates.get((held.leaves, letter), ()):
                if candidate.letters <= letters:
                    found.append(candidate)
        return [candidate.item for candidate in sorted(found, key=lambda candidate: candidate.place)]

    def _sort(self) -> None:
        """Put every equation where one of its letters leads to it, if it has any, best a rare one."""
        often: Counter[object] = Counter()
        for place_of, item in enumerate(self._items):
            letters = self._letters(item.right)
            if not all(map(self.plain, quantities(item.right))):  # of z - m with m = z nothing is left
                letters = frozenset(map(_letter_at, quantities(self._written_out(item.right))))
            rare = min(letters, key=lambda letter: often[letter], default=None)
            often.update(letters)
            self._candidates.setdefault((item.leaves, rare), []).append(Candidate(place_of, letters, item))

    def _letters(self, expr: Expr) -> frozenset[object]:
        """Return the letters of an expression, with numbers for indices, once it is written out."""
        found: set[object] = set()
        for quantity in quantities(expr):
            letter = _letter_at(quantity)
            if letter not in self._reached:
                written = quantities(self._unfolded(quantity))
                self._reached[letter] = frozenset(map(_letter_at, written))
            found |= self._reached[letter]
        return frozenset(found)

    def holds(self, held: Held, letter: Expr) -> bool:
        """Say whether this is the value of a letter, be it under another letter that has the same value."""
        wanted = self._by_letter[letter]
        if held.leaves != wanted.leaves:
            return False
        if held.expr == letter or self.key(held.expr) == self.key(wanted.right):
            return True
        other = self._by_letter.get(held.expr)
        if other is None or other.leaves != held.leaves:
            return False
        return self.key(other.right) == self.key(wanted.right)

    def fold(self, held: Held, number: str = "") -> Known | None:
        """Return the equation that gives a value, to write its letter for it; a letter stays as it is.

        Under the comment of one equation, a part that happens to be the value of another stays written out:
        of z/sqrt(1 + z^2) the root may be an activation.
        """
        if isinstance(held.expr, (Indexed, Partial)):
            return None
        return next((item for item in self.find(held) if number in ("", item.number)), None)

    def plain(self, quantity: Indexed) -> bool:
        """Say whether a letter stands for nothing but itself."""
        return bool(self._unfolded(quantity) == quantity)

    def with_heads(
        self, number: str, leaves: Group, heads: frozenset[Any], heads_of: Callable[[Expr], frozenset[Any]]
    ) -> Sequence[Known]:
        """Return the equations of a number whose right-hand sides have just these letters."""
        if not self._by_heads:
            for item in self._items:
                key = (item.number, item.leaves, heads_of(item.right))
                self._by_heads.setdefault(key, []).append(item)
        return self._by_heads.get((number, leaves, heads), ())

    def _written_out(self, expr: Expr) -> Expr:
        """Write out what has two names, and let every function put its arguments in order again."""
        if isinstance(expr, Indexed):
            return self._unfolded(expr)
        if isinstance(expr, Partial) or not expr.args:
            return expr
        if isinstance(expr, Sum):
            body = self._written_out(expr.function)
            return expr if body is expr.function else exchanged(expr, {expr.function: body})
        arguments = [self._written_out(arg) for arg in expr.args]
        same = all(new is old for new, old in zip(arguments, expr.args, strict=True))
        return expr if same else expr.func(*arguments)

    def _unfolded(self, quantity: Indexed) -> Expr:
        if quantity not in self._unfolding:
            self._unfolding[quantity] = self._unfold(quantity)
        return self._unfolding[quantity]

    def _unfold(self, quantity: Indexed) -> Expr:
        if len(quantity.indices) == 2 and quantity.base == lm.r:
            known_as = residual_equation(self._network)
            given = dict(zip(known_as.lhs.indices, quantity.indices, strict=True))
            return self._written_out(known_as.rhs.xreplace(given))
        if quantity.indices[0] in self._linear and quantity.base == a:
            return z[quantity.indices]
        alias = self._aliases.get(_family(quantity))
        if alias is None:
            return quantity
        given = dict(zip(alias.letter.indices, quantity.indices, strict=True))
        return self._unfolded(alias.right.xreplace(given))


@remembered
def quantities(expr: Expr) -> frozenset[Indexed]:
    """Return the indexed quantities in an expression, those in derivatives that are letters left out."""
    if isinstance(expr, Indexed):
        return frozenset((expr,))
    if isinstance(expr, Partial) or not expr.args:
        return frozenset()
    return frozenset().union(*map(quantities, expr.args))


@remembered
def _letter_at(quantity: Indexed) -> tuple[Expr | None, ...]:
    """Return a letter with those of its indices that are numbers: its layer, and of an entry all.

    In normal forms a number stays one and an index stays one, but for an index with one value, which is 1.
    """
    places = (Integer(1) if _single(place) else place for place in quantity.indices)
    return (quantity.base, *(place if isinstance(place, Integer) else None for place in places))


@remembered
def _family(quantity: Indexed) -> tuple[Expr, ...]:
    """Return what the entries of an array have in common: the letter, and the layer if it has one."""
    return (quantity.base, *(place for place in quantity.indices if not isinstance(place, Index)))


def linear_layers(architecture: Architecture) -> frozenset[Integer]:
    """Return the layers whose activation is the identity: (0.3) then only says that a is z."""
    named = enumerate(architecture.activations, start=2)
    return frozenset(
        Integer(layer) for layer, name in named if name != SOFTMAX and activation(name).stable == Z
    )


def array_equations(proof: Proof) -> list[Computed]:
    """Return all that the array code computes, with sigma, sigma' and the loss in their stable forms."""
    network = proof.network
    derived = [computed(network, item.equation) for item in (*proof.mean, *proof.output)]
    costs = (cost_equation(network), sample_cost_equation(network))
    cost = [*(computed_cost(network, equation) for equation in costs), plainly(residual_equation(network))]
    if proof.curved is None:
        steps = [plainly(step) for step in step_list(proof.step)]
    else:
        first, last = curved_equations(network, proof.curved)
        rows = [computed(network, item.equation) for item in proof.curved.rows]
        steps = [*first, *rows, *last, *(plainly(step) for step in step_list(proof.curved.step))]
    return [*forward_equations(network), *cost, *derived, *steps]


def known(item: Computed, axes: Callable[[Expr], tuple[Index, ...]] | None = None) -> Known:
    """Read an equation in canonical indices, its right-hand side as code is read.

    ``axes`` says in which order the array of a left-hand side has them, if not samples first.
    """
    return _known(item, (axes or axes_of)(item.equation.lhs))


@remembered
def _known(item: Computed, free: tuple[Index, ...]) -> Known:
    equation = item.equation
    places = tuple(place(position, index.upper) for position, index in enumerate(free))
    left, right = put_in(equation.lhs, free, places), put_in(as_code(item.rhs), free, places)
    return Known(equation.number, left, right, tuple(index.upper for index in free))


@remembered
def _key(expr: Expr) -> str:
    """Return the normal form of what is written out, which is the same whatever else is known."""
    return rounded(normal_form(_of_single_ranges(expr)))


def _of_single_ranges(expr: Expr) -> Expr:
    """Put 1 for every index that has no other value: two of them are then equal, and a sum has one term."""
    if not _has_single(expr):
        return expr
    single = {index: Integer(1) for index in expr.free_symbols if _single(index)}
    if single:
        expr = expr.xreplace(single)
    if not any(_single(limit[0]) for node in expr.atoms(Sum) for limit in node.limits):
        return expr
    if isinstance(expr, Sum):
        names = {index: Integer(1) for index, *_ in expr.limits if _single(index)}
        kept = [limit for limit in expr.limits if not _single(limit[0])]
        body = _of_single_ranges(expr.function.xreplace(names))
        return expr.func(body, *kept) if kept else body
    return expr.func(*(_of_single_ranges(arg) for arg in expr.args))


@remembered
def _has_single(expr: Expr) -> bool:
    return _single(expr) or any(map(_has_single, expr.args))


def _single(index: Expr) -> bool:
    return isinstance(index, Index) and bool(index.upper == 1)


@remembered
def _read(item: Computed) -> frozenset[str]:
    return frozenset(weighted_inputs_needed([item]))


def _kept(architecture: Architecture, needed: set[str]) -> Iterator[Expr]:
    """Yield the letters of the tuple ``activations``: every a, before it z, m and q where they are read."""
    for layer, size in enumerate(architecture.sizes[1:], start=2):
        i, j = place(0, N), place(1, Integer(size))
        for letter in (z[layer, i, j], m[layer, i], q[layer, i], a[layer, i, j]):
            if letter.base == a or name_array(letter)[0] in needed:
                yield letter


def axes_of(quantity: Expr) -> tuple[Index, ...]:
    """Return the indices of a quantity that are axes of its array: samples first, then neurons."""
    if isinstance(quantity, Partial):
        return tuple(dict.fromkeys((*axes_of(quantity.f), *axes_of(quantity.v))))  # a sample once
    if quantity == Cost or not isinstance(quantity, Indexed):
        return ()
    return tuple(index for index in quantity.indices if isinstance(index, Index))
