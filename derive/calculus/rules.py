"""The named rules by which a derivative is opened, and the rules that tidy what is left.

A rule that opens ``Partial(f, v)`` answers with an ``Opening``: the rule's name, the smaller derivatives that
it calls for, and how their values combine. Nothing else in the project knows how to differentiate.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Protocol, cast

from sympy import (
    Add,
    Expr,
    Indexed,
    Integer,
    KroneckerDelta,
    Mul,
    Pow,
    Rational,
    Sum,
    Symbol,
    atan,
    cos,
    cosh,
    erf,
    exp,
    log,
    sin,
    sinh,
    tanh,
)

from derive.quantities import (
    Direct,
    Index,
    Loss,
    LossPrime,
    Partial,
    Rho,
    Sigma,
    SigmaPrime,
    bound,
    exchanged,
    free,
    kronecker,
    summed,
    z,
)


@dataclass(frozen=True)
class Rule:
    """A step that a textbook would name, with what must hold for it to be allowed."""

    name: str
    statement: str
    side_condition: str = "none"


DEFINITION = Rule("definition", "a quantity equals the right-hand side that defines it")
CHAIN = Rule(
    "chain rule",
    "df/dv = sum_k df/du_k du_k/dv; for a function of one u, d sigma(u)/dv = sigma'(u) du/dv",
    "f depends on v only through the u_k, and both maps are differentiable; where some u_k feed others, "
    "du_k/dv holds the others",
)
LINEARITY = Rule("linearity", "d(f + g)/dv = df/dv + dg/dv; likewise for sums")
CONSTANT = Rule(
    "constant factor", "d(c f)/dv = c df/dv; likewise for sums, so -(u - v) = v - u", "c is free of v"
)
PRODUCT = Rule("product rule", "d(f g)/dv = df/dv g + f dg/dv")
POWER = Rule("power rule", "d(f^m)/dv = m f^(m-1) df/dv", "m is a number; f is not 0 where m < 1")
EXCHANGE = Rule("exchange of derivative and sum", "d/dv sum_k f_k = sum_k df_k/dv", "finite sum")
INDEPENDENCE = Rule("independence", "df/dv = 0", "f does not depend on v")
COORDINATES = Rule("independent coordinates", "dv_m/dv_j = delta_mj")
COLLAPSE = Rule("Kronecker collapse", "sum_m delta_mj f_m = f_j", "j runs over the same range as m")
DISTRIBUTIVE = Rule(
    "distributive law",
    "u (v + w) = u v + u w, in both directions, sums exchanged and bound indices renamed",
    "finite sums; denominators are not 0",
)
PREMISE = Rule("premise", "what the theorem assumes", "the premise that is named")

RULES = (
    DEFINITION,
    CHAIN,
    LINEARITY,
    CONSTANT,
    PRODUCT,
    POWER,
    EXCHANGE,
    INDEPENDENCE,
    COORDINATES,
    COLLAPSE,
    DISTRIBUTIVE,
    PREMISE,
)

OPAQUE = (Sigma, SigmaPrime, Loss, LossPrime)
ELEMENTARY = (exp, log, sin, cos, sinh, cosh, tanh, atan, erf, Rho)  # differentiable wherever they are real


class Definitions(Protocol):
    """What the rules need to know about the quantities of a problem."""

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines the quantity, with fresh bound indices, or None."""

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        """Say whether an indexed quantity or symbol can change with the variable."""


class Layered(Definitions, Protocol):
    """What the rules need to know, too, where layers feed one another."""

    def depends_directly(self, quantity: Expr, variable: Expr) -> bool:
        """Say whether it can change while every z but those of the variable's layer is held."""


@dataclass(frozen=True)
class Opening:
    """One application of a rule to a derivative."""

    rule: Rule
    partials: tuple[Partial, ...]
    combine: Callable[..., Expr]

    @property
    def result(self) -> Expr:
        """What the derivative becomes, the smaller derivatives still to be opened."""
        return self.combine(*self.partials)


def depends(f: Expr, v: Expr, known: Definitions) -> bool:
    """Say whether any quantity inside ``f`` can change with ``v``."""
    if isinstance(f, Indexed) or not f.args:
        return known.depends(f, v)
    return any(depends(arg, v, known) for arg in f.args)


def open_partial(partial: Partial, known: Definitions) -> Opening:
    """Apply the one rule that fits the outermost operation of ``partial.f``."""
    if isinstance(partial, Direct):
        return _open_direct(partial, known)
    return _open(partial.f, partial.v, known)


class _Held:
    """The definitions with all z held but those of one layer."""

    def __init__(self, known: Layered) -> None:
        self.definition = known.definition
        self.depends = known.depends_directly


def _open_direct(partial: Direct, known: Definitions) -> Opening:
    """Open a derivative in which other z are held; a z by itself stands for what defines it."""
    f, v = partial.f, partial.v
    held = _Held(cast(Layered, known))
    if getattr(f, "base", None) == z and not _same_family(f, v):
        meaning = known.definition(f)
        if meaning is None:
            raise ValueError(f"nothing defines {f}")
        return Opening(DEFINITION, (Direct(meaning, v),), lambda d: d)
    opening = _open(f, v, held)
    if any(getattr(p.f, "base", None) == z and not _same_family(p.f, v) for p in opening.partials):
        raise ValueError(f"a z that is held would stand by itself: {f}")  # and mean what defines it
    return Opening(opening.rule, tuple(Direct(p.f, p.v) for p in opening.partials), opening.combine)


