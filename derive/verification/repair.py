"""Finds the statement to blame: the one whose smallest change makes the equation come out.

This only chooses the line that a finding names. Whether something is wrong has been decided before.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sympy import Expr

from derive.verification.blocks import Group
from derive.verification.values import Memory, View

if TYPE_CHECKING:
    from derive.verification.interpreter import Interpreter
    from derive.verification.objects import Frame

MAX_TRIES = 2000
BINARY = ("add", "subtract", "multiply", "divide", "minimum", "maximum")
UNARY = ("negative", "exp", "tanh", "expm1", "log1p", "absolute")


class Snapshot:
    """The names of a frame and what their memory holds."""

    def __init__(self, frame: Frame) -> None:
        self.names = dict(frame.names)
        self._held = {memory: dict(memory.held) for memory in _memories(list(frame.names.values()))}

    def restore(self, frame: Frame) -> None:
        """Bring everything back."""
        frame.names.clear()
        frame.names.update(self.names)
        for memory, held in self._held.items():
            memory.held.clear()
            memory.held.update(held)


def _memories(values: list[Any]) -> Iterator[Memory]:
    for value in values:
        if isinstance(value, View):
            yield value.memory
        elif isinstance(value, tuple):
            yield from _memories(list(value))


def suspects(
    run: Interpreter, frame: Frame, group: Group, rest: list[Group], before: Snapshot
) -> list[ast.stmt]:
    """Return the statements of which one change makes a group compute the equation that it cites.

    Those that set the rest of the function right as well come alone; an unpacking line that binds two names
    the wrong way round is one of them.
    """
    from derive.verification.objects import Located, Returned

    arrays = sorted(name for name, value in before.names.items() if isinstance(value, View))
    numbers = sorted(name for name, value in before.names.items() if isinstance(value, Expr))
    partly: list[ast.stmt] = []
    wholly: list[ast.stmt] = []

    def attempt(blamed: ast.stmt, changed: list[ast.stmt]) -> None:
        try:
            if not changed or group.number not in run.run_group(Group(changed, group.number), frame):
                return
        except (Located, Returned):
            return
        partly.append(blamed)
        try:
            for other in rest:
                run.run_group(other, frame)
        except Returned:
            pass
        except Located:
            return
        wholly.append(blamed)

    tries = 0
    run.repairing = False
    try:
        for binding, one, other in _bindings(frame, group, arrays):
            before.restore(frame)
            frame.names[one], frame.names[other] = frame.names[other], frame.names[one]
            attempt(binding, group.statements)
        for names in ((), arrays):  # names last: there are many of them
            for position, statement in enumerate(group.statements):
                for variant in _variants(statement, list(names), numbers):
                    tries += 1
                    if tries > MAX_TRIES or statement in wholly:
                        break
                    before.restore(frame)
                    ahead, behind = group.statements[:position], group.statements[position + 1 :]
                    attempt(statement, [*ahead, *variant, *behind])
            if wholly:
                break
    finally:
        run.repairing = True
    return list(dict.fromkeys(wholly or partly))


def _bindings(frame: Frame, group: Group, arrays: list[str]) -> Iterator[tuple[ast.stmt, str, str]]:
    """Yield pairs of names that one statement of the function binds, one of them used in the group."""
    used = _used(group.statements) & set(arrays)
    first = group.statements[0].lineno
    body = frame.function.node.body
    before = _used([s for s in body if s.lineno < first and frame.function.source.number(s)])
    arrays = [name for name in arrays if name not in before]  # those were right where they were used
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple):
            bound = [e.id for e in statement.targets[0].elts if isinstance(e, ast.Name) and e.id in arrays]
            for one in bound:
                if one in used:
                    yield from ((statement, one, other) for other in bound if other != one)


def _used(statements: list[ast.stmt]) -> set[str]:
    return {n.id for s in statements for n in ast.walk(s) if isinstance(n, ast.Name)}


def _variants(statement: ast.stmt, arrays: list[str], numbers: list[str]) -> Iterator[list[ast.stmt]]:
    """Yield a statement changed in one place, or nothing at all."""
    yield []
    nodes = list(ast.walk(statement))
    for position, node in enumerate(nodes):
        for change in _changes(node, arrays, numbers):
            changed = copy.deepcopy(statement)
            target = list(ast.walk(changed))[position]
            change(target)
            yield [changed]
    for position, node in enumerate(nodes):
        if isinstance(node, ast.Call):
            for number, argument in enumerate([*node.args, *(k.value for k in node.keywords)]):
                changed = copy.deepcopy(statement)
                call = list(ast.walk(changed))[position]
                assert isinstance(call, ast.Call)
                old = [*call.args, *(k.value for k in call.keywords)][number]
                plain = isinstance(argument, ast.Attribute) and argument.attr == "T"
                new = old.value if plain and isinstance(old, ast.Attribute) else _transposed(old)
                if number < len(call.args):
                    call.args[number] = new
                else:
                    call.keywords[number - len(call.args)].value = new
                yield [changed]


def _transposed(node: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Attribute(value=node, attr="T", ctx=ast.Load()), node)


def _changes(node: ast.AST, arrays: list[str], numbers: list[str]) -> Iterator[Any]:
    if isinstance(node, ast.Attribute) and node.attr in (*BINARY, *UNARY):
        for other in BINARY if node.attr in BINARY else UNARY:
            if other != node.attr:
                yield lambda n, other=other: setattr(n, "attr", other)
    elif isinstance(node, ast.Name) and node.id != "np":
        for other in arrays if node.id in arrays else numbers:
            if other != node.id:
                yield lambda n, other=other: setattr(n, "id", other)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        for value in (0, 1, 2, 0.5, 708.0):
            if value != node.value:
                yield lambda n, value=value: setattr(n, "value", value)
    elif isinstance(node, ast.Call) and len(node.args) > 1:
        yield lambda n: n.args.reverse()
    elif isinstance(node, ast.BinOp):
        for operator in (ast.Add, ast.Sub, ast.Mult, ast.Div):
            if not isinstance(node.op, operator):
                yield lambda n, operator=operator: setattr(n, "op", operator())
