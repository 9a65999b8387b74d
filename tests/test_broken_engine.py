"""Each rule spoilt in turn: the proof must say no and the gate must stay shut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sympy import Add, Expr, Integer, Mul, Sum

from derive.architecture import Architecture
from derive.calculus import derivation, rules
from derive.calculus.rules import (
    CHAIN,
    COLLAPSE,
    CONSTANT,
    COORDINATES,
    DEFINITION,
    EXCHANGE,
    INDEPENDENCE,
    LINEARITY,
    POWER,
    RULES,
    Definitions,
    Opening,
    Rule,
)
from derive.errors import NotProvedError, UserError
from derive.network import Network, sample_cost
from derive.proof import Proof, prove
from derive.quantities import Partial, w, z
from derive.theorems import lemma1
from derive.theorems.lemma1 import LEMMA_1

SMALL = Architecture((2, 2, 3))
HONEST = {
    "open_partial": rules.open_partial,
    "tidy_sum": rules.tidy_sum,
    "tidy_product": rules.tidy_product,
}


def spoil(monkeypatch: pytest.MonkeyPatch, rule: Rule, spoilt: Callable[[Partial, Opening], Opening]) -> None:
    """Let one rule for derivatives answer wrongly, wherever it is applied."""

    def open_partial(partial: Partial, known: Definitions) -> Opening:
        opening = HONEST["open_partial"](partial, known)
        return spoilt(partial, opening) if opening.rule is rule else opening

    monkeypatch.setattr(rules, "open_partial", open_partial)
    monkeypatch.setattr(derivation, "open_partial", open_partial)


def spoil_tidying(
    monkeypatch: pytest.MonkeyPatch, rule: Rule, kind: type, change: Callable[..., Expr]
) -> None:
    """Let one rule for sums or products answer wrongly."""
    honest = HONEST["tidy_sum" if kind is Sum else "tidy_product"]

    def tidy(node: Expr) -> tuple[Rule, Expr] | None:
        found = honest(node)
        return (rule, change(node, found[1])) if found is not None and found[0] is rule else found

    monkeypatch.setitem(derivation._TIDY, kind, tidy)


def negated(_: Partial, opening: Opening) -> Opening:
    return replace(opening, combine=lambda *d: -opening.combine(*d))


def inner_derivative_alone(_: Partial, opening: Opening) -> Opening:
    return replace(opening, combine=lambda *d: d[0])


def without_the_last_term(_: Partial, opening: Opening) -> Opening:
    return replace(opening, partials=opening.partials[:-1], combine=Add)


def always_one(_: Partial, opening: Opening) -> Opening:
    return replace(opening, partials=(), combine=lambda: Integer(1))


def exponent_not_lowered(partial: Partial, opening: Opening) -> Opening:
    return replace(opening, combine=lambda d: partial.f.exp * partial.f * d)


def twice(_: Partial, opening: Opening) -> Opening:
    return replace(opening, combine=lambda *d: 2 * opening.combine(*d))


SPOILT = {
    "chain rule forgets sigma'": (CHAIN, inner_derivative_alone),
    "chain rule flips the sign": (CHAIN, negated),
    "linearity drops a term": (LINEARITY, without_the_last_term),
    "linearity flips the sign": (LINEARITY, negated),
    "constant factor is lost": (CONSTANT, inner_derivative_alone),
    "constant factor flips the sign": (CONSTANT, negated),
    "power rule forgets the power": (POWER, inner_derivative_alone),
    "power rule does not lower the exponent": (POWER, exponent_not_lowered),
    "power rule flips the sign": (POWER, negated),
    "exchange loses the sum": (EXCHANGE, inner_derivative_alone),
    "exchange doubles": (EXCHANGE, twice),
    "independent quantities have derivative one": (INDEPENDENCE, always_one),
    "all coordinates are one": (COORDINATES, always_one),
    "coordinates flip the sign": (COORDINATES, negated),
    "definition doubles": (DEFINITION, twice),
}

SPOILT_TIDYING = {
    "Kronecker collapse leaves the sum": (COLLAPSE, Sum, lambda node, right: Sum(right, *node.limits)),
    "Kronecker collapse flips the sign": (COLLAPSE, Sum, lambda node, right: -right),
    "minus sign is lost": (CONSTANT, Mul, lambda node, right: -node),
}


def assert_the_gate_is_shut(proof: Proof, failing: str) -> None:
    assert not proof.holds
    failed = [verdict for verdict in proof.verdicts if verdict.holds is False]
    assert any(verdict.claim.startswith(failing) for verdict in failed)
    assert all(verdict.method.startswith("differs") for verdict in failed if verdict.claim.startswith("("))
    with pytest.raises(NotProvedError) as caught:
        proof.require()
    assert isinstance(caught.value, UserError)
    assert str(caught.value) == f"not proved for {SMALL}: {failed[0].claim}; nothing is emitted"


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_rule_shuts_the_gate(monkeypatch, name):
    spoil(monkeypatch, *SPOILT[name])
    assert_the_gate_is_shut(prove(SMALL, brute_force=False), "(b) Lemma 1")


@pytest.mark.parametrize("name", SPOILT_TIDYING)
def test_a_spoilt_tidying_shuts_the_gate(monkeypatch, name):
    spoil_tidying(monkeypatch, *SPOILT_TIDYING[name])
    assert_the_gate_is_shut(prove(SMALL, brute_force=False), "(b) Lemma 1")


def test_brute_force_is_independent_of_the_rules(monkeypatch):
    spoil(monkeypatch, CHAIN, inner_derivative_alone)
    verdicts = prove(SMALL).verdicts
    (brute,) = (verdict for verdict in verdicts if verdict.claim.startswith("(c)"))
    assert brute.holds is True
    assert {v.holds for v in verdicts if v.claim.startswith(("(a)", "(b)"))} == {False}


def test_brute_force_is_independent_of_the_normal_form(monkeypatch):
    monkeypatch.setattr(lemma1, "equal", lambda *_: True)
    flipped = replace(LEMMA_1, output_delta=lambda *at: -LEMMA_1.output_delta(*at))
    proof = prove(SMALL, flipped)
    assert [v.claim[:3] for v in proof.verdicts if v.holds is False] == ["(c)"]
    with pytest.raises(NotProvedError, match="SymPy's diff"):
        proof.require()


def test_a_network_that_denies_its_own_wiring_is_not_proved(monkeypatch):
    honest = Network.depends

    def depends(self: Network, quantity: Expr, variable: Expr) -> bool:
        layers_apart = getattr(quantity, "base", None) == z and quantity.indices[0] != variable.indices[0]
        return honest(self, quantity, variable) and not layers_apart

    monkeypatch.setattr(Network, "depends", depends)
    assert_the_gate_is_shut(prove(SMALL, brute_force=False), "(a) Lemma 1")


def test_another_cost_under_the_same_name_is_not_proved(monkeypatch):
    for wrong in (2, -1):
        monkeypatch.setattr("derive.proof.sample_cost", lambda scale=1, by=wrong: sample_cost(by * scale))
        assert_the_gate_is_shut(prove(SMALL, brute_force=False), "(b) Lemma 1")


def test_each_rule_that_the_lemma_uses_is_among_the_spoilt_ones():
    used = {step.rule for d in prove(SMALL, brute_force=False).sample for step in d.derivation.steps}
    spoilt = {rule for rule, *_ in (*SPOILT.values(), *SPOILT_TIDYING.values())}
    assert used <= spoilt
    assert used <= set(RULES)


def test_what_is_spoilt_here_is_whole_again_afterwards():
    i, j, k = (sample_cost().i, *(Network(SMALL).index(name, Integer(2)) for name in "jk"))
    assert rules.open_partial(Partial(z[2, i, j], z[2, i, k]), Network(SMALL)).rule is COORDINATES
    assert rules.open_partial(Partial(w[2, j, k], w[3, j, k]), Network(SMALL)).rule is INDEPENDENCE
    assert prove(SMALL, brute_force=False).holds
