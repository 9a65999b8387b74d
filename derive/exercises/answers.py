"""Formulas that a person types: read on their own, put into the claim, and decided by ``check_claim``."""

from __future__ import annotations

from derive.claims import Outcome, Verdict, check_claim
from derive.claims.grammar import parse
from derive.claims.syntax import Claim, MalformedClaim, Quantity
from derive.exercises.grade import Grade, malformed, right, wrong

_BEFORE = "0 = "
_DERIVATIVES = {"dw", "db", "dz", "da"}


def cached_check(claim: str) -> Verdict:
    """Decide a claim; the same one is decided once."""
    if claim not in _DECIDED:
        if len(_DECIDED) > 500:
            _DECIDED.clear()
        _DECIDED[claim] = check_claim(claim)
    return _DECIDED[claim]


_DECIDED: dict[str, Verdict] = {}


def grade_formula(claim: str, left: str, typed: str) -> Grade:
    """Grade a formula that has become the claim ``claim``, whose left-hand side is ``left``.

    ``typed`` is the part that the person wrote; it may not lean on the left-hand side itself.
    """
    if leans := _leans(left, typed):
        return wrong(f"{leans} is what is asked for: say it by other quantities")
    verdict = cached_check(claim)
    if verdict.outcome is Outcome.TRUE:
        return right(*verdict.lines)
    if verdict.outcome is Outcome.MALFORMED:
        return malformed(*verdict.lines)
    return wrong(*verdict.lines)


def unreadable(text: str) -> Grade | None:
    """Say why a text is no expression in the notation of claims; None if it is one."""
    if "=" in text:
        return malformed("expected one expression, without '='")
    try:
        parse(f"{_BEFORE}{text}")
    except MalformedClaim as problem:
        at = max(problem.at - len(_BEFORE), 0)
        return malformed(str(problem), f"  {text}", f"  {' ' * at}^")
    return None


def _leans(left: str, typed: str) -> str:
    """Return the derivative of the cost in ``typed`` that says what the left-hand side says, if any."""
    asked = {_meant(quantity) for quantity in parse(f"{left} = 0").quantities()}
    tree: Claim = parse(f"{typed} = 0")
    for quantity in tree.quantities():
        if _meant(quantity) in asked:
            return f"{left}, under whatever name,"
        if quantity.letter in _DERIVATIVES:
            return f"a derivative dC/d{quantity.letter[1:]}"
    return ""


def _meant(quantity: Quantity) -> tuple[str, str]:
    return {"dz": "delta"}.get(quantity.letter, quantity.letter), str(quantity.layer)
