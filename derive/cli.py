"""The entry of the command ``derive``: what is set up before it runs, and how errors are shown."""

from __future__ import annotations

import atexit
import gc
import sys

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
        app()
    except UserError as error:
        _say(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        print("Aborted.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader has gone: end as a command that its pipe killed
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        _say(f"cannot write: {error.strerror or error}")
        sys.exit(2)


def _say(what: str) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    console.print(f"[red]derive:[/red] {escape(what)}", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    main()
