"""The emitted code beside bare matrix products, plain NumPy and other libraries, measured in one run.

python benchmarks/run.py [--only gradient,forward,sgd,lm,memory,generation] [--all] [--peers NAME,...]
    [--json FILE] [--plot FILE] [--out FOLDER] [--page FILE]

Peers take turns, round by round; a figure is the median of the rounds, with quartiles. All must first agree
in value. A peer that is not installed is named and left out:

pip install autograd casadi jax nlls-gram numba optimistix scipy threadpoolctl torch torch-levenberg-marquardt

Variables that pin a BLAS to a kind of processor or to threads are removed first: the program starts itself
anew. Results go to the terminal row by row; files are written after every row, so that Ctrl-C leaves
those that are done.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import machine
import report
from contest import Effort, Suite, measure
from networks import Row

CONTESTS = {"gradient": "gradient", "forward": "gradient", "sgd": "sgd", "lm": "lm"}
OTHERS = {"memory": "Memory of a gradient", "generation": "Generation itself, the least of two runs"}
Measurement = tuple[str, Callable[[], list[report.Result]]]


def suites() -> dict[str, Suite]:
    """Return the suites in which peers compete."""
    return {name: importlib.import_module(module).SUITES[name] for name, module in CONTESTS.items()}


def peers_of(suite: Suite, words: list[str] | None) -> list[str]:
    """Return the names of the peers that need nothing, and of those that are asked for by name or library."""
    return [
        name
        for name, peer in suite.peers.items()
        if not peer.needs or words is None or {name.lower(), *peer.needs} & set(words)
    ]


def measurements(options: argparse.Namespace, effort: Effort) -> Iterator[Measurement]:
    """Yield a name for each row that is asked for, and what measures it."""
    contests = suites()
    for name in options.only:
        if name in contests:
            suite = contests[name]
            rows = suite.quick + suite.more
            for row in chosen_rows(rows, len(suite.quick), options):
                yield f"{name}: {row}", partial(_contest, suite, row, peers_of(suite, options.peers), effort)
        elif name == "memory":
            import memory

            chosen = peers_of(contests["gradient"], options.peers)
            for row in chosen_rows(memory.ROWS, len(memory.ROWS), options):
                yield f"memory: {row}", partial(_memory, row, chosen, effort)
        elif find_spec("generation") is None:
            print("generation: benchmarks/generation.py is not there", file=sys.stderr)
        else:
            rows = importlib.import_module("generation").rows
            yield "generation", partial(_generation, rows, options.all)


def _contest(suite: Suite, row: Row, chosen: list[str], effort: Effort) -> list[report.Result]:
    return [measure(suite, row, chosen, effort)]


def _memory(row: Row, chosen: list[str], effort: Effort) -> list[report.Result]:
    import memory

    return [memory.measure(row, chosen, effort)]


def _generation(rows: Callable[..., list[dict[str, Any]]], long: bool) -> list[report.Result]:
    """Return the whole times of all networks, each the least of some, as one row; JSON keeps their parts."""
    entries = {}
    for row in rows(repeat=2, long=long):
        words = [row["architecture"], row.get("cost", ""), row.get("extras") and f"with {row['extras']}"]
        name = " ".join(word for word in words if word and word != "quadratic")
        if row.get("layers", 0) > 6:
            name = f"{row['layers']} layers, {name[:12]}..."
        entries[name] = dict.fromkeys(("median", "low", "high"), row["whole"]) | row
    return [{"suite": "generation", "work": "processor time of a fresh process", "entries": entries}]


def chosen_rows(rows: tuple[Row, ...], quick: int, options: argparse.Namespace) -> list[Row]:
    """Return the rows of given numbers, or all, or the quick ones, which come first."""
    if options.rows is not None:
        return [rows[number] for number in options.rows if number < len(rows)]
    return list(rows if options.all else rows[:quick])


def read(given: list[str] | None) -> argparse.Namespace:
    """Return the options; ends the program where they make no sense."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names = [*CONTESTS, *OTHERS]
    parser.add_argument("--only", type=_words, default=names, help=f"of {','.join(names)}")
    parser.add_argument("--all", action="store_true", help="long rows, too")
    parser.add_argument("--rows", type=_numbers, help="rows by their numbers, 0 to 9, in every suite")
    parser.add_argument("--peers", type=_words, help="libraries or names of peers, or none; default all")
    parser.add_argument("--rounds", type=int, default=Effort().rounds, help="turns of every peer")
    parser.add_argument("--turn", type=float, default=Effort().turn, help="seconds of a turn")
    parser.add_argument("--limit", type=float, default=Effort().limit, help="seconds for an answer of a peer")
    parser.add_argument("--threads", type=int, default=0, help="bind everything to so many processors")
    parser.add_argument("--cpu", action="store_true", help="count processor time, not the clock's")
    parser.add_argument("--keep-pins", action="store_true", help="measure with the environment as it is")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--plot", type=Path, help="draw them, to .svg or .png")
    parser.add_argument("--out", type=Path, help="a folder for benchmarks.json, .svg and .md")
    parser.add_argument("--page", type=Path, help="a page that takes the tables; JSON and plot lie beside it")
    options = parser.parse_args(given)
    if unknown := sorted(set(options.only) - set(names)):
        parser.error(f"expected --only of {', '.join(names)}, got {', '.join(unknown)}")
    there = suites().values()
    known = {word for suite in there for name, peer in suite.peers.items() for word in (name, *peer.needs)}
    known = {word.lower() for word in known} | {"none"}
    if unknown := sorted(set(options.peers or ()) - known):
        parser.error(f"expected --peers of {', '.join(sorted(known))}, got {', '.join(unknown)}")
    if options.rounds < 1 or not options.turn > 0 or not options.limit > 0 or options.threads < 0:
        parser.error("expected at least one round, and seconds above 0")
    for page in [options.page] if options.page else []:
        if not page.is_file():
            parser.error(f"expected a page with the markers of results at {page}")
    return options


