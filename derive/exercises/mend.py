"""Mend the formula, and disprove the claim: a formula of Lemma 1 with one slip in it."""

from __future__ import annotations

from functools import cache
from random import Random

from derive.claims import Outcome
from derive.claims.verdict import Verdict
from derive.exercises.answers import cached_check, grade_formula, unreadable
from derive.exercises.blocks import Code, Prose
from derive.exercises.counterexamples import grade_counterexample
from derive.exercises.exercise import Exercise
from derive.exercises.formulas import NOTATION, Formula, formulas
from derive.exercises.grade import Grade, malformed
from derive.exercises.slips import TOO_MANY, Slip, slips

_REFUTED = (Outcome.FALSE, Outcome.CONDITIONAL)


@cache
def _broken(formula: Formula, slip: Slip, refuted: bool) -> Verdict | None:
    """Return the verdict on a formula with a slip in it, if it is wrong in the way that is wanted.

    If ``refuted``, a counterexample is wanted; else shapes that do not fit will do.
    """
    verdict = cached_check(f"{formula.left} = {slip.text}")
    if verdict.outcome in _REFUTED and verdict.counterexample is not None:
        return verdict
    misfit = any("do not fit" in line or "differ in shape" in line for line in verdict.lines)
    return verdict if misfit and not refuted else None


def _draw(random: Random, refuted: bool) -> tuple[Formula, Slip, Verdict]:
    while True:
        formula = random.choice(formulas())
        ways: dict[str, list[Slip]] = {}
        for slip in slips(formula.right):
            ways.setdefault(slip.said, []).append(slip)
        said = random.choice(sorted(ways))
        if said == TOO_MANY and random.random() < 0.7:  # always possible, and not very instructive
            continue
        slip = random.choice(ways[said])
        if (verdict := _broken(formula, slip, refuted)) is not None:
            return formula, slip, verdict


def mend_the_formula(seed: int) -> Exercise:
    """Draw a formula with a slip; the right-hand side is to be written anew."""
    formula, slip, verdict = _draw(Random(f"mend {seed}"), refuted=False)
    found = verdict.counterexample
    if found is not None:
        pointed = (Prose("In a small network the two sides differ:"), Code(tuple(found.lines())))
    else:
        pointed = (Prose("The shapes do not fit:"), Code(verdict.lines[:3]))

    def check(text: str) -> Grade:
        left, _, right = text.rpartition("=")
        if left and left.replace(" ", "") != formula.left.replace(" ", ""):
            return malformed(f"expected a right-hand side, or an equation that begins with {formula.left} =")
        if (problem := unreadable(right.strip())) is not None:
            return problem
        return grade_formula(f"{formula.left} = {right.strip()}", formula.left, right.strip())

    return Exercise(
        "mend",
        seed,
        "Mend the formula",
        (
            Prose(
                "In this formula one thing is wrong. It is meant for every layer for which it makes sense."
            ),
            Code((f"{formula.left} = {slip.text}",)),
            Prose("Answer with the right-hand side as it should be; any form of it that is right will do."),
            NOTATION[formula.form],
        ),
        ((Prose(formula.nudge),), pointed, (Prose(f"What has happened: {slip.said}."),)),
        formula.right,
        (
            Prose(f"Here {slip.said}. The formula is ({formula.number}) of Lemma 1, at this layer:"),
            Code((formula.text,)),
        ),
        check,
    )


def disprove_the_claim(seed: int) -> Exercise:
    """Draw a formula with a slip; a network in which the two sides differ is to be given."""
    formula, slip, verdict = _draw(Random(f"disprove {seed}"), refuted=True)
    found = verdict.counterexample
    assert found is not None
    claim = f"{formula.left} = {slip.text}"
    lines = found.lines()
    given, sides = tuple(lines[:-2]), lines[-2:]
    network = given[0].split(",")[0]

    def check(text: str) -> Grade:
        return grade_counterexample(claim, text)

    special = ""
    if verdict.condition:
        special = f" Beware: the claim is true if {verdict.condition}, so do not try to refute it there."
    return Exercise(
        "disprove",
        seed,
        "Disprove the claim",
        (
            Prose("This claim is wrong: there is a network in which its two sides differ."),
            Code((claim,)),
            Prose(
                "Answer with such a network: its layer sizes, sigma, the layer l if the claim has "
                "one, and every "
                "number, one thing a line or with semicolons between them, such as"
            ),
            Code(
                (
                    "network 2-1, l = 2, sigma(z) = z^2 + z",
                    "x = [1, -2]; W[2] = [[1/2, 3]]; b[2] = [0]; y = [1]",
                )
            ),
            Prose(
                "`sigma` is one of `z^2 + z`, `(1 + z)/(1 + z^2)`, `3 z + 2` and `z`; numbers are whole or "
                "fractions; a matrix is a list of rows."
            ),
            NOTATION[formula.form],
        ),
        (
            (Prose("Take the smallest network in which everything in the claim exists, and small numbers."),),
            (Prose(f"A {network} will do.{special}"),),
            (Prose(f"Here {slip.said}. All but the last of the numbers can be:"), Code(given[:-1])),
        ),
        "\n".join(given),
        (Prose("For instance"), Code((*given, *sides)), Prose("Right would be"), Code((formula.text,))),
        check,
    )
