"""A numbered equation: what proofs state, programs cite and printers print."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr


@dataclass(frozen=True)
class Equation:
    """``lhs = rhs`` in index notation, with the number by which everything else cites it."""

    number: str
    name: str
    lhs: Expr
    rhs: Expr

    def _repr_latex_(self) -> str:
        from derive.printers.latex import equation_latex

        return f"${equation_latex(self)}$"
