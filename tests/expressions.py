"""Random nested sums, and random moves that keep their value; for the tests of the normal form."""

from __future__ import annotations

from hypothesis import strategies as st
from sympy import Add, Expr, Function, Indexed, IndexedBase, KroneckerDelta, Mul, Pow, Rational, Sum, Symbol

from derive.quantities import Index, total

A, B = IndexedBase("A"), IndexedBase("B")
c = Symbol("c")
f = Function("f")
ROWS = Symbol("n", integer=True, positive=True)
COLUMNS = Symbol("m", integer=True, positive=True)
FREE = (Index("i", ROWS), Index("j", ROWS), Index("k", COLUMNS))

Draw = st.DrawFn


@st.composite
def nested_sums(draw: Draw, scope: tuple[Index, ...] = FREE, depth: int = 3) -> Expr:
    """Draw an expression in A, B, c, f and deltas over the indices in scope and bound ones."""
    kinds = ["A", "B", "c", "number"] if depth < 2 else []
    if depth:
        kinds += ["sum", "sum", "sum", "product", "product", "add", "square", "delta", "f"]
    kind = draw(st.sampled_from(kinds))
    index = st.sampled_from(scope)

    def smaller(inside: tuple[Index, ...] = scope) -> Expr:
        return draw(nested_sums(inside, depth - 1))

    if kind == "A":
        return A[draw(index), draw(index)]
    if kind == "B":
        return B[draw(index)]
    if kind == "c":
        return c
    if kind == "number":
        return Rational(draw(st.integers(-3, 3)), draw(st.integers(1, 3)))
    if kind == "sum":
        # now and then an index is bound again that is in scope already: it must shadow, not capture
        bound = draw(st.sampled_from((*scope, None, None, None)))
        if bound is None:
            bound = Index("p", draw(st.sampled_from((ROWS, COLUMNS))))
        return total(smaller((*scope, bound)), bound)
    if kind == "product":
        return smaller() * smaller()
    if kind == "add":
        return smaller() + smaller()
    if kind == "square":
        return smaller() ** 2
    if kind == "f":
        return f(smaller())
    p = draw(index)
    q = draw(st.sampled_from([other for other in scope if other.upper == p.upper]))
    return KroneckerDelta(p, q) * smaller()


def rewritten(expr: Expr, draw: Draw) -> Expr:
    """Return an expression of equal value: at each node, below first, one valid move or none."""
    if not expr.args or isinstance(expr, (KroneckerDelta, Indexed)):
        return expr
    if isinstance(expr, Sum):
        return _move_sum(rewritten(expr.function, draw), list(expr.limits), draw)
    expr = expr.func(*(rewritten(arg, draw) for arg in expr.args))
    if isinstance(expr, Pow) and expr.exp == 2 and draw(st.booleans()):
        return Mul(expr.base, renamed(expr.base), evaluate=False)
    if isinstance(expr, Mul):
        return _move_product(expr, draw)
    return expr


def renamed(expr: Expr) -> Expr:
    """Return the expression with every bound index fresh."""
    if not expr.has(Sum):
        return expr
    expr = expr.func(*(renamed(arg) for arg in expr.args))
    if isinstance(expr, Sum):
        expr = Sum(*expr.args)
        for index in expr.variables:
            expr = expr.xreplace({index: Index("r", index.upper)})
    return expr


def _move_sum(body: Expr, limits: list[Expr], draw: Draw) -> Expr:
    if len({limit[0] for limit in limits}) < len(limits):
        return Sum(body, *limits)
    move = draw(st.sampled_from(["rename", "exchange", "split", "nest", "pull", "delta"]))
    if move == "rename":
        return renamed(Sum(body, *limits))
    if move == "exchange":
        return Sum(body, *draw(st.permutations(limits)))
    if move == "split" and isinstance(body, Add):
        return Add(*(Sum(term, *limits) for term in body.args))
    if move == "nest" and len(limits) == 2:
        return Sum(Mul(1, Sum(body, limits[0]), evaluate=False), limits[1])
    if move == "pull" and len(limits) == 1:
        factors = Mul.make_args(body)
        outside = [factor for factor in factors if limits[0][0] not in factor.free_symbols]
        if outside:
            rest = Mul(*(factor for factor in factors if factor not in outside))
            return Mul(*outside) * Sum(rest, *limits)
    if move == "delta" and len(limits) == 1:
        old, new = limits[0][0], Index("d", limits[0][0].upper)
        spread = total(KroneckerDelta(new, old) * renamed(body).xreplace({old: new}), new)
        return Sum(spread, *limits)
    return Sum(body, *limits)


def _move_product(expr: Mul, draw: Draw) -> Expr:
    move = draw(st.sampled_from(["distribute", "push", "push", "merge"]))
    factors = list(expr.args)
    sums = [factor for factor in factors if isinstance(factor, Sum) and len(factor.limits) == 1]
    if move == "distribute":
        added = next((factor for factor in factors if isinstance(factor, Add)), None)
        if added is not None:
            factors.remove(added)
            return Add(*(Mul(*factors, term) for term in added.args))
    if move == "push" and sums:
        inner = renamed(sums[0])
        factors.remove(sums[0])
        return Sum(Mul(*factors) * inner.function, *inner.limits)
    if move == "merge" and len(sums) > 1:
        left, right = renamed(sums[0]), renamed(sums[1])
        factors.remove(sums[0])
        factors.remove(sums[1])
        return Mul(*factors) * Sum(left.function * right.function, *left.limits, *right.limits)
    return expr


def altered(expr: Expr, draw: Draw) -> Expr:
    """Return the expression with one index of one entry exchanged for another: nearly the same."""
    entries = sorted(expr.atoms(Indexed), key=str)
    if not entries:
        return expr
    entry = draw(st.sampled_from(entries))
    places = list(entry.indices)
    where = draw(st.integers(0, len(places) - 1))
    others = sorted({index for other in entries for index in other.indices} & expr.free_symbols, key=str)
    places[where] = draw(st.sampled_from([*others, *FREE]))
    return expr.xreplace({entry: entry.base[tuple(places)]})
