"""What the files of the steps without the Jacobian are given: see ``package``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from derive.architecture import Parameter
from derive.package_layers import layers_contexts, of_numbers
from derive.package_parts import (
    Function,
    array_line,
    constant_line,
    entries_of_slots,
    function,
    kept_entries,
    memory_of,
    shape_code,
    spare_arrays,
)
from derive.package_weighted import weighted_contexts
from derive.printers.numpy import special_functions, tuple_code
from derive.program.lean import lean_routines
from derive.program.overhead import constants_of
from derive.program.routines import Routines
from derive.program.speed import ONES, faster_steps
from derive.program.statements import Axes
from derive.proof import Proof
from derive.special import definite_source


def lean_contexts(
    proof: Proof, routines: Routines, known: Sequence[Parameter], matrix_free: bool
) -> dict[str, dict[str, Any]]:
    """Return what the files of the step without the Jacobian read."""
    assert proof.lean is not None
    lean = faster_steps(lean_routines(proof, proof.lean, routines.kept))
    sizes = proof.architecture.sizes
    names, activations, spare = [item.name for item in known], list(routines.kept), spare_arrays(routines)
    lent = [("weights", names), ("activations", activations)]
    axes, slots = lean.gram.axes, lean.gram.slots
    square = [name for name in slots if axes[name].count("n") > 1]
    in_gram, in_back = lean.gram.arrays, lean.pull_back.arrays
    gram_work = [name for name in slots if name not in square and name in in_gram]
    back_work = [name for name in slots if name not in square and name in in_back]
    of_gram, of_back = constants_of(lean.gram), constants_of(lean.pull_back)
    kept_slots = kept_entries(routines, (*activations, *spare))
    lean_steps = replace(lean.gram, slots={name: slot for name, slot in slots.items() if name not in square})
    layers = layers_contexts(proof, routines, names)
    gram_lent = [*lent, ("work", gram_work + of_gram), ("squares", square), ("scales", layers["names"])]
    gram = of_numbers(function(lean.gram, gram_lent, fills=("r",)), "scales")
    pull_back = function(
        lean.pull_back, [*lent, ("work", back_work + of_back), ("step", [f"h{name}" for name in names])]
    )
    of_steps = {"step": "blocks", "work": "self.back", "v": "v", "X": "self.X"}

    def carve(name: str, axes: Axes, slot: int) -> str:
        return f"carve(memory[{slot}], {shape_code(axes)}),  # {name}"

    columns, of_rows = list(lean.rows.slots), constants_of(lean.rows)
    in_rows = [("weights", names), ("work", columns + of_rows), ("rows", [f"J{n}" for n in names])]
    rows = function(lean.rows, in_rows, fills=("r",))
    accumulate = function(lean.accumulate, [])
    own_sums = {"S": "self.S", "g": "self.g", "part_S": "part_S", "part_g": "part_g"}
    normal = function(lean.normal, [], fills=("S", "g"))
    sizes_of_columns = entries_of_slots(lean.rows, columns)
    first = len(sizes_of_columns)
    weighted = weighted_contexts(proof, routines, names, f"self.squares[{square.index(lean.matrix)}]")
    return {
        "definite.py": {"source": definite_source()},
        "ridge.py": weighted["ridge.py"],
        "scaling.py": weighted["scaling.py"] | layers["scaling.py"],
        "layers.py": layers["layers.py"],
        "gram_step.py": weighted["gram_step.py"]
        | {
            "special": special_functions(lean.gram, lean.pull_back, weighted["along"]),
            "n_outputs": sizes[-1],
            "n_parameters": proof.architecture.n_parameters,
            "matrix": lean.matrix,
            "matrix_at": square.index(lean.matrix),
            "gram": gram,
            "pull_back": pull_back,
            "decrease": function(lean.dual_decrease, []),
            "memory": memory_of(lean_steps, [], [], []),
            "kept": _sizes(kept_slots, 12),
            "square_slots": _sizes(entries_of_slots(lean.gram, square), 12),
            "activations": _kept(routines, activations, 0),
            "spare": _kept(routines, spare, len(activations)),
            "work": [
                *(carve(name, axes[name], slots[name]) for name in gram_work),
                *map(constant_line, of_gram),
            ],
            "back": [
                *(carve(name, axes[name], slots[name]) for name in back_work),
                *map(constant_line, of_back),
            ],
            "sums": ONES in lean.pull_back.comes_in,
            "square": [
                f"carve(squares[{slots[name]}], {shape_code(axes[name])}),  # {name}" for name in square
            ],
            "gram_call": _call(gram, {}),
            "pull_back_call": _call(pull_back, of_steps),
        },
        "normal_step.py": weighted["normal_step.py"]
        | {
            "special": special_functions(lean.rows),
            "n_outputs": sizes[-1],
            "n_parameters": proof.architecture.n_parameters,
            "rows": rows,
            "accumulate": accumulate,
            "accumulate_call": _call(accumulate, own_sums),
            "normal": normal,
            "decrease": function(lean.primal_decrease, []),
            "parameters": [
                {
                    "name": item.name,
                    "start": item.start * sizes[-1],
                    "stop": item.stop * sizes[-1],
                    "shape": item.shape,
                }
                for item in known
            ],
            "work": [
                *(
                    carve(name, lean.rows.axes[name], lean.rows.slots[name]).replace("n_samples", "n")
                    for name in columns
                ),
                *(constant_line(name, "np.float64") for name in of_rows),
            ],
            "sizes": _sizes(
                [
                    *sizes_of_columns,
                    sizes[-1],
                    sizes[-1] * proof.architecture.n_parameters,
                ],
                0,
            ),
            "r_slot": first,
            "j_slot": first + 1,
            "normal_call": _call(normal, {"J": "self.J", "r": "self.r.reshape(-1)"}),
            "rows_call": _call(rows, {name: f"self.{name}" for name in ("r", "work", "rows")}),
        },
        "damped.py": {
            "n_outputs": sizes[-1],
            "matrix_free": matrix_free,
            "take": function(lean.take, [], fills=("p_new",)),
        },
    }


def _sizes(sizes: list[int], indent: int) -> str:
    return tuple_code(list(map(str, sizes)), indent)


def _kept(routines: Routines, names: list[str], first: int) -> list[str]:
    """Return the lines that give arrays of the forward pass memory of their own."""
    axes = routines.propagate.axes
    return [array_line(name, f"kept[{first + k}]", axes[name]) for k, name in enumerate(names)]


def _call(made: Function, known: dict[str, str]) -> str:
    """Return the arguments of a call in a method: what has the parameter's name, or what is said."""
    local = ("X", "Y", "weights", "S", "g")
    names = [parameter.split(":")[0] for parameter in made.parameters]
    return ", ".join(known.get(n, n if n in local else f"self.{n}") for n in names)
