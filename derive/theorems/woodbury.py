"""Woodbury's identity, by multiplying out, and what becomes of it in Levenberg-Marquardt.

Matrices are letters that do not commute and have no sizes, so the proofs hold at all sizes that fit. A
product X Y = I of square matrices makes Y the inverse of X; that the inverses named in the premises
exist is assumed, not proved. Equation numbers 4.x.
"""

from __future__ import annotations

from sympy import Expr, Integer, Symbol

from derive.calculus.derivation import Derivation, Step
from derive.calculus.rules import PREMISE
from derive.calculus.words import Polynomial, Premise, expression, polynomial, prove_product
from derive.equation import Equation
from derive.theorems.levenberg_marquardt import M, s
from derive.theorems.theorem import Given, Part, Theorem, proved

lam = Symbol("lambda", positive=True)
ONE = ((), Integer(1))

# B = C^-1 + V A^-1 U, so V A^-1 U may be replaced by B - C^-1
_GENERAL = (
    Premise(("V", "A^-1", "U"), ((("B",), Integer(1)), (("C^-1",), Integer(-1))), "B = C^-1 + V A^-1 U"),
    Premise(("B", "B^-1"), (ONE,), "B B^-1 = I"),
    Premise(("C", "C^-1"), (ONE,), "C C^-1 = I"),
    Premise(("A", "A^-1"), (ONE,), "A A^-1 = I"),
)

# K = (lambda I + J J^T)^-1, so J J^T K = I - lambda K
_DUAL = (
    Premise(("J", "J^T", "K"), (ONE, (("K",), -lam)), "(lambda I + J J^T) K = I"),
    Premise(("P", "J^T", "J"), (ONE, (("P",), -lam)), "P (lambda I + J^T J) = I"),
)


def woodbury_candidate(sign: int) -> Polynomial:
    """Return A^-1 + sign A^-1 U B^-1 V A^-1; the identity has sign -1."""
    return polynomial((1, "A^-1"), (sign, "A^-1 U B^-1 V A^-1"))


def woodbury_as_printed() -> Polynomial:
    """Return A^-1 U B^-1 V A^-1 alone, as the notes print it: refuted, the A^-1 in front is missing."""
    return polynomial((1, "A^-1 U B^-1 V A^-1"))


def product_with_sum(candidate: Polynomial) -> Part:
    """Multiply A + U C V by a candidate for its inverse; the part holds if the identity comes out."""
    return _product("4.1", [polynomial((1, "A"), (1, "U C V")), candidate], _GENERAL)


def dual_candidate(power: int) -> Polynomial:
    """Return lam^-1 I - lam^-power J^T K J; the identity has power 1, the notes print power 2."""
    return polynomial((1 / lam, ""), (-(lam**-power), "J^T K J"))


def product_with_normal(candidate: Polynomial) -> Part:
    """Multiply lam I + J^T J by a candidate for its inverse."""
    return _product("4.2", [polynomial((lam, ""), (1, "J^T J")), candidate], _DUAL[:1])


def push_through() -> Part:
    """Derive (lam I + J^T J)^-1 J^T = J^T (lam I + J J^T)^-1, P and K being the two inverses.

    P J^T = P J^T (lam I + J J^T) K = P (lam I + J^T J) J^T K = J^T K.
    """
    start, middle, end = (
        expression(polynomial(*terms))
        for terms in ([(1, "P J^T")], [(lam, "P J^T K"), (1, "P J^T J J^T K")], [(1, "J^T K")])
    )
    put_in, taken_out = (_given(premise).assumptions[0] for premise in _DUAL)
    steps = (Step(start, PREMISE, middle, put_in.name), Step(middle, PREMISE, end, taken_out.name))
    return Part(Equation("4.3", "push-through", start, end), Derivation(start, steps), _given(*_DUAL))


def smaller_system() -> Part:
    """Derive (4.4): the primal matrix has (s - M)(s + M) more entries than the dual one, M = N n_L."""
    return proved(Equation("4.4", "entries of the two matrices", s**2 - M**2, (s - M) * (s + M)), Given())


def _given(*premises: Premise) -> Given:
    """Return premises about words as equations."""
    return Given(
        (),
        tuple(
            Equation(
                "",
                premise.name,
                *map(expression, (polynomial((1, " ".join(premise.left))), dict(premise.right))),
            )
            for premise in premises
        ),
    )


def _product(number: str, factors: list[Polynomial], premises: tuple[Premise, ...]) -> Part:
    derivation = prove_product(factors, premises)
    identity: Expr = Integer(1)
    equation = Equation(number, "product", derivation.start, identity)
    holds = derivation.result == identity
    reason = "" if holds else f"the product is {derivation.result}, not the identity"
    return Part(equation, derivation, _given(*premises), reason)


def woodbury() -> Theorem:
    """State and prove Woodbury's identity and its two uses."""
    return Theorem(
        "woodbury",
        "Woodbury's identity and push-through",
        (
            "A, C and B = C^-1 + V A^-1 U are invertible (then so is A + U C V)",
            "lambda > 0, so lambda I + J^T J and lambda I + J J^T are positive definite, hence invertible",
            "P = (lambda I + J^T J)^-1 and K = (lambda I + J J^T)^-1",
        ),
        (
            product_with_sum(woodbury_candidate(-1)),
            product_with_normal(dual_candidate(1)),
            push_through(),
            smaller_system(),
        ),
        "(A + U C V)^-1 = A^-1 - A^-1 U (C^-1 + V A^-1 U)^-1 V A^-1; "
        "(lambda I + J^T J)^-1 J^T = J^T (lambda I + J J^T)^-1; the first matrix has s rows, the second "
        "M = N n_L, so where s > M the dual system is the smaller one: in entries by (4.4), and in work, "
        "which grows as the cube of the rows",
    )
