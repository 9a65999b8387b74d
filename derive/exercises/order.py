"""Order the steps: lines of a derivation, shuffled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from random import Random

from sympy import Expr

from derive.exercises.blocks import Maths, Prose, Row, Rows, spelled
from derive.exercises.chains import MAX_LENGTH, Chain, chains, distinct, leads
from derive.exercises.exercise import Exercise
from derive.exercises.grade import Grade, malformed, right, wrong

LEAST, MOST = 4, 5  # lines to be ordered


@cache
def _windows() -> tuple[tuple[Chain, int, int], ...]:
    """Return the runs of lines that can be asked for: a chain, the line given, and how many follow."""
    found = []
    for chain in chains():
        texts = [maths.ascii for maths in spelled(*chain.lines)]
        for length in range(LEAST, MOST + 1):
            for at in range(len(chain.lines) - length):
                lines = chain.lines[at : at + length + 1]
                short = all(len(text) <= MAX_LENGTH for text in texts[at : at + length + 1])
                if short and distinct(lines):
                    found.append((chain, at, length))
    return tuple(found)


def _one_way(chain: Chain, lines: Sequence[Expr]) -> bool:
    """Say whether no line leads to one further on than the next, so that no other order hangs together."""
    ahead = ((line, later) for place, line in enumerate(lines) for later in lines[place + 2 :])
    return not any(leads(line, later, chain.known) for line, later in ahead)


def order_the_steps(seed: int) -> Exercise:
    """Draw a run of lines and shuffle all but the first."""
    random = Random(f"order {seed}")
    chain, at, length = random.choice(_windows())
    while not _one_way(chain, chain.lines[at : at + length + 1]):
        chain, at, length = random.choice(_windows())
    start, *lines = chain.lines[at : at + length + 1]
    places = list(range(length))
    while places == sorted(places):
        random.shuffle(places)
    first, *ordered = spelled(start, *lines)
    letters = "ABCDE"[:length]
    shown: list[Maths] = [ordered[place] for place in places]
    answer = "".join(letters[places.index(place)] for place in range(length))
    rules = chain.rules[at : at + length]

    def check(text: str) -> Grade:
        typed = re.sub(r"[\s,;>-]", "", text).upper()
        if sorted(typed) != list(letters):
            return malformed(f"expected each of the letters {', '.join(letters)} once, such as {letters}")
        if typed == answer:
            return right("each line follows from the one before by one rule")
        return _hang_together(typed, [lines[places[letters.index(letter)]] for letter in typed])

    def _hang_together(typed: str, chosen: Sequence[Expr]) -> Grade:
        before, name = start, "the given line"
        for letter, line in zip(typed, chosen, strict=True):
            if not leads(before, line, chain.known):
                return wrong(f"no single rule leads from {name} to {letter}")
            before, name = line, letter
        return right("each line follows from the one before by one rule")

    listed = ", ".join(rules)
    return Exercise(
        "order",
        seed,
        "Order the steps",
        (
            Prose(f"This is a piece of the derivation of ({chain.number}), {chain.setting}. It begins with"),
            Rows((Row("", first),)),
            Prose("and goes on with these lines, which have been shuffled:"),
            Rows(tuple(Row(f"({letter})", maths) for letter, maths in zip(letters, shown, strict=True))),
            *chain.premises,
            Prose(
                "Put them in an order in which each line follows from the one before by one rule. "
                "Answer with the "
                f"letters, such as `{letters}`."
            ),
        ),
        (
            (
                Prose(
                    f"The first rule to be used is {rules[0]}; look for what changes least from line to line."
                ),
            ),
            (Prose(f"The rules are, in this order: {listed}."),),
            (Prose(f"It begins with {', '.join(answer[: length - 2])}."),),
        ),
        answer,
        (
            Prose(f"The order is `{answer}`:"),
            Rows(
                (
                    Row("", first),
                    *(
                        Row(f"({letter})", maths, rule)
                        for letter, maths, rule in zip(answer, ordered, rules, strict=True)
                    ),
                )
            ),
        ),
        check,
    )
