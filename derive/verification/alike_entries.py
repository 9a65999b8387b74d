"""Assignments of one entry that are those of another: proved of one, they hold of the other in its letters.

What some assignments compute is a function of what the names hold that they read. Of an entry it is proved
that they compute its right-hand side, as an identity in letters that stand for nothing but themselves. Where
another entry has the same right-hand side but for letters, and assignments that are the same but for names,
and each name holds the letter that stands in the place of that which was held by the name in its
place, then that is the same identity with other letters put in. Anything else is read for itself.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Indexed, Symbol

from derive.verification.blocks import Group
from derive.verification.entry_knowledge import EntryKnowledge, Written
from derive.verification.forms import Untellable
from derive.verification.interpreter import Interpreter
from derive.verification.objects import Dotted, Frame, Located
from derive.verification.values import Refusal


@dataclass(frozen=True)
class Form:
    """Some assignments with numbers for names, and the names: those that are read before, and those made."""

    told: tuple[Any, ...]
    needed: tuple[str, ...]
    made: tuple[str, ...]


def form_of(statements: Sequence[ast.stmt]) -> Form | None:
    """Return the form of assignments to names; None for anything else."""
    names: dict[str, int] = {}
    needed: list[str] = []
    made: list[str] = []
    told: list[Any] = []
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                try:
                    told.append(_told(value, names, needed))
                except Untellable:
                    return None
                told.append(names.setdefault(name, len(names)))
                made.append(name)
            case _:
                return None
    return Form(tuple(told), tuple(needed), tuple(made))


def _told(node: ast.expr, names: dict[str, int], needed: list[str]) -> Any:
    kind = type(node)
    if isinstance(node, ast.Name):
        if node.id not in names:
            names[node.id] = len(names)
            needed.append(node.id)
        return names[node.id]
    if isinstance(node, ast.BinOp):
        return type(node.op), _told(node.left, names, needed), _told(node.right, names, needed)
    if isinstance(node, ast.Constant):
        return type(node.value), node.value
    if isinstance(node, ast.UnaryOp):
        return type(node.op), _told(node.operand, names, needed)
    if isinstance(node, ast.Call) and not node.keywords:
        return kind, *(_told(part, names, needed) for part in (node.func, *node.args))
    if isinstance(node, ast.IfExp):
        return kind, *(_told(part, names, needed) for part in (node.test, node.body, node.orelse))
    if isinstance(node, ast.Compare):
        parts = (node.left, *node.comparators)
        return kind, *map(type, node.ops), *(_told(part, names, needed) for part in parts)
    raise Untellable


class AlikeEntries:
    """Reads the entries of one function, one of those that are alike and the others by it."""

    def __init__(self, run: Interpreter, frame: Frame, entries: Sequence[Sequence[ast.stmt]]) -> None:
        self.run, self.frame = run, frame
        self._forms = [form_of(entry) for entry in entries]
        self._needed = {name for form in self._forms if form is not None for name in form.needed}
        self._all_told = None not in self._forms
        self._proved: set[tuple[Any, ...]] = set()

    def read(self, place: int, group: Group, kept: Collection[str]) -> None:
        """Read an entry; names that are ``kept`` mean something beyond it.

        Raises:
            Located: if it is not what it should be.
        """
        knowledge, frame, form = self.run.knowledge, self.frame, self._forms[place]
        if isinstance(knowledge, EntryKnowledge):
            asked = self._asked(knowledge, form, group.number, kept) if form is not None else None
            if form is not None and asked is not None:
                written, key = asked
                if key in self._proved:
                    self._put_in(form, written, group)
                    return
                if knowledge.has(written) and self._is_read(written, form, group):
                    if not self._rests_on_others(form):
                        self._proved.add(key)
                    return
            knowledge.complete()
        self.run.run_group(group, frame)

    def _asked(
        self, knowledge: EntryKnowledge, form: Form, number: str, kept: Collection[str]
    ) -> tuple[Written, tuple[Any, ...]] | None:
        """Return the entry that has the letters that are read, and what must be proved of one like it."""
        *parts, _ = form.made
        if not self._all_told or len(set(form.made)) < len(form.made):
            return None
        if any(part in self._needed or part in kept for part in parts):
            return None  # what is made on the way is read elsewhere
        try:
            values = [self.run.lookup(self.frame, name) for name in form.needed]
        except Refusal:
            return None
        written = knowledge.alone(number, frozenset(v for v in values if isinstance(v, Indexed)))
        if written is None or written.letter in values:
            return None
        places = {letter: k for k, letter in enumerate(written.letters)}
        given: list[Any] = []
        for value in values:
            if isinstance(value, Indexed):
                given.append(places[value])
            elif isinstance(value, (Symbol, Dotted)):
                given.append(value)
            else:
                return None
        return written, (number, written.shape, form.told, tuple(given))

    def _put_in(self, form: Form, written: Written, group: Group) -> None:
        """Give the names what they hold after assignments that are alike."""
        frame = self.frame
        *parts, target = form.made
        for part in parts:
            frame.names.pop(part, None)  # nothing reads it
        frame.names[target] = written.letter
        frame.stores, frame.number, frame.line = list(form.made), group.number, group.statements[-1].lineno
        lines = self.run.traces[frame.function.source.name, frame.function.qualname].lines
        lines.update(statement.lineno for statement in group.statements)

    def _rests_on_others(self, form: Form) -> bool:
        """Say whether what was made on the way was found to be the letter of another entry.

        The other entries that are alike have no such equation, or one between other letters.
        """
        return any(isinstance(self.frame.names[part], (Indexed, Symbol)) for part in form.made[:-1])

    def _is_read(self, written: Written, form: Form, group: Group) -> bool:
        """Read an entry among those of which one of a shape is known; say whether it gives its letter."""
        before: dict[str, Any] = dict(self.frame.names)
        try:
            self.run.run_group(group, self.frame)
        except Located:
            pass
        else:
            if self.frame.names.get(form.made[-1]) == written.letter:
                return True
        self.frame.names.clear()
        self.frame.names.update(before)
        return False
