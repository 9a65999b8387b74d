"""The normal form: what it takes for equal is equal, and what is equal by a valid move it takes for equal."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import combinations_with_replacement, permutations, product

import pytest
from evaluation import Evaluation, arbitrary
from expressions import COLUMNS, FREE, ROWS, A, B, altered, c, f, nested_sums, rewritten
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Add, Expr, Function, IndexedBase, Integer, KroneckerDelta, Max, Mul, Rational, Sum, Symbol

from derive.calculus.normal_form import equal, normal_form
from derive.quantities import Index, L, l, total

# widths (n, m) and the places of the free indices: square or not, one neuron wide, i = j or not
POINTS = [((2, 2), (1, 2, 2)), ((2, 1), (2, 2, 1)), ((1, 3), (1, 1, 3)), ((3, 2), (1, 3, 1))]


def values(expr: Expr) -> list[Fraction]:
    found = []
    for seed, ((rows, columns), places) in enumerate(POINTS):
        evaluation = Evaluation(
            {ROWS: rows, COLUMNS: columns},
            lambda name, place, seed=seed: arbitrary(name, place, seed),
            {"f": lambda value: value * value + value / 3 + 2},
        )
        found.append(evaluation.of(expr, dict(zip(FREE, places, strict=True))))
    return found


def rows(*names: str) -> list[Index]:
    return [Index(name, ROWS) for name in names]


# -- soundness and completeness ------------------------------------------------------------------------


@settings(max_examples=150)
@given(st.data())
def test_renaming_exchanging_distributing_and_pulling_leave_the_normal_form_alone(data):
    expr = data.draw(nested_sums())
    other = rewritten(expr, data.draw)
    assert values(expr) == values(other), "the move itself is wrong"
    assert normal_form(expr) == normal_form(other)


@settings(max_examples=150)
@given(st.data())
def test_equal_normal_forms_mean_equal_values_when_one_index_is_exchanged(data):
    expr = data.draw(nested_sums())
    other = rewritten(altered(expr, data.draw), data.draw)
    if values(expr) != values(other):
        assert normal_form(expr) != normal_form(other)


@settings(max_examples=60)
@given(nested_sums(), nested_sums())
def test_equal_normal_forms_mean_equal_values_for_unrelated_expressions(left, right):
    if values(left) != values(right):
        assert not equal(left, right)


@settings(max_examples=60)
@given(nested_sums(), nested_sums())
def test_a_difference_vanishes_and_a_product_commutes(left, right):
    assert normal_form(left - left) == normal_form(Integer(0))
    assert equal((left + right) - right, left)
    assert equal(left * right, right * left)


def _monomials() -> list[Expr]:
    """Every sum over p and q of a product of three A's whose indices are p, q or a free i."""
    i = FREE[0]
    found = []
    slots = "pqi"
    for places in combinations_with_replacement(list(product(slots, slots)), 3):
        p, q = rows("p", "q")
        names = {"p": p, "q": q, "i": i}
        found.append(total(Mul(*(A[names[r], names[s]] for r, s in places)), p, q))
    return found


def test_of_all_small_sums_exactly_those_of_equal_value_share_a_normal_form():
    by_form, by_value = defaultdict(set), defaultdict(set)
    for number, expr in enumerate(_monomials()):
        by_form[normal_form(expr)].add(number)
        evaluation = Evaluation({ROWS: 3})
        by_value[evaluation.of(expr, {FREE[0]: 2})].add(number)
    assert sorted(map(sorted, by_form.values())) == sorted(map(sorted, by_value.values()))
    assert 50 < len(by_form) < 165, "some must coincide, not all"


# -- bound indices -------------------------------------------------------------------------------------


def test_one_index_object_bound_in_two_factors_is_not_captured():
    p, q = rows("p", "q")
    reused = total(B[p], p) * total(A[p, p], p)
    assert equal(reused, total(B[p] * A[q, q], p, q))
    assert not equal(reused, total(B[p] * A[p, p], p))


def test_the_square_of_a_sum_is_a_double_sum():
    p, q = rows("p", "q")
    assert equal(total(B[p], p) ** 2, total(B[p] * B[q], p, q))
    assert not equal(total(B[p], p) ** 2, total(B[p] ** 2, p))
    assert not equal(total(B[p], p) ** 2, ROWS * total(B[p] ** 2, p))


def test_the_cube_of_a_sum_beside_a_sum_over_the_same_index_is_a_fourfold_sum():
    p, q, r, s = rows("p", "q", "r", "s")
    assert equal(total(B[p], p) ** 3 * total(A[p, p], p), total(B[p] * B[q] * B[r] * A[s, s], p, q, r, s))


def test_an_index_bound_again_inside_shadows_the_outer_one():
    p, q = rows("p", "q")
    shadowed = total(B[p] * total(A[p, p], p), p)
    assert equal(shadowed, total(B[p] * A[q, q], p, q))
    assert not equal(shadowed, total(B[p] * A[p, p], p))
    assert equal(total(total(B[p], p), p), ROWS * total(B[q], q))


