"""What it costs to derive, prove and emit a network: processor time of a fresh process, imports included."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from timing import Failed, interleaved

ROUNDS = 3
MAKE = "from derive import generate; generate(sys.argv[1])"
HELP = """
from derive.cli import main
sys.argv = ["derive", "--help"]
try:
    main()
except SystemExit:
    pass
"""
NETWORKS = {
    "2-2-3-2": "2-2-3-2",
    "784-1000-1000-10": "784-1000-1000-10",
    "5 layers of 32": "-".join(["32"] * 5),
    "10 layers of 32": "-".join(["32"] * 10),
}


def seconds(code: str, *given: str) -> float:
    """Return the processor time of a Python process that runs some code."""
    timed = f"import sys, time\n{code}\nprint(time.process_time(), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", timed, *given], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or ["no message"])[-1])
    return float(done.stderr.splitlines()[-1])


def rows() -> list[dict[str, Any]]:
    """Return the one row, with an entry for each network."""
    turns: dict[str, Callable[[], float]] = {"derive --help": partial(seconds, HELP)}
    turns |= {name: partial(seconds, MAKE, text) for name, text in NETWORKS.items()}
    found, lost = interleaved(turns, ROUNDS)
    entries: dict[str, dict[str, Any]] = {
        name: found[name]._asdict() if name in found else {"problem": lost[name]} for name in turns
    }
    return [{"suite": "generation", "work": "processor time of a fresh process", "entries": entries}]
