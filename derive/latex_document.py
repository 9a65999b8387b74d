"""The whole proof as a LaTeX article, for pdflatex.

Input: a ``Proof`` that holds. Output: the text of one file. What is said and in which order stands in
``templates/latex/article.tex.j2``; every formula in it is printed here, from the equations and derivations.
"""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sympy import Expr

from derive.activations import ACTIVATIONS, Z
from derive.calculus.derivation import Derivation
from derive.calculus.rules import RULES, Rule
from derive.equation import Equation
from derive.network import Network, Objective, mean_cost, output, sample_cost
from derive.numbered import (
    activation_equation,
    forward_equations,
    objective_equations,
    step_list,
)
from derive.printers.latex import (
    MAX_SHOWN_LAYERS,
    derivation_latex,
    derivation_lines,
    equation_latex,
    numbered_latex,
    rule_names,
)
from derive.printers.latex_notation import notation, symbols
from derive.printers.latex_prose import prose
from derive.printers.levels import Level
from derive.printers.tikz import network_tikz
from derive.proof import Proof
from derive.quantities import Partial, Sigma, SigmaPrime
from derive.templates_path import templates_directory
from derive.theorems.backpropagation import Derived
from derive.theorems.catalogue import theorems
from derive.theorems.descent import descent_update
from derive.theorems.lemma1 import derive_in_general
from derive.theorems.levenberg_marquardt import model, phi
from derive.theorems.theorem import Theorem
from derive.version import MARKER, tool_version

TEMPLATE = "article.tex.j2"
MAX_SIZES = 12


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


def latex_document(proof: Proof, level: Level = Level.STUDENT) -> str:
    """Return the article for a proof; ``level`` says how many of the steps are shown.

    Raises:
        NotProvedError: if a claim of the proof does not hold; nothing is printed then.
    """
    proof.require()
    return environment().get_template(TEMPLATE).render(context(proof, level))


def latex_fragment(proof: Proof, level: Level = Level.STUDENT) -> str:
    """Return the lemma and its four derivations as displays for someone's own paper; it needs amsmath.

    Raises:
        NotProvedError: if a claim of the proof does not hold; nothing is printed then.
    """
    proof.require()
    lemma = derive_in_general()
    displays = [f"% {MARKER} {tool_version()}: derive latex {proof.architecture.label} --fragment"]
    displays.append(numbered_latex([derived.equation for derived in lemma]))
    for derived in lemma:
        displays.append(f"% derivation of ({derived.equation.number})")
        displays.append(derivation_latex(derived.derivation, level=level, environment="align*"))
    return "\n".join(displays) + "\n"


def environment() -> Environment:
    r"""Return the Jinja environment: ``\VAR{...}``, ``\BLOCK{...}``, and nothing may be undefined."""
    return Environment(
        block_start_string=r"\BLOCK{",
        block_end_string="}",
        variable_start_string=r"\VAR{",
        variable_end_string="}",
        comment_start_string=r"\#{",
        comment_end_string="}",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        undefined=StrictUndefined,
        loader=FileSystemLoader(templates_directory() / "latex"),
    )


def context(proof: Proof, level: Level = Level.STUDENT) -> dict[str, object]:
    """Return what the template reads, every formula printed."""
    shape, general = proof.architecture, Network()
    lemma, outputs = derive_in_general(), output(general)
    layers = _shown_layers(shape.depth)
    gradient, hessian = proof.step.gradient, proof.step.hessian
    return {
        "marker": f"{MARKER} {tool_version()}",
        "architecture": prose(shape.label),
        "sizes": prose(_sizes(shape.sizes)),
        "depth": str(shape.depth),
        "parameters": str(shape.n_parameters),
        "symbol": symbols(),
        "notation": notation(),
        "forward": numbered_latex(forward_equations(general)),
        "objectives": numbered_latex(objective_equations()),
        "output": _line(outputs.symbol, outputs.define(general)),
        "sample_cost": _line(sample_cost().symbol, sample_cost().define(general)),
        "lemma": numbered_latex([d.equation for d in lemma]),
        "parts": [_part(d.equation, d.derivation, level) for d in lemma],
        "picture": network_tikz(shape),
        "passes": _passes(lemma),
        "theorems": [_theorem(theorem, level) for theorem in theorems()],
        "activations": [_activation(name) for name in sorted(set(shape.activations))],
        "own_forward": numbered_latex(_forward(proof, layers)),
        "own_backward": numbered_latex([d.equation for d in proof.sample if d.layer in layers]),
        "count": str(len(proof.sample)),
        "left_out": _left_out(shape.depth, layers),
        "verdicts": [(prose(v.claim), prose(v.method), _OUTCOME[v.holds]) for v in proof.verdicts],
        "mean": _in_general(mean_cost()),
        "jacobian": _in_general(outputs),
        "model": _line(phi, model()),
        "gradient": _line(gradient.start, gradient.result),
        "hessian": _line(Partial(gradient.start, hessian.start.v), hessian.result),
        "step": numbered_latex(step_list(proof.step), beside=_name),
        "descent": numbered_latex([descent_update()]),
        "rules": [(prose(r.name), prose(r.statement), _condition(r)) for r in RULES],
    }


_OUTCOME = {True: "holds", False: "fails", None: "not decided"}


def _line(left: Expr, right: Expr) -> str:
    return equation_latex(Equation("", "", left, right))


def _in_general(objective: Objective) -> str:
    """Return the four equations of another objective, samples told apart."""
    return numbered_latex([d.equation for d in derive_in_general(objective)], samples=True)


def _name(eq: Equation) -> str:
    return rf"\text{{{prose(eq.name)}}}"


def _part(equation: Equation, derivation: Derivation, level: Level) -> Part:
    start, lines = derivation_lines(derivation, samples=equation.number[0] not in "01", level=level)
    reasons = (
        Reason(line.expression, rule_names(line), prose(line.note), _condition(line.rule)) for line in lines
    )
    return Part(equation.number, prose(equation.name), start, tuple(reasons))


def _theorem(theorem: Theorem, level: Level) -> TheoremText:
    parts = tuple(_part(part.equation, part.derivation, level) for part in theorem.parts)
    premises = tuple(prose(premise) for premise in theorem.premises)
    return TheoremText(prose(theorem.title), prose(theorem.conclusion), premises, parts)


def _passes(lemma: tuple[Derived, ...]) -> dict[str, str]:
    """Return the lines of the forward and the backward pass, by the number of their equation."""
    equations = [*forward_equations(Network()), *(derived.equation for derived in lemma)]
    return {f"e{eq.number.replace('.', '')}": equation_latex(eq) for eq in equations}


def _condition(rule: Rule) -> str:
    return "" if rule.side_condition == "none" else prose(rule.side_condition)


def _activation(name: str) -> dict[str, str]:
    """Return the definition, the derivative as differentiated, and (1.5) for one activation."""
    activation = ACTIVATIONS[name]
    return {
        "name": prose(name),
        "definition": _line(Sigma(0, Z), activation.definition),
        "derivative": _line(SigmaPrime(0, Z), activation.derivative()),
        "equation": numbered_latex([activation_equation(activation)]),
    }


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
