"""Levenberg-Marquardt steps by conjugate gradients: what an iteration rests on, and what a step cut short is.

The step minimises, with a factor t_q for each residual and a pull of the parameters towards 0,

    phi(h) = 1/2 sum_q (t_q (r_q - (J h)_q))^2 + ridge/2 sum_p (p_p + h_p)^2 + mu/2 sum_p h_p^2.

E is the residual of the linear model, times t, and B = J^T t E, one backward pass. For any h, whether it
solves the system or not,

    (5.30) the gradient of phi;
    (5.31) f = B - (mu + ridge) h - ridge p, the residual of the normal equations, is minus that gradient;
    (5.32) g = f at h = 0, minus half of the slope of ||t r||^2 + ridge ||p||^2;
    (5.33) what ||t r||^2 + ridge ||p||^2 falls: sum_p h_p (g_p + f_p + mu h_p);
    (5.34) 2 (phi(0) - phi(h)) = sum_p h_p (g_p + f_p);
    (5.35) 2 g^T h is that and two squares: a step that lowers phi at all leads downhill.

Along a direction d, whose image is c = t J d, one forward pass,

    (5.36) 2 (phi(h) - phi(h + alpha d)) = alpha (2 f^T d - alpha kappa) with the curvature kappa =
           ||c||^2 + (mu + ridge) ||d||^2: alpha = f^T d / kappa is best, and never raises phi;
    (5.37) f falls by alpha (J^T t c + (mu + ridge) d);
    (5.38) the next direction, f' + beta d, is conjugate to d where f'^T f = f'^T d = 0 and f^T d = f^T f,
           if beta = f'^T f' / f^T f.

Another damping at the same point begins on the ray of the last step h, solved for nu, whose image t J h is
t r - E:

    (5.39) f at alpha h is g - alpha (g - f + (mu - nu) h): no product with J is needed.

By (5.36) alpha = g^T h / kappa is best there. That so many steps solve the system is not claimed: whether h
does is seen from f.

After Hestenes and Stiefel, Methods of conjugate gradients for solving linear systems (1952).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sympy import Expr, Integer, Rational, Symbol

from derive.calculus.derivation import Deriving
from derive.calculus.rules import DEFINITION
from derive.equation import Equation
from derive.quantities import Index, IndexedBase, Partial, mu, total
from derive.theorems.levenberg_marquardt import J, M, g, h, p_old, phi, r, s
from derive.theorems.theorem import Given, Part, Theorem, proved
from derive.theorems.trials import E, decrease

t = IndexedBase("t")  # t[q], what the rows of J and r are multiplied by
B = IndexedBase("B")  # B[p], J^T t E
f = IndexedBase("f")  # f[p], the residual of the normal equations
d, c = IndexedBase("d"), IndexedBase("c")  # d[p], a direction; c[q], its image t J d
f_next, d_next = IndexedBase("f'"), IndexedBase("d'")
h_next, E_next = IndexedBase("h'"), IndexedBase("E'")
ridge = Symbol("ridge", nonnegative=True)
alpha, beta, kappa = Symbol("alpha"), Symbol("beta"), Symbol("kappa")
nu = Symbol("nu", positive=True)  # the damping of the last step
square, slope = Symbol("square"), Symbol("slope")  # f^T f, g^T h
MODEL = "the damped model"


def twice_model(at: Expr | None = None) -> Expr:
    """Return twice phi, at h + alpha d if alpha is given, with fresh indices."""
    q, p, m, n = Index("q", M), Index("p", s), Index("m", s), Index("n", s)

    def step(k: Index) -> Expr:
        return h[k] if at is None else h[k] + at * d[k]

    misfit = t[q] * (r[q] - total(J[q, p] * step(p), p))
    pulled = p_old[m] + step(m)
    return total(misfit**2, q) + ridge * total(pulled**2, m) + mu * total(step(n) ** 2, n)


def at_rest() -> Expr:
    """Return twice phi at h = 0."""
    q, p = Index("q", M), Index("p", s)
    return total((t[q] * r[q]) ** 2, q) + ridge * total(p_old[p] ** 2, p)


# -- what is computed ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Iteration:
    """The equations of an iteration, as they are computed over p and over all residuals."""

    weigh: Equation  # rows times t, in (5.31) and everywhere
    residual: Equation  # (5.31)
    curvature: Equation  # kappa of (5.36)
    square: Equation  # f^T f
    step: Equation
    misfit: Equation
    direction: Equation
    decrease: Equation  # (5.33)
    again: tuple[Equation, Equation]  # the image of the last step, and g^T h
    ray: tuple[Equation, Equation, Equation]  # (5.39)


def iteration() -> Iteration:
    """Return the equations that are emitted."""
    p, q = Index("p", s), Index("q", M)
    return Iteration(
        Equation("5.31", "rows times factors", c[q], t[q] * E[q]),
        Equation(
            "5.31", "residual of the normal equations", f[p], B[p] - (mu + ridge) * h[p] - ridge * p_old[p]
        ),
        Equation("5.36", "curvature along d", kappa, curvature()),
        Equation("5.38", "square of f", square, total(f[p] ** 2, p)),
        Equation("5.36", "step along d", h_next[p], h[p] + alpha * d[p]),
        Equation("5.37", "model after the step", E_next[q], E[q] - alpha * c[q]),
        Equation("5.38", "next direction", d_next[p], f[p] + beta * d[p]),
        Equation("5.33", "predicted decrease of any step", decrease, predicted()),
        (
            Equation("5.39", "image of the last step", c[q], r[q] - E[q]),
            Equation("5.36", "slope along the last step", slope, total(g[p] * h[p], p)),
        ),
        (
            Equation("5.39", "residual on the ray", f_next[p], on_ray(p)),
            Equation("5.39", "model on the ray", E_next[q], r[q] - alpha * c[q]),
            Equation("5.39", "step on the ray", h_next[p], alpha * h[p]),
        ),
    )


def on_ray(p: Index) -> Expr:
    """Return the right-hand side of (5.39)."""
    return g[p] - alpha * (g[p] - f[p] + (mu - nu) * h[p])


def curvature() -> Expr:
    """Return kappa."""
    p, q = Index("p", s), Index("q", M)
    return total(c[q] ** 2, q) + (mu + ridge) * total(d[p] ** 2, p)


def predicted() -> Expr:
    """Return the right-hand side of (5.33)."""
    p = Index("p", s)
    return total(h[p] * (g[p] + f[p] + mu * h[p]), p)


# -- proofs ----------------------------------------------------------------------------------------------


def _residual() -> Equation:
    """Say what f is, with B put in."""
    p, q = Index("p", s), Index("q", M)
    pulled = total(J[q, p] * t[q] * E[q], q)
    right = pulled - (mu + ridge) * h[p] - ridge * p_old[p]
    return Equation("5.31", "residual of the normal equations", f[p], right)


def _slope() -> Equation:
    p, q = Index("p", s), Index("q", M)
    right = total(J[q, p] * t[q] ** 2 * r[q], q) - ridge * p_old[p]
    return Equation("5.32", "slope at the point", g[p], right)


def _misfit() -> Equation:
    q, p = Index("q", M), Index("p", s)
    return Equation("", "E = t (r - J h)", E[q], t[q] * (r[q] - total(J[q, p] * h[p], p)))


def _image() -> Equation:
    q, p = Index("q", M), Index("p", s)
    return Equation("", "c = t J d", c[q], t[q] * total(J[q, p] * d[p], p))


def _by(equation: Equation, *uses: Equation) -> Part:
    """Put definitions in on the left, one after another, and arrive at the right."""
    return proved(equation, Given(uses), uses)


def gradient() -> Part:
    """Derive (5.30): d phi/dh."""
    p, q, k = Index("p", s), Index("q", M), Index("k", s)
    defined = Equation("", MODEL, phi, Rational(1, 2) * twice_model())
    given = Given((defined,))
    work = Deriving(Partial(phi, h[p]), given)
    work.step(DEFINITION, phi, defined.rhs, MODEL).differentiate()
    claimed = mu * h[p] + ridge * (p_old[p] + h[p])
    claimed -= total(t[q] ** 2 * J[q, p] * (r[q] - total(J[q, k] * h[k], k)), q)
    reason = "" if work.arrive(claimed) else "the two sides differ in their normal form"
    equation = Equation("5.30", "gradient of the damped model", Partial(phi, h[p]), work.now)
    return Part(equation, work.done(), given, reason)


def residual(slope: Part) -> Part:
    """Derive (5.31): f is minus the gradient, wherever h is."""
    found = _residual()
    (old,) = slope.equation.lhs.v.indices
    claimed = -slope.equation.rhs.xreplace({old: found.lhs.indices[0]})
    return _by(Equation(found.number, found.name, found.lhs, claimed), found, _misfit())


def slope_at_rest() -> Part:
    """Derive (5.32): f at h = 0, where E = t r, is g."""
    q, k = Index("q", M), Index("k", s)
    found, slope = _residual(), _slope()
    still = Equation("", "h = 0", h[k], Integer(0))
    unmoved = Equation("", "E = t r", E[q], t[q] * r[q])
    claimed = slope.rhs.xreplace({slope.lhs.indices[0]: found.lhs.indices[0]})
    equation = Equation(slope.number, slope.name, found.lhs, claimed)
    return proved(equation, Given((found,), (still, unmoved)), (found, still, unmoved))


def prediction() -> Part:
    """Derive (5.33): what the sum of squares falls by any h; the damping is no part of it."""
    p = Index("p", s)
    claimed = at_rest() - (twice_model() - mu * total(h[p] ** 2, p))
    equation = Equation("5.33", "predicted decrease of any step", predicted(), claimed)
    return _by(equation, _slope(), _residual(), _misfit())


def fall() -> Part:
    """Derive (5.34): what phi falls by any h."""
    p = Index("p", s)
    claimed = at_rest() - twice_model()
    equation = Equation("5.34", "fall of the damped model", total(h[p] * (g[p] + f[p]), p), claimed)
    return _by(equation, _slope(), _residual(), _misfit())


def downhill() -> Part:
    """Derive (5.35): the slope along h is what phi falls, and two squares."""
    p, q, k, n = Index("p", s), Index("q", M), Index("k", s), Index("n", s)
    image = t[q] * total(J[q, k] * h[k], k)
    squares = total(image**2, q) + (mu + ridge) * total(h[n] ** 2, n)
    claimed = at_rest() - twice_model() + squares
    name = "a step that lowers the damped model leads downhill"
    return _by(Equation("5.35", name, 2 * total(g[p] * h[p], p), claimed), _slope())


def along() -> Part:
    """Derive (5.36): what phi falls from h to h + alpha d."""
    p = Index("p", s)
    start = alpha * (2 * total(f[p] * d[p], p) - alpha * curvature())
    equation = Equation("5.36", "fall along d", start, twice_model() - twice_model(alpha))
    return _by(equation, _residual(), _misfit(), _image())


def next_residual() -> Part:
    """Derive (5.37): f at h + alpha d, where E - alpha c is the residual of the model."""
    p, q, n = Index("p", s), Index("q", M), Index("q", M)
    moved = total(J[q, p] * t[q] * (E[q] - alpha * c[q]), q)
    start = moved - (mu + ridge) * (h[p] + alpha * d[p]) - ridge * p_old[p]
    there = Equation("5.31", "f at h + alpha d", f_next[p], start)
    here = _residual()
    image = total(J[n, p] * t[n] * c[n], n) + (mu + ridge) * d[p]
    claimed = here.rhs.xreplace({here.lhs.indices[0]: p}) - alpha * image
    return _by(Equation("5.37", "residual after a step", there.lhs, claimed), there)


def ray() -> Part:
    """Derive (5.39): f at alpha h, where f at h belongs to another damping."""
    p, q = Index("p", s), Index("q", M)
    moved = total(J[q, p] * t[q] * (t[q] * r[q] - alpha * (t[q] * r[q] - E[q])), q)
    start = moved - (mu + ridge) * alpha * h[p] - ridge * p_old[p]
    here = _residual()
    last = Equation(here.number, "f at h for nu", here.lhs, here.rhs.xreplace({mu: nu}))
    equation = Equation("5.39", "residual on the ray of the last step", on_ray(p), start)
    return _by(equation, _slope(), last)


def conjugate() -> Part:
    """Derive (5.38): d' times f - f', which is alpha times the matrix of the system times d."""
    p = Index("p", s)
    turned = Equation("", "d' = f' + beta d", d_next[p], f_next[p] + beta * d[p])

    def inner(one: IndexedBase, other: IndexedBase) -> Expr:
        k = Index("p", s)
        return total(one[k] * other[k], k)

    claimed = inner(f_next, f) - inner(f_next, f_next) + beta * inner(f, d) - beta * inner(f_next, d)
    equation = Equation("5.38", "conjugate directions", total(d_next[p] * (f[p] - f_next[p]), p), claimed)
    return _by(equation, turned)


@cache
def matrix_free() -> Theorem:
    """State and prove what a step by conjugate gradients rests on."""
    first = gradient()
    return Theorem(
        "matrix-free",
        "Steps by conjugate gradients, and steps that are cut short",
        (
            "2 phi(h) = sum_q (t_q (r - J h)_q)^2 + ridge ||p + h||^2 + mu ||h||^2, mu > 0, ridge >= 0",
            "g, f, E and c are what the equations (5.31) and (5.32) and the notes beside the steps say",
            "h and d are any step and any direction: nothing is assumed to solve a system",
            "in (5.38) d' = f' + beta d; in (5.39) f is the residual at h for the damping nu",
        ),
        (
            first,
            residual(first),
            slope_at_rest(),
            prediction(),
            fall(),
            downhill(),
            along(),
            next_residual(),
            conjugate(),
            ray(),
        ),
        "f says how far any h is from the step, and gives the decrease that h predicts; a step that lowers "
        "phi at all, such as conjugate gradients cut short anywhere, leads downhill; alpha = f^T d / kappa "
        "lowers phi most along d, and with beta = f'^T f' / f^T f directions are conjugate, since f'^T f = "
        "f'^T d = 0 and f^T d = f^T f",
    )
