"""The rules of the calculus once more, each written from its statement, for the replay of a derivation.

Each function here yields every expression that one use of its rule makes of a given one. What a rule may
assume is decided here too, from the definitions of the quantities: what depends on what, and that a parameter
acts only through the layer that is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from sympy import (
    Add,
    Expr,
    Function,
    Indexed,
    Integer,
    KroneckerDelta,
    Mul,
    Pow,
    Rational,
    Sum,
    Symbol,
    Tuple,
)

from derive.evaluation import Definitions
from derive.quantities import Direct, Index, L, Partial, a, free, kronecker, l, summed, z
from derive.replay.algebra import equal_multiplied_out, one_premise
from derive.replay.case import Case, Rewriting, label
from derive.replay.chain import chain
from derive.replay.dependence import depends, letter, may_be
from derive.replay.wiring import is_held, moves

MANY = 8  # of more factors than this, only one or all are moved in one step


def _definition(node: Expr, case: Case) -> Iterator[Expr]:
    """q = its definition; but a coordinate in which one differentiates, or a z that is held, stays whole."""
    if isinstance(node, (Indexed, Symbol)) and not any(_stays(node, around) for around in case.inside):
        meaning = case.known.definition(node)
        layer = node.indices[0] if letter(node) in (z, a) else L
        if not (isinstance(layer, Integer) or layer == L or (layer - l).is_nonnegative):
            case.refuse(f"layer {layer} may be the input")
        elif meaning is not None and case.allows(label(case.known, node)):
            yield meaning


def _stays(quantity: Expr, around: Partial) -> bool:
    held = isinstance(around, Direct) and around.f != quantity and is_held(quantity, around.v)
    return held or may_be(quantity, around.v)


def _linearity(node: Expr, case: Case) -> Iterator[Expr]:
    """d(f + g) = df + dg, sum (f + g) = sum f + sum g; for two parts, or for all terms at once."""
    if isinstance(node, Partial) and isinstance(node.f, Add):
        for parts in _parts(node.f.args):
            yield Add(*(node.func(Add(*part), node.v) for part in parts))
    if isinstance(node, Sum) and isinstance(node.function, Add):
        for inner, outer in _cuts(node.limits):
            for parts in _parts(node.function.args):
                yield _summed(Add(*(Sum(Add(*part), *inner) for part in parts)), outer)


def _constant(node: Expr, case: Case) -> Iterator[Expr]:
    """d(c f)/dv = c df/dv with c free of v, sum c f = c sum f with c free of the index."""
    if isinstance(node, Partial) and isinstance(node.f, Mul):
        for c, f in _splits([arg for arg in node.f.args if not moves(arg, node, case.known)], node.f):
            if f != 1:
                yield c * node.func(f, node.v)
    if isinstance(node, Sum):
        if node.function == 0:
            yield Integer(0)
        for inner, outer in _cuts(node.limits):
            bound, factors = {limit[0] for limit in inner}, Mul.make_args(node.function)
            for c, f in _splits([arg for arg in factors if not free(arg) & bound], node.function):
                yield _summed(c * _summed(f, inner), outer)


def _product(node: Expr, case: Case) -> Iterator[Expr]:
    """d(f g)/dv = df/dv g + f dg/dv."""
    if isinstance(node, Partial) and isinstance(node.f, Mul):
        for f, g in _splits(node.f.args, node.f):
            if g != 1:
                yield node.func(f, node.v) * g + f * node.func(g, node.v)


def _power(node: Expr, case: Case) -> Iterator[Expr]:
    """d(f^m)/dv = m f^(m-1) df/dv, m a number."""
    if isinstance(node, Partial) and isinstance(node.f, Pow):
        f, m = node.f.args
        if isinstance(m, Rational):
            yield Mul(m, f ** (m - 1), node.func(f, node.v))


def _exchange(node: Expr, case: Case) -> Iterator[Expr]:
    """d/dv sum_k f_k = sum_k df_k/dv."""
    if isinstance(node, Partial) and isinstance(node.f, Sum):
        body, *limits = node.f.args
        for cut in range(len(limits)):
            yield Sum(node.func(_summed(body, limits[:cut]), node.v), *limits[cut:])


def _independence(node: Expr, case: Case) -> Iterator[Expr]:
    """df/dv = 0 where f does not depend on v."""
    if isinstance(node, Partial):
        if not moves(node.f, node, case.known):
            yield Integer(0)
        else:
            case.refuse(f"{node.f} may change with {node.v}")


def _coordinates(node: Expr, case: Case) -> Iterator[Expr]:
    """dv_m/dv_j = delta_mj, for entries of one vector of which none is made of another."""
    if isinstance(node, Partial) and isinstance(node.f, Symbol) and node.f == node.v:
        yield Integer(1)
    if isinstance(node, Partial) and isinstance(node.f, Indexed) and isinstance(node.v, Indexed):
        pairs = list(zip(node.f.indices, node.v.indices, strict=False))
        fixed = [p == q for p, q in pairs if not (isinstance(p, Index) and isinstance(q, Index))]
        meaning = case.known.definition(node.f)
        apart = meaning is None or not depends(meaning, node.v, case.known)
        if node.f.base == node.v.base and node.f.rank == node.v.rank and all(fixed) and apart:
            yield Mul(*(kronecker(p, q) for p, q in pairs))


def _collapse(node: Expr, case: Case) -> Iterator[Expr]:
    """sum_m delta_mj f_m = f_j, where j runs over the same range as m."""
    for limit in node.limits if isinstance(node, Sum) else ():
        factors = Mul.make_args(node.function)
        for tie in (arg for arg in factors if isinstance(arg, KroneckerDelta) and limit[0] in arg.args[:2]):
            (j,) = {arg for arg in tie.args[:2] if arg != limit[0]}
            if isinstance(j, Index) and j.upper == limit[0].upper:
                rest = Mul(*(arg for arg in factors if arg != tie)).xreplace({limit[0]: j})
                yield _summed(rest, [other for other in node.limits if other != limit])
            else:
                case.refuse(f"{limit[0]} and {j} do not have the same range")


def _constant_or_sign(node: Expr, case: Case) -> Iterator[Expr]:
    """A constant factor moves; -(u - v) = v - u, inside a product."""
    yield from _constant(node, case)
    if isinstance(node, Mul):
        c, factors = node.as_coeff_mul()
        for difference in (arg for arg in factors if isinstance(arg, Add) and c < 0):
            swapped = Add(*(-term for term in difference.args))
            yield Mul(-c, swapped, *(arg for arg in factors if arg != difference))


def _premise(node: Expr, case: Case) -> Iterator[Expr]:
    """q = what a premise says of it, for a quantity or a number."""
    for left, right, name in getattr(case.known, "premises", ()):
        if not case.allows(name):
            continue
        if node == left and isinstance(left, Symbol):
            yield right
        elif (names := _matched(left, node)) is not None:
            yield right.xreplace(names)


def _holding(rule: Rewriting) -> Rewriting:
    """Refuse what would make of a z that is held a z by itself, which stands for what defines it."""

    def careful(node: Expr, case: Case) -> Iterator[Expr]:
        for new in rule(node, case):
            inner = new.atoms(Direct) if isinstance(node, Direct) else ()
            if not any(is_held(part.f, part.v) for part in inner):
                yield new

    return careful


RULES: dict[str, Rewriting] = {
    "definition": _definition,
    "chain rule": _holding(chain),
    "linearity": _holding(_linearity),
    "constant factor": _holding(_constant_or_sign),
    "product rule": _holding(_product),
    "power rule": _holding(_power),
    "exchange of derivative and sum": _holding(_exchange),
    "independence": _independence,
    "independent coordinates": _coordinates,
    "Kronecker collapse": _collapse,
    "premise": _premise,
}
NOTED = ("definition", "premise", "chain rule")  # whose use may need to be told apart
WHOLE: dict[str, Callable[[Expr, Expr, Definitions, str | None], bool]] = {
    "distributive law": lambda before, after, known, note: equal_multiplied_out(before, after),
    "premise": one_premise,
}


def _matched(pattern: Expr, node: Expr) -> dict[Expr, Expr] | None:
    """Return what the indices of a pattern, an entry or the derivative of one in another, stand for."""
    if isinstance(pattern, Partial) and isinstance(node, Partial):
        f, v = _matched(pattern.f, node.f), _matched(pattern.v, node.v)
        alike = f is not None and v is not None and all(f[key] == v[key] for key in f.keys() & v.keys())
        return {**f, **v} if f is not None and v is not None and alike else None
    if isinstance(pattern, Sum) and isinstance(node, Sum) and len(node.limits) == len(pattern.limits) == 1:
        names = _matched(pattern.function, node.function)
        (old, *range_), (new, *other) = pattern.limits[0], node.limits[0]
        return names if names is not None and names.get(old) == new and range_ == other else None
    if isinstance(pattern, Function) and pattern.func == node.func:
        names = {}
        for part, other in zip(pattern.args, node.args, strict=True):
            found = {} if part == other else _matched(part, other)
            if found is None or any(names.get(old, new) != new for old, new in found.items()):
                return None
            names |= found
        return names
    if not (isinstance(pattern, Indexed) and isinstance(node, Indexed) and node.base == pattern.base):
        return None
    pairs = list(zip(pattern.indices, node.indices, strict=True))
    names = {old: new for old, new in pairs if isinstance(old, Index)}
    fits = all(names[old] == new if old in names else old == new for old, new in pairs)
    return names if fits else None


def _splits(movable: Sequence[Expr], product: Expr) -> Iterator[tuple[Expr, Expr]]:
    """Split a product in two, the first part of some of the movable factors."""
    factors = Mul.make_args(product)
    sizes = range(len(movable), 0, -1) if len(movable) <= MANY else (len(movable), 1)
    for chosen in (chosen for size in sizes for chosen in combinations(movable, size)):
        yield Mul(*chosen), Mul(*(factor for factor in factors if factor not in chosen))


def _parts(terms: Sequence[Expr]) -> Iterator[list[tuple[Expr, ...]]]:
    """Split a sum of terms: into all of them, then into two parts."""
    yield [(term,) for term in terms]
    for size in range(1, len(terms) - 1) if len(terms) <= MANY else ():
        for chosen in combinations(terms[1:], size):
            yield [chosen, tuple(term for term in terms if term not in chosen)]


def _cuts(limits: Sequence[Expr]) -> Iterator[tuple[Sequence[Expr], Sequence[Expr]]]:
    """Cut nested sums in two; the inner part is never empty."""
    return ((limits[:cut], limits[cut:]) for cut in range(1, len(limits) + 1))


def _summed(body: Expr, limits: Sequence[Expr]) -> Expr:
    return summed(body, *(Tuple(*limit) for limit in limits)) if limits else body
