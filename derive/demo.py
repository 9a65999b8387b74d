"""The article's example from end to end: proved, emitted, trained, drawn."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from derive import article, show
from derive.architecture import Architecture
from derive.generate import generate, write
from derive.network import Network
from derive.proof import prove
from derive.stages import Stages

LM_GOAL = 1e-7  # on the scale of the sum of squares


def run(directory: Path, steps: int, console: Console, stages: Stages) -> None:
    """Do it all and say so; pictures need the extra ``plots``.

    Raises:
        UserError: if ``directory`` cannot be written.
    """
    architecture = Architecture.parse(article.ARCHITECTURE)
    proof = prove(architecture, stages=stages)
    show.show_theorem(console, Network())
    show.show_steps(console, Network())
    show.show_verdicts(console, proof)
    with stages("generate"):
        folder = write(generate(proof), directory)
    console.print(f"\nEmitted {folder}; it needs NumPy alone and checks itself:", highlight=False)
    console.print(f"  cd {directory} && python -m {folder.name}\n", highlight=False)
    net = _load(folder)
    results = {}
    with stages("train"):
        for name, total, train in _methods(net, steps):
            results[name] = _watched(console, name, total, train)
    console.print(_table(net, results))
    with stages("draw"):
        _draw(net, architecture, {name: result for name, (result, _) in results.items()}, directory, console)


def _load(folder: Path) -> ModuleType:
    """Import the package that was just written, leaving no trace among the imported modules."""
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == folder.name}
    for name in before:
        del sys.modules[name]
    sys.path.insert(0, str(folder.parent.resolve()))
    try:
        importlib.invalidate_caches()
        return importlib.import_module(folder.name)
    finally:
        sys.path.pop(0)
        for name in [name for name in sys.modules if name.split(".")[0] == folder.name]:
            del sys.modules[name]
        sys.modules.update(before)


def _methods(net: ModuleType, steps: int) -> list[tuple[str, int, Callable[[Any], Any]]]:
    data = article.START, article.X, article.Y
    order = article.sample_order(steps)
    goal = LM_GOAL / (2 * len(article.X))
    every = max(1, steps // 1000)

    def stochastic(callback: Any) -> Any:
        return net.sgd(*data, eta=article.LEARNING_RATE, indices=order, record_every=every, callback=callback)

    def marquardt(callback: Any) -> Any:
        return net.levenberg_marquardt(*data, goal=goal, callback=callback)

    return [("SGD", steps, stochastic), ("Levenberg-Marquardt", 200, marquardt)]


def _watched(console: Console, name: str, total: int, train: Callable[[Any], Any]) -> tuple[Any, float]:
    """Train behind a progress bar; Ctrl-C ends the training, not the demo."""
    columns = (TextColumn("{task.description:20s}"), BarColumn(), TextColumn("cost {task.fields[cost]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task(name, total=total, cost="")

        def callback(step: int, p: Any, cost: float) -> None:
            progress.update(task, completed=step, cost=f"{cost:.3e}")

        start = perf_counter()
        result = train(callback)
        seconds = perf_counter() - start
        progress.update(task, total=result.steps, completed=result.steps)
    return result, seconds


def _table(net: ModuleType, results: dict[str, tuple[Any, float]]) -> Table:
    scale = 2 * len(article.X)
    table = Table(
        title="From the article's own starting point", box=box.SIMPLE, pad_edge=False, collapse_padding=True
    )
    widths = {"method": 19, "steps": 9, "Cost (0.4)": 10, "sum of squares": 10, "seconds": 7, "stopped by": 9}
    for heading, width in widths.items():
        words = heading in ("method", "stopped by")
        table.add_column(heading, justify="left" if words else "right", min_width=width)
    start = net.cost(article.START, article.X, article.Y)
    table.add_row("start", "0", f"{start:.4e}", f"{scale * start:.4e}", "", "")
    for name, (result, seconds) in results.items():
        cost = result.cost
        row = (f"{result.steps:,}", f"{cost:.4e}", f"{scale * cost:.4e}", f"{seconds:.3f}")
        table.add_row(name, *row, result.reason.name.lower())
    return table


def _draw(
    net: ModuleType, architecture: Architecture, results: dict[str, Any], directory: Path, console: Console
) -> None:
    try:
        from derive import pictures
    except ImportError:
        console.print("For the pictures: pip install 'backproof\\[plots]', then run this again.")
        return
    scale = 2 * len(article.X)
    trained = {name: result.p for name, result in results.items()}
    outputs = {
        f"{name}: F\N{SUBSCRIPT ONE} = F\N{SUBSCRIPT TWO}": lambda points, p=p: net.forward(p, points)
        for name, p in trained.items()
    }
    histories = {
        name: [(step, scale * cost) for step, cost, *_ in result.history] for name, result in results.items()
    }
    files = [directory / f"{name}.png" for name in ("boundary", "cost", "network")]
    pictures.draw_boundary(outputs, article.X, article.Y, files[0])
    pictures.draw_costs(histories, files[1])
    blocks = [np.asarray(block) for block in net.unpack(trained["SGD"])]
    pictures.draw_network(architecture, [block for block in blocks if block.ndim > 1], files[2])
    console.print(f"Pictures: {', '.join(str(file) for file in files)}")
