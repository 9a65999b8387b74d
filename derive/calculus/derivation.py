"""A derivation is a list of steps: before, the rule, after.

``Derivation`` is what people hold: it prints, it can be replayed, its last expression is the result that
everything downstream reads.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Mul, Sum, preorder_traversal

from derive.calculus.rules import Definitions, Rule, open_partial, tidy_product, tidy_sum
from derive.quantities import Partial

_TIDY = {Sum: tidy_sum, Mul: tidy_product}


@dataclass(frozen=True)
class Step:
    """One rewriting of the whole expression by one rule."""

    before: Expr
    rule: Rule
    after: Expr
    note: str = ""


@dataclass(frozen=True)
class Derivation:
    """The steps that lead from ``start`` to ``result``."""

    start: Expr
    steps: tuple[Step, ...]

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
        after = new if self.now == old else self.now.xreplace({old: new})
        self.steps.append(Step(self.now, rule, after, note))
        self.now = after
        return self

    def differentiate(self) -> Deriving:
        """Open every derivative, outermost first, until none is left."""
        while (partial := _first(self.now, Partial)) is not None:
            opening = open_partial(partial, self.known)
            self.step(opening.rule, partial, opening.result)
        return self.tidy()

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

    def done(self) -> Derivation:
        """Return what was derived, with its steps."""
        return Derivation(self.start, tuple(self.steps))


def _first(expr: Expr, kind: type) -> Expr | None:
    return next((node for node in preorder_traversal(expr) if isinstance(node, kind)), None)
