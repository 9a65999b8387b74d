"""The rules one by one: each derivative against SymPy's own, entry by entry; and what tidying may not do."""

from __future__ import annotations

import pytest
from expressions import ROWS, A, B, c
from sympy import Add, Expr, Indexed, IndexedBase, Integer, KroneckerDelta, Mul, Rational, Sum, Symbol, expand

from derive.architecture import Architecture
from derive.calculus.derivation import Deriving
from derive.calculus.normal_form import equal
from derive.calculus.rules import (
    CHAIN,
    COLLAPSE,
    CONSTANT,
    EXCHANGE,
    INDEPENDENCE,
    LINEARITY,
    POWER,
    PRODUCT,
    RULES,
    differentiate,
    open_partial,
    tidy_product,
    tidy_sum,
)
from derive.network import Network
from derive.quantities import Index, L, Partial, Sigma, SigmaPrime, a, l, total, w, z

X = IndexedBase("X")
Y = IndexedBase("Y")
WIDTH = 3


class Vectors:
    """X is the variable; Y_p is defined as sum_q A_pq X_q; nothing else moves."""

    def definition(self, quantity: Expr) -> Expr | None:
        if getattr(quantity, "base", None) != Y:
            return None
        q = Index("q", WIDTH)
        return total(A[quantity.indices[0], q] * X[q], q)

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        return getattr(quantity, "base", None) in (X, Y)


def scalars(expr: Expr, at: dict[Index, int]) -> Expr:
    """Write an expression out term by term, Y by its definition."""
    if isinstance(expr, Index):
        return Integer(at[expr])
    if isinstance(expr, Sum):
        (index, _, _), *outer = expr.limits
        inner = Sum(expr.function, *outer) if outer else expr.function
        return Add(*(scalars(inner, {**at, index: m}) for m in range(1, WIDTH + 1)))
    if isinstance(expr, Indexed):
        entry = expr.base[tuple(scalars(arg, at) for arg in expr.indices)]
        return scalars(Vectors().definition(entry), {}) if expr.base == Y else entry
    return expr.func(*(scalars(arg, at) for arg in expr.args)) if expr.args else expr


def indices(*names: str) -> list[Index]:
    return [Index(name, WIDTH) for name in names]


def differentiable() -> dict[str, Expr]:
    p, q, r = indices("p", "q", "r")
    return {
        "constant": total(A[p, q] * c, p, q),
        "linear": total(B[p] * X[p], p) + c,
        "squares": total(X[p] ** 2, p),
        "cube of a sum": total(B[p] * X[p], p) ** 3,
        "bilinear form": total(A[p, q] * X[p] * X[q], p, q),
        "three factors": total(A[p, q] * X[p] * X[q] ** 2 * Y[p], p, q),
        "sums side by side over one index": total(X[p] ** 2, p) * total(B[p] * X[p], p),
        "sum inside a sum": total((B[p] - total(A[p, q] * X[q], q)) ** 2, p),
        "by definition": total(Y[p] ** 2, p) / 2,
        "definition inside a product": total(B[p] * Y[p] * X[p], p),
        "index bound twice": total(X[p] * total(A[p, p] * X[p], p), p),
        "constant sum over the free index": total(X[q] * total(A[q, r], r), q),
    }


@pytest.mark.parametrize("name", differentiable())
def test_a_derivative_by_the_rules_is_the_one_that_sympy_finds_entry_by_entry(name):
    function = differentiable()[name]
    bound = sorted((index for node in function.atoms(Sum) for index in node.variables), key=str)
    for free in (
        Index("j", WIDTH),
        *dict.fromkeys(bound),
    ):  # a free index that is bound inside must not clash
        found = differentiate(function, X[free], Vectors())
        step_by_step = Deriving(Partial(function, X[free]), Vectors()).differentiate().done()
        for m in range(1, WIDTH + 1):
            wanted = expand(scalars(function, {}).diff(X[m]))
            assert expand(scalars(found, {free: m}) - wanted) == 0
            assert expand(scalars(step_by_step.result, {free: m}) - wanted) == 0


def test_the_derivative_of_a_sum_of_squares_in_the_summation_index_is_one_term():
    """Where SymPy's diff, given the same index inside and outside, answers with a sum (issue 21891)."""
    i, j = Index("i", ROWS), Index("j", ROWS)
    function = total(X[i] ** 2, i)
    assert equal(differentiate(function, X[i], Vectors()), 2 * X[i])
    assert equal(differentiate(function, X[j], Vectors()), 2 * X[j])
    assert not equal(differentiate(function, X[i], Vectors()), 2 * total(X[j], j))
    assert Deriving(Partial(function, X[i]), Vectors()).differentiate().done().result == 2 * X[i]