def test_an_index_free_in_one_factor_and_bound_in_another_stays_two_indices():
    p, q = rows("p", "q")
    mixed = B[p] * total(A[p, p], p)
    assert equal(mixed, B[p] * total(A[q, q], q))
    assert not equal(total(mixed, p), total(B[p] * A[p, p], p))


def test_free_indices_are_told_apart_even_with_the_same_name():
    p, q = Index("p", ROWS), Index("p", ROWS)
    assert not equal(B[p], B[q])
    assert not equal(A[p, q], A[q, p])
    assert equal(total(B[p], p), total(B[q], q))


def test_a_sum_inside_a_function_is_compared_up_to_the_names_of_its_indices():
    p, q, r = rows("p", "q", "r")
    assert equal(f(total(B[p], p)), f(total(B[q], q)))
    assert not equal(f(total(B[p], p)), total(f(B[p]), p))
    assert not equal(f(total(B[p], p)) ** 2, f(total(B[p], p) ** 2))
    left = total(f(total(A[p, q] * B[q], q)) * B[p], p)
    assert equal(left, total(f(total(A[q, p] * B[p], p)) * B[q], q))
    assert not equal(left, total(f(total(A[q, p] * B[q], q)) * B[p], p))
    assert equal(f(total(B[p] * (B[p] + c), p)), f(c * total(B[q], q) + total(B[r] ** 2, r)))


def test_an_outer_index_inside_a_function_is_not_mistaken_for_the_inner_one():
    p, q, r = rows("p", "q", "r")
    first = total(f(total(A[p, r], r)) * f(total(A[r, q], r)), p, q)
    second = total(f(total(A[p, r], r)) * f(total(A[r, p], r)), p)
    assert equal(first, total(f(total(A[p, q], q)), p) * total(f(total(A[q, p], q)), p))
    assert not equal(first, second)


# -- symmetric ties ------------------------------------------------------------------------------------


def test_symmetric_sums_do_not_depend_on_which_of_the_tied_indices_comes_first():
    p, q, r, s = rows("p", "q", "r", "s")
    assert equal(total(A[p, q] * A[q, p], p, q), total(A[q, p] * A[p, q], p, q))
    assert not equal(total(A[p, q] * A[q, p], p, q), total(A[p, q] ** 2, p, q))
    triangle = total(A[p, q] * A[q, r] * A[r, p], p, q, r)
    assert equal(triangle, total(A[q, p] * A[p, r] * A[r, q], r, p, q))
    assert not equal(triangle, total(A[p, q] * A[q, r] * A[p, r], p, q, r))
    square = total(A[p, q] * A[q, r] * A[r, s] * A[s, p], p, q, r, s)
    assert equal(square, total(A[r, p] * A[p, s] * A[s, q] * A[q, r], p, q, r, s))


def test_a_hexagon_is_not_two_triangles_although_every_index_looks_alike():
    names = rows(*"pqrstu")
    hexagon = Mul(*(A[names[m], names[(m + 1) % 6]] for m in range(6)))
    p, q, r, s, t, u = names
    triangles = A[p, q] * A[q, r] * A[r, p] * A[s, t] * A[t, u] * A[u, s]
    assert not equal(total(hexagon, *names), total(triangles, *names))
    shuffled = dict(zip(names, (t, p, u, r, q, s), strict=True))
    assert equal(total(hexagon, *names), total(hexagon.xreplace(shuffled), *names))
    assert equal(total(triangles, *names), total(A[p, q] * A[q, r] * A[r, p], p, q, r) ** 2)


def test_tied_indices_that_play_different_parts_are_each_tried():
    p, q, r, s, t = rows("p", "q", "r", "s", "t")
    together = A[p, q] * A[q, p] * A[r, s] * A[s, t] * A[t, r]  # every index: once left, once right
    reference = normal_form(total(together, p, q, r, s, t))
    for order in permutations((p, q, r, s, t)):
        assert normal_form(total(together, *order)) == reference


# -- widths and Kronecker deltas -----------------------------------------------------------------------


def test_sums_over_different_widths_differ_although_their_bodies_agree():
    p, q = Index("p", ROWS), Index("p", COLUMNS)
    assert not equal(total(B[p], p), total(B[q], q))
    assert not equal(total(B[Index("p", 2)], p), total(B[Index("p", 3)], p))
    assert not equal(total(A[p, q], p, q), total(A[q, p], p, q))
    same = Index("q", ROWS)
    assert equal(total(A[p, same] * A[same, p], p, same), total(A[same, p] * A[p, same], same, p))


def test_equal_numbers_as_widths_are_one_width():
    p, q = Index("p", 3), Index("q", Integer(3))
    assert equal(total(B[p], p), total(B[q], q))


def test_a_kronecker_sum_collapses_onto_an_index_of_the_same_range_only():
    p, q = rows("p", "q")
    wide = Index("k", COLUMNS)
    assert equal(total(KroneckerDelta(p, q) * B[p], p), B[q])
    assert not equal(total(KroneckerDelta(p, wide) * B[p], p), B[wide])
    assert not equal(total(KroneckerDelta(p, wide), p), Integer(1))
    assert not equal(total(KroneckerDelta(p, wide), p, wide), ROWS)
    assert not equal(total(KroneckerDelta(p, Integer(3)) * B[p], p), B[3])
    later = Index("p", ROWS)  # made after the other one: the delta may spell its indices the other way
    assert equal(total(KroneckerDelta(p, wide), p, wide), total(KroneckerDelta(wide, later), wide, later))


