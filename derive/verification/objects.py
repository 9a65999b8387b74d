"""What names may stand for in a package that is read: functions, objects, and what is not known."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from sympy import Expr

from derive.remembered import remembered
from derive.verification.expected import Known
from derive.verification.source import Source
from derive.verification.values import Memory, Refusal, View


@dataclass(frozen=True)
class Dotted:
    """A name of NumPy, such as np.add.reduce."""

    name: str


@dataclass(frozen=True, eq=False)
class Function:
    """A function of the package, or a method bound to an object."""

    source: Source
    node: ast.FunctionDef
    qualname: str
    bound: Instance | None = None


@dataclass(frozen=True, eq=False)
class Class:
    """A class of the package."""

    source: Source
    node: ast.ClassDef


@dataclass(eq=False)
class Instance:
    """An object of a class of the package."""

    kind: Class
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Method:
    """A method of an array."""

    view: View
    name: str


class Opaque:
    """A value that nothing is known of: it may go into guards and nowhere else."""


UNKNOWN = Opaque()
FLOAT = Opaque()  # the dtype of a workspace

BUILTINS = frozenset(
    ["abs", "all", "any", "float", "int", "isinstance", "len", "map", "max", "min", "str", "tuple", "zip"]
)

PURE = BUILTINS | frozenset(
    ["allclose", "argwhere", "asarray", "hasattr", "isfinite", "join", "prod", "shape", "sum"]
)

FILLING = frozenset(["all", "any", "isfinite", "max", "min", "prod", "sum"])  # may fill a further argument


class Located(Exception):
    """A refusal with the place where it happened."""

    def __init__(self, source: Source, node: ast.stmt, message: str, first: int | None = None) -> None:
        super().__init__(message)
        self.source, self.node, self.message = source, node, message
        self.first = first or node.lineno
        self.suspects: list[ast.stmt] = []


@dataclass(eq=False)
class Frame:
    """A function that is being run: its names, and the stores of the block at hand."""

    function: Function
    names: dict[str, Any]
    local: frozenset[str]
    stores: list[tuple[Memory, Expr, Expr] | Known | str] = field(default_factory=list)
    line: int = 0
    number: str = ""  # what the statements at hand cite


@dataclass
class Trace:
    """What was run of one function: lines of its statements, and the equations that they gave."""

    lines: set[int] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)


class Skipped(Exception):
    """A function is called that was found wrong before; what rests on it is not looked at."""


class Returned(Exception):
    """Carries what a function returns."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def only_methods(node: ast.ClassDef) -> bool:
    """Say whether a class has nothing but methods: an assignment could take the place of one."""
    body = node.body if ast.get_docstring(node) is None else node.body[1:]
    return all(isinstance(part, ast.FunctionDef) for part in body)


def lasting(name: str, value: Any) -> Any:
    """Return what is made once for all calls: the top of a file, or the default of an argument.

    Raises:
        Refusal: if a call could leave something in it for the next.
    """
    if isinstance(value, (tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            lasting(name, part)
    elif isinstance(value, Instance) or (isinstance(value, View) and not value.memory.constant):
        raise Refusal(f"{name} is shared by all calls, and may be written")
    return value


@remembered
def pure(node: ast.expr) -> bool:
    """Say whether an expression has no effect, whatever it means."""
    for part in ast.walk(node):
        if isinstance(part, (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)):
            return False
        if isinstance(part, ast.Call):
            name = part.func.attr if isinstance(part.func, ast.Attribute) else getattr(part.func, "id", "")
            if name not in PURE or any(keyword.arg == "out" for keyword in part.keywords):
                return False
            if isinstance(part.func, ast.Attribute) and name in FILLING and len(part.args) > 1:
                return False
    return True


def unbound(node: ast.expr, frame: Frame) -> bool:
    """Say whether an expression reads a name that is assigned further down only, which stops the run."""
    names = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
    own = {part.id for part in names if isinstance(part.ctx, ast.Store)}
    read = {part.id for part in names} - own
    return any(name in frame.local and name not in frame.names for name in read)
