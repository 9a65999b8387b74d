"""Claims about matrices: the tree of a claim in, the verdict out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sympy import Expr, Integer

from derive.calculus import rules
from derive.calculus.derivation import Derivation, Step
from derive.claims.algebra.grammar import number, parse_formula
from derive.claims.algebra.syntax import Formula, degree
from derive.claims.matrices.meaning import Meaning, bracketed, meaning_of, poly_text
from derive.claims.matrices.numbers import check_by_numbers, find_counterexample
from derive.claims.matrices.rewriting import (
    FIELD,
    Chain,
    Contradiction,
    Rule,
    TooLarge,
    plus,
    proved_zero,
    spelled,
)
from derive.claims.special import SCALES
from derive.claims.syntax import MalformedClaim
from derive.claims.verdict import Outcome, Verdict
from derive.claims.wording import refuted, shown, undecided
from derive.equation import Equation
from derive.theorems.refutations import refutations

MAX_DEGREE = 60
ENOUGH = 3  # random instances in which the inverses exist


@dataclass(frozen=True)
class Shown:
    """An equation that a proof takes, with its steps."""

    equation: Equation
    derivation: Derivation


def check_matrices(text: str, formula: Formula) -> Verdict:
    """Decide a claim such as ``inv(A @ B) = inv(B) @ inv(A)``.

    Raises:
        MalformedClaim: if it means nothing.
    """
    too_large = degree(formula.left) + degree(formula.right) > MAX_DEGREE
    try:
        meaning = None if too_large else meaning_of(formula)
    except TooLarge:
        meaning = None
    if meaning is None:
        return undecided(text, "it is too large to be multiplied out")
    found, tried = check_by_numbers(meaning)
    if found is not None:
        return _refuted(text, meaning)
    try:
        chain = proved_zero(plus(meaning.left, meaning.right, -FIELD.one), meaning.rules())
    except Contradiction:
        return undecided(text, "the inverses that it names cannot all exist")
    if chain is None:
        small = find_counterexample(meaning)
        if small is not None:
            return _refuted(text, meaning)
        return undecided(text, f"no proof was found, and {tried} random instances show no counterexample")
    if tried < ENOUGH:
        return undecided(text, f"it follows from its premises, but they held in {tried} instances only")
    return _true(text, meaning, chain, tried)


def _true(text: str, meaning: Meaning, chain: Chain, tried: int) -> Verdict:
    lemmas = _lemmas(chain)
    lines = [f"true: {shown(text)}", _sizes(meaning)]
    lines += _premises(meaning)
    also = f"; also right in {tried} random instances of unequal sizes, in exact arithmetic"
    how = "multiplying out" if not chain.links else "multiplying out and rewriting by what the inverses do"
    lines.append(f"proved by {how}{also}")
    named = [f"{name} = {_inverse(meaning, name)}" for name in meaning.inverses if "^" not in name]
    lines += [f"in the steps, {', '.join(named)}"] if named and chain.links else []
    parts = (*(_lemma(rule) for rule in lemmas), _whole(meaning, chain))
    return Verdict(text, Outcome.TRUE, tuple(lines), derivations=parts)


def _refuted(text: str, meaning: Meaning) -> Verdict:
    small = find_counterexample(meaning) or check_by_numbers(meaning)[0]
    assert small is not None
    condition = next((said for said, case in _cases(meaning) if _holds(case)), None)
    notes = _premises(meaning) if condition else []
    if mended := _mended(meaning):
        notes.append(f"note: this is how the source notes print it; mended: {mended}")
    dims = small.instance.dims
    single = all(size == 1 for size in dims.values())
    said = "1 by 1 matrices" if single else _sizes(meaning, dims)
    return refuted(text, small, said, condition, tuple(notes))


def _cases(meaning: Meaning) -> Iterator[tuple[str, Formula]]:
    for name in meaning.scalars:
        for value in SCALES:
            yield f"{name} = {value}", meaning.formula.where(name, number(value))


def _holds(formula: Formula) -> bool:
    try:
        meaning = meaning_of(formula)
        found, tried = check_by_numbers(meaning)
        if found is not None or tried < ENOUGH:
            return False
        return proved_zero(plus(meaning.left, meaning.right, -FIELD.one), meaning.rules()) is not None
    except (MalformedClaim, TooLarge, Contradiction):
        return False


def _mended(meaning: Meaning) -> str | None:
    """Return the mended form if the claim is one that the source notes print wrongly."""
    for refutation in refutations():
        try:
            printed = meaning_of(parse_formula(refutation.printed))
        except (MalformedClaim, TooLarge):
            continue
        if (printed.left, printed.right, printed.inverses) == (meaning.left, meaning.right, meaning.inverses):
            return refutation.mended
    return None


# -- text --------------------------------------------------------------------------------------------------


def _sizes(meaning: Meaning, dims: Mapping[str, int] | None = None) -> str:
    names = meaning.sizes.names(list(meaning.letters.values()))
    by: dict[str, list[str]] = {}
    for letter, shape in meaning.letters.items():
        roots = [meaning.sizes.root(size) for size in shape]
        said = [str((dims or {}).get(root, names[root])) for root in roots]
        by.setdefault(" by ".join(said), []).append(letter)
    spelled_out = ", ".join(f"{' and '.join(letters)} {size}" for size, letters in by.items())
    if dims is not None or not spelled_out:
        return spelled_out or "numbers"
    free = [name for name in names.values() if name != "1"]
    return f"for {spelled_out}" + (f", any {' and '.join(free)}" if free else "")


def _premises(meaning: Meaning) -> list[str]:
    inverted = [bracketed(of).removeprefix("(").removesuffix(")") for of in meaning.inverses.values()]
    said = [f"assuming that these are invertible: {', '.join(inverted)}"] if inverted else []
    return said + [f"assuming that this is not 0: {divisor}" for divisor in meaning.divisors]


def _inverse(meaning: Meaning, name: str) -> str:
    return f"inv({poly_text(meaning.inverses[name])})"


def _lemmas(chain: Chain) -> list[Rule]:
    """Return the derived rules that a chain takes, each after those that it takes itself."""
    found: list[Rule] = []

    def visit(rule: Rule) -> None:
        if rule.parents and rule not in found:
            for parent in rule.parents:
                for used, _ in parent.links:
                    visit(used)
            found.append(rule)

    for rule, _ in chain.links:
        visit(rule)
    return found


def _lemma(rule: Rule) -> Shown:
    """Go from one way of rewriting a word, back over the word, to the other way."""
    assert rule.parents is not None
    one, two = rule.parents
    start = spelled(one.end)
    sums = [one.start, *(poly for _, poly in one.links)]
    steps = [
        Step(spelled(after), rules.PREMISE, spelled(before), _said(used))
        for (used, after), before in reversed(list(zip(one.links, sums, strict=False)))
    ]
    steps += _steps(two)
    equation = Equation("", f"{_said(rule)}, for", start, spelled(two.end))
    return Shown(equation, Derivation(start, tuple(steps)))


def _whole(meaning: Meaning, chain: Chain) -> Shown:
    start = spelled(chain.start)
    zero: Expr = Integer(0)
    equation = Equation("", "left side - right side, multiplied out", start, zero)
    return Shown(equation, Derivation(start, tuple(_steps(chain))))


def _steps(chain: Chain) -> list[Step]:
    steps, now = [], chain.start
    for rule, after in chain.links:
        steps.append(Step(spelled(now), rules.PREMISE, spelled(after), _said(rule)))
        now = after
    return steps


def _said(rule: Rule) -> str:
    """Spell a rule; one that follows from others stands above with its own steps."""
    return rule.said or f"{' '.join(rule.left)} = {poly_text(rule.right) if rule.right else '0'}"
