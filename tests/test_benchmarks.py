"""The benchmark suite: nothing is timed that is not right, and figures say what they were measured with."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
PACKAGE = ROOT / "generated" / "sigmoid_2_2_3_2"


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
