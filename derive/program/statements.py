"""Array statements: what is left of an equation once only shapes and operations matter.

A statement is one NumPy call. Arrays are known by name; ``Program.axes`` gives the sizes of each, where the
string ``"n"`` stands for the number of samples. A program is in single-assignment form until the passes
give values their storage.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sympy import Expr, Symbol

from derive.equation import Equation

Size = int | str
Axes = tuple[Size, ...]

ARITHMETIC = frozenset({"add", "subtract", "multiply", "divide", "negative", "copyto"})
SELECTION = frozenset({"minimum", "maximum", "greater"})  # u > v is 1 or 0, a number like any other
FUNCTIONS = frozenset(
    [
        "exp",
        "expm1",
        "log",
        "log1p",
        "sqrt",
        "tanh",
        "sinh",
        "cosh",
        "sin",
        "cos",
        "arctan",
        "erf",
        "normal_cdf",
        "hypot",
    ]
)
ELEMENTWISE = ARITHMETIC | SELECTION | FUNCTIONS


@dataclass(frozen=True)
class View:
    """An array as a statement sees it.

    ``insert`` lists the positions of axes of size 1 that broadcasting needs, ``transpose`` swaps two axes and
    ``order`` says where more of them come from,
    ``flat`` merges all axes but the last and ``tail`` all but the first, before it is transposed; ``rows``
    merges so many into one and the rest into another; ``diagonal`` takes the entries with two equal indices.
    """

    array: str
    insert: tuple[int, ...] = ()
    transpose: bool = False
    flat: bool = False
    tail: bool = False
    rows: int = 0
    order: tuple[int, ...] = ()
    diagonal: str = ""  # subscripts such as "icj": the repeated letter is the diagonal

    @property
    def plain(self) -> bool:
        """True if the statement sees the array as it is."""
        return self == View(self.array)


@dataclass(frozen=True)
class Scalar:
    """A number known before the statement runs: an expression in numbers, n, eta and mu."""

    value: Expr

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names in the expression, scalars that earlier statements computed among them."""
        return tuple(sorted(symbol.name for symbol in self.value.free_symbols))


Operand = View | Scalar


@dataclass(frozen=True)
class Statement:
    """``target = operation(operands)``, citing the equation it comes from.

    ``updates`` says that the target's other entries, or its former value, are kept; ``double`` that sums
    are taken in float64 whatever the operands are. ``positional`` is for the printer: the array that is
    filled is given as the last argument, not by the name ``out``.
    """

    operation: str
    target: View
    operands: tuple[Operand, ...]
    equation: Equation
    axis: int | None = None
    updates: bool = False
    double: bool = False
    positional: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the arrays that must hold their values before the statement runs."""
        names: list[str] = []
        for operand in self.operands:
            names += [operand.array] if isinstance(operand, View) else operand.symbols
        return (*names, self.target.array) if self.updates else tuple(names)

    @property
    def arrays(self) -> tuple[str, ...]:
        """The names of the arrays and numbers that it reads or writes."""
        return (*self.reads, self.target.array)

    def renamed(self, names: dict[str, str]) -> Statement:
        """Return the statement with arrays renamed."""
        return replace(
            self,
            target=_rename(self.target, names),
            operands=tuple(_rename_operand(operand, names) for operand in self.operands),
        )


def _rename(view: View, names: dict[str, str]) -> View:
    return replace(view, array=names.get(view.array, view.array))


def _rename_operand(operand: Operand, names: dict[str, str]) -> Operand:
    if isinstance(operand, View):
        return _rename(operand, names)
    renaming = {s: Symbol(names[s.name]) for s in operand.value.free_symbols if s.name in names}
    return Scalar(operand.value.xreplace(renaming))


@dataclass
class Program:
    """Statements in order, with the sizes of every array and what comes in and goes out.

    ``inputs`` are never written; ``outputs`` outlive the program; ``external`` arrays (views of a gradient,
    say) have storage of their own. ``named`` are the arrays that equations name, the rest are temporary.
    """

    statements: list[Statement] = field(default_factory=list)
    axes: dict[str, Axes] = field(default_factory=dict)
    inputs: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)
    external: set[str] = field(default_factory=set)
    named: list[str] = field(default_factory=list)
