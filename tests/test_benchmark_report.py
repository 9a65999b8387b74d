"""The benchmark suite: figures say what they were measured with, and what was measured is not lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
PACKAGE = ROOT / "generated" / "sigmoid_2_2_3_2"


def quickly(suite: Any) -> Any:
    return suite.contest.Effort(rounds=3, turn=0.001, limit=60, pause=0.0)


# -- clocks ------------------------------------------------------------------------------------------------


def test_the_spread_is_the_median_with_its_quartiles(suite: Any) -> None:
    times = list(np.random.default_rng(0).random(12))
    found = suite.timing.spread(times)
    np.testing.assert_allclose(found[:3], np.quantile(times, [0.5, 0.25, 0.75]))
    assert suite.timing.spread([3.0]) == (3.0, 3.0, 3.0, 1)


def test_rows_of_generation_become_one_table(suite: Any) -> None:
    parts = {"import": 0.5, "prove": 1.0, "emit": 0.5}
    rows = [
        {"architecture": "--help", "whole": 0.3},
        {"architecture": "2-1", "layers": 2, "cost": "quadratic", "extras": "", "whole": 2.0, **parts},
        {
            "architecture": "-".join("4" * 50),
            "layers": 50,
            "cost": "huber",
            "extras": "",
            "whole": 9.0,
            **parts,
        },
    ]
    (found,) = suite.run._generation(lambda repeat, long: rows, True)
    assert list(found["entries"]) == ["--help", "2-1", "50 layers, 4-4-4-4-4-4-..."]
    table = suite.report.markdown(about(suite), [found], suite.run.OTHERS)
    assert "| 2-1 | 2.00 |" in table
    assert "**" not in table  # no contest


def test_all_have_their_turn_in_every_round_and_who_fails_has_no_more(suite: Any) -> None:
    turns: list[str] = []

    def taker(name: str, last: int) -> Any:
        def take() -> float:
            turns.append(name)
            if turns.count(name) > last:
                raise suite.timing.Failed("worn out")
            return float(len(turns))

        return take

    found, lost = suite.timing.interleaved(
        {name: taker(name, n) for name, n in (("a", 9), ("b", 1), ("c", 9))}, 4
    )
    assert "".join(turns) == "abccbaacca"
    assert set(found) == {"a", "c"}
    assert lost == {"b": "worn out"}


def test_rounds_end_with_the_budget_but_not_before_there_are_a_few(suite: Any) -> None:
    found, _ = suite.timing.interleaved({"a": lambda: 1.0}, 50, budget=0.0)
    assert found["a"].rounds == suite.timing.FEWEST


def test_calls_fill_a_turn(suite: Any) -> None:
    calls: list[int] = []
    assert suite.timing.calls_for(0.05, 1e-3) == 50
    assert suite.timing.calls_for(0.05, 7.0) == 1
    clock = iter([10.0, 14.0])
    assert suite.timing.turn(lambda: calls.append(1), 8, lambda: next(clock)) == 0.5
    assert len(calls) == 9  # one before the clock runs


# -- the machine -------------------------------------------------------------------------------------------

SHOW = (
    "import json, os, sys; sys.path.insert(0, sys.argv[1]); import machine; removed = machine.unpin();"
    "print(json.dumps([removed, machine.pins(os.environ.items()), sys.argv[2]]))"
)


def shown(code: str) -> Any:
    pinned = {"OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS", "OMP"))}
    command = [sys.executable, "-c", code, str(BENCHMARKS), "kept"]
    done = subprocess.run(command, env=clean | pinned, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_pins_are_removed_in_a_new_process_and_said() -> None:
    removed, there, argument = shown(SHOW)
    assert removed["OPENBLAS_CORETYPE"] == "Haswell"
    assert removed["OMP_NUM_THREADS"] == "1"
    assert there == {}
    assert argument == "kept"


def test_pins_would_be_there_if_they_were_not_removed() -> None:
    _, there, _ = shown(SHOW.replace("machine.unpin()", "{}"))
    assert {"OPENBLAS_CORETYPE", "OMP_NUM_THREADS"} <= there.keys()


def test_the_machine_is_described_with_pins_and_threads(suite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    about = suite.machine.surroundings({"OPENBLAS_CORETYPE": "Haswell"})
    said = "\n".join(suite.report.machine_lines(about))
    assert "OPENBLAS_NUM_THREADS=1" in said
    assert "removed before measuring: OPENBLAS_CORETYPE=Haswell" in said
    assert np.__version__ in said
    assert "threads" in said


def test_a_distribution_that_is_not_installed_is_named(suite: Any) -> None:
    assert suite.machine.lacking(("numpy", "no-such-library")) == "no-such-library"
    assert suite.machine.lacking(("numpy",)) == ""
    assert suite.machine.versions(["numpy", "no-such-library"]) == {"numpy": np.__version__}


# -- the report --------------------------------------------------------------------------------------------


def result(**medians: float) -> dict[str, Any]:
    entries: dict[str, Any] = {
        name: {"median": 1e-3 * ms, "low": 0.9e-3 * ms, "high": 1.2e-3 * ms} for name, ms in medians.items()
    }
    entries["absent"] = {"problem": "absent is not installed"}
    return {"suite": "gradient", "work": "2-2-3-2, 10 samples", "entries": entries}


def about(suite: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(("cpu", "system", "python", "numpy", "blas"), "x"),
        **{"cpus": 2, "bound_to": 0, "pins": {}, "pins_removed": {}},
    }


def test_a_row_that_a_peer_wins_stays_and_says_so(suite: Any) -> None:
    row = result(bare=0.1, emitted=0.4, jax=0.2)
    table = suite.report.markdown(about(suite), [row], {"gradient": "Gradients"})
    assert "| jax | **0.200** (0.180–0.240); 0.50 |" in table
    assert "| emitted | 0.400 (0.360–0.480) |" in table
    assert "| bare | 0.100 (0.0900–0.120); 0.25 |" in table
    assert "- absent: absent is not installed" in table
    assert "0.50" in suite.report.text(row)


@pytest.mark.parametrize(
    ("least", "unit"), [(2.0, "s"), (4e-2, "ms"), (6e-5, "ms"), (4e-5, "us"), (1e-7, "us")]
)
def test_units_fit_the_figures(suite: Any, least: float, unit: str) -> None:
    assert suite.report.unit({"entries": {"a": {"median": least}, "b": {"median": 30.0}}})[1] == unit


def test_only_what_lies_between_the_markers_of_a_page_is_replaced(suite: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{suite.report.BEGIN}\nold\n{suite.report.END}\nafter\n", encoding="utf-8")
    for content in ("new", "newer"):
        suite.report.put_in_page(page, content)
    lines = page.read_text(encoding="utf-8").split()
    assert "old" not in lines
    assert "new" not in lines
    assert [lines[0], lines[-1]] == ["before", "after"]
    page.write_text(f"{suite.report.END}{suite.report.BEGIN}", encoding="utf-8")
    with pytest.raises(ValueError, match="expected <!-- results: begin --> and then"):
        suite.report.put_in_page(page, "new")


def test_the_plot_is_the_same_to_the_byte(suite: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("one.svg", "two.svg"):
        suite.report.draw([result(bare=0.1, emitted=0.4)], tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


# -- the command -------------------------------------------------------------------------------------------


def test_an_interrupt_leaves_what_was_done(
    suite: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> Any:
        raise KeyboardInterrupt

    measured = [("one", lambda: [result(emitted=0.4)]), ("two", interrupted)]
    monkeypatch.setattr(suite.run, "measurements", lambda *_: iter(measured))
    monkeypatch.setattr(suite.machine, "unpin", dict)
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    with pytest.raises(SystemExit) as ended:
        suite.run.main(["--json", str(tmp_path / "found.json")])
    assert ended.value.code == 130
    assert len(json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["results"]) == 1
    assert "what was done is kept" in capsys.readouterr().err


def test_a_row_that_fails_is_said_and_the_others_are_measured(
    suite: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing() -> Any:
        raise ValueError("no package")

    measured = [("one", failing), ("two", lambda: [result(emitted=0.4)])]
    monkeypatch.setattr(suite.run, "measurements", lambda *_: iter(measured))
    monkeypatch.setattr(suite.machine, "unpin", dict)
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    with pytest.raises(SystemExit) as ended:
        suite.run.main(["--out", str(tmp_path)])
    assert ended.value.code == "failed: one"
    assert "one: failed: ValueError: no package" in capsys.readouterr().err
    assert "| emitted | **0.400** (0.360–0.480) |" in (tmp_path / "benchmarks.md").read_text(encoding="utf-8")


def test_peers_are_chosen_by_name_or_library_and_ours_are_always_there(suite: Any) -> None:
    one = suite.run.suites()["sgd"]
    ours = [name for name, peer in one.peers.items() if not peer.needs]
    assert suite.run.peers_of(one, ["none"]) == ours
    assert {"article's loop", "emitted"} <= set(ours)
    assert set(suite.run.peers_of(one, ["jax"])) - set(ours) == {"JAX scan", "JAX fori_loop", "JAX dispatch"}
    assert set(suite.run.peers_of(one, ["jax scan"])) - set(ours) == {"JAX scan"}
    assert suite.run.peers_of(one, None) == list(one.peers)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--only", "gradient,sideways"], "expected --only of gradient, forward"),
        (["--peers", "jax,fortran"], "expected --peers of "),
        (["--rounds", "0"], "expected at least one round"),
        (["--rows", "12"], "expected numbers of rows"),
        (["--page", "no-such-page.md"], "expected a page with the markers of results"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    suite: Any, given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        suite.run.main(given)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_problems_that_do_not_exist_are_refused() -> None:
    command = [sys.executable, str(BENCHMARKS / "lm_problems.py"), "17"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode
    assert "expected rows of 0 1 2 3 4" in done.stderr
    assert "Traceback" not in done.stderr
