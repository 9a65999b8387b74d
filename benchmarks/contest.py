"""Peers that do the same work, each with its libraries in a process of its own, timed in turns.

Threads of one library would disturb another in the same process, and some keep spinning for a while after
their work; so every library has a process, the processes take turns, and there is a pause before each. What
a peer computes is compared first: one that disagrees, fails or takes too long is said to, and not timed.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import inf, isnan
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Any, NamedTuple

import machine
from networks import Given, Row, Task, emit, task_of
from timing import Failed, calls_for, interleaved, measured_once, spread, turn

ONLY = 15.0  # seconds: where the second call takes longer, it is the last one


class Contender(NamedTuple):
    """What is timed: a call that does the work ``per`` times, and what the work gives, to be compared.

    Without a ``value`` it is no competitor but a measure, such as bare products.
    """

    call: Callable[[], Any]
    per: int = 1
    value: Callable[[], Any] | None = None


class Peer(NamedTuple):
    """A way to do the work, the library whose process it shares, and what must be installed.

    "library#name" is a process of its own. Values agree to ``tolerance``. ``check`` says how far a value is
    from right where more than one is.
    """

    make: Callable[[Task], Contender]
    library: str
    needs: tuple[str, ...] = ()
    tolerance: float = 1e-8
    check: Callable[[Task, Any], float] | None = None


class Suite(NamedTuple):
    """Peers that do one kind of work, and the rows on which they do it."""

    name: str
    module: str
    title: str
    peers: Mapping[str, Peer]
    quick: tuple[Row, ...]
    more: tuple[Row, ...]
    reference: str  # the peer with whose value the others are compared
    targets: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


class Effort(NamedTuple):
    """How long to measure: rounds, seconds of a turn, of a row's rounds, of any one answer, of a pause.

    ``cpu`` counts the time of processors in the place of the clock's, on a machine that others use.
    """

    rounds: int = 11
    turn: float = 0.05
    budget: float = 30.0
    limit: float = 120.0
    pause: float = 0.05
    cpu: bool = False


# -- in the process of a library ---------------------------------------------------------------------------


def serve(channel: Any, library: str, log: str, folder: str) -> None:
    """Answer orders until there are none; what libraries leave behind goes to ``folder``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[:] = [str(Path(path).absolute()) for path in sys.path]
    os.chdir(folder)
    said = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(said, 1)
    os.dup2(said, 2)
    machine.bounded()
    importlib.import_module(library.partition("#")[0])
    contenders: dict[str, Contender] = {}
    while True:
        try:
            order, *given = channel.recv()
        except EOFError:
            return
        try:
            answer = {"make": _make, "once": _once, "turn": _turn, "traced": _traced}[order](
                contenders, *given
            )
        except NotImplementedError as error:
            answer = {"problem": str(error)}
        except Exception as error:
            answer = {"problem": f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"}
        channel.send(answer)


def _make(
    contenders: dict[str, Contender], module: str, suite: str, name: str, given: Given
) -> dict[str, Any]:
    """Let a peer prepare, do the work once, and say what that gave."""
    import numpy as np

    peer: Peer = importlib.import_module(module).SUITES[suite].peers[name]
    task = task_of(given)
    idle, begin = machine.forget(), perf_counter()
    contender = contenders[name] = peer.make(task)
    value = None if contender.value is None else np.array(contender.value())
    first, peak = perf_counter() - begin, machine.held()
    found = {"per": contender.per, "first": first, "idle": idle, "peak": peak, "value": value}
    if value is not None and peer.check is not None:
        found["off"] = peer.check(task, value)
    return found


def _once(contenders: dict[str, Contender], name: str, cpu: bool) -> dict[str, Any]:
    return {"seconds": measured_once(contenders[name].call, process_time if cpu else perf_counter)}


def _turn(contenders: dict[str, Contender], name: str, calls: int, cpu: bool) -> dict[str, Any]:
    contender = contenders[name]
    return {"seconds": turn(contender.call, calls, process_time if cpu else perf_counter) / contender.per}


def _traced(
    contenders: dict[str, Contender], module: str, suite: str, name: str, given: Given
) -> dict[str, Any]:
    """Return the most bytes that Python and NumPy allocate while a peer prepares and does the work once."""
    import tracemalloc

    peer: Peer = importlib.import_module(module).SUITES[suite].peers[name]
    task = task_of(given)
    peer.make(task).call()  # what is imported and kept for good
    tracemalloc.start()
    try:
        contender = peer.make(task)
        contender.call()
        return {"bytes": tracemalloc.get_traced_memory()[1]}
    finally:
        tracemalloc.stop()


ORDERS = {"make": _make, "once": _once, "turn": _turn, "traced": _traced}

# -- in the process that asks ------------------------------------------------------------------------------


class Worker:
    """A process of a library; it ends when an answer does not come in time."""

    def __init__(self, library: str, folder: str, limit: float) -> None:
        self.limit, self.log = limit, Path(folder, f"{library}.log")
        context = get_context("spawn")
        self.channel, far = context.Pipe()
        given = far, library, str(self.log), folder
        self.process = context.Process(target=serve, args=given, daemon=True)
        self.process.start()
        far.close()

    def ask(self, *order: Any) -> dict[str, Any]:
        """Return the answer to an order; one with a "problem" where there is none."""
        try:
            self.channel.send(order)
            if self.channel.poll(self.limit):
                answer: dict[str, Any] = self.channel.recv()
                return answer
            self.process.kill()
            return {"problem": f"not done within {self.limit:.0f} s"}
        except (EOFError, OSError):
            self.process.join(5)
            lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines()]
            last = next((line for line in reversed(lines) if line), "no message")
            return {"problem": f"failed, status {self.process.exitcode}: {last[:120]}"}

    def end(self) -> None:
        """End the process: it may clean up, but for a few seconds only."""
        self.channel.close()
        self.process.join(5)
        self.process.kill()
        self.process.join()


