"""Runs that are remembered: the same function, given the same arrays, does the same again.

A workspace is proved at several points and in several ways, and each of them runs the same functions on the
same letters. What a function does is decided by its arguments: numbers, words, arrays, and of every array the
memory in which it lies with all that this holds and is meant for. Which of the arrays share memory is part of
the question, and so is everything that lies beside them. If all of it is as it was, what was done then is
done again: the memory is filled as it was filled, names and result are given back. A run that failed, that
was given an object, or in which anything was called that a proof looks into or answers for, is not
remembered; nor is one recalled once such a look or answer has been agreed for a function that it called.
"""

from __future__ import annotations

import ast
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from sympy import Expr

from derive.verification.objects import Opaque
from derive.verification.values import Held, Lost, Memory, View

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
            return ("array", number, memory, value.start, value.stop, value.leaves, value.axes, value.ties)
        if isinstance(value, tuple):
            return ("tuple", *(self.told(part) for part in value))
        if value is None or isinstance(value, (Expr, Opaque, bool, str)):
            return (type(value), value)
        raise Untold

    def found(self, told: Told) -> Any:
        """Return the value that was told."""
        match told:
            case ("array", number, memory, *place):
                if number not in self._views:
                    self._views[number] = View(self.memories[memory], *place)
                return self._views[number]
            case ("tuple", *parts):
                return tuple(self.found(part) for part in parts)
        return told[1]


@dataclass(frozen=True)
class State:
    """All that a piece of memory is and holds."""

    size: Expr
    lead: tuple[Expr, ...]
    constant: bool
    held: tuple[tuple[tuple[Expr, Expr], Held | Lost], ...]
    wanted: tuple[tuple[tuple[Expr, Expr], Expr], ...]

    @classmethod
    def of(cls, memory: Memory) -> State:
        """Return the state in which a piece of memory is."""
        held, wanted = tuple(memory.held.items()), tuple(memory.wanted.items())
        return cls(memory.size, memory.lead, memory.constant, held, wanted)

    def made(self) -> Memory:
        """Return a piece of memory in this state."""
        return Memory(self.size, self.lead, dict(self.held), self.constant, dict(self.wanted))

    def restore(self, memory: Memory) -> None:
        """Bring a piece of memory into this state."""
        memory.held.clear()
        memory.held.update(self.held)


@dataclass(frozen=True)
class Done:
    """What a run did: names, result and every piece of memory afterwards, and which functions it called."""

    names: tuple[tuple[str, Told], ...]
    result: Told
    states: tuple[State, ...]
    called: frozenset[Key]


@dataclass
class Running:
    """A run that may be remembered."""

    question: Told
    arrays: Arrays
    called: set[Key] = field(default_factory=set)
    alone: bool = True  # False once something is called that a proof looks into or answers for


class Recall:
    """The runs of one interpreter; for another, with other equations, other things come out."""

    def __init__(self) -> None:
        self._done: dict[Told, Done] = {}
        self._running: list[Running] = []

    def question(self, node: ast.FunctionDef, names: dict[str, Any]) -> tuple[Told, Arrays] | None:
        """Return what a run is known by, and its memory; None if it cannot be told."""
        arrays = Arrays()
        try:
            told = tuple((name, arrays.told(value)) for name, value in names.items())
        except Untold:
            return None
        return (node, told, *map(State.of, arrays.memories)), arrays

    def recalled(
        self, question: Told, arrays: Arrays, names: dict[str, Any], looked_at: Container[Key]
    ) -> tuple[Any] | None:
        """Do again what was done then and return the result, in a tuple; None if nothing is known."""
        done = self._done.get(question)
        if done is None or any(key in looked_at for key in done.called):
            return None
        for outer in self._running:
            outer.called |= done.called
        given = len(arrays.memories)
        for memory, state in zip(arrays.memories, done.states[:given], strict=True):
            state.restore(memory)
        arrays.memories += [state.made() for state in done.states[given:]]
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
        if names is None or not running.alone:
            return
        given = len(running.arrays.memories)
        try:
            told = tuple((name, running.arrays.told(value)) for name, value in names.items())
            last = running.arrays.told(result)
        except Untold:
            return
        found = running.arrays.memories
        if any(memory.constant for memory in found[given:]):  # it belongs to the file, not to the run
            return
        states = tuple(map(State.of, found))
        self._done[running.question] = Done(told, last, states, frozenset(running.called))
