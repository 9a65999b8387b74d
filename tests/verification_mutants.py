"""Mutants of emitted source: one change each to what a function computes."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

BINARY = ("add", "subtract", "multiply", "divide", "minimum")
UNARY = ("negative", "exp")
SYMMETRIC = {"np.add", "np.multiply", "np.minimum"}
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)


@dataclass(frozen=True)
class Mutant:
    """A changed file: which rule, in which line of the original, and the text."""

    rule: str
    file: str
    function: str
    line: int
    change: str
    text: str


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    yield f"{node.name}.{member.name}", member


def mutants(file: str, text: str, wanted: Callable[[str], bool]) -> Iterator[Mutant]:
    """Yield every mutant of the wanted functions of a file; lines and comments stay where they are."""
    lines = text.splitlines(keepends=True)
    for name, function in functions(ast.parse(text)):
        if not wanted(name):
            continue
        names = sorted({n.id for n in ast.walk(function) if isinstance(n, ast.Name) and n.id not in BUILTIN})
        for statement in arithmetic(function):
            start, end = statement.lineno, statement.end_lineno or statement.lineno
            for rule, changed in changes(statement, names):
                new = ["" for _ in range(start, end + 1)]
                indent = " " * statement.col_offset
                comment = next(
                    (
                        "  #" + x.split("  #", 1)[1].rstrip("\n")
                        for x in lines[start - 1 : end]
                        if "  # (" in x
                    ),
                    "",
                )
                shown = "; ".join(ast.unparse(s) for s in changed)
                if isinstance(statement, ast.Return) and not changed:
                    continue
                new[0] = f"{indent}{shown}{comment}" if changed else ""
                body = "".join([*lines[: start - 1], *(x + "\n" for x in new), *lines[end:]])
                yield Mutant(rule, file, name, start, f"{ast.unparse(statement)} -> {shown}", body)
        yield from reordered(file, name, function, lines)


BUILTIN = {
    "np",
    "tuple",
    "float",
    "int",
    "len",
    "Array",
    "Arrays",
    "Any",
    "Views",
    "min",
    "max",
    "isinstance",
}


def arithmetic(function: ast.FunctionDef) -> Iterator[ast.stmt]:
    """Yield the statements that compute or carry values: no docstring, no guard, no loop as a whole."""
    for node in ast.walk(function):
        if isinstance(node, (ast.Assign, ast.Return, ast.AnnAssign)) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        ):
            yield node


def reordered(file: str, name: str, function: ast.FunctionDef, lines: list[str]) -> Iterator[Mutant]:
    """Swap neighbours."""
    body = function.body
    for first, second in pairwise(body):
        simple = (ast.Assign, ast.Expr)
        if (
            not isinstance(first, simple)
            or not isinstance(second, simple)
            or (ast.get_docstring(function) and first is body[0])
        ):
            continue
        if first.lineno != first.end_lineno or second.lineno != second.end_lineno:
            continue
        new = list(lines)
        new[first.lineno - 1], new[second.lineno - 1] = new[second.lineno - 1], new[first.lineno - 1]
        change = f"{lines[first.lineno - 1].strip()} <-> {lines[second.lineno - 1].strip()}"
        yield Mutant("order", file, name, first.lineno, change, "".join(new))


def changes(statement: ast.stmt, names: list[str]) -> Iterator[tuple[str, list[ast.stmt]]]:
    """Yield each change with the name of its rule."""
    yield "dropped", []
    if isinstance(statement, ast.Expr):
        yield "doubled", [statement, statement]
    for position, node in enumerate(ast.walk(statement)):
        for rule, change in at(node, names):
            changed = copy.deepcopy(statement)
            target = list(ast.walk(changed))[position]
            change(target)
            if ast.dump(changed) != ast.dump(statement):
                yield rule, [changed]


def at(node: ast.AST, names: list[str]) -> Iterator[tuple[str, Callable[[ast.AST], None]]]:
    if isinstance(node, ast.Attribute) and node.attr in (*BINARY, *UNARY):
        for other in BINARY if node.attr in BINARY else UNARY:
            yield "operation", lambda n, other=other: setattr(n, "attr", other)
    if isinstance(node, ast.Name) and node.id not in BUILTIN:
        for other in names:
            yield "name", lambda n, other=other: setattr(n, "id", other)
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, (int, float))
        and not isinstance(node.value, bool)
    ):
        others = (node.value + 1, node.value - 1, -node.value, node.value * 2)
        for value in (value for value in others if value != node.value):  # -0.0 and 0.0 are one number
            yield "constant", lambda n, value=value: setattr(n, "value", value)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "->" in node.value:
        before, after = node.value.split("->")
        for text in (f"{before}->{after[::-1]}", f"{before[::-1]}->{after}", f"{'a' * len(before)}->a"):
            yield "subscripts", lambda n, text=text: setattr(n, "value", text)
    if isinstance(node, ast.Call):
        if len(node.args) > 1:
            yield "arguments", lambda n: n.args.__setitem__(slice(0, 2), n.args[1::-1])
        for number, argument in enumerate(node.args):
            if isinstance(argument, ast.Attribute) and argument.attr == "T":
                yield "transpose", lambda n, k=number: n.args.__setitem__(k, n.args[k].value)
            elif isinstance(argument, ast.Name):
                yield (
                    "transpose",
                    lambda n, k=number: n.args.__setitem__(
                        k, ast.Attribute(value=n.args[k], attr="T", ctx=ast.Load())
                    ),
                )
        for number, _ in enumerate(node.keywords):
            yield "keyword", lambda n, k=number: n.keywords.__delitem__(k)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        for number in range(len(node.slice.elts) - 1):
            yield (
                "axes",
                lambda n, k=number: n.slice.elts.__setitem__(slice(k, k + 2), n.slice.elts[k : k + 2][::-1]),
            )
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        for number in range(len(node.elts) - 1):
            yield "tuple", lambda n, k=number: n.elts.__setitem__(slice(k, k + 2), n.elts[k : k + 2][::-1])
    if isinstance(node, ast.BinOp) and isinstance(node.op, OPERATORS):
        for operator in OPERATORS:
            yield "operator", lambda n, operator=operator: setattr(n, "op", operator())
        yield "operands", _exchange
    if isinstance(node, ast.UnaryOp):
        yield "sign", lambda n: setattr(n, "op", ast.UAdd())
    if isinstance(node, ast.Compare):
        for comparison in (ast.Lt, ast.Gt, ast.LtE, ast.GtE, ast.Is, ast.IsNot):
            yield "comparison", lambda n, comparison=comparison: n.ops.__setitem__(0, comparison())


def _exchange(node: ast.AST) -> None:
    assert isinstance(node, ast.BinOp)
    node.left, node.right = node.right, node.left
