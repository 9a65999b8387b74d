"""Runs that are remembered: what is asked must tell all that decides what a run does."""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

import pytest
from sympy import Integer

from derive import generate
from derive.quantities import N
from derive.theorems.levenberg_marquardt import h, v
from derive.verification.interpreter import Interpreter
from derive.verification.recall import Arrays, Recall, Untold
from derive.verification.source import Sources, read_source
from derive.verification.values import Held, Memory, Refusal, View, place
from derive.verification.verify import Verifier

NODE = ast.parse("def f(u, v): pass").body[0]
ONE, TWO, FOUR = Integer(1), Integer(2), Integer(4)


@cache
def package():
    return generate("2-3:tanh-1:linear")


def array(letter: Any, size: Integer = FOUR) -> View:
    held = {(Integer(0), size): Held(letter[place(0, size)], (size,))}
    return Memory(size, (), held).whole()


def asked(**names: Any) -> Any:
    assert isinstance(NODE, ast.FunctionDef)
    found = Recall().question(NODE, names)
    assert found is not None
    return found[0]


def test_the_same_arrays_are_the_same_question_whatever_memory_they_are_in() -> None:
    assert asked(u=array(v), n=N) == asked(u=array(v), n=N)


@pytest.mark.parametrize(
    "names",
    [
        {"u": array(v, TWO), "n": N},
        {"u": array(v).reshaped([TWO, TWO]), "n": N},
        {"u": array(v), "n": TWO},
        {"u": array(v)},
        {"u": array(v), "n": None},
        {"u": (array(v),), "n": N},
    ],
    ids=["size", "shape", "number", "names", "none", "tuple"],
)
def test_another_argument_is_another_question(names: dict[str, Any]) -> None:
    assert asked(**names) != asked(u=array(v), n=N)


def test_arrays_that_share_memory_are_told_from_those_that_do_not() -> None:
    one, other = array(v), array(v)
    assert asked(u=one, v=other) != asked(u=one, v=one)
    assert asked(u=one, v=one.reshaped([FOUR])) != asked(u=one, v=one)  # one object, or two of the same array


def test_what_an_array_is_meant_for_belongs_to_the_question() -> None:
    plain, meant, lent = (array(v) for _ in range(3))
    meant.memory.wanted[Integer(0), FOUR] = h[place(0, FOUR)]
    lent.memory.constant = True
    for other in (meant, lent):
        assert asked(u=other) != asked(u=plain)


def test_objects_cannot_be_told() -> None:
    with pytest.raises(Untold):
        Arrays().told({"a": N})


def doubled(result: str = "helper(u)") -> tuple[Interpreter, Any]:
    text = f"""import numpy as np


def double(u):
    np.add(u, u, out=u)
    return {result}


def helper(u):
    return u.reshape(-1)
"""
    sources = Sources({"a.py": read_source("a.py", text)}, blaming=True)
    run = Interpreter(sources, Verifier(package().proof).arrays)
    return run, run.function("a.py", "double")


def test_a_run_that_is_recalled_fills_what_it_is_given() -> None:
    run, function = doubled()
    for _ in range(3):
        given = array(v)
        result = run.call(function, [given], {})
        assert given.read().expr == 2 * v[place(0, FOUR)]
        assert result.memory is given.memory
    assert run.call(function, [given], {}).read().expr == 4 * v[place(0, FOUR)]


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the functions whose statements are run."""
    names: list[str] = []
    run = Interpreter._body

    def body(self: Interpreter, node: ast.FunctionDef, frame: Any) -> Any:
        names.append(node.name)
        return run(self, node, frame)

    monkeypatch.setattr(Interpreter, "_body", body)
    return names


def test_what_is_read_must_be_what_was_read_then(bodies: list[str]) -> None:
    run, function = doubled()
    for letter, times in ((v, 1), (h, 2), (v, 2), (h, 2)):
        given = array(letter)
        run.call(function, [given], {})
        assert given.read().expr == 2 * letter[place(0, FOUR)]
        assert bodies.count("double") == times


def test_what_is_not_read_does_not_matter_and_is_lost_where_it_is_written_over(bodies: list[str]) -> None:
    run, once = written("once")
    run.call(once, [array(v), Memory(FOUR).whole()], {})
    into = Memory(FOUR).whole()
    into.memory.write(ONE, TWO, Held(h[ONE], (ONE,)), 0)
    run.call(once, [array(v), into], {})
    assert bodies.count("once") == 1
    assert into.read().expr == 2 * v[place(0, FOUR)]
    with pytest.raises(Refusal):
        into.memory.read(ONE, TWO)


def test_a_run_that_copies_an_array_is_read_again(bodies: list[str]) -> None:
    run, function = doubled("u.copy()")
    for times in (1, 2):
        run.call(function, [array(v)], {})
        assert bodies.count("double") == times


def test_what_a_recalled_run_reads_and_writes_belongs_to_the_run_that_calls_it(bodies: list[str]) -> None:
    run, twice = written("twice")
    run.call(run.function("a.py", "once"), [array(v), array(h)], {})
    for letter, times in ((v, 1), (h, 2), (v, 2)):
        first, second = array(letter), array(h)
        run.call(twice, [first, second], {})
        assert first.read().expr == 4 * letter[place(0, FOUR)]
        assert second.read().expr == 2 * letter[place(0, FOUR)]
        assert bodies.count("twice") == times


def written(name: str) -> tuple[Interpreter, Any]:
    text = """import numpy as np


def twice(u, w):
    once(u, w)
    once(w, u)


def once(u, w):
    np.add(u, u, out=w)
"""
    sources = Sources({"a.py": read_source("a.py", text)}, blaming=True)
    run = Interpreter(sources, Verifier(package().proof).arrays)
    return run, run.function("a.py", name)


def test_no_run_is_recalled_past_a_look_into_what_it_called() -> None:
    run, function = doubled()
    run.call(function, [array(v)], {})
    seen = []
    run.before["a.py", "helper"] = seen.append
    for times in (1, 2):
        run.call(function, [array(v)], {})
        assert len(seen) == times
    run.contracts["a.py", "helper"] = lambda u: N
    assert run.call(function, [array(v)], {}) == N


CHANGES = (
    ("", "", ""),
    ("gradient.py", "np.subtract(", "np.add("),
    ("gram_step.py", "np.matmul(d2", "np.matmul(2.0*d2"),
    ("gram_step.py", "self.activations", "self.back"),
    ("normal_step.py", "part_g", "part_S"),
)


@pytest.mark.parametrize(("file", "old", "new"), CHANGES)
def test_the_report_is_the_same_without_what_is_remembered(
    file: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = dict(package().files)
    if file:
        assert old in files[file]
        files[file] = files[file].replace(old, new, 1)
    with_recall = Verifier(package().proof).verify(files)
    monkeypatch.setattr(Recall, "question", lambda *_: None)
    assert Verifier(package().proof).verify(files) == with_recall
    assert with_recall.holds == (not file)
