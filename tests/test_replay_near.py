"""Where the replay looks for a step first: it finds the place, and decides nothing."""

from __future__ import annotations

import itertools

import pytest
from sympy import Integer

import derive.replay
from derive import Architecture, prove
from derive.network import Network, sample_cost
from derive.quantities import Index, N, Partial, Sigma, SigmaPrime, total, w, z
from derive.replay import Problem, check_step
from derive.replay.near import near


def test_a_step_is_looked_for_first_where_its_sides_differ() -> None:
    i, j, k = Index("i", N), Index("j", Integer(3)), Index("k", Integer(3))
    before = total(w[2, j, k] * Partial(Sigma(2, z[2, i, k]), z[2, i, j]), k)
    after = total(w[2, j, k] * SigmaPrime(2, z[2, i, k]) * Partial(z[2, i, k], z[2, i, j]), k)
    paths = near(before, after)
    node = before
    for at in paths[0]:
        node = node.args[at]
    assert node == Partial(Sigma(2, z[2, i, k]), z[2, i, j])
    assert paths == [paths[0][:length] for length in range(len(paths[0]), -1, -1)]


@pytest.mark.parametrize("elsewhere", [[], [()], [(0,)], [(9, 9)]], ids=str)
def test_where_a_step_is_looked_for_first_decides_nothing(
    elsewhere: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = Architecture.parse("2-3:tanh-2:linear")
    derived = prove(architecture, brute_force=False).sample
    problem = Problem(Network(architecture), sample_cost())
    steps = [step for item in derived for step in item.derivation.steps]
    swapped = [(step, other) for step, other in itertools.pairwise(steps)]
    sides = [(s.before, s.after, s.rule.name) for s in steps]
    sides += [(s.before, o.after, s.rule.name) for s, o in swapped]
    found = [check_step(*side, problem) for side in sides]
    monkeypatch.setattr(derive.replay, "near", lambda start, goal: elsewhere)
    assert [check_step(*side, problem) for side in sides] == found
    assert {verdict.holds for verdict in found} == {True, False}
