"""Equations are found by value: those of all that have the normal form of a value, and no others."""

from __future__ import annotations

import pytest
from sympy import Indexed, expand_mul

from derive import Architecture, prove
from derive.verification.expected import Knowledge, array_equations
from derive.verification.scalar_equations import unbounded_knowledge
from derive.verification.values import Held


@pytest.mark.parametrize("network", ["2-3-1", "2-2:tanh-2:linear-1:silu", "2-3-3:tanh+2-1:linear+W1"])
def test_a_value_is_found_as_if_it_were_compared_with_every_equation(network: str) -> None:
    proof = prove(Architecture.parse(network), brute_force=False)
    for known in (Knowledge(proof, array_equations(proof)), unbounded_knowledge(proof)):
        items = [item for item in known._items if not isinstance(item.right, Indexed)]
        rights = {item.right for item in items}
        values = [
            Held(value, item.leaves) for item in items for value in (item.right, expand_mul(item.right))
        ]
        for held in values:
            alike = [item for item in items if item.leaves == held.leaves]
            wanted = {
                (item.number, item.letter) for item in alike if known.key(item.right) == known.key(held.expr)
            }
            assert {(item.number, item.letter) for item in known.find(held)} == wanted
            assert wanted or held.expr not in rights
        for item in items:  # another index, and another factor, make another value
            for wrong in (item.right + item.letter, 2 * item.right):
                assert not known.find(Held(wrong, item.leaves))
