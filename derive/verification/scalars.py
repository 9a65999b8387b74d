"""Scalar functions: straight-line arithmetic on one sample, proved assignment by assignment.

Each function takes p apart, then samples, computes entries of equations, and gives back what they make. Only
that form is known; any other statement is refused.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sympy import Expr, Integer

from derive.proof import Proof
from derive.quantities import N, a, eta, y
from derive.verification.alike_entries import AlikeEntries
from derive.verification.blocks import Group
from derive.verification.caught_exp import STEP, check_around, takes_exp
from derive.verification.entry_knowledge import I
from derive.verification.interpreter import Interpreter
from derive.verification.objects import Dotted, Frame, Function, Located, Trace
from derive.verification.scalar_equations import moved, parameter_letters, summed
from derive.verification.values import Refusal

_PART = re.compile(r"t[0-9]+")
ROWS, PAIRS = "for k in rows", "for x, y in zip(X, Y, strict=True)"


class ScalarFunction:
    """One function that is read: its statements, and what its names stand for."""

    def __init__(self, run: Interpreter, proof: Proof, function: Function, arguments: Sequence[str]) -> None:
        self.run, self.proof, self.function = run, proof, function
        self.source, node = function.source, function.node
        self.body = node.body[1:] if isinstance(node.body[0], ast.Expr) else node.body
        given = node.args
        named = [argument.arg for argument in given.args]
        others = given.vararg or given.kwarg or given.kwonlyargs or given.posonlyargs or given.defaults
        if named != list(arguments) or others or node.decorator_list or len(self.body) < 3:
            raise Refusal(f"{function.qualname} has another form than is known")
        assigned = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self.frame = Frame(function, {}, frozenset(assigned))
        self.trace = run.traces.setdefault((self.source.name, function.qualname), Trace())
        self.reserved = {*arguments, "k", "x", "y"}
        self.fixed: dict[str, Expr] = {}  # names that must hold the same at the end of a round

    def take(
        self, statement: ast.stmt, value: str, letters: Sequence[Expr], *, fixed: bool = True
    ) -> list[str]:
        """Read names that a list is taken apart into, one for each letter."""
        names = unpacked(statement, value)
        if len(names) != len(letters):
            raise Refusal(f"expected {len(letters)} names in line {statement.lineno}, got {len(names)}")
        for name, letter in zip(names, letters, strict=True):
            self.know(statement, name, letter, fixed=fixed)
        self.trace.lines.add(statement.lineno)
        return names

    def parameters(self, value: str, *, fixed: bool = True) -> list[str]:
        """Read the first statement, which takes p apart."""
        return self.take(self.body[0], value, parameter_letters(self.proof), fixed=fixed)

    def sample(self, statements: Sequence[ast.stmt], values: Sequence[str]) -> None:
        """Read the statements that take input and target of a sample apart."""
        sizes = self.proof.architecture.sizes
        letters = (
            [a[1, I, k] for k in range(1, sizes[0] + 1)],
            [y[I, j] for j in range(1, sizes[-1] + 1)],
        )
        for statement, value, of in zip(statements, values, letters, strict=False):
            self.take(statement, value, of, fixed=False)

    def know(self, statement: ast.stmt, name: str, value: Expr, *, fixed: bool = True) -> None:
        """Give a name its value, once."""
        if name in self.frame.names:
            raise Located(self.source, statement, f"uses the name {name} twice")
        self.frame.names[name] = value
        self.trace.lines.add(statement.lineno)
        if fixed:
            self.fixed[name] = value

    def loop(self, statement: ast.stmt, header: str, values: Sequence[str]) -> Sequence[ast.stmt]:
        """Read a loop over samples and return what is computed of each."""
        if (
            not isinstance(statement, ast.For)
            or _header(statement) != header
            or statement.orelse
            or len(statement.body) < 3
        ):
            raise Located(self.source, statement, f"expected a loop over samples, {header}")
        self.trace.lines.add(statement.lineno)
        self.sample(statement.body[:2], values)
        return statement.body[2:]

    def compute(self, statements: Sequence[ast.stmt], letters: Mapping[str, Expr]) -> None:
        """Prove each entry of an equation; ``letters`` are those of names that move."""
        with self.entered():
            entries = list(_entries(statements))
            alike = AlikeEntries(self.run, self.frame, entries)
            kept = letters.keys() | self.fixed.keys()
            for at, entry in enumerate(entries):
                alike.read(at, Group(entry, self.source.number(entry[-1])), kept)
                for store in self.frame.stores:
                    if store in self.reserved:
                        raise Located(self.source, entry[-1], f"{store} is not for numbers on the way")
                    if store in letters and self.frame.names[str(store)] != moved(letters[str(store)]):
                        raise Located(self.source, entry[-1], f"{store} is not what follows for it")
            for name, value in self.fixed.items():
                if self.frame.names[name] != value:
                    raise Located(self.source, statements[-1], f"{name} is changed on the way")
            for name, letter in letters.items():
                if self.frame.names[name] != moved(letter):
                    raise Located(self.source, statements[-1], f"{name} is left as it was")

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let the interpreter stand in the function."""
        self.run.frames.append(self.frame)
        try:
            yield
        except Located:
            self.run.failed.add((self.source.name, self.function.qualname))
            raise
        finally:
            self.run.frames.pop()

    def value(self, node: ast.expr) -> Expr:
        """Return what an expression means here."""
        with self.entered():
            found = self.run.evaluate(node, self.frame)
        if not isinstance(found, Expr):
            raise Refusal("expected a number")
        return found


