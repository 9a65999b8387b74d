"""The entry of the command ``derive``: what is set up before it runs, and how errors are shown."""

from __future__ import annotations

import atexit
import gc
import os
import sys

import click

from derive.commands import app
from derive.errors import UserError


def collect_seldom() -> None:
    """Have Python look for cycles of garbage less often, and not at all when it ends.

    Proofs make many objects, and few are in cycles; to look through all of them at the end took a fifth of
    the time of the command.
    """
    gc.set_threshold(1_000_000, 50, 50)
    atexit.register(gc.freeze)


def main() -> None:
    """Run the command; bad input becomes one line and exit status 2."""
    collect_seldom()
    try:
        status = _status(sys.argv[1:])
    except BrokenPipeError:  # the reader has gone: end as a command that its pipe killed
        sys.stderr.close()
        status = 141
    sys.exit(status)


def _status(words: list[str]) -> int:
    """Run the command that some words spell and return its exit status.

    ``app.main`` would do that, too, but it takes a closed pipe for a failure of its own and ends with 1.
    """
    try:
        with app.make_context("derive", words) as context:
            app.invoke(context)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        _say(_usage(error, words))
        return 2
    except UserError as error:
        _say(str(error))
        return 2
    except KeyboardInterrupt:
        print("Aborted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except OSError as error:
        _say(f"cannot write: {error.strerror or error}")
        return 2
    return 0


def _usage(error: click.UsageError, words: list[str]) -> str:
    """Return what was wrong with the words of a command, on one line, and where to read more."""
    message = " ".join(error.format_message().split()).removesuffix(".")
    command = " ".join(["derive", *(word for word in words[:1] if word in app.commands)])
    return f"{message[:1].lower()}{message[1:]} (try: {command} --help)"


def _say(what: str) -> None:
    color = False if os.environ.get("NO_COLOR") else None  # None: as standard error is a terminal or not
    click.echo(f"{click.style('derive:', fg='red')} {what}", err=True, color=color)


if __name__ == "__main__":
    main()
