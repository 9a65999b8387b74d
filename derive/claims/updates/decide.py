"""The decision about parameters and costs: costs and gradients opened down to the outputs, then compared."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Indexed, Integer, Sum, preorder_traversal

from derive.calculus.derivation import Derivation, Deriving
from derive.calculus.normal_form import equal
from derive.calculus.rules import open_partial
from derive.claims.bounds import MAX_WORK, MAX_WORK_OF_A_CASE, growth
from derive.claims.updates.meaning import Meaning
from derive.equation import Equation
from derive.network import Network, mean_cost, sample_cost
from derive.printers.text import expression_text
from derive.quantities import C, Index, Partial, a
from derive.theorems.levenberg_marquardt import p_old

_MOVING = (a, p_old)


class Costs:
    """What the rules need to know: the costs are made of outputs, and outputs depend on the parameters."""

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines a cost."""
        mean, sample = mean_cost(), sample_cost()
        if quantity == mean.symbol:
            return mean.define(Network())
        if getattr(quantity, "base", None) == C:
            return sample.define(Network()).xreplace({sample.i: quantity.indices[0]})
        return None

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        """Say that costs, outputs and p move with p."""
        return self.definition(quantity) is not None or getattr(quantity, "base", None) in _MOVING


@dataclass(frozen=True)
class Opened:
    """A gradient and the steps that open it."""

    equation: Equation
    derivation: Derivation


class Opening:
    """Opens both sides of one claim; ``used`` keeps the gradients that it took, each once."""

    def __init__(self, assumed: Expr | None) -> None:
        self.assumed = assumed
        self.costs = Costs()
        self.used: list[Opened] = []
        self._said: set[str] = set()

    def open(self, expr: Expr) -> Expr:
        """Return an expression in outputs and their derivatives; a range assumed to be 1 collapses."""
        return _single(self._open(expr), self.assumed) if self.assumed is not None else self._open(expr)

    def _open(self, expr: Expr) -> Expr:
        if isinstance(expr, Partial):
            return expr if _is_closed(expr) else self._open(self._gradient(expr))
        meaning = self.costs.definition(expr)
        if meaning is not None:
            return meaning
        if isinstance(expr, Sum):
            return Sum(self._open(expr.function), *expr.limits)
        if isinstance(expr, Indexed) or not expr.args:
            return expr
        return expr.func(*map(self._open, expr.args))

    def _gradient(self, partial: Partial) -> Expr:
        work = Deriving(partial, self.costs)
        while (closed := _first_to_open(work.now)) is not None:
            opening = open_partial(closed, self.costs)
            work.step(opening.rule, closed, opening.result)
        derivation = work.tidy().done()
        said = expression_text(partial)
        if said not in self._said:
            self._said.add(said)
            equation = Equation("", f"gradient: {said}", partial, derivation.result)
            self.used.append(Opened(equation, derivation))
        return derivation.result


def _first_to_open(expr: Expr) -> Partial | None:
    """Return a derivative of anything but an output, which stays closed."""
    for node in preorder_traversal(expr):
        if isinstance(node, Partial) and not _is_closed(node):
            return node
    return None


def _is_closed(partial: Partial) -> bool:
    return bool(getattr(partial.f, "base", None) == a)


def _single(expr: Expr, size: Expr) -> Expr:
    """Return an expression where a range has one element."""
    if isinstance(expr, Sum):
        left = [limit for limit in expr.limits if limit[0].upper != size]
        body = _single(expr.function, size)
        return Sum(body, *left) if left else body
    if isinstance(expr, Index) and expr.upper == size:
        return Integer(1)
    if expr == size:
        return Integer(1)
    return expr.func(*(_single(arg, size) for arg in expr.args)) if expr.args else expr


def decide(meaning: Meaning, assumed: Expr | None = None) -> tuple[bool | None, tuple[Opened, ...]]:
    """Compare both sides as they stand, then opened; None if they are too large to compare."""
    most = MAX_WORK if assumed is None else MAX_WORK_OF_A_CASE
    if sum(_growth(side) for side in (meaning.left, meaning.right)) > most:
        return None, ()
    if assumed is None and equal(meaning.left, meaning.right):
        return True, ()
    opening = Opening(assumed)
    try:
        sides = opening.open(meaning.left), opening.open(meaning.right)
    except ValueError:  # a derivative that no rule opens
        return False, ()
    if sum(growth(side).total for side in sides) > most:
        return None, ()
    return equal(*sides), tuple(opening.used)


def _growth(side: Expr) -> int:
    """Estimate the work, what is differentiated included."""
    return growth(side).total + sum(growth(partial.f).total for partial in side.atoms(Partial))
