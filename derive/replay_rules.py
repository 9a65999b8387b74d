"""The rules of the calculus once more, each written from its statement, for the replay of a derivation.

Each function here yields every expression that one use of its rule makes of a given one. What a rule may
assume is decided here too, from the definitions of the quantities: what depends on what, and that a parameter
acts only through the layer that is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from sympy import Add, Dummy, Expr, Indexed, Integer, KroneckerDelta, Mul, Pow, Sum, Symbol, sympify

from derive.evaluation import Definitions, Problem
from derive.quantities import Index, L, N, Partial, Sigma, SigmaPrime, a, b, l, total, w, z

MANY = 8  # of more factors than this, only one or all are moved in one step


@dataclass
class Case:
    """What a rule may look at besides the expression that it rewrites."""

    known: Definitions
    goal: Expr
    inside: frozenset[Expr] = frozenset()  # the variables of the derivatives around the place
    complaints: list[str] = field(default_factory=list)

    def refuse(self, reason: str) -> None:
        """Keep why the rule was not used at some place."""
        self.complaints.append(reason.replace("_", ""))  # SymPy writes an index as _i


Rewriting = Callable[[Expr, Case], Iterator[Expr]]


def _definition(node: Expr, case: Case) -> Iterator[Expr]:
    """q = its definition; but a coordinate in which one differentiates is not taken apart."""
    if isinstance(node, (Indexed, Symbol)) and not any(_may_be(node, v) for v in case.inside):
        meaning = case.known.definition(node)
        layer = node.indices[0] if _letter(node) in (z, a) else L
        if not (isinstance(layer, Integer) or layer == L or (layer - l).is_nonnegative):
            case.refuse(f"layer {layer} may be the input")
        elif meaning is not None:
            yield meaning


def _layer_chain(node: Expr, case: Case) -> Iterator[Expr]:
    """df/dv = sum_k df/du_k du_k/dv, where f depends on v only through the u_k, the z or a of one layer."""
    if not (isinstance(node, Partial) and isinstance(case.known, Problem)) or node.f.has(Partial):
        return
    named = {(p.v.base, p.v.indices[0]): p.v for p in case.goal.atoms(Partial) if _letter(p.v) in (z, a)}
    for (letter, layer), u in named.items():
        for i in _through(node.f, node.v, u, case, case.known):
            fresh, k = Index("i", N), Index("k", case.known.network.width(layer))
            through = letter[layer, i or fresh, k]
            product = Partial(node.f, through) * Partial(through, node.v)
            yield from [total(product, k)] if i else [total(product, fresh, k), total(product, k, fresh)]


def _chain(node: Expr, case: Case) -> Iterator[Expr]:
    """d sigma(u)/dv = sigma'(u) du/dv."""
    if isinstance(node, Partial) and isinstance(node.f, Sigma):
        layer, u = node.f.args
        yield SigmaPrime(layer, u) * Partial(u, node.v)


def _linearity(node: Expr, case: Case) -> Iterator[Expr]:
    """d(f + g) = df + dg, sum (f + g) = sum f + sum g; for two parts, or for all terms at once."""
    if isinstance(node, Partial) and isinstance(node.f, Add):
        for parts in _parts(node.f.args):
            yield Add(*(Partial(Add(*part), node.v) for part in parts))
    if isinstance(node, Sum) and isinstance(node.function, Add):
        for inner, outer in _cuts(node.limits):
            for parts in _parts(node.function.args):
                yield _summed(Add(*(Sum(Add(*part), *inner) for part in parts)), outer)


def _constant(node: Expr, case: Case) -> Iterator[Expr]:
    """d(c f)/dv = c df/dv with c free of v, sum c f = c sum f with c free of the index."""
    if isinstance(node, Partial) and isinstance(node.f, Mul):
        for c, f in _splits([arg for arg in node.f.args if not _depends(arg, node.v, case.known)], node.f):
            if f != 1:
                yield c * Partial(f, node.v)
    if isinstance(node, Sum):
        if node.function == 0:
            yield Integer(0)
        for inner, outer in _cuts(node.limits):
            bound, factors = {limit[0] for limit in inner}, Mul.make_args(node.function)
            for c, f in _splits([arg for arg in factors if not arg.free_symbols & bound], node.function):
                yield _summed(c * Sum(f, *inner), outer)


