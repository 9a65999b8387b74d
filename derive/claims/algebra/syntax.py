"""What a formula is made of: a tree of nodes, each of which knows its column in the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from derive.claims.syntax import Name, Number


@dataclass(frozen=True)
class Letter:
    """A letter by itself: a matrix such as A, a number such as lam, a vector such as p, or Cost."""

    name: str
    at: int


@dataclass(frozen=True)
class Pick:
    """A sample: i, or k[i], the i-th of the samples drawn."""

    index: Name
    drawn: bool


@dataclass(frozen=True)
class OfSample:
    """C[i], y[i] or F(x[i])."""

    letter: str
    pick: Pick
    at: int


@dataclass(frozen=True)
class Method:
    """What a method makes of p: gd.next(p), sgd.next(p, i), minibatch.next(p, k), lm.next(p), lm.step(mu).

    ``pick`` is the sample that is drawn for sgd, ``of`` the damping of lm.step.
    """

    name: str
    at: int
    pick: Pick | None = None
    of: Node | None = None


@dataclass(frozen=True)
class Call:
    """inv, grad, dot, norm2 or first, of one or two arguments."""

    name: str
    arguments: tuple[Node, ...]
    at: int


@dataclass(frozen=True)
class Transposed:
    """``of.T``."""

    of: Node
    at: int


@dataclass(frozen=True)
class Component:
    """``of[j]``."""

    of: Node
    index: Name
    at: int


@dataclass(frozen=True)
class Over:
    """``sum(i, of)``."""

    index: Name
    of: Node
    at: int


@dataclass(frozen=True)
class Power:
    """``of^2``; the exponent is a whole number from 1."""

    of: Node
    exponent: int
    at: int


@dataclass(frozen=True)
class Terms:
    """A sum: terms with their signs, +1 or -1; ``ats`` are the columns of the operators between them."""

    terms: tuple[Node, ...]
    signs: tuple[int, ...]
    ats: tuple[int, ...]
    at: int


@dataclass(frozen=True)
class Factors:
    """A product: ``operators`` between the factors are ``*``, ``/``, ``@`` or empty, for side by side."""

    factors: tuple[Node, ...]
    operators: tuple[str, ...]
    ats: tuple[int, ...]
    at: int


Node = Number | Letter | OfSample | Method | Call | Transposed | Component | Over | Power | Terms | Factors


@dataclass(frozen=True)
class Formula:
    """``left = right``; ``at`` is the column of the sign between them."""

    left: Node
    right: Node
    at: int

    def nodes(self) -> Iterator[Node]:
        """Yield every node, each before those inside it, from left to right."""
        waiting: list[Node] = [self.right, self.left]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(inside(node)))

    def letters(self) -> list[str]:
        """Return the letters in it, each once, in order of first use."""
        return list(dict.fromkeys(node.name for node in self.nodes() if isinstance(node, Letter)))

    def where(self, name: str, value: Number) -> Formula:
        """Return the special case in which a letter is a number."""

        def change(node: Node) -> Node:
            return replace(value, at=node.at) if isinstance(node, Letter) and node.name == name else node

        return replace(self, left=rewritten(self.left, change), right=rewritten(self.right, change))


def inside(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly inside a node."""
    if isinstance(node, (Transposed, Component, Over, Power)):
        return (node.of,)
    if isinstance(node, Method):
        return () if node.of is None else (node.of,)
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, Terms):
        return node.terms
    return node.factors if isinstance(node, Factors) else ()


def rewritten(node: Node, change: Callable[[Node], Node]) -> Node:
    """Return a tree with ``change`` applied to every node, those inside first."""

    def visit(inner: Node) -> Node:
        return rewritten(inner, change)

    if isinstance(node, (Transposed, Component, Over, Power)):
        node = replace(node, of=visit(node.of))
    elif isinstance(node, Method):
        node = node if node.of is None else replace(node, of=visit(node.of))
    elif isinstance(node, Call):
        node = replace(node, arguments=tuple(map(visit, node.arguments)))
    elif isinstance(node, Terms):
        node = replace(node, terms=tuple(map(visit, node.terms)))
    elif isinstance(node, Factors):
        node = replace(node, factors=tuple(map(visit, node.factors)))
    return change(node)


def degree(node: Node) -> int:
    """Return a bound on the degree of a formula in what is typed: powers within powers multiply."""
    inner = sum(map(degree, inside(node)))
    return inner * node.exponent if isinstance(node, Power) else max(1, inner)
