"""Clocks: medians with their spread, of things that take turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from statistics import quantiles
from time import perf_counter
from typing import Any, NamedTuple

FEWEST = 3  # rounds, even where they take longer than they may


class Spread(NamedTuple):
    """The median of some times and the quartiles around it, in seconds."""

    median: float
    low: float
    high: float
    rounds: int


def spread(times: list[float]) -> Spread:
    """Return the median and the quartiles of times."""
    if len(times) == 1:
        return Spread(times[0], times[0], times[0], 1)
    low, median, high = quantiles(times, n=4, method="inclusive")
    return Spread(median, low, high, len(times))


def calls_for(seconds: float, one: float) -> int:
    """Return how often to call what takes ``one`` second, so that a turn takes about ``seconds``."""
    return max(1, min(1_000_000, round(seconds / max(one, 1e-9))))


def turn(call: Callable[[], Any], calls: int, clock: Callable[[], float] = perf_counter) -> float:
    """Return the seconds that a call takes, over so many; one more goes before them to warm the caches."""
    call()
    begin = clock()
    for _ in range(calls):
        call()
    return (clock() - begin) / calls


def measured_once(call: Callable[[], Any], clock: Callable[[], float] = perf_counter) -> float:
    """Return the seconds of a single call."""
    begin = clock()
    call()
    return clock() - begin


class Failed(Exception):
    """Something that took its turns can take no more; the message says why."""


def interleaved(
    turns: Mapping[str, Callable[[], float]], rounds: int, budget: float = inf
) -> tuple[dict[str, Spread], dict[str, str]]:
    """Let all take their turns in every round; return their spreads, and why some were lost.

    A round goes through all of them, so that they share the noise of the machine, in the opposite order
    every second time. No round begins once ``budget`` seconds have passed, but for the fewest.
    """
    times: dict[str, list[float]] = {name: [] for name in turns}
    lost: dict[str, str] = {}
    begin = perf_counter()
    for number in range(rounds):
        if number >= FEWEST and perf_counter() - begin > budget:
            break
        for name in list(turns)[:: -1 if number % 2 else 1]:
            if name in lost:
                continue
            try:
                times[name].append(turns[name]())
            except Failed as error:
                lost[name] = str(error)
    return {name: spread(found) for name, found in times.items() if name not in lost}, lost
