"""A table by name whose entries are made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TypeVar

_Entry = TypeVar("_Entry")


class Lazily(MutableMapping[str, _Entry]):
    """A dictionary in the order of its makers; a command that needs one entry does not make them all."""

    def __init__(self, makers: Mapping[str, Callable[[], _Entry]]) -> None:
        """Take, for each name, the function that makes its entry."""
        self._makers = dict(makers)
        self._made: dict[str, _Entry] = {}

    def __getitem__(self, name: str) -> _Entry:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __setitem__(self, name: str, entry: _Entry) -> None:
        self._makers[name] = lambda: entry
        self._made[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._makers[name]
        self._made.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)