def check_sample_steps(run: Interpreter, proof: Proof) -> None:
    """Prove ``sample_steps``: parameters in, one step for any sample, the moved parameters out.

    Raises:
        Refusal, Located: if a statement is not what it should be.
    """
    handed = takes_exp(run.sources["sample_steps.py"])
    if handed:
        check_around(run, "sample_steps.py")
    check_descent(run, proof, "sample_steps.py", STEP if handed else "sample_steps", "p.tolist()")


def check_descent(run: Interpreter, proof: Proof, file: str, name: str, unpacking: str) -> None:
    """Prove a function that moves p by one step for each sample.

    Raises:
        Refusal, Located: if a statement is not what it should be.
    """
    handed = ["exp"] if takes_exp(run.sources[file]) else []
    read = ScalarFunction(run, proof, run.function(file, name), ["p", "X", "Y", "rows", "eta", *handed])
    _expect(len(read.body) == 3, f"{name} has another form than is known")
    _, loop, pack = read.body
    names = read.parameters(unpacking, fixed=False)
    read.know(loop, "eta", eta)
    read.frame.names |= {each: Dotted("math.exp") for each in handed}
    inner = read.loop(loop, ROWS, ["X[k]", "Y[k]"])
    read.compute(inner, dict(zip(names, parameter_letters(proof), strict=True)))
    match pack:
        case ast.Assign(targets=[ast.Subscript() as target], value=ast.Tuple() as value):
            if ast.unparse(target) == "p[:]" and _names(value) == names:
                read.trace.lines.add(pack.lineno)
                return
    raise Located(read.source, pack, "p does not take the parameters back in their order")


def check_forward(run: Interpreter, proof: Proof, file: str, name: str) -> None:
    """Prove a function that returns the outputs for one input.

    Raises:
        Refusal, Located: if a statement is not what it should be.
    """
    read = ScalarFunction(run, proof, run.function(file, name), ["p", "x"])
    read.parameters("p")
    read.sample(read.body[1:2], ["x"])
    read.compute(read.body[2:-1], {})
    depth, width = Integer(proof.architecture.depth), proof.architecture.sizes[-1]
    wanted = [a[depth, I, j] for j in range(1, width + 1)]
    key = run.knowledge.key  # of a linear layer, z is a
    found = [read.frame.names.get(each, Integer(0)) for each in _returned(read)]
    if list(map(key, found)) != list(map(key, wanted)):
        raise Located(read.source, read.body[-1], "does not return the outputs in their order")