def _open(f: Expr, v: Expr, known: Definitions) -> Opening:
    if _same_family(f, v):
        return Opening(COORDINATES, (), lambda: _same_coordinate(f, v))
    if not depends(f, v, known):
        return Opening(INDEPENDENCE, (), lambda: Integer(0))
    if isinstance(f, Add):
        return Opening(LINEARITY, tuple(Partial(arg, v) for arg in f.args), Add)
    if isinstance(f, Mul):
        return _open_product(f, v, known)
    if isinstance(f, Sum):
        f = fresh_bound(f, free(v))
        return Opening(EXCHANGE, (Partial(f.function, v),), lambda d: summed(d, *f.limits))
    if isinstance(f, Pow) and isinstance(f.exp, Rational):
        return Opening(POWER, (Partial(f.base, v),), lambda d: Mul(f.exp, f.base ** (f.exp - 1), d))
    if isinstance(f, OPAQUE):  # of a layer and z, or of a target and an output
        return Opening(CHAIN, (Partial(f.args[1], v),), lambda d: f.fdiff(2) * d)
    if isinstance(f, ELEMENTARY):
        return Opening(CHAIN, (Partial(f.args[0], v),), lambda d: f.fdiff() * d)
    meaning = known.definition(f)
    if meaning is None:
        raise ValueError(f"no rule opens the derivative of {f} in {v}")
    return Opening(DEFINITION, (Partial(meaning, v),), lambda d: d)


def _open_product(f: Mul, v: Expr, known: Definitions) -> Opening:
    moving = [arg for arg in f.args if depends(arg, v, known)]
    fixed = Mul(*(arg for arg in f.args if arg not in moving))
    if fixed != 1:
        return Opening(CONSTANT, (Partial(Mul(*moving), v),), lambda d: fixed * d)
    first, rest = moving[0], Mul(*moving[1:])
    return Opening(PRODUCT, (Partial(first, v), Partial(rest, v)), lambda d, e: d * rest + first * e)


def _same_family(f: Expr, v: Expr) -> bool:
    """Say whether f and v are coordinates of the same vector: one letter, one layer."""
    if f == v:
        return True
    if not (isinstance(f, Indexed) and isinstance(v, Indexed) and f.base == v.base):
        return False
    pairs = zip(f.indices, v.indices, strict=True)
    return all(p == q for p, q in pairs if not (isinstance(p, Index) and isinstance(q, Index)))


def _same_coordinate(f: Expr, v: Expr) -> Expr:
    if isinstance(f, Symbol):
        return Integer(1)
    return Mul(*(kronecker(p, q) for p, q in zip(f.indices, v.indices, strict=True)))


def differentiate(
    f: Expr, v: Expr, known: Definitions, closed: Callable[[Expr], bool] = lambda f: False
) -> Expr:
    """Return the derivative by the rules alone, without keeping the steps; some may be left closed."""
    if closed(f):
        return Partial(f, v)
    opening = open_partial(Partial(f, v), known)
    return opening.combine(*(differentiate(p.f, p.v, known, closed) for p in opening.partials))


def fresh_bound(expr: Expr, taken: Set[Expr]) -> Expr:
    """Rename every bound index of ``expr`` that is in ``taken``, so that it captures nothing."""
    if isinstance(expr, Sum):
        clashing = [index for index in expr.variables if index in taken]
        expr = exchanged(expr, {index: Index(index.name, index.upper) for index in clashing})
    if bound(expr).isdisjoint(taken):
        return expr
    return expr.func(*(fresh_bound(arg, taken) for arg in expr.args))


# -- tidying: the rules that act on sums once no derivative is left ------------------------------------


def tidy_sum(node: Sum) -> tuple[Rule, Expr] | None:
    """Apply the first rule that simplifies a sum: linearity, constant factor, Kronecker collapse."""
    body, *limits = node.args
    if body == 0:
        return CONSTANT, Integer(0)
    if isinstance(body, Add) and body.has(KroneckerDelta):
        return LINEARITY, Add(*(summed(term, *limits) for term in body.args))
    factors = Mul.make_args(body)
    for limit in limits:
        for factor in factors:
            if isinstance(factor, KroneckerDelta) and limit[0] in factor.args:
                p, q = factor.args[:2]
                index, other = (p, q) if p == limit[0] else (q, p)
                whole = limit == (index, 1, index.upper)
                if whole and isinstance(other, Index) and other.upper == index.upper:
                    rest = fresh_bound(Mul(*(f for f in factors if f is not factor)), {index, other})
                    rest = exchanged(rest, {index: other})
                    left = [other_limit for other_limit in limits if other_limit is not limit]
                    return COLLAPSE, summed(rest, *left) if left else rest
    innermost, *outer = limits
    outside = [f for f in factors if f != 1 and innermost[0] not in free(f)]
    if outside:
        inside = summed(Mul(*(f for f in factors if f not in outside)), innermost)
        moved = Mul(*outside) * inside
        return CONSTANT, summed(moved, *outer) if outer else moved
    return None


def tidy_product(node: Mul) -> tuple[Rule, Expr] | None:
    """Let a difference inside a product take up a minus sign."""
    coefficient, factors = node.as_coeff_mul()
    if coefficient >= 0:
        return None
    for factor in factors:
        if isinstance(factor, Add):
            rest = (f for f in factors if f is not factor)
            return CONSTANT, Mul(-coefficient, Add(*(-term for term in factor.args)), *rest)
    return None
