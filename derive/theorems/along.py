"""Derivatives along a direction: Pearlmutter's operator R, derived from the equations of both passes.

The parameters move along p + t v. For any quantity f, R{f} := df/dt, and v is R{p}: Rw and Rb are given, and

    (7.1)  Rz[l]      from the definition of z[l],
    (7.2)  Ra[l]      from the definition of a[l]; Ra[L] is J v, the outputs' derivative along v,
    (7.3)  Ra[L]      where the output is a softmax,
    (8.1)  Rdelta[L]  from (1.1),
    (8.2)  Rdelta[l]  from (1.2),
    (8.3)  R{dCost/db[l]}  from (1.3) and
    (8.4)  R{dCost/dw[l]}  from (1.4): the Hessian of the mean cost times v.

Every one is the equation that it comes from, differentiated in t by the rules; derivatives in t of z, a and
delta are not opened but named, for their own equations give them. Whatever z[l] is made of, and in however
many layers a parameter acts, nothing here changes.

After Pearlmutter, Fast exact multiplication by the Hessian (1994).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from sympy import Add, Expr, Indexed, IndexedBase, Mul, Sum, preorder_traversal

from derive.calculus.derivation import Derivation, Deriving, renamed
from derive.calculus.rules import CHAIN, DEFINITION, LINEARITY, PREMISE
from derive.equation import Equation
from derive.network import Network
from derive.quantities import (
    Cost,
    Index,
    N,
    Partial,
    Ra,
    Rb,
    Rdelta,
    Ru,
    Rw,
    Rz,
    a,
    b,
    delta,
    t,
    total,
    u,
    w,
    z,
)
from derive.theorems.backpropagation import Derived

ALONG = {w: Rw, u: Ru, b: Rb, z: Rz, a: Ra, delta: Rdelta}
PLAIN = {moved: letter for letter, moved in ALONG.items()}
_HESSIAN = {"1.1": "8.1", "1.2": "8.2", "1.3": "8.3", "1.4": "8.4"}


@dataclass(frozen=True)
class Along:
    """What the rules need to know: how z and a are made, what R means, and the equations that are moved."""

    network: Network
    backward: tuple[Equation, ...] = ()

    moving = (w, u, b, delta, Cost)  # these change with t, though not all have a definition here
    letters: ClassVar[Mapping[IndexedBase, IndexedBase]] = ALONG  # derivatives of these are named

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines a quantity: R{f} is df/dt, and delta and the gradient have (1.1)-(1.4)."""
        base = getattr(quantity, "base", None)
        if base in PLAIN:
            return Partial(PLAIN[base][quantity.indices], t)
        if isinstance(quantity, Partial) and quantity.v == t:
            meaning = self.definition(quantity.f)
            return None if meaning is None else Partial(meaning, t)
        for equation in self.backward:
            if (names := same_entry(equation.lhs, quantity)) is not None:
                return renamed(equation.rhs, names)
        return self.network.definition(quantity)

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        """Say whether a quantity moves with t: all but inputs, targets and the direction itself do.

        Raises:
            ValueError: for any other variable.
        """
        if variable != t:
            raise ValueError(f"expected a derivative in {t}, got one in {variable}")
        base = getattr(quantity, "base", None)
        return bool(quantity == t or (base in ALONG and not (base == a and quantity.indices[0] == 1)))

    @property
    def premises(self) -> tuple[tuple[Expr, Expr, str], ...]:
        """What may be used beside definitions: what is assumed of the output layer."""
        found = self.network.premises
        return tuple((eq.lhs, eq.rhs, f"({eq.number})" if eq.number else eq.name) for eq in found)

    def label(self, quantity: Expr) -> str:
        """Return the number or name of what defines a quantity, as a step cites it."""
        base = getattr(quantity, "base", None)
        if base in PLAIN:
            return "the direction" if base in (Rw, Ru, Rb) else "R"
        for equation in self.backward:
            if same_entry(equation.lhs, quantity) is not None:
                return f"({equation.number})"
        return self.network.label(quantity)


def weighted_input_along(network: Network, layer: Expr) -> Derived:
    """Derive (7.1): how the weighted input of a layer moves."""
    i, j = Index("i", N), network.index("j", layer)
    work = Deriving(Partial(z[layer, i, j], t), known := Along(network))
    derivation = open_along(work, known)
    return _derived("7.1", "weighted input along v", Rz[layer, i, j], derivation, layer, (i, j))


def activation_along(network: Network, layer: Expr) -> Derived:
    """Derive (7.2): how the activation of a layer moves; (7.3), through (1.7), where it is a softmax."""
    i, j = Index("i", N), network.index("j", layer)
    entry = a[layer, i, j]
    work = Deriving(Partial(entry, t), known := Along(network))
    number = "7.2"
    if network.softmax and layer == network.depth:
        number = "7.3"
        _through_softmax(work, network, entry)
        _name(work, known)
        derivation = work.multiply_out().tidy().done()
    else:
        derivation = open_along(work, known)
    return _derived(number, "activation along v", Ra[layer, i, j], derivation, layer, (i, j))


