"""Lemma 1 of the article: proved in general, at every depth, straight through, by brute force."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache

import pytest
import sympy
from evaluation import Evaluation, ExactNetwork, arbitrary
from sympy import Derivative, Expr, Piecewise

from derive.architecture import Architecture
from derive.calculus.normal_form import equal
from derive.calculus.rules import RULES
from derive.network import Network, mean_cost, output, sample_cost
from derive.quantities import Index, L, N, Partial, l, n
from derive.theorems.backpropagation import Derived, backpropagation
from derive.theorems.brute_force import affordable, prove_by_brute_force
from derive.theorems.lemma1 import (
    MAX_UNROLLED_DEPTH,
    derive_in_general,
    prove_in_general,
    prove_layers,
    prove_unrolled,
)

ARCHITECTURES = [
    "2-2",
    "1-1",
    "3-2-4",
    "2-2-3-2",
    "5-5-5-5",
    "2-3-4-5-6",
    "1-2-1-2-1-2",
    "3-3-3-3-3-3",
    "7-6-5-4-3-2-1",
    "2-3-5-7-11-13-17-19",
    "4-4-4-4-4-4-4-4",
]


@dataclass(frozen=True)
class SymbolicWidths(Network):
    """A network of given depth whose widths n[1], n[2], ... are symbols."""

    def width(self, layer: Expr) -> Expr:
        return n[layer]


def network_of(text: str) -> Network:
    return Network(Architecture.parse(text))


@cache
def everything_derived() -> list[Derived]:
    network = network_of("2-3-4-2")
    objectives = (sample_cost(), mean_cost(), output(network))
    return [*derive_in_general(), *(d for o in objectives for d in backpropagation(network, o))]


# -- the lemma -----------------------------------------------------------------------------------------


def test_the_four_equations_hold_for_any_depth_widths_and_activation():
    findings = prove_in_general()
    assert [(f.number, f.layer) for f in findings] == [("1.1", L), ("1.2", l), ("1.3", l), ("1.4", l)]
    assert all(f.holds for f in findings)


@pytest.mark.parametrize("text", ARCHITECTURES)
def test_every_equation_of_an_architecture_holds(text):
    network = network_of(text)
    last = len(text.split("-"))
    findings = prove_layers(network)
    assert len(findings) == 3 * (last - 1)
    assert {int(f.layer) for f in findings} == set(range(2, last + 1))
    assert all(f.holds for f in findings)
    unrolled = prove_unrolled(network)
    assert len(unrolled) == 2 * (last - 1)
    assert all(f.holds for f in unrolled)


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_the_equations_hold_at_a_given_depth_with_symbols_for_widths(depth):
    network = SymbolicWidths(Architecture((1,) * depth))
    assert n[2] in {d.free[-1].upper for d in backpropagation(network, sample_cost())}
    assert all(f.holds for f in prove_layers(network))
    assert all(f.holds for f in prove_unrolled(network))


@pytest.mark.parametrize("text", ["1-1", "2-2", "3-1-2", "2-2-2-2", "2-2-3-2", "1-2-1-2-1"])
def test_sympys_own_diff_of_the_expanded_cost_agrees_in_every_parameter(text):
    network = network_of(text)
    result = prove_by_brute_force(network)
    assert result.compared == network.architecture.n_parameters
    assert result.differing == ()
    assert result.holds


def test_a_network_too_deep_to_unroll_is_left_undecided():
    deep = network_of("-".join(["1"] * (MAX_UNROLLED_DEPTH + 1)))
    assert prove_unrolled(deep) == ()
    assert all(f.holds for f in prove_layers(deep))
    deepest = network_of("-".join(["1"] * MAX_UNROLLED_DEPTH))
    assert len(prove_unrolled(deepest)) == 2 * (MAX_UNROLLED_DEPTH - 1)


def test_brute_force_is_kept_for_what_it_can_afford():
    assert affordable(network_of("2-2-3-2"))
    assert not affordable(network_of("784-1000-1000-10"))
    assert not affordable(network_of("1-1-1-1-1-1"))
    assert not affordable(Network())


def test_a_brute_force_that_compared_nothing_does_not_count_as_proof():
    result = prove_by_brute_force(network_of("1-1"))
    assert not type(result)(0, ()).holds


# -- the derivation ------------------------------------------------------------------------------------


def test_what_is_derived_has_no_derivative_and_no_case_distinction_left():
    for derived in everything_derived():
        assert not derived.equation.rhs.has(Partial, Derivative, Piecewise)
        assert derived.equation.rhs == derived.derivation.result


def test_each_step_names_a_known_rule_and_starts_where_the_one_before_ended():
    for derived in everything_derived():
        now = derived.derivation.start
        assert isinstance(now, Partial)
        assert derived.derivation.steps
        for step in derived.derivation.steps:
            assert step.rule in RULES
            assert step.before == now
            assert step.after != step.before, "a step that changes nothing"
            now = step.after
        assert now == derived.derivation.result


def test_steps_that_only_tidy_keep_the_value():
    tidied = 0
    for derived in everything_derived():
        for step in derived.derivation.steps:
            if not step.before.has(Partial):
                assert equal(step.before, step.after)
                tidied += 1
    assert tidied > 20


def test_each_equation_is_free_in_its_own_indices_only():
    for derived in everything_derived():
        free = {symbol for symbol in derived.equation.rhs.free_symbols if isinstance(symbol, Index)}
        assert free <= derived.equation.lhs.free_symbols


@pytest.fixture
def without_simplify(monkeypatch):
    """Make every ``simplify`` raise, under whatever name a module has imported it."""
    simplify = sympy.simplify

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("simplify was called")

    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("sympy", "derive") and getattr(module, "simplify", None) is simplify:
            monkeypatch.setattr(module, "simplify", refuse)
    monkeypatch.setattr(sympy.Basic, "simplify", refuse)
    with pytest.raises(AssertionError, match="simplify was called"):
        sympy.simplify(l)


@pytest.mark.usefixtures("without_simplify")
def test_no_proof_of_the_lemma_calls_simplify():
    network = network_of("2-2-3-2")
    assert all(f.holds for f in (*prove_in_general(), *prove_layers(network), *prove_unrolled(network)))
    assert prove_by_brute_force(network).holds


def rule_applications(text: str) -> int:
    return sum(len(d.derivation.steps) for d in backpropagation(network_of(text), sample_cost()))


def test_the_derivation_costs_the_same_at_every_width_and_grows_linearly_with_depth():
    small = rule_applications("2-2-3-2")
    assert rule_applications("784-1000-1000-10") == small
    assert rule_applications("1000000-1-1-1") == small
    hidden = small - rule_applications("2-2-2")
    assert rule_applications("-".join(["2"] * 20)) == small + 16 * hidden


# -- numbers -------------------------------------------------------------------------------------------


class Derivatives:
    """Values of the derived equations of one objective, by rational arithmetic, recursion and all."""

    def __init__(self, sizes: tuple[int, ...], network: Network, objective: object, samples: int) -> None:
        self.exact = ExactNetwork(sizes)
        self.derived = {(d.equation.number, int(d.layer)): d for d in backpropagation(network, objective)}
        self.depth = len(sizes)
        functions = {"SigmaPrime": ExactNetwork.sigma_prime, "Sigma": ExactNetwork.sigma}
        self.evaluation = Evaluation({N: samples}, self.entry, functions)

    def entry(self, name: str, place: tuple[int, ...]) -> object:
        if name in ("delta", "Delta"):
            number = "1.1" if place[0] == self.depth else "1.2"
            equation = self.derived[number, place[0]].equation
            at = dict(zip(equation.lhs.indices[1:], place[1:], strict=True))
            return self.evaluation.of(equation.rhs, at)
        if name in ("z", "a"):
            return getattr(self.exact, name)(*place).value
        if name in ("w", "b"):
            return self.exact.parameter(name, place).value
        return arbitrary(name, place)

    def gradient(self, name: str, place: tuple[int, ...], fixed: dict[object, int]) -> object:
        derived = self.derived["1.3" if name == "b" else "1.4", place[0]]
        neurons = dict(zip(derived.free[1:], place[1:], strict=True))
        return self.evaluation.of(derived.equation.rhs, {**fixed, **neurons})


@pytest.mark.parametrize("sizes", [(2, 2), (2, 1, 3), (2, 2, 3, 2)])
def test_derived_gradients_equal_exact_forward_mode_derivatives(sizes):
    network = Network(Architecture(sizes))
    one, mean, out = sample_cost(), mean_cost(), output(network)
    of_one, of_mean, of_output = (Derivatives(sizes, network, o, samples=2) for o in (one, mean, out))
    for parameter in ExactNetwork(sizes).parameters():
        moved = ExactNetwork(sizes, parameter)
        slopes = [moved.cost(i).slope for i in (1, 2)]
        assert of_one.gradient(*parameter, {one.i: 2}) == slopes[1]
        assert of_mean.gradient(*parameter, {}) == sum(slopes) / 2
        for c in range(1, sizes[-1] + 1):
            wanted = moved.a(len(sizes), 1, c).slope
            assert of_output.gradient(*parameter, {out.i: 1, out.extra[0]: c}) == wanted


@pytest.mark.parametrize("depth", range(2, 9))
def test_every_gradient_at_a_given_depth_is_proved_for_all_widths_at_once(depth):
    network = Network(layers=depth)
    unrolled, layers = prove_unrolled(network), prove_layers(network)
    assert len(unrolled) == 2 * (depth - 1)
    assert len(layers) == 3 * (depth - 1)
    assert all(finding.holds for finding in (*unrolled, *layers))
