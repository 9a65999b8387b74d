"""Results as text, as Markdown, as JSON and as a plot."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Result = dict[str, Any]
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))
BASE = "emitted"  # whose figure is 1
HELD = (("peak", 8), ("idle", 6))  # megabytes of a process, at most and before it began
NO_PEERS = ("bare", "a gradient", "step, five rejections", "liveness")  # measures, not ways to do the work


def amount(entry: Result) -> float | None:
    """Return the figure of an entry: seconds or bytes; None where it has none."""
    found = entry.get("median", entry.get("bytes"))
    return None if found is None else float(found)


def unit(result: Result) -> tuple[float, str]:
    """Return the unit in which the figures of a row are easy to read, by the least of them."""
    if any("bytes" in entry for entry in result["entries"].values()):
        return 1e6, "MB"
    found = [value for value in map(amount, result["entries"].values()) if value]
    least = min(found, default=1.0)
    return next((pair for pair in UNITS if least >= pair[0] / 20), UNITS[-1])


def number(value: float) -> str:
    """Return three digits of a number, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}".rstrip(".")


def ratio(result: Result, entry: Result) -> str:
    """Return a figure as a multiple of the emitted one."""
    base, value = amount(result["entries"].get(BASE, {})), amount(entry)
    return "" if not base or value is None else f"{value / base:.2f}"


def fastest(result: Result) -> str:
    """Return the name of the best of those that do the work, where they do the same."""
    if BASE not in result["entries"]:
        return ""
    found = {k: amount(v) for k, v in result["entries"].items() if k not in NO_PEERS and amount(v)}
    return min(found, key=lambda name: found[name] or 0.0, default="")


# -- text --------------------------------------------------------------------------------------------------


def machine_lines(about: Result) -> list[str]:
    """Return what the figures depend on, in words."""
    removed = ", ".join(f"{name}={value}" for name, value in about["pins_removed"].items())
    pins = ", ".join(f"{name}={value}" for name, value in about["pins"].items())
    bound = f"bound to {about['bound_to']} of them" if about["bound_to"] else "not bound"
    clock = "processor time" if about.get("effort", {}).get("cpu") else "wall-clock time"
    return [
        f"{about['cpu']}, {about['cpus']} processors, {bound}; {about['system']}; {clock}",
        f"Python {about['python']}, NumPy {about['numpy']}; BLAS: {about['blas']}",
        f"pins in the environment: {pins or 'none'}; removed before measuring: {removed or 'none'}",
        "peers: " + (", ".join(f"{k} {v}" for k, v in about.get("versions", {}).items()) or "none"),
    ]


def text(result: Result) -> str:
    """Return a row as a table for the terminal."""
    scale, name = unit(result)
    lines = [f"\n{result['suite']}: {result['work']}"]
    heads = f"{name:>9s}  {'quartiles':>19s} {'/emitted':>9s} {'peak MB':>8s} {'idle':>6s}  agrees to"
    lines.append(f"  {'':21s} {heads}")
    for peer, entry in result["entries"].items():
        value = amount(entry)
        if value is None:
            lines.append(f"  {peer:21s} {entry.get('problem', 'no figure')}")
            continue
        low, high = entry.get("low", value), entry.get("high", value)
        between = "" if low == high else f"{number(low / scale)} to {number(high / scale)}"
        off = f"{entry['off']:.0e}" if "off" in entry else ""
        held = "".join(f" {entry[key]:{width}.0f}" if key in entry else "" for key, width in HELD)
        rest = f"{ratio(result, entry):>9s}{held}  {off:9s}{' (a single call)' * ('only' in entry)}"
        lines.append(f"  {peer:21s} {number(value / scale):>9s}  {between:>19s} {rest}".rstrip())
    return "\n".join(lines)


# -- Markdown ----------------------------------------------------------------------------------------------


def markdown(about: Result, results: list[Result], titles: dict[str, str], plot: str = "") -> str:
    """Return all results: what they depend on, a table for each suite, and what is not in it."""
    parts = ["\n".join(f"- {line}" for line in machine_lines(about))]
    if plot:
        parts.append(f"![Times relative to the emitted code]({plot})")
    for suite, title in titles.items():
        rows = [result for result in results if result["suite"] == suite]
        if rows:
            parts += [f"### {title}", _table(rows), *_notes(rows)]
    return "\n\n".join(parts) + "\n"


