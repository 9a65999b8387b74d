"""What a claim means: two index expressions over the quantities of the theory, shapes checked on the way.

Every node becomes an ``Array``: a shape, which is a pair of layers by whose widths it is measured, and a
function from a row and a column to an index expression. Widths stay symbols throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sympy import Add, Expr, Integer, Mul, Rational, Symbol

from derive.claims.activations import ONE_SIGMA
from derive.claims.layers import check_layers
from derive.claims.syntax import (
    ONE,
    Added,
    Apply,
    Claim,
    Entry,
    Layer,
    MalformedClaim,
    Misfit,
    Name,
    Node,
    Number,
    Quantity,
    Scalar,
    Times,
    Total,
    Transpose,
)
from derive.network import Network, sample_cost
from derive.quantities import Index, Partial, Sigma, SigmaPrime, a, b, delta, n, total, w, x, y, z

MAX_FREE = 4
OBJECTIVE = sample_cost()
SAMPLE = OBJECTIVE.i

Shape = tuple[Layer, Layer] | None  # None for a number, which fits every shape
_SCALAR = (ONE, ONE)
_BASES = {"w": w, "b": b, "z": z, "a": a, "delta": delta, "x": x, "y": y}


@dataclass(frozen=True)
class ClaimNetwork(Network):
    """The network that a claim is about: any depth and widths, but for what the claim assumes."""

    claim: Claim = field(kw_only=True)

    @property
    def depth(self) -> Expr:
        """The last layer."""
        return self.claim.depth.expr

    def width(self, layer: Expr) -> Expr:
        """Return n_l, or what the claim assumes of it."""
        meant = self.claim.width(Layer.of(layer))
        return Integer(1) if meant == ONE else n[meant.expr]


@dataclass(frozen=True)
class Array:
    """A shape, and what stands in a given row and column."""

    shape: Shape
    entry: Callable[[Expr, Expr], Expr]


@dataclass
class Slot:
    """An index in use: its range becomes known where it first stands."""

    at: int
    width: Layer | None = None
    place: Expr | None = None


@dataclass(frozen=True)
class Meaning:
    """Both sides at one row and column; ``free`` and ``sums`` are the ranges of indices.

    ``free`` has the indices that are not summed, by name, and ``sums`` the summed ones, by the column at
    which their ``sum`` stands. ``lone`` are the free indices that stand on one side only.
    """

    claim: Claim
    network: ClaimNetwork
    left: Expr
    right: Expr
    shape: Shape
    free: dict[str, Layer]
    sums: dict[int, Layer]
    lone: tuple[str, ...]


def meaning_of(claim: Claim) -> Meaning:
    """Read both sides of a claim.

    Raises:
        MalformedClaim: if a layer does not exist, or shapes or ranges do not fit.
    """
    check_layers(claim)
    reader = _Reader(claim)
    left = reader.read(claim.left)
    on_left = set(reader.free)
    reader.met.clear()
    right = reader.read(claim.right)
    shape = _common(left.shape, right.shape, "the sides of '='", claim.at)
    row, column = (reader.place("r", layer) for layer in shape or _SCALAR)
    free = {name: slot.width for name, slot in reader.free.items() if slot.width is not None}
    lone = tuple(sorted(on_left ^ reader.met))
    sides = (left.entry(row, column), right.entry(row, column))
    return Meaning(claim, reader.network, *sides, shape, free, reader.sums, lone)


class _Reader:
    """Reads nodes; keeps the indices that are in use."""

    def __init__(self, claim: Claim) -> None:
        self.network = ClaimNetwork(claim=claim)
        self.width = claim.width
        self.free: dict[str, Slot] = {}
        self.met: set[str] = set()
        self.bound: dict[str, Slot] = {}
        self.sums: dict[int, Layer] = {}

    def place(self, name: str, width: Layer) -> Expr:
        """Return a fresh index over a width, or 1 where there is nothing to run over."""
        return Integer(1) if width == ONE else Index(name, n[width.expr])

    def read(self, node: Node) -> Array:
        if isinstance(node, Number):
            value = Rational(node.value.numerator, node.value.denominator)
            return Array(None, lambda r, c: value)
        if isinstance(node, Scalar):
            symbol = Symbol(node.name)
            return Array(None, lambda r, c: symbol)
        if isinstance(node, Quantity):
            return self.quantity(node)
        if isinstance(node, Entry):
            return self.subscripted(node)
        if isinstance(node, Total):
            return self.summed(node)
        if isinstance(node, Added):
            return self.added(node)
        if isinstance(node, Times):
            return self.matrix_product(node) if node.matrix else self.product(node)
        inner = self.read(node.of)
        if isinstance(node, Transpose):
            shape = inner.shape and (inner.shape[1], inner.shape[0])
            return Array(shape, lambda r, c: inner.entry(c, r))
        return _applied(node, inner)

    def quantity(self, node: Quantity) -> Array:
        if node.letter == "C":
            return Array(_SCALAR, lambda r, c: OBJECTIVE.symbol)
        letter, layer = node.letter.removeprefix("d") if node.letter != "delta" else "delta", node.layer
        base, at = _BASES[letter], layer.expr
        rows = self.width(layer)
        columns = self.width(layer.shifted(-1)) if letter == "w" else ONE

        def entry(r: Expr, c: Expr) -> Expr:
            places = {"w": (at, r, c), "b": (at, r), "x": (SAMPLE, r), "y": (SAMPLE, r)}
            found = base[places.get(letter, (at, SAMPLE, r))]
            return found if letter == node.letter else Partial(OBJECTIVE.symbol, found)

        return Array((rows, columns), entry)

    def subscripted(self, node: Entry) -> Array:
        inner, count = self.read(node.of), len(node.places)
        assumed = self.network.claim.one_neuron or self.network.claim.widths
        if inner.shape is None or (inner.shape == _SCALAR and not assumed):
            raise MalformedClaim("a number has no subscripts", node.at)
        wanted = 1 if inner.shape[1] == ONE else 2
        if count > 2 or (count != wanted and not assumed):
            message = "a vector has one subscript" if wanted == 1 else "a matrix has two subscripts"
            raise MalformedClaim(f"{message}, got {count}", node.at)
        row, *rest = (self.index(*pair) for pair in zip(node.places, inner.shape, strict=False))
        column = rest[0] if rest else Integer(1)
        return Array(_SCALAR, lambda r, c: inner.entry(row, column))

    def index(self, name: Name, width: Layer) -> Expr:
        slot = self.bound.get(name.name)
        if slot is None:
            slot = self.free.setdefault(name.name, Slot(name.at))
            self.met.add(name.name)
            if len(self.free) > MAX_FREE:
                raise MalformedClaim(f"expected at most {MAX_FREE} indices that are not summed", name.at)
        if slot.width is None or slot.place is None:
            slot.width, slot.at = width, name.at
            slot.place = self.place(name.name, width)
        if slot.width != width:
            raise Misfit(
                f"{name.name} runs to {width_text(width)} here, but to {width_text(slot.width)} at column "
                f"{slot.at + 1}",
                name.at,
                (slot.width, width),
            )
        return slot.place

    def summed(self, node: Total) -> Array:
        name = node.index.name
        if name in self.bound:
            raise MalformedClaim(f"{name} is summed already, further out", node.index.at)
        self.bound[name] = slot = Slot(node.index.at)
        inner = self.read(node.of)
        del self.bound[name]
        if slot.width is None:
            raise MalformedClaim(f"{name} has no range: it is no subscript in the sum", node.index.at)
        self.sums[node.at] = slot.width
        if not isinstance(slot.place, Index):
            return inner
        index = slot.place
        return Array(inner.shape, lambda r, c: total(inner.entry(r, c), index))

    def added(self, node: Added) -> Array:
        terms = [self.read(term) for term in node.terms]
        shape = terms[0].shape
        for term, at in zip(terms[1:], node.ats, strict=True):
            shape = _common(shape, term.shape, "the terms", at)
        signed = list(zip(node.signs, terms, strict=True))
        return Array(shape, lambda r, c: Add(*(sign * term.entry(r, c) for sign, term in signed)))

    def product(self, node: Times) -> Array:
        factors = [self.read(factor) for factor in node.factors]
        shape = factors[0].shape
        for factor, at in zip(factors[1:], node.ats, strict=True):
            if shape is None or shape == _SCALAR:
                shape = factor.shape or shape
            elif factor.shape != _SCALAR:
                shape = _common(shape, factor.shape, "the factors of '*'", at, _binding(node))

        def entry(r: Expr, c: Expr) -> Expr:
            one = Integer(1)
            return Mul(*(f.entry(*((one, one) if f.shape == _SCALAR else (r, c))) for f in factors))

        return Array(shape, entry)

    def matrix_product(self, node: Times) -> Array:
        result = self.read(node.factors[0])
        for factor, at in zip(node.factors[1:], node.ats, strict=True):
            result = self.contracted(result, self.read(factor), at)
        return result

    def contracted(self, left: Array, right: Array, at: int) -> Array:
        if left.shape is None or right.shape is None:
            raise MalformedClaim("'@' joins two matrices; a number is multiplied with '*'", at)
        if left.shape[1] != right.shape[0]:
            raise Misfit(
                f"the factors of '@' do not fit: {shape_text(left.shape)} and {shape_text(right.shape)}",
                at,
                (left.shape[1], right.shape[0]),
            )
        width = left.shape[1]

        def entry(r: Expr, c: Expr) -> Expr:
            m = self.place("m", width)
            product = left.entry(r, m) * right.entry(m, c)
            return total(product, m) if isinstance(m, Index) else product

        return Array((left.shape[0], right.shape[1]), entry)


def _applied(node: Apply, inner: Array) -> Array:
    function = Sigma if node.function == "sigma" else SigmaPrime
    return Array(inner.shape, lambda r, c: function(ONE_SIGMA, inner.entry(r, c)))


def _binding(node: Times) -> str:
    chained = any(isinstance(factor, Times) and factor.matrix for factor in node.factors)
    return " ('@' binds tighter than '*')" if chained else ""


def _common(left: Shape, right: Shape, what: str, at: int, hint: str = "") -> Shape:
    """Return the shape of two things that must have one."""
    if left is None or right is None or left == right:
        return left or right
    pair = next((p, q) for p, q in zip(left, right, strict=True) if p != q)
    raise Misfit(f"{what} differ in shape: {shape_text(left)} and {shape_text(right)}{hint}", at, pair)


def shape_text(shape: tuple[Layer, Layer]) -> str:
    """Spell a shape: n_l by n_(l-1)."""
    return " by ".join(map(width_text, shape))


def width_text(layer: Layer) -> str:
    """Spell a width: n_l, n_(l-1), 1."""
    if layer == ONE:
        return "1"
    return f"n_({layer})" if layer.base and layer.offset else f"n_{layer}"
