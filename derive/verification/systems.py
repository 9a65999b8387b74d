"""Linear systems: a solution is the letter in the equation that defines it."""

from __future__ import annotations

from sympy import Expr

from derive.equation import Equation
from derive.verification.calls import Contractions
from derive.verification.expected import Knowledge
from derive.verification.values import Refusal, Value, place


def solution(
    knowledge: Knowledge, contractions: Contractions, matrix: Value, right: Value
) -> tuple[str, Value]:
    """Return the equation's number and x where ``sum_m matrix_qm x_m = right_q`` is a system of the proof.

    Raises:
        Refusal: if it is not.
    """
    for equation, unknown in knowledge.systems:
        x = Value(unknown[place(0, extent_of(equation))], ((extent_of(equation),),))
        if len(matrix.axes) != 2 or matrix.axes[1] != x.axes[0]:
            continue
        left = contractions.matmul(matrix, x)
        if left.axes == right.axes and _same(knowledge, equation, left.expr, right.expr):
            return equation.number, x
    raise Refusal("np.linalg.solve: neither (2.3) nor (2.6) is this system")


def extent_of(equation: Equation) -> Expr:
    """Return the length of the right-hand side."""
    (index,) = equation.rhs.indices
    return index.upper


def _same(knowledge: Knowledge, equation: Equation, left: Expr, right: Expr) -> bool:
    (index,) = equation.rhs.indices
    renaming = {index: place(0, index.upper)}
    return knowledge.key(equation.lhs.xreplace(renaming)) == knowledge.key(left) and knowledge.key(
        equation.rhs.xreplace(renaming)
    ) == knowledge.key(right)