def _product(node: Expr, case: Case) -> Iterator[Expr]:
    """d(f g)/dv = df/dv g + f dg/dv."""
    if isinstance(node, Partial) and isinstance(node.f, Mul):
        for f, g in _splits(node.f.args, node.f):
            if g != 1:
                yield Partial(f, node.v) * g + f * Partial(g, node.v)


def _power(node: Expr, case: Case) -> Iterator[Expr]:
    """d(f^m)/dv = m f^(m-1) df/dv, m a whole number."""
    if isinstance(node, Partial) and isinstance(node.f, Pow):
        f, m = node.f.args
        if isinstance(m, Integer) and m >= 1:
            yield Mul(m, f ** (m - 1), Partial(f, node.v))


def _exchange(node: Expr, case: Case) -> Iterator[Expr]:
    """d/dv sum_k f_k = sum_k df_k/dv."""
    if isinstance(node, Partial) and isinstance(node.f, Sum):
        body, *limits = node.f.args
        for cut in range(len(limits)):
            yield Sum(Partial(_summed(body, limits[:cut]), node.v), *limits[cut:])


def _independence(node: Expr, case: Case) -> Iterator[Expr]:
    """df/dv = 0 where f does not depend on v."""
    if isinstance(node, Partial):
        if not _depends(node.f, node.v, case.known):
            yield Integer(0)
        else:
            case.refuse(f"{node.f} may change with {node.v}")


def _coordinates(node: Expr, case: Case) -> Iterator[Expr]:
    """dv_m/dv_j = delta_mj, for entries of one vector of which none is made of another."""
    if isinstance(node, Partial) and isinstance(node.f, Indexed) and isinstance(node.v, Indexed):
        pairs = list(zip(node.f.indices, node.v.indices, strict=False))
        fixed = [p == q for p, q in pairs if not (isinstance(p, Index) and isinstance(q, Index))]
        meaning = case.known.definition(node.f)
        apart = meaning is None or not _depends(meaning, node.v, case.known)
        if node.f.base == node.v.base and node.f.rank == node.v.rank and all(fixed) and apart:
            yield Mul(*(KroneckerDelta(p, q) for p, q in pairs))


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


def _sign(node: Expr, case: Case) -> Iterator[Expr]:
    """-(u - v) = v - u, inside a product."""
    if isinstance(node, Mul):
        c, factors = node.as_coeff_mul()
        for difference in (arg for arg in factors if isinstance(arg, Add) and c < 0):
            swapped = Add(*(-term for term in difference.args))
            yield Mul(-c, swapped, *(arg for arg in factors if arg != difference))


RULES: dict[str, Rewriting] = {
    "definition": _definition,
    "chain rule through a layer": _layer_chain,
    "chain rule": _chain,
    "linearity": _linearity,
    "constant factor": _constant,
    "product rule": _product,
    "power rule": _power,
    "exchange of derivative and sum": _exchange,
    "independence": _independence,
    "independent coordinates": _coordinates,
    "Kronecker collapse": _collapse,
    "sign": _sign,
}


def _splits(movable: Sequence[Expr], product: Expr) -> Iterator[tuple[Expr, Expr]]:
    """Split a product in two, the first part of some of the movable factors."""
    factors = Mul.make_args(product)
    sizes = range(1, len(movable) + 1) if len(movable) <= MANY else (1, len(movable))
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
    return Sum(body, *limits) if limits else body


# -- what depends on what --------------------------------------------------------------------------------


def _quantities(expr: Expr) -> Iterator[Expr]:
    """List the entries and symbols whose values an expression is made of."""
    if isinstance(expr, (Indexed, Symbol)):
        if not expr.is_integer:
            yield expr
    elif isinstance(expr, (Sum, Partial)):  # not the ranges, not the variable
        yield from _quantities(expr.args[0])
    else:
        for arg in expr.args:
            yield from _quantities(arg)


def _letter(quantity: Expr) -> Expr | None:
    return getattr(quantity, "base", None)


