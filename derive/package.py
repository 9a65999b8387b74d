"""The contents of an emitted package: what each template is given, as plain strings and lists.

A template places these things and adds nothing of its own; every line of mathematics comes printed from the
program. ``render`` is pure: the same architecture gives the same bytes in any process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from derive.activations import activation
from derive.architecture import Architecture, Parameter
from derive.costs import SOFTMAX
from derive.extras import ACCELERATION, checked, require_fitting
from derive.header import FOLDER, commented, header
from derive.numbered import cost_equation
from derive.own_cost import cost as cost_of
from derive.package_lean import lean_contexts
from derive.package_parts import (
    Memory,
    function,
    memory_of,
    others,
    positions,
    spare_arrays,
    touched,
)
from derive.package_robust import robust_contexts
from derive.package_scalar import step_context
from derive.printers.numpy import special_functions, tuple_code
from derive.printers.python import math_functions
from derive.printers.text import equation_text
from derive.program.overhead import constants_of
from derive.program.routines import assemble
from derive.program.scalar_functions import descent_step
from derive.program.scalars import worthwhile
from derive.program.speed import ONES, faster
from derive.proof import Proof
from derive.quantities import a
from derive.special import source as special_source
from derive.templating import environment
from derive.theorems.gauss_newton import output_letter

MAX_LISTED = 6
REACH = {"tanh": 2.0, "sigmoid": 4.0, "logistic": 4.0}


def render(proof: Proof, extras: Sequence[str] = ()) -> dict[str, str]:
    """Return the files of the package by name; ``extras`` are those of ``derive.extras``.

    Raises:
        NotProvedError: if anything in the proof failed; then nothing is rendered.
        UserError: if an extra is not known, or not for such a cost.
    """
    proof.require()
    extras = checked(extras)
    require_fitting(extras, proof.squares, proof.architecture.cost)
    templates = environment("numpy", FOLDER)
    texts = contexts(proof, extras)
    head = commented(header(proof, templates, texts, extras))
    files = {}
    for name, context in texts.items():
        said = {key: value for key, value in context.items() if key != "template"}
        template = templates.get_template(f"{context.get('template', name)}.j2")
        text = template.render(header=head, **said)
        files[name] = text
    return files


def contexts(proof: Proof, extras: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """Return, for each file of the package, what its template reads beside the header."""
    architecture = proof.architecture
    routines = faster(assemble(proof))
    known = architecture.parameters
    names = [item.name for item in known]
    shared: dict[str, Any] = {"label": architecture.label}
    curved = routines.curved  # the step of a loss that is no plain square
    squares = proof.squares
    terms = cost_of(architecture.cost)
    targets = terms.targets
    step = {"steps": squares or curved is not None, "curved": curved is not None}
    cost_function = {"cost_function": "total_cost" if terms.summed else "mean_cost"}
    weighted = {"weighted": bool(terms.weights)}
    scalars = worthwhile(proof)
    inputs, outputs = architecture.sizes[0], architecture.sizes[-1]

    activations = list(routines.kept)
    by_weights, by_activations = ("weights", names), ("activations", activations)
    spare = spare_arrays(routines)
    lent = [by_weights, by_activations, *([("spare", spare)] if spare else [])]
    of_costs = others(routines.mean_cost, [*activations, *spare])
    cost_work, sample_work = (touched(r, of_costs) for r in (routines.mean_cost, routines.sample_costs))
    backward = others(routines.backpropagate, [*activations, *spare]) + constants_of(routines.backpropagate)
    rows = others(routines.differentiate, [*activations, *spare])
    files: dict[str, dict[str, Any]] = {
        "__init__.py": {**step, "squares": squares, "extras": extras},
        "__main__.py": {
            **cost_function,
            "steps": step["steps"],
            "extras": extras,
            "through_outputs": output_letter(proof.network) == a,
            "last": _last_layer(architecture),
            "targets": targets,
            "scalars": scalars,
            "n_inputs": inputs,
            "n_outputs": outputs,
        },
        "parameters.py": {
            **weighted,
            "sizes": tuple_code(list(map(str, architecture.sizes)), 0),
            "n_parameters": architecture.n_parameters,
            "names": tuple_code([f'"{name}"' for name in names], 0),
            "reach": tuple_code([_reach(architecture, item) for item in known], 0),
            "fan_in": tuple_code([_fan_in(architecture, item) for item in known], 0),
            "listed": ", ".join(names if len(names) <= MAX_LISTED else [*names[:MAX_LISTED], "..."]),
            "n_inputs": inputs,
            "n_outputs": outputs,
            "parameters": known,
            "targets": targets,
            "wiring": wiring(architecture),
            "weights": tuple_code([repr(float(weight)) for weight in terms.weights], 0),
        },
        "forward.py": {
            **weighted,
            **cost_function,
            "special": special_functions(routines.propagate, routines.mean_cost, routines.sample_costs),
            "n_inputs": inputs,
            "n_outputs": outputs,
            "cost_equation": equation_text(cost_equation(proof.network)),
            "propagate": function(routines.propagate, lent),
            "mean_cost": function(routines.mean_cost, [by_activations, ("work", cost_work)]),
            "sample_costs": function(
                routines.sample_costs, [by_activations, ("sample_work", sample_work)], fills=("costs",)
            ),
            "sample_work": memory_of(routines.sample_costs, [], sample_work, []).work,
            "residual": function(routines.residual, [by_activations], fills=("r",)),
            "memory": memory_of(routines.mean_cost, activations, cost_work, spare),
        },
        "gradient.py": {
            **weighted,
            **cost_function,
            "special": special_functions(routines.backpropagate),
            "conventions": conventions(architecture),
            "sums": ONES in routines.backpropagate.comes_in,
            "backpropagate": function(
                routines.backpropagate,
                [by_weights, by_activations, ("work", backward), ("gradient", [f"g{n}" for n in names])],
            ),
            "memory": memory_of(routines.backpropagate, activations, backward, spare),
            "cost_work": positions(backward, cost_work),
        },
        "lm_step.py": {
            "squares": squares,
            "matrix_free": "matrix-free" in extras,
            "special": special_functions(routines.differentiate),
            "n_outputs": outputs,
            "differentiate": function(
                routines.differentiate,
                [by_weights, by_activations, ("work", rows), ("rows", [f"J{n}" for n in names])],
            ),
            "memory": memory_of(routines.differentiate, activations, rows, spare),
            "parameters": known,
            "primal": function(routines.primal, []),
            "dual": function(routines.dual, []),
        },
        "train.py": {
            "scalars": scalars,
            "descend": function(routines.descend, []),
        },
        "threads.py": {},
    }
    if squares:
        files |= lean_contexts(proof, routines, known, "matrix-free" in extras) | robust_contexts()
    if step["steps"]:
        files |= _training(proof, extras)
    if extras:
        from derive.package_extras import extra_contexts

        files |= extra_contexts(proof, routines, names, extras)
    if curved is not None:
        from derive.package_curved import curved_contexts

        files |= curved_contexts(proof, routines, curved, known)
    files["parameters.py"]["fixed"] = any(memory.fixed for memory in _memories(files.values()))
    if any(context.get("special") for context in files.values()):
        files["special.py"] = {"source": special_source()}
    if scalars:
        files["sample_steps.py"] = _scalar_context(proof)
    carried = ("definite.py", "general.py", "threads.py")
    return {name: context if name in carried else shared | context for name, context in files.items()}


def _training(proof: Proof, extras: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what the files of Levenberg-Marquardt training read: on what scale a step sees the cost.

    For a sum of squares it sees ||r||^2, of which the samples' costs are half, for other losses their sum.
    """
    squares = {"squares": proof.squares}
    scale = {"mean": not proof.network.cost_terms.summed, "per_cost": 2.0 if proof.squares else 1.0}
    return {
        "damping.py": {},
        "history.py": {},
        "fit.py": squares | scale | {"matrix_free": "matrix-free" in extras},
        "levenberg_marquardt.py": squares | {"acceleration": ACCELERATION in extras},
        "mini_batches.py": squares,
    }


