"""The lines that are emitted for an activation, alone: lowered, passed, printed, imported and run."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from sympy import Integer, Symbol

from derive.activations import A, Activation, Z
from derive.equation import Equation
from derive.printers.numpy import blocks, special_functions
from derive.printers.python import assignment_line, math_functions
from derive.program.guards import by_dtype
from derive.program.lowering import Computed, Lowering
from derive.program.passes import compute_in_place, share_memory
from derive.program.routines import Routine, name_array, size_of
from derive.program.scalars import Assignment, shared
from derive.program.statements import Program
from derive.quantities import Index, N, Sigma, SigmaPrime, a, delta, z

ROW, NEURON = Index("i", N), Index("j", Integer(1))
VALUE = Equation("0.3", "activation", a[2, ROW, NEURON], Sigma(2, z[2, ROW, NEURON]))
SLOPE = Equation("1.5", "slope", delta[2, ROW, NEURON], SigmaPrime(2, z[2, ROW, NEURON]))


def program(activation: Activation, in_place: bool = True) -> Program:
    """Lower a[2] = sigma(z[2]) and d[2] = sigma'(z[2])."""
    here = {Z: z[2, ROW, NEURON], A: a[2, ROW, NEURON]}
    lowered = Program(inputs={"z2"}, outputs={"a2", "d2"})
    lowering = Lowering(lowered, name_array, size_of)
    lowering.lower(Computed(VALUE, activation.stable.xreplace(here)))
    lowering.lower(Computed(SLOPE, activation.slope().xreplace(here)))
    return compute_in_place(lowered) if in_place else lowered


def arrays(activation: Activation, folder: Path, dtype: Any = float) -> Callable[[Any], tuple[Any, Any]]:
    """Return the emitted NumPy lines as a function of z, of a dtype, that gives a and sigma'."""
    lowered = program(activation)
    routine, guard = by_dtype(Routine(tuple(lowered.statements), lowered.axes, share_memory(lowered)))
    names = sorted({s.target.array for s in routine.statements})
    printed = blocks(routine, frozenset({"z2", *names}))
    lines = [line for block in printed for line in (f"# {block.comment}", *block.lines)]
    needed = special_functions(routine)
    head = ["import numpy as np", *([f"from derive.special import {', '.join(needed)}"] if needed else [])]
    body = [f"{name} = np.empty(z2.shape, z2.dtype)" for name in names] + [guard] + lines
    module = imported([*head, "def run(z2):", *(f"    {line}" for line in body)], "return a2, d2", folder)

    def run(values: Any) -> tuple[Any, Any]:
        given = np.array(values, dtype=np.result_type(dtype, np.asarray(values))).reshape(-1, 1)
        before = given.copy()
        value, slope = module.run(given)
        np.testing.assert_array_equal(given, before)
        return value.ravel(), np.broadcast_to(slope, given.shape).ravel()

    return run


def scalars(activation: Activation, folder: Path) -> Callable[[float], tuple[float, float]]:
    """Return the emitted scalar lines as a function of one z."""
    own = Symbol("z2"), Symbol("a2")
    lines: list[Assignment] = []
    for name, expr, equation in (("a2", activation.stable, VALUE), ("d2", activation.slope(), SLOPE)):
        parts, value = shared(expr.xreplace({Z: own[0], A: own[1]}))
        lines += [Assignment(symbol.name, part, equation) for symbol, part in parts]
        lines.append(Assignment(name, value, equation))
    needed = math_functions(lines)
    head = [f"from math import {', '.join(needed)}"] if needed else []
    body = [f"    {assignment_line(line)}" for line in lines]
    run = imported([*head, "def run(z2):", *body], "return float(a2), float(d2)", folder).run
    assert callable(run)
    return run


def imported(lines: list[str], last: str, folder: Path) -> ModuleType:
    """Write a module and import it."""
    path = folder / f"emitted_{abs(hash(tuple(lines)))}.py"
    path.write_text("\n".join([*lines, f"    {last}", ""]))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
