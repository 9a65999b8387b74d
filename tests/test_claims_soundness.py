"""Verdicts against an oracle that shares nothing with them: NumPy forward passes in exact fractions."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from numbers_for_claims import Numbers, Worth
from test_claims_check import CONDITIONAL, FALSE, TRUE
from written_claims import claims, vectors

from derive.claims import Outcome, Verdict, check_claim
from derive.claims.activations import ACTIVATIONS, SQUARE
from derive.claims.exact import Instance
from derive.claims.grammar import parse
from derive.claims.layers import places

# networks with l, such that all that is drawn exists at l-1, l and l+1
PLACES = [(Numbers.drawn((2, 1, 2, 1), 1), 3), (Numbers.drawn((1, 2, 1, 2), 2), 3)]


def bears_out(verdict: Verdict) -> None:
    """Let the oracle work a verdict out that claims something about numbers."""
    if verdict.outcome is Outcome.TRUE:
        assert not any(Worth(numbers, chosen).differing(verdict.claim) for numbers, chosen in PLACES)
    elif verdict.counterexample is not None:
        found = verdict.counterexample
        if found.instance.stand_in is SQUARE:  # the oracle has this one only
            entries = {key: np.array(matrix, dtype=object) for key, matrix in found.instance.entries.items()}
            worth = Worth(Numbers(found.instance.sizes, entries), found.instance.chosen)
            assert worth.differing(verdict.claim)[0] == (found.left, found.right)


def test_random_claims_are_decided_as_numbers_have_it():
    kinds: Counter[Outcome] = Counter()

    @settings(max_examples=70)
    @given(claims())
    def decide(claim):
        text, is_true = claim
        verdict = check_claim(text)
        if verdict.outcome is Outcome.UNDECIDED:
            assert "too large" in verdict.lines[1]
        elif is_true:
            assert verdict.outcome is Outcome.TRUE, verdict.lines
        bears_out(verdict)
        kinds[verdict.outcome] += 1

    decide()
    # it would be no test if most of them were malformed or undecided
    assert kinds[Outcome.TRUE] > 20
    assert kinds[Outcome.FALSE] > 10
    assert kinds[Outcome.CONDITIONAL] > 0
    assert kinds[Outcome.UNDECIDED] < 10


@settings(max_examples=30)
@given(vectors(), vectors())
def test_unrelated_vectors_are_decided_as_numbers_have_it(left, right):
    bears_out(check_claim(f"{left.text} = {right.text}"))


@pytest.mark.parametrize("text", TRUE)
def test_every_true_claim_is_true_in_numbers(text):
    networks = [Numbers.drawn(sizes, 3) for sizes in ((2, 1), (1, 2, 2), (2, 1, 2, 1), (1, 2, 1, 1, 2))]
    tried = 0
    for numbers in networks:
        for chosen in list(places(parse(text), numbers.depth))[-1:]:
            tried += 1
            assert Worth(numbers, chosen).differing(text) == []
    assert tried


@pytest.mark.parametrize(
    "text", [t for t in (*CONDITIONAL, *FALSE) if not any(s in t for s in ("lam", "mu", "eta"))]
)
def test_every_counterexample_is_one_in_numbers(text):
    bears_out(check_claim(text))


def test_the_oracle_can_fail():
    numbers, chosen = PLACES[0]
    assert Worth(numbers, chosen).differing("delta[l] = W[l+1].T @ delta[l+1]")
    assert Worth(numbers, chosen).differing("dC/dw[l][j,k] = delta[l][j] * z[l-1][k]")
    assert find(st.tuples(claims()), lambda drawn: not drawn[0][1])


@pytest.mark.parametrize("kind", ["any", "affine", "identity"])
def test_the_slope_of_a_stand_in_is_its_derivative(kind):
    """By the limit of a quotient of differences, which is linear in the step up to its square."""
    for stand_in in ACTIVATIONS[kind].stand_ins:
        for z in (Fraction(-3), Fraction(-1, 2), Fraction(0), Fraction(2, 3), Fraction(5)):
            errors = []
            for step in (Fraction(1, 10**6), Fraction(1, 10**7)):
                quotient = (stand_in.value(z + step) - stand_in.value(z - step)) / (2 * step)
                errors.append(abs(quotient - stand_in.slope(z)))
            assert errors[0] < 1e-9
            assert errors[1] <= errors[0] / 99


@pytest.mark.parametrize("letter", ["w", "b", "z", "a"])
def test_the_two_ways_to_differentiate_agree(letter):
    """Dual numbers in the package, interpolation in the oracle."""
    numbers = Numbers.drawn((2, 3, 1, 2), 5)
    entries = {key: array.tolist() for key, array in numbers.entries.items()}
    instance = Instance(numbers.sizes, None, SQUARE, entries, {})
    for layer in range(1 if letter == "a" else 2, 5):
        assert instance.value(f"d{letter}", layer) == numbers.derivative(letter, layer).tolist()
