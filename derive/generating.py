"""What ``derive generate`` does, and a reading of its words where they are plain.

To read options, typer and what it imports take nearly as much time as SymPy. So words that are options and
values as ``generate`` knows them are read here; all others, ``--help`` and mistakes among them, are left to
typer.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from derive.delivery import architecture_of, proved, report
from derive.errors import UserError

VALUES = {"--cost": "cost", "--output": "output", "-o": "output", "--target": "target"}
LISTS = {"--activation": "activation", "--with": "extras"}
FLAGS = {"--check": "check", "--force": "force", "--verbose": "verbose", "-v": "verbose"}


def plain(words: Sequence[str]) -> dict[str, Any] | None:
    """Return the arguments of ``run`` that a command line spells; None if it is not a plain one."""
    if words[:1] != ["generate"]:
        return None
    found: dict[str, Any] = {}
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        name = VALUES.get(word) or LISTS.get(word)
        if word in FLAGS:
            found[FLAGS[word]] = True
        elif name is not None and rest and not rest[0].startswith("-"):
            value = rest.pop(0)
            found[name] = [*found.get(name, ()), value] if word in LISTS else value
        elif not word.startswith("-") and "architecture" not in found:
            found["architecture"] = word
        else:
            return None
    if "output" in found:
        found["output"] = Path(found["output"])
    return found if "architecture" in found else None


def run(
    architecture: str,
    cost: str = "quadratic",
    activation: list[str] | None = None,
    output: Path = Path(),
    extras: list[str] | None = None,
    target: str = "numpy",
    check: bool = False,
    force: bool = False,
    verbose: bool = False,
) -> int:
    """Prove, generate and write, or compare with what is there; return the exit status."""
    from derive.extras import parse
    from derive.generate import TARGET_NAMES, TARGETS, drift, extras_on_disk, write
    from derive.generate import generate as make
    from derive.stages import Stages

    stages, wanted = Stages(), parse(",".join(extras)) if extras else ()
    if target not in TARGETS:
        raise UserError(f"expected --target {TARGET_NAMES}, got {target!r}")
    if target == "python":
        from derive.package_python import require_small

        require_small(architecture_of(architecture, cost, activation))
    proof = proved(architecture, cost, activation, brute_force=False, stages=stages)
    with stages("lower and print"):
        if check and not extras and target == "numpy":
            wanted = extras_on_disk(output / proof.architecture.package_name)
        package = make(proof, wanted, target)
    if check:
        diff = drift(package, output)
        print(diff, end="", flush=True)
        where = output / (next(iter(package.files)) if target == "python" else package.name)
        print(f"{where}: {'differs' if diff else 'up to date'}", file=sys.stderr)
        if diff:
            return 1
    else:
        with stages("write"):
            folder = write(package, output, force=force)
        listed = "" if target == "python" else f": {', '.join(package.files)}"
        print(f"wrote {folder}{listed}", file=sys.stderr)
        there = "" if output == Path() else f"cd {shlex.quote(str(output))} && "
        print(f"try it: {there}{package.trial}", file=sys.stderr)
    report(stages, verbose)
    return 0
