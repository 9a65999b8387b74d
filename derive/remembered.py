"""Answers that are kept: functions of expressions alone, which are asked the same again and again."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec, TypeVar, cast

MANY = 2**14

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")
_FORGET: list[Callable[[], None]] = []


def remembered(function: Callable[_Given, _Answer]) -> Callable[_Given, _Answer]:
    """Keep the last answers of a function that depends on its arguments alone, all of them immutable."""
    kept = lru_cache(maxsize=MANY)(function)
    _FORGET.append(kept.cache_clear)
    return cast(Callable[_Given, _Answer], kept)


def forget() -> None:
    """Forget all answers, as one must who puts something else in the place of what gave them."""
    for clear in _FORGET:
        clear()
