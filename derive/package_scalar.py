"""What the frames of scalar code are given: names to take apart and to put together, and printed blocks."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from sympy import Min, Symbol, exp

from derive.activations import OVERFLOW_GUARD
from derive.architecture import Architecture
from derive.package_parts import INDENT, WIDTH
from derive.printers.numpy import Block, comment, tuple_code
from derive.printers.python import assignment_line, expression_code
from derive.program.scalar_functions import DescentStep, parameter_names
from derive.program.scalars import Assignment


def step_context(architecture: Architecture, step: DescentStep) -> dict[str, Any]:
    """Return what the loop over samples of a descent step reads."""
    names = parameter_names(architecture)
    return {
        "blocks": printed(step.assignments, 2 * INDENT),
        **overflow(step),
        "unpack": tuple_code(names, INDENT, WIDTH - 15, bare=True),
        "pack": tuple_code(names, INDENT, WIDTH - 10),
        **sample_names(architecture, 2 * INDENT),
    }


def overflow(step: DescentStep) -> dict[str, Any]:
    """Return whether a step takes exp of what is not bounded, and the bounded one that it falls back on."""
    return {"unbounded": step.unbounded, "bounded": expression_code(exp(Min(Symbol("u"), OVERFLOW_GUARD)))}


def sample_names(architecture: Architecture, indent: int) -> dict[str, str]:
    """Return the names of the numbers of a sample, as the tuples that take it apart."""
    inputs, outputs = architecture.sizes[0], architecture.sizes[-1]
    return {
        "inputs": tuple_code([f"X_{k}" for k in range(1, inputs + 1)], indent, WIDTH - 10, bare=True),
        "targets": tuple_code([f"Y_{j}" for j in range(1, outputs + 1)], indent, WIDTH - 10, bare=True),
    }


def printed(assignments: Sequence[Assignment], indent: int) -> tuple[Block, ...]:
    """Return the assignments of each equation under its comment."""
    lines: list[tuple[str, list[str]]] = []
    previous = None
    for assignment in assignments:
        if assignment.equation is not previous:
            previous = assignment.equation
            lines.append((comment(previous), []))
        lines[-1][1].append(_wrapped(assignment_line(assignment), previous.number, indent))
    return tuple(Block(comment, tuple(block)) for comment, block in lines)


def _wrapped(line: str, number: str, indent: int) -> str:
    """Put a long assignment on several lines, in parentheses."""
    text = f"{line}  # ({number})"
    if len(text) + indent <= WIDTH:
        return text
    name, value = line.split(" = ", 1)
    inner = wrap(value, WIDTH - indent - INDENT, break_long_words=False, break_on_hyphens=False)
    body = "".join(f"{' ' * (indent + INDENT)}{part}\n" for part in inner)
    return f"{name} = (  # ({number})\n{body}{' ' * indent})"
