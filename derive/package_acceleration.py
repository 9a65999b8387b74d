"""What the module of geodesic acceleration is given: see ``package_extras``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from derive.package_parts import function, memory_of, others, spare_arrays
from derive.printers.numpy import special_functions
from derive.program.acceleration import acceleration_routines
from derive.program.passes import entries
from derive.program.routines import Routines
from derive.proof import Proof
from derive.theorems.further import Item


def acceleration_context(
    proof: Proof, routines: Routines, names: Sequence[str], items: Mapping[str, Sequence[Item]]
) -> dict[str, Any]:
    """Return what the template reads beside the header; ``names`` are the parameters in the order of p."""
    made = acceleration_routines(proof, routines, items)
    activations, spare = list(routines.kept), spare_arrays(routines)
    work = others(made.second, [*activations, *spare])
    lent = [("weights", list(names)), ("direction", [f"R{name}" for name in names])]
    groups = [*lent, ("activations", activations), ("work", work)]
    product = ("product", [f"g{name}" for name in names])
    largest: dict[int, int] = {}
    for name, slot in made.second.slots.items():
        largest[slot] = max(largest.get(slot, 0), entries(made.second.axes[name]))
    return {
        "special": special_functions(made.second, made.pull),
        "n_outputs": proof.architecture.sizes[-1],
        "second": function(made.second, groups),
        "pull": function(made.pull, [lent[0], *groups[2:], product]),
        "weigh": function(made.weigh, [], fills=("u",)),
        "turn": function(made.turn, [], fills=("c",)),
        "take": function(made.take, [], fills=("p_new",)),
        "memory": memory_of(made.second, activations, work, spare),
        "per_sample": sum(largest.values()),
        "result": work.index(made.result),
    }
