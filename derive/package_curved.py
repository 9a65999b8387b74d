"""What the files of the step for a loss that is no plain square are given: see ``package``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from derive.architecture import Parameter
from derive.equation import Equation
from derive.network import Network
from derive.package_lean import _call, _kept, _sizes
from derive.package_parts import (
    entries_of_slots,
    function,
    kept_entries,
    memory_of,
    others,
    shape_code,
    spare_arrays,
)
from derive.printers.numpy import special_functions
from derive.printers.text import equation_text
from derive.program.arrangement import LoweringError
from derive.program.curved_lean import (
    CurvedLeanRoutines,
    ModelRoutines,
    curved_lean_routines,
    model_routines,
)
from derive.program.routines import CurvedRoutines, Routines
from derive.program.statements import Axes
from derive.proof import Proof
from derive.quantities import N
from derive.special import definite_source, general_source

Context = dict[str, Any]


def curved_contexts(
    proof: Proof, routines: Routines, curved: CurvedRoutines, known: Sequence[Parameter]
) -> dict[str, Context]:
    """Return what the files of the step read; those without J are left out where they cannot be lowered."""
    lean = lean_or_none(proof, routines)
    model, weighted = model_routines(proof), bool(proof.network.cost_terms.weights)
    files = {
        "model.py": _model(model, proof.network),
        "damped.py": {
            "template": "curved_damped.py",
            "lean": lean is not None,
            "n_outputs": proof.architecture.sizes[-1],
        },
        "curved_step.py": _explicit(proof, routines, curved, model, known)
        | {"lean": lean is not None, "scale": _scale(proof.network), "weighted": weighted},
    }
    if lean is not None:
        shared = {
            "weighted": weighted,
            "outputs": _outputs(proof),
            "scale": _scale(proof.network),
            "n_outputs": proof.architecture.sizes[-1],
            "n_parameters": proof.architecture.n_parameters,
        }
        files |= {
            "definite.py": {"source": definite_source()},
            "general.py": {"source": general_source()},
            "gram_step.py": shared | _gram(proof, routines, lean, model, known),
            "normal_step.py": shared | _normal(proof, lean, model, known),
        }
    return files


def lean_or_none(proof: Proof, routines: Routines) -> CurvedLeanRoutines | None:
    """Return the programs of the step without J, or None where an equation of theirs has no statements."""
    assert proof.curved is not None
    assert proof.curved_lean is not None
    try:
        return curved_lean_routines(proof, proof.curved, proof.curved_lean, routines.kept)
    except LoweringError:
        return None


def _scale(network: Network) -> str:
    """Return what a unit of the cost is of the sum of the samples' costs."""
    return "float(n_samples)" if network.per_sample.has(N) else "1.0"


def _outputs(proof: Proof) -> str:
    assert proof.curved is not None
    objective = proof.curved.objective
    return equation_text(
        Equation("", "linearised outputs", objective.symbol, objective.define(proof.network))
    )


def _model(model: ModelRoutines, network: Network) -> Context:
    return {
        "tied": network.softmax,
        "shares": function(model.shares, []),
        "slope": function(model.slope, [], fills=("g",)),
        "right_side": function(model.right_side, [], fills=("right",)),
        "back": function(model.back, [], fills=("h",)),
        "decrease": function(model.decrease, []),
        "take": function(model.take, [], fills=("p_new",)),
    }


def _explicit(
    proof: Proof,
    routines: Routines,
    curved: CurvedRoutines,
    model: ModelRoutines,
    known: Sequence[Parameter],
) -> Context:
    """Return what the template of the step with J reads."""
    assert proof.curved is not None
    names, activations, spare = [item.name for item in known], list(routines.kept), spare_arrays(routines)
    by_weights, by_activations = ("weights", names), ("activations", activations)
    work = others(curved.multiply, [*activations, *spare])
    by_work = ("work", work)
    rows = ("rows", [f"J{name}" for name in names])
    primal_step, dual_step = function(model.primal, []), function(model.dual, [], fills=("h",))
    slope = function(model.slope_of, [], fills=("g",))
    return {
        "outputs": _outputs(proof),
        "special": special_functions(curved.bend, curved.differentiate, curved.multiply),
        "n_outputs": proof.architecture.sizes[-1],
        "diagonal": proof.curved.diagonal is not None,
        "bend": function(curved.bend, [by_activations, by_work], fills=("r",)),
        "differentiate": function(curved.differentiate, [by_weights, by_activations, by_work, rows]),
        "multiply": function(curved.multiply, [by_activations, by_work]),
        "memory": memory_of(curved.multiply, activations, work, spare),
        "place_of_K": work.index("K"),
        "parameters": known,
        "primal": function(curved.primal, []),
        "dual": function(curved.dual, []),
        "weigh": function(model.weigh_rows, []),
        "slope": slope,
        "slope_call": _call(slope, {"p": "p", "g": "self.g"}),
        "primal_step": primal_step,
        "primal_call": _call(primal_step, {"g": "self.g", "shift": "shift"}),
        "dual_step": dual_step,
        "dual_call": _call(dual_step, {"shift": "shift", "share": "share"}),
    }


