"""The command ``derive exercise``."""

from __future__ import annotations

from pathlib import Path

import click
from click.exceptions import Exit

from derive import options
from derive.delivery import deliver


@click.option("--kind", "-k", multiple=True, help="A kind of exercise; may be repeated.")
@click.option("--seed", default=1, help="The same seed gives the same exercises.")
@click.option("--count", "-n", type=int, help="How many; one of each kind without it.")
@click.option("--hint", metavar="K", default=0, help="Show hints up to level K, 1 to 3.")
@click.option("--solution", is_flag=True, help="Show the solutions.")
@click.option("--answer", help="Grade this answer to the exercise of one kind and seed.")
@click.option("--output", "-o", type=options.PATH, help="Write a sheet, .tex, or a notebook, .ipynb.")
@click.option("--student", is_flag=True, help="The notebook without solutions and hidden tests.")
@click.option("--list", "kinds", is_flag=True, help="List the kinds of exercises.")
@options.force
def exercise(
    kind: tuple[str, ...],
    seed: int,
    count: int | None,
    hint: int,
    solution: bool,
    answer: str | None,
    output: Path | None,
    student: bool,
    kinds: bool,
    force: bool,
) -> None:
    """Draw exercises by a seed; with --answer, exit status 1 if it is wrong, 2 if it is not well formed."""
    from derive.exercises import command, exercises
    from derive.exercises.terminal import kinds_text
    from derive.printers.text import Unicode
    from derive.show import spelling
    from derive.terminal import Terminal

    if kinds:
        click.echo(kinds_text(), nl=False)
    elif answer is not None:
        grade = command.graded(kind, seed, answer)
        click.echo(grade.reason)
        raise Exit(grade.mark.exit_status)
    elif output is not None:
        drawn = exercises(seed, kind, count)
        command.written(drawn, output, hint, solution, student, lambda text, to: deliver(text, to, force))
    else:
        drawn = exercises(seed, kind, count)
        click.echo(command.shown(drawn, hint, solution, spelling(Terminal()) is Unicode), nl=False)
