"""Wrong lemmas: each is rejected in general, layer by layer, straight through and by brute force alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from sympy import Expr, Integer

from derive.architecture import Architecture
from derive.errors import NotProvedError
from derive.network import Network, sample_cost
from derive.proof import prove
from derive.quantities import Sigma, SigmaPrime, a, delta, total, w, y, z
from derive.theorems.backpropagation import Derived, backpropagation
from derive.theorems.brute_force import prove_by_brute_force
from derive.theorems.lemma1 import (
    LEMMA_1,
    Claim,
    Finding,
    check,
    prove_in_general,
    prove_layers,
    prove_unrolled,
)

RECTANGULAR = "2-2-3-2"
SQUARE = "2-2-2"  # every index runs over 1..2: a transposed matrix still fits
WRONG: dict[str, tuple[Claim, set[str]]] = {}

RightSide = Callable[..., Expr]


def wrong(number: str) -> Callable[[RightSide], RightSide]:
    """Register a right-hand side as a wrong form of equation ``number`` alone, under the function's name."""
    field = {
        "1.1": "output_delta",
        "1.2": "hidden_delta",
        "1.3": "bias_gradient",
        "1.4": "weight_gradient",
    }[number]

    def register(right_side: RightSide) -> RightSide:
        WRONG[right_side.__name__] = (replace(LEMMA_1, **{field: right_side}), {number})
        return right_side

    return register


def slope(layer: Expr, i: Expr, j: Expr) -> Expr:
    return SigmaPrime(layer, z[layer, i, j])


def back(network: Network, layer: Expr, i: Expr, j: Expr) -> Expr:
    k = network.index("k", layer + 1)
    return total(w[layer + 1, k, j] * delta[layer + 1, i, k], k)


# -- (1.1) ---------------------------------------------------------------------------------------------


@wrong("1.1")
def sigma_prime_missing_at_the_output(network, layer, i, j):
    return a[layer, i, j] - y[i, j]


@wrong("1.1")
def sign_flipped_at_the_output(network, layer, i, j):
    return slope(layer, i, j) * (y[i, j] - a[layer, i, j])


@wrong("1.1")
def target_missing(network, layer, i, j):
    return slope(layer, i, j) * a[layer, i, j]


@wrong("1.1")
def z_for_a_in_the_misfit(network, layer, i, j):
    return slope(layer, i, j) * (z[layer, i, j] - y[i, j])


@wrong("1.1")
def factor_two_at_the_output(network, layer, i, j):
    return 2 * slope(layer, i, j) * (a[layer, i, j] - y[i, j])


@wrong("1.1")
def sigma_for_sigma_prime(network, layer, i, j):
    return Sigma(layer, z[layer, i, j]) * (a[layer, i, j] - y[i, j])


@wrong("1.1")
def sigma_prime_taken_at_a(network, layer, i, j):
    return SigmaPrime(layer, a[layer, i, j]) * (a[layer, i, j] - y[i, j])


@wrong("1.1")
def misfit_summed_over_the_outputs(network, layer, i, j):
    k = network.index("k", layer)
    return slope(layer, i, j) * total(a[layer, i, k] - y[i, k], k)


# -- (1.2) ---------------------------------------------------------------------------------------------


@wrong("1.2")
def weights_not_transposed(network, layer, i, j):
    k = network.index("k", layer + 1)
    return slope(layer, i, j) * total(w[layer + 1, j, k] * delta[layer + 1, i, k], k)


@wrong("1.2")
def sigma_prime_missing_in_the_recursion(network, layer, i, j):
    return back(network, layer, i, j)


@wrong("1.2")
def sign_flipped_in_the_recursion(network, layer, i, j):
    return -slope(layer, i, j) * back(network, layer, i, j)


@wrong("1.2")
def z_of_the_next_layer_in_sigma_prime(network, layer, i, j):
    return SigmaPrime(layer, z[layer + 1, i, j]) * back(network, layer, i, j)


