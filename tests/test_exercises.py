"""Exercises: every one has a right solution, tells wrong answers apart, and gives nothing away too early."""

import re
from fractions import Fraction
from itertools import pairwise
from math import exp, log
from random import Random

import pytest

from derive.calculus.rules import RULES
from derive.claims.activations import ACTIVATIONS
from derive.claims.exact import Instance
from derive.errors import UserError
from derive.exercises import KINDS, Mark, by_hand, exercise, exercises, false_step
from derive.exercises.blocks import Code, Prose
from derive.exercises.numpy_lines import run_line
from derive.replay import Outcome, check_step

SEEDS = {"false-step": 40, "disprove": 60, "delta": 80, "order": 30, "rule": 100, "mend": 100}
DRAWN = [(kind, range(SEEDS.get(kind, 200))) for kind in KINDS]
by_kind = pytest.mark.parametrize(("kind", "seeds"), DRAWN, ids=list(KINDS))


def words(blocks):
    """Return all that blocks say, in ASCII."""
    said = []
    for block in blocks:
        if isinstance(block, Prose):
            said.append(block.text)
        elif isinstance(block, Code):
            said += block.lines
        else:
            said += [f"{row.label} {row.maths.ascii} {row.note}" for row in block.rows]
    return "\n".join(said)


def claim_of(drawn):
    return next(block.lines[0] for block in drawn.task if isinstance(block, Code))


@by_kind
def test_the_stored_solution_is_graded_right(kind, seeds):
    for seed in seeds:
        drawn = exercise(kind, seed)
        assert drawn.grade(drawn.answer).right, (seed, drawn.answer, drawn.grade(drawn.answer))
        assert seed > 20 or drawn.grade(f"  {drawn.answer}\n").right, seed


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_stored_solution_is_graded_right_over_very_many_seeds(kind):
    for seed in range(10_000, 10_300):
        drawn = exercise.__wrapped__(kind, seed)
        assert drawn.grade(drawn.answer).right, (seed, drawn.answer, drawn.grade(drawn.answer))


@by_kind
def test_no_answer_and_nonsense_are_malformed(kind, seeds):
    for seed in seeds[:40]:
        drawn = exercise(kind, seed)
        for text in ("", "   ", "____", "\N{SNOWMAN}", "import os", "x" * 5000, "[" * 900):
            assert drawn.grade(text).mark is Mark.MALFORMED, (seed, text[:20], drawn.grade(text))


