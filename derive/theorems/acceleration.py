"""Geodesic acceleration: the second-order correction of a Levenberg-Marquardt step, derived.

The step h of (2.3) is the velocity of a path P(t) = p + t h + t^2/2 c at t = 0, and c its acceleration. With
J the Jacobian of F, B its second derivative and F'' the second derivative of F along h, which is (7.12):

    (5.40) dF/dt = J (h + t c) along the path;
    (5.41) d^2F/dt^2 = F'' + J c at t = 0: what bends the outputs, and what c can do about it;
    (5.42) the gradient in c of psi = 1/2 ||F'' + J c||^2 + mu/2 ||c||^2;
    (5.43) its second derivative is J^T J + mu I, the matrix (2.1) of the step;
    (5.44) minus the gradient at c = 0 is -J^T F'';
    (5.45) A c - (-J^T F'') is the gradient, so A c = -J^T F'' is where psi is least;
    (5.46) c = -J^T v' solves it where (J J^T + mu I) v' = F'': the dual system with another right-hand side;
    (5.47) F'' + J c = mu v': the bending that is left vanishes with mu, where J J^T is invertible;
    (5.48) P(1) = p + h + c/2 is the accelerated step;
    (5.49) with factors t of the rows of J and F'' the right-hand side is -sum_q t_q^2 J_qp F''_q, and
           t_q F''_q in the dual. A ridge ||p||^2 does not bend, so it adds nothing here.

A step is taken only if c is small beside h, 2 ||c|| <= alpha ||h||: that is a rule, not a theorem.

After Transtrum and Sethna, Improvements to the Levenberg-Marquardt algorithm for nonlinear least-squares
minimization (2012), who estimate F'' by a difference.
"""

from __future__ import annotations

from sympy import Expr, Indexed, Integer, Rational, Symbol

from derive.calculus.derivation import Deriving
from derive.calculus.rules import DEFINITION, PREMISE
from derive.equation import Equation
from derive.network import Network
from derive.quantities import Index, IndexedBase, N, Partial, R2a, U, mu, t, total
from derive.theorems.backpropagation import Derived
from derive.theorems.gauss_newton import RJ
from derive.theorems.levenberg_marquardt import A, J, M, StepEquations, h, p_new, p_old, s, step_equations
from derive.theorems.theorem import Given, Part, Theorem, proved

second = IndexedBase("F''")  # F''[q], the second derivative of output q along h
c = IndexedBase("c")  # c[p], the correction
e = IndexedBase("v'")  # v'[q], the solution of the dual system for F''
pulled = IndexedBase("pulled")  # pulled[p], an entry of J^T v', or minus the solution of the primal system
right = IndexedBase("g'")  # g'[p], the right-hand side for c
B = IndexedBase("B")  # B[q, p, m], the second derivative of output q in two parameters
P = IndexedBase("P")  # P[p], the path
RP, RF, R2F = IndexedBase("RP"), IndexedBase("RF"), IndexedBase("R2F")
psi = Symbol("psi")
factor = IndexedBase("t")  # t[q], the factor of a row of J and of the residual
Jt, rising = IndexedBase("Jt"), IndexedBase("Ft''")  # J and F'' with these factors

START = Equation("", "t = 0", t, Integer(0))


# -- what is computed -----------------------------------------------------------------------------------


def correction_computed() -> Equation:
    """Return the sign of (5.46), and of (5.44): c is minus what comes of F''."""
    p = Index("p", s)
    return Equation("5.46", "correction", c[p], -pulled[p])


def accelerated_computed() -> Equation:
    """Return (5.48)."""
    p = Index("p", s)
    return Equation("5.48", "accelerated step", p_new[p], p_old[p] + h[p] + c[p] / 2)


# -- the path -------------------------------------------------------------------------------------------


def path() -> Equation:
    """Return the path and its definition."""
    p = Index("p", s)
    return Equation("", "the path", P[p], p_old[p] + t * h[p] + t**2 / 2 * c[p])


def first_order() -> Part:
    """Derive (5.40), from the chain rule: F moves with the parameters alone."""
    q, p, m = Index("q", M), Index("p", s), Index("m", s)
    through = Equation("", "F moves with P alone", RF[q], total(J[q, p] * RP[p], p))
    moved = Equation("", "R", RP[m], Partial(P[m], t))
    given = Given((path(), moved), (through,))
    work = Deriving(RF[q], given)
    work.unfold(through.lhs, through.rhs, PREMISE, through.name)
    work.unfold(moved.lhs, moved.rhs, DEFINITION, moved.name)
    work.differentiate()
    k = Index("p", s)
    return _arrived(
        "5.40", "first derivative along the path", RF[q], work, total(J[q, k] * velocity(k), k), given
    )


def velocity(p: Expr) -> Expr:
    """Return dP/dt."""
    return h[p] + t * c[p]


