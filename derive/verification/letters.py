"""Other letters for some, always the same one for each: what an expression becomes, or how it can."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Indexed, Sum, Symbol

from derive.quantities import Index, Partial, exchanged
from derive.remembered import remembered
from derive.verification.expected import Knowledge, Known, quantities

Head = tuple[Expr, tuple[Expr | None, ...]]


class Unlike(Exception):
    """What is not the same in other letters, or cannot be seen to be."""


class Letters:
    """Which letters take the places of which."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.heads: dict[Head, Head] = {}
        self.symbols: dict[Expr, Expr] = {}

    def match(self, old: Expr, new: Expr) -> None:
        """Have a value be another in other letters.

        Raises:
            Unlike: if it is not, as far as can be seen, or a letter would stand for two.
        """
        self._match(old, new, {})

    def _match(self, old: Expr, new: Expr, bound: dict[Expr, Expr]) -> None:
        kind = type(old)
        if kind is not type(new) or isinstance(old, Partial):
            raise Unlike
        if isinstance(old, Indexed):
            self._set(self.heads, _head(old), _head(new))
            if not (self.knowledge.plain(old) and self.knowledge.plain(new)):
                raise Unlike
            for one, other in zip(old.indices, new.indices, strict=True):
                if isinstance(one, Index) and bound.get(one, one) is not other:
                    raise Unlike
        elif isinstance(old, Index):
            if bound.get(old, old) is not new:
                raise Unlike
        elif isinstance(old, Symbol):
            if old != new and (old.is_integer or old.assumptions0 != new.assumptions0):
                # How many there are of something is no letter; what holds of positive ones need not hold.
                raise Unlike
            self._set(self.symbols, old, new)
        elif isinstance(old, Sum):
            inner = dict(bound)
            for (one, *ends), (other, *others) in zip(old.limits, new.limits, strict=True):
                if ends != others:
                    raise Unlike
                inner[one] = other
            self._match(old.function, new.function, inner)
        elif not old.args:
            if old != new:
                raise Unlike
        else:
            if len(old.args) != len(new.args):
                raise Unlike
            for one, other in zip(old.args, new.args, strict=True):
                self._match(one, other, bound)

    def _set(self, names: dict[Any, Any], old: Any, new: Any) -> None:
        if names.setdefault(old, new) != new:
            raise Unlike

    def equation(self, old: Known) -> Known:
        """Return the equation that is another in other letters, the left-hand side among them.

        Raises:
            Unlike: if there is none.
        """
        heads = frozenset(self.heads.get(head, head) for head in heads_of(old.right))
        for new in self.knowledge.with_heads(old.number, old.leaves, heads, heads_of):
            trial = self._copy()
            try:
                if not trial.fits(old.right, new.right):
                    continue
                if not isinstance(old.letter, Partial):  # which goes nowhere but where it is put by itself
                    trial.match(old.letter, new.letter)
            except (Unlike, ValueError):
                continue
            self.heads, self.symbols = trial.heads, trial.symbols
            return new
        raise Unlike

    def fits(self, old: Expr, new: Expr) -> bool:
        """Say whether an expression is another in the other letters, be its terms in another order.

        Raises:
            Unlike: if it has letters of which nothing is known.
        """
        trial = self._copy()
        try:
            trial.match(old, new)
        except (Unlike, ValueError):
            return self.knowledge.key(self.put_in(old)) == self.knowledge.key(new)
        self.heads, self.symbols = trial.heads, trial.symbols
        return True

    def _copy(self) -> Letters:
        copied = Letters(self.knowledge)
        copied.heads, copied.symbols = dict(self.heads), dict(self.symbols)
        return copied

    def put_in(self, expr: Expr) -> Expr:
        """Return an expression in the other letters.

        Raises:
            Unlike: if it has letters of which nothing is known.
        """
        names: dict[Expr, Expr] = {old: new for old, new in self.symbols.items() if old is not new}
        if _has_partial(expr):
            raise Unlike
        for quantity in quantities(expr):
            head = _head(quantity)
            if head not in self.heads:
                raise Unlike
            base, numbers = self.heads[head]
            indices = (k or index for k, index in zip(numbers, quantity.indices, strict=True))
            names[quantity] = base[tuple(indices)]
        return exchanged(expr, names)


@remembered
def _head(quantity: Indexed) -> Head:
    """Return a letter with those of its indices that are numbers."""
    return quantity.base, tuple(None if isinstance(k, Index) else k for k in quantity.indices)


@remembered
def heads_of(expr: Expr) -> frozenset[Head]:
    """Return the letters of an expression."""
    return frozenset(map(_head, quantities(expr)))


@remembered
def _has_partial(expr: Expr) -> bool:
    return isinstance(expr, Partial) or any(map(_has_partial, expr.args))
