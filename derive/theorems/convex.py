"""What makes the step of ``curved`` a good one: phi is least there, it leads downhill, it has a dual form.

    (2.20) the gradient of phi;
    (2.21) A h - g is that gradient, so A h = g is where phi is least if H is positive semidefinite;
    (2.22) g^T h = (J h)^T H (J h) + mu ||h||^2 for A h = g: h leads downhill if H is positive semidefinite;
    (2.23) h = J^T v solves A h = g where (K J^T + mu I) v = rho: push-through;
    (2.24), (2.25) with H = I the matrices are those of (2.1) and (2.5);
    (2.26) the softmax's H is positive semidefinite: its form is a sum of squares with weights a a' >= 0.

A diagonal H is positive semidefinite if each of its entries is at least 0, which ``nonnegative`` decides.
"""

from __future__ import annotations

from sympy import Add, Indexed, Integer, Rational, Sum

from derive.activations import ACTIVATIONS
from derive.architecture import USUAL
from derive.calculus.derivation import Deriving, renamed
from derive.calculus.normal_form import equal
from derive.calculus.rules import DEFINITION, PREMISE
from derive.equation import Equation
from derive.network import Network
from derive.nonnegative import nonnegative
from derive.quantities import Index, N, a, kronecker, mu, total
from derive.theorems.curved import (
    MODEL,
    MOVE,
    SYMMETRY,
    H,
    K,
    curvature_in_outputs,
    curved_equations,
    d,
    model,
    moved,
    of_squares,
    rho,
)
from derive.theorems.levenberg_marquardt import A, J, M, StepEquations, g, h, phi, s, step_equations
from derive.theorems.theorem import Given, Part, Theorem, proved

NO_STEP = "not proved: Levenberg-Marquardt needs a convex loss, so no step of it is emitted; use descent"
FLAT = "the loss is nowhere curved, so no Levenberg-Marquardt step is emitted; use descent"
VERDICT = "the curvature of the cost in the outputs is positive semidefinite"


def bending() -> Equation:
    """Return (2.17) over all outputs of all samples."""
    q, k = Index("q", M), Index("p", s)
    other = Index("q'", M)
    return Equation("2.17", "bent rows", K[q, k], total(H[q, other] * J[other, k], other))


def gradient(step: StepEquations) -> Part:
    """Derive (2.20): d phi/dh."""
    q, other = Index("q", M), Index("q'", M)
    symmetric = Equation("", SYMMETRY, H[q, other], H[other, q])
    given = Given((Equation("", MODEL, phi, model()), moved(q)), (symmetric,))
    equation = Equation("2.20", "gradient of phi", step.gradient.start, step.gradient.result)
    return Part(equation, step.gradient, given)


def normal_matrix(step: StepEquations) -> Part:
    """Derive (2.18): A is the second derivative of phi."""
    second = Equation("", "second derivative of phi", step.normal_matrix.lhs, step.hessian.start)
    given = Given((second, bending(), moved(Index("q", M))))
    return Part(step.normal_matrix, step.hessian, given)


def right_side(step: StepEquations) -> Part:
    """Derive (2.2) again: g is minus the gradient of phi at h = 0."""
    at_zero = step.right_derivation
    given = Given((Equation("", "minus the gradient of phi at h = 0", step.right_side.lhs, at_zero.start),))
    return Part(step.right_side, at_zero, given)


def normal_equations(step: StepEquations) -> Part:
    """Derive (2.21): A h - g is the gradient of phi."""
    p = step.gradient.start.v.indices[0]
    m = Index("m", s)
    uses, move = (step.normal_matrix, step.right_side, bending()), moved(Index("q", M))
    equation = Equation("2.21", "normal equations", total(A[p, m] * h[m], m) - g[p], step.gradient.result)
    given = Given((*uses, move))
    work = Deriving(equation.lhs, given)
    for used in uses:
        work.unfold(used.lhs, used.rhs, DEFINITION, f"({used.number})")
    (entry,) = (e for e in equation.rhs.atoms(Indexed) if e.base == d)
    opened = given.definition(entry)
    work.multiply_out()
    reached = work.arrive(equation.rhs.xreplace({entry: opened}))
    work.step(DEFINITION, opened, entry, MOVE)
    return Part(equation, work.done(), given, "" if reached else "the two sides differ in their normal form")


