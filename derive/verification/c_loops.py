"""What loops compute: every nest is read back as an index equation.

A loop's letter becomes an index, a subscript the axes of the array that it runs through, and a local number
that a loop adds to a sum over the index. No lowering, layout or printer of this project is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sympy import Expr, Integer, KroneckerDelta, Poly, Symbol, expand, sqrt

from derive.activations.functions import OVERFLOW_GUARD
from derive.quantities import Index, total
from derive.verification.c_source import Assign, CStatement, Declare, Loop, Tree
from derive.verification.calls import SCALAR
from derive.verification.functions import Maximum, largest, minimum, relation
from derive.verification.spelling import constant

FUNCTIONS: dict[str, Callable[..., Expr]] = {
    **{name.upper(): meaning for name, meaning in SCALAR.items()},
    "SQRT": sqrt,
    "smaller": minimum,
    "larger": Maximum,
}
MAX_POWER = 64
EXP_LIMIT = "EXP_LIMIT"  # a macro outside of what is read: the bound of exp in float, or in double
ARGUMENTS = ("x", "y", "p", "h", "p_new", "OMEGA")  # arrays that a function has without declaring them


class CRefusal(Exception):
    """A statement that is not understood, or does not compute what it should."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Array:
    """What an array means: the quantity at given axes, and how long these are, rows first.

    Of a symmetric matrix with ``half`` only row p from column p on is there, row after row. ``row`` is the
    length of the rows of which the array is a block, if it is one.
    """

    quantity: Callable[..., Expr]
    sizes: tuple[int, ...]
    half: bool = False
    row: int = 0


@dataclass(frozen=True)
class Written:
    """An array that a nest writes in all its entries: at which axes, how, and with what value."""

    line: int
    name: str
    axes: tuple[Index, ...]
    operation: str
    value: Expr


@dataclass
class _Open:
    """A loop that is being read."""

    letter: str
    start: str
    index: Index


