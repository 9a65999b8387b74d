"""Sums of words, and what follows from premises such as A A^-1 = I: completion, within bounds.

A premise becomes a rule that replaces its greatest word (the longest, then the last in the alphabet of
the claim) by the rest, so that rewriting ends. Where two rules overlap in a word, the two ways to rewrite it
give a new equation, hence a new rule (Knuth-Bendix, Mora). Every rule is true wherever the premises are;
that a sum is not rewritten to 0 proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any

from sympy import QQ, Add, Expr, Symbol
from sympy.polys.fields import FracField

from derive.calculus.words import Word, expression
from derive.quantities import N, eta, mu
from derive.theorems.woodbury import lam

MAX_WORD = 14
MAX_TERMS = 120
MAX_RULES = 60
MAX_OVERLAPS = 500
MAX_REWRITINGS = 400

DRAWN = Symbol("m", integer=True, positive=True)  # how many samples are drawn for one step
SCALARS = {"lam": lam, "mu": mu, "eta": eta, "t": eta, "N": N, "m": DRAWN}
FIELD = FracField(tuple(dict.fromkeys(SCALARS.values())), QQ)
Coefficient = Any  # an element of the field of rational functions of the scalars
Poly = dict[Word, Coefficient]
ONE: Word = ()


def spelled(poly: Poly) -> Expr:
    """Return a sum of words as an expression that can be printed: a coefficient is written out in terms."""
    terms = []
    for word, coefficient in poly.items():
        above, below = coefficient.numer.as_expr(), coefficient.denom.as_expr()
        terms += [expression({word: term / below}) for term in Add.make_args(above)]
    return Add(*terms)


class TooLarge(Exception):
    """More terms, rules or steps than are worth the time."""


def constant(value: Expr) -> Poly:
    """Return a multiple of the identity."""
    coefficient = FIELD.from_expr(value)
    return {ONE: coefficient} if coefficient else {}


def plus(left: Poly, right: Poly, scale: Coefficient = FIELD.one) -> Poly:
    """Return left + scale right."""
    total = dict(left)
    for word, coefficient in right.items():
        value = total.get(word, FIELD.zero) + scale * coefficient
        if value:
            total[word] = value
        else:
            total.pop(word, None)
    if len(total) > MAX_TERMS:
        raise TooLarge
    return total


def times(left: Poly, right: Poly) -> Poly:
    """Multiply out, keeping the order of the letters."""
    total: Poly = {}
    if len(left) * len(right) > 4 * MAX_TERMS:
        raise TooLarge
    for u, c in left.items():
        for v, d in right.items():
            if len(u) + len(v) > MAX_WORD:
                raise TooLarge
            total = plus(total, {u + v: c * d})
    return total


@dataclass(frozen=True)
class Rule:
    """``left``, a word, may be replaced by ``right``; ``parents`` are the ways that led to a derived rule."""

    left: Word
    right: Poly = field(hash=False)
    said: str
    parents: tuple[Chain, Chain] | None = field(default=None, hash=False, compare=False)


@dataclass(frozen=True)
class Chain:
    """Sums, each equal to the one before by a rule."""

    start: Poly
    links: tuple[tuple[Rule, Poly], ...]

    @property
    def end(self) -> Poly:
        """What the last rule leaves."""
        return self.links[-1][1] if self.links else self.start


def order(word: Word) -> tuple[int, Word]:
    """Return the key by which words are compared: by length, then by letters."""
    return len(word), word


def rewritten(start: Poly, rules: Sequence[Rule]) -> Chain:
    """Apply rules until none applies, the greatest word first."""
    links: list[tuple[Rule, Poly]] = []
    now = start
    while (found := _step(now, rules)) is not None:
        links.append(found)
        now = found[1]
        if len(links) > MAX_REWRITINGS:
            raise TooLarge
    return Chain(start, tuple(links))


def _step(poly: Poly, rules: Sequence[Rule]) -> tuple[Rule, Poly] | None:
    for word in sorted(poly, key=order, reverse=True):
        for rule in rules:
            for at in range(len(word) - len(rule.left) + 1):
                if word[at : at + len(rule.left)] == rule.left:
                    return rule, _replaced(poly, word, at, rule)
    return None


def _replaced(poly: Poly, word: Word, at: int, rule: Rule) -> Poly:
    before, behind = word[:at], word[at + len(rule.left) :]
    coefficient = poly[word]
    rest = {other: value for other, value in poly.items() if other != word}
    return plus(rest, {before + piece + behind: value for piece, value in rule.right.items()}, coefficient)


def rule_of(poly: Poly, said: str, parents: tuple[Chain, Chain] | None = None) -> Rule:
    """Return the rule that says that a sum, not 0, is 0."""
    lead = max(poly, key=order)
    factor = -FIELD.one / poly[lead]
    right = {word: value * factor for word, value in poly.items() if word != lead}
    return Rule(lead, right, said, parents)


class Contradiction(Exception):
    """The premises make 1 equal to 0: the inverses cannot all exist."""


def proved_zero(goal: Poly, premises: Sequence[Rule]) -> Chain | None:
    """Return how a sum is rewritten to 0, or None if the search ends or is given up without that.

    Raises:
        Contradiction: if nothing fulfils the premises.
    """
    rules: list[Rule] = []
    waiting: list[tuple[int, int, Rule, Rule, Word]] = []  # overlaps, the shortest word first
    arrived, tried, numbers = list(premises), 0, count()
    try:
        if not goal:
            return Chain(goal, ())
        while arrived:
            for rule in arrived:
                rules.append(rule)
                for first, second in [(rule, other) for other in rules] + [(old, rule) for old in rules[:-1]]:
                    for word in _overlaps(first.left, second.left):
                        heappush(waiting, (len(word), next(numbers), first, second, word))
            chain = rewritten(goal, rules)
            if not chain.end:
                return chain
            arrived = []
            while waiting and not arrived and tried < MAX_OVERLAPS and len(rules) < MAX_RULES:
                tried += 1
                arrived = _new_rules(*heappop(waiting)[2:], rules)
    except TooLarge:
        pass
    return None


def _overlaps(first: Word, second: Word) -> Iterator[Word]:
    """Yield the words in which the end of one is the beginning of the other, or one lies inside."""
    for size in range(1, min(len(first), len(second))):
        if first[-size:] == second[:size]:
            yield first + second[size:]
    if len(second) < len(first) and any(
        first[at : at + len(second)] == second for at in range(len(first) - len(second) + 1)
    ):
        yield first


def _new_rules(first: Rule, second: Rule, word: Word, rules: Sequence[Rule]) -> list[Rule]:
    """Rewrite a word in two ways; return the rule that follows if they end differently."""
    if len(word) > MAX_WORD:
        return []
    start: Poly = {word: FIELD.one}
    at = next(k for k in range(len(word)) if word[k : k + len(second.left)] == second.left)
    if len(second.left) < len(word) and word[-len(second.left) :] == second.left:
        at = len(word) - len(second.left)
    chains = []
    for rule, place in ((first, 0), (second, at)):
        once = _replaced(start, word, place, rule)
        rest = rewritten(once, rules)
        chains.append(Chain(start, ((rule, once), *rest.links)))
    one, two = chains
    difference = plus(one.end, two.end, -FIELD.one)
    if not difference:
        return []
    if set(difference) == {ONE}:
        raise Contradiction
    return [rule_of(difference, "", (one, two))]