def test_a_kronecker_collapse_does_not_capture_the_index_that_it_brings_in():
    p, q = indices("p", "q")
    node = total(KroneckerDelta(p, q) * B[p] * total(A[p, q], q), p)
    rule, collapsed = tidy_sum(node)
    r = Index("r", WIDTH)
    assert rule is COLLAPSE
    assert equal(collapsed, B[q] * total(A[q, r], r))
    _, collapsed = tidy_sum(total(KroneckerDelta(p, q) * total(A[p, q], p), p))
    assert equal(collapsed, total(A[r, q], r))


def test_a_kronecker_sum_over_another_range_or_a_part_of_it_is_left_alone():
    p, q = Index("p", 2), Index("q", 3)
    node = total(KroneckerDelta(p, q) * B[p] * B[q], p)
    assert tidy_sum(total(KroneckerDelta(p, q) * B[p], p)) is None
    assert tidy_sum(node)[0] is not COLLAPSE
    r, s = indices("r", "s")
    part = Sum(KroneckerDelta(r, s) * B[r], (r, 2, WIDTH))
    assert tidy_sum(part) is None
    assert tidy_sum(total(KroneckerDelta(r, 2) * B[r], r)) is None


def test_tidying_ends_at_the_sum_of_ones():
    p, q, j = indices("p", "q", "j")
    assert tidy_sum(total(Integer(1), p)) is None
    done = Deriving(Partial(total(3 * X[q], p), X[j]), Vectors()).differentiate().done()
    assert equal(done.result, 3 * WIDTH * KroneckerDelta(q, j))


def test_the_derivative_of_a_partial_sum_keeps_its_limits():
    p, j = indices("p", "j")
    derivative = differentiate(Sum(X[p] ** 2, (p, 2, WIDTH)), X[j], Vectors())
    assert derivative.limits[0][1] == 2


def test_each_operation_is_opened_by_its_own_rule():
    p, q, j = indices("p", "q", "j")
    expected = {
        X[p] + B[p]: LINEARITY,
        B[p] * X[p]: CONSTANT,
        X[p] * Y[q]: PRODUCT,
        X[p] ** 2: POWER,
        total(X[p], p): EXCHANGE,
        Sigma(l, X[p]): CHAIN,
        total(B[p], p) * c: INDEPENDENCE,
    }
    for function, rule in expected.items():
        assert open_partial(Partial(function, X[j]), Vectors()).rule is rule


def test_the_chain_rule_names_the_layer_whose_activation_it_differentiates():
    p, j = indices("p", "j")
    found = differentiate(Sigma(l + 1, X[p] ** 2), X[j], Vectors())
    assert equal(found, SigmaPrime(l + 1, X[p] ** 2) * 2 * X[p] * KroneckerDelta(p, j))


def test_what_no_rule_opens_is_refused_and_not_taken_for_zero():
    p, j = indices("p", "j")
    for function in (2 ** X[p], X[1], abs(X[p]), X[p] ** X[p]):
        with pytest.raises(ValueError, match="no rule opens"):
            open_partial(Partial(function, X[j]), Vectors())


def test_layers_that_cannot_be_compared_are_refused_and_not_taken_for_independent():
    i, j, k = indices("i", "j", "k")
    with pytest.raises(ValueError, match="cannot tell whether"):
        Network().depends(z[L, i, j], z[l, i, k])


def test_the_wiring_lets_a_layer_move_the_later_ones_only():
    network = Network(Architecture((2, 2, 2)))
    i, j, k = indices("i", "j", "k")
    assert network.depends(a[2, i, j], z[2, i, k])
    assert network.depends(z[3, i, j], w[2, j, k])
    assert not network.depends(z[2, i, j], z[3, i, k])
    assert not network.depends(a[1, i, j], w[2, j, k])
    assert not network.depends(w[3, j, k], w[2, j, k])
    assert not network.depends(w[3, j, k], z[2, i, k])


def test_a_minus_sign_moves_into_a_difference_and_nowhere_else():
    u, v, x = Symbol("u"), Symbol("v"), Symbol("x")
    rule, moved = tidy_product(Mul(-1, u - v, x, evaluate=False))
    assert rule is CONSTANT
    assert moved == (v - u) * x
    assert tidy_product(-2 * u * x) is None
    assert tidy_product(Mul(2, u - v, evaluate=False)) is None
    rule, moved = tidy_product(Mul(Rational(-1, 3), u - v, evaluate=False))
    assert expand(moved - (v - u) / 3) == 0


def test_every_rule_has_a_name_a_statement_and_a_condition():
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.name and rule.statement and rule.side_condition for rule in RULES)
