"""Runs that are remembered: the same function, given the same arrays, does the same again.

A workspace is proved at several points and in several ways, and each of them runs the same functions on the
same letters. What a function does is decided by its arguments: numbers, words, arrays, and what it reads of
the memory in which they lie. Which of the arrays share memory, and what they are meant for, is part of the
question. What was read before it was written is the condition: if all of it is as it was, what was done then
is done again: each stretch is written that was written, names and result are given back. Whatever else lies
in that memory is neither looked at nor spared: a stretch that is written takes its place as it would have
done. A run that failed, that was given an object, that read an array which was lost, or in which anything was
called that a proof looks into or answers for, is not remembered; nor is one recalled once such a look or
answer has been agreed for a function that it called.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sympy import Expr

from derive.verification.objects import Opaque
from derive.verification.values import Held, Lost, Memory, Stretch, View, Watch

Key = tuple[str, str]
Told = tuple[Any, ...]


class Untold(Exception):
    """A value that cannot be told by what it holds alone, such as an object of a class."""


class Arrays:
    """Arrays and the memory in which they lie, by number, in the order in which they turn up."""

    def __init__(self) -> None:
        self.memories: list[Memory] = []
        self._views: dict[int, View] = {}
        self._numbers: dict[Memory | View, int] = {}

    def told(self, value: Any) -> Told:
        """Tell a value: an array by its number, that of its memory and its place in it.

        Raises:
            Untold: if it is not made of numbers, words and arrays.
        """
        if isinstance(value, View):
            memory = self._numbers.get(value.memory)
            if memory is None:
                memory = self._numbers[value.memory] = len(self.memories)
                self.memories.append(value.memory)
            number = self._numbers.setdefault(value, len(self._numbers))
            self._views[number] = value
            return ("array", number, memory, value.seen)
        if isinstance(value, tuple):
            return ("tuple", *(self.told(part) for part in value))
        if value is None or isinstance(value, (Expr, Opaque, bool, str)):
            return (type(value), value)
        raise Untold

    def found(self, told: Told) -> Any:
        """Return the value that was told."""
        match told:
            case ("array", number, memory, seen):
                if number not in self._views:
                    self._views[number] = seen.of(self.memories[memory])
                return self._views[number]
            case ("tuple", *parts):
                return tuple(self.found(part) for part in parts)
        return told[1]


@dataclass(frozen=True)
class State:
    """All that a piece of memory is and holds, where a run has made it."""

    size: Expr
    lead: tuple[Expr, ...]
    held: tuple[tuple[Stretch, Held | Lost], ...]
    wanted: tuple[tuple[Stretch, Expr], ...]

    @classmethod
    def of(cls, memory: Memory) -> State:
        """Return the state in which a piece of memory is."""
        return cls(memory.size, memory.lead, tuple(memory.held.items()), tuple(memory.wanted.items()))

    def made(self) -> Memory:
        """Return a piece of memory in this state."""
        return Memory(self.size, self.lead, dict(self.held), wanted=dict(self.wanted))


@dataclass(frozen=True)
class Done:
    """What a run did, where it had read what it read: what it wrote, its names and its result.

    ``states`` are those of the memory that it made, ``called`` the functions that it called.
    """

    read: tuple[tuple[int, Stretch, Held], ...]
    written: tuple[tuple[int, Stretch, Held, int], ...]
    names: tuple[tuple[str, Told], ...]
    result: Told
    states: tuple[State, ...]
    called: frozenset[Key]

    def fits(self, memories: Sequence[Memory]) -> bool:
        """Say whether all that was read then is there again."""
        return all(memories[number].held.get(stretch) == held for number, stretch, held in self.read)


@dataclass(eq=False)
class Running(Watch):
    """A run that may be remembered, and what it reads and writes of the memory that it is given."""

    question: Told
    arrays: Arrays
    called: set[Key] = field(default_factory=set)
    alone: bool = True  # False once something is called that a proof looks into or answers for

    def __post_init__(self) -> None:
        self.given = tuple(self.arrays.memories)
        self._number = {memory: number for number, memory in enumerate(self.given)}
        self._read: dict[tuple[int, Stretch], Held] = {}
        self._written: dict[tuple[int, Stretch], tuple[Held, int]] = {}
        for memory in self.given:
            memory.watches.append(self)

    def read(self, memory: Memory, stretch: Stretch, found: Held | Lost | None) -> None:
        """Note what is read; only of what the run has not written itself does it matter."""
        key = (self._number[memory], stretch)
        if not isinstance(found, Held):
            self.alone = False
        elif key not in self._written:
            self._read[key] = found

    def write(self, memory: Memory, stretch: Stretch, held: Held, line: int) -> None:
        """Note what is written; of a stretch, the last is what remains."""
        key = (self._number[memory], stretch)
        self._written.pop(key, None)
        self._written[key] = (held, line)

    def copied(self, memory: Memory) -> None:
        """Note that all that memory holds is looked at."""
        self.alone = False

    def leave(self) -> None:
        """Watch no longer."""
        for memory in self.given:
            memory.watches.remove(self)

    def done(self, names: dict[str, Any], result: Any) -> Done | None:
        """Return what was done; None if it cannot be told."""
        given = len(self.given)
        try:
            told = tuple((name, self.arrays.told(value)) for name, value in names.items())
            last = self.arrays.told(result)
        except Untold:
            return None
        made = self.arrays.memories[given:]
        if any(memory.constant for memory in made):  # it belongs to the file, not to the run
            return None
        read = tuple((*key, held) for key, held in self._read.items())
        written = tuple((*key, *what) for key, what in self._written.items())
        states = tuple(map(State.of, made))
        return Done(read, written, told, last, states, frozenset(self.called))


class Recall:
    """The runs of one interpreter; for another, with other equations, other things come out."""

    def __init__(self) -> None:
        self._done: dict[Told, list[Done]] = {}
        self._running: list[Running] = []

    def question(self, node: ast.FunctionDef, names: dict[str, Any]) -> tuple[Told, Arrays] | None:
        """Return what a run is known by, and its memory; None if it cannot be told."""
        arrays = Arrays()
        try:
            told = tuple((name, arrays.told(value)) for name, value in names.items())
        except Untold:
            return None
        kinds = ((m.size, m.lead, m.constant, tuple(m.wanted.items())) for m in arrays.memories)
        return (node, told, *kinds), arrays

    def recalled(
        self, question: Told, arrays: Arrays, names: dict[str, Any], looked_at: Callable[[Key], bool]
    ) -> tuple[Any] | None:
        """Do again what was done then and return the result, in a tuple; None if nothing is known."""
        memories = arrays.memories
        done = next((done for done in self._done.get(question, ()) if done.fits(memories)), None)
        if done is None or any(map(looked_at, done.called)):
            return None
        for outer in self._running:
            outer.called |= done.called
        for number, (start, stop), _ in done.read:
            memories[number].read(start, stop)  # whoever watches must know
        for number, (start, stop), held, line in done.written:
            memories[number].write(start, stop, held, line)
        memories += [state.made() for state in done.states]
        names.clear()
        names.update((name, arrays.found(told)) for name, told in done.names)
        return (arrays.found(done.result),)

    def begin(self, question: Told, arrays: Arrays) -> None:
        """Note that a run begins."""
        self._running.append(Running(question, arrays))

    def calls(self, key: Key, *, looked_at: bool) -> None:
        """Note that a function is called by all that is running."""
        for running in self._running:
            running.called.add(key)
            running.alone = running.alone and not looked_at

    def end(self, names: dict[str, Any] | None = None, result: Any = None) -> None:
        """Note that the last run to begin has ended; without ``names`` it failed, and is forgotten."""
        running = self._running.pop()
        running.leave()
        if names is None or not running.alone:
            return
        done = running.done(names, result)
        if done is not None:
            self._done.setdefault(running.question, []).append(done)
