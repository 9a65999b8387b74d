"""The passes over array programs keep their meaning, and arrays that are alive together share no memory."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import by_hand
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreter import run, separate, shape, shared
from sympy import Integer, Symbol

from derive.architecture import Architecture
from derive.equation import Equation
from derive.program import routines
from derive.program.passes import compute_in_place, drop_unread, last_reads, share_memory
from derive.program.statements import Program, Scalar, Statement, View
from derive.proof import prove

N = 4
NUMBERS = {"N": N, "mu": 0.1, "eta": 0.3}
SIZES = ["2-2-3-2", "1-1", "2-3-3-3-2", "4-2-5-1-3"]

Built = list[tuple[Program, Program, dict[str, int]]]


@pytest.fixture(scope="module", params=SIZES)
def built(request: pytest.FixtureRequest) -> tuple[tuple[int, ...], Built]:
    """Every program that is lowered for an architecture: before the passes, after them, and its slots."""
    found: Built = []
    pairs: list[tuple[Program, Program]] = []
    patch = pytest.MonkeyPatch()

    def in_place(program: Program, *segments: Any) -> Program:
        before = replace(program, statements=list(program.statements), axes=dict(program.axes))
        pairs.append((before, compute_in_place(program, *segments)))
        return pairs[-1][1]

    def slots_of(program: Program) -> dict[str, int]:
        slots = share_memory(program)
        assert pairs[-1][1].statements is program.statements
        found.append((*pairs[-1], slots))
        return slots

    patch.setattr(routines, "compute_in_place", in_place)
    patch.setattr(routines, "share_memory", slots_of)
    architecture = Architecture.parse(request.param)
    routines.assemble(prove(architecture, brute_force=False))
    patch.undo()
    assert len(found) == 3  # forward alone, to the gradient, to the Jacobian
    return architecture.sizes, found


def fill(program: Program, arrays: dict[str, np.ndarray]) -> None:
    """Give every input values of its own, the same in every program."""
    for name in program.inputs & set(arrays):
        rng = np.random.default_rng([ord(letter) for letter in name])
        arrays[name][...] = rng.uniform(-1, 1, arrays[name].shape)


def results(program: Program, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a program and return its outputs; its inputs must come out as they went in."""
    fill(program, arrays)
    before = {name: arrays[name].copy() for name in program.inputs & set(arrays)}
    run(program.statements, arrays, NUMBERS)
    for name, value in before.items():
        np.testing.assert_array_equal(arrays[name], value)
    return {name: arrays[name].copy() for name in program.outputs & set(arrays)}


# -- the programs of a network ---------------------------------------------------------------------------


def test_passes_keep_the_meaning_of_every_program(built: tuple[tuple[int, ...], Built]) -> None:
    for before, after, slots in built[1]:
        assert before.outputs == after.outputs
        expected = results(before, separate(before.axes, {"n": N}))
        found = results(after, shared(after.axes, {"n": N}, slots))
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_lowered_gradient_is_the_complex_step_of_a_network_by_hand(
    built: tuple[tuple[int, ...], Built],
) -> None:
    sizes, programs = built
    (before,) = [before for before, _, _ in programs if any(name.startswith("gW") for name in before.outputs)]
    arrays = separate(before.axes, {"n": N})
    outputs = results(before, arrays)
    layers = range(2, len(sizes) + 1)
    p = np.concatenate([arrays[f"{letter}{layer}"].ravel() for layer in layers for letter in "Wb"])
    g = np.concatenate([outputs[f"g{letter}{layer}"].ravel() for layer in layers for letter in "Wb"])
    expected = by_hand.complex_step(lambda q: by_hand.cost(q, arrays["X"], arrays["Y"], sizes), p)[0]
    np.testing.assert_allclose(g, expected, rtol=1e-11, atol=1e-16)


def test_arrays_that_are_alive_together_share_no_slot(built: tuple[tuple[int, ...], Built]) -> None:
    for _, program, slots in built[1]:
        check_slots(program, slots)


def check_slots(program: Program, slots: dict[str, int]) -> None:
    """Follow every slot through the program: who wrote it last, and who wants to read it."""
    owner: dict[int, str] = {}
    for statement in program.statements:
        for name in statement.reads:
            assert name not in slots or owner[slots[name]] == name, (
                f"{name} was overwritten before {statement}"
            )
        if statement.target.array in slots:
            owner[slots[statement.target.array]] = statement.target.array
    for name in program.outputs & set(slots):
        assert owner[slots[name]] == name, f"the output {name} was overwritten"
    assert not set(slots) & (program.inputs | program.external)
    assert sorted(set(slots.values())) == list(range(len(set(slots.values()))))


def test_passes_save_memory(built: tuple[tuple[int, ...], Built]) -> None:
    sizes, programs = built
    for before, _, slots in programs:
        arrays = {s.target.array for s in before.statements if before.axes[s.target.array]} - before.external
        assert len(set(slots.values())) < len(arrays)
        assert len(set(slots.values())) <= len(sizes) + 1


# -- random programs -------------------------------------------------------------------------------------

SHAPES = [("n", 2), ("n", 3), ("n", 1)]
EQUATION = Equation("9.9", "made up", Symbol("left"), Symbol("right"))


