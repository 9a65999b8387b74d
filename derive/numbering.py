"""Under which numbers equations are printed: this project's, the arXiv article's, or those of SIAM Review.

Derivations, proofs and emitted programs know an equation by this project's own number alone, such as 1.1.
A ``Numbering`` says which number a reader sees in its place. An equation that the article does not number
keeps its own after a letter that no number of the article begins with: (B2.1).

The lemma is (22)-(25) on arXiv and (5.5)-(5.8) in SIAM Review, which numbers by section. The definitions
before it are counted back from it, not compared with a printed copy; see ``docs/numbering.md``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from derive.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from derive.equation import Equation

CITED = re.compile(r"\((\d\.\d+)\)")
_ELSEWHERE = "B"  # as in backproof
_ARTICLE = ("0.2", "0.3", "0.6", "1.1", "1.2", "1.3", "1.4")  # in the order of the article's section 5


@dataclass(frozen=True, eq=False)
class Numbering:
    """A choice of numbers; ``article`` holds the article's by this project's, and is empty for its own."""

    key: str
    place: str
    article: Mapping[str, str]

    @property
    def foreign(self) -> bool:
        """True if the numbers printed are not those that the programs cite."""
        return bool(self.article)

    def number(self, own: str) -> str:
        """Return the number printed for an own number; an equation without one stays without."""
        if not self.foreign or not own:
            return own
        return self.article.get(own, f"{_ELSEWHERE}{own}")

    def cite(self, text: str, spell: Callable[[str], str] = "({})".format) -> str:
        """Return text with every citation of an own number, such as (1.1), spelt with the number printed."""
        return CITED.sub(lambda match: spell(self.number(match[1])), text)

    def explanation(self) -> str:
        """Say in a line where the numbers are from; nothing if they are this project's."""
        if not self.foreign:
            return ""
        return (
            f"Equations are numbered as in {self.place}; one that is not numbered there keeps this project's "
            f"number after the letter {_ELSEWHERE}. Emitted programs cite this project's numbers."
        )


def _numbered(key: str, place: str, numbers: Iterable[str]) -> Numbering:
    return Numbering(key, place, MappingProxyType(dict(zip(_ARTICLE, numbers, strict=True))))


OWN = Numbering("own", "this project", MappingProxyType({}))
ARXIV = _numbered("arxiv", "arXiv 1801.05894", (str(n) for n in range(19, 26)))
SIAM = _numbered("siam", "SIAM Review 61(4), 2019", (f"5.{n}" for n in range(2, 9)))
NUMBERINGS = (OWN, ARXIV, SIAM)


def numbering(key: str) -> Numbering:
    """Return a numbering by its name.

    Raises:
        UserError: if there is none of that name.
    """
    for known in NUMBERINGS:
        if known.key == key:
            return known
    raise UserError(f"expected --numbering own, arxiv or siam, got {key!r}")


@dataclass(frozen=True)
class Concordance:
    """One equation with the number that each numbering gives it."""

    name: str
    own: str
    arxiv: str
    siam: str


def concordance(equations: Iterable[Equation]) -> tuple[Concordance, ...]:
    """Return those of the equations that the article numbers, each once, in the article's order."""
    known = {eq.number: eq.name for eq in equations if eq.number in ARXIV.article}
    return tuple(
        Concordance(name, own, ARXIV.number(own), SIAM.number(own)) for own, name in sorted(known.items())
    )
