"""``check_claim``: text in, verdict out, whatever the family of the claim."""

from __future__ import annotations

from derive.claims.algebra.grammar import formula
from derive.claims.families import Family, family
from derive.claims.grammar import parse_tokens
from derive.claims.matrices.check import check_matrices
from derive.claims.network_claims import check_network
from derive.claims.reference import check_reference
from derive.claims.syntax import MalformedClaim
from derive.claims.tokens import tokens
from derive.claims.updates.check import check_updates
from derive.claims.verdict import Verdict
from derive.claims.wording import malformed


def check_claim(text: str) -> Verdict:
    """Decide a claim such as ``dC/dW[l] = delta[l] @ a[l-1].T`` or ``gd.next(p) = p - t * grad(Cost)``.

    Whatever the text, there is a verdict. A claim is called true if it is proved and exact numbers bear it
    out, and false only with a counterexample.
    """
    try:
        found = tokens(text)
        kind = family(found)
        if kind is Family.REFERENCE:
            return check_reference(text, found)
        if kind is Family.NETWORK:
            return check_network(text, parse_tokens(found))
        check = check_matrices if kind is Family.MATRICES else check_updates
        return check(text, formula(found))
    except MalformedClaim as problem:
        return malformed(text, problem)
