"""The chain rule, written from its statement: for a function of one thing, or through layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

from sympy import (
    Add,
    Expr,
    Indexed,
    Integer,
    Symbol,
    atan,
    cos,
    cosh,
    erf,
    exp,
    log,
    pi,
    sin,
    sinh,
    sqrt,
    tanh,
)

from derive.evaluation import Problem
from derive.quantities import (
    Direct,
    Index,
    Loss,
    LossPrime,
    LossSecond,
    N,
    Partial,
    Rho,
    RhoPrime,
    Sigma,
    SigmaPrime,
    SigmaSecond,
    a,
    total,
    z,
)
from derive.replay.case import Case
from derive.replay.dependence import depends, letter, may_be, quantities, through
from derive.replay.wiring import moves, through_layers

SLOPES: dict[type, Callable[[Expr], Expr]] = {
    exp: exp,
    log: lambda u: 1 / u,
    sin: cos,
    cos: lambda u: -sin(u),
    sinh: cosh,
    cosh: sinh,
    tanh: lambda u: 1 - tanh(u) ** 2,
    atan: lambda u: 1 / (1 + u**2),
    erf: lambda u: 2 / sqrt(pi) * exp(-(u**2)),
    Rho: RhoPrime,
}


def _layer_chain(node: Expr, case: Case) -> Iterator[Expr]:
    """df/dv = sum_k df/du_k du_k/dv, where f depends on v only through the u_k, the z or a of some layers."""
    if not isinstance(case.known, Problem) or isinstance(node, Direct):
        return
    found = [p.v for p in case.goal.atoms(Partial) if letter(p.v) in (z, a)]
    apart = [entry for entry in found if not may_be(entry, node.v)]
    named = {(entry.base, entry.indices[0]): entry for entry in apart or found}
    numbers = (layer for base, layer in named if base == z and isinstance(layer, Integer))
    numbered = sorted(numbers, key=int)
    for layers in [[layer] for layer in numbered] + [numbered] * (len(numbered) > 1):
        where = f"it acts only through {' and '.join(f'z[{_place(layer)}]' for layer in layers)}"
        inner = Partial if len(layers) == 1 else Direct
        allowed = case.allows(where)
        for i in through_layers(node.f, node.v, layers, case.known, case.refuse) if allowed else ():
            ways = [_products(node, z, layer, i, inner, case) for layer in layers]
            yield from (Add(*(total(body, *sums) for body, sums in way)) for way in product(*ways))
    for (base, layer), u in named.items():
        where = f"it acts only through {base}[{_place(layer)}]"
        for i in through(node.f, node.v, u, case.known, case.refuse) if case.allows(where) else ():
            yield from (total(body, *sums) for body, sums in _products(node, base, layer, i, Partial, case))


def _place(layer: Expr) -> str:
    return str(layer).replace(" ", "")


def _products(
    node: Partial, base: Expr, layer: Expr, i: Expr | None, inner: type[Partial], case: Case
) -> list[tuple[Expr, tuple[Index, ...]]]:
    """Return df/du du/dv with the indices of its sums, in each order."""
    assert isinstance(case.known, Problem)
    fresh, k = Index("i", N), Index("k", case.known.network.width(layer))
    entry = base[layer, i or fresh, k]
    body = Partial(node.f, entry) * inner(entry, node.v)
    return [(body, (k,))] if i else [(body, (fresh, k)), (body, (k, fresh))]


def _entry_chain(node: Partial, case: Case) -> Iterator[Expr]:
    """df/dv = sum_k df/dz_k dz_k/dv for an entry f that is made of the z of one layer and sample alone."""
    if not (isinstance(node.f, Indexed) and isinstance(node.v, Symbol)):
        return
    meaning = case.known.definition(node.f)
    moving = [] if meaning is None else [q for q in quantities(meaning) if depends(q, node.v, case.known)]
    places = {q.indices[:2] if letter(q) == z else () for q in moving}
    ranges = {getattr(q.indices[2], "upper", None) for q in moving} if () not in places else set()
    if len(places) != 1 or len(ranges) != 1 or None in ranges:
        case.refuse(f"{node.f} is not made of the z of one layer and sample alone")
        return
    layer, i = moving[0].indices[:2]
    k = Index("k", ranges.pop())
    if case.allows(f"it acts only through z[{layer}]"):
        yield total(Partial(node.f, z[layer, i, k]) * Partial(z[layer, i, k], node.v), k)


def chain(node: Expr, case: Case) -> Iterator[Expr]:
    """d sigma(u)/dv = sigma'(u) du/dv, or through a layer."""
    if isinstance(node, Partial) and not node.f.has(Partial):
        yield from _layer_chain(node, case)
        yield from _entry_chain(node, case)
    if not (isinstance(node, Partial) and case.allows("")):
        return
    if isinstance(node.f, Sigma):
        layer, u = node.f.args
        yield SigmaPrime(layer, u) * node.func(u, node.v)
    if isinstance(node.f, SigmaPrime):
        layer, u = node.f.args
        yield SigmaSecond(layer, u) * node.func(u, node.v)
    if isinstance(node.f, (Loss, LossPrime)):
        target, u = node.f.args
        slope = LossPrime if isinstance(node.f, Loss) else LossSecond
        if not moves(target, node, case.known):
            yield slope(target, u) * node.func(u, node.v)
    if type(node.f) in SLOPES:
        (u,) = node.f.args
        yield SLOPES[type(node.f)](u) * node.func(u, node.v)
