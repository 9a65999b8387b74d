"""What the damping does: descent for every mu > 0, Gauss-Newton at one end, steepest descent at the other.

With A = J^T J + mu I, g = J^T r and A h = g:

    (2.8)  the gradient of phi, the damped square of the linearised residual;
    (2.9)  A h - g is that gradient, so A h = g is where phi is least;
    (2.10) g^T h = ||J h||^2 + mu ||h||^2, which is positive unless h = 0: h leads downhill;
    (2.11) at mu = 0 the matrix is J^T J, the normal matrix of Gauss-Newton;
    (2.12) for u = mu h and t = 1/mu, A h = (I + t J^T J) u,
    (2.13) which at t = 0 is u: A h = g says u = g there, steepest descent;
    (2.14) h = J^T v solves A h = g where (J J^T + mu I) v = r.
"""

from __future__ import annotations

from sympy import Expr, Integer, Symbol

from derive.equation import Equation
from derive.quantities import Index, IndexedBase, mu, total
from derive.theorems.levenberg_marquardt import (
    MODEL,
    A,
    J,
    M,
    StepEquations,
    g,
    h,
    model,
    phi,
    s,
    step_equations,
)
from derive.theorems.theorem import Given, Part, Theorem, proved

u = IndexedBase("u")
t = Symbol("t", positive=True)  # 1/mu


def gradient(step: StepEquations) -> Part:
    """Derive (2.8): d phi/dh."""
    start = step.gradient.start
    given = Given((Equation("", MODEL, phi, model()),))
    return Part(Equation("2.8", "gradient of phi", start, step.gradient.result), step.gradient, given)


def normal_matrix(step: StepEquations) -> Part:
    """Derive (2.1): A is the second derivative of phi."""
    given = Given((Equation("", "second derivative of phi", step.normal_matrix.lhs, step.hessian.start),))
    return Part(step.normal_matrix, step.hessian, given)


def right_side(step: StepEquations) -> Part:
    """Derive (2.2): g is minus the gradient of phi at h = 0."""
    at_zero = step.right_derivation
    given = Given((Equation("", "minus the gradient of phi at h = 0", step.right_side.lhs, at_zero.start),))
    return Part(step.right_side, at_zero, given)


def normal_equations(step: StepEquations) -> Part:
    """Derive (2.9): A h - g is the gradient of phi."""
    (p,) = (index for index in step.gradient.start.v.indices)
    uses = (step.normal_matrix, step.right_side)
    equation = Equation("2.9", "normal equations", _residual_of_system(p), step.gradient.result)
    return proved(equation, Given(uses), uses)


def descent_direction(step: StepEquations) -> Part:
    """Derive (2.10): g^T h = ||J h||^2 + mu ||h||^2."""
    p, q, k, n = Index("p", s), Index("q", M), Index("k", s), Index("n", s)
    claimed = total(total(J[q, k] * h[k], k) ** 2, q) + mu * total(h[n] ** 2, n)
    system = _turned(step.primal)
    equation = Equation("2.10", "descent direction", total(g[p] * h[p], p), claimed)
    return proved(equation, Given((step.normal_matrix,), (system,)), (system, step.normal_matrix))


def gauss_newton(step: StepEquations) -> Part:
    """Derive (2.11): without damping the normal matrix is J^T J."""
    p, m = step.normal_matrix.lhs.indices
    q = Index("q", M)
    undamped = Equation("", "mu = 0", mu, Integer(0))
    equation = Equation("2.11", "Gauss-Newton limit", A[p, m], total(J[q, p] * J[q, m], q))
    return proved(equation, Given((step.normal_matrix,), (undamped,)), (step.normal_matrix, undamped))


def steepest_limit(step: StepEquations) -> Part:
    """Derive (2.12): A h = (I + t J^T J) u for u = mu h and t = 1/mu."""
    p, m = Index("p", s), Index("m", s)
    scaled = Equation("", "h = t u", h[m], t * u[m])
    inverse = Equation("", "mu = 1/t", mu, 1 / t)
    equation = Equation("2.12", "system for u = mu h", total(A[p, m] * h[m], m), _scaled_system(p))
    given = Given((step.normal_matrix,), (scaled, inverse))
    return proved(equation, given, (scaled, step.normal_matrix, inverse))


def limit_itself() -> Part:
    """Derive (2.13): at t = 0 the matrix of (2.12) is the identity."""
    p = Index("p", s)
    end = Equation("", "t = 0", t, Integer(0))
    equation = Equation("2.13", "steepest descent limit", _scaled_system(p), u[p])
    return proved(equation, Given((), (end,)), (end,))


def dual(step: StepEquations) -> Part:
    """Derive (2.14): A h - g vanishes for h = J^T v, where v solves the dual system."""
    system = _turned(step.dual)
    definitions = (step.normal_matrix, step.right_side, step.gram)
    uses = (step.back, step.normal_matrix, step.right_side, system, step.gram)
    equation = Equation("2.14", "dual solves primal", _residual_of_system(Index("p", s)), Integer(0))
    return proved(equation, Given(definitions, (step.back, system)), uses)


def _residual_of_system(p: Index) -> Expr:
    m = Index("m", s)
    return total(A[p, m] * h[m], m) - g[p]


def _scaled_system(p: Index) -> Expr:
    q, k = Index("q", M), Index("k", s)
    return u[p] + t * total(J[q, p] * total(J[q, k] * u[k], k), q)


def _turned(system: Equation) -> Equation:
    """Return a system with its sides exchanged, to put the left-hand side for the right one."""
    return Equation(system.number, system.name, system.rhs, system.lhs)


def levenberg_marquardt() -> Theorem:
    """State and prove the step and what its damping does."""
    step = step_equations()
    return Theorem(
        "levenberg-marquardt",
        "The Levenberg-Marquardt step and its damping",
        (
            "mu > 0",
            "J is the Jacobian of F at p, r = y - F(p), and F is replaced by F(p) + J h",
            "A h = g: (2.3) in (2.10); (J J^T + mu I) v = r: (2.6) in (2.14)",
            "h = t u, that is u = mu h, and mu = 1/t in (2.12)",
        ),
        (
            gradient(step),
            normal_matrix(step),
            right_side(step),
            normal_equations(step),
            descent_direction(step),
            gauss_newton(step),
            steepest_limit(step),
            limit_itself(),
            dual(step),
        ),
        "the minimiser h of ||r - J h||^2 + mu ||h||^2 solves (J^T J + mu I) h = J^T r and leads "
        "downhill; as mu -> 0 the system becomes that of Gauss-Newton, as mu -> infinity mu h -> J^T r, "
        "steepest descent",
    )
