"""Find the false step: a derivation that goes wrong once and is carried on faithfully.

What is changed at the false step is changed in every later line too, so that each of those follows from the
one before; ``check_step`` is asked about every line before the exercise is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from random import Random

from sympy import Add, Expr, Indexed, Integer, Mul, Pow

from derive.exercises.blocks import Prose, Row, Rows, spelled
from derive.exercises.chains import MAX_LENGTH, Chain, chains, distinct, is_false
from derive.exercises.exercise import Exercise
from derive.exercises.grade import Grade, malformed, right, wrong
from derive.printers.naming import is_sample
from derive.printers.text import expression_text
from derive.quantities import Index, L, Partial, Sigma, SigmaPrime
from derive.replay import check_step

LEAST, MOST = 4, 6  # steps that are shown
_SIGN, _TWO = "a sign is lost", "a factor 2 comes from nowhere"
_PLAIN = (_SIGN, _TWO)  # always possible, and soon dull


@dataclass(frozen=True)
class _Slip:
    """Something that is written wrongly from one line on."""

    said: str
    change: Callable[[Expr], Expr]


@cache
def _windows() -> tuple[tuple[Chain, int, int], ...]:
    """Return the runs of steps that can be shown: a chain, the line given, and how many steps follow."""
    found = []
    for chain in chains():
        short = [len(maths.ascii) <= MAX_LENGTH for maths in spelled(*chain.lines)]
        for length in range(LEAST, MOST + 1):
            for at in range(len(chain.lines) - length):
                if all(short[at : at + length + 1]):
                    found.append((chain, at, length))
    return tuple(found)


def find_the_false_step(seed: int) -> Exercise:
    """Draw a run of steps and a slip in one of them."""
    random = Random(f"false-step {seed}")
    while True:
        chain, at, length = random.choice(_windows())
        lines = chain.lines[at : at + length + 1]
        rules = chain.rules[at : at + length]
        false = random.randint(1, length)
        for slip in _shuffled(_slips(lines[false]), random):
            changed = (*lines[:false], *map(slip.change, lines[false:]))
            if _goes_wrong_once(chain, changed, rules, false):
                near = random.choice([n for n in (false - 1, false + 1) if 1 <= n <= length])
                return _exercise(seed, chain, lines[false], changed, rules, (false, near), slip.said)


def _shuffled(slips: Iterator[_Slip], random: Random) -> list[_Slip]:
    """Put slips in an order in which every sort comes early as often as any other, the plain ones late."""
    sorts: dict[str, list[_Slip]] = {}
    for slip in slips:
        sorts.setdefault(slip.said, []).append(slip)
    order = [(said in _PLAIN and random.random() < 0.7, random.random(), said) for said in sorted(sorts)]
    found = []
    for *_, said in sorted(order):
        random.shuffle(sorts[said])
        found += sorts[said]
    return found


def _goes_wrong_once(chain: Chain, lines: tuple[Expr, ...], rules: tuple[str, ...], false: int) -> bool:
    """Say whether exactly one step is false, under every rule, and the others are what they claim."""
    for number, ((before, after), rule) in enumerate(zip(pairwise(lines), rules, strict=True), 1):
        if number == false:
            continue
        if not check_step(before, after, rule, chain.known).holds:
            return False
    return distinct(lines) and is_false(lines[false - 1], lines[false], rules[false - 1], chain.known)


def _exercise(
    seed: int,
    chain: Chain,
    meant: Expr,
    lines: tuple[Expr, ...],
    rules: tuple[str, ...],
    places: tuple[int, int],
    said: str,
) -> Exercise:
    false, _ = places
    first, *shown = spelled(*lines)
    count = len(rules)
    before, after = spelled(lines[false - 1], meant)
    rows = tuple(Row(f"({n})", m, rule) for n, (m, rule) in enumerate(zip(shown, rules, strict=True), 1))

    def check(text: str) -> Grade:
        match = re.fullmatch(r"(?:step)?\s*\(?(\d)\)?\.?", text.lower())
        if match is None or not 1 <= int(match[1]) <= count:
            return malformed(f"expected the number of a step, 1 to {count}, got {text[:30]!r}")
        number = int(match[1])
        if number == false:
            return right(f"in step {number} {said}")
        return wrong(f"step {number} follows from the line before by its rule, {rules[number - 1]}")

    return Exercise(
        "false-step",
        seed,
        "Find the false step",
        (
            Prose(
                f"Someone derives ({chain.number}), {chain.setting}. The first line is right, but "
                f"one of the steps "
                "is false; each of the others follows from the line before it by its rule."
            ),
            Rows((Row("", first), *rows)),
            *chain.premises,
            Prose("Which step is false? Answer with its number."),
        ),
        (
            (
                Prose(
                    "Do not compare with the formula that you know: ask of each line whether its "
                    "rule allows it."
                ),
            ),
            (Prose(f"Look at the rule {rules[false - 1]}. What may it change, and what must stay?"),),
            (Prose(f"It is step {min(places)} or step {max(places)}."),),
        ),
        str(false),
        (
            Prose(f"Step {false} is false: {said}. By the rule {rules[false - 1]}, the line"),
            Rows((Row("", before),)),
            Prose("becomes"),
            Rows((Row("", after),)),
        ),
        check,
    )


def _slips(line: Expr) -> Iterator[_Slip]:
    """List what can go wrong in a line, in a fixed order."""
    variables = {partial.v for partial in line.atoms(Partial)}
    nodes = {node for kind in (SigmaPrime, Indexed, Add, Pow) for node in line.atoms(kind)} - variables
    yield _Slip(_SIGN, lambda expr: -expr)
    yield _Slip(_TWO, lambda expr: Mul(2, expr))
    for node in sorted(nodes, key=expression_text):
        for said, new in _wrongly(node):
            yield _Slip(said, _replacing(node, new))


def _replacing(old: Expr, new: Expr) -> Callable[[Expr], Expr]:
    def change(expr: Expr) -> Expr:
        replaced: Expr = expr.xreplace({old: new})
        return replaced

    return change


def _wrongly(node: Expr) -> Iterator[tuple[str, Expr]]:
    """Yield what a node may be mistaken for."""
    if isinstance(node, SigmaPrime):
        yield "the derivative of the activation has become the activation", Sigma(*node.args)
        yield "the derivative of the activation is lost", Integer(1)
    elif isinstance(node, Indexed):
        yield from _other_entry(node)
    elif isinstance(node, Add):
        turned = [term for term in node.args if term.as_coeff_Mul()[0] < 0]
        if turned and len(turned) < len(node.args):
            yield "a difference has become a sum", Add(*(-t if t in turned else t for t in node.args))
        yield "a term is lost", Add(*node.args[1:])
    elif isinstance(node, Pow) and node.exp == 2:
        yield "a square is lost", node.base


def _other_entry(node: Indexed) -> Iterator[tuple[str, Expr]]:
    places = list(node.indices)
    neurons = [at for at, place in enumerate(places) if isinstance(place, Index) and not is_sample(place)]
    if len(neurons) == 2:
        p, q = neurons
        swapped = list(places)
        swapped[p], swapped[q] = places[q], places[p]
        yield "two indices have changed places", node.base[tuple(swapped)]
    if not isinstance(places[0], Index) and len(places) > 1:
        for by in (-1, 1):
            if (places[0] + by - L).is_positive:  # there is no such layer
                continue
            yield "a layer is wrong", node.base[(places[0] + by, *places[1:])]
