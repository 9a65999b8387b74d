"""Woodbury's identity, by multiplying out, and what becomes of it in Levenberg-Marquardt.

Matrices are letters that do not commute and have no sizes, so the proofs hold at all sizes that fit. A
product X Y = I of square matrices makes Y the inverse of X; that the inverses named in the premises
exist is assumed, not proved. Equation numbers 4.x.
"""

from __future__ import annotations

from sympy import Expr, Integer, Symbol

from derive.calculus.words import Polynomial, Premise, expression, polynomial, prove_product
from derive.equation import Equation
from derive.theorems.theorem import Part, Theorem

lam = Symbol("lambda", positive=True)
ONE = ((), Integer(1))

# M = C^-1 + V A^-1 U, so V A^-1 U may be replaced by M - C^-1
_GENERAL = (
    Premise(("V", "A^-1", "U"), ((("M",), Integer(1)), (("C^-1",), Integer(-1))), "M = C^-1 + V A^-1 U"),
    Premise(("M", "M^-1"), (ONE,), "M M^-1 = I"),
    Premise(("C", "C^-1"), (ONE,), "C C^-1 = I"),
    Premise(("A", "A^-1"), (ONE,), "A A^-1 = I"),
)

# K = (lambda I + J J^T)^-1, so J J^T K = I - lambda K
_DUAL = (
    Premise(("J", "J^T", "K"), (ONE, (("K",), -lam)), "(lambda I + J J^T) K = I"),
    Premise(("P", "J^T", "J"), (ONE, (("P",), -lam)), "P (lambda I + J^T J) = I"),
)


def woodbury_candidate(sign: int) -> Polynomial:
    """Return A^-1 + sign A^-1 U M^-1 V A^-1; the identity has sign -1."""
    return polynomial((1, "A^-1"), (sign, "A^-1 U M^-1 V A^-1"))


def woodbury_as_printed() -> Polynomial:
    """Return A^-1 U M^-1 V A^-1 alone, as the notes print it: refuted, the A^-1 in front is missing."""
    return polynomial((1, "A^-1 U M^-1 V A^-1"))


def product_with_sum(candidate: Polynomial) -> Part:
    """Multiply A + U C V by a candidate for its inverse; the part holds if the identity comes out."""
    return _product("4.1", [polynomial((1, "A"), (1, "U C V")), candidate], _GENERAL)


def dual_candidate(power: int) -> Polynomial:
    """Return lam^-1 I - lam^-power J^T K J; the identity has power 1, the notes print power 2."""
    return polynomial((1 / lam, ""), (-(lam**-power), "J^T K J"))


def product_with_normal(candidate: Polynomial) -> Part:
    """Multiply lam I + J^T J by a candidate for its inverse."""
    return _product("4.2", [polynomial((lam, ""), (1, "J^T J")), candidate], _DUAL)


def push_through() -> Part:
    """Derive (lam I + J^T J)^-1 J^T = J^T (lam I + J J^T)^-1, P being the first inverse.

    P (lam I + J^T J) J^T K is P J^T (lam I + J J^T) K: read one way it is J^T K, the other way P J^T.
    """
    middle = polynomial((lam, "P J^T K"), (1, "P J^T J J^T K"))
    left = prove_product([middle], _DUAL[1:])
    right = prove_product([middle], _DUAL[:1])
    holds = left.result == expression(polynomial((1, "J^T K"))) and right.result == expression(
        polynomial((1, "P J^T"))
    )
    return Part(Equation("4.3", "push-through", right.result, left.result), left, holds)


def _product(number: str, factors: list[Polynomial], premises: tuple[Premise, ...]) -> Part:
    derivation = prove_product(factors, premises)
    identity: Expr = Integer(1)
    equation = Equation(number, "product", derivation.start, identity)
    holds = derivation.result == identity
    reason = "" if holds else f"the product is {derivation.result}, not the identity"
    return Part(equation, derivation, holds, reason)


def woodbury() -> Theorem:
    """State and prove Woodbury's identity and its two uses."""
    return Theorem(
        "woodbury",
        "Woodbury's identity and push-through",
        (
            "A, C and M = C^-1 + V A^-1 U are invertible (then so is A + U C V)",
            "lambda > 0, so lambda I + J^T J and lambda I + J J^T are positive definite, hence invertible",
        ),
        (product_with_sum(woodbury_candidate(-1)), product_with_normal(dual_candidate(1)), push_through()),
        "(A + U C V)^-1 = A^-1 - A^-1 U (C^-1 + V A^-1 U)^-1 V A^-1; "
        "(lambda I + J^T J)^-1 J^T = J^T (lambda I + J J^T)^-1",
    )
