"""The programs of one number for each layer in the damping: small routines beside the scaled Gram matrix.

The equations are those of ``derive.theorems.layer_scaling``; arrays lie as in ``derive.program.lean``. The
scale and the mean square of a layer are numbers, all else is over the blocks of p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Expr, Indexed

from derive.equation import Equation
from derive.network import Network
from derive.program.lean import lowered, outputs_first, with_numbers
from derive.program.lowering import Computed, Lowering, plainly
from derive.program.passes import compute_in_place
from derive.program.routines import Routine, computed, name_array, size_of
from derive.program.statements import Program
from derive.theorems.layer_scaling import COLUMN, PULLED, SPREAD, STEP, LayeredStep, square
from derive.theorems.weighted_step import t

_NAMES = ((COLUMN, "K"), (SPREAD, "C"), (PULLED, "h"), (STEP, "D"))
BLOCKS = {block: (letter, name) for letters, name in _NAMES for letter, block in letters.items()}


@dataclass(frozen=True)
class LayerRoutines:
    """The mean squares of the layers, from deltas or from columns; scales and h over the blocks of p."""

    squares: Routine
    means: Routine
    spread: Routine
    step: Routine


def layer_routines(
    network: Network, layered: LayeredStep, kept: Sequence[str], parameters: set[str]
) -> LayerRoutines:
    """Lower the equations; ``kept`` are the arrays that the forward pass leaves, none of which is written."""
    named = {name_of_layers(equation.lhs)[0] for equation in layered.squares}
    program = Program(
        inputs=parameters | {"X", "t", *kept}, outputs={name for name in named if name.startswith("square")}
    )
    (squares,) = lowered(program, name_of_layers, (squares_computed(network, layered),))
    return LayerRoutines(
        squares, _small(layered.means), _small(layered.spread), _small(layered.step, written=True)
    )


def squares_computed(network: Network, layered: LayeredStep) -> list[Computed]:
    """Return how the mean squares of the layers are computed from deltas and activations."""
    return [computed(network, equation) for equation in layered.squares]


def small_computed(equation: Equation) -> Computed:
    """Return how an equation over the blocks of p is computed."""
    return with_numbers(plainly(equation))


def _small(equations: Sequence[Equation], written: bool = False) -> Routine:
    """Lower equations over blocks; those that come in are written over if so wanted."""
    items = [small_computed(equation) for equation in equations]
    read = {name_of_layers(node)[0] for item in items for node in item.rhs.atoms(Indexed)}
    outputs = {name_of_layers(equation.lhs)[0] for equation in equations}
    program = Program(inputs=set() if written else read, outputs=outputs)
    lowering = Lowering(program, name_of_layers, size_of)
    for item in items:
        lowering.lower(item)
    program = compute_in_place(program)
    return Routine(tuple(program.statements), program.axes, {})


def name_of_layers(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Name the mean square of a layer, t as it is given, and arrays over the blocks of p."""
    base = getattr(quantity, "base", None)
    if base == square:
        return f"square{quantity.indices[0]}", ()
    if base == t:
        return "t", quantity.indices
    if base in BLOCKS:
        letter, name = BLOCKS[base]
        block, axes = name_array(letter[quantity.indices])
        return f"{name}{block}", axes
    return outputs_first(quantity)
