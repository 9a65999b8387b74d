"""The contents of the modules that ``--with`` adds to a package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from derive.activations import activation
from derive.activations.second import jumps
from derive.costs import SOFTMAX
from derive.extras import ACCELERATION, EXTRAS, module
from derive.package_acceleration import acceleration_context
from derive.package_free import matrix_free_context, sweeps_context
from derive.package_parts import function, memory_of, others, spare_arrays
from derive.printers.numpy import special_functions
from derive.program.extras import assemble_after, computed_along
from derive.program.routines import Routine, Routines
from derive.proof import Proof
from derive.theorems.further import (
    GAUSS_NEWTON_PRODUCT,
    HESSIAN_PRODUCT,
    INPUT_GRADIENT,
    INPUT_JACOBIAN,
    JACOBIAN_PRODUCT,
    further,
    require_replayed,
)
from derive.theorems.gauss_newton import output_letter

_BLOCKS = {HESSIAN_PRODUCT: "H", INPUT_GRADIENT: "", INPUT_JACOBIAN: "", JACOBIAN_PRODUCT: ""}
_ALONE = {INPUT_GRADIENT: ("gX",), INPUT_JACOBIAN: ("JX",)}
_SAYS = {
    "input-jacobian": ("n_inputs", "n_outputs", "weighted"),
    "products": ("n_outputs",),
    "hessian": ("conventions", "weighted"),
    "gauss-newton": ("outputs", "weighted"),
}  # what a module's text names
_ALONG = (JACOBIAN_PRODUCT, HESSIAN_PRODUCT, GAUSS_NEWTON_PRODUCT)


def extra_contexts(
    proof: Proof, routines: Routines, names: Sequence[str], extras: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return, for each file that is added, what its template reads beside the header.

    ``names`` are the parameters in the order of p.

    Raises:
        NotProvedError: if a step of what is derived for them is not accepted.
    """
    if not extras:
        return {}
    network, derived = proof.network, further(proof.network, proof.mean, proof.output)
    wanted = {routine: derived[routine] for extra in extras for routine in EXTRAS[extra]}
    require_replayed(network, (item for items in wanted.values() for item in items))
    ready = {}
    own = EXTRAS[ACCELERATION]
    for key, items in wanted.items():
        if key in own:
            continue
        equations = [computed_along(network, item.derived.equation) for item in items]
        ready[key] = assemble_after(proof, routines, equations)
    sizes = proof.architecture.sizes
    files: dict[str, dict[str, Any]] = {}
    said: dict[str, Any]
    if "matrix-free" in extras:
        files["matrix_free.py"] = matrix_free_context(proof)
    if ACCELERATION in extras:
        said = {"conventions": _conventions(proof)}
        files[module(ACCELERATION)] = acceleration_context(proof, routines, names, wanted) | said
    for extra in (extra for extra in extras if extra not in ("matrix-free", ACCELERATION)):
        context = {key: _context(key, ready[key], routines, names) for key in EXTRAS[extra]}
        said = {
            "n_inputs": sizes[0],
            "n_outputs": sizes[-1],
            "conventions": _conventions(proof),
            "weighted": bool(network.cost_terms.weights),
            "outputs": f"{output_letter(network)}[{proof.architecture.depth}]",
        }
        context |= {name: said[name] for name in _SAYS[extra]}
        special = special_functions(*(ready[key] for key in EXTRAS[extra]))
        if extra == "products":
            context["sweeps"] = sweeps_context(proof, routines, names)
            special = tuple(sorted({*special, *context["sweeps"]["special"]}))
        files[module(extra)] = context | {"special": special}
    return files


def _context(key: str, routine: Routine, routines: Routines, names: Sequence[str]) -> dict[str, Any]:
    activations, spare = list(routines.kept), spare_arrays(routines)
    work = others(routine, [*activations, *spare])
    groups = [("weights", list(names))]
    groups += [("direction", [f"R{name}" for name in names])] if key in _ALONG else []
    groups += [("activations", activations), ("work", work)]
    letter = _BLOCKS.get(key, "g")
    groups += [("product", [f"{letter}{name}" for name in names])] if letter else []
    context: dict[str, Any] = {
        "function": function(routine, groups, fills=_ALONE.get(key, ())),
        "memory": memory_of(routine, activations, work, spare),
    }
    if key == JACOBIAN_PRODUCT:
        context["result"] = work.index(routine.statements[-1].target.array)
    return context


def _conventions(proof: Proof) -> list[str]:
    """Say, for the activations whose second derivative jumps, where it does."""
    said = []
    for name in sorted(set(proof.architecture.activations) - {SOFTMAX}):
        places = ", ".join(map(str, jumps(activation(name).definition)))
        if places:
            said.append(f"{name.partition(':')[0]}: there is no second derivative where z is {places}.")
    return said
