"""The contents of the Python target: one file of scalar code that imports the standard library alone.

A template places what it is given and adds no formula; every line of mathematics comes printed from scalar
assignments. ``render`` is pure: the same architecture gives the same bytes in any process.
"""

from __future__ import annotations

from typing import Any

from sympy import Symbol

from derive.architecture import Architecture
from derive.errors import UserError
from derive.header import FOLDER, commented, header
from derive.numbered import cost_equation
from derive.own_cost import cost as cost_of
from derive.package import MAX_LISTED, conventions, wiring
from derive.package_parts import INDENT, WIDTH
from derive.package_scalar import overflow, printed, sample_names
from derive.printers.numpy import tuple_code
from derive.printers.python import expression_code, math_functions
from derive.printers.text import equation_text
from derive.program.scalar_functions import descent_step, parameter_names, scalar_functions
from derive.proof import Proof
from derive.quantities import N
from derive.templating import environment

MAX_PARAMETERS = 1000  # four functions of a few lines for each: longer files are slow to prove and to load


def file_name(architecture: Architecture) -> str:
    """Return the name of the file: ``sigmoid_2_2_3_2_scalar.py``."""
    return f"{architecture.package_name}_scalar.py"


def require_small(architecture: Architecture) -> None:
    """Refuse what is too large to be written out.

    Raises:
        UserError: if there are more than ``MAX_PARAMETERS`` parameters.
    """
    if architecture.n_parameters > MAX_PARAMETERS:
        raise UserError(
            f"expected at most {MAX_PARAMETERS} parameters for --target python, which writes out every one, "
            f"got {architecture.n_parameters}; take --target numpy or c"
        )


def render(proof: Proof) -> dict[str, str]:
    """Return the file by its name.

    Raises:
        NotProvedError: if anything in the proof failed; then nothing is rendered.
        UserError: if the network is too large.
    """
    proof.require()
    require_small(proof.architecture)
    templates = environment("python", FOLDER)
    context = _context(proof)
    head = commented(header(proof, templates, context, target="python"))
    text = templates.get_template("net.py.j2").render(header=head, **context)
    return {file_name(proof.architecture): text}


def _context(proof: Proof) -> dict[str, Any]:
    architecture = proof.architecture
    functions, step = scalar_functions(proof), descent_step(proof)
    names = parameter_names(architecture)
    outside, inside = (sample_names(architecture, indent) for indent in (INDENT, 2 * INDENT))
    everything = (*functions.forward, *functions.cost, *functions.gradient, *step.assignments)
    outputs = architecture.sizes[-1]
    blocks = [item.name for item in architecture.parameters]
    in_words = {N: Symbol("count")}
    return {
        "label": architecture.label,
        "n_inputs": architecture.sizes[0],
        "n_outputs": outputs,
        "n_parameters": architecture.n_parameters,
        "sizes": tuple_code(list(map(str, architecture.sizes)), 0),
        "blocks": _blocks(architecture),
        "listed": ", ".join(blocks if len(blocks) <= MAX_LISTED else [*blocks[:MAX_LISTED], "..."]),
        "wiring": wiring(architecture),
        "conventions": conventions(architecture),
        "cost_equation": equation_text(cost_equation(proof.network)),
        "targets": cost_of(architecture.cost).targets,
        "functions": sorted({*math_functions(everything), "inf", "isfinite"}),
        "unpack": tuple_code(names, INDENT, WIDTH - 4, bare=True),
        "pack": tuple_code(names, INDENT, WIDTH - 7),
        "inputs_outside": outside["inputs"],
        "inputs": inside["inputs"],
        "targets_of": inside["targets"],
        "outputs": ", ".join(f"a{architecture.depth}_{j}" for j in range(1, outputs + 1)),
        "sums": [f"g{name}" for name in names],
        "gathered": _listed([f"g{name}" for name in names]),
        "counted": functions.share.has(N),
        "share": expression_code(functions.share.xreplace(in_words)),
        "finish": expression_code(functions.finish.xreplace(in_words)),
        "forward": printed(functions.forward, INDENT),
        "cost": printed(functions.cost, 2 * INDENT),
        "gradient": printed(functions.gradient, 2 * INDENT),
        "descend": printed(step.assignments, 2 * INDENT),
        **overflow(step),
    }


def _listed(names: list[str]) -> str:
    """Print a list, on one line if it fits and else one name a line."""
    code = tuple_code(names, INDENT, WIDTH - 7)
    return f"[{code[1:-1].removesuffix(',') if len(names) == 1 else code[1:-1]}]"


def _blocks(architecture: Architecture) -> str:
    """Print the name, size and number of inputs of each block, a row a line."""
    rows = []
    for item in architecture.parameters:
        taken = item.shape[1] if len(item.shape) > 1 else 0
        rows.append(f'    ("{item.name}", {item.stop - item.start}, {taken}),\n')
    return f"(\n{''.join(rows)})"
