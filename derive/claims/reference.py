"""A theorem that is cited by its name: what holds but cannot be put as one equation."""

from __future__ import annotations

from derive.claims.syntax import MalformedClaim
from derive.claims.tokens import Token
from derive.claims.verdict import Outcome, Verdict
from derive.claims.wording import shown, undecided
from derive.errors import UserError
from derive.theorems.catalogue import theorems


def check_reference(text: str, found: list[Token]) -> Verdict:
    """Prove the theorem anew that ``theorem NAME`` cites.

    Raises:
        MalformedClaim: if there is no theorem of that name.
    """
    try:
        known = {theorem.key: theorem for theorem in theorems()}
    except UserError as error:  # NotProvedError, of any of them
        return undecided(text, f"the theorems cannot be proved: {error}")
    at = found[1].at
    theorem = known.get(text[at:].strip())
    if theorem is None:
        raise MalformedClaim(f"expected the name of a theorem: {', '.join(known)}", at)
    if not theorem.holds:
        return undecided(text, "the theorem's own proof does not go through; please report this")
    lines = [f"true: {shown(text)}", f"{theorem.title}: {theorem.conclusion}"]
    lines += [f"assuming that {premise}" for premise in theorem.premises]
    return Verdict(text, Outcome.TRUE, tuple(lines), derivations=theorem.parts)
