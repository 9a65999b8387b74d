"""The MathML printer, prose with mathematics in it, and what a step changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from xml.etree import ElementTree

import pytest
from sympy import Rational, Symbol, exp, tan

from derive import article
from derive.activations import SIGMOID
from derive.architecture import Architecture
from derive.calculus.rules import RULES
from derive.changes import changed
from derive.equation import Equation
from derive.notation import entries
from derive.numbered import activation_equation, forward_equations, objective_equations, step_list
from derive.printers.latex_notation import notation
from derive.printers.latex_prose import prose as latex_prose
from derive.printers.mathml import (
    MathML,
    derivation_mathml,
    equation_mathml,
    expression_mathml,
    math,
    meaning_key,
)
from derive.printers.mathml_prose import formula, prose
from derive.printers.text import equation_text, expression_text
from derive.proof import Proof, prove
from derive.quantities import Index, N, Partial, a, b, total, w, z
from derive.theorems import catalogue, lemma1
from derive.theorems.descent import descent_update
from derive.theorems.refutations import refutations
from derive.theorems.slope import slopes
from derive.theorems.theorem import Theorem

TOKENS = {"mi", "mn", "mo", "mtext", "mspace"}
CORE = TOKENS | {"math", "mrow", "mfrac", "msub", "msup", "msubsup", "munder", "munderover"}
CORE |= {"msqrt", "mtable", "mtr", "mtd"}
CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "msubsup": 3, "munderover": 3}


@cache
def theorems() -> tuple[Theorem, ...]:
    """Those of the article's network; the slopes of the other activations have a test of their own."""
    return catalogue.theorems(Architecture.parse(article.ARCHITECTURE))


derive_in_general = cache(lemma1.derive_in_general)


@pytest.fixture(scope="module")
def proof() -> Proof:
    return prove(Architecture.parse(article.ARCHITECTURE), brute_force=False)


def everything(proof: Proof) -> Iterator[Equation]:
    yield from forward_equations(proof.network)
    yield from objective_equations()
    yield activation_equation(SIGMOID)
    yield from step_list(proof.step)
    yield descent_update()
    for derived in (*proof.sample, *proof.mean, *proof.scaled, *proof.output, *derive_in_general()):
        yield derived.equation
    for theorem in theorems():
        yield from (part.equation for part in theorem.parts)


# -- MathML --------------------------------------------------------------------------------------------


def linear(node: ElementTree.Element) -> str:
    """Return MathML as the plain-text printer would write it: an independent reading of the markup."""
    parts = [linear(child) for child in node]
    text = (node.text or "").replace("−", "-").replace("′", "'").replace("\u2061", "")
    if node.tag == "mspace":
        return " "
    if node.tag in TOKENS:
        plain = {"δ": "delta", "Δ": "Delta", "σ": "s", "μ": "mu", "η": "eta", "λ": "lambda", "φ": "phi"}
        plain |= {"ρ": "rho", "ω": "omega", "Γ": "Gamma", "ζ": "zeta", "ψ": "psi"}
        plain |= {"α": "alpha", "β": "beta", "κ": "kappa", "ν": "nu"}
        return f" {text} " if text in "=+-" and text else plain.get(text, "d" if text == "∂" else text)
    if node.tag == "mfrac":
        above, below = parts
        if above.startswith("d"):
            return f"{above}/{below}"
        compound = re.search(r"[ +]", below) and not re.fullmatch(r"sqrt\([^()]*\)", below)
        return f"({above}/({below}))" if compound else f"({above}/{below})"
    if node.tag == "msqrt":
        return f"sqrt({''.join(parts)})"
    if node.tag == "munderover":
        return f"sum_{parts[1].split(' = ')[0]}"
    if node.tag == "msubsup":
        base, below, above = parts
        return f"{base}{above}_{below}" if set(above) == {"'"} else f"{base}{above.replace(' ', '')}_{below}"
    if node.tag == "msup":
        base, above = parts
        if set(above) == {"'"}:
            return base + above
        if base == "e":
            return f"exp({squeeze(above)})"
        return base + (
            above.replace(" ", "") if above.startswith("[") else f"^{above.strip().replace(' ', '')}"
        )
    if node.tag == "msub":
        return f"{parts[0]}_{parts[1].replace(' ', '')}"
    return "".join(parts)