def apart(value: Any, wanted: Any) -> float:
    """Return how far a value is from another, relative to it; infinite where they cannot be compared."""
    import numpy as np

    if value.shape != wanted.shape:
        return inf
    off = float(np.linalg.norm(value - wanted) / np.linalg.norm(wanted))
    return inf if isnan(off) else off


def measure(suite: Suite, row: Row, chosen: Iterable[str], effort: Effort) -> dict[str, Any]:
    """Return the entries of a row: seconds of every peer that agrees, and what is the matter with others."""
    entries: dict[str, dict[str, Any]] = {}
    libraries: dict[str, list[str]] = {}
    for name in chosen:
        if missing := machine.lacking(suite.peers[name].needs):
            entries[name] = {"problem": f"{missing} is not installed"}
        else:
            entries[name] = {}
            libraries.setdefault(suite.peers[name].library, []).append(name)
    with tempfile.TemporaryDirectory() as folder:
        given = emit(folder, row, suite.targets, suite.extras)
        groups = [[library] for library in libraries] if row.apart else [list(libraries)]
        wanted: list[Any] = []
        # The reference comes first, for the others are compared with it.
        groups.sort(key=lambda group: suite.peers[suite.reference].library not in group)
        for group in groups:
            workers = {library: Worker(library, folder, effort.limit) for library in group}
            try:
                _contest(suite, {k: libraries[k] for k in group}, workers, given, effort, entries, wanted)
            except BaseException:
                for worker in workers.values():
                    worker.process.kill()
                raise
            finally:
                for worker in workers.values():
                    worker.end()
    return {
        "suite": suite.name,
        "work": str(row),
        "network": row.network,
        "samples": row.samples,
        "entries": entries,
    }


def _contest(
    suite: Suite,
    libraries: Mapping[str, list[str]],
    workers: Mapping[str, Worker],
    given: Given,
    effort: Effort,
    entries: dict[str, dict[str, Any]],
    wanted: list[Any],
) -> None:
    """Let peers prepare, compare what they give, and time those that agree; ``wanted`` is what is right."""
    pairs = [(name, library) for library, names in libraries.items() for name in names]
    pairs.sort(key=lambda pair: pair[0] != suite.reference)
    turns: dict[str, Callable[[], float]] = {}
    for name, library in pairs:
        said = workers[library].ask("make", suite.module, suite.name, name, given)
        entry = entries[name] = judged(suite, name, said, wanted)
        print(f"  {name}: {entry.get('problem', 'agrees')}", file=sys.stderr, flush=True)
        if "problem" in entry:
            continue
        second = workers[library].ask("once", name, effort.cpu)  # the first may have compiled
        if "problem" in second:
            entries[name] = second
            continue
        if second["seconds"] > ONLY:
            entry |= spread([second["seconds"] / said["per"]])._asdict() | {"only": True}
            continue
        calls = calls_for(effort.turn, second["seconds"])
        turns[name] = partial(_timed, workers[library], name, calls, effort)
    found, lost = interleaved(turns, effort.rounds, effort.budget)
    for name, times in found.items():
        entries[name] |= times._asdict()
    for name, problem in lost.items():
        entries[name] = {"problem": problem}


def judged(suite: Suite, name: str, said: dict[str, Any], wanted: list[Any]) -> dict[str, Any]:
    """Return the entry of a peer by its first answer: a problem, or how well it agrees."""
    if "problem" in said:
        return {"problem": said["problem"]}
    entry = {key: said[key] for key in ("first", "idle", "peak")}
    if said["value"] is None:
        return entry
    if name == suite.reference:
        wanted.append(said["value"])
    elif not wanted:
        return {"problem": f"not timed: there is no {suite.reference} to compare it with"}
    off = said["off"] if "off" in said else apart(said["value"], wanted[0])
    if not off <= suite.peers[name].tolerance:
        return {"problem": f"not timed: it is {off:.1e} from {suite.reference}"}
    return entry | {"off": off}


def _timed(worker: Worker, name: str, calls: int, effort: Effort) -> float:
    sleep(effort.pause)  # until threads of the one before stop spinning
    answer = worker.ask("turn", name, calls, effort.cpu)
    if "problem" in answer:
        raise Failed(answer["problem"])
    return float(answer["seconds"])
