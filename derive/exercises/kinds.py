"""Every kind of exercise by name, and exercises by kind and seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from derive.errors import UserError
from derive.exercises.by_hand import compute_by_hand
from derive.exercises.code import complete_the_line
from derive.exercises.exercise import Exercise
from derive.exercises.false_step import find_the_false_step
from derive.exercises.gap import fill_the_gap
from derive.exercises.mend import disprove_the_claim, mend_the_formula
from derive.exercises.order import order_the_steps
from derive.exercises.rule import name_the_rule

MAX_COUNT = 200


@dataclass(frozen=True)
class Kind:
    """A kind of exercise: what it asks, how it is graded, and who draws it."""

    name: str
    asks: str
    graded: str
    draw: Callable[[int], Exercise]


KINDS = {
    kind.name: kind
    for kind in (
        Kind("gap", "fill the gap in a formula", "by the proof; any right form", fill_the_gap),
        Kind("rule", "name the rule of a step", "by the replay; any rule that fits", name_the_rule),
        Kind(
            "order", "order the steps of a derivation", "by the replay; any order that holds", order_the_steps
        ),
        Kind("false-step", "find the false step", "by its number", find_the_false_step),
        Kind("disprove", "disprove a claim", "by your own network, in exact numbers", disprove_the_claim),
        Kind("code", "complete a line of the emitted code", "by what it computes", complete_the_line),
        Kind("delta", "compute a delta or a gradient by hand", "by exact fractions", compute_by_hand),
        Kind("mend", "mend a formula", "by the proof; any right form", mend_the_formula),
    )
}


@lru_cache(maxsize=2048)
def exercise(kind: str, seed: int) -> Exercise:
    """Draw one exercise.

    Raises:
        UserError: if there is no such kind, or the seed is negative.
    """
    if kind not in KINDS:
        raise UserError(f"expected a kind of exercise, one of {', '.join(KINDS)}; got {kind[:40]!r}")
    if seed < 0:
        raise UserError(f"expected a seed from 0, got {seed}")
    return KINDS[kind].draw(seed)


def exercises(seed: int, kinds: Sequence[str] = (), count: int | None = None) -> tuple[Exercise, ...]:
    """Draw exercises of each kind in turn, of all kinds if none is named; one of each without a count.

    The second round takes the next seed, so that each exercise can be had alone by its kind and seed.

    Raises:
        UserError: if a kind, the seed or the count makes no sense.
    """
    chosen = list(dict.fromkeys(kinds)) or list(KINDS)
    wanted = len(chosen) if count is None else count
    if not 1 <= wanted <= MAX_COUNT:
        raise UserError(f"expected 1 to {MAX_COUNT} exercises, got {wanted}")
    return tuple(exercise(chosen[n % len(chosen)], seed + n // len(chosen)) for n in range(wanted))