def forward_along(network: Network) -> tuple[Derived, ...]:
    """Derive (7.1) and (7.2) for every layer of an architecture, in the order of the forward pass."""
    found = []
    for equation in network.equations():
        layer = equation.lhs.indices[0]
        if equation.lhs.base == z:
            found.append(weighted_input_along(network, layer))
        elif layer != 1:
            found.append(activation_along(network, layer))
    return tuple(found)


def backward_along(network: Network, backward: Iterable[Derived]) -> tuple[Derived, ...]:
    """Derive (8.1)-(8.4) from equations (1.1)-(1.4) of the mean cost, one from each."""
    items = tuple(backward)
    known = Along(network, tuple(item.equation for item in items))
    return tuple(_moved(known, item) for item in items)


def product_along(equation: Equation) -> Expr:
    """Return the letter for how the left-hand side of one of (1.1)-(1.4) moves."""
    left = equation.lhs
    return Rdelta[left.indices] if isinstance(left, Indexed) else Partial(left, t)


def _moved(known: Along, item: Derived) -> Derived:
    equation = item.equation
    start = equation.lhs if isinstance(equation.lhs, Indexed) else equation.rhs
    work = Deriving(Partial(start, t), known)
    derivation = open_along(work, known)
    number = _HESSIAN[equation.number]
    return _derived(
        number, f"{equation.name} along v", product_along(equation), derivation, item.layer, item.free
    )


def open_along(work: Deriving, known: Along) -> Derivation:
    """Put in what defines the start, if it is one letter; open all but letters that move, and name those."""
    start = work.now.f
    if isinstance(start, Indexed):
        meaning = known.definition(start)
        work.step(DEFINITION, work.now, Partial(meaning, t), known.label(start))
    work.open_derivatives(lambda f: _letter(f, known) and known.depends(f, t))
    _name(work, known)
    split_sums(work)
    return work.tidy().done()


def _letter(f: Expr, known: Along) -> bool:
    return isinstance(f, Indexed) and f.base in known.letters


def _name(work: Deriving, known: Along) -> None:
    """Give every derivative in t of a single letter its name, those of derivatives first.

    Where the name already stands beside the derivative, it is opened before: the two become a square.
    """
    found = [node for node in preorder_traversal(work.now) if isinstance(node, Partial)]
    for node in sorted(found, key=lambda node: getattr(node.f, "base", None) not in PLAIN):
        if _letter(node.f, known) and node.v == t and work.now.has(node):
            moved = known.letters[node.f.base][node.f.indices]
            if any(node in product.args and moved in product.args for product in work.now.atoms(Mul)):
                work.step(DEFINITION, moved, node, known.label(moved))
            work.step(DEFINITION, node, moved, known.label(moved))


def split_sums(work: Deriving) -> None:
    """Write a sum of several terms as several sums, one step for each."""
    while True:
        sums = (node for node in preorder_traversal(work.now) if isinstance(node, Sum))
        node = next((node for node in sums if isinstance(node.function, Add)), None)
        if node is None:
            return
        work.step(LINEARITY, node, Add(*(Sum(term, *node.limits) for term in node.function.args)))


def _through_softmax(work: Deriving, network: Network, entry: Expr) -> None:
    """Write how an output moves through the z of its own layer and sample, and put (1.7) in."""
    layer, i, j = entry.indices
    k = network.index("k", layer)
    slope = network.softmax_slope()
    (_, own, m), (_, other, into) = slope.lhs.f.indices, slope.lhs.v.indices
    through = Partial(entry, z[layer, i, k])
    work.step(
        CHAIN,
        work.now,
        total(through * Partial(z[layer, i, k], t), k),
        f"it acts only through z[{layer}]",
    )
    names = {own: i, m: j, other: i, into: k}
    work.step(PREMISE, through, slope.rhs.xreplace(names), "(1.7)")


def _derived(
    number: str,
    name: str,
    left: Expr,
    derivation: Derivation,
    layer: Expr,
    free: tuple[Index, ...],
) -> Derived:
    return Derived(Equation(number, name, left, derivation.result), derivation, layer, free)


def same_entry(left: Expr, quantity: Expr) -> dict[Expr, Expr] | None:
    """Return what the free indices of a left-hand side stand for at a quantity; None if it is another."""
    if isinstance(left, Partial) and isinstance(quantity, Partial):
        return same_entry(left.v, quantity.v) if left.f == quantity.f else None
    if not (isinstance(left, Indexed) and isinstance(quantity, Indexed) and left.base == quantity.base):
        return None
    names = {}
    for old, new in zip(left.indices, quantity.indices, strict=True):
        if isinstance(old, Index):
            names[old] = new
        elif old != new:
            return None
    return names
