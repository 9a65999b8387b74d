"""The Levenberg-Marquardt step, from the linearised residual, in its primal and dual forms.

With r = y - F(p) and J the Jacobian of F, the step h minimises

    phi(h) = 1/2 sum_q (r_q - sum_p J_qp h_p)^2 + mu/2 sum_p h_p^2,       mu > 0.

phi is quadratic and its Hessian A is positive definite, so the step is the one solution of A h = g with
g = -grad phi(0). The dual form h = J^T w, (J J^T + mu I) w = r solves the same system: put it in and multiply
out. Equation numbers 2.x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Expr, Indexed, Integer, Rational, Symbol

from derive.calculus.derivation import Derivation, Deriving, renamed
from derive.calculus.normal_form import equal
from derive.calculus.rules import DEFINITION
from derive.equation import Equation
from derive.quantities import Index, IndexedBase, Partial, kronecker, mu, total
from derive.remembered import remembered

J = IndexedBase("J")  # J[q, p], the Jacobian of F
r = IndexedBase("r")  # r[q], the residual
h = IndexedBase("h")  # h[p], the step
A = IndexedBase("A")  # A[p, q], the normal matrix
g = IndexedBase("g")  # g[p], its right-hand side
G = IndexedBase("G")  # G[q, q'], the damped Gram matrix
v = IndexedBase("v")  # v[q], the solution of the dual system
p_old = IndexedBase("p")
p_new = IndexedBase("p'")
phi = Symbol("phi")
MODEL = "the linearised residual, damped"
M = Symbol("M", integer=True, positive=True)  # the number of residuals, N n_L
s = Symbol("s", integer=True, positive=True)  # the number of parameters


class LinearModel:
    """What the rules need to know: phi is a function of h alone."""

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines phi."""
        return model() if quantity == phi else None

    def label(self, quantity: Expr) -> str:
        """Return the name of the definition of phi."""
        return MODEL if quantity == phi else ""

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        """Say that phi and h move with h, and that J, r and mu do not."""
        return bool(quantity == phi or getattr(quantity, "base", None) == h)


def model() -> Expr:
    """Return phi(h), with fresh indices."""
    q, p, m = Index("q", M), Index("p", s), Index("m", s)
    misfit = r[q] - total(J[q, p] * h[p], p)
    return Rational(1, 2) * total(misfit**2, q) + mu / 2 * total(h[m] ** 2, m)


@dataclass(frozen=True)
class StepEquations:
    """The two systems and the derivations behind them; free indices range over s or M."""

    gradient: Derivation
    hessian: Derivation
    right_derivation: Derivation
    normal_matrix: Equation
    right_side: Equation
    primal: Equation
    update: Equation
    gram: Equation
    dual: Equation
    back: Equation


@remembered
def step_equations() -> StepEquations:
    """Derive the normal equations and write down the dual system."""
    p, m = Index("p", s), Index("m", s)
    work = Deriving(Partial(phi, h[p]), LinearModel())
    work.step(DEFINITION, phi, model(), MODEL)
    gradient = work.differentiate().done()
    hessian = Deriving(Partial(gradient.result, h[m]), LinearModel()).differentiate().done()
    at_zero = gradient.result.replace(lambda e: isinstance(e, Indexed) and e.base == h, _zero)
    right = Deriving(-at_zero, LinearModel()).tidy().done()
    q, q2 = Index("q", M), Index("q'", M)
    k = Index("p", s)
    gram = total(J[q, k] * J[q2, k], k) + mu * kronecker(q, q2)
    return StepEquations(
        gradient,
        hessian,
        right,
        Equation("2.1", "normal matrix", A[p, m], hessian.result),
        Equation("2.2", "right-hand side", g[p], right.result),
        Equation("2.3", "primal system", total(A[p, m] * h[m], m), g[p]),
        Equation("2.4", "step", p_new[p], p_old[p] + h[p]),
        Equation("2.5", "damped Gram matrix", G[q, q2], gram),
        Equation("2.6", "dual system", total(G[q, q2] * v[q2], q2), r[q]),
        Equation("2.7", "step from the dual", h[p], total(J[q, p] * v[q], q)),
    )


def _zero(_: Expr) -> Expr:
    return Integer(0)


def prove_primal(equations: StepEquations) -> bool:
    """Decide that A h = g says grad phi(h) = 0, with A = J^T J + mu I and g = J^T r, and p' = p + h."""
    p, m, q = Index("p", s), Index("m", s), Index("q", M)
    (start,) = equations.gradient.start.v.indices
    gradient = equations.gradient.result.xreplace({start: p})
    claimed_a = total(J[q, p] * J[q, m], q) + mu * kronecker(p, m)
    claimed_g = total(J[q, p] * r[q], q)
    return (
        equal(gradient, total(claimed_a * h[m], m) - claimed_g)
        and equal(gradient, _primal(equations, p), _unfolding(equations))
        and equal(_at(equations.normal_matrix, p, m), claimed_a)
        and equal(_at(equations.right_side, p), claimed_g)
        and equal(_at(equations.update, p) - p_old[p], h[p])
    )


def prove_dual(equations: StepEquations) -> bool:
    """Decide that h = J^T v solves A h = g whenever (J J^T + mu I) v = r: push-through."""
    right = equations.dual.rhs
    if not (isinstance(right, Indexed) and right.base == r):
        return False
    (q,) = right.indices
    by_definition = _unfolding(equations)

    def unfold(quantity: Expr) -> Expr | None:
        base = getattr(quantity, "base", None)
        if base == h:
            return _at(equations.back, *quantity.indices)
        if base == r:
            return renamed(equations.dual.lhs, {q: quantity.indices[0]})
        return by_definition(quantity)

    return equal(_primal(equations, Index("p", s)), Integer(0), unfold)


def _primal(equations: StepEquations, p: Index) -> Expr:
    """Return row p of the primal system, left-hand side minus right-hand side."""
    difference = equations.primal.lhs - equations.primal.rhs
    (row,) = (index for index in difference.free_symbols if isinstance(index, Index))
    return renamed(difference, {row: p})


def _unfolding(equations: StepEquations) -> Callable[[Expr], Expr | None]:
    """Return the rewriting that puts in what defines A, g and G."""
    known: dict[object, Equation] = {A: equations.normal_matrix, g: equations.right_side, G: equations.gram}

    def unfold(quantity: Expr) -> Expr | None:
        equation = known.get(getattr(quantity, "base", None))
        return None if equation is None else _at(equation, *quantity.indices)

    return unfold


def _at(equation: Equation, *indices: Expr) -> Expr:
    """Return the right-hand side with other free indices and fresh bound ones."""
    return renamed(equation.rhs, dict(zip(equation.lhs.indices, indices, strict=True)))
