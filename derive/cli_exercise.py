"""The command ``derive exercise``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from derive.delivery import deliver


def exercise(
    kind: Annotated[
        list[str] | None, typer.Option("--kind", "-k", help="A kind of exercise; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same exercises.")] = 1,
    count: Annotated[
        int | None, typer.Option("--count", "-n", help="How many; one of each kind without it.")
    ] = None,
    hint: Annotated[int, typer.Option("--hint", metavar="K", help="Show hints up to level K, 1 to 3.")] = 0,
    solution: Annotated[bool, typer.Option("--solution", help="Show the solutions.")] = False,
    answer: Annotated[
        str | None, typer.Option("--answer", help="Grade this answer to the exercise of one kind and seed.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write a sheet, .tex, or a notebook, .ipynb.")
    ] = None,
    student: Annotated[
        bool, typer.Option("--student", help="The notebook without solutions and hidden tests.")
    ] = False,
    kinds: Annotated[bool, typer.Option("--list", help="List the kinds of exercises.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite any file.")] = False,
) -> None:
    """Draw exercises by a seed; with --answer, exit status 1 if it is wrong, 2 if it is not well formed."""
    from rich.console import Console

    from derive.exercises import command, exercises
    from derive.exercises.terminal import kinds_text
    from derive.printers.text import Unicode
    from derive.show import spelling

    if kinds:
        typer.echo(kinds_text(), nl=False)
    elif answer is not None:
        grade = command.graded(kind or [], seed, answer)
        typer.echo(grade.reason)
        raise typer.Exit(grade.mark.exit_status)
    elif output is not None:
        drawn = exercises(seed, kind or [], count)
        command.written(drawn, output, hint, solution, student, lambda text, to: deliver(text, to, force))
    else:
        drawn = exercises(seed, kind or [], count)
        typer.echo(command.shown(drawn, hint, solution, spelling(Console()) is Unicode), nl=False)
