"""Claims about one sample of a network: the tree of a claim in, the verdict out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain

from derive.claims.bounds import MAX_DEGREE, MAX_WORK_OF_A_CASE, degree
from derive.claims.counterexample import Counterexample, check_by_numbers, find_counterexample
from derive.claims.decide import Decision, decide
from derive.claims.layers import ranges
from derive.claims.meaning import Meaning, meaning_of
from derive.claims.special import (
    Case,
    activation_cases,
    equal_widths,
    layer_cases,
    scalar_cases,
    width_cases,
)
from derive.claims.syntax import ONE, Claim, MalformedClaim, Misfit, Number, Times
from derive.claims.verdict import Outcome, Verdict, equation_label
from derive.claims.wording import malformed, pointer, shown, undecided
from derive.printers.text import equation_text
from derive.theorems.backpropagation import Derived

PREMISES = "any widths, any sigma that is differentiable where sigma' is taken"


def check_network(text: str, claim: Claim) -> Verdict:
    """Decide a claim such as ``dC/dW[l] = delta[l] @ a[l-1].T``.

    It is called true if the normal form proves it and exact numbers bear it out, and false only with a
    counterexample.

    Raises:
        MalformedClaim: if it means nothing.
    """
    try:
        meaning = meaning_of(claim)
    except Misfit as problem:
        return _misfit(text, claim, problem)
    if degree(claim) > MAX_DEGREE:
        return undecided(text, "it is too large to be worked out")
    decision = decide(meaning)
    if decision.equal:
        found, tried = check_by_numbers(meaning)
        if found is not None:
            return undecided(text, "the proof and exact numbers disagree; please report this", found)
        return _true(text, meaning, decision, tried)
    found, tried = find_counterexample(meaning)
    if found is None:
        reason = "the two sides are too large to compare" if decision.equal is None else "no proof was found"
        return undecided(text, f"{reason}, and {tried} small networks show no counterexample")
    return _refuted(text, meaning, found)


# -- the verdicts ------------------------------------------------------------------------------------------


def _true(text: str, meaning: Meaning, decision: Decision, tried: int) -> Verdict:
    domain = ranges(meaning.claim)
    lines = [f"true: {shown(text)}", f"for {domain}, {PREMISES}" if domain else f"for {PREMISES}"]
    for derived in decision.used:
        lines.append(f"by {equation_label(derived)}: {equation_text(derived.equation, samples=False)}")
    if not decision.used:
        lines.append("by the definitions of z, a and C, or as it stands")
    lines.append(f"proved by the normal form; also right in {tried} random networks, in exact arithmetic")
    return Verdict(text, Outcome.TRUE, tuple(lines), derivations=decision.used)


def _refuted(text: str, meaning: Meaning, found: Counterexample) -> Verdict:
    """Say where a claim fails, and whether it holds in a special case."""
    claim = meaning.claim
    cases = chain(layer_cases(claim), scalar_cases(claim), activation_cases(claim), width_cases(claim))
    case = _first_that_holds(cases)
    lines = [f"counterexample: {found.lines()[0]}", *(f"  {line}" for line in found.lines()[1:])]
    for name in meaning.lone:
        lines.append(f"note: {name} stands on one side only, not summed: the claim is meant for every {name}")
    if case is not None:
        lines = [f"conditional: {shown(text)}", f"true if {case}; not in general", *lines]
        return Verdict(text, Outcome.CONDITIONAL, tuple(lines), case.derivations, found, case.condition)
    if ratio := _ratio(claim, found):
        lines.append(f"note: the left side is {ratio} times the right side, always")
    return Verdict(text, Outcome.FALSE, (f"false: {shown(text)}", *lines), counterexample=found)


def _misfit(text: str, claim: Claim, problem: Misfit) -> Verdict:
    """Say what does not fit, and whether it fits and holds in a special case."""
    if degree(claim) > MAX_DEGREE:
        return malformed(text, problem)
    same_width = [] if ONE in problem.pair else [equal_widths(claim, *problem.pair)]
    cases = chain(layer_cases(claim), same_width)
    case = _first_that_holds(cases)
    if case is not None:
        lines = [f"conditional: {shown(text)}", f"true if {case}; in general {problem}"]
        lines += pointer(text, problem.at)
        return Verdict(
            text,
            Outcome.CONDITIONAL,
            tuple(lines),
            case.derivations,
            condition=case.condition,
            column=problem.at,
        )
    verdict = malformed(text, problem)
    if _holds(replace(claim, one_neuron=True)):
        note = "note: with one neuron in every layer it fits, and is true"
        return replace(verdict, lines=(*verdict.lines, note))
    return verdict


# -- special cases -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SpecialCase:
    """A condition under which a claim holds, and for which l and L."""

    condition: str
    domain: str
    derivations: tuple[Derived, ...]

    def __str__(self) -> str:
        return f"{self.condition}, for {self.domain}" if self.domain else self.condition


def _first_that_holds(cases: Iterator[Case]) -> SpecialCase | None:
    for said, case in cases:
        if decision := _holds(case):
            domain = ranges(case)
            return SpecialCase(said, "" if domain == said else domain, decision.used)
    return None


def _holds(case: Claim) -> Decision | None:
    """Check a special case by numbers, which is quick, and prove it; None if either fails."""
    try:
        meaning = meaning_of(case)
    except MalformedClaim:
        return None
    if check_by_numbers(meaning)[0] is not None:
        return None
    decision = decide(meaning, MAX_WORK_OF_A_CASE)
    return decision if decision.equal else None


def _ratio(claim: Claim, found: Counterexample) -> Fraction | None:
    """Return q if the left side is always q times the right side."""
    if not found.left or not found.right:
        return None
    ratio = found.left / found.right
    scaled = Times((Number(ratio, claim.at), claim.right), (claim.at,), False, claim.at)
    return ratio if _holds(replace(claim, right=scaled)) else None
