"""The Levenberg-Marquardt step in words, read off the equations (2.1) to (2.4) as they are derived."""

from __future__ import annotations

from functools import cache

from sympy import Add, Expr, Indexed, Integer, KroneckerDelta, Mul, Sum, expand

from derive.calculus.words import Word
from derive.claims.matrices.rewriting import Poly, constant, plus, times
from derive.equation import Equation
from derive.network import Network
from derive.numbered import residual_equation
from derive.quantities import mu
from derive.quantities import y as target
from derive.theorems.levenberg_marquardt import StepEquations, step_equations


@cache
def equations() -> StepEquations:
    """Return the equations of the step."""
    return step_equations()


def normal_matrix(damping: Expr) -> Poly:
    """Return J^T J + damping I."""
    (row, column), rhs = equations().normal_matrix.lhs.indices, equations().normal_matrix.rhs
    return words(rhs.subs(mu, damping), row, column)


def right_side() -> Poly:
    """Return J^T r."""
    equation = equations().right_side
    return words(equation.rhs, *equation.lhs.indices)


def update(old: Poly, step: Poly) -> Poly:
    """Return the next parameters."""
    equation = equations().update
    found: Poly = {}
    for word, coefficient in words(equation.rhs, *equation.lhs.indices).items():
        found = plus(found, {"p": old, "h": step}[word[0]], coefficient)
    return found


def residual() -> Poly:
    """Return y - F, which r stands for."""
    equation: Equation = residual_equation(Network())
    found: Poly = {}
    for term in Add.make_args(equation.rhs):
        coefficient, (entry,) = term.as_coeff_mul()
        found = plus(found, times(constant(coefficient), _letter("y" if entry.base == target else "F")))
    return found


def _letter(name: str) -> Poly:
    return {(name,): constant(Integer(1))[()]}


def words(expr: Expr, row: Expr, column: Expr | None = None) -> Poly:
    """Return an expression in matrix entries, at a row and a column, as a sum of words.

    Raises:
        ValueError: if a term is no product of matrices.
    """
    found: Poly = {}
    for term in Add.make_args(_flat(expr)):
        coefficient = Integer(1)
        entries = []
        for factor in Mul.make_args(term):
            if isinstance(factor, (Indexed, KroneckerDelta)):
                entries.append(factor)
            else:
                coefficient *= factor
        found = plus(found, {_word(entries, row, column): constant(coefficient)[()]})
    return found


def _flat(expr: Expr) -> Expr:
    """Leave out the signs of sums: an index that stands twice in a term is summed."""
    return expand(expr.replace(lambda e: isinstance(e, Sum), lambda e: e.function))


def _word(entries: list[Expr], at: Expr, end: Expr | None) -> Word:
    word: list[str] = []
    waiting = list(entries)
    while waiting:
        entry = next((e for e in waiting if at in e.args), None)
        if entry is None:
            raise ValueError(f"expected a product of matrices, got {entries}")
        waiting.remove(entry)
        indices = entry.args[:2] if isinstance(entry, KroneckerDelta) else entry.indices
        if isinstance(entry, Indexed):
            word.append(str(entry.base) + ("^T" if len(indices) == 2 and indices[1] == at else ""))
        if len(indices) == 2:
            at = indices[1] if indices[0] == at else indices[0]
        elif waiting or end is not None:
            raise ValueError(f"expected a product of matrices, got {entries}")
    return tuple(word)