def finish_of_cost(run: Interpreter, proof: Proof, file: str, name: str, total: Expr) -> Expr:
    """Return which share of the total a cost function returns.

    Raises:
        Refusal, Located: if it returns anything else.
    """
    read = ScalarFunction(run, proof, run.function(file, name), ["p", "X", "Y"])
    last = read.body[-1]
    if not isinstance(last, ast.Return) or last.value is None:
        raise Located(read.source, last, "does not return the cost")
    read.frame.names.update({"total": total, "count": N})
    share = read.value(last.value) / total
    if share.has(total) or share == 0:
        raise Located(read.source, last, "does not return a share of the total")
    return share


def check_cost(run: Interpreter, proof: Proof, file: str, name: str, total: Expr) -> None:
    """Prove a function that adds up what samples cost.

    Raises:
        Refusal, Located: if a statement is not what it should be.
    """
    read = ScalarFunction(run, proof, run.function(file, name), ["p", "X", "Y"])
    read.parameters("p")
    *before, loop, last = read.body[1:]
    before = _counted(read, before)
    _expect([ast.unparse(each) for each in before] == ["total = 0.0"], "the total does not begin with 0.0")
    read.know(before[0], "total", total, fixed=False)
    read.compute(read.loop(loop, PAIRS, ["x", "y"]), {"total": total})
    read.trace.lines.add(last.lineno)


def check_gradient(run: Interpreter, proof: Proof, file: str, name: str) -> None:
    """Prove a function that adds up the gradients of samples.

    Raises:
        Refusal, Located: if a statement is not what it should be.
    """
    read = ScalarFunction(run, proof, run.function(file, name), ["p", "X", "Y"])
    read.parameters("p")
    *before, loop, _ = read.body[1:]
    before = _counted(read, before)
    match before:
        case [ast.Assign(targets=[ast.Name(id="share")], value=value), *rest]:
            read.know(before[0], "share", read.value(value))
            before = rest
    names = _returned(read)
    _expect(
        [ast.unparse(each) for each in before] == [f"{each} = 0.0" for each in names],
        "the sums that are returned do not begin with 0.0, each once",
    )
    letters = parameter_letters(proof)
    _expect(len(names) == len(letters), f"expected {len(letters)} sums, got {len(names)}")
    sums = dict(zip(names, map(summed, letters), strict=True))
    for statement, (each, letter) in zip(before, sums.items(), strict=True):
        read.know(statement, each, letter, fixed=False)
    read.compute(read.loop(loop, PAIRS, ["x", "y"]), sums)


def _counted(read: ScalarFunction, before: list[ast.stmt]) -> list[ast.stmt]:
    """Read the number of samples, where it is taken."""
    if before and ast.unparse(before[0]) == "count = len(X)":
        read.know(before[0], "count", N)
        return before[1:]
    return before


def _returned(read: ScalarFunction) -> list[str]:
    last = read.body[-1]
    if not isinstance(last, ast.Return) or not isinstance(last.value, ast.List):
        raise Located(read.source, last, "does not return a list")
    read.trace.lines.add(last.lineno)
    return _names(last.value)


def _entries(body: Sequence[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """Divide assignments into entries of equations: parts named t1, t2, ... belong to what comes next."""
    entry: list[ast.stmt] = []
    for statement in body:
        entry.append(statement)
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) if _PART.fullmatch(name):
                continue
            case ast.Assign(targets=[ast.Name()]):
                yield entry
                entry = []
            case _:
                raise Refusal(f"expected an assignment to a name in line {statement.lineno}")
    if entry:
        yield entry


def _header(loop: ast.For) -> str:
    """Return the line that a loop begins with."""
    return ast.unparse(ast.For(loop.target, loop.iter, [], [], lineno=loop.lineno)).strip().removesuffix(":")


def _names(node: ast.expr) -> list[str]:
    if not isinstance(node, (ast.Tuple, ast.List)) or not all(isinstance(e, ast.Name) for e in node.elts):
        raise Refusal("expected a tuple of names")
    return [element.id for element in node.elts if isinstance(element, ast.Name)]


def unpacked(node: ast.stmt, value: str) -> list[str]:
    """Return the names that a value is taken apart into."""
    match node:
        case ast.Assign(targets=[ast.Tuple() as target], value=given) if ast.unparse(given) == value:
            return _names(target)
    raise Refusal(f"expected a tuple of names that {value} is taken apart into")


def _expect(holds: bool, message: str) -> None:
    if not holds:
        raise Refusal(message)