def _gram(
    proof: Proof,
    routines: Routines,
    lean: CurvedLeanRoutines,
    model: ModelRoutines,
    known: Sequence[Parameter],
) -> Context:
    names, activations, spare = [item.name for item in known], list(routines.kept), spare_arrays(routines)
    axes, slots = lean.gram.axes, lean.gram.slots
    square = [name for name in slots if axes[name].count("n") > 1]
    plain = [name for name in slots if name not in square]
    ahead = lean.gram.arrays | lean.along.arrays | lean.bend.arrays
    in_back = lean.pull_back.arrays
    work = [name for name in plain if name in ahead]
    back = [name for name in plain if name in in_back]
    lent = [("weights", names), ("activations", activations)]
    by_work, by_square = ("work", work), ("squares", square)
    gram = function(lean.gram, [*lent, by_work, by_square], fills=("r",))
    along = function(lean.along, [*lent, by_work], fills=("Jp",))
    bend = function(lean.bend, [*lent[1:], by_work, by_square], fills=("HJp",))
    blocks = ("blocks", [f"h{name}" for name in names])
    pull_back = function(lean.pull_back, [*lent, ("back", back), blocks])
    weigh, weigh_vector = function(lean.weigh_gram, [by_square]), function(lean.weigh_vector, [])
    slope, right = function(model.slope, [], fills=("g",)), function(model.right_side, [], fills=("right",))
    step = function(model.back, [], fills=("h",))
    steps = replace(lean.gram, slots={name: slot for name, slot in slots.items() if name not in square})

    def carve(name: str, axes: Axes, slot: int) -> str:
        return f"carve(memory[{slot}], {shape_code(axes)}),  # {name}"

    local = {"t": "t", "v": "v", "p": "self.p", "share": "share"}
    return {
        "template": "curved_gram_step.py",
        "special": special_functions(lean.gram, lean.along, lean.bend, lean.pull_back),
        "matrix": lean.matrix,
        "bent_at": square.index("B"),
        "gram": gram,
        "along": along,
        "bend": bend,
        "pull_back": pull_back,
        "weigh": weigh,
        "weigh_vector": weigh_vector,
        "memory": memory_of(steps, [], [], []),
        "kept": _sizes(
            kept_entries(routines, (*activations, *spare)),
            12,
        ),
        "square_slots": _sizes(entries_of_slots(lean.gram, square), 12),
        "activations": _kept(routines, activations, 0),
        "spare": _kept(routines, spare, len(activations)),
        "work": [carve(name, axes[name], slots[name]) for name in work],
        "back": [carve(name, axes[name], slots[name]) for name in back],
        "square": [f"carve(squares[{slots[name]}], {shape_code(axes[name])}),  # {name}" for name in square],
        "gram_call": _call(gram, {}),
        "along_call": _call(along, {}),
        "bend_call": _call(bend, {}),
        "weigh_call": _call(weigh, local),
        "weigh_vector_call": _call(weigh_vector, local | {"t": "self.t"}),
        "pull_back_call": _call(pull_back, {"v": "v", "X": "self.X"}),
        "slope_call": _call(slope, {"p": "p", "g": "self.g"}),
        "right_side_call": _call(right, {"r": "self.r.reshape(-1)", "HJp": "self.HJp.reshape(-1)"} | local),
        "back_call": _call(step, local),
    }


def _normal(
    proof: Proof, lean: CurvedLeanRoutines, model: ModelRoutines, known: Sequence[Parameter]
) -> Context:
    names, outputs = [item.name for item in known], proof.architecture.sizes[-1]
    columns = list(lean.columns.slots)
    by_work = ("work", columns)
    rows = function(
        lean.columns, [("weights", names), by_work, ("rows", [f"J{n}" for n in names])], fills=("r",)
    )
    bend = function(lean.bend_rows, [by_work], fills=("K",))
    weigh, normal = function(lean.weigh_columns, []), function(lean.normal, [], fills=("S", "g"))
    accumulate, slope = function(lean.accumulate, []), function(model.slope, [], fills=("g",))
    sizes = entries_of_slots(lean.columns, columns)
    entries_of_rows = outputs * proof.architecture.n_parameters

    def carve(name: str) -> str:
        slot, shape = lean.columns.slots[name], shape_code(lean.columns.axes[name])
        return f"carve(memory[{slot}], {shape}),  # {name}".replace("n_samples", "n")

    own_sums = {"S": "self.S", "g": "self.summed", "part_S": "part_S", "part_g": "part_g"}
    return {
        "template": "curved_normal_step.py",
        "special": special_functions(lean.columns, lean.bend_rows),
        "rows": rows,
        "bend": bend,
        "weigh": weigh,
        "normal": normal,
        "accumulate": accumulate,
        "parameters": [
            {
                "name": item.name,
                "start": item.start * outputs,
                "stop": item.stop * outputs,
                "shape": item.shape,
            }
            for item in known
        ],
        "work": [carve(name) for name in columns],
        "sizes": _sizes([*sizes, outputs, entries_of_rows, entries_of_rows], 0),
        "r_slot": len(sizes),
        "j_slot": len(sizes) + 1,
        "k_slot": len(sizes) + 2,
        "rows_call": _call(rows, {}),
        "weigh_call": _call(weigh, {"t": "t"}),
        "bend_call": _call(bend, {}),
        "normal_call": _call(normal, {"J": "J", "K": "K", "r": "self.r.reshape(-1)"}),
        "accumulate_call": _call(accumulate, own_sums),
        "slope_call": _call(slope, {"p": "p", "g": "self.g", "pulled": "self.summed"}),
    }
