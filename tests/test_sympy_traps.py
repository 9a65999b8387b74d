"""What SymPy itself gets wrong about sums, and that nothing here falls into it.

Each trap is sprung on SymPy first, so that a version in which it is mended makes the test say so; then the
same question is put to the rules, the replay and the normal form. Issue numbers are those of sympy/sympy.
"""

from __future__ import annotations

import pytest
from sympy import Dummy, IndexedBase, Integer, KroneckerDelta, Piecewise, Rational, Sum, simplify, symbols
from sympy.concrete.delta import deltasummation

from derive.architecture import Architecture
from derive.calculus.derivation import Deriving, renamed
from derive.calculus.normal_form import equal
from derive.calculus.rules import differentiate, fresh_bound
from derive.network import Network, sample_cost
from derive.quantities import Index, N, Partial, total
from derive.replay import check_step
from derive.replay.rules import RULES, WHOLE
from derive.theorems.lemma1 import derive_in_general, prove_unrolled
from derive.theorems.theorem import Given

x = IndexedBase("x")
i, j = symbols("i j", integer=True)
n = symbols("n", integer=True, positive=True)


class Coordinates:
    """x is the variable, and nothing else moves."""

    def definition(self, quantity):
        return None

    def depends(self, quantity, variable):
        return getattr(quantity, "base", None) == x


def test_issue_21891_diff_captures_a_bound_index_and_the_rules_do_not():
    square = Sum(x[i] ** 2, (i, 1, n))
    captured = square.diff(x[i])
    assert captured.has(Sum), "SymPy no longer captures the index: this test can go"
    m, k = Index("i", 3), Index("i", 3)
    ours = Deriving(Partial(total(x[m] ** 2, m), x[k]), Coordinates()).differentiate().done().result
    assert ours == 2 * x[k]
    assert (
        Deriving(Partial(total(x[m] ** 2, m), x[m]), Coordinates()).differentiate().done().result == 2 * x[m]
    )


def test_issue_21891_subs_into_a_sum_captures_and_renaming_does_not():
    inner = Sum(x[i] * x[j], (i, 1, n))
    assert inner.subs(j, i) != inner.xreplace({j: Dummy("i")}).xreplace({})
    m, k, free = Index("m", 3), Index("k", 3), Index("k", 3)
    moved = renamed(total(x[m] * x[k], m), {k: free})
    assert free in moved.free_symbols
    captured = total(x[m] * x[k], m).xreplace({k: m})
    assert m not in captured.free_symbols, "SymPy's xreplace no longer captures: this test can go"
    assert m in fresh_bound(total(x[m] * x[k], m), {m}).xreplace({k: m}).free_symbols


def test_the_replay_refuses_a_step_in_which_an_index_was_captured():
    m, k = Index("m", 3), Index("k", 3)
    given = Given(moving=(x,))
    captured = 2 * total(x[m], m)
    assert not check_step(Partial(total(x[m] ** 2, m), x[m]), captured, "power rule", given).holds
    assert not equal(total(x[m] * x[k], m), total(x[m] * x[m], m))
    assert not check_step(total(x[m] * x[k], m), total(x[m] * x[m], m), "distributive law", given).holds


def test_issue_27359_a_bound_index_escapes_from_a_piecewise_under_a_sum():
    inside = Piecewise((KroneckerDelta(i, j, (1, n)), x[i] > 0), (0, True))
    wrong = simplify(-Sum(inside, (i, 1, n)))
    assert i in wrong.free_symbols, "SymPy no longer lets the index escape: this part can go"
    m, k = Index("m", 3), Index("k", 3)
    choice = total(Piecewise((KroneckerDelta(m, k), x[m] > 0), (0, True)), m)
    escaped = Piecewise((1, x[m] > 0), (0, True))
    right = Piecewise((1, x[k] > 0), (0, True))
    for rule in (*RULES, *WHOLE):
        assert not check_step(choice, escaped, rule, Given()).holds
    for claimed in (escaped, right):  # refused, as no rule speaks of cases: never a wrong answer
        with pytest.raises(ValueError, match="index by itself"):
            equal(choice, claimed)


def test_a_kronecker_sum_collapses_without_a_piecewise_and_only_within_its_range():
    guarded = deltasummation(KroneckerDelta(i, j) * x[i], (i, 1, n))
    assert guarded.has(Piecewise), "SymPy leaves no Piecewise now: this part can go"
    m, k = Index("m", 3), Index("k", 3)
    ours = Deriving(total(KroneckerDelta(m, k) * x[m], m), Coordinates()).tidy().done().result
    assert ours == x[k]
    long = Index("k", 4)  # runs further than the sum: x[4] would be wrong, so nothing is collapsed
    kept = Deriving(total(KroneckerDelta(m, long) * x[m], m), Coordinates()).tidy().done().result
    assert kept.has(KroneckerDelta)
    assert not equal(kept, x[long])


@pytest.mark.parametrize("bound", [Integer(2), N])
def test_a_sum_over_part_of_a_range_is_refused_by_the_normal_form(bound):
    m = Index("m", 3)
    with pytest.raises(ValueError, match="whole range"):
        equal(Sum(x[m], (m, 1, bound)), x[m])


def test_the_same_letter_bound_twice_means_two_indices():
    m, k = Index("m", 3), Index("m", 3)
    square = total(x[m], m) ** 2
    assert equal(square, total(x[m] * x[k], m, k))
    assert not equal(square, total(x[m] ** 2, m))
    derivative = differentiate(square, x[k], Coordinates())
    assert equal(derivative, 2 * total(x[m], m))


@pytest.mark.parametrize("sizes", [(2, 2), (2, 3), (3, 2, 2), (2, 2, 3, 2)])
def test_equal_and_unequal_widths_are_kept_apart(sizes):
    """Indices over layers of the same width have the same range, and are still two layers' indices."""
    network = Network(Architecture(sizes))
    assert all(finding.holds for finding in prove_unrolled(network))


def test_a_symbolic_layer_is_not_mistaken_for_a_number():
    weights = derive_in_general(sample_cost())[3].equation
    assert weights.rhs.free_symbols & weights.lhs.free_symbols
    doubled = weights.rhs * Rational(2)
    assert not equal(weights.rhs, doubled)
