"""What the files of the steps are given for weights and a ridge: see ``package_lean``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from derive.package_parts import Function, function, memory_of, shape_code
from derive.program.routines import Routine, Routines
from derive.program.weighted import weighted_routines
from derive.proof import Proof


def weighted_contexts(proof: Proof, routines: Routines, names: Sequence[str], matrix: str) -> dict[str, Any]:
    """Return, for each file, what its template reads; ``along`` is the routine of J p.

    ``names`` are the parameters in the order of p; ``matrix`` is where a workspace has J J^T.
    """
    found = weighted_routines(proof, routines.kept, set(names))
    lent = [("weights", list(names)), ("activations", list(routines.kept))]
    work = list(found.along.slots)
    memory = memory_of(found.along, [], [], [])
    gram, rows, vector = (
        function(found.gram, []),
        function(found.rows, []),
        function(found.vector, [], fills=("tv",)),
    )
    scales = function(found.scales, [], fills=("scale",))
    scaled = function(found.scaled, [], fills=("Z", "gz"))
    unscaled = function(found.unscaled, [], fills=("h",))
    slope, step, along = (
        function(found.slope, []),
        function(found.step, []),
        function(found.along, [*lent, ("work", work)], fills=("Jp",)),
    )
    return {
        "along": found.along,
        "ridge.py": {
            "shifts": function(found.shifts, []),
            "slope": slope,
            "step": step,
            "effective": function(found.effective, []),
        },
        "scaling.py": {
            "scales": scales,
            "scaled": scaled,
            "unscaled": unscaled,
            "scales_call": _call(scales, largest="self.largest", scale="self.scale"),
            "scaled_call": _call(scaled, scale="self.scale", Z="self.Z", gz="self.gz"),
            "unscaled_call": _call(unscaled, scale="self.scale", h="self.h"),
        },
        "gram_step.py": {
            "weigh": gram,
            "weigh_call": _call(gram, Q=matrix, r="self.r"),
            "weigh_vector": vector,
            "weigh_v_call": _call(vector, t="self.t", tv="self.tv"),
            "weigh_product_call": _call(vector, t="self.t", v="product", tv="product"),
            "along": along,
            "along_call": _call(along, work="self.work", Jp="self.Jp"),
            "slope_call": _call(slope, p="self.p", pulled="self.downhill", ridge="self.ridge"),
            "step_call": _call(step, p="self.p", pulled="self.h"),
            "along_slots": memory.slots,
            "along_fixed": memory.fixed,
            "along_work": [_carve(found.along, name) for name in work],
        },
        "normal_step.py": {
            "weigh": rows,
            "weigh_call": _call(rows, J="self.by_sample", r="self.r"),
            "slope_call": _call(slope, pulled="self.g", ridge="self.ridge"),
        },
    }


def _call(made: Function, **said: str) -> str:
    """Return the arguments of a call: what has the parameter's name, or what is said."""
    names = (parameter.split(":")[0] for parameter in made.parameters)
    return ", ".join(said.get(name, name) for name in names)


def _carve(routine: Routine, name: str) -> str:
    return f"carve(memory[{routine.slots[name]}], {shape_code(routine.axes[name])}),  # {name}"