def _words(given: str) -> list[str]:
    return [word.strip().lower() for word in given.split(",") if word.strip()]


def _numbers(given: str) -> list[int]:
    numbers = given.split(",")
    if not all(word in set("0123456789") for word in numbers):
        raise argparse.ArgumentTypeError(f"expected numbers of rows such as 0,2, got {given}")
    return [int(word) for word in numbers]


class Files:
    """What is kept of the results: written anew after every row."""

    def __init__(self, options: argparse.Namespace, about: report.Result) -> None:
        self.about, self.page, self.table = about, options.page, None
        self.json, self.plot = options.json, options.plot
        folder, stem = options.out, "benchmarks"
        if options.page:
            folder, stem = options.out or options.page.parent, options.page.stem
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            self.json, self.plot = self.json or folder / f"{stem}.json", self.plot or folder / f"{stem}.svg"
            self.table = None if options.page else folder / f"{stem}.md"

    def write(self, results: list[report.Result], titles: dict[str, str]) -> None:
        """Write everything that was asked for."""
        if self.json:
            self.json.write_text(report.as_json(self.about, results), encoding="utf-8")
        drawn = ""
        if self.plot:
            try:
                report.draw(results, self.plot)
                drawn = self.plot.name if self.plot.exists() else ""
            except ImportError:
                print("no plot: matplotlib is not installed", file=sys.stderr)
        if self.table:
            self.table.write_text(report.markdown(self.about, results, titles, drawn), encoding="utf-8")
        if self.page:
            report.put_in_page(self.page, report.markdown(self.about, results, titles, drawn))


def main(given: list[str] | None = None) -> None:
    """Measure what was asked for, and print and keep it."""
    options = read(given)
    removed = {} if options.keep_pins else machine.unpin()
    os.environ["JAX_PLATFORMS"] = "cpu"
    there = machine.processors()
    if options.threads:
        machine.bind(options.threads)
    effort = Effort(options.rounds, options.turn, limit=options.limit, cpu=options.cpu)
    contests = suites()
    needs = {need for suite in contests.values() for peer in suite.peers.values() for need in peer.needs}
    about: dict[str, Any] = machine.surroundings(removed, options.threads)
    about |= {"cpus": there, "versions": machine.versions(needs), "effort": effort._asdict()}
    titles = {name: suite.title for name, suite in contests.items()} | OTHERS
    print("\n".join(report.machine_lines(about)))
    if absent := sorted(need for need in needs if machine.lacking([need])):
        print(f"not installed, and left out: {', '.join(absent)}")
    files, begin = Files(options, about), perf_counter()
    results: list[report.Result] = []
    failed: list[str] = []
    try:
        for name, measured in measurements(options, effort):
            print(f"-- {name}", file=sys.stderr, flush=True)
            try:
                found = measured()
            except Exception as error:
                failed.append(name)
                print(f"{name}: failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                continue
            results += found
            print("\n".join(map(report.text, found)), flush=True)
            files.write(results, titles)
    except KeyboardInterrupt:
        print("interrupted; what was done is kept", file=sys.stderr)
        files.write(results, titles)
        sys.exit(130)
    print(f"done in {perf_counter() - begin:.0f} s", file=sys.stderr)
    if failed:
        sys.exit(f"failed: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
