"""Settings that every test shares."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings

from derive.program import robust as robust_programs
from derive.remembered import forget
from derive.theorems.curved_trials import curved_trials
from derive.theorems.evidence import evidence
from derive.theorems.layer_scaling import layer_scaling
from derive.theorems.matrix_free import matrix_free
from derive.theorems.robust import require_robust
from derive.theorems.scaled_step import scaled_step
from derive.theorems.trials import trials
from derive.theorems.weighted_step import weighted_step

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

settings.register_profile("deterministic", derandomize=True, deadline=None, database=None)
settings.load_profile("deterministic")

PROGRAMS = (
    robust_programs.computed_factor,
    robust_programs.computed_objective,
    robust_programs.robust_routines,
)
KEPT = (
    curved_trials,
    evidence,
    matrix_free,
    require_robust,
    scaled_step,
    layer_scaling,
    trials,
    weighted_step,
    *PROGRAMS,
)


@pytest.fixture(autouse=True)
def _nothing_is_kept_of_what_a_test_breaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Derive theorems anew before and after a test that may put something wrong in the engine's place."""
    breaks = "monkeypatch" in request.fixturenames
    if breaks:
        forget_all()
    yield
    if breaks:
        forget_all()


def forget_all() -> None:
    """Forget every answer and theorem that is kept."""
    forget()
    for function in KEPT:
        function.cache_clear()


GENERATED = {path.name for path in (Path(__file__).parents[1] / "generated").iterdir()}


@pytest.fixture(autouse=True)
def _checked_in_packages_stay_the_ones_that_were_imported() -> Iterator[None]:
    """Put back what a test takes out of ``sys.modules``, where other packages have the same name."""
    known = {name: module for name, module in sys.modules.items() if name.split(".")[0] in GENERATED}
    yield
    sys.modules.update(known)


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
