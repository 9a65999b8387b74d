"""A proof says what it decided, what it did not, and why; each of its verdicts can be no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace

import pytest
from sympy import Expr, KroneckerDelta, exp, log

from derive import proof
from derive.activations import ACTIVATIONS, SIGMOID, Activation, Z
from derive.architecture import Architecture
from derive.errors import NotProvedError
from derive.network import Network, mean_cost, output, sample_cost
from derive.proof import Proof, Verdict, prove
from derive.quantities import Index, N, SigmaPrime, a, delta, total, w, y, z
from derive.theorems.backpropagation import backpropagation
from derive.theorems.descent import descent_update
from derive.theorems.lemma1 import LEMMA_1, Claim, check
from derive.theorems.levenberg_marquardt import p_old

SMALL = Architecture((2, 1, 2))


def verdict_on(found: Proof, start: str) -> Verdict:
    (verdict,) = (verdict for verdict in found.verdicts if verdict.claim.startswith(start))
    return verdict


@pytest.fixture(scope="module")
def small() -> Proof:
    return prove(SMALL, brute_force=False)


# -- what is decided -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1-1", "2-2-3-2", "3-1-4-1"])
def test_everything_is_decided_for_a_small_network(text):
    found = prove(Architecture.parse(text))
    assert found.holds
    found.require()
    assert {verdict.holds for verdict in found.verdicts} == {True}
    assert all("decided symbolically" in verdict.method for verdict in found.verdicts)
    n_parameters = found.architecture.n_parameters
    assert verdict_on(found, "(c)").method.startswith(f"{n_parameters} derivatives")


@pytest.mark.parametrize("text", ["784-1000-1000-10", "-".join(["3"] * 13)])
def test_for_a_large_network_the_proof_says_what_was_not_decided_and_why(text):
    found = prove(Architecture.parse(text))
    assert found.holds
    found.require()
    brute = verdict_on(found, "(c)")
    assert brute.holds is None
    assert brute.method == "not attempted: too large, or a cross-entropy"
    unrolled = verdict_on(found, "(b) all")
    deep = found.architecture.depth > 12
    assert unrolled.holds is (None if deep else True)
    assert unrolled.method.startswith("not attempted: deeper than 12 layers" if deep else "6 equations")
    undecided = [verdict for verdict in found.verdicts if verdict.holds is None]
    assert len(undecided) == (2 if deep else 1)
    assert all(verdict.method.startswith("not ") for verdict in undecided)


def test_brute_force_that_was_not_asked_for_is_not_counted_as_decided(small):
    brute = verdict_on(small, "(c)")
    assert brute.holds is None
    assert brute.method == "not asked for"


def test_the_number_of_equations_in_a_verdict_is_the_number_compared(small):
    assert verdict_on(small, "(a)").method.startswith("4 equations")
    assert verdict_on(small, "(b) Lemma").method.startswith("6 equations")
    assert verdict_on(small, "(b) all").method.startswith("4 equations")
    assert len(small.sample) == len(small.mean) == len(small.scaled) == len(small.output) == 6


def test_one_false_verdict_among_true_and_undecided_ones_shuts_the_gate(small):
    spoilt = replace(small, verdicts=(*small.verdicts, Verdict("one is two", "by hand", False)))
    assert not spoilt.holds
    with pytest.raises(NotProvedError, match="not proved for 2-1-2: one is two; nothing is emitted"):
        spoilt.require()


def test_a_proof_cannot_be_changed_once_it_is_made(small):
    with pytest.raises(FrozenInstanceError):
        small.verdicts = ()
    with pytest.raises(FrozenInstanceError):
        small.verdicts[0].holds = True


# -- each verdict can be no ----------------------------------------------------------------------------


def _sum_for_mean() -> object:
    objective = mean_cost()
    return replace(objective, define=lambda network: N * objective.define(network))


def _another_output(network: Network) -> object:
    objective = output(network)
    return replace(objective, define=lambda net: 2 * objective.define(net))


def _uphill() -> object:
    update = descent_update()
    (q,) = update.lhs.indices
    return replace(update, rhs=2 * p_old[q] - update.rhs)


@pytest.mark.parametrize(
    ("name", "substitute", "claim"),
    [
        ("mean_cost", _sum_for_mean, "gradient of the mean"),
        ("sample_cost", lambda scale=1: sample_cost(scale**2), "gradient of eta C"),
        ("output", _another_output, "Jacobian of F"),
        ("descent_update", _uphill, "descent step"),
        ("prove_primal", lambda _: False, "Levenberg-Marquardt"),
        ("prove_dual", lambda _: False, "dual form"),
    ],
)
def test_each_consequence_is_refused_on_its_own(monkeypatch, name, substitute, claim):
    monkeypatch.setattr(proof, name, substitute)
    found = prove(SMALL, brute_force=False)
    assert verdict_on(found, claim).holds is False
    assert [verdict.claim for verdict in found.verdicts if verdict.holds is False] == [
        verdict_on(found, claim).claim
    ]
    with pytest.raises(NotProvedError, match=claim):
        found.require()


@pytest.mark.parametrize("definition", [log(1 + exp(Z)), Z], ids=str)
def test_an_activation_whose_derivative_is_not_proved_yields_no_proof_at_all(monkeypatch, definition):
    monkeypatch.setitem(ACTIVATIONS, "sigmoid", Activation("sigmoid", definition, SIGMOID.stable))
    with pytest.raises(NotProvedError):
        prove(SMALL, brute_force=False).require()


# -- the mean and the Jacobian, with claims of their own -----------------------------------------------


def over_samples(gradient: Callable[..., Expr]) -> Callable[..., Expr]:
    def summed(network: Network, layer: Expr, _: Expr, *neurons: Expr) -> Expr:
        i = Index("i", N)
        return total(gradient(network, layer, i, *neurons), i)

    return summed


def mean_claim(divisor: Expr = N) -> Claim:
    return replace(
        LEMMA_1,
        output_delta=lambda net, at, i, j: SigmaPrime(at, z[at, i, j]) * (a[at, i, j] - y[i, j]) / divisor,
        bias_gradient=over_samples(LEMMA_1.bias_gradient),
        weight_gradient=over_samples(LEMMA_1.weight_gradient),
    )


WRONG_MEANS = {
    "no division by N": (mean_claim(N / N), {"1.1"}),
    "division by N squared": (mean_claim(N**2), {"1.1"}),
    "bias not summed over the samples": (
        replace(mean_claim(), bias_gradient=LEMMA_1.bias_gradient),
        {"1.3"},
    ),
    "weight not summed over the samples": (
        replace(mean_claim(), weight_gradient=LEMMA_1.weight_gradient),
        {"1.4"},
    ),
    "samples mixed": (
        replace(
            mean_claim(),
            weight_gradient=lambda net, at, i, j, k: (
                over_samples(LEMMA_1.bias_gradient)(net, at, i, j)
                * over_samples(lambda net, at, i, k: a[at - 1, i, k])(net, at, i, k)
            ),
        ),
        {"1.4"},
    ),
}


@pytest.mark.parametrize("sizes", [(2, 2), (2, 2, 2), (2, 3, 1, 4)])
def test_the_gradient_of_the_mean_is_the_mean_of_the_gradients(sizes):
    network = Network(Architecture(sizes))
    assert all(f.holds for f in check(network, backpropagation(network, mean_cost()), mean_claim()))


@pytest.mark.parametrize("name", WRONG_MEANS)
def test_a_wrong_mean_gradient_is_refused(name):
    claim, numbers = WRONG_MEANS[name]
    network = Network(Architecture((2, 2, 2)))
    findings = check(network, backpropagation(network, mean_cost()), claim)
    assert {f.number for f in findings if not f.holds} == numbers


def jacobian_findings(sizes: tuple[int, ...], start: Callable[..., Expr]) -> set[str]:
    """Check the Jacobian against a claim for its (1.1), given the output c; return what is refuted."""
    network = Network(Architecture(sizes))
    objective = output(network)
    (c,) = objective.extra

    def recursion(net: Network, at: Expr, i: Expr, j: Expr) -> Expr:
        k = net.index("k", at + 1)
        above = total(w[at + 1, k, j] * objective.base[at + 1, i, c, k], k)
        return SigmaPrime(at, z[at, i, j]) * above

    claim = Claim(
        lambda net, at, i, j: start(at, i, j, c),
        recursion,
        lambda net, at, i, j: objective.base[at, i, c, j],
        lambda net, at, i, j, k: objective.base[at, i, c, j] * a[at - 1, i, k],
    )
    found = check(network, backpropagation(network, objective), claim)
    return {f.number for f in found if not f.holds}


@pytest.mark.parametrize("sizes", [(1, 1), (2, 2, 2), (2, 3, 1, 4)])
def test_the_jacobian_obeys_the_same_recursion_from_another_start(sizes):
    assert (
        jacobian_findings(sizes, lambda at, i, j, c: KroneckerDelta(c, j) * SigmaPrime(at, z[at, i, c]))
        == set()
    )


@pytest.mark.parametrize(
    "start",
    [
        lambda at, i, j, c: SigmaPrime(at, z[at, i, j]),
        lambda at, i, j, c: KroneckerDelta(c, j),
        lambda at, i, j, c: -KroneckerDelta(c, j) * SigmaPrime(at, z[at, i, j]),
        lambda at, i, j, c: KroneckerDelta(c, j) * SigmaPrime(at, z[at, i, j]) * (a[at, i, j] - y[i, j]),
        lambda at, i, j, c: delta[at, i, j],
    ],
)
def test_a_wrong_start_of_the_jacobian_is_refused(start):
    assert jacobian_findings((2, 2, 2), start) == {"1.1"}
