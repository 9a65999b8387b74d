"""Equations of layer l at the layers of a network: derived once, for any l, and not once more for each.

In the general network, which the theorem is about, every layer has weights and biases of its own, takes from
the layer before it, and feeds the one after it. Where a layer of a network is wired so, and its neighbours as
far as a derivation looks at them, what was derived at layer l holds with the number for l and the widths for
n: no step of the derivation is about anything else. Any other layer has to be derived by itself. That an
equation is what it is said to be, the derived one with other names, is looked at by ``replay.images``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import overload

from sympy import Expr, Integer

from derive.calculus.derivation import Derivation, Step
from derive.equation import Equation
from derive.evaluation import Definitions
from derive.network import Network
from derive.quantities import Index, L, b, exchanged, free, indices_in, instantiated, l, n, w, z
from derive.remembered import remembered
from derive.replay.images import is_image
from derive.theorems.theorem import Part

UNLIKE = "is not what it is at any layer"


@remembered
def wired_as_in_general(network: Network, layer: int, above: int = 0) -> bool:
    """Say whether a layer, and as many above it, is made of the layer before it as in the general network.

    With layers above it, the layer must feed the next one alone. A softmax is unlike.
    """
    if network.architecture is None or not 2 <= layer <= int(network.depth) - above:
        return False
    general = network.in_general
    return _wiring(network, layer, above) == _wiring(general, layer, above)


def _wiring(network: Network, layer: int, above: int) -> list[object]:
    """Return what a derivation at a layer may rest on: what each z is made of, and what takes from what."""
    found: list[object] = []
    for number in map(Integer, range(layer, layer + above + 1)):
        found += [network.terms(number), network.bias(number)]
    here, one = Integer(layer), Integer(1)
    found += [network.acts_on(variable) for variable in (w[here, one, one], b[here, one])]
    found += [network.activation(here, one, one)]
    return [*found, network.acts_on(z[here, one, one])] if above else found


def names_at(network: Network, layer: int, above: int = 0) -> dict[Expr, Expr]:
    """Return what stands for l and the widths at a layer."""
    names: dict[Expr, Expr] = {L: network.depth, n[L]: network.width(network.depth)}
    for k in range(-1, above + 1):
        names |= {l + k: Integer(layer + k), n[l + k]: network.width(Integer(layer + k))}
    return names


class Renaming:
    """Puts the numbers of a layer for l and the widths, and indices of these ranges for the general ones."""

    def __init__(self, names: Mapping[Expr, Expr]) -> None:
        self.layer = names
        self.names: dict[Expr, Expr] = dict(names)

    def __call__(self, expr: Expr) -> Expr:
        """Return the image of an expression; an index has the same image wherever it is met."""
        new = [index for index in indices_in(expr) if index not in self.names and index.upper in self.layer]
        for index in sorted(new, key=lambda index: int(index.dummy_index)):
            self.names[index] = Index(index.name, self.layer[index.upper])
        put = exchanged if L in free(expr) else instantiated  # l + 1 may be L
        return put(expr, self.names)

    def equation(self, general: Equation) -> Equation:
        """Return the image of an equation."""
        return Equation(general.number, general.name, self(general.lhs), self(general.rhs))

    def derivation(self, general: Derivation) -> Derivation:
        """Return the image of a derivation, its steps when they are looked at."""
        return Derivation(self(general.start), Steps(general.steps, self._step))

    def part(self, general: Part, given: Definitions, network: Network, layer: int) -> InstancePart:
        """Return the image of a part; ``given`` is what its steps may use there."""
        equation, derivation = self.equation(general.equation), self.derivation(general.derivation)
        return InstancePart(equation, derivation, given, "", general, network, layer)

    def _step(self, general: Step) -> Step:
        note = general.note
        for place in self.layer:
            note = note.replace(f"[{_shown(place)}]", f"[{_shown(self.layer[place])}]")
        return replace(general, before=self(general.before), after=self(general.after), note=note)


def _shown(place: Expr) -> str:
    return str(place).replace(" ", "")


@dataclass(frozen=True)
class InstancePart(Part):
    """An equation of one layer, proved by the general one and by being an instance of it."""

    general: Part | None = None
    network: Network | None = None
    layer: int = 0

    @cached_property
    def faults(self) -> tuple[str, ...]:
        """What is said against the general equation, or that this is not that equation at its layer."""
        general, network, layer = self.general, self.network, self.layer
        if general is None or network is None or not wired_as_in_general(network, layer):
            return (UNLIKE,)
        alike = is_image(sides(general, self), names_at(network, layer))
        return general.faults if alike else (UNLIKE,)


def sides(general: Part, own: Part) -> list[tuple[Expr, Expr]]:
    """Return what has to be the same of two parts: both sides, and what a derivation starts from."""
    one, other = general.equation, own.equation
    starts = general.derivation.start, own.derivation.start
    return [(one.lhs, other.lhs), (one.rhs, other.rhs), starts]


class Steps(Sequence[Step]):
    """The images of steps, made when one is asked for."""

    def __init__(self, general: Sequence[Step], image: Callable[[Step], Step]) -> None:
        self.general = general
        self.image = image

    @cached_property
    def _own(self) -> tuple[Step, ...]:
        return tuple(map(self.image, self.general))

    def __len__(self) -> int:
        return len(self.general)

    def __iter__(self) -> Iterator[Step]:
        return iter(self._own)

    @overload
    def __getitem__(self, at: int) -> Step: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, at: int | slice) -> Step | tuple[Step, ...]:
        return self._own[at]