@wrong("1.2")
def activation_of_the_next_layer(network, layer, i, j):
    return SigmaPrime(layer + 1, z[layer, i, j]) * back(network, layer, i, j)


@wrong("1.2")
def weights_of_the_layer_itself(network, layer, i, j):
    k = network.index("k", layer + 1)
    return slope(layer, i, j) * total(w[layer, k, j] * delta[layer + 1, i, k], k)


@wrong("1.2")
def only_the_neuron_opposite(network, layer, i, j):
    return slope(layer, i, j) * w[layer + 1, j, j] * delta[layer + 1, i, j]


@wrong("1.2")
def sigma_prime_under_the_sum(network, layer, i, j):
    k = network.index("k", layer + 1)
    return total(slope(layer, i, k) * w[layer + 1, k, j] * delta[layer + 1, i, k], k)


@wrong("1.2")
def sums_multiplied_apart(network, layer, i, j):
    k, m = network.index("k", layer + 1), network.index("m", layer + 1)
    return slope(layer, i, j) * total(w[layer + 1, k, j], k) * total(delta[layer + 1, i, m], m)


# -- (1.3) ---------------------------------------------------------------------------------------------


@wrong("1.3")
def bias_gradient_times_a(network, layer, i, j):
    return delta[layer, i, j] * a[layer - 1, i, j]


@wrong("1.3")
def bias_gradient_times_sigma_prime_again(network, layer, i, j):
    return delta[layer, i, j] * slope(layer, i, j)


@wrong("1.3")
def bias_gradient_without_delta(network, layer, i, j):
    return slope(layer, i, j)


@wrong("1.3")
def bias_gradient_from_the_next_layer(network, layer, i, j):
    return delta[layer if layer == network.depth else layer + 1, i, j]


@wrong("1.3")
def bias_gradient_summed_over_the_layer(network, layer, i, j):
    m = network.index("m", layer)
    return total(delta[layer, i, m], m)


# -- (1.4) ---------------------------------------------------------------------------------------------


@wrong("1.4")
def z_for_a_in_the_weight_gradient(network, layer, i, j, k):
    return delta[layer, i, j] * (a[1, i, k] if layer == 2 else z[layer - 1, i, k])


@wrong("1.4")
def activation_of_the_layer_itself(network, layer, i, j, k):
    return delta[layer, i, j] * a[layer, i, j]


@wrong("1.4")
def weight_gradient_transposed(network, layer, i, j, k):
    return delta[layer, i, k] * a[layer - 1, i, j]


@wrong("1.4")
def weight_gradient_without_a(network, layer, i, j, k):
    return delta[layer, i, j]


@wrong("1.4")
def weight_gradient_with_the_weight_itself(network, layer, i, j, k):
    return delta[layer, i, j] * w[layer, j, k]


@wrong("1.4")
def sign_flipped_in_the_weight_gradient(network, layer, i, j, k):
    return -delta[layer, i, j] * a[layer - 1, i, k]


# -- the verdicts --------------------------------------------------------------------------------------


@cache
def network_of(text: str) -> Network:
    return Network(Architecture.parse(text))


@cache
def derived_for(text: str) -> tuple[Derived, ...]:
    return backpropagation(network_of(text), sample_cost())


def refuted(findings: tuple[Finding, ...]) -> set[str]:
    return {f.number for f in findings if not f.holds}


def test_there_are_enough_wrong_lemmas_and_each_equation_has_some():
    assert len(WRONG) > 20
    assert {number for _, numbers in WRONG.values() for number in numbers} == {"1.1", "1.2", "1.3", "1.4"}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_lemma_is_rejected_in_general_at_the_very_equation(name):
    claim, numbers = WRONG[name]
    assert refuted(prove_in_general(claim)) == numbers


@pytest.mark.parametrize("text", [RECTANGULAR, SQUARE])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_lemma_is_rejected_layer_by_layer_and_straight_through(name, text):
    claim, numbers = WRONG[name]
    assert refuted(check(network_of(text), derived_for(text), claim)) == numbers
    assert refuted(prove_unrolled(network_of(text), claim)) & {"1.3", "1.4"}


