"""Equations become array statements: what the indices say is what NumPy is told.

A sum over an index that two factors share is a matrix product, a sum over one factor is a reduction, a sum
over everything is a dot product; what has no sum is elementwise, broadcast by its indices; a Kronecker
delta of two result indices is a diagonal. Nothing depends on the widths, so they never add statements.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from sympy import (
    Abs,
    Add,
    Expr,
    Indexed,
    IndexedBase,
    Integer,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    Number,
    Pow,
    Rational,
    Sum,
    Symbol,
    sqrt,
)

from derive.activations.functions import Above
from derive.equation import Equation
from derive.program.arrangement import LoweringError, Ref, as_matrix, as_operand, as_view
from derive.program.diagonals import beside, on_diagonal, result_delta, tied
from derive.program.operations import (
    FUNCTIONS,
    ON_NUMBERS,
    divides,
    factor_order,
    negative,
    reciprocal,
)
from derive.program.statements import Axes, Operand, Program, Scalar, Statement, View
from derive.quantities import Greatest, Index, is_number

Naming = Callable[[Expr], tuple[str, tuple[Expr, ...]]]
"""Names the array of an indexed quantity and tells which of its arguments are axes."""


@dataclass(frozen=True)
class Computed:
    """An equation and the expression that computes its right-hand side."""

    equation: Equation
    rhs: Expr


def plainly(equation: Equation) -> Computed:
    """Compute an equation as it stands."""
    return Computed(equation, equation.rhs)


class Lowering:
    """Turns one equation after another into statements of a program."""

    def __init__(
        self,
        program: Program,
        naming: Naming,
        size: Callable[[Index], int | str],
        double: Callable[[str], bool] = lambda name: False,
    ) -> None:
        """Take what names arrays and tells sizes; ``double`` says which products are summed in float64."""
        self.program = program
        self.naming = naming
        self.size = size
        self.double = double
        self._equation: Equation
        self._order: tuple[Index, ...] = ()
        self._known: dict[Expr, Ref | Scalar] = {}
        self._seen = self._taken = 0  # of the program's arrays, and how many of them begin with t

    def lower(self, what: Computed) -> None:
        """Append the statements that compute the left-hand side."""
        equation = what.equation
        name, axes = self.naming(equation.lhs)
        self._equation, self._order, self._known = equation, axes, {}
        self._declare(name, axes)
        if name not in self.program.named:
            self.program.named.append(name)
        value = self._emit(what.rhs, Ref(name, axes))
        if isinstance(value, Scalar):
            self._append("fill" if axes else "scalar", View(name), (value,))
        elif value.name != name:
            self._append("copyto", View(name), (as_view(value, axes),))

    def solve(self, equation: Equation, unknown: IndexedBase) -> None:
        """Append the solution of ``sum_m matrix_pm unknown_m = right_p`` for the unknown."""
        found = [f for f in Mul.make_args(equation.lhs.function) if f.base == unknown]
        matrix = [f for f in Mul.make_args(equation.lhs.function) if f.base != unknown]
        if len(found) != 1 or len(matrix) != 1 or len(equation.lhs.limits) != 1:
            raise LoweringError(f"expected a linear system, got {equation.lhs}")
        self._equation, self._known = equation, {}
        values = [self._emit(part) for part in (found[0], matrix[0], equation.rhs)]
        target, *operands = (as_operand(value) for value in values)
        assert isinstance(target, View)
        self.program.named.append(target.array)
        self._append("solve", target, tuple(operands))

    # -- expressions ------------------------------------------------------------------------------------

    def _emit(self, expr: Expr, into: Ref | None = None) -> Ref | Scalar:
        """Compute an expression, into the given array if there is one."""
        if (isinstance(expr, Symbol) and not isinstance(expr, Index)) or is_number(expr):
            return Scalar(expr)
        if isinstance(expr, Indexed):
            name, axes = self.naming(expr)
            self._declare(name, axes)
            return Ref(name, axes) if len(set(axes)) == len(axes) else self._from_diagonal(name, axes)
        if into is None and expr in self._known:
            return self._known[expr]
        value = self._compute(expr, into)
        self._known[expr] = value
        return value

    def _compute(self, expr: Expr, into: Ref | None) -> Ref | Scalar:
        if isinstance(expr, Add):
            return self._add(expr, into)
        if isinstance(expr, Mul):
            return self._multiply(expr, into)
        if isinstance(expr, Greatest):
            return self._largest(expr, into)
        if isinstance(expr, Sum):
            return self._contract(expr, into)
        if isinstance(expr, KroneckerDelta) and result_delta(expr, self._order):
            return self._diagonal(expr, into)
        if isinstance(expr, Pow):
            return self._power(expr, into)
        if isinstance(expr, Abs):
            return self._magnitude("maximum", expr, into)
        if isinstance(expr, (Max, Min)):
            return self._extreme(expr, into)
        if isinstance(expr, Above):
            bound, compared = expr.args[0].as_coeff_Add()
            return self._call("greater", (self._emit(compared), Scalar(-bound)), into)
        if type(expr) in FUNCTIONS:
            return self._call(FUNCTIONS[type(expr)], tuple(self._emit(arg) for arg in expr.args), into)
        raise LoweringError(f"no array statement is known for {expr}")

    def _power(self, expr: Pow, into: Ref | None) -> Ref | Scalar:
        base, power = expr.args
        if not isinstance(power, Rational) or power.q > 2:
            raise LoweringError(f"no array statement is known for {expr}")
        if power < 0:
            return self._call("divide", (Scalar(Integer(1)), self._emit(base**-power)), into)
        if power == Rational(1, 2):
            return self._call("sqrt", (self._emit(base),), into)
        if power.q == 2:
            root = self._emit(sqrt(base))
            return self._call("multiply", (self._emit(base ** (power - Rational(1, 2))), root), into)
        if power % 2:
            return self._call("multiply", (self._emit(base ** (power - 1)), self._emit(base)), into)
        half = self._emit(base ** (power / 2))
        return self._call("multiply", (half, half), into)

    def _magnitude(self, operation: str, expr: Abs, into: Ref | None) -> Ref | Scalar:
        """Take the larger (or the smaller) of u and -u: np.absolute would lose a complex step."""
        value = self._emit(expr.args[0])
        return self._call(operation, (value, self._call("negative", (value,), None)), into)

    def _extreme(self, expr: Max | Min, into: Ref | None) -> Ref | Scalar:
        operation = "maximum" if isinstance(expr, Max) else "minimum"
        first, *others = sorted(expr.args, key=lambda arg: (bool(arg.is_number), str(arg)))
        value = self._emit(first)
        for position, other in enumerate(others, start=1):
            last = position == len(others)
            value = self._call(operation, (value, self._emit(other)), into if last else None)
        return value

    def _add(self, expr: Add, into: Ref | None) -> Ref | Scalar:
        diagonal = [term for term in expr.args if result_delta(term, self._order)]
        rest = [term for term in expr.args if term not in diagonal]
        rest.sort(key=lambda term: (negative(term), not term.has(Sum), not isinstance(term, Number)))
        if not rest:
            rest = [diagonal.pop(0)]
        value = self._emit(rest[0], into if len(rest) == 1 else None)
        for position, term in enumerate(rest[1:], start=1):
            last = position == len(rest) - 1
            operation = "subtract" if negative(term) else "add"
            other = self._emit(-term if negative(term) else term)
            value = self._call(operation, (value, other), into if last else None)
        if diagonal:
            value = self._own(value, into)
        for term in diagonal:
            value = self._add_diagonal(term, value)
        return value

    def _own(self, value: Ref | Scalar, into: Ref | None) -> Ref | Scalar:
        """Return a value that may be written over: a copy, if it is a quantity's array or used elsewhere."""
        if not isinstance(value, Ref) or (into is not None and value.name == into.name):
            shared = False
        else:
            used = any(value.name in statement.reads for statement in self.program.statements)
            shared = used or value.name in self.program.named or value.name in self.program.inputs
            shared = shared or not any(s.target.array == value.name for s in self.program.statements)
        if shared:
            assert isinstance(value, Ref)
            copied = into or Ref(self._fresh(value.axes), value.axes)
            self._append("copyto", View(copied.name), (as_view(value, copied.axes),))
            return copied
        self._known = {expr: known for expr, known in self._known.items() if known != value}
        return value

    def _multiply(self, expr: Mul, into: Ref | None) -> Ref | Scalar:
        if result_delta(expr, self._order):
            return self._diagonal(expr, into)
        scalars = [f for f in expr.args if not f.has(Indexed)]
        arrays = sorted((f for f in expr.args if f not in scalars), key=factor_order)
        if not arrays:
            return Scalar(expr)
        coefficient = Mul(*(f for f in scalars if not reciprocal(f)))
        divisors = Mul(*(1 / f for f in scalars if reciprocal(f)))
        if coefficient == -1 and len(arrays) == 1 and isinstance(arrays[0], Abs) and divisors == 1:
            return self._magnitude("minimum", arrays[0], into)
        calls: list[tuple[str, Expr]] = [
            ("divide", factor.base**-factor.exp) if divides(factor) else ("multiply", factor)
            for factor in arrays[1:]
        ]
        calls += [("multiply", coefficient)] if coefficient not in (1, -1) else []
        calls += [("divide", divisors)] if divisors != 1 else []
        negate = coefficient == -1
        value = self._emit(arrays[0], into if not calls and not negate else None)
        for position, (operation, factor) in enumerate(calls, start=1):
            last = position == len(calls) and not negate
            other = self._emit(factor) if factor.has(Indexed) else Scalar(factor)
            value = self._call(operation, (value, other), into if last else None)
        return self._call("negative", (value,), into) if negate else value

    # -- sums -------------------------------------------------------------------------------------------

    def _contract(self, expr: Sum, into: Ref | None) -> Ref | Scalar:
        bound = {limit[0] for limit in expr.limits}
        factors: list[Expr] = []
        for factor in Mul.make_args(expr.function):
            factors += [factor.base] * 2 if isinstance(factor, Pow) and factor.exp == 2 else [factor]
        values = [self._emit(factor) for factor in factors]
        refs = [value for value in values if isinstance(value, Ref)]
        if len(refs) == len(values) == 2:
            left, right = refs
            if set(left.axes) == set(right.axes) == bound and left.axes == right.axes:
                return self._dot(left, right)
            if len(bound) == 1 and set(left.axes) & set(right.axes) == bound:
                return self._matmul(left, right, bound.pop(), into)
        if len(refs) == len(values) == 1 and len(bound) == 1:
            if set(refs[0].axes) == bound:
                return self._total(refs[0])
            return self._reduce(refs[0], bound.pop(), into)
        if set(bound) <= expr.function.free_symbols:
            fullest = max((ref.axes for ref in refs), key=len, default=())
            value = self._emit(expr.function)
            if isinstance(value, Ref) and set(value.axes) == bound:
                return self._total(value)
            if isinstance(value, Ref) and len(bound) == 1 and value.axes == fullest:  # row by row
                return self._reduce(value, bound.pop(), into)
        raise LoweringError(f"no array statement is known for the sum {expr}")

    def _dot(self, left: Ref, right: Ref) -> Scalar:
        name = self._fresh(())
        self._append("vdot", View(name), (View(left.name), View(right.name)))
        return Scalar(Symbol(name))

    def _largest(self, expr: Greatest, into: Ref | None) -> Ref:
        value, index = self._emit(expr.function), expr.limits[0][0]
        if not isinstance(value, Ref) or len(expr.limits) != 1 or index not in value.axes:
            raise LoweringError(f"no array statement is known for {expr}")
        return self._reduce(value, index, into, "largest")

    def _total(self, value: Ref) -> Scalar:
        name = self._fresh(())
        self._append("total", View(name), (View(value.name),))
        return Scalar(Symbol(name))

    def _reduce(self, value: Ref, index: Index, into: Ref | None, operation: str = "sum") -> Ref:
        axes = tuple(axis for axis in value.axes if axis != index)
        target = into or Ref(self._fresh(axes), axes)
        position = value.axes.index(index)
        self._append(operation, View(target.name), (View(value.name),), axis=position)
        return target

    def _matmul(self, left: Ref, right: Ref, index: Index, into: Ref | None) -> Ref:
        def rank(value: Ref) -> int:
            return min(self._order.index(axis) for axis in value.axes if axis in self._order)

        free = [axis for axis in (*left.axes, *right.axes) if axis != index and axis in self._order]
        if len(free) > 1 and len(left.axes) > 1 and len(right.axes) > 1:
            left, right = sorted((left, right), key=rank)
        elif len(left.axes) == 1:
            left, right = right, left
        axes = tuple(axis for axis in (*left.axes, *right.axes) if axis != index)
        if into is not None and set(axes) < set(into.axes):
            into = None  # it is the same for every place on the other axes, so it is copied there
        target = into or Ref(self._fresh(axes), axes)
        if target.axes != axes:
            raise LoweringError(f"the product gives axes {axes}, but {target.axes} are wanted")
        first, second = as_matrix(left, index, last=True), as_matrix(right, index, last=False)
        if (first.flat and second.tail) or (len(left.axes) > 2 and len(right.axes) > 2):
            whole = View(target.name, rows=len(left.axes) - 1)
        else:
            merged_first, merged_last = len(left.axes) > 2, len(right.axes) > 2
            whole = View(target.name, flat=merged_first, tail=merged_last)
        self._append("matmul", whole, (first, second))
        return target

    # -- Kronecker deltas of two result indices ---------------------------------------------------------

    def _diagonal(self, expr: Expr, into: Ref | None) -> Ref:
        """Fill with zeros, then write the diagonal."""
        target = into or Ref(self._fresh(self._order), self._order)
        self._append("fill", View(target.name), (Scalar(Integer(0)),))
        delta = result_delta(expr, self._order)
        value = self._emit(beside(delta, expr, self._order))
        filled = self._along_diagonal(value, target, delta)
        self._append("copyto", on_diagonal(target, delta, self._order), (filled,), updates=True)
        return target

    def _add_diagonal(self, term: Expr, value: Ref | Scalar) -> Ref:
        if not isinstance(value, Ref):
            raise LoweringError(f"a diagonal needs a matrix to stand in, got {value}")
        delta = result_delta(term, self._order)
        added = self._emit(beside(delta, term, self._order))
        view = on_diagonal(value, delta, self._order)
        self._append("add", view, (view, self._along_diagonal(added, value, delta)), updates=True)
        return value

    def _along_diagonal(self, value: Ref | Scalar, filled: Ref, delta: KroneckerDelta) -> View | Scalar:
        """See a value in the axes that the diagonal of an array has."""
        _, q = tied(delta, self._order)
        axes = tuple(axis for axis in filled.axes if axis != q)
        return as_view(value, axes) if isinstance(value, Ref) else value

    def _from_diagonal(self, name: str, axes: tuple[Index, ...]) -> Ref:
        """Copy the entries of an array that have two equal indices."""
        letters = {axis: "abcdefgh"[position] for position, axis in enumerate(dict.fromkeys(axes))}
        copied = Ref(self._fresh(tuple(letters)), tuple(letters))
        diagonal = View(name, diagonal="".join(letters[axis] for axis in axes))
        self._append("copyto", View(copied.name), (diagonal,))
        return copied

    # -- statements -------------------------------------------------------------------------------------

    def _call(self, operation: str, values: tuple[Ref | Scalar, ...], into: Ref | None) -> Ref | Scalar:
        present = {axis for value in values if isinstance(value, Ref) for axis in value.axes}
        if not present:
            return Scalar(ON_NUMBERS[operation](*(v.value for v in values if isinstance(v, Scalar))))
        if present <= set(self._order):
            axes = tuple(axis for axis in self._order if axis in present)
        else:
            axes = max((v.axes for v in values if isinstance(v, Ref)), key=len)
        target = into or Ref(self._fresh(axes), axes)
        operands = tuple(as_view(v, target.axes) if isinstance(v, Ref) else v for v in values)
        self._append(operation, View(target.name), operands)
        return target

    def _fresh(self, axes: tuple[Index, ...]) -> str:
        for name in islice(self.program.axes, self._seen, None):
            self._taken += name.startswith("t")
        self._seen = len(self.program.axes)
        name = f"t{self._taken + 1}"
        self._declare(name, axes)
        return name

    def _declare(self, name: str, axes: tuple[Expr, ...]) -> None:
        sizes: Axes = tuple(self.size(axis) for axis in axes)
        if self.program.axes.setdefault(name, sizes) != sizes:
            raise LoweringError(f"{name} has sizes {self.program.axes[name]} and {sizes}")

    def _append(
        self,
        operation: str,
        target: View,
        operands: tuple[Operand, ...],
        axis: int | None = None,
        updates: bool = False,
    ) -> None:
        double = operation == "matmul" and self.double(target.array)
        self.program.statements.append(
            Statement(operation, target, operands, self._equation, axis, updates, double)
        )
