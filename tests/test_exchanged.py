"""What is built without asking SymPy is what SymPy builds."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import pytest
import sympy
from sympy import (
    Dummy,
    Expr,
    Integer,
    KroneckerDelta,
    Max,
    Piecewise,
    Sum,
    Tuple,
    exp,
    nan,
    preorder_traversal,
    srepr,
)

from derive import Architecture, prove
from derive.calculus.derivation import Step
from derive.quantities import (
    Greatest,
    Index,
    IndexedBase,
    N,
    Partial,
    Sigma,
    a,
    bound,
    delta,
    exchanged,
    free,
    is_number,
    kronecker,
    squared_difference,
    summed,
    w,
    y,
    z,
)

R, S, J, K, M = (Index("i", N), Index("s", N), *(Index(name, Integer(3)) for name in "jkm"))
LIMIT = Tuple(K, Integer(1), Integer(3))
BODY = w[2, J, K] * z[1, R, K]


@cache
def steps() -> tuple[Step, ...]:
    """Return the steps of two proofs, all kinds of expressions that there are."""
    proofs = (
        prove(Architecture.parse("2-3:tanh-2:linear"), brute_force=False),
        prove(Architecture.parse("2-3:relu-3:softmax", "cross-entropy"), brute_force=False),
    )
    groups = (group for proof in proofs for group in (proof.sample, proof.mean, proof.output))
    return tuple(step for group in groups for derived in group for step in derived.derivation.steps)


def test_free_symbols_of_every_step_are_those_that_sympy_finds() -> None:
    for step in steps():
        for side in (step.before, step.after):
            assert free(side) == side.free_symbols


def test_every_step_has_the_same_look_with_other_indices_as_sympy_gives_it() -> None:
    for step in steps():
        names = {index: Index("q", index.upper) for index in step.before.atoms(Index)}
        found = exchanged(step.before, names)
        assert srepr(found) == srepr(step.before.xreplace(names))
        assert found.is_commutative


def test_numbers_and_bound_indices_of_every_step_are_those_that_sympy_finds() -> None:
    for step in steps():
        for part in preorder_traversal(step.before):
            if isinstance(part, Expr):
                assert is_number(part) == part.is_number
        inside = {index for part in step.before.atoms(Sum) for index in part.variables}
        assert bound(step.before) == inside


def test_indices_that_are_there_already_make_terms_and_factors_merge() -> None:
    body = w[2, J, K] * z[1, R, K] - w[2, M, K] * z[1, R, K]
    assert exchanged(body, {J: M}) == 0
    assert exchanged(z[1, R, J] * z[1, R, K], {J: K}) == z[1, R, K] ** 2
    fresh = Index("q", Integer(3)), Index("p", Integer(3))
    both = dict(zip((J, K), fresh, strict=True))
    for expr in (body, 2 * body**2, 3 + body, body / (1 + z[1, R, K]), Sigma(Integer(2), body), -body):
        found, wanted = exchanged(expr, both), expr.xreplace(both)
        assert (found, found.args, srepr(found)) == (wanted, wanted.args, srepr(wanted))


def test_the_square_of_a_difference_is_the_one_that_sympy_makes() -> None:
    for u, v in permutations((y[R, K], a[2, R, K], z[1, R, K]), 2):
        found, wanted = squared_difference(u, v), (u - v) ** 2
        assert (found, found.args, hash(found)) == (wanted, wanted.args, hash(wanted))
        assert found.is_commutative


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        Integer(0),
        Sum(BODY * w[3, M, K], (M, 1, 3)),
        Piecewise((BODY, z[1, R, K] > 0), (0, True)),
        1 + exp(Piecewise((BODY, z[1, R, K] > 0), (1, True))),
        Max(0, z[1, R, K]),
        Partial(a[2, R, K], z[2, S, K]),
        Sigma(Integer(2), z[2, R, K]),
        nan,
    ],
    ids=str,
)
def test_a_sum_is_the_one_that_sympy_makes(body: Expr) -> None:
    found, wanted = summed(body, LIMIT), Sum(body, LIMIT)
    assert found == wanted
    assert type(found) is type(wanted)
    assert found.args == wanted.args


def test_the_kind_of_a_sum_is_kept_and_cases_come_to_the_front() -> None:
    greatest = Greatest(z[2, R, K], LIMIT)
    assert exchanged(greatest, {R: S}) == Greatest(z[2, S, K], LIMIT)
    cases = Piecewise((z[1, R, K], z[1, R, K] > 0), (0, True))
    sum_of_cases = exchanged(Sum(a[1, R, K], LIMIT), {a[1, R, K]: 1 + cases})
    assert sum_of_cases == Sum(a[1, R, K], LIMIT).xreplace({a[1, R, K]: 1 + cases})


def test_deltas_stand_in_the_order_of_sympy() -> None:
    indices = [Index(name, Integer(3)) for name in "jkajb"]
    for p, q in permutations(indices, 2):
        assert kronecker(p, q).args == KroneckerDelta(p, q).args
    assert kronecker(J, J) == 1
    assert kronecker(Integer(1), Integer(2)) == 0
    assert exchanged(KroneckerDelta(J, K), {J: K}) == 1
    assert exchanged(KroneckerDelta(J, K) * delta[2, R, J], {J: M}) == KroneckerDelta(M, K) * delta[2, R, M]


def test_an_entry_is_made_once_and_knows_and_compares_as_sympys_does() -> None:
    ours, theirs = z[1, R, K], sympy.IndexedBase("z")[1, R, K]
    assert z[1, R, K] is ours
    assert ours.func(*ours.args) is ours
    assert ours.subs(K, J) is z[1, R, J] != ours
    for known in ("commutative", "zero", "extended_real", "infinite", "finite", "positive", "integer"):
        assert getattr(ours, f"is_{known}") is getattr(theirs, f"is_{known}"), known
    letters = (z, w, a)
    for one, other in permutations([letter[place, R] for letter in letters for place in (1, 2, K)], 2):
        was = [sympy.IndexedBase(entry.base.name)[entry.indices] for entry in (one, other)]
        assert one != other
        assert one.compare(other) == was[0].compare(was[1])
    assert str(ours) == str(theirs)
    assert ours.free_symbols - {z, ours} == {sympy.Symbol("z"), R, K}


def test_a_letter_with_assumptions_keeps_them() -> None:
    held = IndexedBase("z", positive=True)
    assert held != z
    assert held[R].is_positive
    assert held[R] != z[R]


def test_an_index_knows_what_sympys_letter_knows_and_is_no_other() -> None:
    theirs = Dummy("j", integer=True, positive=True)
    one, other = Index("j", N), Index("j", N)
    assert one.assumptions0 == theirs.assumptions0
    assert one.name == "j"
    assert len({one, other, theirs}) == 3
    assert theirs.dummy_index < one.dummy_index < other.dummy_index < Dummy("j").dummy_index


def test_indices_of_one_name_and_range_are_not_equal_and_the_older_comes_first() -> None:
    one, other = Index("q", Integer(3)), Index("q", Integer(3))
    assert one != other
    assert len({one, other}) == 2
    assert w[2, J, one] != w[2, J, other]
    assert (one.compare(other), other.compare(one), one.compare(one)) == (-1, 1, 0)
    assert one.compare(Index("a", Integer(3))) == 1


@pytest.mark.parametrize("limits", [[K], [J, K], [K, J]])
def test_a_sum_of_sums_is_the_one_that_sympy_makes(limits: list[Index]) -> None:
    ranges = [Tuple(index, Integer(1), index.upper) for index in limits]
    inner = Sum(BODY, Tuple(R, Integer(1), N))
    found, wanted = summed(inner, *ranges), Sum(inner, *ranges)
    assert (found, found.args, srepr(found)) == (wanted, wanted.args, srepr(wanted))
    assert found.is_commutative == wanted.is_commutative
    greatest = Greatest(BODY, LIMIT)
    assert summed(greatest, *ranges) == Sum(greatest, *ranges)


def test_a_function_without_values_is_what_sympy_makes_of_it() -> None:
    u = z[2, R, J]
    found, wanted = Sigma(2, u), sympy.Function.__new__(Sigma, Integer(2), u)
    assert (found, found.args, srepr(found), hash(found)) == (
        wanted,
        wanted.args,
        srepr(wanted),
        hash(wanted),
    )
    assert (found.nargs, found.func, found.is_commutative) == (wanted.nargs, Sigma, wanted.is_commutative)
    assert found.diff(z[2, R, J]) == wanted.diff(z[2, R, J])
    with pytest.raises(TypeError, match="exactly 2 arguments"):
        Sigma(u)