@pytest.mark.parametrize("text", ["1-2-2", SQUARE])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_lemma_is_rejected_by_brute_force_alone(name, text):
    claim, _ = WRONG[name]
    result = prove_by_brute_force(network_of(text), claim)
    assert not result.holds
    assert result.differing


@pytest.mark.parametrize("text", [RECTANGULAR, SQUARE])
def test_the_true_lemma_passes_where_the_wrong_ones_fail(text):
    assert refuted(prove_in_general()) == set()
    assert refuted(prove_layers(network_of(text))) == set()
    assert refuted(check(network_of(text), derived_for(text), LEMMA_1)) == set()
    assert refuted(prove_unrolled(network_of(text))) == set()
    assert prove_by_brute_force(network_of(text)).holds


def _wrong_layer(network: Network, layer: Expr, i: Expr, j: Expr) -> Expr:
    k = network.index("k", layer)
    return slope(layer, i, j) * total(w[layer + 1, k, j] * delta[layer + 1, i, k], k)


def test_a_sum_over_the_wrong_layer_is_rejected_although_it_is_right_where_the_widths_agree():
    claim = replace(LEMMA_1, hidden_delta=_wrong_layer)
    assert refuted(prove_in_general(claim)) == {"1.2"}
    assert refuted(prove_layers(network_of(RECTANGULAR), claim)) == {"1.2"}
    assert refuted(prove_unrolled(network_of(RECTANGULAR), claim)) == {"1.3", "1.4"}
    assert not prove_by_brute_force(network_of(RECTANGULAR), claim).holds
    assert prove_by_brute_force(network_of(SQUARE), claim).holds
    assert refuted(prove_layers(network_of(SQUARE), claim)) == set()
    assert not prove(Architecture.parse(SQUARE), claim).holds, "the general proof still says no"


def test_brute_force_names_the_parameters_of_the_equation_that_is_wrong():
    claim, _ = WRONG["sign_flipped_in_the_weight_gradient"]
    result = prove_by_brute_force(network_of("2-1-2"), claim)
    assert result.compared == 7
    assert set(result.differing) == {"w_2_1_1", "w_2_1_2", "w_3_1_1", "w_3_2_1"}


@pytest.mark.parametrize("scale", [Integer(2), Integer(-1), Integer(0)])
def test_the_lemma_does_not_hold_for_another_multiple_of_the_cost(scale):
    objective = sample_cost(scale)
    network = network_of("2-1-2")
    assert refuted(prove_in_general(LEMMA_1, objective)) == {"1.1"}
    assert refuted(prove_layers(network, LEMMA_1, objective)) == {"1.1"}
    assert refuted(prove_unrolled(network, LEMMA_1, objective)) == {"1.3", "1.4"}
    assert not prove_by_brute_force(network, LEMMA_1, objective).holds


def test_without_the_half_in_the_cost_the_factor_two_is_right():
    claim, _ = WRONG["factor_two_at_the_output"]
    objective, network = sample_cost(Integer(2)), network_of("2-1-2")
    assert refuted(prove_in_general(claim, objective)) == set()
    assert refuted(prove_layers(network, claim, objective)) == set()
    assert refuted(prove_unrolled(network, claim, objective)) == set()
    assert prove_by_brute_force(network, claim, objective).holds


@pytest.mark.parametrize(
    "name",
    [
        "sign_flipped_at_the_output",
        "weights_not_transposed",
        "bias_gradient_times_a",
        "weight_gradient_transposed",
    ],
)
def test_the_gate_is_shut_for_a_wrong_lemma_whichever_way_it_is_proved(name):
    claim, _ = WRONG[name]
    proof = prove(Architecture.parse("2-1-2"), claim)
    assert not proof.holds
    assert [v.holds for v in proof.verdicts if v.claim.startswith(("(a)", "(b)", "(c)"))] == [False] * 4
    with pytest.raises(NotProvedError, match=r"not proved for 2-1-2: \(a\) Lemma 1.*nothing is emitted"):
        proof.require()