def second_order() -> Part:
    """Derive (5.41) from (5.40): J moves with the parameters alone, too."""
    q, p, m, k, n = Index("q", M), Index("p", s), Index("m", s), Index("p", s), Index("m", s)
    moved = Equation("5.40", "R", R2F[q], Partial(total(J[q, p] * velocity(p), p), t))
    turned = Equation("", "R", RJ[q, p], Partial(J[q, p], t))
    through = Equation("", "J moves with P alone", RJ[q, p], total(B[q, p, m] * velocity(m), m))
    bend = total(total(B[q, k, n] * h[n], n) * h[k], k)
    meaning = Equation("7.12", "F along h", second[q], bend)
    given = Given((moved, turned), (through, START, meaning), moving=(J,))
    work = Deriving(moved.rhs, given).open_derivatives(lambda f: getattr(f, "base", None) == J)
    for node in [node for node in work.now.atoms(Partial) if node.f.base == J]:
        work.step(DEFINITION, node, RJ[node.f.indices], "R")
    work.unfold(through.lhs, through.rhs, PREMISE, through.name)
    work.step(PREMISE, t, Integer(0), START.name)
    o = Index("p", s)
    reached = work.arrive(bend + total(J[q, o] * c[o], o))
    work.step(PREMISE, bend, second[q], "(7.12)")
    equation = Equation("5.41", "second derivative along the path", R2F[q], work.now)
    return Part(equation, work.done(), given, "" if reached else "the two sides differ in their normal form")


# -- the correction -------------------------------------------------------------------------------------


def model() -> Equation:
    """Return psi(c), with fresh indices."""
    q, m = Index("q", M), Index("m", s)
    misfit = Rational(1, 2) * total(bending(q) ** 2, q)
    return Equation("", "what is left to second order, damped", psi, misfit + mu / 2 * total(c[m] ** 2, m))


def bending(q: Expr) -> Expr:
    """Return F'' + J c."""
    p = Index("p", s)
    return second[q] + total(J[q, p] * c[p], p)


def gradient() -> Part:
    """Derive (5.42)."""
    p, q, k = Index("p", s), Index("q", M), Index("k", s)
    meaning = model()
    given = Given((meaning,))
    work = Deriving(Partial(psi, c[p]), given)
    work.step(DEFINITION, psi, meaning.rhs, meaning.name)
    work.differentiate()
    claimed = total(J[q, p] * (second[q] + total(J[q, k] * c[k], k)), q) + mu * c[p]
    return _arrived("5.42", "gradient of psi", Partial(psi, c[p]), work, claimed, given)


def curvature(step: StepEquations) -> Part:
    """Derive (5.43): the second derivative of psi is the matrix of the step."""
    slope = gradient().equation
    (p,) = slope.lhs.v.indices
    m = Index("m", s)
    given = Given()
    work = Deriving(Partial(slope.rhs, c[m]), given).differentiate()
    named = dict(zip(step.normal_matrix.lhs.indices, (p, m), strict=True))
    claimed = step.normal_matrix.rhs.xreplace(named)
    return _arrived("5.43", "second derivative of psi", work.start, work, claimed, given)


def right_side() -> Part:
    """Derive (5.44): minus the gradient of psi at c = 0."""
    p, q, k, m, n = Index("p", s), Index("q", M), Index("k", s), Index("q", M), Index("m", s)
    none = Equation("", "c = 0", c[n], Integer(0))
    slope = total(J[m, p] * (second[m] + total(J[m, k] * c[k], k)), m) + mu * c[p]
    start = Equation("", "minus the gradient at c = 0", right[p], -slope)
    given = Given((start,), (none,))
    work = Deriving(-slope, given)
    work.unfold(none.lhs, none.rhs, PREMISE, none.name)
    work.tidy()
    equation = Equation("5.44", "right-hand side", right[p], -total(J[q, p] * second[q], q))
    return _arrived(equation.number, equation.name, right[p], work, equation.rhs, given)


def normal_equations(step: StepEquations) -> Part:
    """Derive (5.45)."""
    p, q, k = Index("p", s), Index("q", M), Index("k", s)
    side = _side()
    claimed = total(J[q, p] * (second[q] + total(J[q, k] * c[k], k)), q) + mu * c[p]
    equation = Equation("5.45", "normal equations", _residual_of_system(p), claimed)
    uses = (step.normal_matrix, side)
    return proved(equation, Given(uses), uses)


def dual(step: StepEquations) -> Part:
    """Derive (5.46): A c - g' vanishes for c = -J^T v'."""
    p, side, system, back = Index("p", s), _side(), _dual_system(step), _back()
    given = Given((step.normal_matrix, side, step.gram), (back, system))
    equation = Equation("5.46", "dual solves primal", _residual_of_system(p), Integer(0))
    return proved(equation, given, (back, step.normal_matrix, side, system, step.gram))


