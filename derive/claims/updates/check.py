"""Claims about parameters and costs: the tree of a claim in, the verdict out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sympy import Expr

from derive.claims.algebra.grammar import number
from derive.claims.algebra.syntax import Formula, Letter, Method, Terms, degree
from derive.claims.matrices.rewriting import DRAWN
from derive.claims.special import SCALES
from derive.claims.syntax import MalformedClaim
from derive.claims.updates.decide import Opened, decide
from derive.claims.updates.meaning import Meaning, meaning_of
from derive.claims.updates.numbers import check_by_numbers, find_counterexample, has_costs
from derive.claims.verdict import Outcome, Verdict
from derive.claims.wording import refuted, shown, undecided
from derive.printers.text import equation_text
from derive.quantities import N
from derive.theorems.descent import descent_update
from derive.theorems.levenberg_marquardt import s

MAX_DEGREE = 40
ENOUGH = 3  # random instances in which nothing is divided by 0
PREMISES = "for any number of parameters"
COST_PREMISES = "for any numbers of parameters, outputs and samples, and any F that is differentiable at p"
_ONE = {N: "N = 1", DRAWN: "m = 1", s: "s = 1, a single parameter"}


def check_updates(text: str, formula: Formula) -> Verdict:
    """Decide a claim such as ``gd.next(p) = p - t * grad(Cost)``.

    Raises:
        MalformedClaim: if it means nothing.
    """
    if degree(formula.left) + degree(formula.right) > MAX_DEGREE:
        return undecided(text, "it is too large to be worked out")
    meaning = meaning_of(formula)
    found, tried = check_by_numbers(meaning)
    if found is not None:
        return _refuted(text, meaning)
    proved, used = decide(meaning)
    if proved and tried < ENOUGH:
        return undecided(text, f"it follows from its premises, but they held in {tried} instances only")
    if proved:
        return _true(text, meaning, used, tried)
    if find_counterexample(meaning) is not None:
        return _refuted(text, meaning)
    reason = "the two sides are too large to compare" if proved is None else "no proof was found"
    return undecided(text, f"{reason}, and {tried} random instances show no counterexample")


def _true(text: str, meaning: Meaning, used: tuple[Opened, ...], tried: int) -> Verdict:
    lines = [f"true: {shown(text)}", COST_PREMISES if has_costs(meaning) else PREMISES]
    lines += [f"assuming that this is not 0: {divisor}" for divisor in meaning.divisors]
    if any(isinstance(node, Method) for node in meaning.formula.nodes()):
        lines.append(
            f"by (3.1): {equation_text(descent_update())}, where g is the gradient and eta the step size t"
        )
    lines += [f"by {equation_text(opened.equation)}" for opened in used]
    lines.append(f"proved by the normal form; also right in {tried} random instances, in exact arithmetic")
    return Verdict(text, Outcome.TRUE, tuple(lines), derivations=used, samples=True)


def _refuted(text: str, meaning: Meaning) -> Verdict:
    small = find_counterexample(meaning) or check_by_numbers(meaning)[0]
    assert small is not None
    condition = next((said for said, holds in _cases(meaning) if holds), None)
    notes: tuple[str, ...] = ()
    if condition is None and (mended := _mended(text, meaning.formula)):
        notes = (f"note: mended: {mended}",)
    sizes = small.instance.sizes
    said = _counted(sizes[s], "parameter")
    if small.instance.targets:
        said += f", {_counted(sizes[N], 'sample')}"
    if any(isinstance(node, Method) and node.name == "minibatch" for node in meaning.formula.nodes()):
        said += f", {sizes[DRAWN]} drawn"
    return refuted(text, small, said, condition, notes)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"


def _cases(meaning: Meaning) -> Iterator[tuple[str, bool]]:
    """Yield special cases and whether the claim is proved in them."""
    letters = meaning.formula.letters()
    stepping = any(isinstance(node, Method) for node in meaning.formula.nodes())
    for name in [name for name in ("t", "eta", "lam", "mu") if name in letters]:
        if stepping and name in ("t", "eta"):
            continue  # the method's own step size would not change with it
        for value in SCALES:
            yield f"{name} = {value}", _holds(meaning.formula.where(name, number(value)))
    for size, said in _ONE.items():
        yield said, _holds(meaning.formula, size)


def _holds(formula: Formula, size: Expr | None = None) -> bool:
    try:
        meaning = meaning_of(formula)
    except MalformedClaim:
        return False
    found, tried = check_by_numbers(meaning, {size: 1} if size is not None else None)
    return found is None and tried >= ENOUGH and bool(decide(meaning, size)[0])


def _mended(text: str, formula: Formula) -> str | None:
    """Return ``left = p - right`` or ``left = -right`` if that is true: what is missing is common."""
    left, right = text[: formula.at].strip(), text[formula.at + 1 :].strip()
    bracketed = f"({right})" if isinstance(formula.right, Terms) else right
    for terms, said in (
        ((Letter("p", 0), formula.right), f"p - {bracketed}"),
        ((number(0), formula.right), f"-{bracketed}"),
    ):
        if _holds(replace(formula, right=Terms(terms, (1, -1), (0,), 0))):
            return f"{shown(left)} = {shown(said)}"
    return None
