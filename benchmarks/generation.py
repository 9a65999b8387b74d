"""What generation costs: seconds of CPU to derive, prove and emit packages, by depth and by width.

python benchmarks/generation.py [--repeat 3] [--long]

Every row is a fresh process, so that nothing has been proved before, and the least of some repetitions.
``import`` is the import of the package, ``prove`` derivation and proof, ``emit`` lowering and printing, with
the proof of the files; ``whole`` is all that the process took. ``--long`` adds rows of 50 and 100 layers.
The time of ``derive --help`` comes first.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from derive.extras import EXTRAS

DEPTHS = (2, 4, 10, 20)
LONG = (50, 100)
WIDTHS = (8, 100, 1000)
WIDE = "784-1000-10"
CHILD = """
import sys, time
start = time.process_time()
from derive.cli import collect_seldom
collect_seldom()
from derive import Architecture, generate, prove
imported = time.process_time()
architecture = Architecture.parse(sys.argv[1], sys.argv[2])
extras = sys.argv[3].split(",") if sys.argv[3] else ()
proof = prove(architecture, brute_force=False)
proved = time.process_time()
generate(proof, extras)
print(imported - start, proved - imported, time.process_time() - proved)
"""
HELP = "import sys; sys.argv = ['derive', '--help']; from derive.cli import main; main()"


def chain(depth: int, width: int) -> str:
    """Return an architecture of so many layers, all but input and output of one width."""
    return "-".join(map(str, (4, *[width] * (depth - 2), 2)))


def spent(command: Sequence[str]) -> tuple[float, str]:
    """Run a process; return the seconds of CPU that it took, and what it wrote."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    text = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, text


def measured(text: str, cost: str = "quadratic", extras: str = "", repeat: int = 3) -> dict[str, Any]:
    """Return one row: the architecture and seconds of CPU for its parts, the least of some repetitions."""
    command = [sys.executable, "-c", CHILD, text, cost, extras]
    whole, found = min(spent(command) for _ in range(repeat))
    parts = map(float, found.split())
    sizes = text.split("-")
    row = {"architecture": text, "layers": len(sizes), "cost": cost, "extras": extras, "whole": whole}
    return row | dict(zip(("import", "prove", "emit"), parts, strict=True))


def help_row(repeat: int = 3) -> dict[str, Any]:
    """Return the row of ``derive --help``."""
    whole = min(spent([sys.executable, "-c", HELP])[0] for _ in range(repeat))
    return {"architecture": "--help", "whole": whole}


def rows(repeat: int = 3, long: bool = False) -> list[dict[str, Any]]:
    """Return all rows: the command's help, the article's network, by depth, by width, and other kinds."""
    depths = [chain(depth, 8) for depth in (*DEPTHS, *(LONG if long else ()))]
    plain = ["2-2-3-2", *depths, *(chain(4, width) for width in WIDTHS[1:]), WIDE]
    found = [help_row(repeat), *(measured(text, repeat=repeat) for text in plain)]
    found.append(measured("4-16:relu-3:softmax", "cross-entropy", repeat=repeat))
    extras = ",".join(EXTRAS)
    found.append(measured("2-2-3-2", extras=extras, repeat=repeat))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=3, help="runs of each row (default 3)")
    parser.add_argument("--long", action="store_true", help="rows of 50 and 100 layers, too")
    options = parser.parse_args()
    print("seconds of CPU                       layers  import   prove    emit   whole")
    for row in rows(options.repeat, options.long):
        name = row["architecture"] if len(row["architecture"]) <= 24 else row["architecture"][:21] + "..."
        name += " --with all" if row.get("extras") else ""
        parts = [f"{row[part]:7.2f}" if part in row else " " * 7 for part in ("import", "prove", "emit")]
        print(f"{name:36s} {row.get('layers', ''):>6} {' '.join(parts)} {row['whole']:7.2f}")


if __name__ == "__main__":
    main()
