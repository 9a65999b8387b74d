"""The table of notation in LaTeX, and the letters that an article's running text needs."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr

from derive.architecture import Architecture
from derive.network import Network, mean_cost, output, sample_cost
from derive.notation import entries
from derive.printers.latex import expression_latex
from derive.printers.latex_prose import prose
from derive.quantities import Index, L, N, l, mu


@dataclass(frozen=True)
class Letter:
    """One line of the table: the letters in LaTeX and their meaning in LaTeX prose."""

    latex: str
    meaning: str


def symbols() -> dict[str, str]:
    """Return the letters that running text needs, by name, in LaTeX."""
    j, out = Network().index("j", l), output(Network())
    named: dict[str, Expr] = {
        "L": L,
        "C": sample_cost().symbol,
        "Cost": mean_cost().symbol,
        "F": out.symbol,
        "delta": sample_cost().delta(l, Index("i", N), j),
        "Delta": out.delta(l, out.i, j),
        "mu": mu,
    }
    return {name: expression_latex(expr) for name, expr in named.items()}


def notation(architecture: Architecture | None = None) -> tuple[Letter, ...]:
    """Return the table of notation, in the order of first use."""
    return tuple(
        Letter(r",\; ".join(expression_latex(expr) for expr in entry.letters), prose(entry.meaning))
        for entry in entries(architecture)
    )
