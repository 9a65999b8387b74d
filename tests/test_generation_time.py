"""What generation may cost, without a clock: what is imported, and how often dear functions are called."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sympy import Min
from sympy.functions.elementary.miscellaneous import MinMaxBase

import derive.replay as replays
from derive import Architecture, generate
from derive.calculus import derivation, normal_form
from derive.printers import reading
from derive.program import lowering, scalar_functions
from derive.proof import prove
from derive.remembered import forget
from derive.replay import rules
from derive.theorems import lemma1
from derive.verification import expected, interpreter

ROOT = Path(__file__).parents[1]


SLOW = {"jinja2", "numpy", "pydantic", "rich", "sympy"}


def imported(code: str) -> set[str]:
    """Return which of the slow libraries a fresh interpreter has imported after some code."""
    show = f"import sys; print(*({SLOW} & set(sys.modules)))"
    command = [sys.executable, "-c", f"{code}\n{show}"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(found.stdout.split("\n")[-2].split())


@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), (["generate", "--help"], 0), (["prove"], 2)])
def test_help_and_what_is_wrong_import_nothing_slow(words: list[str], status: int) -> None:
    code = f"""
import sys
sys.argv = ["derive", *{words}]
from derive.cli import main
try:
    main()
except SystemExit as stop:
    assert stop.code == {status}
"""
    assert imported(code) == set()


def test_the_package_imports_sympy_when_something_of_it_is_asked_for() -> None:
    assert imported("import derive; dir(derive)") == set()
    assert "sympy" in imported("from derive import Architecture")


def test_a_package_is_generated_without_numpy() -> None:
    assert "numpy" not in imported("from derive import generate; generate('2-1')")


def test_names_that_are_modules_too_are_the_functions() -> None:
    code = """
import derive.generate, derive.latex_document
from derive.generate import generate
from derive.latex_document import latex_document
assert derive.generate is generate and derive.latex_document is latex_document
import derive
assert derive.generate is generate
try:
    derive.nothing
except AttributeError as error:
    print(error)
else:
    raise SystemExit(1)
"""
    assert "sympy" in imported(code)


PRINTING = {"expressions lowered", "expressions printed"}


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count calls of what generation spends its time in; what a process proves once is proved before."""
    generate("3-2-1")
    counted: Counter[str] = Counter()

    def counting(place: Any, name: str, label: str) -> None:
        original: Callable[..., Any] = getattr(place, name)

        def call(*given: Any, **named: Any) -> Any:
            counted[label] += 1
            return original(*given, **named)

        monkeypatch.setattr(place, name, call)

    counting(normal_form, "_flatten", "terms flattened")
    counting(expected, "normal_form", "normal forms of values")
    counting(interpreter.Interpreter, "_statement", "statements")
    counting(rules, "depends", "questions of dependence")
    counting(replays, "check_step", "steps replayed")
    counting(derivation.Deriving, "step", "steps derived")
    counting(lowering.Lowering, "_emit", "expressions lowered")
    counting(reading, "index_names", "expressions printed")
    return counted


def chain(depth: int, width: int) -> Architecture:
    return Architecture((width + 1, *(width + 2 for _ in range(depth - 2)), width + 3))


def counts(work: Counter[str], architecture: Architecture) -> Counter[str]:
    forget()
    work.clear()
    generate(architecture)
    return Counter(work)


def test_the_work_grows_no_faster_than_the_depth(work: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lemma1, "MAX_UNROLLED_DEPTH", 1)  # quadratic, therefore for few layers only
    once, twice = counts(work, chain(8, 20)), counts(work, chain(16, 20))
    assert set(once) == set(twice) >= {"terms flattened", "normal forms of values", "statements", *PRINTING}
    for what, count in once.items():
        assert twice[what] < 2.1 * count, what
    assert twice["statements"] == once["statements"]  # what is alike from layer to layer is read once
    assert twice["normal forms of values"] < 1.5 * once["normal forms of values"]


def test_what_holds_at_any_layer_is_derived_and_replayed_once(work: Counter[str]) -> None:
    shallow, deep = (counts(work, chain(depth, 20)) for depth in (8, 16))
    for what in ("steps replayed", "steps derived"):
        assert 0 < deep[what] == shallow[what], what
    assert shallow["steps replayed"] < 120
    assert shallow["steps derived"] < 400


def test_the_work_does_not_depend_on_the_width(work: Counter[str]) -> None:
    narrow, wide = counts(work, chain(4, 50)), counts(work, chain(4, 5000))
    assert narrow == wide


def test_the_scalars_of_a_neuron_ask_sympy_for_no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()
    original = MinMaxBase._is_connected

    def compare(*given: Any) -> Any:
        asked["comparisons"] += 1
        return original(*given)

    monkeypatch.setattr(MinMaxBase, "_is_connected", classmethod(lambda cls, *given: compare(*given)))
    for text in ("2-3-2", "2-9-2"):
        proof = prove(Architecture.parse(text), brute_force=False)
        asked.clear()
        assert sum(item.value.has(Min) for item in scalar_functions.scalar_functions(proof).gradient) >= 5
        assert not asked
