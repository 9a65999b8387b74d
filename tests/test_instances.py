"""Instances: what holds at layer l holds at a layer that is wired so, and nothing else is taken for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from sympy import Expr, Integer, KroneckerDelta

from derive.architecture import Architecture
from derive.network import Network, Objective, mean_cost, output, sample_cost
from derive.proof import Problem, prove
from derive.quantities import Index, a, b, delta, l, n, total, w, x, z
from derive.replay import replay, same
from derive.replay.algebra import equal_multiplied_out
from derive.replay.images import is_image
from derive.theorems import along_parameters as along
from derive.theorems import backpropagation as engine
from derive.theorems import layer_scaling as scaling
from derive.theorems import lean_step as lean_steps
from derive.theorems.backpropagation import Derived, backpropagation
from derive.theorems.instances import InstancePart, Renaming, names_at, wired_as_in_general
from derive.theorems.lean_step import lean_step
from derive.theorems.weighted_step import along_p


def net(text: str, cost: str = "quadratic") -> Network:
    return Network(Architecture.parse(text, cost))


DEEP = net("3-5-4-4-2")


def instances(network: Network, objective: Objective) -> list[Derived]:
    return [item for item in backpropagation(network, objective) if item.general is not None]


@pytest.mark.parametrize("objective", [sample_cost(), mean_cost(), output(DEEP)], ids=lambda one: one.name)
def test_an_instance_is_what_its_layer_derives_and_each_of_its_steps_is_replayed(objective, monkeypatch):
    found = backpropagation(DEEP, objective)
    monkeypatch.setattr(engine, "at_layer", lambda *_: None)
    alone = backpropagation(DEEP, objective)
    assert sum(item.general is not None for item in found) == 2 * 4 + 3
    for one, other in zip(found, alone, strict=True):
        assert other.general is None
        names = dict(zip(other.free[1:], one.free[1:], strict=True))
        assert same(one.equation.lhs, other.equation.lhs.xreplace(names))
        assert same(one.equation.rhs, other.equation.rhs.xreplace(names))
        steps = [(step.rule, step.note) for step in one.derivation.steps]
        assert steps == [(step.rule, step.note) for step in other.derivation.steps]
        assert replay(one.derivation, Problem(DEEP, objective), one.equation).holds


def test_what_is_new_without_j_is_replayed_step_by_step_as_its_layer_has_it():
    parts = list(lean_step(DEEP, backpropagation(DEEP, output(DEEP))).parts)
    parts += along_p(DEEP)[1]
    own = [part for part in parts if isinstance(part, InstancePart)]
    assert {part.equation.number for part in own} == {"5.3", "5.4", "7.1", "7.2"}
    for part in own:
        assert part.holds
        assert replay(part.derivation, part.given, part.equation).holds, part.equation


UNLIKE = {
    "3-4-4-4+2-2": [(4, 0), (2, 1)],  # a link beside, and what it comes from
    "3-4-4:tanh,no-bias-4-2": [(3, 0), (2, 1)],
    "3-4-4-4=3-2": [(3, 0), (4, 0)],  # shared weights
}


@pytest.mark.parametrize(("text", "places"), UNLIKE.items())
def test_a_layer_that_is_wired_in_another_way_is_no_instance(text, places):
    network = net(text)
    assert all(not wired_as_in_general(network, *place) for place in places)
    assert prove(network.architecture, brute_force=False).holds


def test_the_first_layer_a_softmax_and_a_layer_that_is_not_there_are_no_instances():
    network = net("3-4-3:softmax", "cross-entropy")
    assert wired_as_in_general(network, 2, 1)
    assert not any(wired_as_in_general(network, layer) for layer in (0, 1, 3, 4))
    assert not wired_as_in_general(net("3-4-2"), 3, 1)  # nothing above


def changed(network: Network, change: Callable[[Expr], Expr]) -> list[bool]:
    """Return which instances are still taken for such with another right-hand side."""
    found = []
    for item in instances(network, sample_cost()):
        right = change(item.equation.rhs)
        if right != item.equation.rhs:
            wrong = replace(item, equation=replace(item.equation, rhs=right))
            found.append(wrong.is_image(network))
    return found


def _wider(expr: Expr) -> Expr:
    """Let every index of a range of 4 have one of 5."""
    return expr.xreplace({i: Index(i.name, 5) for i in expr.atoms(Index) if i.upper == 4})


def _alike(expr: Expr) -> Expr:
    """Make one index of two."""
    first, *rest = sorted(expr.atoms(Index), key=lambda index: index.name)
    return expr.xreplace(dict.fromkeys(rest[:1], first))


MUTANTS: dict[str, Callable[[Expr], Expr]] = {
    "a factor": lambda expr: 2 * expr,
    "a sign": lambda expr: -expr,
    "a term": lambda expr: expr + x[1, 1],
    "a layer of weights": lambda expr: expr.replace(
        lambda e: getattr(e, "base", None) == w, lambda e: w[(e.indices[0] - 1, *e.indices[1:])]
    ),
    "a layer of delta": lambda expr: expr.replace(
        lambda e: getattr(e, "base", None) == delta, lambda e: delta[(e.indices[0] + 1, *e.indices[1:])]
    ),
    "a letter": lambda expr: expr.replace(lambda e: getattr(e, "base", None) == a, lambda e: z[e.indices]),
    "a transpose": lambda expr: expr.replace(
        lambda e: getattr(e, "base", None) == w, lambda e: w[e.indices[0], e.indices[2], e.indices[1]]
    ),
    "a range": _wider,
    "two indices made one": _alike,
}


@pytest.mark.parametrize("name", MUTANTS)
def test_an_equation_that_is_not_the_image_is_refused(name):
    found = changed(DEEP, MUTANTS[name])
    assert found
    assert not any(found)


def test_terms_and_factors_may_stand_in_another_order_but_not_become_others():
    i, k = Index("i", n[2]), Index("k", n[2])
    j, m = Index("i", 4), Index("k", 4)
    names = {n[2]: Integer(4)}
    assert is_image([(b[1, i] + b[1, k], b[1, m] + b[1, j])], names)
    assert not is_image([(b[1, i] + b[1, k], b[1, j] + b[2, m])], names)
    assert not is_image([(b[1, i], b[1, j]), (b[1, k], b[1, j])], names)
    assert not is_image([(b[1, i], b[1, j]), (b[1, i], b[1, m])], names)


def verdict(network: Network, claim: str) -> bool | None:
    found = prove(network.architecture, brute_force=False)
    return next(one.holds for one in found.verdicts if claim in one.claim)


@pytest.mark.parametrize("module", [engine, lean_steps, scaling, along], ids=lambda one: one.__name__)
def test_a_renaming_to_another_layer_is_seen_by_the_proof(module, monkeypatch):
    def above(names: Mapping[Expr, Expr]) -> Renaming:
        return Renaming({old: new + 1 if old in (l - 1, l, l + 1) else new for old, new in names.items()})

    monkeypatch.setattr(module, "Renaming", above)
    assert not prove(DEEP.architecture, brute_force=False).holds


def test_a_layer_that_is_only_said_to_be_alike_is_seen_by_the_proof(monkeypatch):
    network = net("3-4-4:tanh,no-bias-4-2")
    monkeypatch.setattr("derive.theorems.lean_step.wired_as_in_general", lambda *_: True)
    monkeypatch.setattr("derive.theorems.along_parameters.wired_as_in_general", lambda *_: True)
    assert verdict(network, "without J") is False


def test_a_part_is_refused_where_the_general_part_is():
    part = next(one for one in along_p(DEEP)[1] if isinstance(one, InstancePart))
    assert part.holds
    assert not replace(part, general=replace(part.general, reason="not so")).holds
    assert not replace(part, layer=part.layer - 1).holds
    assert not replace(part, network=net("3-5,no-bias-4:linear,no-bias-4:linear,no-bias-2")).holds
    assert names_at(DEEP, 3)[n[l]] == 4


def test_a_square_of_a_kronecker_delta_is_the_delta_when_the_replay_multiplies_out() -> None:
    i, k = Index("i", n[2]), Index("k", n[2])
    tie, other = KroneckerDelta(i, k), b[1, k]
    left, right = total((tie + other) ** 2, k), total(tie + 2 * tie * other + other**2, k)
    assert equal_multiplied_out(left, right)
    assert not equal_multiplied_out(left, total(tie + tie * other + other**2, k))