def squeeze(text: str) -> str:
    return (
        re.sub(r"\s+", " ", re.sub(r"(^|[(=/]) ?- ", r"\1 -", text).replace("( ", "("))
        .replace("= -", "= -")
        .strip()
    )


def well_formed(mathml: str) -> ElementTree.Element:
    root = ElementTree.fromstring(mathml)
    assert root.tag == "math"
    for node in root.iter():
        assert node.tag in CORE
        assert len(node) == CHILDREN.get(node.tag, len(node)), mathml
        assert (node.tag in TOKENS) or not (node.text or "").strip()
        assert not (node.tail or "").strip()
        assert not (node.tag in TOKENS and len(node))
        assert set(node.attrib) <= {"display", "data-of", "stretchy", "width", "class", "lspace", "rspace"}
    return root


def test_every_equation_of_the_project_is_well_formed(proof: Proof):
    for eq in everything(proof):
        for samples in (False, True):
            well_formed(equation_mathml(eq, samples))


def test_every_derivation_is_well_formed(proof: Proof):
    derivations = [d.derivation for d in (*proof.sample, *proof.output, *derive_in_general())]
    derivations += [part.derivation for theorem in theorems() for part in theorem.parts]
    for derivation in [*derivations, proof.step.gradient, proof.step.hessian]:
        first, lines = derivation_mathml(derivation)
        assert len(lines) == len(derivation.steps)
        for mathml in (first, *(line.expression for line in lines)):
            well_formed(mathml)


def test_the_slope_of_every_activation_is_well_formed():
    for part in slopes().parts:
        first, lines = derivation_mathml(part.derivation)
        for mathml in (first, equation_mathml(part.equation), *(line.expression for line in lines)):
            well_formed(mathml)


def test_mathml_reads_as_the_plain_text_does(proof: Proof):
    def spelled(text: str) -> str:
        return re.sub(r"\s+|_(?=\d)", "", text)  # an index q1 has its number below

    for eq in everything(proof):
        mathml = linear(well_formed(equation_mathml(eq, samples=True)))
        text = equation_text(eq)
        assert spelled(mathml) == spelled(text) or ("d(" in text and "d/d" in mathml)
    for derived in derive_in_general():
        for step in derived.derivation.steps:
            mathml = linear(well_formed(expression_mathml(step.after, samples=True)))
            text = expression_text(step.after)
            if "d/d" not in mathml:  # an operator stands before what it acts on
                assert spelled(mathml) == spelled(text)


def test_spellings():
    j, k = Index("j", 3), Index("k", 3)
    assert linear(well_formed(expression_mathml(w[12, 10, 3]))) == "w[12]_10,3"
    assert linear(well_formed(expression_mathml(w[2, j, 1]))) == "w[2]_j1"
    assert expression_mathml(Rational(-3, 2)).count("<mo>−</mo>") == 1
    assert "<mi>e</mi>" in expression_mathml(exp(-Symbol("z")))
    assert linear(well_formed(expression_mathml(total(-w[2, j, k], k)))) == "sum_k ( - w[2]_jk)"
    assert "<mtext>" not in expression_mathml(Partial(-a[2, 1, j], z[2, 1, k]) * b[2, j])
    many = [Index("k", 3) for _ in range(40)]
    well_formed(expression_mathml(sum((b[2, index] for index in many), start=b[2, 1])))
    with pytest.raises(TypeError, match="tan"):
        expression_mathml(tan(Symbol("x")))


def test_two_samples_are_told_apart():
    (gram,) = (theorem for theorem in theorems() if theorem.key == "gram")
    assert "Delta[l]_icj" in linear(well_formed(equation_mathml(gram.parts[0].equation)))
    assert "Delta[l]_i'c'j" in linear(well_formed(equation_mathml(gram.parts[0].equation)))
    assert said("(J J^T)_(ic),(i'c')") == "(JJT)(ic),(i′c′)"


