"""A table makes an entry when it is asked for, once, and else is a dictionary."""

from __future__ import annotations

from functools import partial

import pytest

from derive.lazily import Lazily


def test_entries_are_made_when_they_are_asked_for_and_once() -> None:
    made: list[str] = []

    def maker(name: str) -> str:
        made.append(name)
        return name.upper()

    table = Lazily({name: partial(maker, name) for name in ("b", "a")})
    assert list(table) == ["b", "a"]
    assert "a" in table
    assert len(table) == 2
    assert made == []
    assert table["a"] is table["a"]
    assert made == ["a"]
    assert list(table.values()) == ["B", "A"]
    assert made == ["a", "b"]


def test_an_entry_can_be_put_in_and_taken_out_again() -> None:
    table = Lazily({"a": lambda: 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(table, "a", 2)
        patch.setitem(table, "b", 3)
        assert dict(table) == {"a": 2, "b": 3}
    assert dict(table) == {"a": 1}
    with pytest.raises(KeyError):
        table["b"]
