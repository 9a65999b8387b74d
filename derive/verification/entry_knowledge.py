"""Equations entry by entry, of which one of each shape is written out until more are needed.

The right-hand side of an entry is a function of the letters that it reads: of as many, put in at the same
places of the same tree, the entries of an equation, and often those of several layers, are one function. What
is proved of one of them, as an identity in its letters, then holds of the others in theirs. The shape is
the tree itself, with the order in which the letters turn up, so that equal shapes are equal functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

from sympy import Expr, Indexed, Integer, Sum

from derive.proof import Proof
from derive.quantities import Index, N, Partial, a, omega, z
from derive.verification.expected import Knowledge, Known, quantities
from derive.verification.functions import Exponential, Largest, over
from derive.verification.values import place

I = place(0, N)  # noqa: E741 - the sample at hand
Slot = tuple[Expr, tuple[Expr, ...]]  # a letter and its indices, of which some are still to be put in
Shape = tuple[int, tuple[int, ...]]  # a tree by its number, and which of the letters stands where
Inputs = Mapping[Expr, tuple[Index, Expr]]  # of a layer, what its weighted inputs are, and of which neuron


class Untold(Exception):
    """A part of an equation that is more than functions of letters with indices."""


@dataclass(frozen=True)
class Equation:
    """An equation between arrays: its number, of which letters an entry is, and what makes it."""

    number: str
    quantity: Expr
    right: Expr
    written_out: Callable[[Expr, dict[Index, Integer]], Expr]
    named: Callable[[Expr], Expr]  # what stands for an entry of the quantity once it is computed

    @property
    def neurons(self) -> tuple[Index, ...]:
        """The indices that an entry has numbers for."""
        indices = self.quantity.indices if isinstance(self.quantity, Indexed) else ()
        return tuple(at for at in indices if isinstance(at, Index) and at.upper.is_Integer)


@dataclass(eq=False)
class Entry:
    """One entry of an equation, which is written out when it is asked for."""

    equation: Equation
    places: dict[Index, Integer]
    letter: Expr

    @cached_property
    def known(self) -> Known:
        """The entry as an equation between expressions."""
        right = self.equation.written_out(self.equation.right, self.places)
        return Known(self.equation.number, self.letter, right, ())


@dataclass(frozen=True)
class Written:
    """An entry by its shape: which function of which letters gives it, under which number."""

    number: str
    letter: Expr
    shape: Shape
    letters: tuple[Expr, ...]
    entry: Entry


class EntryKnowledge(Knowledge):
    """Equations entry by entry; ``forms`` gives others that are as good for an entry as its own."""

    def __init__(
        self,
        proof: Proof,
        equations: Iterable[Equation],
        forms: Callable[[Known, Mapping[Expr, Expr]], Sequence[Known]] | None = None,
    ) -> None:
        super().__init__(proof, ())
        self._forms_of = forms
        self._entries: list[Entry] = []
        self._inputs: dict[Expr, Entry] = {}
        self._alone: dict[tuple[str, frozenset[Expr]], Written | None] = {}
        self._added: set[Entry] = set()
        self._is_complete = False
        layers: dict[Expr, tuple[Index, Expr]] = {}
        trees: dict[Any, int] = {}
        shapes: set[tuple[str, Shape]] = set()
        for equation in equations:
            quantity, neurons = equation.quantity, equation.neurons
            if isinstance(quantity, Indexed) and quantity.base == z:
                layers[quantity.indices[0]] = neurons[-1], equation.right
            ways = [
                (number, trees.setdefault(tree, len(trees)), slots)
                for number, tree, slots in _ways(equation, layers if forms else {})
            ]
            for at in product(*(range(1, int(index.upper) + 1) for index in neurons)):
                places = dict(zip(neurons, map(Integer, at), strict=True))
                entry = Entry(equation, places, equation.named(_at(quantity, places)))
                self._entries.append(entry)
                if isinstance(quantity, Indexed) and quantity.base == z:
                    self._inputs[entry.letter] = entry
                news = not ways
                for number, tree, slots in ways:
                    written = _written(number, tree, slots, entry)
                    key = number, frozenset(written.letters)
                    self._alone[key] = None if key in self._alone else written
                    news |= (number, written.shape) not in shapes
                    shapes.add((number, written.shape))
                if news:
                    self._add(entry)

    def alone(self, number: str, letters: frozenset[Expr]) -> Written | None:
        """Return the one entry that a number gives of just these letters, if each stands for itself."""
        found = self._alone.get((number, letters))
        return found if found is not None and all(map(self.plain, found.letters)) else None

    def has(self, written: Written) -> bool:
        """Say whether an entry can be found by its value."""
        return written.entry in self._added

    def complete(self) -> None:
        """Let every entry be found by its value."""
        if not self._is_complete:
            self._is_complete = True
            self.clear()
            for entry in self._entries:
                super().add(entry.known)
            items = super().all()
            put_letters(self, items, values(items))
            if self._forms_of is not None:
                forms = [form for entry in self._entries for form in self._other_forms(entry)]
                for form in forms:
                    self.add_form(form)
                put_letters(self, forms, values([*items, *forms]))
            self._added = set(self._entries)

    def all(self) -> list[Known]:
        """Return the equations, one for each letter."""
        self.complete()
        return super().all()

    def _add(self, entry: Entry) -> None:
        self._added.add(entry)
        self.add(entry.known)
        for other in self._other_forms(entry):
            self.add_form(other)

    def _other_forms(self, entry: Entry) -> Sequence[Known]:
        return self._forms_of(entry.known, self._inputs_of(entry.known)) if self._forms_of else ()

    def _inputs_of(self, known: Known) -> dict[Expr, Expr]:
        """Return what the weighted inputs in an equation are."""
        found = (letter for letter in known.right.atoms(Indexed) if letter in self._inputs)
        return {letter: self._inputs[letter].known.right for letter in found}


def values(items: Iterable[Known]) -> dict[Expr, Expr]:
    """Return the letters of activations by what these are; a slope may have them as parts."""
    activations = [item for item in items if getattr(item.letter, "base", None) == a]
    return {item.right: item.letter for item in activations if not isinstance(item.right, Indexed)}


def put_letters(knowledge: Knowledge, items: Iterable[Known], known: Mapping[Expr, Expr]) -> None:
    """Make known what equations are if the letter of an activation stands for its value."""
    letters = set(known.values())
    for item in items:
        right = item.right if item.letter in letters else item.right.xreplace(known)
        if right != item.right:
            knowledge.add_form(replace(item, right=right))


def _ways(equation: Equation, layers: Inputs) -> Iterator[tuple[str, Any, list[Slot]]]:
    """Yield the number, the tree and the letters of an equation, and the same with weighted inputs put in.

    Nothing for one that says no more than that two letters are the same.
    """
    if isinstance(equation.right, Indexed):
        return
    free = frozenset(equation.neurons)
    numbers: list[tuple[str, Inputs]] = [(equation.number, {})]
    if equation.right.has(Exponential) and any(each.args[1] in layers for each in _weighted(equation.right)):
        numbers.append((f"0.2, {equation.number}", layers))
    for number, put_in in numbers:
        slots: list[Slot] = []
        try:
            yield number, _tree(equation.right, {}, free, put_in, slots), slots
        except Untold:
            return


def _weighted(expr: Expr) -> list[Expr]:
    return [quantity for quantity in quantities(expr) if quantity.base == z]


def _tree(
    expr: Expr, bound: dict[Index, Expr], free: frozenset[Index], layers: Inputs, slots: list[Slot]
) -> Any:
    """Return an expression without its letters, which are noted in the order in which they are read."""
    if isinstance(expr, Indexed):
        base, *indices = expr.args
        if base == omega:
            raise Untold  # a number, another for every entry
        at = tuple(_slot(index, bound, free) for index in indices)
        if base == z and at[0] in layers:
            neuron, right = layers[at[0]]
            return z, _tree(right, {neuron: at[-1]}, free, {}, slots)
        slots.append((base, at))
        return base
    if isinstance(expr, (Sum, Largest)):
        of = over(expr) if isinstance(expr, Largest) else expr
        index, _, upper = of.limits[0]
        inner = Sum(of.function, *of.limits[1:]) if of.limits[1:] else of.function
        if not upper.is_Integer:
            raise Untold
        trees = [_tree(inner, bound | {index: Integer(m)}, free, layers, slots) for m in range(1, upper + 1)]
        return type(expr), int(upper), trees[0]  # what is summed differs in the letters alone
    if isinstance(expr, (Partial, Index)):
        raise Untold
    if not expr.args:
        return type(expr), expr
    return expr.func, *(_tree(arg, bound, free, layers, slots) for arg in expr.args)


def _slot(index: Expr, bound: dict[Index, Expr], free: frozenset[Index]) -> Expr:
    if isinstance(index, Index):
        return bound.get(index, index if index in free else I)
    if not isinstance(index, Integer):
        raise Untold
    return index


def _at(quantity: Expr, places: dict[Index, Integer]) -> Expr:
    """Return an entry of a quantity."""
    if not isinstance(quantity, Indexed):
        return quantity
    letter, *indices = quantity.args
    return letter[tuple(places.get(at, I if isinstance(at, Index) else at) for at in indices)]


def _written(number: str, tree: int, slots: list[Slot], entry: Entry) -> Written:
    places = entry.places
    letters = [base[tuple(places.get(index, index) for index in at)] for base, at in slots]
    numbers = {letter: k for k, letter in enumerate(dict.fromkeys(letters))}
    shape = tree, tuple(numbers[letter] for letter in letters)
    return Written(number, entry.letter, shape, tuple(numbers), entry)
