"""The identity matrix, which the algebra of words writes as 1, as a reader expects it."""

from __future__ import annotations

from sympy import Add, Expr, Mul, Symbol

IDENTITY = Symbol("I", commutative=False)


def with_identity(*together: Expr) -> tuple[Expr, ...]:
    """Write I beside each number that stands for a matrix: 1 + J^T J becomes I + J^T J.

    ``together`` are equal: if one is made of matrices, all are matrices.
    """
    if all(expr.is_commutative for expr in together):
        return together
    return tuple(_as_matrix(expr) for expr in together)


def _as_matrix(expr: Expr) -> Expr:
    if expr.is_commutative:
        return expr * IDENTITY
    if isinstance(expr, Add):
        return Add(*(_as_matrix(term) for term in expr.args))
    if isinstance(expr, Mul):
        return Mul(*(factor if factor.is_commutative else _as_matrix(factor) for factor in expr.args))
    return expr
