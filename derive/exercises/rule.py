"""Name the rule: one step of a derivation, without its reason."""

from __future__ import annotations

from functools import cache
from random import Random

from sympy import Add, Expr, Mul, Sum

from derive.calculus.rules import RULES
from derive.exercises.blocks import Prose, Row, Rows, spelled
from derive.exercises.chains import MAX_LENGTH, Chain, chains
from derive.exercises.exercise import Exercise
from derive.exercises.grade import Grade, malformed, right, wrong
from derive.quantities import Partial
from derive.replay import check_step

_TABLE = {" ".join(rule.name.lower().replace("-", " ").split()): rule for rule in RULES}


@cache
def _steps() -> dict[str, list[tuple[Chain, int]]]:
    """Return the steps to ask about by the name of their rule; of those that look alike, the first."""
    found: dict[str, list[tuple[Chain, int]]] = {}
    seen = set()
    for chain in chains():
        for at, step in enumerate(chain.derivation.steps):
            looks = tuple(maths.ascii for maths in spelled(step.before, step.after))
            fits = all(len(text) <= MAX_LENGTH for text in looks)
            if (
                fits
                and looks not in seen
                and check_step(step.before, step.after, step.rule.name, chain.known).holds
            ):
                seen.add(looks)
                found.setdefault(step.rule.name, []).append((chain, at))
    return {name: found[name] for name in sorted(found)}


def name_the_rule(seed: int) -> Exercise:
    """Draw a rule, and a step that uses it."""
    random = Random(f"rule {seed}")
    steps = _steps()
    chain, at = random.choice(steps[random.choice(list(steps))])
    step = chain.derivation.steps[at]
    before, after, old, new = spelled(step.before, step.after, *changed(step.before, step.after))
    names = ", ".join(f"`{rule.name}`" for rule in RULES)

    def check(text: str) -> Grade:
        rule = _TABLE.get(" ".join(text.lower().replace("-", " ").strip(" .`'\"").split()))
        if rule is None:
            return malformed(f"expected one of {', '.join(rule.name for rule in RULES)}; got {text[:40]!r}")
        verdict = check_step(step.before, step.after, rule.name, chain.known)
        if verdict.holds:
            return right(rule.statement)
        return wrong(verdict.reason, f"{rule.name}: {rule.statement}")

    noted = f" ({step.note})" if step.note else ""
    return Exercise(
        "rule",
        seed,
        "Name the rule",
        (
            Prose(
                f"In the derivation of ({chain.number}), {chain.setting}, one line is followed by another:"
            ),
            Rows((Row("", before), Row("=", after))),
            *chain.premises,
            Prose(
                f"Which one rule leads from the first to the second? Answer with its name, one of {names}."
            ),
        ),
        (
            (Prose("Mark what has changed between the two lines; everything else is carried along."),),
            (Prose("Nothing has changed but"), Rows((Row("", old), Row("->", new)))),
            (Prose(f"The rule says: {step.rule.statement}."),),
        ),
        step.rule.name,
        (
            Prose(f"It is the rule `{step.rule.name}`{noted}: {step.rule.statement}."),
            Rows((Row("", old), Row("->", new))),
        ),
        check,
    )


def changed(before: Expr, after: Expr) -> tuple[Expr, Expr]:
    """Return the smallest part outside which two expressions are the same, as it was and as it is."""
    if type(before) is not type(after):
        return before, after
    if isinstance(before, (Add, Mul)) and before.is_commutative:
        old = [arg for arg in before.args if arg not in after.args]
        new = [arg for arg in after.args if arg not in before.args]
        if len(old) == len(new) == 1:
            return changed(old[0], new[0])
        if old and new and len(old) < len(before.args):
            return before.func(*old), after.func(*new)
    if isinstance(before, Sum) and before.limits == after.limits:
        return changed(before.function, after.function)
    if isinstance(before, Partial) and before.v == after.v:
        return changed(before.f, after.f)
    return before, after
