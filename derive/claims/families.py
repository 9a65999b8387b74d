"""What a claim is about: one sample of a network, matrices, or parameters and costs. Its letters tell."""

from __future__ import annotations

from enum import Enum

from derive.claims.algebra.grammar import MATRICES
from derive.claims.grammar import FUNCTIONS, LETTERS
from derive.claims.syntax import MalformedClaim
from derive.claims.tokens import Token

_NETWORK = {*LETTERS, *FUNCTIONS, "dC"}
_UPDATES = {"grad", "Cost", "dot", "norm2", "first", "gd", "sgd", "minibatch"}


class Family(Enum):
    """A family of claims, by what its claims are about."""

    NETWORK = "one sample of a network"
    MATRICES = "matrices"
    UPDATES = "parameters and costs"
    REFERENCE = "a theorem by name"


def family(found: list[Token]) -> Family:
    """Return the family of a claim; what tells nothing is taken for a claim about a network.

    Raises:
        MalformedClaim: at the first letter of a second family.
    """
    if found[0].text == "theorem":
        return Family.REFERENCE
    first: tuple[Family, Token] | None = None
    for token, after in zip(found, [*found[1:], found[-1]], strict=True):
        kind = _told_by(token, after.text) if token.kind == "name" else None
        if kind is None:
            continue
        if first is None:
            first = kind, token
        elif kind is not first[0]:
            one, two = f"{first[1].text} is about {first[0].value}", f"{token.text} about {kind.value}"
            raise MalformedClaim(f"a claim is about one thing: {one}, {two}", token.at)
    if first is not None:
        return first[0]
    if any(token.text == "C" for token in found):
        return Family.MATRICES
    return Family.UPDATES if _names_of_updates(found) else Family.NETWORK


def _told_by(token: Token, after: str) -> Family | None:
    name = token.text
    if name in ("C", "y") and after == "[":
        return Family.UPDATES if name == "C" else None
    if name in _UPDATES:
        return Family.UPDATES
    if name in _NETWORK:
        return Family.NETWORK
    if name == "C":
        return None  # the cost or a matrix: what else there is tells
    if name in ("inv", "lm") or (len(name) == 1 and name in MATRICES):
        return Family.MATRICES
    return None


def _names_of_updates(found: list[Token]) -> bool:
    """Say whether a claim that nothing else tells has a p or an f that is no index of a network."""
    return any(token.kind == "name" and token.text in ("p", "f", "F", "t", "N") for token in found)
