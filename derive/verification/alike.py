"""Statements of one layer that are those of another: what was read once is put in the other's letters.

The statements under one equation's comment are a function of the arrays that they name. If the same calls,
up to names, are made on arrays of the same shapes, which share memory in the same way, and if these hold what
those held with other letters for some, for every letter always the same, then all that was made of
them is the same with these letters: an identity stays one whatever is put in for its letters. Where an
equation gave a letter for a value, there must be an equation whose right-hand side has just the other
letters; its left-hand side then takes the place. If any of this is not so, the statements are run.

Letters that stand for other letters (the z of a linear layer, a residual) are left out, for an identity
that rests on what they stand for need not hold of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sympy import Expr, Integer

from derive.verification.expected import Knowledge, Known
from derive.verification.forms import Form
from derive.verification.lengths import apart
from derive.verification.letters import Letters, Unlike
from derive.verification.values import Held, Lost, Memory, Stretch, View, Watch

if TYPE_CHECKING:
    from derive.verification.blocks import Group
    from derive.verification.objects import Frame

TRIED = 3  # of runs that look the same, how many are tried


@dataclass(eq=False)
class Given(Watch):
    """The arrays and numbers that some statements name; of a run of them, what it reads and writes."""

    form: Form
    key: tuple[Any, ...]
    memories: list[Memory]
    places: list[tuple[int, Stretch]]
    numbers: list[Expr]
    read_of: dict[int, Held] = field(default_factory=dict)
    written: dict[int, Held] = field(default_factory=dict)
    folds: list[Known] = field(default_factory=list)
    stores: list[int | str] = field(default_factory=list)
    made: dict[str, Expr] = field(default_factory=dict)
    told: bool = True

    def __post_init__(self) -> None:
        self._number = {(self.memories[m], stretch): k for k, (m, stretch) in enumerate(self.places)}

    def read(self, memory: Memory, stretch: Stretch, found: Held | Lost | None) -> None:
        """Note what is read, if these statements have not written it."""
        place = self._number.get((memory, stretch))
        if place is None or not isinstance(found, Held):
            self.told = False
        elif place not in self.written:
            self.read_of[place] = found

    def write(self, memory: Memory, stretch: Stretch, held: Held, line: int) -> None:
        """Note what is written; of a stretch, the last is what remains."""
        place = self._number.get((memory, stretch))
        if place is None:
            self.told = False
            return
        self.written.pop(place, None)
        self.written[place] = held

    def copied(self, memory: Memory) -> None:
        """Note that all that memory holds is looked at."""
        self.told = False

    def ended(self, frame: Frame) -> bool:
        """Note where results were stored, and which numbers were made; False if there is anything else."""
        for name in self.form.made:
            value = frame.names.get(name)
            if not isinstance(value, Expr):
                return False
            self.made[name] = value
        for store in frame.stores:
            if isinstance(store, str):
                self.stores.append(store)
                continue
            place = self._number.get((store[0], store[1:])) if isinstance(store, tuple) else None
            if place is None:
                return False
            self.stores.append(place)
        return self.told

    def stretches(self, number: int) -> list[Stretch]:
        """Return the stretches of a piece of memory in the order in which they turn up."""
        return [stretch for memory, stretch in self.places if memory == number]


def _all_apart(stretches: Sequence[Stretch]) -> bool:
    """Say whether stretches are known to have no entry in common."""
    pairs = ((one, other) for k, one in enumerate(stretches) for other in stretches[:k])
    return all(apart(*one, *other) for one, other in pairs)


def given_of(form: Form, number: str, frame: Frame) -> Given | None:
    """Return what some statements are given; None if it is more than arrays and numbers."""
    memories: dict[Memory, int] = {}
    places: dict[tuple[int, Stretch], int] = {}
    numbers: list[Expr] = []
    told: list[Any] = []
    for name in form.names:
        value = None if name in form.made else frame.names.get(name)
        if isinstance(value, View):
            memory, stretch = value.memory, (value.start, value.stop)
            at = places.setdefault((memories.setdefault(memory, len(memories)), stretch), len(places))
            whole = stretch == (0, memory.size)
            told.append((at, whole, value.leaves, value.axes, value.ties))
        elif isinstance(value, Integer):
            told.append(value)
        elif isinstance(value, Expr):
            told.append(type(value))
            numbers.append(value)
        elif name in form.made:
            told.append("made")
        else:
            return None
    kinds = tuple((memory.lead, memory.constant) for memory in memories)
    key = (number, form.told, tuple(told), kinds, tuple(m for m, _ in places))
    return Given(form, key, list(memories), list(places), numbers)


class Alike:
    """The groups of statements that one interpreter has run."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._done: dict[tuple[Any, ...], list[Given]] = {}

    def given(self, group: Group, frame: Frame) -> Given | None:
        """Return what a group is given, if it can be told."""
        form = group.form
        if form is None or "np" in frame.names:
            return None
        if form.numpy and frame.function.source.imports.get("np") != ("numpy", ""):
            return None
        return given_of(form, group.number, frame)

    def repeated(self, given: Given, frame: Frame) -> bool:
        """Do what a group alike has done, in the letters of this one; False if there was none."""
        for done in self._done.get(given.key, [])[: -TRIED - 1 : -1]:
            try:
                letters, folded = self._letters(done, given)
                contents = [
                    (at, Held(_put(held.expr, letters, folded), held.leaves))
                    for at, held in done.written.items()
                ]
                made = [_put(value, letters, folded) for value in done.made.values()]
            except (Unlike, ValueError):
                continue
            for place in done.read_of:
                memory, (start, stop) = given.places[place]
                given.memories[memory].read(start, stop)  # whoever watches must know
            for place, held in contents:
                memory, (start, stop) = given.places[place]
                given.memories[memory].write(start, stop, held, frame.line)
            names = dict(zip(done.form.names, given.form.names, strict=True))
            frame.names.update((names[name], value) for name, value in zip(done.made, made, strict=True))
            for store in done.stores:
                if isinstance(store, str):
                    frame.stores.append(names[store])
                else:
                    memory, stretch = given.places[store]
                    frame.stores.append((given.memories[memory], *stretch))
            return True
        return False

    def _letters(self, done: Given, given: Given) -> tuple[Letters, dict[Expr, Expr]]:
        """Return the letters that are put in for those of a group alike, and those that equations give."""
        for number in range(len(given.memories)):
            old, new = done.stretches(number), given.stretches(number)
            if old != new and not (_all_apart(old) and _all_apart(new)):
                raise Unlike
        letters = Letters(self._knowledge)
        for old_number, new_number in zip(done.numbers, given.numbers, strict=True):
            letters.match(old_number, new_number)
        for place, held in done.read_of.items():
            memory, stretch = given.places[place]
            there = given.memories[memory].held.get(stretch)
            if not isinstance(there, Held) or there.leaves != held.leaves:
                raise Unlike
            letters.match(held.expr, there.expr)
        return letters, {item.letter: letters.equation(item).letter for item in done.folds}

    def watch(self, given: Given) -> None:
        """Watch a group while it is run."""
        for memory in given.memories:
            memory.watches.append(given)

    def leave(self, given: Given, frame: Frame | None = None) -> None:
        """Watch no longer, and remember what was done if it was done to the end, in a frame."""
        for memory in given.memories:
            memory.watches.remove(given)
        if frame is not None and given.ended(frame):
            self._done.setdefault(given.key, []).append(given)


def _put(expr: Expr, letters: Letters, folded: dict[Expr, Expr]) -> Expr:
    return folded[expr] if expr in folded else letters.put_in(expr)
