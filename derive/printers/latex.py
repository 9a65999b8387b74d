"""Equations, derivations, networks and the lemma in LaTeX.

What is returned stands inside mathematics, except for ``network_latex`` and ``lemma_latex``, which bring
their own displays. pdflatex with amsmath reads all of it, and so does MathJax.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sympy import Expr

from derive.calculus.derivation import Derivation
from derive.calculus.rules import Rule
from derive.equation import Equation
from derive.network import Network
from derive.numbered import forward_equations, lemma_equations
from derive.numbering import OWN, Numbering
from derive.printers.identity import with_identity
from derive.printers.latex_prose import prose
from derive.printers.latex_spelling import Latex
from derive.printers.levels import Level, shown
from derive.printers.naming import is_sample
from derive.quantities import Index

if TYPE_CHECKING:
    from derive.proof import Proof

MAX_SHOWN_LAYERS = 4


@dataclass(frozen=True)
class Line:
    """A step of a derivation in LaTeX: the expression reached, the rule, the step's note.

    ``silent`` names the rules of steps before it that are not shown.
    """

    expression: str
    rule: Rule
    note: str
    silent: tuple[str, ...] = ()


def expression_latex(expr: Expr, samples: bool = False) -> str:
    """Return an expression in LaTeX; the sample index is hidden unless asked for or summed over."""
    return Latex([expr], samples).read(expr)


def equation_latex(eq: Equation, samples: bool = False) -> str:
    """Return ``lhs = rhs`` in LaTeX."""
    return " = ".join(equation_sides(eq, samples))


def equation_sides(eq: Equation, samples: bool = False) -> tuple[str, str]:
    """Return both sides in LaTeX, read together so that they share their letters."""
    lhs, rhs = with_identity(eq.lhs, eq.rhs)
    latex = Latex([lhs, rhs], samples)
    return latex.read(lhs), latex.read(rhs)


def ranges_latex(eq: Equation) -> str:
    """Return the ranges of an equation's free neuron indices: ``j = 1, 2``, ``k = 1, ..., 8``."""
    latex = Latex([eq.lhs, eq.rhs], samples=True)
    free = eq.lhs.free_symbols | eq.rhs.free_symbols
    visible = [index for index in latex.names if index in free and not is_sample(index)]
    return r",\; ".join(f"{latex.names[index]} = {_range(index, latex)}" for index in visible)


def _range(index: Index, latex: Latex) -> str:
    values = {"1": "1", "2": "1, 2", "3": "1, 2, 3"}
    upper = latex.read(index.upper)
    return values.get(upper, rf"1, \dots, {upper}")


def derivation_lines(
    d: Derivation, samples: bool = False, level: Level = Level.STUDENT
) -> tuple[str, tuple[Line, ...]]:
    """Return what a derivation starts from and the steps that a level shows."""
    reached = with_identity(d.start, *(step.after for step in d.steps))
    latex = Latex(reached, samples)
    spelled = dict(zip(d.steps, reached[1:], strict=True))
    steps = shown(d.steps, level)
    lines = (Line(latex.read(spelled[step]), step.rule, step.note, silent) for step, silent in steps)
    return latex.read(reached[0]), tuple(lines)


def derivation_latex(
    d: Derivation, samples: bool = False, level: Level = Level.STUDENT, environment: str = "aligned"
) -> str:
    """Return a derivation as an aligned environment, each step with the name of its rule."""
    start, lines = derivation_lines(d, samples, level)
    rows = [rf"&= {line.expression} && \text{{{rule_names(line)}}}" for line in lines]
    return _environment(
        environment, [f"{start} {row}" if n == 0 else row for n, row in enumerate(rows)] or [start]
    )


def rule_names(line: Line) -> str:
    """Return the rule of a line with those of the steps hidden before it."""
    return prose(", ".join([*line.silent, line.rule.name]))


def network_latex(network: Network) -> str:
    """Return the forward equations as a display; a deep network is shown by its first and last layers."""
    rows = [r" &= ".join(equation_sides(eq)) for eq in forward_equations(network)]
    most = 2 * (MAX_SHOWN_LAYERS - 1) + 1
    if len(rows) > most:
        rows[most - 2 : -2] = [r"&\;\;\vdots"]
    return f"$${_environment('aligned', rows)}$$"


def lemma_latex(proof: Proof, numbering: Numbering = OWN) -> str:
    """Return what the lemma was proved for, in words, and its four equations as a numbered display."""
    outcome = "proved" if proof.holds else "not proved"
    heading = f"Lemma 1, {outcome} for {prose(proof.architecture.label)}:"
    return f"{heading}\n{numbered_latex(lemma_equations(), numbering=numbering)}"


def numbered_latex(
    equations: Sequence[Equation],
    samples: bool = False,
    beside: Callable[[Equation], str] = ranges_latex,
    numbering: Numbering = OWN,
) -> str:
    """Return equations as a display, each with its number; beside them the ranges of their indices."""
    rows = [
        rf"{' &= '.join(equation_sides(eq, samples))} && {beside(eq)} \tag{{{numbering.number(eq.number)}}}"
        for eq in equations
    ]
    return _environment("align", rows)


def _environment(name: str, rows: Iterable[str]) -> str:
    body = " \\\\\n".join(rows)
    return f"\\begin{{{name}}}\n{body}\n\\end{{{name}}}"