def descent_direction(step: StepEquations) -> Part:
    """Derive (2.22): g^T h = (J h)^T H (J h) + mu ||h||^2."""
    p, k, n, m = (Index(name, s) for name in "pknm")
    q, other = Index("q", M), Index("q'", M)
    along, across = total(J[q, k] * h[k], k), total(J[other, n] * h[n], n)
    claimed = total(along * total(H[q, other] * across, other), q) + mu * total(h[m] ** 2, m)
    system = Equation(step.primal.number, step.primal.name, step.primal.rhs, step.primal.lhs)
    uses = (system, step.normal_matrix, bending())
    equation = Equation("2.22", "descent direction", total(g[p] * h[p], p), claimed)
    return proved(equation, Given(uses[1:], (system,)), uses)


def dual(step: StepEquations) -> Part:
    """Derive (2.23): A h - g vanishes for h = J^T v, where v solves the dual system."""
    system = Equation(step.dual.number, step.dual.name, step.dual.rhs, step.dual.lhs)
    definitions = (step.normal_matrix, step.right_side, step.gram)
    p, m = Index("p", s), Index("m", s)
    uses = (step.back, step.normal_matrix, step.right_side, system, step.gram)
    start = total(A[p, m] * h[m], m) - g[p]
    equation = Equation("2.23", "dual solves primal", start, Integer(0))
    return proved(equation, Given(definitions, (step.back, system)), uses)


def squares(step: StepEquations) -> tuple[Part, Part]:
    """Derive (2.24) and (2.25): with H = I the two matrices are those of the sum of squares."""
    plain = step_equations()
    q, other = Index("q", M), Index("q'", M)
    bend = bending()
    flat = Equation("", "H = I", H[q, other], kronecker(q, other))
    parts = []
    for number, matrix, known in (
        ("2.24", step.normal_matrix, plain.normal_matrix),
        ("2.25", step.gram, plain.gram),
    ):
        wanted = renamed(known.rhs, dict(zip(known.lhs.indices, matrix.lhs.indices, strict=True)))
        equation = Equation(number, f"{matrix.name} for squares", matrix.lhs, wanted)
        parts.append(proved(equation, Given((matrix, bend), (flat,)), (matrix, bend, flat)))
    return parts[0], parts[1]


def softmax_form(network: Network | None = None) -> Part:
    """Derive (2.26): sum_cc' d_c H_cc' d_c' is half of a sum of squares, for outputs that add up to 1."""
    network = network or Network(loss="cross-entropy")
    last, i = network.depth, Index("i", N)
    c, k, n = (network.index(name, last) for name in "ckn")
    curvature = curvature_in_outputs(network).equation
    scale = network.cost_terms.factor
    squares = scale * Rational(1, 2) * total(a[last, i, c] * a[last, i, k] * (d[i, c] - d[i, k]) ** 2, c, k)
    whole = Equation("", "the outputs of a sample add up to 1", total(a[last, i, n], n), Integer(1))
    given = Given((curvature,), (whole,))
    form = total(d[i, c] * total(H[i, c, k] * d[i, k], k), c)
    work = Deriving(form, given).unfold(curvature.lhs, curvature.rhs, DEFINITION, "(2.16)").multiply_out()
    for term in Add.make_args(work.now):
        if term.has(Sum) and len(term.atoms(Index)) == len({i}) + 1:  # the sum over one output
            work.step(PREMISE, term, term * whole.lhs, whole.name)
    reason = "" if work.arrive(squares) else "the two sides differ in their normal form"
    return Part(Equation("2.26", "the softmax's curvature", form, squares), work.done(), given, reason)


