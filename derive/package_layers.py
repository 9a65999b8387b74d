"""What the files are given for one number for each layer in the damping: see ``package_lean``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from derive.package_parts import Function, function, memory_of, shape_code
from derive.printers.numpy import special_functions, tuple_code
from derive.program.layers import layer_routines
from derive.program.routines import Routines
from derive.proof import Proof
from derive.theorems.layer_scaling import layers_of


def layers_contexts(proof: Proof, routines: Routines, parameters: Sequence[str]) -> dict[str, Any]:
    """Return, for each file, what its template reads; ``names`` are those of the scales."""
    assert proof.layered is not None
    found = layer_routines(proof.network, proof.layered, routines.kept, set(parameters))
    layers = layers_of(proof.network)
    scales, squares = [f"scale{layer}" for layer in layers], [f"square{layer}" for layer in layers]
    slots, axes = found.squares.slots, found.squares.axes
    work = list(slots)
    memory = memory_of(found.squares, [], [], [])

    def blocks(kind: str) -> list[str]:
        return [f"{kind}{name}" for name in parameters]

    lent = [("weights", list(parameters)), ("activations", list(routines.kept)), ("work", work)]
    of_squares = function(found.squares, lent)
    numbers, returned = ("scales", scales), tuple_code([f"float({name})" for name in squares], 4)
    return {
        "names": scales,
        "scaling.py": {
            "n_layers": len(layers),
            "names": returned,
            "means": function(found.means, [("columns", blocks("K"))]),
            "spread": of_numbers(
                function(found.spread, [("blocks", blocks("C")), numbers], tuple(blocks("C")))
            ),
        },
        "layers.py": {
            "special": special_functions(found.squares),
            "n_outputs": proof.architecture.sizes[-1],
            "n_layers": len(layers),
            "ones": tuple_code(["1.0"] * len(layers), 0),
            "names": returned,
            "squares": of_squares,
            "squares_call": ", ".join(_own(parameter) for parameter in of_squares.parameters),
            "step": of_numbers(function(found.step, [("step", blocks("h")), numbers])),
            "memory": memory,
            "work": [f"carve(memory[{slots[name]}], {shape_code(axes[name])}),  # {name}" for name in work],
        },
    }


def of_numbers(made: Function, group: str = "scales") -> Function:
    """Say that the members of a group are numbers, not arrays."""
    parameters = (f"{group}: tuple[float, ...]" if p == f"{group}: Arrays" else p for p in made.parameters)
    return replace(made, parameters=tuple(parameters))


def _own(parameter: str) -> str:
    name = parameter.partition(":")[0]
    return f"self.{name}" if name == "work" else name
