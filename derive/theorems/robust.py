"""Robust losses by reweighting: the gradient, the step downhill, and why the weighted squares lie above.

With zeta_q = r_q / scale (5.20), the objective robust = scale^2 sum_q rho(zeta_q^2) (5.21) and the factors
t_q = sqrt(rho'(zeta_q^2)) (5.22):

    (5.23) the gradient of the objective is -2 sum_q t_q^2 r_q J_qk,
    (5.24) and so is that of sum_q t_q^2 r_q^2 with the factors held;
    (5.25) the step of the weighted squares leads downhill: g^T h = sum_q t_q^2 (J h)_q^2 + mu ||h||^2;
    (5.26) D(z) = rho(c) + rho'(c) (z - c) - rho(z) has the slope rho'(c) - rho'(z),
    (5.27) and is 0 at c: so D >= 0 where rho' never rises;
    (5.28) going from r to R, the objective rises less than the weighted squares by scale^2 sum_q D_q;
    (5.29) rho' of each loss, case by case.

That rho' exists, is at least 0 and never rises is decided in ``derive.robust``; a loss of which it is not
decided has no (5.29) here.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from sympy import Expr, Integer, Symbol, oo, sqrt

from derive.activations import Z
from derive.activations.equality import same_on
from derive.activations.regions import Region, between, breaks, on
from derive.calculus.derivation import Deriving
from derive.calculus.rules import DEFINITION
from derive.equation import Equation
from derive.errors import NotProvedError
from derive.quantities import F, Index, IndexedBase, Partial, Rho, RhoPrime, kronecker, mu, total, y
from derive.robust import ROBUST, RobustLoss
from derive.theorems.levenberg_marquardt import A, J, M, g, h, p_old, r, s
from derive.theorems.theorem import Given, Part, Theorem, proved

scale = Symbol("scale", positive=True)  # SciPy's C, or f_scale
zeta = IndexedBase("zeta")  # zeta[q], the scaled residual
t = IndexedBase("t")  # t[q], the root of the weight of a residual
part = IndexedBase("part")  # part[q], what a program computes of the loss first
robust = Symbol("robust")  # the objective
R = IndexedBase("R")  # R[q], the residual at another point
c = Symbol("c", real=True)  # where a tangent touches
rho = Symbol("rho")


def scaled_residual(q: Index) -> Equation:
    """Return (5.20)."""
    return Equation("5.20", "scaled residual", zeta[q], r[q] / scale)


def objective() -> Equation:
    """Return (5.21)."""
    q = Index("q", M)
    return Equation("5.21", "robust objective", robust, scale**2 * total(Rho(zeta[q] ** 2), q))


def factor(q: Index) -> Equation:
    """Return (5.22)."""
    return Equation("5.22", "root of the weight", t[q], sqrt(RhoPrime(zeta[q] ** 2)))


def _defined(equation: Equation) -> Part:
    """Show what a letter is defined as, so that it can be cited."""
    given = Given((equation,))
    work = Deriving(equation.lhs, given)
    work.step(DEFINITION, equation.lhs, equation.rhs, f"({equation.number})")
    return Part(equation, work.done(), given)


def gradient() -> Part:
    """Derive (5.23): the objective's gradient is that of weighted squares."""
    definitions = (objective(), scaled_residual(Index("q", M)), *_residual(), factor(Index("q", M)))
    equation = Equation("5.23", "gradient of the robust objective", *_gradient_of(robust))
    work, given = _opened(equation, definitions)
    for node in sorted(work.now.atoms(RhoPrime), key=str):
        place = node.args[0].base.indices[0]
        work.step(DEFINITION, node, t[place] ** 2, "(5.22)")
    work.unfold(definitions[1].lhs, definitions[1].rhs, DEFINITION, "(5.20)")
    reached = work.arrive(equation.rhs)
    return Part(equation, work.done(), given, "" if reached else "the two sides differ in their normal form")


def weighted_gradient() -> Part:
    """Derive (5.24): the gradient of the weighted squares, the factors held."""
    q = Index("q", M)
    squares = Symbol("squares")
    held = Equation("", "weighted squares, the factors held", squares, total(t[q] ** 2 * r[q] ** 2, q))
    equation = Equation("5.24", "gradient of the weighted squares", *_gradient_of(squares))
    work, given = _opened(equation, (held, *_residual()))
    reached = work.arrive(equation.rhs)
    return Part(equation, work.done(), given, "" if reached else "the two sides differ in their normal form")


def descent_direction() -> Part:
    """Derive (5.25): g^T h = sum_q t_q^2 (J h)_q^2 + mu ||h||^2 for the weighted step h."""
    p, m, k, n = (Index(name, s) for name in "pmkn")
    q, o = Index("q", M), Index("q", M)
    matrix = total(t[q] ** 2 * J[q, p] * J[q, m], q) + mu * kronecker(p, m)
    normal = Equation("", "weighted normal matrix", A[p, m], matrix)
    system = Equation("", "A h = g", g[p], total(A[p, m] * h[m], m))
    claimed = total(t[o] ** 2 * total(J[o, k] * h[k], k) ** 2, o) + mu * total(h[n] ** 2, n)
    start = total(g[p] * h[p], p)
    equation = Equation("5.25", "descent direction", start, claimed)
    return proved(equation, Given((normal,), (system,)), (system, normal))


