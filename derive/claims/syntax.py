"""What a claim is made of: layers and a tree of nodes, each of which knows its column in the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

from sympy import Expr, Integer

from derive.errors import UserError
from derive.quantities import L, l


class MalformedClaim(UserError):
    """A claim that means nothing; ``at`` is the column, from 0, of the character that is to blame."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


class Misfit(MalformedClaim):
    """Two shapes or ranges that differ; ``pair`` are the two layers whose widths would have to be one."""

    def __init__(self, message: str, at: int, pair: tuple[Layer, Layer]) -> None:
        super().__init__(message, at)
        self.pair = pair


@dataclass(frozen=True, order=True)
class Layer:
    """A layer: ``base`` is "l", "L" or "" for a number, and ``offset`` is added to it."""

    base: str
    offset: int

    @classmethod
    def of(cls, expr: Expr) -> Layer:
        """Read a layer back from an expression such as l + 1."""
        for base, symbol in (("l", l), ("L", L)):
            if expr.has(symbol):
                return cls(base, int(expr - symbol))
        return cls("", int(expr))

    @property
    def expr(self) -> Expr:
        """The layer as the theory writes it."""
        return {"l": l, "L": L, "": Integer(0)}[self.base] + self.offset

    def number(self, chosen: int | None, depth: int) -> int:
        """Return the layer's number where l and L are ``chosen`` and ``depth``."""
        return {"l": chosen or 0, "L": depth, "": 0}[self.base] + self.offset

    def shifted(self, by: int) -> Layer:
        """Return the layer ``by`` further up."""
        return Layer(self.base, self.offset + by)

    def __str__(self) -> str:
        return f"{self.base}{self.offset:+d}" if self.base and self.offset else self.base or str(self.offset)


ONE = Layer("", 0)
"""There is no layer 0; as a width it stands for 1, the number of columns of a vector."""


@dataclass(frozen=True)
class Number:
    """A number; it fits every shape."""

    value: Fraction
    at: int


@dataclass(frozen=True)
class Scalar:
    """A letter for a number, such as eta."""

    name: str
    at: int


@dataclass(frozen=True)
class Quantity:
    """W[l] and its kin; ``letter`` is w, b, z, a, delta, x, y, C or, for dC/dw[l] and so on, dw, db, dz, da.

    x, y and C have their layer too: 1 and, whatever its name, the last one.
    """

    letter: str
    layer: Layer
    at: int


@dataclass(frozen=True)
class Name:
    """An index where it stands."""

    name: str
    at: int


@dataclass(frozen=True)
class Entry:
    """One entry of a vector or matrix: ``of[j]`` or ``of[j,k]``."""

    of: Node
    places: tuple[Name, ...]
    at: int


@dataclass(frozen=True)
class Transpose:
    """``of.T``."""

    of: Node
    at: int


@dataclass(frozen=True)
class Apply:
    """sigma or dsigma, componentwise."""

    function: str
    of: Node
    at: int


@dataclass(frozen=True)
class Total:
    """``sum(k, of)``."""

    index: Name
    of: Node
    at: int


@dataclass(frozen=True)
class Added:
    """Terms with their signs, +1 or -1; ``ats`` are the columns of the operators between them."""

    terms: tuple[Node, ...]
    signs: tuple[int, ...]
    ats: tuple[int, ...]
    at: int


@dataclass(frozen=True)
class Times:
    """A product; ``matrix`` says that it is ``@`` and not ``*``."""

    factors: tuple[Node, ...]
    ats: tuple[int, ...]
    matrix: bool
    at: int


Node = Number | Scalar | Quantity | Entry | Transpose | Apply | Total | Added | Times


@dataclass(frozen=True)
class Claim:
    """``left = right``, and what is assumed beyond it: in general nothing, in a special case one thing.

    ``depth`` is the last layer; ``widths`` says which layer's width another one has, and ``ONE`` there
    stands for a single neuron; ``one_neuron`` says so of every layer; ``activation`` is a key of
    ``conditions.ACTIVATIONS``.
    """

    left: Node
    right: Node
    at: int
    depth: Layer = field(default=Layer("L", 0))
    widths: tuple[tuple[Layer, Layer], ...] = ()
    one_neuron: bool = False
    activation: str = "any"

    def width(self, layer: Layer) -> Layer:
        """Return the layer whose width this one has: itself, but for what is assumed."""
        return ONE if self.one_neuron else dict(self.widths).get(layer, layer)

    def quantities(self) -> Iterator[Quantity]:
        """Yield every quantity, from left to right."""
        return (node for node in self.nodes() if isinstance(node, Quantity))

    def nodes(self) -> Iterator[Node]:
        """Yield every node, each before those inside it."""
        waiting: list[Node] = [self.right, self.left]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(inside(node)))

    def where(self, letter: str, layer: Layer) -> Claim:
        """Return the special case in which the layer ``letter``, l or L, is ``layer``."""

        def meant(old: Layer) -> Layer:
            return layer.shifted(old.offset) if old.base == letter else old

        def change(node: Node) -> Node:
            return replace(node, layer=meant(node.layer)) if isinstance(node, Quantity) else node

        return replace(self.rewritten(change), depth=meant(self.depth))

    def rewritten(self, change: Callable[[Node], Node]) -> Claim:
        """Return the claim with ``change`` applied to every node, those inside first."""

        def visit(node: Node) -> Node:
            if isinstance(node, (Entry, Transpose, Apply, Total)):
                node = replace(node, of=visit(node.of))
            elif isinstance(node, Added):
                node = replace(node, terms=tuple(map(visit, node.terms)))
            elif isinstance(node, Times):
                node = replace(node, factors=tuple(map(visit, node.factors)))
            return change(node)

        return replace(self, left=visit(self.left), right=visit(self.right))


def inside(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly inside a node."""
    if isinstance(node, (Entry, Transpose, Apply, Total)):
        return (node.of,)
    if isinstance(node, Added):
        return node.terms
    return node.factors if isinstance(node, Times) else ()
