"""Products multiplied out by the replay: indices of one name in two sums stay two."""

from __future__ import annotations

import pytest
from sympy import Sum, Symbol

from derive.equation import Equation
from derive.quantities import Index, IndexedBase, N, total
from derive.replay.algebra import equal_multiplied_out, one_premise
from derive.theorems.theorem import Given

J, K = Index("j", N), Index("k", N)
f, g = IndexedBase("f"), IndexedBase("g")
P, Q = Symbol("P", commutative=False), Symbol("Q", commutative=False)


@pytest.mark.parametrize(
    ("product", "right", "wrong"),
    [
        (total(f[K], K) * total(g[K], K), total(f[J] * g[K], J, K), total(f[K] * g[K], K)),
        (total(f[K], K) ** 2, total(f[J] * f[K], J, K), total(f[K] ** 2, K)),
        (g[K] * total(f[K], K), total(g[K] * f[J], J), total(g[K] * f[K], K)),
        (total(f[K] * total(g[K], K), K), total(f[J] * g[K], J, K), total(f[K] * g[K], K)),
        (total(f[K] * (1 + total(g[K], K)), K), total(f[K] + f[K] * total(g[J], J), K), total(f[K], K)),
        (total(f[K], K) - total(f[K], K) * g[K], total(f[J] * (1 - g[K]), J), total(f[K] * (1 - g[K]), K)),
    ],
)
def test_what_is_multiplied_out_keeps_indices_of_one_name_apart(product, right, wrong):
    assert equal_multiplied_out(product, right)
    assert equal_multiplied_out(right, product)
    assert not equal_multiplied_out(product, wrong)
    assert not equal_multiplied_out(wrong, product)


@pytest.mark.parametrize("free", [False, True])
def test_a_premise_about_a_product_captures_no_index(free):
    meaning = f[K] if free else total(f[K], K)
    known = Given((), (Equation("", "P Q", P * Q, meaning),))
    right = total(g[J] * (f[K] if free else total(f[K], K)), J)
    assert one_premise(total(g[K] * P * Q, K), right, known, "P Q")
    assert not one_premise(total(g[K] * P * Q, K), total(g[K] * f[K], K), known, "P Q")
    known = Given((), (Equation("", "P Q", P * Q, total(f[K], K)),))
    assert one_premise(g[K] * P * Q, g[K] * total(f[J], J), known, "P Q")
    assert not one_premise(g[K] * P * Q, total(g[K] * f[K], K), known, "P Q")


def test_a_sum_over_part_of_a_range_is_not_the_sum_over_all_of_it():
    part = Sum(f[K], (K, 1, N - 1))
    assert equal_multiplied_out(2 * part, part + part)
    assert not equal_multiplied_out(part, total(f[K], K))
    assert not equal_multiplied_out(g[K] * part, g[K] * total(f[J], J))