def test_what_a_step_changes():
    for derived in derive_in_general():
        for before, _, after in ((step.before, step.rule, step.after) for step in derived.derivation.steps):
            old, new = changed(before, after)
            assert old
            assert before.has(*old)
            assert all(after.has(part) for part in new)
    x, y, u = map(Symbol, "xyu")
    assert changed(x + y, x + u) == ((y,), (u,))
    assert changed(x * (y + u), x * (y + 2 * u)) == ((u,), (2 * u,))
    assert changed(x + y + u, x) == ((x + y + u,), (x,))
    assert changed(x, x) == ((), ())


def test_marks_change_nothing_else():
    for derived in derive_in_general():
        _, lines = derivation_mathml(derived.derivation)
        for line in lines:
            plain = re.sub(r"\s", "", linear(well_formed(line.expression)))
            whole = [derived.derivation.start, *(step.after for step in derived.derivation.steps)]
            unmarked = math(f"= {MathML(whole, samples=False).read(line.step.after)}", display=True)
            assert plain == re.sub(r"\s", "", linear(well_formed(unmarked)))


def test_hostile_letters_are_escaped():
    for name in ("<script>", 'x"y', "a&b", "'", "<"):
        well_formed(expression_mathml(Symbol(name)))
        assert "<script" not in expression_mathml(Symbol(name))


def test_a_quantity_says_which_it_is():
    i, j, k = Index("i", N), Index("j", 3), Index("k", 3)
    assert 'data-of="w"' in expression_mathml(w[2, j, k])
    for entry in entries():
        for letter in entry.letters:
            assert f'data-of="{meaning_key(letter)}"'.replace("'", "&#x27;") in expression_mathml(letter)
    assert meaning_key(a[2, i, j]) == "a"


def test_the_meanings_are_those_of_the_article():
    said = "; ".join(latex_prose(entry.meaning) for entry in entries())
    for letter in notation():
        for meaning in letter.meaning.split("; "):
            words = set(re.findall(r"[a-z]{3,}", meaning)) - {"and", "else"}
            assert words <= set(re.findall(r"[a-z]{3,}", said)), meaning


# -- prose ---------------------------------------------------------------------------------------------


def strings(proof: Proof) -> Iterator[str]:
    for rule in RULES:
        yield from (rule.name, rule.statement, rule.side_condition)
    for theorem in theorems():
        yield from (theorem.title, *theorem.premises, theorem.conclusion)
        for part in theorem.parts:
            yield from (part.equation.name, part.reason, *(step.note for step in part.derivation.steps))
    for refutation in refutations():
        yield from (refutation.claim, refutation.trap)
    for verdict in proof.verdicts:
        yield from (verdict.claim, verdict.method)


def test_all_prose_is_well_formed(proof: Proof):
    for text in strings(proof):
        root = ElementTree.fromstring(f"<p>{prose(text)}</p>")
        for node in root.iter("math"):
            well_formed(ElementTree.tostring(node, encoding="unicode").rstrip(f"{node.tail or ''}"))
        words = "".join(piece for piece in (root.text, *(child.tail for child in root)) if piece)
        assert not re.search(r"[_^]|sum_|lambda|delta", words), (text, words)


def test_printed_formulas_are_set():
    for refutation in refutations():
        for text in (refutation.printed, refutation.mended):
            well_formed(formula(text))


def said(text: str) -> str:
    return "".join(ElementTree.fromstring(f"<p>{prose(text)}</p>").itertext())


def test_prose_sets_mathematics_and_escapes_the_rest():
    assert prose("a quantity equals 3 of a kind") == "a quantity equals 3 of a kind"
    assert said("m is whole, m >= 1") == "m is whole, m≥1"
    assert said("(then so is A + U C V)") == "(then so is A+UCV)"
    assert "<munder>" in prose("sum_m delta_mj f_m = f_j")
    assert prose("<b>50%</b> & more") == "&lt;b&gt;50%&lt;/b&gt; &amp; more"
    assert prose('"onclick" {x}') == "&quot;onclick&quot; {x}"