class Loops:
    """Reads the statements of one function; ``filled`` are the arrays that hold their quantity."""

    def __init__(self, arrays: Mapping[str, Array], filled: set[str], numbers: Mapping[str, Expr]) -> None:
        self.arrays, self.filled = arrays, filled
        self.numbers: dict[str, Expr] = dict(numbers)
        self.constant = set(numbers)
        self.declared = set(ARGUMENTS)
        self.stack: list[_Open] = []
        self.written: list[Written] = []

    def run(self, statement: CStatement) -> list[Written]:
        """Read a statement of the function itself, and return the arrays that it writes."""
        self.written = []
        self._run(statement)
        return self.written

    def declare(self, name: str, line: int) -> None:
        """Make an array known by its name."""
        if name in self.declared or name not in self.arrays:
            raise CRefusal(line, f"declares {name}, which is not expected here")
        self.declared.add(name)

    def value(self, tree: Tree, line: int) -> Expr:
        """Return what an expression means."""
        found = self._value(tree, line)
        return found

    # -- statements -------------------------------------------------------------------------------------

    def _run(self, statement: CStatement) -> None:
        match statement:
            case Loop():
                self._loop(statement)
            case Declare(line=line, name=name):
                self._new(name, line)
                self.numbers[name] = self._value(statement.value, line)
                if statement.const:
                    self.constant.add(name)
            case Assign(subscript=None):
                self._number(statement)
            case Assign():
                self._entry(statement)
            case _:
                raise CRefusal(statement.line, "is not expected here")

    def _new(self, name: str, line: int) -> None:
        taken = (
            name == EXP_LIMIT
            or name in self.numbers
            or name in self.arrays
            or any(o.letter == name for o in self.stack)
        )
        if taken:
            raise CRefusal(line, f"uses the name {name} twice")

    def _loop(self, loop: Loop) -> None:
        self._new(loop.letter, loop.line)
        if loop.start != "0" and loop.start not in [opened.letter for opened in self.stack]:
            raise CRefusal(loop.line, f"starts at {loop.start}")
        index = Index(loop.letter, Integer(loop.size))
        before, constants = dict(self.numbers), set(self.constant)
        inside = {
            name: Symbol(f"{name} before {len(self.stack)}") for name in before if name not in constants
        }
        self.numbers.update(inside)
        self.stack.append(_Open(loop.letter, loop.start, index))
        for statement in loop.body:
            self._run(statement)
        self.stack.pop()
        after = {name: self.numbers[name] for name in before}
        self.numbers, self.constant = before, constants
        for name, placeholder in inside.items():
            if after[name] != placeholder:
                if loop.start != "0":
                    raise CRefusal(loop.line, f"adds to {name} over a part of a range")
                self.numbers[name] = self._over(before[name], placeholder, after[name], index, loop.line)
        if any(value.has(*inside.values()) for value in self.numbers.values()) if inside else False:
            raise CRefusal(loop.line, "uses a sum before it is complete")

    def _over(self, old: Expr, held: Symbol, new: Expr, index: Index, line: int) -> Expr:
        """Return what a number is after a loop that turned ``held`` into ``new``."""
        added = new - held
        if not added.has(held):
            return old + total(added, index)
        others = [arg for arg in new.args if arg != held] if isinstance(new, Maximum) else []
        if len(others) == 1 and not others[0].has(held) and old == others[0].xreplace({index: Integer(1)}):
            try:
                return largest(others[0], index)
            except ValueError as error:
                raise CRefusal(line, str(error)) from None
        raise CRefusal(line, "does neither add up nor find the greatest")

    def _number(self, statement: Assign) -> None:
        name, line = statement.name, statement.line
        if name not in self.numbers or name in self.constant:
            raise CRefusal(line, f"assigns {name}, which is no local number")
        value = self._value(statement.value, line)
        old = self.numbers[name]
        self.numbers[name] = {"=": value, "+=": old + value, "-=": old - value}[statement.operation]

    def _entry(self, statement: Assign) -> None:
        name, line = statement.name, statement.line
        if name not in self.arrays or name not in self.declared:
            raise CRefusal(line, f"writes {name}, which is not known")
        assert statement.subscript is not None
        array = self.arrays[name]
        axes = self._axes(array, statement.subscript, line)
        value = self._value(statement.value, line)
        if any(str(symbol).find(" before ") >= 0 for symbol in value.free_symbols):
            raise CRefusal(line, "uses a sum before it is complete")
        bound = [opened for opened in self.stack if opened.index not in axes]
        if len(set(axes)) != len(axes) or any(not isinstance(axis, Index) for axis in axes):
            raise CRefusal(line, f"does not write every entry of {name}")
        for axis, size in zip(axes, array.sizes, strict=True):
            if axis.upper != size:
                raise CRefusal(line, f"does not write every entry of {name}")
        starts = {opened.index: opened.start for opened in self.stack}
        rows = [opened.letter for opened in self.stack if opened.index == axes[0]]
        wanted = ["0", *(rows if array.half else ["0"] * (len(axes) - 1))] if axes else []
        open_axes = [starts.get(axis, "0") for axis in axes]
        if open_axes != wanted or any(opened.start != "0" for opened in bound):
            raise CRefusal(line, f"does not write every entry of {name}")
        if bound:
            if statement.operation == "=":
                raise CRefusal(line, f"writes entries of {name} more than once")
            value = total(value, *(opened.index for opened in bound))
        self.written.append(Written(line, name, axes, statement.operation, value))

    # -- expressions ------------------------------------------------------------------------------------

    def _value(self, tree: Tree, line: int) -> Expr:
        match tree:
            case ("number", text):
                return Integer(text) if text.isdigit() else constant(float(text))
            case ("cast", inner):
                return self._value(inner, line)
            case ("minus", inner):
                return -self._value(inner, line)
            case ("name", name):
                if name == EXP_LIMIT and name not in self.numbers:
                    return Integer(OVERFLOW_GUARD)
                if name not in self.numbers:
                    raise CRefusal(line, f"reads {name}, which is no number that is known here")
                return self.numbers[name]
            case ("entry", name, subscript):
                return self._read(name, subscript, line)
            case ("call", "POW", (base, ("number", power))) if power.isdigit() and int(power) <= MAX_POWER:
                return self._value(base, line) ** int(power)
            case ("call", name, arguments):
                return self._call(name, arguments, line)
            case ("?", ("==", left, right), yes, ("number", "0")):
                chosen = [self._letter(side, line) for side in (left, right)]
                return KroneckerDelta(*chosen) * self._value(yes, line)
            case (">" | "<" as operator, left, right):
                name = "Gt" if operator == ">" else "Lt"
                return relation(name, self._value(left, line), self._value(right, line))
            case ("+", left, right):
                return self._value(left, line) + self._value(right, line)
            case ("-", left, right):
                return self._value(left, line) - self._value(right, line)
            case ("*", left, right):
                return self._value(left, line) * self._value(right, line)
            case ("/", left, right):
                if _is_whole(left) and _is_whole(right):
                    raise CRefusal(line, "divides whole numbers")
                return self._value(left, line) / self._value(right, line)
        raise CRefusal(line, "has an expression that is not known")

    def _call(self, name: str, arguments: Sequence[Tree], line: int) -> Expr:
        wanted = 2 if name in ("smaller", "larger") else 1
        if name not in FUNCTIONS or len(arguments) != wanted:
            raise CRefusal(line, f"calls {name} with {len(arguments)} arguments, which is not known")
        return FUNCTIONS[name](*(self._value(argument, line) for argument in arguments))

    def _read(self, name: str, subscript: Tree, line: int) -> Expr:
        if name not in self.arrays or name not in self.declared:
            raise CRefusal(line, f"reads {name}, which is not known")
        if name not in self.filled:
            raise CRefusal(line, f"reads {name}, which does not hold what it stands for")
        array = self.arrays[name]
        return array.quantity(*self._axes(array, subscript, line))

    def _letter(self, tree: Tree, line: int) -> Index:
        for opened in self.stack:
            if tree == ("name", opened.letter):
                return opened.index
        raise CRefusal(line, "compares what is no letter of a loop")

    def _axes(self, array: Array, subscript: Tree, line: int) -> tuple[Expr, ...]:
        """Return the index of each axis: whose letter has the stride of that axis in the subscript."""
        letters = {Symbol(opened.letter): opened for opened in self.stack}
        at = expand(_whole(subscript, {opened.letter for opened in self.stack}, line))
        if array.half:
            return self._half(array, at, letters, line)
        stride = 1
        strides: list[int] = []
        for size in reversed(array.sizes):
            strides.insert(0, stride)
            stride *= size
        if array.row:
            strides[0] = array.row
        terms: dict[int, Index | Integer] = {}
        if letters and at.free_symbols:
            for (*powers,), factor in Poly(at, *letters).terms():
                opened = [o for o, power in zip(letters.values(), powers, strict=True) if power]
                if sum(powers) == 0 or (len(opened) == 1 and opened[0].index.upper == 1):
                    if sum(powers) == 0 and factor != 0:
                        raise CRefusal(line, "has a subscript that is not known")
                    continue  # a letter with one value is 0
                if sum(powers) != 1 or int(factor) in terms:
                    raise CRefusal(line, "has a subscript that is not known")
                terms[int(factor)] = opened[0].index
        elif at != 0:
            raise CRefusal(line, "has a subscript that is not known")
        found: list[Expr] = []
        for size, step in zip(array.sizes, strides, strict=True):
            if size == 1:
                single = [o.index for o in self.stack if o.index.upper == 1 and o.index not in found]
                found.append(single[0] if single else Index("k", Integer(1)))
            else:
                found.append(terms.pop(step, Integer(1)))
        if terms or any(
            isinstance(k, Index) and k.upper > n for k, n in zip(found, array.sizes, strict=True)
        ):
            raise CRefusal(line, "has a subscript that is not known or leaves the array")
        return tuple(found)

    def _half(self, array: Array, at: Expr, letters: Mapping[Symbol, _Open], line: int) -> tuple[Expr, ...]:
        size = array.sizes[0]
        for row in letters:
            for column, opened in letters.items():
                place = row * (2 * size - 1 - row) / 2 + column
                if opened.start == str(row) and expand(at - place) == 0:
                    return letters[row].index, opened.index
        raise CRefusal(line, "has a subscript that is not known")


def _whole(tree: Tree, letters: set[str], line: int) -> Expr:
    """Return a subscript as a polynomial in the letters of the loops."""
    match tree:
        case ("number", text) if text.isdigit():
            return Integer(text)
        case ("name", name) if name in letters:
            return Symbol(name)
        case ("+", left, right):
            return _whole(left, letters, line) + _whole(right, letters, line)
        case ("-", left, right):
            return _whole(left, letters, line) - _whole(right, letters, line)
        case ("*", left, right):
            return _whole(left, letters, line) * _whole(right, letters, line)
        case ("/", left, ("number", "2")):  # exact: known only where p (2 s - 1 - p) is halved
            return _whole(left, letters, line) / 2
    raise CRefusal(line, "has a subscript that is not known")


def _is_whole(tree: Tree) -> bool:
    """Say whether C would compute an expression in whole numbers."""
    match tree:
        case ("number", text):
            return bool(text.isdigit())
        case ("minus", inner):
            return _is_whole(inner)
        case ("?", _, yes, no):
            return _is_whole(yes) and _is_whole(no)
        case (">" | "<", _, _):
            return True
        case ("+" | "-" | "*" | "/", left, right):
            return _is_whole(left) and _is_whole(right)
    return False
