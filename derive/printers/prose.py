"""Prose with ASCII mathematics in it, told apart: which of its tokens are words and which are mathematics.

Rules, premises and verdicts are written for a terminal: ``f does not depend on v``. A printer that sets the
mathematics says by a ``Vocabulary`` what it takes for what, and gives a function for either. Nothing is
interpreted here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_DIFFERENTIAL = re.compile(r"d[a-z](_\w+)?")


@dataclass(frozen=True)
class Vocabulary:
    """What a token is: an operator, mathematics by its name, a word, or one that its neighbours decide.

    What none of these describes is mathematics. ``maybe`` and ``word`` must match a whole token.
    """

    names: frozenset[str]
    operators: frozenset[str]
    maybe: re.Pattern[str]
    word: re.Pattern[str]

    def render(self, text: str, words: Callable[[str], str], mathematics: Callable[[str], str]) -> str:
        """Return text with its words and, token by token or as one run, its mathematics set."""
        pieces: list[str] = []
        run: list[str] = []
        for token in re.findall(r"\S+", text):
            core = token.rstrip(",;:")
            if self._kind(core) == "word":
                pieces += [*self._close(run, words, mathematics), words(token)]
                run = []
                continue
            run.append(core)
            if core != token:
                *before, last = self._close(run, words, mathematics)
                pieces += [*before, last + token[len(core) :]]
                run = []
        return " ".join([*pieces, *self._close(run, words, mathematics)])

    def _kind(self, token: str) -> str:
        if token in self.operators:
            return "operator"
        if self.maybe.fullmatch(token):
            return "maybe"
        if _DIFFERENTIAL.fullmatch(token) or token in self.names:
            return "mathematics"
        return "word" if self.word.fullmatch(token) else "mathematics"

    def _close(
        self, run: list[str], words: Callable[[str], str], mathematics: Callable[[str], str]
    ) -> list[str]:
        """Set a run of tokens between two words: words at its edges, the rest as one piece of mathematics."""
        kinds = [self._kind(token) for token in run]
        first, last = 0, len(run)
        while first < last and kinds[first] == "maybe" and "operator" not in kinds[first + 1 : first + 2]:
            first += 1
        while last > first and kinds[last - 1] == "maybe" and kinds[last - 2] != "operator":
            last -= 1
        inner = [mathematics(" ".join(run[first:last]))] if first < last else []
        return [*map(words, run[:first]), *inner, *map(words, run[last:])]
