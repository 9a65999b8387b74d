"""The bound of exp by the dtype: 88 where a number takes four bytes, 708 else.

The guards of the derivation are those of float64. In float32 a guard of 88 stands for one of 708: both are
identities where they do not bind, and exp is finite up to both. So the choice between the two, and no other,
is read as the guard of the derivation.
"""

from __future__ import annotations

import ast
from typing import Any

from sympy import Expr

from derive.activations.functions import NARROW_GUARD, OVERFLOW_GUARD
from derive.verification.spelling import constant
from derive.verification.values import Refusal, View


def sized(node: ast.IfExp) -> ast.expr | None:
    """Return the array whose bytes decide between two expressions, None if something else does."""
    match node.test:
        case ast.Compare(left=ast.Attribute(value=array, attr="itemsize")):
            return array
    return None


def exp_bound(node: ast.IfExp, array: Any) -> Expr:
    """Return the guard for which the bounds of both dtypes stand.

    Raises:
        Refusal: if it is another choice than that between the two bounds.
    """
    if not isinstance(array, View) or not isinstance(node.test, ast.Compare):
        raise Refusal("looks at the bytes of what is no array")
    name = ast.unparse(node.test.left)
    if ast.unparse(node) != f"{float(NARROW_GUARD)} if {name} == 4 else {float(OVERFLOW_GUARD)}":
        raise Refusal(f"expected {float(NARROW_GUARD)} in float32 and else {float(OVERFLOW_GUARD)}")
    return constant(float(OVERFLOW_GUARD))
