"""What the templates of the sweeps over kept activations, and of the iteration on them, are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from derive.errors import NotProvedError
from derive.package_parts import array_line, function, kept_entries, slot_sizes, spare_arrays, touched
from derive.printers.numpy import special_functions, tuple_code
from derive.program.routines import Routines
from derive.program.sweeps import iteration_routines, sweeps
from derive.proof import Proof
from derive.theorems.matrix_free import matrix_free


def sweeps_context(proof: Proof, routines: Routines, names: Sequence[str]) -> dict[str, Any]:
    """Return what ``products.py`` reads to keep the activations: ``names`` are those of the parameters."""
    found = sweeps(proof, routines)
    activations, spare = list(routines.kept), spare_arrays(routines)
    slots = found.forward.slots
    lent = [("weights", list(names)), ("activations", activations)]
    forward_work = touched(found.forward, list(slots))
    backward_work = touched(found.backward, list(slots))
    directions, blocks = [f"R{name}" for name in names], [f"g{name}" for name in names]
    push = function(found.forward, [lent[0], ("direction", directions), lent[1], ("work", forward_work)])
    pull = function(found.backward, [*lent, ("back", backward_work), ("product", blocks)])
    kept = kept_entries(routines, (*activations, *spare))
    growing, fixed = slot_sizes(found.forward)
    first = len(kept)

    def carve(name: str, slot: int, axes: dict[str, Any]) -> str:
        return array_line(name, f"memory[{slot}]", axes[name], "memory[0].dtype")

    passed, axes = routines.propagate.axes, found.forward.axes
    return {
        "special": special_functions(found.forward, found.backward),
        "push": push,
        "pull": pull,
        "sizes": tuple_code(list(map(str, (*kept, *growing))), 0),
        "fixed": tuple_code(list(map(str, fixed)), 0) if fixed else "",
        "activations": [carve(name, k, passed) for k, name in enumerate(activations)],
        "spare": [carve(name, k, passed) for k, name in enumerate(spare, start=len(activations))],
        "work": [carve(name, first + slots[name], axes) for name in forward_work],
        "back": [carve(name, first + slots[name], axes) for name in backward_work],
        "result": forward_work.index(found.product),
    }


def matrix_free_context(proof: Proof) -> dict[str, Any]:
    """Return what ``matrix_free.py`` reads.

    Raises:
        NotProvedError: if a part of the theorem behind it is not proved.
    """
    for part in matrix_free().parts:
        if not part.holds:
            raise NotProvedError(
                f"not proved: ({part.equation.number}): {part.faults[0]}; nothing is emitted"
            )
    found = iteration_routines()
    return {
        "n_outputs": proof.architecture.sizes[-1],
        "weigh": function(found.weigh, [], fills=("c",)),
        "leave": function(found.leave, [("work", ["t1", "t2"])]),
        "curvature": function(found.curvature, []),
        "square": function(found.square, []),
        "advance": function(found.advance, [], fills=("h_new",)),
        "turn": function(found.turn, []),
        "decrease": function(found.decrease, [("work", ["t1"])]),
        "again": function(found.again, [], fills=("c",)),
        "accumulate": function(found.accumulate, []),
        "ray": function(found.ray, [], fills=("f_new",)),
    }
