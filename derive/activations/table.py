"""The table of the activations in ``docs/activations.md``, from the activations themselves."""

from __future__ import annotations

from sympy import Expr, Float, Rational

from derive.activations.builtin import ACTIVATIONS, ALIASES

HEADER = ("name", "sigma(z)", "sigma' as emitted", "side condition", "convention")


def rows() -> list[tuple[str, ...]]:
    """Return a row for each built-in activation: its names and what it is."""
    found: list[tuple[str, ...]] = []
    for activation in ACTIVATIONS.values():
        names = [activation.name, *(alias for alias, of in ALIASES.items() if of == activation.name)]
        found.append(
            (
                ", ".join(f"`{name}`" for name in names),
                f"`{_text(activation.definition)}`",
                f"`{_text(activation.slope())}`",
                activation.side_condition or "none",
                activation.convention or "none",
            )
        )
    return found


def markdown() -> str:
    """Return the table as Markdown."""
    lines = [HEADER, tuple("---" for _ in HEADER), *rows()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _text(expr: Expr) -> str:
    """Spell an expression on one line, long fractions as decimals."""
    long = {number: Float(number, 7) for number in expr.atoms(Rational) if len(str(number)) > 12}
    return str(expr.xreplace(long)).replace("|", "\\|")
