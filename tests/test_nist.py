"""NIST's certified problems: both starts, and no setting for a problem of its own."""

from __future__ import annotations

import importlib
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nist import MODELS, Model

from derive import Architecture
from derive.generate import generate, write

QUICK = ("Misra1a", "BoxBOD", "Rat42")  # two packages; the others are written for the slow tests only
SHORT = {("Lanczos3", 1, "nielsen")}  # of the parameters six digits only
each_problem = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in MODELS]
)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return partial(_imported, tmp_path_factory.mktemp("packages"), {})


def _imported(folder: Path, made: dict[Architecture, Any], model: Model) -> Any:
    architecture = Architecture.parse(model.architecture, own=model.own)
    if architecture not in made:
        name = write(generate(architecture), folder).name
        sys.path.insert(0, str(folder))
        try:
            importlib.invalidate_caches()
            made[architecture] = importlib.import_module(name)
        finally:
            sys.path.remove(str(folder))
    return made[architecture]


@pytest.mark.parametrize("name", MODELS)
def test_parameters_go_to_the_network_and_back(name: str) -> None:
    problem = MODELS[name].problem(name)
    for b in (*problem.starts, problem.b):
        there = np.array(MODELS[name].to_network(b), dtype=float)
        np.testing.assert_allclose(MODELS[name].to_nist(there), b, rtol=1e-12)


@each_problem
def test_network_is_the_model_for_it_has_the_certified_sum_of_squares(package: Any, name: str) -> None:
    model = MODELS[name]
    problem, net = model.problem(name), package(model)
    r = net.residual(model.to_network(problem.b), problem.X, problem.Y)
    # of Lanczos1, 14 digits without noise, the certified 11 digits of b leave more than their own sum
    assert r @ r == pytest.approx(problem.squares, rel=1e-9, abs=1e-20 if name == "Lanczos1" else 0)
    b = problem.b * (1 + 1e-3 * np.resize([1, -1], len(problem.b)))
    r = net.residual(model.to_network(b), problem.X, problem.Y)
    assert r @ r > problem.squares + problem.resolved  # it is a minimum of this network's


@pytest.mark.parametrize("damping", ["marquardt", "nielsen"])
@pytest.mark.parametrize("start", [0, 1])
@each_problem
def test_certified_answers_are_found_from_both_starts_without_any_setting(
    package: Any, name: str, start: int, damping: str
) -> None:
    model = MODELS[name]
    problem, net = model.problem(name), package(model)
    p = model.to_network(problem.starts[start])
    result = net.levenberg_marquardt(p, problem.X, problem.Y, steps=2000, damping=damping)
    r = net.residual(result.p, problem.X, problem.Y)
    right = abs(r @ r - problem.squares) <= problem.resolved
    assert right
    digits = 1e-6 if (name, start, damping) in SHORT else 1e-7
    np.testing.assert_allclose(model.to_nist(result.p), problem.b, rtol=digits)
    assert result.success == (name != "Lanczos1"), result.message  # whose certified sum is rounding
