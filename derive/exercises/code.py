"""Complete the code line: what the generator writes for one equation, with one line left out.

A line is judged by what it does: the block is run with random numbers, as the generator wrote it and as it
was completed, and the arrays are compared. In the terminal no line is run as Python (``numpy_lines``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from random import Random
from typing import Any

import numpy as np

from derive.activations import ACTIVATIONS, Z
from derive.architecture import Architecture
from derive.equation import Equation
from derive.errors import UserError
from derive.exercises.blocks import Code, Prose, Row, Rows, spelled_equation
from derive.exercises.exercise import Exercise, Function
from derive.exercises.grade import Grade, malformed, right, wrong
from derive.exercises.numpy_lines import Arrays, run_line
from derive.numbered import activation_equation
from derive.printers.numpy import statement_line
from derive.program.routines import Routine, assemble
from derive.program.statements import Axes, Scalar
from derive.proof import prove
from derive.quantities import N, Sigma, SigmaPrime

ARCHITECTURES = ("2-3-1", "2-2-3-2")
SAMPLES = 5
BLANK = "____"
_COUNTED = ("one argument", "two arguments", "three arguments")


@dataclass(frozen=True)
class _Block:
    """The lines for one equation, the sizes of its arrays, and what the lines write."""

    architecture: str
    equation: Equation
    lines: tuple[str, ...]
    axes: dict[str, Axes]
    result: str
    written: frozenset[str]

    @property
    def arrays(self) -> tuple[str, ...]:
        """The names of the arrays, in order."""
        return tuple(sorted(self.axes))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Their shapes for a few samples."""
        known = {"n": SAMPLES}
        return {
            name: tuple(known.get(str(size)) or int(size) for size in self.axes[name]) for name in self.arrays
        }

    def numbers(self) -> Arrays:
        """Return random numbers for every array; the same every time."""
        rng = np.random.default_rng(0)
        arrays = {name: np.asarray(rng.uniform(0.1, 0.9, shape)) for name, shape in self.shapes.items()}
        if "n" in arrays:
            arrays["n"] = np.asarray(float(SAMPLES))
        return arrays


@cache
def _blocks() -> tuple[tuple[_Block, int], ...]:
    """Return every line that can be left out: its block and its place. A line that changes nothing cannot."""
    found = []
    for text in ARCHITECTURES:
        routines = assemble(prove(Architecture.parse(text), brute_force=False))
        for routine in (routines.propagate, routines.backpropagate):
            for block in _cut(text, routine):
                done = _run(block.lines, block.numbers())
                for blank in range(len(block.lines)):
                    others = (*block.lines[:blank], *block.lines[blank + 1 :])
                    if _difference(block, done, _run(others, block.numbers())):
                        found.append((block, blank))
    return tuple(found)


def _cut(architecture: str, routine: Routine) -> list[_Block]:
    """Cut a routine into the lines of each equation."""
    blocks = []
    for _, group in groupby(routine.statements, key=lambda statement: id(statement.equation)):
        statements = list(group)
        names = {name for s in statements for name in s.arrays} - {N.name}
        axes = {name: routine.axes[name] for name in names}
        if any(isinstance(op, Scalar) and op.value.has(N) for s in statements for op in s.operands):
            axes["n"] = ()
        lines = tuple(statement_line(s, routine.axes, exists=True) for s in statements)
        written = frozenset(s.target.array for s in statements)
        result = statements[-1].target.array
        blocks.append(_Block(architecture, statements[0].equation, lines, axes, result, written))
    return blocks


def _run(lines: tuple[str, ...], arrays: Arrays) -> Arrays:
    """Run lines on arrays and return the arrays that were handed in, as they are then."""
    names = dict(arrays)
    for line in lines:
        run_line(line, names)
    return arrays


def _difference(block: _Block, wanted: Arrays, found: Arrays) -> str:
    """Say which array is not as it should be: the result, or one that must be left alone."""
    for name in (block.result, *(name for name in block.arrays if name not in block.written)):
        if not np.allclose(wanted[name], found[name], rtol=1e-9, atol=1e-12):
            return name
    return ""


def complete_the_line(seed: int) -> Exercise:
    """Draw a block and the line that is left out."""
    random = Random(f"code {seed}")
    blocks = _blocks()
    block, blank = random.choice(blocks)
    wanted = _run(block.lines, block.numbers())
    line = block.lines[blank]
    shown = (*block.lines[:blank], BLANK, *block.lines[blank + 1 :])

    def judge(found: Arrays) -> Grade:
        name = _difference(block, wanted, found)
        if not name:
            return right("with random numbers it leaves the same result as the generated line")
        if name != block.result:
            return wrong(f"{name} must be left as it is")
        return wrong(
            f"with random numbers, {name} is not what the equation says; is it written into, with out=?"
        )

    def check(text: str) -> Grade:
        completed = block.numbers()
        try:
            _run((*block.lines[:blank], text, *block.lines[blank + 1 :]), completed)
        except UserError as problem:
            return malformed(str(problem))
        return judge(completed)

    def check_function(function: Callable[..., Any]) -> Grade:
        completed = block.numbers()
        function(**completed)
        return judge(completed)

    equations = [block.equation]
    if block.equation.rhs.has(SigmaPrime):
        equations.append(activation_equation(ACTIVATIONS["sigmoid"]))
    if block.equation.rhs.has(Sigma):
        definition = ACTIVATIONS["sigmoid"].definition
        equations.append(Equation("", "activation", Sigma(0, Z), definition))
    operation, _, arguments = line.partition("(")
    target = arguments.rpartition("out=")[2].rstrip(")") or block.result
    operands = arguments.rpartition(", out=")[0]
    return Exercise(
        "code",
        seed,
        "Complete the code line",
        (
            Prose(
                f"From the code for the network {block.architecture} with n samples, one a row. "
                f"These lines compute"
            ),
            Rows(
                tuple(
                    Row(f"({eq.number})" if eq.number else "", spelled_equation(eq, samples=True))
                    for eq in equations
                )
            ),
            Prose(
                "in place: an array is written over and over until it holds what it is named for, "
                "and others that are not needed any more are used up."
            ),
            Code(shown),
            Prose(f"The arrays: {'; '.join(_shape(name, block.axes[name]) for name in block.arrays)}."),
            Prose(
                "Write the line that is missing. Answer with one statement, such as `np.square(t, out=t)`."
            ),
        ),
        (
            (
                Prose(
                    "Follow what each array holds from line to line. What is still missing from the equation?"
                ),
            ),
            (Prose(f"The missing line calls `{operation}`."),),
            (Prose(f"It writes into `{target}`, and takes {_COUNTED[operands.count(',')]} before `out=`."),),
        ),
        line,
        (
            Prose("The generator writes"),
            Code(tuple(f"{'> ' if n == blank else '  '}{code}" for n, code in enumerate(block.lines))),
        ),
        check,
        Function(block.shapes, block.lines, blank, check_function),
    )


_HELD = {
    "a": "a[{}]",
    "d": "delta[{}]",
    "W": "W[{}]",
    "b": "b[{}]",
    "gW": "dCost/dW[{}]",
    "gb": "dCost/db[{}]",
}


def _shape(name: str, axes: Axes) -> str:
    """Say what an array holds once it is computed, and its shape."""
    letter, layer = name.rstrip("0123456789"), name.lstrip("abdgW")
    held = f" for {_HELD[letter].format(layer)}" if letter in _HELD else ""
    if not axes:
        return f"`{name}`, a number"
    return f"`{name}`{held}, {' by '.join(map(str, axes))}{' entries' * (len(axes) == 1)}"
