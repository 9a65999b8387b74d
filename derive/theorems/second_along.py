"""Second derivatives along a direction: R2{f} := d^2 f/dt^2 as the parameters move along p + t v.

Each of the equations of ``along`` is differentiated in t once more, by the same rules; v does not move:

    (7.11)  R2z[l]  from (7.1),
    (7.12)  R2a[l]  from (7.2), where sigma'' enters; R2a[L] is F''(v, v), how the outputs bend along v,
    (7.13)  R2a[L]  from (7.3), where the output is a softmax.

R2a[1] = 0 as Ra[1] = 0. Whatever z[l] is made of, and in however many layers a parameter acts, nothing here
changes. One sweep forward computes values, first and second derivatives together.

After Transtrum and Sethna, Improvements to the Levenberg-Marquardt algorithm for nonlinear least-squares
minimization (2012), who take F''(v, v) by differences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sympy import Expr, IndexedBase

from derive.calculus.derivation import Deriving, renamed
from derive.calculus.rules import PREMISE
from derive.costs import CROSS_ENTROPY
from derive.equation import Equation
from derive.network import Network
from derive.quantities import L, Partial, R2a, R2z, Ra, Rb, Ru, Rw, Rz, l, t
from derive.theorems.along import (
    ALONG,
    PLAIN,
    Along,
    activation_along,
    forward_along,
    open_along,
    same_entry,
    weighted_input_along,
)
from derive.theorems.backpropagation import Derived
from derive.theorems.theorem import Part, Theorem

TWICE = {Rz: R2z, Ra: R2a}
_ONCE = {twice: once for once, twice in TWICE.items()}
_NUMBERS = {"7.1": "7.11", "7.2": "7.12", "7.3": "7.13"}


@dataclass(frozen=True)
class AlongTwice(Along):
    """What is known beside how things move: R2{f} is R{R{f}}, and one of (7.1)-(7.3) is differentiated.

    ``still`` are equations (7.11) that say that an R2z is 0.
    """

    moved: Equation | None = None
    still: tuple[Equation, ...] = ()
    letters: ClassVar[Mapping[IndexedBase, IndexedBase]] = ALONG | TWICE
    fixed = (Rw, Ru, Rb)  # the direction stays as it is

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines a quantity; R2 of the layer at hand is its equation, differentiated in t."""
        base = getattr(quantity, "base", None)
        if base not in _ONCE:
            return super().definition(quantity)
        first = _ONCE[base][quantity.indices]
        names = None if self.moved is None else same_entry(self.moved.lhs, first)
        if self.moved is None or names is None:
            return Partial(first, t)
        return Partial(renamed(self.moved.rhs, names), t)

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        """Say whether a quantity moves with t: Rz and Ra do as z and a do."""
        if getattr(quantity, "base", None) in TWICE:
            quantity = PLAIN[quantity.base][quantity.indices]
        return super().depends(quantity, variable)

    @property
    def premises(self) -> tuple[tuple[Expr, Expr, str], ...]:
        """What may be used beside definitions: what is assumed of the output layer, and what is 0."""
        return (*super().premises, *((eq.lhs, eq.rhs, f"({eq.number})") for eq in self.still))

    def label(self, quantity: Expr) -> str:
        """Return the number or name of what defines a quantity, as a step cites it."""
        return "R2" if getattr(quantity, "base", None) in _ONCE else super().label(quantity)


def differentiated_again(
    network: Network, first: Derived, still: tuple[Equation, ...] = ()
) -> tuple[Derived, AlongTwice]:
    """Derive (7.11), (7.12) or (7.13) from (7.1), (7.2) or (7.3); return with it what its steps may use."""
    equation = first.equation
    known = AlongTwice(network, moved=equation, still=still)
    left = TWICE[equation.lhs.base][equation.lhs.indices]
    work = Deriving(Partial(equation.rhs, t), known)
    open_along(work, known)
    for zero in still:
        work.unfold(zero.lhs, zero.rhs, PREMISE, f"({zero.number})")
    derivation = work.done()
    name = f"{equation.name.removesuffix(' along v')}, second derivative along v"
    found = Equation(_NUMBERS[equation.number], name, left, derivation.result)
    return Derived(found, derivation, first.layer, first.free), known


def twice_along(network: Network) -> tuple[tuple[Derived, Along], ...]:
    """Derive, for every layer of an architecture, how z and a move and bend, each with what it rests on.

    A z that is made of inputs alone is linear in the parameters: no equation is left for its R2z, which is 0.
    """
    found: list[tuple[Derived, Along]] = []
    still: tuple[Equation, ...] = ()
    for first in forward_along(network):
        again, known = differentiated_again(network, first, still)
        still = (again.equation,) if again.equation.rhs == 0 and again.equation.number == "7.11" else ()
        found += [(first, Along(network)), *([] if still else [(again, known)])]
    return tuple(found)


def second_along() -> Theorem:
    """State and prove how the forward pass bends along a direction, at any layer and for any widths."""
    plain, softmax = Network(), Network(loss=CROSS_ENTROPY)
    parts = []
    for network, first in (
        (plain, weighted_input_along(plain, l)),
        (plain, activation_along(plain, l)),
        (softmax, activation_along(softmax, L)),
    ):
        found, known = differentiated_again(network, first)
        parts.append(Part(found.equation, found.derivation, known))
    return Theorem(
        "second-along",
        "Second derivatives along a direction",
        (
            "the parameters move along p + t v; R before a letter is its derivative in t, R2 the second one",
            "Rw and Rb are the entries of v, which stay; Ra[1] = R2a[1] = 0, for inputs stay, too",
            "the activations are twice differentiable where they are taken",
        ),
        tuple(parts),
        "one sweep forward gives F''(v, v) = R2a[L], how the outputs bend, without any matrix",
    )
