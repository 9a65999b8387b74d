"""Further programs of a package: derivatives in the inputs, products with Jacobian and Hessian.

Each runs after the forward pass, over the same arrays, and is optimised together with it. Like the others
they are lowered from derived equations and from nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from itertools import pairwise

from sympy import Expr, Indexed

from derive.activations import A, Z, activation
from derive.activations.second import second_derivative
from derive.equation import Equation
from derive.network import Network
from derive.program.arrangement import LoweringError
from derive.program.lowering import Computed, Lowering
from derive.program.passes import compute_in_place, drop_unread, share_memory
from derive.program.routines import Routine, Routines, computed, forward_equations, name_array, size_of
from derive.program.statements import Program, Statement
from derive.proof import Proof
from derive.quantities import Partial, R2a, R2z, Ra, Rb, Rdelta, Ru, Rw, Rz, SigmaSecond, U, a, psi, t
from derive.theorems.acceleration import factor
from derive.theorems.further import further


def extra_equations(proof: Proof) -> dict[str, tuple[Computed, ...]]:
    """Return the equations of each further routine, in the order in which they are computed."""
    derived = further(proof.network, proof.mean, proof.output)
    return {
        key: tuple(computed_along(proof.network, item.derived.equation) for item in items)
        for key, items in derived.items()
    }


def assemble_after(proof: Proof, routines: Routines, equations: Iterable[Computed]) -> Routine:
    """Lower equations that are computed after the forward pass.

    What no other of them reads is an output; blocks of p and derivatives in X have storage of their own.

    Raises:
        LoweringError: if they need an array that the forward pass does not leave.
    """
    (routine,) = assemble_in_turn(proof, routines, [list(equations)])
    return routine


def assemble_in_turn(
    proof: Proof, routines: Routines, segments: Sequence[Sequence[Computed]], keep: Set[str] = frozenset()
) -> list[Routine]:
    """Lower several routines, of which each is called after the one before it.

    If there is something to ``keep``, outputs are that and what has storage of its own; what neither of them
    needs is not computed.

    Raises:
        LoweringError: if they need an array that the forward pass does not leave.
    """
    equations = [item for segment in segments for item in segment]
    named = [name_along(item.equation.lhs)[0] for item in equations]
    read = {name_along(q)[0] for item in equations for q in item.rhs.atoms(Indexed)}
    outputs = {name for name in named if name not in read}
    external = {name_along(item.equation.lhs)[0] for item in equations if _is_final(item.equation.lhs)}
    if keep:
        outputs = (outputs & external) | keep
    comes_in = read - set(named)
    left = set(routines.kept)
    if missing := {name for name in comes_in if name[0] in "zmq"} - left:
        raise LoweringError(f"expected the forward pass to leave {', '.join(sorted(missing))}")
    kept = {name for name in left if name[0] != "a"}
    first = {s.target.array for s in routines.forward.statements}
    inputs = {"X", "Y", *(comes_in - left)} | (routines.forward.comes_in - first)
    program = Program(inputs=inputs, outputs=outputs | kept, external=external)
    lowering = Lowering(program, name_along, size_of)
    for item in forward_equations(proof.network):
        lowering.lower(item)
    starts = []
    for segment in segments:
        starts.append(len(program.statements))
        for item in segment:
            lowering.lower(item)
    start = starts[0]
    if keep:
        needed = {id(statement) for statement in drop_unread(program).statements}
        after = [s for s in program.statements[start:] if id(s) in needed]
        starts = [start + sum(id(s) in needed for s in program.statements[start:at]) for at in starts]
        program = replace(program, statements=[*program.statements[:start], *after])
    program = compute_in_place(program, [0, *starts])
    if list(map(_shown, program.statements[:start])) != list(map(_shown, routines.forward.statements)):
        raise LoweringError("expected the forward pass of the package before a further routine")
    slots = share_memory(replace(program, outputs=program.outputs - kept))
    cuts = pairwise([*starts, len(program.statements)])
    return [Routine(tuple(program.statements[i:j]), program.axes, slots) for i, j in cuts]


def _shown(statement: Statement) -> tuple[object, ...]:
    """Return a statement without the equation, whose indices differ from one reading to the next."""
    return statement.operation, statement.target, statement.operands, statement.axis, statement.updates


def _is_final(left: Expr) -> bool:
    return isinstance(left, Partial)


def computed_along(network: Network, equation: Equation) -> Computed:
    """Write sigma'' as it is computed, and the rest as always."""

    def sigma_second(layer: Expr, at: Expr) -> Expr:
        assert network.architecture is not None
        function = activation(network.architecture.activations[int(layer) - 2])
        return second_derivative(function).xreplace({A: a[at.indices], Z: at})

    rhs = equation.rhs.replace(SigmaSecond, sigma_second)
    return Computed(equation, computed(network, replace(equation, rhs=rhs)).rhs)


# -- names ---------------------------------------------------------------------------------------------

_LETTERS = {Rw: "RW", Rb: "Rb", Rz: "Rz", Ra: "Ra", R2z: "R2z", R2a: "R2a", Rdelta: "Rd", psi: "d"}


def name_along(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Return the array that holds a quantity and its axes; a sample that occurs twice is one axis."""
    if isinstance(quantity, Partial) and quantity.v == t:
        name, axes = name_array(quantity.f.v)
        return f"H{name}", axes
    base = getattr(quantity, "base", None)
    if base in _LETTERS:
        layer, *places = quantity.indices
        return f"{_LETTERS[base]}{layer}", tuple(places)
    if base == Ru:
        layer, source, *places = quantity.indices
        return f"RU{layer}_{source}", tuple(places)
    if base in (U, factor):
        return str(base), quantity.indices
    name, axes = name_array(quantity)
    return name, tuple(dict.fromkeys(axes))
