"""The passes that save time leave the gradient alone; what they emit is proved, and refused when spoiled."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interpreter import run, separate
from sympy import Integer

from derive.architecture import Architecture
from derive.package import contexts, render
from derive.program.lean import lean_routines
from derive.program.overhead import CONSTANTS
from derive.program.routines import Routine, Routines, assemble
from derive.program.speed import (
    CAP,
    ONES,
    by_dot,
    faster,
    faster_steps,
    one_minus_square,
    sums_as_products,
)
from derive.program.statements import View
from derive.proof import Proof, prove
from derive.quantities import y
from derive.verification.numpy_calls import call_numpy
from derive.verification.values import Held, Memory, Refusal, place
from derive.verification.verify import Verifier

N = 6
KNOWN = {ONES: 1.0, "n": float(N), **{name: float(value) for name, value in CONSTANTS.items() if name != "n"}}
NETWORKS = [
    "2-2-3-2",
    "3-4:tanh-1:linear",
    "2-5:relu-3:sigmoid,no-bias-2",
    "2-4:silu-4:silu+2-1:linear",
    "3-3:tanh-3:tanh=2-2",
    "2-40-3",
]


@cache
def proved(text: str) -> Proof:
    return prove(Architecture.parse(text), brute_force=False)


@cache
def routines_of(text: str) -> Routines:
    return assemble(proved(text))


@cache
def light(text: str) -> tuple[dict[str, str], Verifier]:
    """Return a package without Levenberg-Marquardt steps, for its cost is not convex, and its verifier."""
    proof = prove(Architecture.parse(text, "cauchy: log(1+(a-y)^2)"), brute_force=False)
    return render(proof), Verifier(proof)


def computed(propagate: Routine, backpropagate: Routine, draws: int = 0) -> dict[str, np.ndarray]:
    """Run both passes with random weights; every array has memory of its own."""
    arrays = separate(propagate.axes | backpropagate.axes, {"n": N})
    for name in sorted(propagate.comes_in | {"Y"} | (backpropagate.comes_in - set(propagate.slots))):
        if name in arrays and name not in _written(propagate):
            rng = np.random.default_rng([draws, *map(ord, name)])
            arrays[name][...] = KNOWN[name] if name in KNOWN else rng.uniform(-1, 1, arrays[name].shape)
    run(propagate.statements, arrays, {"N": N})
    run(backpropagate.statements, arrays, {"N": N})
    return {name: arrays[name] for name in arrays if name.startswith("g")}


def _written(routine: Routine) -> set[str]:
    return {statement.target.array for statement in routine.statements}


def operations(routine: Routine) -> list[str]:
    return [statement.operation for statement in routine.statements]


# -- what the passes leave alone -------------------------------------------------------------------------


@pytest.mark.parametrize("text", NETWORKS)
def test_the_fast_gradient_is_the_gradient(text: str) -> None:
    plain, fast = routines_of(text), faster(routines_of(text))
    expected = computed(plain.propagate, plain.backpropagate)
    found = computed(fast.propagate, fast.backpropagate)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-15, err_msg=name)


@pytest.mark.parametrize("text", NETWORKS)
def test_no_pass_adds_an_array_that_grows_with_the_widths(text: str) -> None:
    plain, fast = routines_of(text), faster(routines_of(text))
    for before, after in ((plain.propagate, fast.propagate), (plain.backpropagate, fast.backpropagate)):
        assert {name for name in after.axes if name not in before.axes} <= KNOWN.keys()
        assert after.slots.keys() <= before.slots.keys()


# -- products --------------------------------------------------------------------------------------------


def test_products_of_matrices_and_of_merged_axes_are_left_to_dot() -> None:
    routines = routines_of("2-2-3-2")
    assert "matmul" not in operations(by_dot(routines.propagate))
    assert "matmul" not in operations(by_dot(routines.differentiate))
    statement = next(s for s in routines.propagate.statements if s.operation == "matmul")
    stacked = replace(statement, target=replace(statement.target, insert=(0,)))  # a part of a larger array
    assert by_dot(replace(routines.propagate, statements=(stacked,))).statements == (stacked,)


def test_the_rows_and_sums_of_the_normal_matrix_have_the_passes_of_the_gradient() -> None:
    proof = proved("2-40-3")
    assert proof.lean is not None
    lean = lean_routines(proof, proof.lean, routines_of("2-40-3").kept)
    assert "matmul" in operations(lean.rows)
    fast = faster_steps(lean)
    assert "matmul" not in operations(fast.rows) + operations(fast.normal)
    assert (operations(fast.rows).count(CAP), operations(fast.rows).count("minimum")) == (1, 1)
    assert "one" in fast.rows.arrays
    assert not any(statement.double for statement in fast.normal.statements)  # what it sums is float64


def test_a_product_that_is_summed_in_float64_stays_what_it_is() -> None:
    routine = routines_of("2-2-3-2").propagate
    double = replace(routine, statements=tuple(replace(s, double=True) for s in routine.statements))
    assert by_dot(double) == double


def test_dot_into_a_part_of_each_row_is_refused() -> None:
    """np.dot would not do it either: what it fills must be contiguous."""
    rows, n = Integer(5), Integer(3)
    left = Memory(n, (rows,), {(Integer(0), n): Held(y[place(0, rows), place(1, n)], (rows, n))}).whole()
    right = Memory(n, (n,), {(Integer(0), n): Held(y[place(0, n), place(1, n)], (n, n))}).whole()
    out = Memory(Integer(7), (rows,)).whole().stretch(Integer(0), n)
    with pytest.raises(Refusal, match="not contiguous"):
        call_numpy(None, "dot", [left, right], {"out": out})  # type: ignore[arg-type]


# -- sums over the samples -------------------------------------------------------------------------------


def test_sums_over_samples_become_products_and_sums_over_outputs_do_not() -> None:
    routines = routines_of("2-2-3-2")
    assert "sum" not in operations(sums_as_products(routines.backpropagate))
    assert sums_as_products(routines.sample_costs) == routines.sample_costs


def test_a_sum_of_something_else_is_noticed() -> None:
    """The oracle of the first test can fail: the sum of another array of the same shape is another number."""
    fast = faster(routines_of("2-2-2-2"))
    wrong = [
        replace(s, operands=(View(ONES), View("a3"))) if s.target.array == "gb3" else s
        for s in fast.backpropagate.statements
    ]
    expected = computed(fast.propagate, fast.backpropagate)
    found = computed(fast.propagate, replace(fast.backpropagate, statements=tuple(wrong)))
    assert not np.allclose(expected["gb3"], found["gb3"])


SPOILED = [
    ("gradient.py", "np.dot(ones, d3, gb3)", "np.dot(ones, a3, gb3)"),
    ("gradient.py", "self.ones = np.ones(n_samples, dtype)", "self.ones = np.empty(n_samples, dtype)"),
    ("gradient.py", "self.ones = np.ones(n_samples, dtype)", "self.ones = self.g"),
    ("gradient.py", "np.dot(d4.T, a3, gW4)", "np.dot(d4.T, a3, gW3)"),
    ("gradient.py", "np.dot(d3, W3, d2)", "np.dot(d3, W3.T, d2)"),
    ("gradient.py", "np.dot(ones, d4, gb4)", "np.add(ones, 1.0, ones)"),
    ("forward.py", "np.dot(a2, W3.T, a3)", "np.dot(a2, W3, a3)"),
]


@pytest.mark.parametrize(("file", "old", "new"), SPOILED, ids=[new for _, _, new in SPOILED])
def test_spoiled_fast_code_is_refused(file: str, old: str, new: str) -> None:
    files = dict(light("2-2-3-2")[0])
    assert old in files[file]
    files[file] = files[file].replace(old, new)
    assert not light("2-2-3-2")[1].verify(files).holds


def test_fast_code_is_proved() -> None:
    files, verifier = light("2-2-3-2")
    assert verifier.verify(files).holds


# -- the slope of tanh -----------------------------------------------------------------------------------

TANH = "2-3:tanh-3:tanh-1:linear"


def test_the_slope_of_tanh_takes_three_calls_a_layer() -> None:
    before = operations(routines_of(TANH).backpropagate)
    after = operations(one_minus_square(routines_of(TANH).backpropagate))
    assert (before.count("add"), after.count("add")) == (2, 0)
    assert len(before) - len(after) == 2


def test_no_memory_is_kept_for_the_factor_that_is_gone() -> None:
    memory = contexts(proved("8-32:tanh-32:tanh-1:linear"))["gradient.py"]["memory"]
    assert memory.slots == "(32, 32, 32, 1)"


def test_a_slot_for_the_factor_alone_goes_with_it() -> None:
    proof = proved("2-2:silu,no-bias-2:softsign=W2T+W1-2:softplus+1-1:tanh+W1")
    slots = faster(assemble(proof)).backpropagate.slots
    assert len(assemble(proof).backpropagate.slots) > len(slots)
    assert set(slots.values()) == set(range(len(set(slots.values()))))
    assert " 0" not in contexts(proof)["gradient.py"]["memory"].slots


def test_a_factor_that_is_read_again_is_left_alone() -> None:
    routine = routines_of(TANH).backpropagate
    statements = list(routine.statements)
    place_of_t = next(k for k, s in enumerate(statements) if s.operation == "subtract" and len(s.reads) == 1)
    t = statements[place_of_t].target
    again = replace(statements[place_of_t + 1], operands=(statements[place_of_t + 1].target, t))
    kept = replace(routine, statements=(*statements[: place_of_t + 4], again, *statements[place_of_t + 4 :]))
    assert one_minus_square(kept).statements[: place_of_t + 5] == kept.statements[: place_of_t + 5]


SLOPES = [
    ("np.multiply(a3, a3, a3)", "np.multiply(a3, d3, a3)"),
    ("np.subtract(one, a3, a3)", "np.add(one, a3, a3)"),
    ("np.subtract(one, a3, a3)", "np.subtract(2.0, a3, a3)"),
]


@pytest.mark.parametrize(("old", "new"), SLOPES, ids=[new for _, new in SLOPES])
def test_a_spoiled_slope_of_tanh_is_refused(old: str, new: str) -> None:
    files, verifier = light(TANH)
    assert files["gradient.py"].count(old) == 1
    assert verifier.verify(files).holds
    assert not verifier.verify(files | {"gradient.py": files["gradient.py"].replace(old, new)}).holds


# -- guards ----------------------------------------------------------------------------------------------

WIDE_NETWORK = "2-40-3"


def test_guards_of_wide_layers_are_looked_at_first_and_others_are_not() -> None:
    wide = operations(faster(routines_of(WIDE_NETWORK)).propagate)
    assert (wide.count(CAP), wide.count("minimum")) == (1, 1)
    assert CAP not in operations(faster(routines_of("2-2-3-2")).propagate)
    assert CAP not in operations(faster(routines_of("2-40:silu-3:linear")).propagate)  # min(z, 0) binds often


def test_saturated_wide_network_is_exact_without_a_warning(tmp_path: Path, monkeypatch: Any) -> None:
    for name, text in light(WIDE_NETWORK)[0].items():
        (tmp_path / "wide_net").mkdir(exist_ok=True)
        (tmp_path / "wide_net" / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    net = import_module("wide_net")
    rng = np.random.default_rng(0)
    X, Y = rng.uniform(-1, 1, (5, 2)), rng.random((5, 3))
    for scale in (1.0, 1e3, 1e300):
        p = scale * rng.standard_normal(net.N_PARAMETERS)
        W2, b2, W3, b3 = net.unpack(p)
        hidden = np.vectorize(_logistic)(X @ W2.T + b2)
        np.testing.assert_allclose(net.forward(p, X), np.vectorize(_logistic)(hidden @ W3.T + b3), atol=1e-15)
        assert np.isfinite(net.gradient(p, X, Y)).all()


def _logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z > -700 else 0.0


CAPS = [
    ("np.maximum.reduce(a2, axis=None) > guard", "np.maximum.reduce(a2, axis=None) < guard"),
    ("np.maximum.reduce(a2, axis=None) > guard", "np.maximum.reduce(a2, axis=0) > guard"),
    ("np.maximum.reduce(a2, axis=None) > guard", "np.add.reduce(a2, axis=None) > guard"),
    ("np.maximum.reduce(a2, axis=None) > guard", "np.maximum.reduce(a2, axis=None) > 709.0"),
    ("np.maximum.reduce(a2, axis=None) > guard", "np.maximum.reduce(X, axis=None) > guard"),
    ("np.minimum(a2, guard, out=a2)", "np.maximum(a2, guard, out=a2)"),
    ("np.minimum(a2, guard, out=a2)", "np.minimum(a2, 707.0, out=a2)"),
    ("np.minimum(a2, guard, out=a2)", "np.exp(a2, out=a2)"),
    ("guard = 88.0 if a2", "guard = 87.0 if a2"),
    ("guard = 88.0 if a2", "guard = 708.0 if a2"),
    ("itemsize == 4", "itemsize == 8"),
    ("itemsize == 4", "itemsize != 4"),
    ("else 708.0", "else 709.0"),
    ("else 708.0", "else 88.0"),
    ("if a2.itemsize", "if n.itemsize"),
]


@pytest.mark.parametrize(("old", "new"), CAPS, ids=[new for _, new in CAPS])
def test_a_spoiled_guard_is_refused(old: str, new: str) -> None:
    files, verifier = light(WIDE_NETWORK)
    assert files["forward.py"].count(old) == 1
    assert verifier.verify(files).holds
    assert not verifier.verify(files | {"forward.py": files["forward.py"].replace(old, new)}).holds
