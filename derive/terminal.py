"""The terminal that proofs are shown on."""

from __future__ import annotations

from rich.console import Console


class Terminal(Console):
    """A console that leaves it to the command what happens when its reader has gone."""

    def on_broken_pipe(self) -> None:
        """Say so, where rich would end the process with 1."""
        raise BrokenPipeError