def left_over(step: StepEquations) -> Part:
    """Derive (5.47): F'' + J c = mu v'."""
    q, system, back = Index("q", M), _dual_system(step), _back()
    equation = Equation("5.47", "bending that is left", bending(q), mu * e[q])
    return proved(equation, Given((step.gram,), (back, system)), (back, system, step.gram))


def step_taken() -> Part:
    """Derive (5.48): the path at t = 1."""
    p = Index("p", s)
    meaning, end = path(), Equation("", "t = 1", t, Integer(1))
    taken = accelerated_computed().rhs
    (m,) = taken.free_symbols & taken.atoms(Index)
    equation = Equation("5.48", "accelerated step", P[p], taken.xreplace({m: p}))
    return proved(equation, Given((meaning,), (end,)), (meaning, end))


def weighed_bending(network: Network) -> Equation:
    """Return F'' with factors, the right-hand side of the dual system; F'' is R2a[L]."""
    i, k = Index("i", N), network.index("c", network.depth)
    meaning = factor[i, k] * R2a[network.depth, i, k]
    return Equation("5.49", "F'' with factors", rising[i, k], meaning)


def pulled_bending(network: Network) -> tuple[Derived, Given]:
    """Derive what J^T is multiplied with in (5.49): the outputs are weighed with t^2 F''."""
    weighed = weighed_bending(network)
    i, k = Index("i", N), network.index("c", network.depth)
    twice = Equation("5.49", "F'' with factors, twice", U[i, k], factor[i, k] * rising[i, k])
    given = Given((twice, weighed))
    derivation = Deriving(twice.rhs, given).unfold(weighed.lhs, weighed.rhs, DEFINITION, "(5.49)").done()
    equation = Equation(twice.number, twice.name, twice.lhs, derivation.result)
    return Derived(equation, derivation, network.depth, (i, k)), given


def with_factors() -> Part:
    """Derive (5.49): the right-hand side for rows that have factors."""
    p, q, m, n, k, o = (
        Index("p", s),
        Index("q", M),
        Index("q", M),
        Index("k", s),
        Index("q", M),
        Index("q", M),
    )
    rows = Equation("5.49", "rows with factors", Jt[m, n], factor[m] * J[m, n])
    bends = Equation("5.49", "F'' with factors", rising[k], factor[k] * second[k])
    equation = Equation(
        "5.49",
        "right-hand side with factors",
        -total(Jt[o, p] * rising[o], o),
        -total(J[q, p] * (factor[q] ** 2 * second[q]), q),
    )
    return proved(equation, Given((rows, bends)), (rows, bends))


def _side() -> Equation:
    p, q = Index("p", s), Index("q", M)
    return Equation("5.44", "right-hand side", right[p], -total(J[q, p] * second[q], q))


def _back() -> Equation:
    p, q = Index("p", s), Index("q", M)
    return Equation("5.46", "correction from the dual", c[p], -total(J[q, p] * e[q], q))


def _dual_system(step: StepEquations) -> Equation:
    """Return F'' as the left-hand side of the dual system, to be put in for it."""
    left = step.dual.lhs
    (q,) = step.dual.rhs.indices
    solution = {node: e[node.indices] for node in left.atoms(Indexed) if str(node.base) == "v"}
    return Equation("5.46", "dual system", second[q], left.xreplace(solution))


def _residual_of_system(p: Index) -> Expr:
    m = Index("m", s)
    return total(A[p, m] * c[m], m) - right[p]


def _arrived(number: str, name: str, left: Expr, work: Deriving, claimed: Expr, given: Given) -> Part:
    reason = "" if work.arrive(claimed) else "the two sides differ in their normal form"
    equation = Equation(number, name, left, work.now)
    return Part(equation, work.done(), given, reason)


def acceleration() -> Theorem:
    """State and prove what the geodesic acceleration is, and which systems give it."""
    step = step_equations()
    return Theorem(
        "acceleration",
        "Geodesic acceleration",
        (
            "mu > 0, and F is twice differentiable along the step",
            "P = p + t h + t^2/2 c is a path that leaves p with velocity h and acceleration c",
            "RF = dF/dt and R2F = d^2 F/dt^2 along the path; J and B are the derivatives of F",
            "F'' is R2a[L] of (7.12) along h; c is where ||F'' + J c||^2 + mu ||c||^2 is least",
            "(J J^T + mu I) v' = F'' and c = -J^T v' in (5.46) and (5.47)",
        ),
        (
            first_order(),
            second_order(),
            gradient(),
            curvature(step),
            right_side(),
            normal_equations(step),
            dual(step),
            left_over(step),
            step_taken(),
            with_factors(),
        ),
        "the correction c solves the damped system of the step with the right-hand side -J^T F''; along "
        "p + t h + t^2/2 c the outputs bend by mu v' alone, which vanishes with mu where J J^T is invertible",
    )