def tangent_slope() -> Part:
    """Derive (5.26): how the distance of rho below its tangent changes."""
    equation = Equation("5.26", "below the tangent", Partial(_below(), Z), RhoPrime(c) - RhoPrime(Z))
    return proved(equation, Given())


def tangent_touches() -> Part:
    """Derive (5.27): the tangent touches rho at c."""
    there = Equation("", "z = c", Z, c)
    return proved(
        Equation("5.27", "at the tangent's point", _below(), Integer(0)), Given((), (there,)), (there,)
    )


def majorisation() -> Part:
    """Derive (5.28): how much less the objective rises than the weighted squares do."""
    q, o, k, n = (Index("q", M) for _ in range(4))
    weighted = total(t[q] ** 2 * (R[q] ** 2 - r[q] ** 2), q)
    there = R[o] ** 2 / scale**2
    rise = scale**2 * total(Rho(there) - Rho(zeta[o] ** 2), o)
    below = _below().xreplace({Z: R[n] ** 2 / scale**2, c: zeta[n] ** 2})
    claimed = scale**2 * total(below, n)
    at = Equation("5.20", "scaled residual", r[k], scale * zeta[k])
    uses = (factor(k), at)
    equation = Equation("5.28", "weighted squares lie above", weighted - rise, claimed)
    return proved(equation, Given(uses), uses)


def slopes_of(loss: RobustLoss) -> tuple[Part, ...]:
    """Derive (5.29), rho', on every region between two places where the cases change."""
    places = [place for place in breaks(loss.definition) if place.is_positive]
    first, *rest = between(places)
    return tuple(_slope(loss, region) for region in (Region(Integer(0), first.high), *rest))


def _slope(loss: RobustLoss, region: Region) -> Part:
    definition, found = on(loss.definition, region), on(loss.slope(), region)
    meaning = Equation("", f"{loss.name}{_for(region)}", rho, definition)
    given = Given((meaning,))
    work = Deriving(Partial(rho, Z), given)
    work.step(DEFINITION, rho, definition, meaning.name)
    work.differentiate()
    reached = work.now == found or (same_on(work.now, found, region) and bool(work.arrive(found)))
    reason = "" if reached else "the two sides differ as fractions"
    if not loss.concave:
        reason = "not proved to be concave and rising"
    equation = Equation("5.29", f"slope of {loss.name}{_for(region)}", Partial(rho, Z), found)
    return Part(equation, work.done(), given, reason)


def _for(region: Region) -> str:
    low = f" for z > {region.low}" if region.low != 0 else ""
    return low or (f" for z < {region.high}" if region.high != oo else "")


def _below() -> Expr:
    """Return how far rho lies below its tangent at c."""
    return Rho(c) + RhoPrime(c) * (Z - c) - Rho(Z)


def _residual() -> tuple[Equation, Equation]:
    """Return r = y - F, and J as what differentiates F."""
    q, o, k = Index("q", M), Index("q", M), Index("p", s)
    return (
        Equation("", "residual", r[q], y[q] - F[q]),
        Equation("", "Jacobian of F", J[o, k], Partial(F[o], p_old[k])),
    )


def _gradient_of(what: Expr) -> tuple[Expr, Expr]:
    k, q = Index("p", s), Index("q", M)
    return Partial(what, p_old[k]), -2 * total(t[q] ** 2 * r[q] * J[q, k], q)


def _opened(equation: Equation, definitions: tuple[Equation, ...]) -> tuple[Deriving, Given]:
    """Open the derivative of what the first equation defines, and name the Jacobian and r in the outcome."""
    given = Given(definitions, moving=(F,))
    work = Deriving(equation.lhs, given)
    work.open_derivatives(lambda f: getattr(f, "base", None) == F)
    for node in sorted(work.now.atoms(Partial), key=str):
        work.step(DEFINITION, node, J[(*node.f.indices, *node.v.indices)], "Jacobian of F")
    return work, given


def robust_losses(losses: Iterable[RobustLoss] = tuple(ROBUST.values())) -> Theorem:
    """State and prove what reweighting rests on, for losses that are proved to be concave."""
    return Theorem(
        "robust",
        "Robust losses by reweighting",
        (
            "scale > 0 and mu > 0",
            "J is the Jacobian of F at p, r = y - F",
            "rho' exists for z >= 0, is at least 0 and never rises: proved of every loss in (5.29)",
            "A h = g in (5.25), g being minus half of the gradient",
            "R is the residual at any other point",
        ),
        (
            _defined(scaled_residual(Index("q", M))),
            _defined(objective()),
            _defined(factor(Index("q", M))),
            gradient(),
            weighted_gradient(),
            descent_direction(),
            tangent_slope(),
            tangent_touches(),
            majorisation(),
            *(found for loss in losses for found in slopes_of(loss)),
        ),
        "the robust objective has the gradient of the weighted squares, so their step leads downhill; where "
        "rho' never rises it lies below rho(c) + rho'(c) (z - c), so what lowers the weighted squares "
        "lowers the objective by as much or more",
    )


@cache
def require_robust() -> None:
    """Prove the theorem.

    Raises:
        NotProvedError: if a part of it does not hold.
    """
    for found in robust_losses().parts:
        if not found.holds:
            raise NotProvedError(f"({found.equation.number}) is not proved: {found.faults[0]}")