def curvature_is_nonnegative(network: Network) -> bool:
    """Decide whether H is positive semidefinite for all outputs and targets; False means "not proved".

    Factors and weights are positive. The softmax has (2.26), its outputs being positive with the sum 1; the
    logistic with its cross-entropy has H = s', and any other loss its own second derivative.
    """
    if network.softmax:
        return softmax_form(network).holds
    if network.cancels:
        return nonnegative(ACTIVATIONS[USUAL].derivative())
    return network.cost_terms.convex


def no_step(network: Network) -> str:
    """Say why a network whose cost is no sum of squares has no step; nothing if it has one."""
    if not network.matched and network.cost_terms.curvature() == 0:  # an absolute value, say
        return FLAT
    return "" if curvature_is_nonnegative(network) else NO_STEP


def applies(network: Network) -> str:
    """Say in words whether a network has a Levenberg-Marquardt step, and of which kind."""
    if of_squares(network):
        return "of a sum of squares"
    where = "z[L]" if network.matched else "a[L]"
    has = f"with the curvature of the cost in {where}, which is positive semidefinite"
    return no_step(network) or has


def convex_step() -> Theorem:
    """State and prove the step for any cost with a curvature that is positive semidefinite."""
    step = curved_equations()
    return Theorem(
        "curved-step",
        "The Levenberg-Marquardt step for a convex loss",
        (
            "mu > 0",
            "J is the Jacobian of the outputs at p, rho minus the slope of the cost in them, H its curvature",
            "H is symmetric, and positive semidefinite in the conclusion",
            "A h = g: (2.3) in (2.22); (K J^T + mu I) v = rho: (2.6) in (2.23); K = H J",
            "a > 0 and the a of a sample add up to 1 in (2.26)",
        ),
        (
            gradient(step),
            normal_matrix(step),
            right_side(step),
            normal_equations(step),
            descent_direction(step),
            dual(step),
            *squares(step),
            softmax_form(),
        ),
        "the minimiser h of the cost to second order in outputs that are linearised, damped, solves "
        "(J^T H J + mu I) h = J^T rho and leads downhill; h = J^T v with (H J J^T + mu I) v = rho is "
        "the same step, and nothing is divided by H",
    )


def prove_step(step: StepEquations) -> bool:
    """Decide, by the normal form alone, that the systems are what is claimed and the dual one solves them.

    The claims stand here and owe nothing to the derivation: A = J^T H J + mu I, g = J^T rho and A h - g the
    gradient of phi; and A h = g for h = J^T v where (K J^T + mu I) v = rho.
    """
    p, m, k, n = (Index(name, s) for name in "pmkn")
    q, other, o = Index("q", M), Index("q'", M), Index("q", M)
    (start,) = step.gradient.start.v.indices
    matrix = total(J[q, p] * total(H[q, other] * J[other, m], other), q) + mu * kronecker(p, m)
    right = total(J[o, p] * rho[o], o)
    opened = Given((bending(), moved(Index("q", M)))).definition
    found = Given((step.normal_matrix, step.right_side)).definition
    gradient = step.gradient.result.xreplace({start: p})
    claimed = total(matrix.xreplace({m: k}) * h[k], k) - right
    dual = Equation("", "", step.dual.rhs, step.dual.lhs)
    solving = Given((step.normal_matrix, step.right_side, step.gram, step.back, dual)).definition
    primal = step.primal.lhs - step.primal.rhs
    (row,) = (index for index in primal.free_symbols if isinstance(index, Index))
    system = total(A[p, n] * h[n], n) - g[p]
    return (
        equal(gradient, claimed, opened)
        and equal(found(A[p, m]), matrix, opened)
        and equal(found(g[p]), right)
        and equal(primal.xreplace({row: p}), system)
        and equal(system, Integer(0), solving)
    )