def _table(rows: list[Result]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row["entries"]))
    timed = [n for n in names if any(amount(row["entries"].get(n, {})) is not None for row in rows)]
    heads = [f"{row['work']}, {unit(row)[1]}" for row in rows]
    lines = [f"| | {' | '.join(heads)} |", f"| --- {'| --- ' * len(rows)}|"]
    for name in timed:
        lines.append(f"| {name} | {' | '.join(_cell(row, name) for row in rows)} |")
    return "\n".join(lines)


def _cell(row: Result, name: str) -> str:
    entry, (scale, _) = row["entries"].get(name, {}), unit(row)
    value = amount(entry)
    if value is None:
        return "–"
    shown = f"**{number(value / scale)}**" if name == fastest(row) else number(value / scale)
    low, high = entry.get("low", value), entry.get("high", value)
    if low != high:
        shown += f" ({number(low / scale)}–{number(high / scale)})"
    relative = ratio(row, entry)
    return f"{shown}; {relative}" if relative and name != BASE else shown


def _notes(rows: list[Result]) -> Iterable[str]:
    """Say once what is the matter with a peer, and of which rows it is said."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for name, entry in row["entries"].items():
            if "problem" in entry:
                found.setdefault((name, entry["problem"]), []).append(row["work"])
    notes = []
    for (name, problem), works in found.items():
        where = "" if len(works) == len(rows) else f" ({'; '.join(works)})"
        notes.append(f"- {name}{where}: {problem}")
    if notes:
        yield "Not timed:\n\n" + "\n".join(notes)


def put_in_page(page: Path, content: str) -> None:
    """Replace what stands between the two markers of a page.

    Raises:
        ValueError: if the page does not have both markers, in order.
    """
    old = page.read_text(encoding="utf-8")
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"expected {BEGIN} and then {END} in {page}")
    page.write_text(f"{before}{BEGIN}\n\n{content}\n{END}{after}", encoding="utf-8")


# -- files -------------------------------------------------------------------------------------------------


def as_json(about: Result, results: list[Result]) -> str:
    """Return everything that was found; times are in seconds, memory of a process in megabytes."""
    return json.dumps({"machine": about, "results": results}, indent=1) + "\n"


def draw(results: list[Result], path: Path) -> None:
    """Draw a panel for each row: medians with quartiles on a logarithmic axis, and a line at the emitted one.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = [row for row in results if any("median" in entry for entry in row["entries"].values())]
    if not rows:
        return
    columns = min(3, len(rows))
    depth = -(-len(rows) // columns)
    most = max(len(row["entries"]) for row in rows)
    with mpl.rc_context({"svg.hashsalt": "benchmarks", "font.size": 8}):
        figure = Figure(figsize=(4 * columns, depth * (0.9 + 0.18 * most)), layout="constrained")
        axes = figure.subplots(depth, columns, squeeze=False).ravel()
        for panel, row in zip(axes, rows, strict=False):
            _panel(panel, row)
        for panel in axes[len(rows) :]:
            panel.set_axis_off()
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _panel(panel: Any, row: Result) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    scale, name = unit(row)
    timed = {peer: entry for peer, entry in row["entries"].items() if "median" in entry}
    for position, (peer, entry) in enumerate(timed.items()):
        low, middle, high = (entry[key] / scale for key in ("low", "median", "high"))
        colour = "tab:red" if peer.startswith(BASE) else "0.6" if peer in NO_PEERS else "tab:blue"
        panel.plot([low, high], [position, position], color=colour)
        panel.plot(middle, position, "o", color=colour, markersize=4)
    if BASE in timed:
        panel.axvline(timed[BASE]["median"] / scale, color="tab:red", linewidth=0.6)
    panel.set_yticks(range(len(timed)), [peer if len(peer) < 30 else f"{peer[:27]}..." for peer in timed])
    panel.invert_yaxis()
    panel.set_xscale("log")
    low, high = panel.get_xlim()
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 30 * low else (1,)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_xlabel(name)
    panel.set_title("\n".join(textwrap.wrap(f"{row['suite']}: {row['work']}", 36)), fontsize=8)
