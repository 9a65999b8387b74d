"""A derivation is a list of steps: before, the rule, after.

``Derivation`` is what people hold: it prints, it can be replayed, its last expression is the result that
everything downstream reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sympy import (
    Expr,
    Function,
    Indexed,
    KroneckerDelta,
    Mul,
    Sum,
    cancel,
    count_ops,
    factor_terms,
    preorder_traversal,
)

from derive.calculus.expansion import alike, expanded
from derive.calculus.normal_form import equal
from derive.calculus.rules import (
    DEFINITION,
    DISTRIBUTIVE,
    Definitions,
    Rule,
    open_partial,
    tidy_product,
    tidy_sum,
)
from derive.quantities import Index, Partial, exchanged

_TIDY = {Sum: tidy_sum, Mul: tidy_product}


@dataclass(frozen=True)
class Step:
    """One rewriting of the whole expression by one rule.

    ``note`` is the reason for this use of the rule: the number or name of the equation that is put in, or
    the layer that a chain rule goes through.
    """

    before: Expr
    rule: Rule
    after: Expr
    note: str = ""

    @property
    def side_condition(self) -> str:
        """What must hold for the step to be allowed, or ``none``."""
        return self.rule.side_condition

    @property
    def reference(self) -> str:
        """The number of the equation that the step cites, such as 0.2; empty if it cites none."""
        cited = re.fullmatch(r"\((\d\.\d+)\)", self.note)
        return cited[1] if cited else ""


@dataclass(frozen=True)
class Derivation:
    """The steps that lead from ``start`` to ``result``."""

    start: Expr
    steps: Sequence[Step]

    @property
    def result(self) -> Expr:
        """The last expression."""
        return self.steps[-1].after if self.steps else self.start

    def _repr_latex_(self) -> str:
        from derive.printers.latex import derivation_latex

        return f"${derivation_latex(self)}$"


class Deriving:
    """A derivation in the making: apply rules one at a time, keep every step."""

    def __init__(self, start: Expr, known: Definitions) -> None:
        self.start = start
        self.now = start
        self.known = known
        self.steps: list[Step] = []

    def step(self, rule: Rule, old: Expr, new: Expr, note: str = "") -> Deriving:
        """Replace ``old`` by ``new`` inside the current expression, by ``rule``."""
        after = new if self.now == old else exchanged(self.now, {old: new})
        self.steps.append(Step(self.now, rule, after, note))
        self.now = after
        return self

    def differentiate(self) -> Deriving:
        """Open every derivative, and tidy what is left."""
        return self.open_derivatives().tidy()

    def open_derivatives(self, closed: Callable[[Expr], bool] = lambda f: False) -> Deriving:
        """Open every derivative, outermost first, until none is left but those of what is to stay closed."""
        while (partial := _first_open(self.now, closed)) is not None:
            opening = open_partial(partial, self.known)
            self.step(opening.rule, partial, opening.result, self._cited(opening.rule, partial.f))
        return self

    def _cited(self, rule: Rule, quantity: Expr) -> str:
        """Return the number of the equation that defines a quantity, where it is known."""
        label = getattr(self.known, "label", None)
        return str(label(quantity)) if rule == DEFINITION and label is not None else ""

    def tidy(self) -> Deriving:
        """Collapse Kronecker sums, move constant factors and signs, until nothing changes."""
        changed = True
        while changed:
            changed = False
            for node in preorder_traversal(self.now):
                tidied = _TIDY.get(type(node))
                if tidied is not None and (found := tidied(node)) is not None:
                    rule, new = found
                    self.step(rule, node, new)
                    changed = True
                    break
        return self

    def unfold(self, left: Expr, right: Expr, rule: Rule, note: str) -> Deriving:
        """Put ``right`` for every entry of the letter on the ``left``, one step for each entry."""
        found = {node: _matched(left, node) for node in preorder_traversal(self.now)}
        for entry, names in found.items():
            if names is not None:
                self.step(rule, entry, renamed(right, names), note)
        return self

    def multiply_out(self) -> Deriving:
        """Multiply products of sums out, and collapse the Kronecker sums that this lays open."""
        self._rewrite(expanded(self.now))
        return self.collapse()

    def collapse(self) -> Deriving:
        """Collapse every Kronecker sum."""
        while (found := _collapsible(self.now)) is not None:
            self.step(*found)
        return self

    def arrive(self, claimed: Expr) -> bool:
        """Take the last step if what is claimed is the same up to the distributive law; say whether it is."""
        if not equal(self.now, claimed):
            return False
        self._rewrite(claimed)
        return True

    def gather(self) -> Deriving:
        """Multiply out, and take the factors that all terms share out again."""
        self.multiply_out().tidy()
        self._rewrite(factor_terms(self.now))
        return self

    def arrive_at_fraction(self) -> Deriving:
        """Cancel what is above and below a fraction bar, and take out common factors, if that is shorter."""
        shorter = min((self.now, factor_terms(cancel(self.now))), key=lambda e: (count_ops(e), e != self.now))
        if shorter != self.now:
            self.step(DISTRIBUTIVE, self.now, shorter)
        return self

    def _rewrite(self, after: Expr) -> None:
        if not alike(self.now, after):
            self.step(DISTRIBUTIVE, self.now, after)

    def done(self) -> Derivation:
        """Return what was derived, with its steps."""
        return Derivation(self.start, tuple(self.steps))


def _collapsible(expr: Expr) -> tuple[Rule, Expr, Expr] | None:
    """Return the first Kronecker sum with the rule that tidies it, and what it becomes."""
    for node in preorder_traversal(expr):
        if isinstance(node, Sum) and node.has(KroneckerDelta) and (found := tidy_sum(node)) is not None:
            return found[0], node, found[1]
    return None


def renamed(expr: Expr, names: dict[Expr, Expr]) -> Expr:
    """Put other indices for the free ones, and fresh ones for those that are bound."""
    bound = {index for node in expr.atoms(Sum) for index in node.variables}
    return exchanged(expr, names | {index: Index(index.name, index.upper) for index in bound})


def _matched(pattern: Expr, node: Expr) -> dict[Expr, Expr] | None:
    """Return what the indices of a pattern stand for at a node, or None if it is something else."""
    if isinstance(pattern, Index):
        return {pattern: node}
    if isinstance(pattern, Indexed):
        if getattr(node, "base", None) != pattern.base:
            return None
        pairs = list(zip(pattern.indices, node.indices, strict=True))
    elif isinstance(pattern, Function) and pattern.func == node.func:
        pairs = list(zip(pattern.args, node.args, strict=True))
    else:
        return {} if pattern == node else None
    names: dict[Expr, Expr] = {}
    for part, other in pairs:
        found = _matched(part, other)
        if found is None:
            return None
        names |= found
    return names


def _first_open(expr: Expr, closed: Callable[[Expr], bool]) -> Partial | None:
    partials = (node for node in preorder_traversal(expr) if isinstance(node, Partial))
    return next((partial for partial in partials if not closed(partial.f)), None)
