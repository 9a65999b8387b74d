"""The whole proof as a LaTeX article, for pdflatex.

Input: a ``Proof`` that holds. Output: the text of one file. What is said and in which order stands in
``templates/latex/article.tex.j2``; every formula in it is printed here, from the equations and derivations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sympy import Expr

from derive.activations import Activation, Z, activation
from derive.calculus.derivation import Derivation
from derive.calculus.rules import RULES, Rule
from derive.code_lines import computed
from derive.costs import SOFTMAX
from derive.equation import Equation
from derive.errors import NotProvedError
from derive.generate import generate
from derive.network import Network, Objective, mean_cost, output, sample_cost
from derive.numbered import (
    activation_equation,
    forward_equations,
    objective_equations,
    step_list,
)
from derive.numbering import OWN, Numbering, concordance
from derive.printers.latex import (
    MAX_SHOWN_LAYERS,
    derivation_lines,
    equation_latex,
    expression_latex,
    numbered_latex,
    rule_names,
)
from derive.printers.latex_code import beside, code_table, place
from derive.printers.latex_lines import broken
from derive.printers.latex_notation import notation, symbols
from derive.printers.latex_prose import prose
from derive.printers.latex_spelling import escape
from derive.printers.levels import Level
from derive.printers.tikz import network_tikz
from derive.proof import Proof
from derive.quantities import Partial, Sigma, SigmaPrime
from derive.templating import latex_environment
from derive.theorems.backpropagation import Derived
from derive.theorems.catalogue import theorems
from derive.theorems.curved import stated
from derive.theorems.descent import descent_update
from derive.theorems.lemma1 import derive_in_general
from derive.theorems.levenberg_marquardt import model, phi
from derive.theorems.theorem import Theorem
from derive.version import MARKER, tool_version

TEMPLATE = "article.tex.j2"
MAX_SIZES = 12


@dataclass(frozen=True)
class Style:
    """How much is shown, and under which numbers: every citation and every tag is printed by this."""

    level: Level
    numbering: Numbering

    def prose(self, text: str) -> str:
        """Set prose, its citations under the numbers printed."""
        return self.numbering.cite(prose(text))

    def display(self, equations: Sequence[Equation], samples: bool = False) -> str:
        """Set equations with their numbers, beside them the ranges of their indices."""
        return numbered_latex(equations, samples, numbering=self.numbering)


@dataclass(frozen=True)
class Reason:
    """One line of a derivation as the template sets it."""

    right: str
    rule: str
    note: str
    condition: str


@dataclass(frozen=True)
class Part:
    """The derivation of one equation of the lemma."""

    number: str
    name: str
    start: str
    lines: tuple[Reason, ...]


@dataclass(frozen=True)
class TheoremText:
    """A theorem beside the lemma as the template sets it."""

    title: str
    conclusion: str
    premises: tuple[str, ...]
    parts: tuple[Part, ...]


def latex_document(
    proof: Proof, level: Level = Level.STUDENT, numbering: Numbering = OWN, *, cite_code: bool = False
) -> str:
    """Return the article for a proof.

    ``level`` says how many of the steps are shown, ``numbering`` under which numbers. With ``cite_code`` the
    package is emitted, to memory, and the lines are cited that compute each equation.

    Raises:
        NotProvedError: if a claim of the proof does not hold; nothing is printed then.
    """
    proof.require()
    return latex_environment().get_template(TEMPLATE).render(context(proof, level, numbering, cite_code))


def context(
    proof: Proof, level: Level = Level.STUDENT, numbering: Numbering = OWN, cite_code: bool = False
) -> dict[str, object]:
    """Return what the template reads, every formula printed."""
    style = Style(level, numbering)
    code = computed(generate(proof).files) if cite_code else ()
    shape, general = proof.architecture, proof.network.in_general
    lemma, outputs = derive_in_general(network=general), output(general)
    layers = _shown_layers(shape.depth)
    gradient, hessian = proof.step.gradient, proof.step.hessian
    return {
        "marker": f"{MARKER} {tool_version()}",
        "architecture": prose(shape.label),
        "sizes": prose(_sizes(shape.sizes)),
        "depth": str(shape.depth),
        "parameters": str(shape.n_parameters),
        "symbol": symbols(),
        "notation": [replace(letter, meaning=numbering.cite(letter.meaning)) for letter in notation(shape)],
        "number": numbering.number,
        "explanation": escape(numbering.explanation()),
        "concordance": _concordance(lemma, style),
        "code": code_table(code, numbering),
        "forward": style.display(forward_equations(general)),
        "objectives": style.display(objective_equations(general)),
        "output": _line(outputs.symbol, outputs.define(general)),
        "sample_symbol": expression_latex(sample_cost().symbol),
        "sample_cost": _line(sample_cost().symbol, sample_cost().define(general)),
        "lemma": numbered_latex(
            [d.equation for d in lemma], beside=lambda eq: beside(eq, code), numbering=numbering
        ),
        "parts": [_part(d.equation, d.derivation, style) for d in lemma],
        "picture": network_tikz(shape),
        "passes": _passes(lemma),
        "places": {eq.number: place(eq.number, code) for eq in _pass_equations(lemma)},
        "theorems": [_theorem(theorem, style) for theorem in theorems(shape)],
        "activations": [_activation(name, style) for name in sorted(set(shape.activations) - {SOFTMAX})],
        "own_forward": style.display(_forward(proof, layers)),
        "own_backward": style.display([d.equation for d in proof.sample if d.layer in layers]),
        "count": str(len(proof.sample)),
        "left_out": _left_out(shape.depth, layers),
        "verdicts": [
            (style.prose(v.claim), style.prose(v.method), _OUTCOME[v.holds]) for v in proof.verdicts
        ],
        "mean": _in_general(mean_cost(), general, style),
        "jacobian": _in_general(outputs, general, style),
        "model": _line(phi, model()),
        "gradient": _line(gradient.start, gradient.result),
        "hessian": _line(Partial(gradient.start, hessian.start.v), hessian.result),
        "step": numbered_latex(step_list(proof.step), beside=_name, numbering=numbering),
        "curved": "" if proof.curved is None else style.display(stated(proof.curved)),
        "descent": style.display([descent_update()]),
        "rules": [(prose(r.name), style.prose(r.statement), _condition(r, style)) for r in RULES],
    }


_OUTCOME = {True: "holds", False: "fails", None: "not decided"}


def _line(left: Expr, right: Expr) -> str:
    return equation_latex(Equation("", "", left, right))


def _in_general(objective: Objective, network: Network, style: Style) -> str:
    """Return the four equations of another objective, samples told apart."""
    return style.display([d.equation for d in derive_in_general(objective, network)], samples=True)


def _name(eq: Equation) -> str:
    return rf"\text{{{prose(eq.name)}}}"


def _part(equation: Equation, derivation: Derivation, style: Style) -> Part:
    samples = equation.number[0] not in "01"
    start, lines = derivation_lines(derivation, samples, style.level)
    reasons = (
        Reason(line.expression, rule_names(line), style.prose(line.note), _condition(line.rule, style))
        for line in lines
    )
    number = style.numbering.number(equation.number)
    return Part(number, style.prose(equation.name), start, tuple(reasons))


def _broken(part: Part) -> Part:
    """Set what is wider than the page on several lines."""
    lines = tuple(replace(line, right=broken(line.right)) for line in part.lines)
    return replace(part, start=broken(part.start), lines=lines)


def _theorem(theorem: Theorem, style: Style) -> TheoremText:
    parts = tuple(_broken(_part(part.equation, part.derivation, style)) for part in theorem.parts)
    premises = tuple(style.prose(premise) for premise in theorem.premises)
    return TheoremText(style.prose(theorem.title), style.prose(theorem.conclusion), premises, parts)


def _passes(lemma: tuple[Derived, ...]) -> dict[str, str]:
    """Return the lines of the forward and the backward pass, by the number of their equation."""
    return {f"e{eq.number.replace('.', '')}": equation_latex(eq) for eq in _pass_equations(lemma)}


def _concordance(lemma: tuple[Derived, ...], style: Style) -> list[tuple[str, str, str, str]]:
    """Return what relates the numbers to those of the programs; nothing if they are the same."""
    if not style.numbering.foreign:
        return []
    rows = concordance([*_pass_equations(lemma), *objective_equations()])
    return [(style.prose(row.name), row.own, row.arxiv, row.siam) for row in rows]


def _pass_equations(lemma: tuple[Derived, ...]) -> list[Equation]:
    return [*forward_equations(Network()), *map(_equation, lemma)]


def _equation(derived: Derived) -> Equation:
    return derived.equation


def _condition(rule: Rule, style: Style) -> str:
    return "" if rule.side_condition == "none" else style.prose(rule.side_condition)


def _activation(name: str, style: Style) -> dict[str, str]:
    """Return the definition, the derivative as differentiated, and (1.5) for one activation."""
    function = activation(name)
    return {
        "name": escape(name),
        "definition": _line(Sigma(0, Z), function.definition),
        "derivative": _line(SigmaPrime(0, Z), function.derivative()),
        "reason": _reason(function),
        "equation": style.display([activation_equation(function)]),
    }


def _reason(function: Activation) -> str:
    """Say how the derivative of an activation is written, and where it has none."""
    said = ""
    if function.side_condition:
        where, convention = prose(function.side_condition), prose(function.convention)
        said = f"There is a derivative only where {where}; {convention}. "
    try:
        function.derivative_through_output()
    except NotProvedError:
        return f"{said}It is computed from the weighted input, which is kept:"
    return f"{said}Through the activation's own value it needs no weighted input; this was found and proved:"


def _shown_layers(depth: int) -> list[int]:
    """Return the layers after the input whose equations are written out, last layer first."""
    layers = list(range(depth, 1, -1))
    return layers if len(layers) <= MAX_SHOWN_LAYERS else [*layers[: MAX_SHOWN_LAYERS - 1], 2]


def _forward(proof: Proof, layers: list[int]) -> list[Equation]:
    return [eq for eq in proof.network.equations() if eq.lhs.indices[0] in (1, *layers)]


def _left_out(depth: int, layers: list[int]) -> str:
    """Say which layers are not written out; nothing if all are."""
    missing = [layer for layer in range(2, depth + 1) if layer not in layers]
    if not missing:
        return ""
    which = f"layer {missing[0]}" if len(missing) == 1 else f"layers {missing[0]} to {missing[-1]}"
    return f"{3 * len(missing)} of them, those of {which}"


def _sizes(sizes: tuple[int, ...]) -> str:
    words = [str(size) for size in sizes]
    return ", ".join(words if len(words) <= MAX_SIZES else [*words[:6], "...", *words[-3:]])
