"""Where stretches of memory lie, as the reader of emitted code decides it."""

from __future__ import annotations

from itertools import product

from sympy import Expr, Integer, Symbol

from derive.quantities import N
from derive.verification.lengths import apart, at_least, beyond

M = Symbol("M", integer=True, positive=True)
K = Symbol("k", integer=True)
ENDS: tuple[Expr, ...] = (Integer(0), Integer(3), N, 3 * N, 3 * N + 2, N + M, N - M, K, N + K, N * M - 1)


def test_stretches_that_may_overlap_are_never_said_to_be_apart() -> None:
    places = list(product((1, 2, 5), (1, 4), (-3, 0, 2)))
    said = 0
    for low, high, start, stop in product(ENDS, repeat=4):
        if not apart(low, high, start, stop):
            continue
        said += 1
        for n, m, k in places:
            a, b, c, d = (end.xreplace({N: n, M: m, K: k}) for end in (low, high, start, stop))
            if a < b and c < d:  # none is empty
                assert b <= c or d <= a, (low, high, start, stop)
    assert said > 500


def test_stretches_one_behind_the_other_are_apart() -> None:
    for here, there in ((N, 3 * N), (3 * N, 3 * N + 2), (N, N + M), (Integer(3), 3 * N)):
        assert apart(Integer(0), here, here, there)
        assert apart(here, there, Integer(0), here)
    assert not apart(Integer(0), 3 * N, N, N + M)
    assert not apart(Integer(0), N + K, N, N + M)


def test_what_is_said_to_be_greater_is_so_whatever_the_sizes_are() -> None:
    """And whatever SymPy knows of a difference is known here, too."""
    places = list(product((1, 2, 5), (1, 4), (-3, 0, 2)))
    ends = (*ENDS, N / 2, 2 * N * M, N * M + M, -N, N**2)
    for high, low in product(ends, repeat=2):
        more = [int(2 * (high - low).xreplace({N: n, M: m, K: k})) for n, m, k in places]
        assert not at_least(high, low) or min(more) >= 0, (high, low)
        assert not beyond(high, low) or min(more) > 0, (high, low)
        assert at_least(high, low) or not (high - low).is_nonnegative
        assert beyond(high, low) or not (high - low).is_positive
    assert beyond(N * M + M, N * M)
    assert not at_least(N * M, N + M)