@by_kind
def test_there_is_variety(kind, seeds):
    assert len({words(exercise(kind, seed).task) for seed in seeds[:50]}) >= min(25, len(seeds) * 2 // 3)


@by_kind
def test_hints_do_not_give_the_answer_away_before_the_last(kind, seeds):
    for seed in seeds[:100]:
        drawn = exercise(kind, seed)
        assert len(drawn.hints) == 3
        if drawn.answer in words(drawn.task):
            continue  # as a part of the formula that is to be mended
        given = re.compile(rf"(?<![\w.\[/*-]){re.escape(drawn.answer)}(?![\w.\]/])")
        for level, hint in enumerate(drawn.hints[:2], 1):
            assert not given.search(words(hint)), (seed, level, drawn.answer)


def test_the_same_seed_gives_the_same_exercise_and_another_kind_another():
    first, again = (exercise.__wrapped__("order", 5) for _ in range(2))
    assert first == again
    assert words(first.task) != words(exercise("order", 6).task)


# -- wrong answers are told apart -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gap", "mend"])
def test_a_flipped_sign_is_refused_in_a_formula(kind):
    refused = 0
    for seed in range(60):
        drawn = exercise(kind, seed)
        if re.fullmatch(r"\[?[a-zL\d,+-]+\]?", drawn.answer) and drawn.answer != "y":
            continue  # a layer or subscripts
        grade = drawn.grade(f"-({drawn.answer})")
        assert not grade.right, seed
        refused += grade.mark is Mark.WRONG
    assert refused > 20


def test_another_layer_or_other_subscripts_are_refused():
    tried = 0
    for seed in range(80):
        drawn = exercise("gap", seed)
        layers = ("l", "l-1", "l+1", "l+2", "L", "L-1", "L-2", "1", "2", "3", "4")
        if drawn.answer in layers:
            tried += 1
            right = [layer for layer in layers if drawn.grade(layer).right]
            assert right == [drawn.answer], seed
        elif re.fullmatch(r"\[\w,\w\]", drawn.answer):
            tried += 1
            assert not drawn.grade(f"[{drawn.answer[3]},{drawn.answer[1]}]").right
            assert drawn.grade(drawn.answer.strip("[]")).right
    assert tried > 25


def test_the_broken_formula_is_refused_and_any_right_form_is_accepted():
    for seed in range(40):
        drawn = exercise("mend", seed)
        left, broken = claim_of(drawn).split(" = ")
        assert not drawn.grade(broken).right, seed
        assert drawn.grade(f"{left} = {drawn.answer}").right
        assert drawn.grade(f"1/2 * ({drawn.answer}) + ({drawn.answer}) / 2").right
        assert drawn.grade(f"x = {drawn.answer}").mark is Mark.MALFORMED


def test_the_left_hand_side_under_another_name_is_no_answer():
    for seed in range(30):
        drawn = exercise("mend", seed)
        left = claim_of(drawn).split(" = ")[0]
        assert drawn.grade(left).mark is Mark.WRONG
        assert drawn.grade(left.replace("delta", "dC/dz")).mark is Mark.WRONG
    bracket = next(e for e in (exercise("gap", seed) for seed in range(999)) if e.answer == "a[L] - y")
    assert bracket.grade("a[L] - y) * (1").mark is Mark.MALFORMED
    assert bracket.grade("a[L] - y = 0").mark is Mark.MALFORMED
    assert bracket.grade("-y + a[L]").right


def test_few_rules_fit_a_step_and_only_known_names_are_read():
    for seed in range(40):
        drawn = exercise("rule", seed)
        right = [rule.name for rule in RULES if drawn.grade(rule.name).right]
        assert drawn.answer in right
        assert len(right) <= 3, (seed, right)
        assert drawn.grade(drawn.answer.upper().replace(" ", "-")).right
        assert drawn.grade("common sense").mark is Mark.MALFORMED


def test_every_rule_is_asked_for():
    assert len({exercise("rule", seed).answer for seed in range(200)}) >= 9


def test_steps_in_another_order_do_not_hang_together():
    for seed in range(15):
        drawn = exercise("order", seed)
        turned = drawn.answer[::-1]
        swapped = drawn.answer[:-2] + drawn.answer[:-3:-1]
        assert drawn.grade(turned).mark is Mark.WRONG, (seed, turned)
        assert drawn.grade(swapped).mark is Mark.WRONG, (seed, swapped)
        assert drawn.grade(drawn.answer[:-1]).mark is Mark.MALFORMED
        assert drawn.grade(" > ".join(drawn.answer.lower())).right


def test_only_one_number_is_the_false_step():
    for seed in range(40):
        drawn = exercise("false-step", seed)
        marks = [drawn.grade(str(number)).mark for number in range(1, 8)]
        assert marks.count(Mark.RIGHT) == 1
        assert marks.count(Mark.MALFORMED) >= 1
        assert drawn.grade(f"step {drawn.answer}").right


def test_the_false_step_is_false_under_every_rule_and_the_others_hold(monkeypatch):
    honest, seen = false_step._goes_wrong_once, []

    def watched(chain, lines, rules, false):
        found = honest(chain, lines, rules, false)
        if found:
            seen.append((chain, lines, rules, false))
        return found

    monkeypatch.setattr(false_step, "_goes_wrong_once", watched)
    for seed in range(12):
        drawn = false_step.find_the_false_step(seed)
        chain, lines, rules, false = seen[-1]
        assert drawn.answer == str(false)
        for number, ((before, after), rule) in enumerate(zip(pairwise(lines), rules, strict=True), 1):
            if number == false:
                outcomes = {check_step(before, after, one.name, chain.known).outcome for one in RULES}
                assert outcomes == {Outcome.FALSE}, seed
            else:
                assert check_step(before, after, rule, chain.known).holds, (seed, number)
    assert len(seen) == 12


def test_a_network_in_which_both_sides_are_zero_disproves_nothing():
    for seed in range(40):
        drawn = exercise("disprove", seed)
        still = re.sub(r"= \[.*", lambda match: re.sub(r"-?\d+", "0", match.group()), drawn.answer)
        still = re.sub(r"sigma\(z\) = .*", "sigma(z) = z", still)
        assert drawn.grade(still).mark is Mark.WRONG, (seed, still)


def test_a_counterexample_is_read_with_care():
    drawn = next(e for e in (exercise("disprove", s) for s in range(99)) if "1-1," in e.answer)
    one_line = drawn.answer.replace("\n", "; ")
    assert drawn.grade(one_line).right
    assert drawn.grade(one_line.replace("[2]", "2", 1)).right
    for old, new, said in (
        ("y = [1]", "", "expected y"),
        ("network 1-1", "network 1-2", "W[2]: expected a column of 2"),
        ("network 1-1", "network 9-9", "at most 4 neurons"),
        ("x = [-1]", "x = [1/0]", "division by zero"),
        ("x = [-1]", "x = [-1]; x = [2]", "once"),
        ("z^2 + z", "exp(z)", "expected sigma to be one of"),
        ("x = [-1]", "x = [-1]; V = 3", "V is not part"),
    ):
        grade = drawn.grade(one_line.replace(old, new))
        assert grade.mark is Mark.MALFORMED, (old, new)
        assert said in grade.reason


def test_values_by_hand_are_those_of_dual_numbers():
    """The oracle carries slopes through the forward pass and knows no lemma."""
    compared = 0
    for seed in range(60):
        done = by_hand._draw(Random(f"oracle {seed}"))
        if done.stand_in is None:
            continue
        depth = len(done.sizes)
        entries = {("x", 1): done.matrix("x", 1), ("y", depth): done.matrix("y", depth)}
        for layer in range(2, depth + 1):
            entries["w", layer], entries["b", layer] = done.matrix("w", layer), done.matrix("b", layer)
        instance = Instance(done.sizes, None, done.stand_in, entries, {})
        for layer in range(2, depth + 1):
            for letter in ("delta", "dw", "db", "z", "a"):
                compared += 1
                assert done.matrix(letter, layer) == instance.value(letter, layer), (seed, letter, layer)
    assert compared > 100


def test_logistic_values_by_hand_are_those_of_central_differences():
    for seed in range(12):
        done = by_hand._draw(Random(f"logistic {seed}"))
        if done.stand_in is not None:
            continue
        last, h = len(done.sizes), 1e-6
        for j, (delta,) in enumerate(done.matrix("delta", 2)):

            def cost(shift, j=j, done=done, last=last):
                a = [float(v) for (v,) in done.matrix("a", 2)]
                z = log(a[j] / (1 - a[j])) + shift
                moved = [*a[:j], 1 / (1 + exp(-z)), *a[j + 1 :]]
                for layer in range(3, last + 1):
                    base = [float(v) for (v,) in done.matrix("a", layer - 1)]
                    rise = [
                        sum(float(w) * (m - q) for w, m, q in zip(row, moved, base, strict=True))
                        for row in done.matrix("w", layer)
                    ]
                    here = [float(v) for (v,) in done.matrix("a", layer)]
                    inputs = [log(v / (1 - v)) + r for v, r in zip(here, rise, strict=True)]
                    moved = [1 / (1 + exp(-v)) for v in inputs]
                targets = [float(v) for (v,) in done.matrix("y", last)]
                return sum((m - t) ** 2 for m, t in zip(moved, targets, strict=True)) / 2

            assert (cost(h) - cost(-h)) / (2 * h) == pytest.approx(float(delta), abs=1e-8)


def test_a_flipped_sign_or_entry_by_hand_is_refused():
    for seed in range(100):
        drawn = exercise("delta", seed)
        turned = re.sub(r"-?\d+(/\d+)?", lambda match: str(-Fraction(match.group())), drawn.answer)
        assert drawn.grade(turned).mark is Mark.WRONG
        assert "sign" in drawn.grade(turned).reason
        moved = re.sub(r"-?\d+(/\d+)?", lambda match: str(Fraction(match.group()) + 1), drawn.answer, count=1)
        assert drawn.grade(moved).mark is Mark.WRONG
        assert drawn.grade(f"{drawn.answer}, 1").mark is Mark.MALFORMED


# -- code ---------------------------------------------------------------------------------------------------


def test_other_code_that_does_the_same_is_right_and_other_code_is_wrong():
    multiplied = 0
    for seed in range(60):
        drawn = exercise("code", seed)
        match = re.fullmatch(r"np\.multiply\((\w+), (\w+), out=(\w+)\)", drawn.answer)
        if match is None:
            continue
        multiplied += 1
        p, q, out = match.groups()
        for text in (f"{out} *= {q}", f"{out}[:] = {q} * {p}", f"np.copyto({out}, {p} * {q})"):
            assert drawn.grade(text).right, text
        for text in (
            f"{out} /= {q}",
            f"np.negative({out}, out={out})",
            f"{p} * {q}",
            f"np.multiply({p}, {q})",
        ):
            assert not drawn.grade(text).right, text
    assert multiplied > 5


def test_an_array_that_is_only_bound_anew_is_not_written():
    drawn = next(e for e in (exercise("code", s) for s in range(99)) if "out=gW" in e.answer)
    inside, out = re.fullmatch(r"np\.matmul\((.*), out=(\w+)\)", drawn.answer).groups()
    first, second = inside.split(", ")
    assert drawn.grade(f"{out} = {first} @ {second}").mark is Mark.WRONG
    assert drawn.grade(f"{out}[:] = {first} @ {second}").right


HOSTILE = [
    "__import__('os').system('true')",
    "np.load('x')",
    "open('x')",
    "exec('1')",
    "(lambda: 0)()",
    "[x for x in d2]",
    "np.add.__class__(d2, d2)",
    "d2.tofile('x')",
    "np.matmul(d2, d2, out=d2).tofile('x')",
    "import os",
    "np.add(d2, d2, where=True)",
    "d2 = 9**9**9**9**9",
    "while True: pass",
    "d2.T.base",
    "d2[0]",
    "a" * 400,
    "np.sum(" * 90 + "d2" + ")" * 90,
    "d2\0",
]


@pytest.mark.parametrize("line", HOSTILE, ids=range(len(HOSTILE)))
def test_a_typed_line_can_only_compute(line):
    import numpy as np

    arrays = {"d2": np.ones((2, 2))}
    try:
        run_line(line, arrays)
    except UserError:
        return
    assert all(isinstance(array, (np.ndarray, np.floating)) for array in arrays.values())
    assert "**" in line


def test_a_completed_function_is_judged_by_what_it_does():
    drawn = exercise("code", 1)
    lines = drawn.function.lines

    def run(kept, arrays):
        for line in kept:
            run_line(line, arrays)

    assert drawn.grade_function(lambda **arrays: run(lines, dict(arrays))).right
    others = [line for place, line in enumerate(lines) if place != drawn.function.blank]
    assert not drawn.grade_function(lambda **arrays: run(others, dict(arrays))).right

    def careless(**arrays):
        run(lines, arrays)
        arrays["W3"] += 1.0

    grade = drawn.grade_function(careless)
    assert grade.mark is Mark.WRONG
    assert "W3 must be left as it is" in grade.reason
    with pytest.raises(ValueError, match="expected an exercise with a function"):
        exercise("gap", 1).grade_function(print)


# -- drawing ------------------------------------------------------------------------------------------------


def test_each_exercise_of_a_sheet_can_be_had_alone():
    drawn = exercises(7, ["gap", "delta"], 5)
    assert [(e.kind, e.seed) for e in drawn] == [
        ("gap", 7),
        ("delta", 7),
        ("gap", 8),
        ("delta", 8),
        ("gap", 9),
    ]
    assert {e.kind for e in exercises(1)} == set(KINDS)
    assert len(KINDS) >= 8


@pytest.mark.parametrize(
    ("seed", "kinds", "count"), [(1, ["riddle"], None), (-1, [], None), (1, [], 0), (1, [], 9999)]
)
def test_what_cannot_be_drawn_is_refused(seed, kinds, count):
    with pytest.raises(UserError, match="expected"):
        exercises(seed, kinds, count)


def test_the_stand_ins_that_a_person_may_choose_are_known():
    assert {"any", "affine", "identity"} <= set(ACTIVATIONS)
