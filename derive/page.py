"""The proof for an architecture as one web page that needs nothing else: to read, and to step through.

Input: a ``Proof`` that holds. Output: the text of one HTML file; nothing has to come over a network, and its
own policy forbids that. What is said and how it looks stands in ``templates/page``; every formula is
printed here, every number found by ``walk``, and every other string escaped.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby, zip_longest

from markupsafe import Markup

from derive.calculus.derivation import Derivation
from derive.calculus.rules import CONSTANT, EXCHANGE, INDEPENDENCE, LINEARITY, RULES, Rule
from derive.drawing import Drawing, draw
from derive.equation import Equation
from derive.notation import entries
from derive.numbered import forward_equations, objective_equations, slope_equations, step_list
from derive.numbering import OWN, Concordance, Numbering, concordance
from derive.printers.mathml import (
    derivation_mathml,
    equation_mathml,
    expression_mathml,
    meaning_key,
    ranges_mathml,
)
from derive.printers.mathml_prose import formula, prose
from derive.proof import Proof
from derive.templating import environment
from derive.theorems.catalogue import theorems
from derive.theorems.curved import stated
from derive.theorems.descent import descent_update
from derive.theorems.lemma1 import derive_in_general
from derive.theorems.refutations import Refutation, refutations
from derive.theorems.theorem import Theorem
from derive.version import MARKER, tool_version
from derive.walk import Stop, Walk, affordable, start

SMALL = (LINEARITY, CONSTANT, EXCHANGE, INDEPENDENCE)
_FEWEST_FOLDED = 2
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Shown:
    """A numbered equation as it stands on the page; ``anchor`` is where citations lead."""

    anchor: str
    number: str
    name: Markup
    math: Markup
    ranges: Markup


@dataclass(frozen=True)
class Style:
    """Under which numbers equations stand on the page; every citation and every anchor is printed by this."""

    numbering: Numbering

    def prose(self, text: str) -> Markup:
        """Set prose; a cited number becomes a link to its equation."""
        return Markup(self.numbering.cite(prose(text), '<a href="#eq-{0}">({0})</a>'.format))

    def anchor(self, own: str) -> str:
        """Return where citations of an own number lead."""
        return f"eq-{self.numbering.number(own)}"


@dataclass(frozen=True)
class ShownStep:
    """One step: where it stands, what it leads to and why."""

    place: int
    math: Markup
    rule: Markup
    statement: Markup
    condition: Markup
    note: Markup


@dataclass(frozen=True)
class Steps:
    """Neighbouring steps; ``folded`` says that they are small and many."""

    folded: bool
    steps: tuple[ShownStep, ...]


@dataclass(frozen=True)
class ShownDerivation:
    """An equation with what it starts from and the steps that lead to it."""

    equation: Shown
    start: Markup
    groups: tuple[Steps, ...]
    count: int


def page(proof: Proof, numbering: Numbering = OWN) -> str:
    """Return the page for a proof, its equations under the numbers of a numbering.

    Raises:
        NotProvedError: if a claim of the proof does not hold; nothing is shown then.
    """
    proof.require()
    templates = environment("page", escape=True)
    style, script = (templates.get_template(name).render() for name in ("style.css.j2", "script.js.j2"))
    frame = {"style": Markup(style), "script": Markup(script), "policy": _policy(style, script)}
    return templates.get_template("page.html.j2").render(context(proof, numbering) | frame)


def context(proof: Proof, numbering: Numbering = OWN) -> dict[str, object]:
    """Return what the template reads besides style, script and policy; every formula printed."""
    style = Style(numbering)
    shape, general = proof.architecture, proof.network.in_general
    derived = derive_in_general(network=general)
    lemma = [_derivation(d.equation, d.derivation, style) for d in derived]
    activation = slope_equations(shape)
    seen = {d.equation.number for d in derived}
    defined = [*forward_equations(general), *objective_equations(general)]
    network = _numbered([*defined, *activation], seen, style)
    bent = [
        equation for equation in stated(proof.curved) if equation.number != "2.18"
    ]  # a part of its theorem
    steps = _numbered([*step_list(proof.step), *bent, descent_update()], seen, style)
    numbers, source = start(shape) if affordable(shape) else ({}, "")
    stops = Walk(proof, numbers).stops() if numbers else ()
    return {
        "marker": f"{MARKER} {tool_version()}",
        "label": shape.label,
        "facts": (shape.depth, shape.n_parameters, sum(d.count for d in lemma), len(proof.verdicts)),
        "number": numbering.number,
        "explanation": numbering.explanation(),
        "concordance": _concordance([*defined, *(d.equation for d in derived)], style),
        "drawing": draw(shape, f"The network {shape.label}"),
        "network": network,
        "lemma": lemma,
        "notation": [
            (
                " ".join(dict.fromkeys(map(meaning_key, entry.letters))),
                [Markup(expression_mathml(letter)) for letter in entry.letters],
                style.prose(entry.meaning),
            )
            for entry in entries(shape)
        ],
        "stops": [_stop(proof, stop, style) for stop in stops],
        "source": source,
        "verdicts": [
            (style.prose(v.claim), style.prose(v.method), _OUTCOME[v.holds]) for v in proof.verdicts
        ],
        "steps": steps,
        "theorems": [_theorem(theorem, seen, style) for theorem in theorems(shape)],
        "refutations": [_refutation(refutation, style) for refutation in refutations()],
        "rules": [(style.prose(r.name), style.prose(r.statement), _condition(r, style)) for r in RULES],
    }


_OUTCOME = {True: "holds", False: "fails", None: "not decided"}


def _policy(style: str, script: str) -> str:
    """Return a policy that allows this style and this script, and nothing from anywhere."""
    digests = (b64encode(sha256(text.encode()).digest()).decode() for text in (style, script))
    allowed = " ".join(
        f"{kind}-src 'sha256-{digest}';" for kind, digest in zip(("style", "script"), digests, strict=True)
    )
    return f"default-src 'none'; {allowed} base-uri 'none'; form-action 'none'"


def _concordance(equations: Iterable[Equation], style: Style) -> list[tuple[Markup, str, Concordance]]:
    """Return what relates the numbers to those of the programs; nothing if they are the same."""
    rows = concordance(equations) if style.numbering.foreign else ()
    return [(style.prose(row.name), style.anchor(row.own), row) for row in rows]


def _numbered(equations: Iterable[Equation], seen: set[str], style: Style, owner: str = "") -> list[Shown]:
    """Show equations; the first of a number is where citations of it lead."""
    shown: list[Shown] = []
    for eq in equations:
        anchor = style.anchor(eq.number) + (f"-{owner}" if eq.number in seen else "")
        if any(anchor == other.anchor for other in shown):  # cases of one equation
            anchor += f"-{len(shown)}"
        seen.add(eq.number)
        shown.append(_shown(eq, style, anchor))
    return shown


def _shown(eq: Equation, style: Style, anchor: str = "") -> Shown:
    number, ranges = style.numbering.number(eq.number), Markup(ranges_mathml(eq))
    return Shown(anchor, number, style.prose(eq.name), Markup(equation_mathml(eq)), ranges)


def _condition(rule: Rule, style: Style) -> Markup:
    return Markup("") if rule.side_condition == "none" else style.prose(rule.side_condition)


def _derivation(
    eq: Equation, derivation: Derivation, style: Style, shown: Shown | None = None
) -> ShownDerivation:
    first, lines = derivation_mathml(derivation)
    steps = [
        (
            line.step.rule in SMALL,
            ShownStep(
                place,
                Markup(line.expression),
                style.prose(line.step.rule.name),
                style.prose(line.step.rule.statement),
                _condition(line.step.rule, style),
                style.prose(line.step.note),
            ),
        )
        for place, line in enumerate(lines, start=1)
    ]
    groups = []
    for small, members in groupby(steps, key=lambda pair: pair[0]):
        kept = tuple(step for _, step in members)
        groups.append(Steps(small and len(kept) >= _FEWEST_FOLDED, kept))
    shown = shown or _shown(eq, style, style.anchor(eq.number))
    return ShownDerivation(shown, Markup(first), tuple(groups), len(steps))


def _theorem(theorem: Theorem, seen: set[str], style: Style) -> dict[str, object]:
    shown = _numbered((part.equation for part in theorem.parts), seen, style, theorem.key)
    return {
        "title": style.prose(theorem.title),
        "premises": [style.prose(premise) for premise in theorem.premises],
        "conclusion": style.prose(theorem.conclusion),
        "outcome": _OUTCOME[theorem.holds],
        "own_letters": not all(part.equation.lhs.is_commutative for part in theorem.parts),
        "parts": [
            (
                _derivation(part.equation, part.derivation, style, at),
                _OUTCOME[part.holds],
                style.prose(part.reason),
            )
            for part, at in zip(theorem.parts, shown, strict=True)
        ],
    }


def _refutation(refutation: Refutation, style: Style) -> dict[str, object]:
    return {
        "printed": Markup(formula(refutation.printed)),
        "mended": Markup(formula(refutation.mended)),
        "claim": style.prose(refutation.claim),
        "where": Markup(", ").join(Markup(formula(f"{name} = {m}")) for name, m in refutation.values),
        "found": Markup(formula(str(refutation.found))),
        "claimed": Markup(formula(str(refutation.claimed))),
        "trap": style.prose(refutation.trap),
    }


def _stop(proof: Proof, stop: Stop, style: Style) -> dict[str, object]:
    backward = stop.kind in ("delta", "gradient")
    return {
        "name": style.prose(stop.name),
        "kind": stop.kind,
        "layer": stop.layer,
        "equations": [_shown(eq, style) for eq in stop.equations],
        "letters": [Markup(expression_mathml(letter)) for letter in stop.letters],
        "headings": [Markup(expression_mathml(column.heading)) for column in stop.columns],
        "rows": list(_rows(stop)),
        "drawing": _stop_drawing(proof, stop, backward),
    }


def _rows(stop: Stop) -> Iterator[tuple[int, list[str]]]:
    columns = ([significant(value, 4) for value in column.values] for column in stop.columns)
    for j, row in enumerate(zip_longest(*columns, fillvalue=""), start=1):
        yield j, list(row)


def _stop_drawing(proof: Proof, stop: Stop, backward: bool) -> Drawing:
    """Draw the network as it stands at a stop: the layer and the wires at work are lit."""
    wires = stop.layer + 1 if stop.kind == "delta" else 0 if stop.kind == "cost" else stop.layer
    layers = (stop.layer - 1, stop.layer) if stop.kind == "gradient" else (stop.layer,)
    values = {layer: tuple(significant(value, 2) for value in found) for layer, found in stop.shown.items()}
    return draw(
        proof.architecture,
        f"The network at this stop: {stop.name}",
        lit_layers=layers,
        lit_wires=wires,
        values=values,
        backward=backward,
    )


def significant(value: float, digits: int) -> str:
    """Return a number with so many significant digits, with a true minus and powers of ten."""
    text = f"{value:#.{digits}g}".rstrip(".").replace("-", "−")
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    power = str(int(exponent.replace("−", "-"))).translate(_SUPERSCRIPTS)
    return f"{mantissa}·10{power}"
