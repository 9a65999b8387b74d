"""Calls that cost less compute the same in every dtype, and are proved or refused like any others."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache
from importlib import import_module
from itertools import permutations
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sympy import Integer

from derive.activations.functions import OVERFLOW_GUARD
from derive.architecture import Architecture
from derive.package import render
from derive.printers.numpy import blocks, statement_line
from derive.program.overhead import CONSTANTS, by_position, constants_as_arrays, constants_of
from derive.program.routines import Routines, assemble
from derive.program.speed import faster
from derive.program.statements import Scalar
from derive.proof import Proof, prove
from derive.quantities import N, y
from derive.verification.numpy_calls import call_numpy
from derive.verification.objects import FLOAT, UNKNOWN
from derive.verification.values import Held, Memory, Refusal, View, place
from derive.verification.verify import Verifier

SMALL = "2-2-3-2"


@cache
def routines_of(text: str) -> Routines:
    return assemble(prove(Architecture.parse(text), brute_force=False))


@cache
def verified(text: str = SMALL, cost: str = "") -> tuple[Proof, dict[str, str], Verifier]:
    proof = prove(Architecture.parse(text, *filter(None, [cost])), brute_force=False)
    return proof, render(proof), Verifier(proof)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    folder = tmp_path_factory.mktemp("overhead")
    _written(folder / "cheap_net", verified()[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        return import_module("cheap_net")


def _written(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


# -- numbers as arrays -----------------------------------------------------------------------------------


def test_no_elementwise_call_makes_an_array_of_a_known_number() -> None:
    fast = faster(routines_of(SMALL))
    for routine in (fast.propagate, fast.backpropagate):
        left = {o for s in routine.statements for o in s.operands if isinstance(o, Scalar)}
        assert left <= {Scalar(Integer(OVERFLOW_GUARD))}  # which depends on the dtype
    assert constants_of(fast.propagate) == ["one"]
    assert constants_of(fast.backpropagate) == ["one", "n"]


def test_a_number_that_no_workspace_keeps_stays_as_it_is() -> None:
    fast = faster(routines_of("2-3:selu-1:linear"))
    left = {o.value for s in fast.propagate.statements for o in s.operands if isinstance(o, Scalar)}
    assert left
    assert not left & set(CONSTANTS.values())


def test_the_number_of_samples_has_one_name_in_a_routine() -> None:
    routine = routines_of(SMALL).backpropagate
    assert "n" in constants_of(constants_as_arrays(routine))
    kept = next(s for s in routine.statements if any(o == Scalar(N) for o in s.operands))
    counted = replace(kept, operation="scalar", operands=(Scalar(2 * N),))
    both = replace(routine, statements=(*routine.statements, counted))
    assert "n" not in constants_of(constants_as_arrays(both))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_constants_have_the_dtype_of_the_workspace(net: ModuleType, dtype: Any) -> None:
    """One that is float64 would have float32 arrays computed in float64: they are then rounded otherwise."""
    workspaces = [net.GradientWorkspace(3, dtype), net.ForwardWorkspace(3, dtype)]
    if dtype is not np.complex128:
        workspaces.append(net.gram_step.GramStep(3, dtype))
    for work in workspaces:
        tuples = [held for held in vars(work).values() if isinstance(held, tuple)]
        constants = [a for held in tuples for a in held if isinstance(a, np.ndarray) and a.ndim == 0]
        assert constants
        assert {constant.dtype for constant in constants} == {np.dtype(dtype)}


def test_float32_is_computed_in_float32(net: ModuleType) -> None:
    """The oracle is plain NumPy in float32, step for step: the same roundings, so the same bits."""
    rng, one = np.random.default_rng(1), np.float32(1)
    p = net.initial_parameters(1).astype(np.float32)
    X = rng.uniform(-1, 1, (10, 2)).astype(np.float32)
    found = net.ForwardWorkspace(10, np.float32).forward(p, X)
    W2, b2, W3, b3, W4, b4 = net.unpack(p)
    a = X
    for W, b in ((W2, b2), (W3, b3), (W4, b4)):
        a = one / (one + np.exp(-(np.dot(a, W.T) + b)))
    assert a.dtype == found.dtype == np.float32
    np.testing.assert_array_equal(found, a)


# -- the array that is filled ----------------------------------------------------------------------------


def test_the_lesser_and_the_greater_are_given_out_by_name() -> None:
    """NumPy warns of a third argument there: it is to be for a third operand one day."""
    fast = faster(routines_of(SMALL))
    lines = [line for block in blocks(fast.propagate, frozenset(fast.propagate.axes)) for line in block.lines]
    assert any(line.startswith("np.minimum(a2, 708.0, out=a2)") for line in lines)
    assert all("out=" not in line for line in lines if not line.startswith("np.minimum"))


def test_an_array_that_does_not_exist_yet_is_still_assigned() -> None:
    statement = next(s for s in by_position(routines_of(SMALL).propagate).statements if s.positional)
    axes = routines_of(SMALL).propagate.axes
    assert statement_line(statement, axes, exists=True).endswith(f", {statement.target.array})")
    assert statement_line(statement, axes, exists=False).startswith(f"{statement.target.array} = ")


def test_no_call_warns(net: ModuleType) -> None:
    p, X, Y = net.initial_parameters(3), np.ones((4, 2)), np.zeros((4, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.gradient(p, X, Y)
        net.levenberg_marquardt(p, X, Y, steps=3)


def vector(name: str, size: int) -> View:
    letter = {"u": y[place(0, Integer(size)), Integer(0)], "v": y[place(0, Integer(size)), Integer(1)]}
    length = Integer(size)
    return Memory(length, (), {(Integer(0), length): Held(letter[name], (length,))}).whole()


class Stores:
    """What a call needs of an interpreter to fill an array."""

    def store(self, view: View, held: Held) -> None:
        view.memory.write(view.start, view.stop, held, 1)


def test_the_last_argument_is_what_is_filled() -> None:
    u, v, out = vector("u", 3), vector("v", 3), Memory(Integer(3)).whole()
    call_numpy(Stores(), "subtract", [u, v, out], {})  # type: ignore[arg-type]
    assert out.read().expr == u.read().expr - v.read().expr


@pytest.mark.parametrize(
    ("name", "arguments", "keywords"),
    [
        ("minimum", "uvo", ""),
        ("maximum", "uvo", ""),
        ("where", "uuvo", ""),
        ("subtract", "uvo", "o"),
        ("subtract", "uvoo", ""),
        ("subtract", "uv1", ""),
        ("exp", "u1", ""),
    ],
)
def test_what_numpy_would_not_take_is_refused(name: str, arguments: str, keywords: str) -> None:
    known = {"u": vector("u", 3), "v": vector("v", 3), "o": Memory(Integer(3)).whole(), "1": Integer(1)}
    given = [known[letter] for letter in arguments]
    with pytest.raises(Refusal):
        call_numpy(Stores(), name, given, {"out": known["o"]} if keywords else {})  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [[Integer(1)], [Integer(1), UNKNOWN], [UNKNOWN, FLOAT]])
def test_a_constant_of_another_dtype_is_refused(given: list[Any]) -> None:
    class Bare:
        class knowledge:
            weights = ()

    with pytest.raises(Refusal):
        call_numpy(Bare(), "array", given, {})  # type: ignore[arg-type]


def test_cheap_calls_are_proved() -> None:
    _, files, verifier = verified()
    assert verifier.verify(files).holds


SPOILED = [
    ("gradient.py", "np.subtract(a4, Y, d4)", "np.subtract(Y, a4, d4)"),
    ("gradient.py", "np.subtract(a4, Y, d4)", "np.subtract(a4, d4, Y)"),
    ("gradient.py", "np.subtract(a4, Y, d4)", "np.subtract(a4, Y, a4)"),
    ("gradient.py", "np.subtract(a4, Y, d4)", "np.subtract(a4, Y, None)"),
    ("gradient.py", "np.dot(d3, W3, d2)", "np.dot(d3, W3, d3)"),
    ("gradient.py", "np.multiply(d3, a3, d3)", "np.multiply(d3, d3, a3)"),
    ("gradient.py", "np.divide(d4, n, d4)", "np.divide(d4, one, d4)"),
    ("gradient.py", "np.divide(d4, n, d4)", "np.divide(d4, d4, n)"),
    ("gradient.py", "_, d4, d3, d2, one, n = work", "_, d4, d3, d2, n, one = work"),
    ("gradient.py", "np.array(n_samples, dtype),  # n", "np.array(1.0, dtype),  # n"),
    ("gradient.py", "np.array(n_samples, dtype),  # n", "np.array(n_samples),  # n"),
    ("forward.py", "(one,) = spare", "(one,) = activations[:1]"),
    ("forward.py", "np.array(1.0, dtype),  # one", "np.array(2.0, dtype),  # one"),
    ("forward.py", "np.array(1.0, dtype),  # one", "np.array(1.0),  # one"),
    ("forward.py", "np.array(1.0, dtype),  # one", "np.array(1.0, np.float64, copy=False),  # one"),
    ("forward.py", "np.minimum(a2, guard, out=a2)", "np.minimum(a2, guard, a2)"),
    ("forward.py", "np.exp(a2, a2)", "np.exp(a2, one)"),
    ("forward.py", "np.dot(a2, W3.T, a3)", "np.dot(a2, W3.T, a4)"),
    ("gram_step.py", "np.dot(ones, u3, hb3)", "np.dot(ones, u3, hb4)"),
    ("gram_step.py", "np.dot(d3.reshape(-1, 3), W3, d2.reshape(-1, 2))", "np.dot(d3.reshape(-1, 3), W3, d2)"),
    ("gram_step.py", "self.ones = np.ones(n_samples, dtype)", "self.ones = np.empty(n_samples, dtype)"),
]


@pytest.mark.parametrize(("file", "old", "new"), SPOILED, ids=[f"{file}: {new}" for file, _, new in SPOILED])
def test_spoiled_cheap_calls_are_refused(file: str, old: str, new: str) -> None:
    _, files, verifier = verified()
    assert old in files[file]
    assert not verifier.holds({**files, file: files[file].replace(old, new, 1)})


def test_every_other_order_of_arguments_is_refused() -> None:
    """A difference and a product of matrices: of the six orders of three arrays one is right."""
    _, files, verifier = verified()
    for name, arguments in (("subtract", ("a4", "Y", "d4")), ("dot", ("d3", "W3", "d2"))):
        line = f"np.{name}({', '.join(arguments)})"
        for order in permutations(arguments):
            text = files["gradient.py"].replace(line, f"np.{name}({', '.join(order)})")
            assert verifier.holds({**files, "gradient.py": text}) == (order == arguments), order
