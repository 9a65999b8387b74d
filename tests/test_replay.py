"""The replay of derivations: right steps pass, and whatever is done to a step, it is refused by name."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from replay_cases import (
    ARCHITECTURES,
    OBJECTIVES,
    Case,
    cases,
    every_case,
    mutated,
    random_derivations,
    renamed,
    steps_of_levenberg_marquardt,
)
from sympy import (
    Expr,
    Integer,
)

import derive.evaluation
import derive.replay
import derive.replay.algebra
import derive.replay.dependence
import derive.replay.names
import derive.replay.rules
from derive.calculus import rules
from derive.calculus.derivation import Derivation, Step
from derive.calculus.rules import CONSTANT, LINEARITY, Rule
from derive.evaluation import same_value
from derive.network import Network, sample_cost
from derive.quantities import (
    delta,
    l,
)
from derive.replay import Outcome, Problem, check_step, replay
from derive.replay.rules import RULES, WHOLE
from derive.theorems.lemma1 import derive_in_general

# -- what is right passes ------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("architecture", [None, *ARCHITECTURES, "2-3-4-5-6", "4-8-8-2"])
def test_every_step_of_backpropagation_is_accepted(architecture, objective):
    for case in cases(architecture, objective):
        found = replay(case.derivation, case.known, case.equation)
        assert found.faults == ()
        assert found.holds
        assert len(found.verdicts) == len(case.derivation.steps)


def test_every_step_of_levenberg_marquardt_is_accepted():
    for case in steps_of_levenberg_marquardt():
        assert replay(case.derivation, case.known, case.equation).faults == ()


def test_every_step_of_a_random_derivative_is_accepted():
    used = set()
    for case in random_derivations():
        assert replay(case.derivation, case.known).faults == ()
        used |= {step.rule.name for step in case.derivation.steps}
    assert used >= set(RULES) - {"premise"}


def test_two_hundred_steps_with_other_names_for_bound_indices_are_accepted():
    random = Random(2)
    pool = [(step, case.known) for case in every_case() for step in case.derivation.steps]
    for step, known in random.sample(pool, 200):
        before, after = renamed(step.before), renamed(step.after)
        assert check_step(before, after, step.rule.name, known).holds, step


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_start_and_result_have_the_same_value_where_no_rule_is_used(objective):
    for case in cases("2-2-3-2", objective):
        assert same_value(case.derivation.start, case.derivation.result, case.known)


# -- what is wrong is refused --------------------------------------------------------------------------


def test_two_hundred_mutated_steps_are_refused():
    random = Random(3)
    pool = [
        (step, case.known)
        for case in [*cases(None, "sample"), *cases("2-2-3-2", "output"), *steps_of_levenberg_marquardt()]
        for step in case.derivation.steps
    ]
    outcomes = []
    for step, known in random.choices(pool, k=200):
        verdict = check_step(step.before, mutated(step.after, random), step.rule.name, known)
        assert not verdict.holds, step
        outcomes.append(verdict.outcome)
    assert outcomes.count(Outcome.FALSE) > 150


@pytest.mark.parametrize("which", [0, 1])
def test_a_step_under_the_name_of_another_rule_is_refused(which):
    case = cases(None, "sample")[which]
    for step in case.derivation.steps:
        moved = {"distributive law"} if step.rule in (LINEARITY, CONSTANT) else set()  # the same under a sum
        for name in {*RULES, *WHOLE, "magic"} - {step.rule.name} - moved:
            verdict = check_step(step.before, step.after, name, case.known)
            assert verdict.outcome is Outcome.WRONG_RULE, (name, step)
            assert verdict.reason.startswith(f"{name!r} ")


def test_a_refused_step_is_named_with_its_reason():
    case = cases(None, "sample")[0]
    step = replace(case.derivation.steps[6], rule=Rule("power rule", ""), note="")
    found = replay(with_step(case.derivation, 7, step), case.known, case.equation)
    assert not found.holds
    assert [verdict.holds for verdict in found.verdicts] == [True] * 6 + [False] + [True] * 5
    assert found.faults == (
        "step 7: 'power rule' does not turn the left-hand side into the right-hand side, "
        "though they seem equal",
    )
    assert found.verdicts[6].reason == found.faults[0]


def with_step(derivation: Derivation, number: int, step: Step) -> Derivation:
    steps = list(derivation.steps)
    steps[number - 1] = step
    return Derivation(derivation.start, tuple(steps))


@pytest.mark.parametrize(
    ("where", "many"),
    [((None, "sample"), 2), ((None, "scaled"), 1), ((None, "mean"), 1), (("2-2", "output"), 1), (None, 2)],
)
def test_whatever_is_done_to_a_derivation_is_found_and_named(where, many):
    random = Random(4)
    for case in steps_of_levenberg_marquardt() if where is None else cases(*where):
        derivation, steps = case.derivation, case.derivation.steps
        last = len(steps)
        for number in random.sample(range(1, last + 1), many):
            before, step, after = steps[: number - 1], steps[number - 1], steps[number:]
            harm = (
                replace(step, after=mutated(step.after, random)),
                replace(step, before=mutated(step.before, random)),
                replace(step, rule=Rule("premise", "")),
                replace(step, note=f"{step.note}, as is well known"),
                replace(step, rule=replace(step.rule, side_condition="whatever")),
                replace(step, rule=replace(step.rule, statement="anything goes")),
            )
            for changed in harm:
                assert named((*before, changed, *after), case) == number
            assert named((*before, *after), case) == min(number, last - 1)
            if number < last:
                assert named((*before, after[0], step, *after[1:]), case) == number
                assert named((*before, step), case) == number
            assert named(steps, case, mutated(derivation.start, random)) == 1


def named(steps: tuple[Step, ...], case: Case, start: Expr | None = None) -> int:
    """Return the number of the first step that the replay complains of."""
    faults = replay(Derivation(start or case.derivation.start, steps), case.known, case.equation).faults
    assert faults
    assert all("\n" not in fault for fault in faults)
    return int(faults[0].split()[1].rstrip(":,"))


def test_a_result_or_an_equation_that_the_steps_do_not_reach_is_refused():
    case = cases(None, "sample")[1]

    @dataclass(frozen=True)
    class Claimed:
        start: Expr
        steps: tuple[Step, ...]
        result: Expr

    derivation, number = case.derivation, len(case.derivation.steps)
    wrong = Claimed(derivation.start, derivation.steps, 2 * derivation.result)
    assert replay(wrong, case.known).faults == (f"step {number}, the last, is not the result",)
    right = replace(case.equation, rhs=renamed(case.equation.rhs))
    assert replay(derivation, case.known, right).holds
    wrong = replace(case.equation, rhs=-case.equation.rhs)
    assert replay(derivation, case.known, wrong).faults == (
        f"step {number}, the last, is not the right-hand side of (1.2)",
    )
    wrong = replace(case.equation, lhs=delta[l + 1, *case.equation.lhs.indices[1:]])
    assert replay(derivation, case.known, wrong).faults == (
        "step 1 does not start from the left-hand side of (1.2)",
    )


def test_a_derivative_may_not_be_left_unopened():
    case = cases(None, "sample")[0]
    faults = replay(Derivation(case.derivation.start, case.derivation.steps[:3]), case.known).faults
    assert faults == ("step 3, the last, leaves a derivative unopened",)
    assert not replay(Derivation(case.derivation.start, ()), case.known).holds


# -- an engine that errs ---------------------------------------------------------------------------------


def test_an_engine_that_forgets_what_depends_on_what_is_caught(monkeypatch):
    monkeypatch.setattr(Network, "depends", lambda self, q, v: q == v)
    objective = sample_cost()
    derived = derive_in_general(objective)[1]
    found = replay(derived.derivation, Problem(Network(), objective), derived.equation)
    assert "'independence' does not turn" in found.faults[0]
    assert "may change with z[l, i, j]" in found.faults[0]


def test_an_engine_that_takes_every_kronecker_delta_for_1_is_caught(monkeypatch):
    monkeypatch.setattr(rules, "_same_coordinate", lambda f, v: Integer(1))
    objective = sample_cost()
    derived = derive_in_general(objective)[3]
    found = replay(derived.derivation, Problem(Network(), objective), derived.equation)
    assert "'independent coordinates' does not turn" in found.faults[0]


# -- independence of the replay itself -------------------------------------------------------------------


REPLAY = (derive.replay.algebra, derive.replay.dependence, derive.replay.names, derive.replay.rules)


@pytest.mark.parametrize("module", [derive.replay, *REPLAY, derive.evaluation])
def test_the_replay_imports_nothing_from_what_it_checks(module):
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    typing_only = {
        node
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node not in typing_only:
            assert node.level == 0
            imported += [f"{node.module}.{alias.name}" for alias in node.names]
    ours = {name for name in imported if name.startswith("derive")}
    assert ours
    allowed = (
        *("derive.evaluation.", "derive.network.", "derive.quantities.", "derive.replay."),
        "derive.remembered.",  # keeps answers, and has none of its own
    )
    assert all(name.startswith(allowed) for name in ours)
    assert not any("import_module" in name or "importlib" in name for name in imported)


def test_every_rule_of_a_derivation_of_the_lemma_is_known_and_spelled_alike():
    used = {step.rule.name for case in every_case() for step in case.derivation.steps}
    assert used == set(RULES) - {"premise"}
    assert {LINEARITY.name, CONSTANT.name} <= used


def test_the_rules_are_a_dozen_and_the_replay_knows_each():
    assert {rule.name for rule in rules.RULES} == {*RULES, *WHOLE}
    assert len(rules.RULES) <= 12