@st.composite
def programs(draw: st.DrawFn) -> tuple[Program, list[int]]:
    """Draw a program in single-assignment form, with some values named, some external, some never read."""
    axes: dict[str, Any] = {"X": ("n", 2), "Y": ("n", 3), "U": (2, 3), "V": (3, 2)}
    program = Program(axes=axes, inputs={"X", "Y", "U", "V"})
    for position in range(draw(st.integers(1, 14))):
        name = f"v{position}"
        values = [known for known, own in axes.items() if own in SHAPES]
        first = draw(st.sampled_from(values))
        kind = draw(st.sampled_from(["unary", "scalar", "binary", "binary", "matmul", "row", "fill"]))
        operands: tuple[Any, ...] = (View(first),)
        own: Any = axes[first]
        operation = draw(st.sampled_from(["negative", "copyto"]))
        if kind == "scalar":
            operation = draw(st.sampled_from(["add", "multiply"]))
            operands = (View(first), Scalar(Integer(draw(st.integers(2, 5)))))
        elif kind == "binary":
            alike = [known for known in values if axes[known] in (own, ("n", 1))]  # a column is broadcast
            operation = draw(st.sampled_from(["add", "subtract", "multiply"]))
            operands = tuple(map(View, draw(st.permutations([first, draw(st.sampled_from(alike))]))))
        elif kind == "matmul" and own != ("n", 1):
            operation, operands, own = (
                ("matmul", (View(first), View("U")), ("n", 3))
                if own == ("n", 2)
                else ("matmul", (View(first), View("V")), ("n", 2))
            )
        elif kind == "row":  # a sum over the neurons, one number a sample, kept as a column for the next
            operation, operands, own = "sum", (View(first, insert=(2,)),), ("n", 1)
        elif kind == "fill":
            operation, operands = "fill", (Scalar(Integer(3)),)
        axis = 1 if operation == "sum" else None
        program.statements.append(Statement(operation, View(name), operands, EQUATION, axis))
        if operation == "fill" and draw(st.booleans()):
            program.statements.append(
                Statement("add", View(name), (View(name), View(first)), EQUATION, updates=True)
            )
        axes[name] = own
        if draw(st.booleans()):
            program.named.append(name)
    made = [name for name in axes if name not in program.inputs]
    outputs = draw(st.lists(st.sampled_from(made), min_size=1, max_size=3, unique=True))
    program.outputs = set(outputs)
    program.named += [name for name in outputs if name not in program.named]
    program.external = {name for name in outputs if draw(st.booleans())}
    cuts = draw(st.lists(st.integers(0, len(program.statements)), max_size=2, unique=True))
    return program, [0, *sorted(cuts)]


def check_storage(before: Program, after: Program, segments: list[int]) -> None:
    """Sizes stay, outer arrays keep their value, what an equation names stays where its function put it."""
    first: dict[str, int] = {}
    written: set[str] = set()
    for position, (old, new) in enumerate(zip(before.statements, after.statements, strict=True)):
        began = first.setdefault(new.target.array, position)
        assert after.axes[new.target.array] == before.axes[old.target.array]
        if new.target.array in after.external:
            written |= {old.target.array} & after.external
            part = new.target.array not in written and old.target.array not in before.named
            assert old.updates or old.target.array == new.target.array or part
        if old.target.array in before.named:
            assert not any(began < start <= position for start in segments)


@given(programs())
@settings(max_examples=100)
def test_passes_keep_the_meaning_of_random_programs(drawn: tuple[Program, list[int]]) -> None:
    program, segments = drawn
    expected = results(program, separate(program.axes, {"n": N}))
    for start in (program, drop_unread(program)):
        after = compute_in_place(start, segments)
        slots = share_memory(after)
        check_slots(after, slots)
        check_storage(start, after, segments)
        found = results(after, shared(after.axes, {"n": N}, slots))
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)


@given(programs())
@settings(max_examples=100)
def test_dropping_drops_exactly_what_no_output_needs(drawn: tuple[Program, list[int]]) -> None:
    program, _ = drawn
    kept = drop_unread(program)
    needed = set(program.outputs)
    for statement in reversed(program.statements):
        if statement.target.array in needed:
            needed |= set(statement.reads)
    assert {s.target.array for s in kept.statements} == {
        s.target.array for s in program.statements if s.target.array in needed
    }
    assert [s for s in program.statements if s in kept.statements] == kept.statements
    assert drop_unread(kept).statements == kept.statements


@pytest.mark.parametrize(
    ("operand", "axes"), [(View("a", transpose=True), (3, 3)), (View("a"), (3,)), (View("a"), (1, 3))]
)
def test_a_value_is_computed_over_an_operand_only_entry_for_entry(
    operand: View, axes: tuple[int, ...]
) -> None:
    statements = [
        Statement("copyto", View("a"), (View("Y"),), EQUATION),
        Statement("add", View("b"), (operand, View("X")), EQUATION),
    ]
    sizes = {"X": (3, 3), "Y": axes, "a": axes, "b": (3, 3)}
    program = Program(statements, sizes, {"X", "Y"}, {"b"}, named=["b"])
    expected = results(program, separate(program.axes, {}))
    after = compute_in_place(program)
    check_storage(program, after, [0])
    found = results(after, separate(after.axes, {}))
    np.testing.assert_array_equal(found["b"], expected["b"])


def test_a_chain_of_elementwise_operations_needs_one_array() -> None:
    chain = ["X", "a", "b", "c"]
    statements = [
        Statement("negative", View(later), (View(earlier),), EQUATION) for earlier, later in pairwise(chain)
    ]
    program = Program(statements, dict.fromkeys(chain, ("n", 2)), {"X"}, {"c"}, named=["c"])
    assert {s.target.array for s in compute_in_place(program).statements} == {"c"}
    assert share_memory(compute_in_place(program)) == {"c": 0}


def test_an_output_is_read_after_the_end() -> None:
    statements = [Statement("copyto", View("a"), (View("X"),), EQUATION)]
    program = Program(statements, {"a": ("n", 2), "X": ("n", 2)}, {"X"}, {"a"})
    assert last_reads(program) == {"X": 0, "a": 1}
    assert shape(("n", 2), {"n": 7}) == (7, 2)
