"""How the forward pass moves along the parameters themselves: (7.1)-(7.3) for the direction p."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Indexed

from derive.calculus.derivation import Deriving
from derive.calculus.rules import PREMISE
from derive.equation import Equation
from derive.network import Network
from derive.quantities import Rb, Ru, Rw, b, u, w
from derive.theorems.along import Along, forward_along
from derive.theorems.theorem import Given, Part

_OWN = {Rw: w, Ru: u, Rb: b}


@dataclass(frozen=True)
class MovedAlong:
    """An equation for the direction p, the proof for any direction, and what p alters in it, if anything."""

    equation: Equation
    found: Part
    turned: Part | None


def forward_along_p(network: Network) -> tuple[MovedAlong, ...]:
    """Derive the forward equations for the direction p from those for any direction."""
    moved = []
    for derived in forward_along(network):
        found = derived.equation
        nodes = (node for node in sorted(found.rhs.atoms(Indexed), key=str) if node.base in _OWN)
        turned = [Equation("", "the direction is p", node, _OWN[node.base][node.indices]) for node in nodes]
        work = Deriving(found.rhs, given := Given((), tuple(turned)))
        for item in turned:
            work.step(PREMISE, item.lhs, item.rhs, item.name)
        name = f"{found.name.removesuffix('v')}p"
        moved.append(
            MovedAlong(
                Equation(found.number, name, found.lhs, work.now),
                Part(found, derived.derivation, Along(network)),
                Part(Equation(found.number, name, found.rhs, work.now), work.done(), given)
                if turned
                else None,
            )
        )
    return tuple(moved)
