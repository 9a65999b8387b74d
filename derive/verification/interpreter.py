"""Runs functions of a package over index expressions: every statement as the equation that it is.

Only what emitted code is made of is known; anything else is refused. Branches must be decided by what is
known, except guards, ``if ...: raise ...``, which keep bad input out and change no value.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sympy import Expr

from derive.verification.alike import Alike, Given
from derive.verification.blocks import Group, assigned, groups, nowhere
from derive.verification.calls import SPECIAL, Contractions
from derive.verification.expected import Knowledge, Known
from derive.verification.expressions import Expressions
from derive.verification.forms import caps
from derive.verification.objects import (
    BUILTINS,
    UNKNOWN,
    Class,
    Dotted,
    Frame,
    Function,
    Instance,
    Located,
    Returned,
    Skipped,
    Trace,
    lasting,
    only_methods,
    pure,
    unbound,
)
from derive.verification.recall import Recall
from derive.verification.repair import Snapshot, suspects
from derive.verification.source import Source
from derive.verification.values import Held, Memory, Refusal, View


class Interpreter(Expressions):
    """Runs the functions of a package over index expressions."""

    def __init__(self, sources: Mapping[str, Source], knowledge: Knowledge) -> None:
        self.sources = sources
        self.knowledge = knowledge
        self.contractions = Contractions()
        self.traces: dict[tuple[str, str], Trace] = {}
        self.failed: set[tuple[str, str]] = set()
        self.contracts: dict[tuple[str, str], Callable[..., Any]] = {}
        self.before: dict[tuple[str, str], Callable[[Frame], None]] = {}
        self.after: dict[tuple[str, str], Callable[[Frame], None]] = {}
        self.frames: list[Frame] = []
        self.repairing = True  # False while a wrong group is searched for the one statement to blame
        self.blaming = getattr(sources, "blaming", True)
        self._globals: dict[Source, dict[str, Any]] = {}
        self._recall = Recall()
        self._alike = Alike(knowledge)
        self._folds: list[Known] = []  # the equations that have given values, of the group at hand

    def interpreter(self) -> Interpreter:
        """Return itself, for the part that evaluates."""
        return self

    # -- names ------------------------------------------------------------------------------------------

    def global_name(self, source: Source, name: str) -> Any:
        """Return what a name means at the top of a file."""
        known = self._globals.setdefault(source, {})
        if name not in known:
            known[name] = self._global_name(source, name)
        return known[name]

    def _global_name(self, source: Source, name: str) -> Any:
        if name in source.definitions:
            node = source.definitions[name]
            if node.decorator_list:
                raise Refusal(f"{name} is decorated")
            return Function(source, node, name) if isinstance(node, ast.FunctionDef) else Class(source, node)
        if name in source.constants:
            frame = Frame(Function(source, nowhere(name), name), {}, frozenset())
            return lasting(name, self.evaluate(source.constants[name], frame))
        if name in source.imports:
            module, there = source.imports[name]
            if module == ".special" and there in SPECIAL and "special.py" in self.sources:
                return Dotted(f"special.{there}")  # its text has been compared
            if module.startswith("."):
                file = f"{module[1:]}.py" if module != "." else "__init__.py"
                if file not in self.sources:
                    raise Refusal(f"the package has no {file}")
                return self.global_name(self.sources[file], there)
            return Dotted("np") if (module, there) == ("numpy", "") else Dotted(f"{module}.{there}")
        if name not in BUILTINS:
            raise Refusal(f"{name} is not defined")
        return Dotted(f"builtins.{name}")

    def lookup(self, frame: Frame, name: str) -> Any:
        """Return what a name means in a function."""
        if name in frame.names:
            return frame.names[name]
        if name in frame.local:
            raise Refusal(f"{name} is read before it is assigned")
        return self.global_name(frame.function.source, name)

    # -- functions --------------------------------------------------------------------------------------

    def function(self, file: str, name: str) -> Function:
        """Return a function of the package."""
        found = self.global_name(self.sources[file], name) if file in self.sources else None
        if not isinstance(found, Function):
            raise Refusal(f"{file} has no function {name}")
        return found

    def create(self, kind: Class, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Instance:
        """Make an object of a class."""
        made = Instance(kind)
        if kind.node.bases or kind.node.keywords or kind.node.decorator_list:
            raise Refusal(f"{kind.node.name} is more than a plain class")
        if not only_methods(kind.node):
            raise Refusal(f"{kind.node.name} has more than methods")
        self.call(self.attribute(made, "__init__"), arguments, keywords)
        return made

    def call(self, function: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Call whatever can be called."""
        if isinstance(function, Class):
            return self.create(function, arguments, keywords)
        if isinstance(function, Dotted):
            return self._builtin(function.name, arguments, keywords)
        if not isinstance(function, Function):
            raise Refusal("calls what is not a function")
        key = (function.source.name, function.qualname)
        if key in self.contracts:
            self._recall.calls(key, looked_at=True)
            return self.contracts[key](*arguments, **keywords)
        if function.bound is not None:
            arguments = [function.bound, *arguments]
        names = self._bind(function, arguments, keywords)
        return self.run(function, names)

    def run(self, function: Function, names: dict[str, Any]) -> Any:
        """Run the body of a function."""
        if len(self.frames) > 20:
            raise Refusal("calls itself")
        node = function.node
        frame = Frame(function, names, assigned(node) | set(names))
        key = (function.source.name, function.qualname)
        if key in self.failed:
            raise Skipped
        self.traces.setdefault(key, Trace())
        self._recall.calls(key, looked_at=key in self.before or key in self.after)
        self.frames.append(frame)
        try:
            if key in self.before:
                self.before[key](frame)
            result = self._recalled_or_run(node, frame)
        except BaseException:
            if self.repairing:
                self.failed.add(key)
            raise
        finally:
            self.frames.pop()
        if key in self.after:
            try:
                self.after[key](frame)
            except Refusal as refusal:
                self.failed.add(key)
                raise self._located(frame, node.body[-1], str(refusal)) from None
        return result

    def _recalled_or_run(self, node: ast.FunctionDef, frame: Frame) -> Any:
        """Run the body of a function, unless it is known what it does with what it is given."""
        asked = self._recall.question(node, frame.names) if self.repairing else None
        if asked is None:
            return self._body(node, frame)
        known = self._recall.recalled(*asked, frame.names, self._looked_at)
        if known is not None:
            return known[0]
        self._recall.begin(*asked)
        try:
            result = self._body(node, frame)
        except BaseException:
            self._recall.end()
            raise
        self._recall.end(frame.names, result)
        return result

    def _looked_at(self, key: tuple[str, str]) -> bool:
        """Say whether a function is looked into or answered for, or has failed."""
        return key in self.contracts or key in self.before or key in self.after or key in self.failed

    def _body(self, node: ast.FunctionDef, frame: Frame) -> Any:
        try:
            self.block(groups(node, frame.function.source), frame)
        except Returned as done:
            return done.value
        return None

    def bind(self, function: Function, given: Sequence[Any]) -> dict[str, Any]:
        """Return the names that a function's arguments get."""
        return self._bind(function, given, {})

    def _bind(self, function: Function, given: Sequence[Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
        arguments = function.node.args
        names = [argument.arg for argument in arguments.args]
        if arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
            raise Refusal(f"{function.qualname} takes arguments of a kind that is not known here")
        rest: dict[str, Any] = {}
        if arguments.vararg:
            rest = {arguments.vararg.arg: tuple(given[len(names) :])}
            given = given[: len(names)]
        if len(given) > len(names) or not set(keywords) <= set(names[len(given) :]):
            raise Refusal(f"{function.qualname} is given arguments that it does not take")
        bound = dict(zip(names, given, strict=False)) | dict(keywords) | rest
        defaults = dict(zip(names[::-1], arguments.defaults[::-1], strict=False))
        outside = Frame(function, {}, frozenset())
        for name in names:
            if name not in bound:
                if name not in defaults:
                    raise Refusal(f"{function.qualname} is called without {name}")
                bound[name] = lasting(name, self.evaluate(defaults[name], outside))
        return bound

    # -- statements -------------------------------------------------------------------------------------

    def block(self, divided: list[Group], frame: Frame) -> None:
        """Run statements; those under one equation's comment must leave a value of an equation."""
        for position, group in enumerate(divided):
            before = Snapshot(frame) if group.number and self.repairing and self.blaming else None
            try:
                self.run_group(group, frame)
            except Located as located:
                if before is not None:
                    located.first = group.statements[0].lineno
                    located.suspects = suspects(self, frame, group, divided[position + 1 :], before)
                raise

    def run_group(self, group: Group, frame: Frame) -> set[str]:
        """Run the statements of one group and return the numbers of the equations that they gave."""
        frame.stores, frame.number = [], group.number
        given = None if self.blaming or not group.number else self._alike.given(group, frame)
        if given is None:
            for statement in group.statements:
                self.statement(statement, frame)
        elif not self._repeated(given, group, frame):
            self._watched(given, group, frame)
        return self._settle(frame, group.statements, group.number) if group.number else set()

    def _repeated(self, given: Given, group: Group, frame: Frame) -> bool:
        """Do what another layer's statements did, in the letters of this one, if they are alike."""
        frame.line = group.statements[-1].lineno
        if not self._alike.repeated(given, frame):
            return False
        trace = self.traces[frame.function.source.name, frame.function.qualname]
        trace.lines.update(given.form.lines)
        return True

    def _watched(self, given: Given, group: Group, frame: Frame) -> None:
        """Run statements, and remember what they did."""
        self._alike.watch(given)
        self._folds, outer = given.folds, self._folds
        done = None
        try:
            for statement in group.statements:
                self.statement(statement, frame)
            done = frame
        finally:
            self._folds = outer
            self._alike.leave(given, done)

    def _settle(self, frame: Frame, statements: Sequence[ast.stmt], number: str) -> set[str]:
        numbers = {item.number for store in frame.stores for item in self._content(store)}
        if number not in numbers:
            what = (
                f"what it computes is ({min(numbers)})" if numbers else "no equation gives what it computes"
            )
            message = f"({number}) does not follow: {what}"
            raise self._located(frame, statements[-1], message, statements[0].lineno)
        for store in frame.stores:
            if not isinstance(store, (str, Known)):
                memory, start, stop = store
                wanted, held = memory.wanted.get((start, stop)), memory.held.get((start, stop))
                if wanted is not None and not (isinstance(held, Held) and self.knowledge.holds(held, wanted)):
                    message = f"({number}) does not follow: the result goes to another array's place"
                    raise self._located(frame, statements[-1], message, statements[0].lineno)
        trace = self.traces[frame.function.source.name, frame.function.qualname]
        trace.numbers |= numbers
        return numbers

    def _content(self, store: tuple[Memory, Expr, Expr] | Known | str) -> tuple[Known, ...]:
        if isinstance(store, Known):
            return (store,)
        if isinstance(store, str):
            value = self.frames[-1].names.get(store)
            return self.knowledge.find(Held(value, ())) if isinstance(value, Expr) else ()
        memory, start, stop = store
        held = memory.held.get((start, stop))
        return self.knowledge.find(held) if isinstance(held, Held) else ()

    def statement(self, node: ast.stmt, frame: Frame) -> None:
        """Run one statement."""
        frame.line = node.lineno
        self.traces[frame.function.source.name, frame.function.qualname].lines.add(node.lineno)
        try:
            self._statement(node, frame)
        except Refusal as refusal:
            raise self._located(frame, node, str(refusal)) from None
        except (RecursionError, TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
            raise self._located(frame, node, f"is not understood ({type(error).__name__})") from None

    def _located(self, frame: Frame, node: ast.stmt, message: str, first: int | None = None) -> Located:
        return Located(frame.function.source, node, message, first)

    def _statement(self, node: ast.stmt, frame: Frame) -> None:
        match node:
            case ast.Expr(value=ast.Call() as call):
                self.evaluate(call, frame)
            case ast.Assign(targets=[target], value=value):
                self.assign(target, self._value(value, frame), frame)
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self._value(value, frame), frame)
            case ast.Return(value=value):
                raise Returned(None if value is None else self.evaluate(value, frame))
            case ast.If(test=test, body=[*_, ast.Raise()], orelse=[]) if pure(test):
                for name in (part.id for part in ast.walk(test) if isinstance(part, ast.Name)):
                    self.lookup(frame, name)
                if self._value(test, frame) is True:
                    raise Refusal("stops whatever comes in")
            case ast.If(test=test, body=[ast.Expr(value=ast.Call() as call)], orelse=[]) if caps(test, call):
                self.statement(node.body[0], frame)  # where it is skipped it would change nothing
            case ast.If(test=test, body=body, orelse=orelse):
                decided = self.evaluate(test, frame)
                if not isinstance(decided, bool):
                    raise Refusal("branches on what is not known")
                for statement in body if decided else orelse:
                    self.statement(statement, frame)
            case ast.Try(body=body, handlers=handlers, orelse=[], finalbody=[]) if all(
                isinstance(handler.body[-1], (ast.Raise, ast.Return)) for handler in handlers
            ):  # what is done about a failure is not what is computed
                for statement in body:
                    self.statement(statement, frame)
            case _:
                raise Refusal(f"a statement of this kind is not known ({type(node).__name__})")

    def _value(self, node: ast.expr, frame: Frame) -> Any:
        """Evaluate; what has no effect and is not understood is simply unknown."""
        try:
            return self.evaluate(node, frame)
        except (Refusal, TypeError, AttributeError):
            if pure(node) and not unbound(node, frame):
                return UNKNOWN
            raise

    def assign(self, target: ast.expr, value: Any, frame: Frame) -> None:
        """Bind a name, the names of a tuple, or an attribute of ``self``."""
        match target:
            case ast.Name(id=name):
                if isinstance(value, Expr):
                    value = self._folded(Held(value, ()), frame).expr
                frame.names[name] = value
                frame.stores.append(name)
            case ast.Tuple(elts=targets):
                if not isinstance(value, tuple) or len(value) != len(targets):
                    got = len(value) if isinstance(value, tuple) else "something else"
                    raise Refusal(f"expected {len(targets)} values, got {got}")
                for part, item in zip(targets, value, strict=True):
                    self.assign(part, item, frame)
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                holder = self.lookup(frame, "self")
                if not isinstance(holder, Instance):
                    raise Refusal("self is not an object of the package")
                holder.attributes[name] = value
            case _:
                raise Refusal("assigns to what is not known here")

    def store(self, view: View, held: Held) -> None:
        """Fill an array, with the letter of an equation if one gives its value."""
        frame = self.frames[-1]
        view.memory.write(view.start, view.stop, self._folded(held, frame), frame.line)
        frame.stores.append((view.memory, view.start, view.stop))

    def _folded(self, held: Held, frame: Frame) -> Held:
        item = self.knowledge.fold(held, frame.number)
        if item is None:
            return held
        self._folds.append(item)
        return Held(item.letter, held.leaves)
