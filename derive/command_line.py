"""What the help of the commands shows beyond what click shows by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click


class Command(click.Command):
    """A command that is listed with the whole first paragraph of its help."""

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return that paragraph, however long; click breaks it into lines."""
        return " ".join((self.help or "").partition("\n\n")[0].split())


class Commands(click.Group):
    """Commands in the order in which they were written."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        return list(self.commands)


class Argument(click.Argument):
    """An argument with a help text, which those of click have from 8.5 on."""

    def __init__(self, names: Sequence[str], required: bool | None = None, **given: Any) -> None:
        text = given.pop("help")
        super().__init__(names, required, **given)
        self.help = text

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Return what stands in the list: the argument, and what it is."""
        return self.metavar or "", self.help or ""


def examples(*lines: str) -> str:
    """Return the end of a help text, each example on a line of its own."""
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", title, *(f"  {line}" for line in lines)])
