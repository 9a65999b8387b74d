"""Slopes that the Gram matrix and the backward pass share: the same numbers from fewer calls, and proved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from interpreter import run, separate

from derive.architecture import Architecture
from derive.equation import Equation
from derive.package import render
from derive.program import lean
from derive.program.routines import Routine, assemble
from derive.program.slopes import shared_slopes
from derive.program.statements import Operand, Program, Statement, View
from derive.proof import Proof, prove
from derive.quantities import a
from derive.verification.verify import Verifier

N = 5
NETWORKS = [
    "2-2-3-2",
    "3-4:tanh-1:linear",
    "2-4:silu-4:silu+2-1:linear",
    "3-3:tanh-3:tanh=2-2",
    "2-3:relu-2:softplus",
    "3-3:tanh-3:tanh=2-3=W2T+2+1",  # the slope that comes first in Q is wanted by itself only later
]


@cache
def proved(text: str) -> Proof:
    return prove(Architecture.parse(text), brute_force=False)


def steps(text: str, monkeypatch: pytest.MonkeyPatch, *, shared: bool) -> list[Routine]:
    """Return what makes J J^T and J^T v, with or without the pass."""
    with monkeypatch.context() as patch:
        if not shared:
            patch.setattr(lean, "shared_slopes", lambda program: program)
        proof = proved(text)
        assert proof.lean is not None
        found = lean.lean_routines(proof, proof.lean, assemble(proof).kept)
    return [found.gram, found.pull_back]


def computed(routines: Sequence[Routine], again: bool = False) -> dict[str, np.ndarray]:
    axes = {name: own for routine in routines for name, own in routine.axes.items()}
    arrays = separate(axes, {"n": N})
    numbers = {"N": N} | {f"scale{layer}": 1.0 + layer for layer in range(2, 6)}
    written = {s.target.array for routine in routines for s in routine.statements}
    for name in sorted(set(arrays) - written):
        rng = np.random.default_rng([*map(ord, name)])
        arrays[name][...] = rng.uniform(0.1, 0.9, arrays[name].shape)
    for routine in (*routines, *(routines[1:] if again else ())):
        run(routine.statements, arrays, numbers)
    return {name: array for name, array in arrays.items() if name[0] in "Qhr"}


@pytest.mark.parametrize("text", NETWORKS)
@pytest.mark.parametrize("again", [False, True])
def test_shared_slopes_leave_every_number(text: str, again: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, shared = (steps(text, monkeypatch, shared=kind) for kind in (False, True))
    expected, found = computed(plain), computed(shared, again)
    assert any(name.startswith("h") for name in found)
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-12, atol=1e-14, err_msg=name)


def test_s_prime_is_made_once_for_each_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    gram, back = steps("2-2-3-2", monkeypatch, shared=True)
    differences = [s for s in gram.statements if s.operation == "subtract" and len(s.reads) == 1]
    assert [s.target.array for s in differences] == ["s4", "s3", "s2"]
    assert not [s for s in back.statements if s.operation == "subtract"]
    before = sum(len(routine.statements) for routine in steps("2-2-3-2", monkeypatch, shared=False))
    assert before - len(gram.statements) - len(back.statements) == 10


@pytest.mark.parametrize("text", NETWORKS)
def test_nothing_takes_the_memory_of_a_slope_that_is_read_again(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gram, back = steps(text, monkeypatch, shared=True)
    slopes = {name for name in back.comes_in if name in back.slots}
    begun = {s.target.array: k for k, s in enumerate(gram.statements)}
    for name in slopes:
        later = [s.target.array for s in (*gram.statements[begun[name] + 1 :], *back.statements)]
        others = {other for other in later if gram.axes[other].count("n") == 1} - {name}
        assert back.slots[name] not in {back.slots.get(other) for other in others}


# -- small programs --------------------------------------------------------------------------------------

EQUATION = Equation("0.3", "test", a[2, 0, 0], a[2, 0, 0])


def program(*lines: tuple[str, str, tuple[Operand, ...]], outputs: str) -> Program:
    statements = [Statement(name, View(target), operands, EQUATION) for name, target, operands in lines]
    arrays = {view.array for s in statements for view in (s.target, *s.operands) if isinstance(view, View)}
    axes = dict.fromkeys(arrays, ("n", 3))
    return Program(statements, axes, inputs={"a2", "a3"}, outputs={outputs})


def shown(done: Program) -> list[str]:
    return [f"{s.target.array} = {s.operation} {' '.join(s.reads)}" for s in done.statements]


def test_factors_meet_before_they_go_into_a_product() -> None:
    x, a2, a3 = View("x"), View("a2"), View("a3")
    given = program(
        ("exp", "x", (View("W"),)),
        ("multiply", "u", (x, a2)),
        ("multiply", "v", (View("u"), a3)),
        outputs="v",
    )
    assert shown(shared_slopes(given)) == ["x = exp W", "s = multiply a2 a3", "v = multiply x s"]


def test_a_product_that_is_read_twice_is_kept() -> None:
    given = program(
        ("exp", "x", (View("W"),)),
        ("multiply", "u", (View("x"), View("a2"))),
        ("multiply", "v", (View("u"), View("a3"))),
        ("add", "y", (View("u"), View("v"))),
        outputs="y",
    )
    assert shown(shared_slopes(given)) == shown(given)


def test_factors_that_are_seen_otherwise_do_not_meet() -> None:
    given = program(
        ("exp", "x", (View("W"),)),
        ("multiply", "u", (View("x"), View("a2", transpose=True))),
        ("multiply", "v", (View("u"), View("a3"))),
        outputs="v",
    )
    assert shown(shared_slopes(given)) == shown(given)


def test_what_is_made_of_a_transpose_is_the_transpose_of_what_is_made() -> None:
    given = program(
        ("exp", "t", (View("a2", transpose=True),)),
        ("exp", "u", (View("a2"),)),
        ("add", "y", (View("t"), View("u", transpose=True))),
        outputs="y",
    )
    done = shared_slopes(given)
    assert shown(done) == ["s2 = exp a2", "y = add s2 s2"]
    assert [view.transpose for view in done.statements[-1].operands if isinstance(view, View)] == [True, True]


def test_an_array_that_is_written_twice_is_no_value() -> None:
    given = program(
        ("exp", "t", (View("a2"),)),
        ("exp", "t", (View("a3"),)),
        ("add", "y", (View("t"), View("a3"))),
        outputs="y",
    )
    assert shown(shared_slopes(given)) == shown(given)


def test_an_array_that_is_updated_is_no_value() -> None:
    given = program(("exp", "t", (View("a2"),)), ("add", "y", (View("t"), View("a3"))), outputs="y")
    updated = replace(given, statements=[replace(s, updates=True) for s in given.statements])
    assert shared_slopes(updated).statements == updated.statements


# -- read back -------------------------------------------------------------------------------------------


@cache
def verified() -> tuple[dict[str, str], Verifier]:
    return render(proved("2-2-3-2")), Verifier(proved("2-2-3-2"))


@pytest.mark.parametrize("text", ["2-2-3-2", "3-3:tanh-3:tanh=2-3=W2T+2+1"])
def test_shared_slopes_are_proved(text: str) -> None:
    assert Verifier(proved(text)).verify(render(proved(text))).holds


SPOILED = [
    ("np.multiply(a4, s4, s4)", "np.multiply(s4, s4, s4)"),
    ("np.multiply(a3, s3, s3)", "np.multiply(a3, s3, a3)"),
    ("np.subtract(one, a2, s2)", "np.add(one, a2, s2)"),
    ("np.multiply(t1, s4.T[:, :, None], t2)", "np.multiply(t1, s4.T[:, None, :], t2)"),
    ("np.multiply(s3, s4.T[:, :, None], d3)", "np.multiply(a3, s4.T[:, :, None], d3)"),
    ("np.multiply(d2, s2, d2)", "np.multiply(d2, a2, d2)"),
    ("np.multiply(u3, s3, u3)", "np.multiply(u3, s3, s3)"),  # right once, stale when it is read again
    ("np.multiply(u3, s3, u3)", "np.multiply(u3, a3, u3)"),
    ("np.multiply(s4, v.T, u4)", "np.multiply(s4, v.T, s4)"),
    ("s4, s3, s2, u4, u3, u2 = work", "s4, s3, u2, u4, u3, s2 = work"),
]


@pytest.mark.parametrize(("old", "new"), SPOILED, ids=[new for _, new in SPOILED])
def test_spoiled_slopes_are_refused(old: str, new: str) -> None:
    files, verifier = verified()
    assert files["gram_step.py"].count(old) == 1
    assert not verifier.holds({**files, "gram_step.py": files["gram_step.py"].replace(old, new)})


def test_slopes_in_memory_of_another_array_are_refused() -> None:
    """The workspace carves s3 for both functions: from another slot it is not what was left there."""
    files, verifier = verified()
    text = files["gram_step.py"]
    lines = [line for line in text.splitlines() if line.endswith("# s3")]
    assert len(lines) == 2
    first, _, last = text.rpartition(lines[1])
    moved = first + lines[1].replace("memory[1]", "memory[4]") + last
    assert not verifier.holds({**files, "gram_step.py": moved})