def test_a_chain_of_kronecker_deltas_collapses_in_any_order():
    p, q, r, s = rows("p", "q", "r", "s")
    chain = KroneckerDelta(p, q) * KroneckerDelta(q, r) * KroneckerDelta(r, s) * A[p, s]
    assert equal(total(chain, p, q, r), A[s, s])
    assert equal(total(chain, q, r), KroneckerDelta(p, s) * A[p, p])
    assert equal(total(chain, p, q, r, s), total(A[q, q], q))
    assert equal(total(KroneckerDelta(p, q) ** 3, p, q), ROWS)
    twice = KroneckerDelta(p, q) * (KroneckerDelta(p, q) + c) * KroneckerDelta(q, r) * B[r]
    assert equal(total(twice, p, q, r), (1 + c) * total(B[s], s))
    assert equal(twice, (1 + c) * KroneckerDelta(p, q) * KroneckerDelta(q, r) * B[p])


def test_a_delta_of_two_free_indices_exchanges_them_but_stays():
    i, j, _ = FREE
    assert equal(KroneckerDelta(i, j) * B[i], KroneckerDelta(j, i) * B[j])
    assert equal(KroneckerDelta(i, j) ** 2 * A[i, j], KroneckerDelta(i, j) * A[j, i])
    third = KroneckerDelta(i, 3)
    assert equal(third * (third + B[i]), third + third * B[i])
    assert not equal(KroneckerDelta(i, j) * B[i], B[i])
    assert not equal(KroneckerDelta(i, j), Integer(1))
    assert not equal(KroneckerDelta(i, j), Integer(0))


def test_the_sum_of_a_constant_is_the_width_times_it():
    p, q = rows("p", "q")
    wide = Index("k", COLUMNS)
    assert equal(total(c, p), ROWS * c)
    assert equal(total(c, p, q, wide), ROWS**2 * COLUMNS * c)
    assert equal(total(B[q], p), ROWS * B[q])
    assert equal(total(c, Index("p", 7)), 7 * c)
    assert not equal(total(c, p), COLUMNS * c)
    assert equal(total(Integer(0), p), Integer(0))


# -- numbers, powers, symbols --------------------------------------------------------------------------


def test_coefficients_are_collected_exactly():
    p, q = rows("p", "q")
    third = Rational(1, 3)
    assert equal(third * total(B[p], p) + 2 * third * total(B[q], q), total(B[p], p))
    assert not equal(Rational(10**20 + 1, 10**20) * c, c)
    assert equal(Add(total(B[p], p), -total(B[q], q)), Integer(0))


def test_powers_cancel_and_a_sum_below_the_line_stays_there():
    p, q = rows("p", "q")
    assert equal(c**3 * c**-2, c)
    assert equal(1 / (total(B[p], p) + c), 1 / (c + total(B[q], q)))
    assert equal(1 / total(B[p], p), 1 / total(B[q], q))
    assert not equal(1 / total(B[p], p), total(1 / B[p], p))
    assert not equal(1 / (c + B[p]), 1 / c + 1 / B[p])


def test_different_letters_layers_and_assumptions_are_different():
    i = FREE[0]
    Z = IndexedBase("Z")
    assert not equal(B[i], Z[i])
    assert not equal(Z[l, i], Z[l + 1, i])
    assert not equal(Z[l, i], Z[L, i])
    assert equal(Z[l + 1 - 1, i], Z[l, i])
    assert not equal(Symbol("c"), Symbol("c", positive=True))
    assert not equal(f(c), c)
    assert not equal(f(c), Function("g")(c))


def test_a_definition_is_unfolded_with_the_index_at_hand():
    p, q, r = rows("p", "q", "r")

    def unfold(quantity: Expr) -> Expr | None:
        if getattr(quantity, "base", None) != B:
            return None
        return total(A[quantity.indices[0], r] * c, r)  # r is the same object in both factors of a square

    assert equal(total(B[p] ** 2, p), c**2 * total(A[p, q] * A[p, r], p, q, r), unfold)
    assert equal(total(f(B[p]), p), total(f(c * total(A[p, q], q)), p), unfold)
    assert not equal(total(B[p] ** 2, p), c**2 * total(A[p, q] ** 2, p, q), unfold)


def test_what_the_normal_form_cannot_rename_it_refuses():
    p = Index("p", ROWS)
    upper_moves = Index("q", p)
    for expr in (
        total(A[p + 1, p], p),
        total(Max(B[p], 0), p),
        total(KroneckerDelta(p + 1, 2), p),
        Sum(B[p], (p, 2, ROWS)),
        Sum(B[p], (p, 1, COLUMNS)),
        Sum(B[Symbol("k")], (Symbol("k"), 1, ROWS)),
        total(c, p, upper_moves),
    ):
        with pytest.raises(ValueError, match="expected"):
            normal_form(expr)
