"""The comparison with other libraries: nothing is timed that takes another step or waits for ever."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from derive import generate, write

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def peers() -> Any:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module("lm_peers")
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def small(peers: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("peers")
    package = generate("3-4:tanh-1:linear", extras=("products",))
    given = str(folder), write(package, folder).name, 60
    assert {"ms", "bare", "peak", "idle"} <= peers.alone("ours", *given, limit=60, threads=1).keys()
    return given


@pytest.mark.slow
@pytest.mark.parametrize("which", ["lsmr", "scipy-lm", "jax"])
def test_a_peer_is_timed_only_if_it_takes_the_emitted_step(peers: Any, small: Any, which: str) -> None:
    if peers.lacking(peers.PEERS[which]):
        pytest.skip(f"{which} is not installed")
    found = peers.alone(which, *small, limit=100, threads=1)
    assert found["off"] <= peers.PEERS[which].tolerance
    assert 0 < found["idle"] <= found["peak"]
    if which == "scipy-lm":  # which is compared with what it may choose, not with the emitted step
        return
    moved = Path(small[0], small[1] + ".npy")
    right = np.load(moved)
    np.save(moved, right + 1e-2)
    try:
        found = peers.alone(which, *small, limit=100, threads=1)
    finally:
        np.save(moved, right)
    assert found["problem"].startswith("not timed: its step is")


def test_a_step_that_is_none_of_levenbergs_is_told_from_one_for_some_damping(peers: Any, small: Any) -> None:
    task = peers.task_of(*small)
    J, r = task.net.jacobian(task.p, task.X), task.net.residual(task.p, task.X, task.Y)
    h = np.linalg.solve(J.T @ J + 0.37 * np.eye(task.p.size), J.T @ r)
    assert peers.apart_from_any(task, h) < 1e-12
    scaled = np.linalg.solve(J.T @ J + 0.37 * np.diag(np.diagonal(J.T @ J)), J.T @ r)
    assert peers.apart_from_any(task, scaled) > 1e-3


def test_a_measurement_has_a_time_limit(peers: Any, small: Any) -> None:
    assert peers.alone("ours", *small, limit=0.01, threads=1) == {"problem": "not done within 0 s"}


def test_a_failure_is_a_line_and_not_an_end(peers: Any, small: Any) -> None:
    found = peers.alone("ours", small[0], "no_such_package", 60, limit=60, threads=1)
    assert found["problem"].startswith("failed, status 1: ModuleNotFoundError")


def test_a_peer_that_is_not_installed_is_named(peers: Any) -> None:
    assert peers.lacking(peers.Peer(peers.with_jax, ("numpy", "no-such-library"), 0)) == "no-such-library"


@pytest.mark.parametrize("script", ["lm_peers.py", "lm_problems.py"])
def test_rows_that_do_not_exist_are_refused(script: str) -> None:
    command = [sys.executable, str(BENCHMARKS / script), "17"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode
    assert "expected rows of 0 1 2 3 4" in done.stderr
    assert "Traceback" not in done.stderr
