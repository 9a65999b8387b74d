"""How the forward pass moves along the parameters themselves: (7.1)-(7.3) for the direction p."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Indexed, IndexedBase, Integer

from derive.calculus.derivation import Deriving
from derive.calculus.rules import PREMISE
from derive.equation import Equation
from derive.network import Network
from derive.quantities import Rb, Ru, Rw, b, l, u, w, z
from derive.remembered import remembered
from derive.theorems.along import Along, activation_along, weighted_input_along
from derive.theorems.instances import Renaming, names_at, wired_as_in_general
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
    for equation in network.equations():
        letter, layer = equation.lhs.base, int(equation.lhs.indices[0])
        if layer > 1:
            moved.append(_at_layer(network, letter, layer) or _moved(network, letter, Integer(layer)))
    return tuple(moved)


def _at_layer(network: Network, letter: IndexedBase, layer: int) -> MovedAlong | None:
    """Return (7.1) or (7.2), for z or a, as at any layer l; None for a layer unlike that.

    The layer after the input is unlike: the input does not move.
    """
    if layer <= int(letter == z) + 1 or not wired_as_in_general(network, layer):
        return None
    put = Renaming(names_at(network, layer))
    general = _in_general(network.in_general, letter)
    turned = None
    found = put.part(general.found, Along(network), network, layer)
    if general.turned is not None:
        premises = (put.equation(equation) for equation in _premises(general.turned))
        turned = put.part(general.turned, Given((), tuple(premises)), network, layer)
    return MovedAlong(put.equation(general.equation), found, turned)


def _premises(part: Part) -> tuple[Equation, ...]:
    assert isinstance(part.given, Given)
    return part.given.assumptions


@remembered
def _in_general(network: Network, letter: IndexedBase) -> MovedAlong:
    """Derive (7.1) or (7.2) and what p makes of it at layer l, whose source is not the input."""
    return _moved(network, letter, l)


def _moved(network: Network, letter: IndexedBase, layer: Expr) -> MovedAlong:
    derived = (weighted_input_along if letter == z else activation_along)(network, layer)
    found = derived.equation
    nodes = (node for node in sorted(found.rhs.atoms(Indexed), key=str) if node.base in _OWN)
    turned = [Equation("", "the direction is p", node, _OWN[node.base][node.indices]) for node in nodes]
    work = Deriving(found.rhs, given := Given((), tuple(turned)))
    for item in turned:
        work.step(PREMISE, item.lhs, item.rhs, item.name)
    name = f"{found.name.removesuffix('v')}p"
    return MovedAlong(
        Equation(found.number, name, found.lhs, work.now),
        Part(found, derived.derivation, Along(network)),
        Part(Equation(found.number, name, found.rhs, work.now), work.done(), given) if turned else None,
    )