def _may_be(q: Expr, v: Expr) -> bool:
    """Say whether two quantities may be the same: indices may be equal, different numbers may not."""
    if not (isinstance(q, Indexed) and isinstance(v, Indexed)):
        return bool(q == v)
    gaps = (p - r for p, r in zip(q.indices, v.indices, strict=False))
    return q.base == v.base and not any(isinstance(gap, Integer) and gap != 0 for gap in gaps)


def _depends(expr: Expr, v: Expr, known: Definitions) -> bool:
    """Say whether an expression may change with v, by taking its quantities apart down to the last."""
    return any(_changes(q, v, known, set()) for q in _quantities(expr))


def _changes(q: Expr, v: Expr, known: Definitions, seen: set[Expr]) -> bool:
    if _may_be(q, v):
        return True
    shape = q.xreplace(dict.fromkeys(q.free_symbols & q.atoms(Index), Symbol("any")))
    meaning = known.definition(q)
    if meaning is None or shape in seen:
        return False
    seen.add(shape)
    if _letter(q) in (z, a) and not isinstance(q.indices[0], Integer):
        below = v.indices[0] - q.indices[0] if _letter(v) in (z, a, w, b) else None
        if not isinstance(below, Integer):
            return True  # cannot tell
        if below >= 2:  # one layer has been taken apart without climbing, and the others are like it
            return False
    return any(_changes(part, v, known, seen) for part in _quantities(meaning))


def _height(quantity: Expr) -> Any:
    """Count z[2], a[2], z[3], ... upwards, the parameters of a layer just below its z; None for the rest."""
    rise = {z: 0, a: 1, w: -1, b: -1}.get(_letter(quantity))
    return None if rise is None else 2 * quantity.indices[0] + rise


def _through(f: Expr, v: Expr, u: Expr, case: Case, known: Problem) -> list[Expr | None]:
    """List the samples i for which f depends on v only through the u[layer, i, k]; None stands for all.

    Empty, with a complaint, if it is not so. A layer that has no number is taken to lie in the network.
    """
    layer, top, below, level = u.indices[0], known.network.depth, _height(v), _height(u)
    exists = layer >= 2 and not (layer - top).is_positive if isinstance(layer, Integer) else top == L
    if below is None or not (exists and isinstance(level - below, Integer) and level > below):
        case.refuse(f"{u.base}[{layer}] does not lie above {v}")
        return []
    samples: set[Expr] = set()
    for q in _leaves(f, known):
        above = None if _letter(q) not in (z, a) else _height(q) - level
        over = above >= 0 if isinstance(above, Integer) else _letter(q) == a and q.indices[0] == top
        if not over and _depends(q, v, known):
            case.refuse(f"{f} depends on {v} not only through {u.base}[{layer}]")
            return []
        samples |= {q.indices[1]} if above is not None else set()
    numbered = isinstance(layer, Integer) and isinstance(top, Integer)
    layers = range(int(v.indices[0]), int(top) + 1) if numbered else (layer, Dummy("l", integer=True))
    if not all(_wired(sympify(here), known) for here in layers):
        case.refuse("a layer takes from more than the layer below")
        return []
    own = samples & f.free_symbols if len(samples) == 1 else ()
    return [None, *own, *([v.indices[1]] if _letter(v) in (z, a) else ())]


def _leaves(f: Expr, known: Definitions) -> Iterator[Expr]:
    """List what f is made of, down to entries of z, entries of a, derivatives and what has no definition."""
    for q in _quantities(f):
        meaning = None if _letter(q) in (z, a) else known.definition(q)
        yield from [q] if meaning is None or meaning.has(Partial) else _leaves(meaning, known)


def _wired(layer: Expr, known: Problem) -> bool:
    """Say whether z of a layer is made of its parameters and a of the layer below, and a of z."""
    i, j = Index("i", N), known.network.index("j", layer)
    pre, post = (known.definition(letter[layer, i, j]) for letter in (z, a))
    for q in () if pre is None else _quantities(pre):
        parameter = _letter(q) in (w, b) and q.indices[0] == layer
        if not parameter and (_letter(q) != a or q.indices[:2] != (layer - 1, i)):
            return False
    return bool(layer == 1) or (post is not None and set(_quantities(post)) <= {z[layer, i, j]})
