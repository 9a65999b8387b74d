"""The benchmark suite: nothing is timed that is not right, and figures say what they were measured with."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
PACKAGE = ROOT / "generated" / "sigmoid_2_2_3_2"


@pytest.fixture(scope="module")
def suite() -> Iterator[Any]:
    """The modules of benchmarks/, which import each other by their bare names."""
    before = set(sys.modules)
    sys.path.insert(0, str(BENCHMARKS))
    names = (
        "contest",
        "gradient",
        "lm",
        "machine",
        "memory",
        "networks",
        "report",
        "run",
        "sgd",
        "timing",
    )
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    finally:
        sys.path.remove(str(BENCHMARKS))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
                del sys.modules[name]


def quickly(suite: Any) -> Any:
    return suite.contest.Effort(rounds=3, turn=0.001, limit=60, pause=0.0)


# -- who is timed ------------------------------------------------------------------------------------------

PEERS = '''
"""Peers of every kind, good and bad."""
import os
import time
import numpy as np
from contest import Contender, Peer, Suite
from networks import Row

def giving(value):
    return lambda task: Contender(lambda: value, value=lambda: value)

def raising(task):
    raise ValueError("no such thing\\nat all")

def unwilling(task):
    raise NotImplementedError("not for two layers")

def waiting(task):
    time.sleep(600)

def dying(task):
    os.write(2, b"out of luck")
    os._exit(3)

def worn_out(task):
    calls = []
    def call():
        calls.append(1)
        if len(calls) > 2:
            raise ArithmeticError("tired")
        return RIGHT
    return Contender(call, value=call)

def printing(task):
    print("a library's chatter")
    return Contender(lambda: RIGHT, value=lambda: RIGHT)

RIGHT = np.array([1.0, 2.0])
PEERS = {
    "measure": Peer(lambda task: Contender(lambda: None), "math"),
    "off": Peer(giving(RIGHT + 1e-6), "math"),
    "right": Peer(giving(RIGHT), "math"),
    "half": Peer(giving(RIGHT[:1]), "math"),
    "not a number": Peer(giving(RIGHT * np.nan), "math"),
    "loose": Peer(giving(RIGHT + 1e-6), "math", tolerance=1e-3),
    "by its own check": Peer(giving(RIGHT), "math", check=lambda task, value: 0.5),
    "raising": Peer(raising, "math"),
    "unwilling": Peer(unwilling, "math"),
    "printing": Peer(printing, "math"),
    "worn out": Peer(worn_out, "math#worn"),
    "dying": Peer(dying, "math#dying"),
    "waiting": Peer(waiting, "math#waiting"),
    "absent": Peer(raising, "no_such_library", ("no-such-library",)),
    "broken": Peer(raising, "no_such_module"),
}
ROW = Row("2-2-3-2", 5)
SUITES = {"trial": Suite("trial", __name__, "A trial", PEERS, (ROW,), (), "right")}
'''


@pytest.fixture(scope="module")
def trial(suite: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModuleType, Any]]:
    """A suite of made-up peers, and what comes of measuring it; only one is made to wait for its limit."""
    folder = tmp_path_factory.mktemp("peers")
    (folder / "made_up_peers.py").write_text(PEERS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        module = importlib.import_module("made_up_peers")
        given = suite.networks.Given(str(PACKAGE.parent), PACKAGE.name, ("sigmoid",) * 3, 5)
        patch.setattr(suite.contest, "emit", lambda *_: given)
        rest = [name for name in module.PEERS if name != "waiting"]
        found = suite.contest.measure(module.SUITES["trial"], module.ROW, rest, quickly(suite))
        late = suite.contest.Effort(rounds=3, turn=0.001, limit=3, pause=0.0)
        found["entries"] |= suite.contest.measure(
            module.SUITES["trial"], module.ROW, ["right", "waiting"], late
        )["entries"]
        yield module, found
        del sys.modules["made_up_peers"]


@pytest.mark.parametrize("name", ["measure", "right", "loose", "printing"])
def test_a_peer_that_agrees_is_timed(trial: Any, name: str) -> None:
    entry = trial[1]["entries"][name]
    assert 0 < entry["low"] <= entry["median"] <= entry["high"]
    assert entry["rounds"] == 3
    assert "problem" not in entry


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("off", "not timed: it is 6.3e-07 from right"),
        ("half", "not timed: it is inf from right"),
        ("not a number", "not timed: it is inf from right"),
        ("by its own check", "not timed: it is 5.0e-01 from right"),
        ("raising", "ValueError: no such thing at all"),
        ("unwilling", "not for two layers"),
        ("worn out", "ArithmeticError: tired"),
        ("dying", "failed, status 3: out of luck"),
        ("waiting", "not done within 3 s"),
        ("absent", "no-such-library is not installed"),
        ("broken", "failed, status 1: ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_a_peer_that_disagrees_or_fails_is_said_to_and_not_timed(trial: Any, name: str, said: str) -> None:
    assert trial[1]["entries"][name] == {"problem": said}


def test_without_a_right_value_nobody_is_timed(suite: Any, trial: Any) -> None:
    one = trial[0].SUITES["trial"]
    said = {"value": np.ones(2), "first": 0.0, "idle": 0.0, "peak": 0.0}
    assert suite.contest.judged(one, "loose", said, []) == {
        "problem": "not timed: there is no right to compare it with"
    }


def spoiled(folder: Path) -> None:
    """Copy the checked-in package with one sign of its gradient turned."""
    package = folder / "spoiled_2_2_3_2"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    path = package / "gradient.py"
    text = path.read_text(encoding="utf-8")
    assert text.count("np.subtract(a4, Y, d4)") == 1
    path.write_text(text.replace("np.subtract(a4, Y, d4)", "np.subtract(Y, a4, d4)"), encoding="utf-8")


def test_an_emitted_gradient_that_is_wrong_is_not_timed(
    suite: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiled(tmp_path)
    found = {}
    for folder, name in ((PACKAGE.parent, PACKAGE.name), (tmp_path, "spoiled_2_2_3_2")):
        given = suite.networks.Given(str(folder), name, ("sigmoid",) * 3, 10)
        monkeypatch.setattr(suite.contest, "emit", lambda *_, given=given: given)
        one = suite.gradient.SUITES["gradient"]
        entries = suite.contest.measure(one, one.quick[3], ["emitted", "plain NumPy"], quickly(suite))[
            "entries"
        ]
        assert entries["plain NumPy"]["median"] > 0
        found[name] = entries["emitted"]
    assert found[PACKAGE.name]["median"] > 0
    assert found["spoiled_2_2_3_2"] == {"problem": "not timed: it is 2.0e+00 from plain NumPy"}


# -- suites ------------------------------------------------------------------------------------------------


def given_small(suite: Any, samples: int) -> Any:
    return suite.networks.task_of(
        suite.networks.Given(str(PACKAGE.parent), PACKAGE.name, ("sigmoid",) * 3, samples)
    )


@pytest.fixture
def small(suite: Any) -> Iterator[Any]:
    before = list(sys.path), set(sys.modules)
    yield given_small(suite, 10)
    sys.path[:] = before[0]
    for name in set(sys.modules) - before[1]:
        if name.startswith(PACKAGE.name):
            del sys.modules[name]


def test_a_step_that_is_none_of_levenbergs_is_told_from_one_for_some_damping(suite: Any, small: Any) -> None:
    J, r = small.net.jacobian(small.p, small.X), small.net.residual(small.p, small.X, small.Y)
    h = np.linalg.solve(J.T @ J + 0.37 * np.eye(small.p.size), J.T @ r)
    assert suite.lm.apart_from_any(small, small.p + h) < 1e-10
    scaled = np.linalg.solve(J.T @ J + 0.37 * np.diag(np.diagonal(J.T @ J)), J.T @ r)
    assert suite.lm.apart_from_any(small, small.p + scaled) > 1e-3


def test_the_step_written_by_hand_solves_its_equations(suite: Any, small: Any) -> None:
    h = suite.lm.plain(small).value() - small.p
    J, r = small.net.jacobian(small.p, small.X), small.net.residual(small.p, small.X, small.Y)
    np.testing.assert_allclose(J.T @ (r - J @ h), suite.lm.MU * h, atol=1e-12)


def test_every_peer_of_a_suite_has_a_library_and_a_name_for_it(suite: Any) -> None:
    for one in suite.run.suites().values():
        assert one.reference in one.peers
        for peer in one.peers.values():
            library = peer.library.partition("#")[0]
            assert library in {"numpy", "math", "ctypes"} or library in peer.needs


@pytest.mark.parametrize("sizes", [(2, 2, 3, 2), (8, 32, 32, 1), (784, 1000, 1000, 10), (5, 3), (2, 3, 4)])
def test_what_liveness_needs_is_what_a_schedule_holds(suite: Any, sizes: tuple[int, ...]) -> None:
    alive: dict[str, int] = {}
    most = 0
    for layer in range(2, len(sizes) + 1):
        alive[f"a{layer}"] = sizes[layer - 1]
        most = max(most, sum(alive.values()))
    alive["d"] = alive.pop(f"a{len(sizes)}")  # elementwise, in place
    for layer in range(len(sizes) - 1, 1, -1):
        most = max(most, sum(alive.values()) + sizes[layer - 1])  # the product, beside its operands
        alive["d"] = sizes[layer - 1]
        del alive[f"a{layer}"]
    assert suite.memory.needed(sizes, 7, 11) == 8 * (7 * most + 11)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gradient", "forward", "sgd", "lm"])
def test_every_peer_that_is_installed_agrees(suite: Any, name: str) -> None:
    one = suite.run.suites()[name]
    row = next(row for row in one.quick if row.network == "2-2-3-2")
    effort = suite.contest.Effort(rounds=1, turn=0.001, limit=300, pause=0.0)
    entries = suite.contest.measure(one, row, one.peers, effort)["entries"]
    problems = {name: entry["problem"] for name, entry in entries.items() if "problem" in entry}
    assert not [said for said in problems.values() if "installed" not in said and "target" not in said]


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
