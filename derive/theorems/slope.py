"""The derivative of an activation through its own value, step by step: (1.5), (1.6).

The right side is not typed: ``Activation.derivative_through_output`` finds it. Here the definition is
differentiated by the rules, and the outcome compared with it as one fraction with another.
"""

from __future__ import annotations

from sympy import Expr, Symbol

from derive.activations import ACTIVATIONS, A, Activation, Z, prove_through_output, scaled_sigmoid
from derive.calculus.derivation import Deriving
from derive.calculus.rules import DEFINITION, DISTRIBUTIVE
from derive.equation import Equation
from derive.quantities import Partial
from derive.theorems.theorem import Given, Part, Theorem

K = Symbol("k", real=True, nonzero=True)
SHIFT = Symbol("c", real=True)


def slope(number: str, activation: Activation, claimed: Expr | None = None) -> Part:
    """Derive da/dz for a = sigma(z), as an expression in a; ``claimed`` stands for the one that was found."""
    found = activation.derivative_through_output() if claimed is None else claimed
    meaning = Equation("", f"the {activation.name}", A, activation.definition)
    given = Given((meaning,))
    equation = Equation(number, f"slope of the {activation.name}", Partial(A, Z), found)
    work = Deriving(Partial(A, Z), given)
    work.step(DEFINITION, A, activation.definition, meaning.name)
    work.open_derivatives()
    unfolded = found.xreplace({A: activation.definition})
    holds = prove_through_output(activation.definition, found)
    if holds:
        work.step(DISTRIBUTIVE, work.now, unfolded)
        work.step(DEFINITION, activation.definition, A, meaning.name)
    reason = "" if holds else "the two sides differ as fractions"
    return Part(equation, work.done(), given, reason)


def slopes() -> Theorem:
    """State and prove the derivative of every activation through its value; (1.6) is s(k(z - c))."""
    scaled = Activation("shifted and scaled sigmoid", scaled_sigmoid(K, SHIFT), Z)
    return Theorem(
        "slope",
        "The slope of an activation through its value",
        ("z, k and c are real, k is not 0", "a = s(z), and a = s(k(z - c)) in (1.6)"),
        (*(slope("1.5", activation) for activation in ACTIVATIONS.values()), slope("1.6", scaled)),
        "da/dz needs a alone, so that a forward pass need not keep z",
    )