def _reach(architecture: Architecture, block: Parameter) -> str:
    """Return how far from 0 the activation fed by a block still slopes, for a random start; 0 if unknown."""
    inner = block.source in (None, block.layer - 1)
    return str(REACH.get(architecture.activations[block.layer - 2], 0.0) if inner else 0.0)


def _fan_in(architecture: Architecture, block: Parameter) -> str:
    """Return the size of the layer that a block takes from; a bias counts as the weights beside it."""
    return str(architecture.sizes[(block.source or block.layer - 1) - 1])


def _last_layer(architecture: Architecture) -> tuple[int, int] | None:
    """Return where in p the parameters of the last layer lie, if it has any of its own."""
    own = [item for item in architecture.parameters if item.layer == architecture.depth]
    return (own[0].start, own[-1].stop) if own else None


def _memories(contexts: Iterable[Mapping[str, Any]]) -> Iterator[Memory]:
    """Yield the memory of every workspace; a module with several has one context for each."""
    for context in contexts:
        if isinstance(context.get("memory"), Memory):
            yield context["memory"]
        yield from _memories(value for value in context.values() if isinstance(value, Mapping))


def wiring(architecture: Architecture) -> list[str]:
    """Say how layers are joined where one takes from more than the layer before, or shares its weights."""
    said = []
    for layer, joint in enumerate(architecture.joints, start=2):
        main, *skips = joint.links
        assert main.weights is not None
        owner = main.weights.layer
        if owner != layer:
            turned = ", transposed" if main.transposed else ""
            also = f" and b[{owner}]" if joint.bias == owner else ""
            said.append(f"Layer {layer} has W[{owner}]{turned}{also} for its own.")
        for link in skips:
            what = f"layer {link.source}, as it is" if link.weights is None else f"U[{layer},{link.source}]"
            by = "" if link.weights is None else f" times layer {link.source}"
            said.append(f"Layer {layer} adds {what}{by}.")
    return said


def conventions(architecture: Architecture) -> list[str]:
    """Say, for the activations that have no derivative somewhere, what is taken for it."""
    names = [name for name in sorted(set(architecture.activations)) if name != SOFTMAX]
    return [f"{name}: {said}." for name in names if (said := activation(name).convention)]


def _scalar_context(proof: Proof) -> dict[str, Any]:
    step = descent_step(proof)
    return {
        "functions": math_functions(step.assignments),
        **step_context(proof.architecture, step),
    }
