"""The plain-text and LaTeX printers, and the article."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import meta
from sympy import Integer, KroneckerDelta, Rational, Symbol, exp, tan

from derive.activations import SIGMOID
from derive.architecture import Architecture
from derive.calculus.rules import RULES
from derive.equation import Equation
from derive.errors import NotProvedError
from derive.latex_document import TEMPLATE, context, latex_document
from derive.network import Network, mean_cost
from derive.numbered import (
    activation_equation,
    forward_equations,
    lemma_equations,
    objective_equations,
    step_list,
)
from derive.printers.latex import (
    derivation_latex,
    equation_latex,
    expression_latex,
    lemma_latex,
    network_latex,
    ranges_latex,
)
from derive.printers.latex_lines import lines_of, width
from derive.printers.latex_prose import prose
from derive.printers.naming import index_names
from derive.printers.text import equation_text, expression_text
from derive.proof import Proof, prove
from derive.quantities import Index, N, Partial, Sigma, a, b, delta, l, total, w, z
from derive.templates_path import templates_directory
from derive.templating import latex_environment
from derive.theorems.catalogue import theorems
from derive.theorems.descent import descent_update
from derive.theorems.lemma1 import derive_in_general
from derive.theorems.levenberg_marquardt import J, h, p_old, s

DEEP = "3-4-5-6-5-4-3-2"
NUMBERS = {f"0.{m}" for m in range(1, 8)} | {f"1.{m}" for m in range(1, 6)}
NUMBERS |= {f"2.{m}" for m in range(1, 8)} | {"3.1"}


@pytest.fixture(scope="module")
def proof() -> Proof:
    return prove(Architecture.parse("2-2-3-2"), brute_force=False)


@pytest.fixture(scope="module")
def document(proof: Proof) -> str:
    return latex_document(proof)


def indices(names: str, upper: object = 3) -> list[Index]:
    return [Index(name, upper) for name in names]


# -- names of indices ----------------------------------------------------------------------------------


def test_two_indices_called_k_get_two_letters():
    j, k, inner = indices("jkk")
    expr = w[3, j, k] * total(w[2, k, inner] * a[1, 1, inner], inner)
    assert index_names(expr) == {j: "j", k: "k", inner: "m"}
    assert expression_text(expr) == "w[3]_jk sum_m w[2]_km a[1]_1m"


def test_a_free_index_keeps_its_name_before_a_bound_one():
    k, bound = indices("kk")
    assert index_names(total(w[2, bound, k], bound) + b[2, k]) == {k: "k", bound: "j"}


def test_two_free_indices_of_one_name_are_told_apart():
    k, other = indices("kk")
    assert expression_text(KroneckerDelta(k, other)) == "delta_kj"


def test_an_index_is_not_called_as_a_quantity():
    p = Index("p", s)
    assert expression_text(p_old[p] + h[p]) == "p_j + h_j"
    assert expression_text(J[Index("q", 4), p] * h[p]) == "J_qp h_p"


def test_more_indices_than_letters():
    many = [Index("k", 3) for _ in range(40)]
    names = index_names(sum((b[2, index] for index in many), start=b[2, 1]))
    assert len(set(names.values())) == 40


# -- plain text ----------------------------------------------------------------------------------------


def test_lemma_in_text():
    assert [equation_text(eq) for eq in lemma_equations()] == [
        "delta[L]_ij = s'(z[L]_ij) (a[L]_ij - y_ij)",
        "delta[l]_ij = s'(z[l]_ij) sum_k w[l+1]_kj delta[l+1]_ik",
        "dC_i/db[l]_j = delta[l]_ij",
        "dC_i/dw[l]_jk = delta[l]_ij a[l-1]_ik",
    ]
    assert equation_text(lemma_equations()[0], samples=False) == "delta[L]_j = s'(z[L]_j) (a[L]_j - y_j)"


def test_the_other_equations_in_text(proof: Proof):
    everything = [
        *forward_equations(proof.network)[:3],
        *objective_equations(),
        activation_equation(SIGMOID),
        *step_list(proof.step),
        descent_update(),
        *(d.equation for d in (*proof.mean[:3], proof.scaled[0], *proof.output[:4])),
    ]
    assert [f"{eq.number} {equation_text(eq)}" for eq in everything] == [
        "0.1 a[1]_ik = x_ik",
        "0.2 z[2]_ij = sum_k w[2]_jk a[1]_ik + b[2]_j",
        "0.3 a[2]_ij = s(z[2]_ij)",
        "0.4 Cost = (1/N) sum_i (1/2) sum_j (y_ij - a[L]_ij)^2",
        "0.5 r_ic = y_ic - a[L]_ic",
        "0.6 delta[l]_ij = dC_i/dz[l]_ij",
        "0.7 C_i = (1/2) sum_j (y_ij - a[L]_ij)^2",
        "1.5 s'(z[l]_ij) = a[l]_ij (1 - a[l]_ij)",
        "2.1 A_pm = sum_q J_qp J_qm + mu delta_pm",
        "2.2 g_p = sum_q J_qp r_q",
        "2.3 sum_m A_pm h_m = g_p",
        "2.4 p'_j = p_j + h_j",
        "2.5 G_qq' = sum_p J_qp J_q'p + mu delta_qq'",
        "2.6 sum_q' G_qq' v_q' = r_q",
        "2.7 h_p = sum_q J_qp v_q",
        "3.1 p'_q = p_q - eta g_q",
        "1.1 delta[4]_ij = (1/N) s'(z[4]_ij) (a[4]_ij - y_ij)",
        "1.3 dCost/db[4]_j = sum_i delta[4]_ij",
        "1.4 dCost/dw[4]_jk = sum_i delta[4]_ij a[3]_ik",
        "1.1 delta[4]_ij = eta s'(z[4]_ij) (a[4]_ij - y_ij)",
        "1.1 Delta[4]_icj = delta_cj s'(z[4]_ic)",
        "1.3 dF_ic/db[4]_j = Delta[4]_icj",
        "1.4 dF_ic/dw[4]_jk = Delta[4]_icj a[3]_ik",
        "1.2 Delta[3]_icj = s'(z[3]_ij) sum_k w[4]_kj Delta[4]_ick",
    ]


def test_text_is_one_line_of_ascii(proof: Proof):
    derived = (*proof.sample, *proof.mean, *proof.scaled, *proof.output)
    for eq in (*proof.network.equations(), *(d.equation for d in derived)):
        text = equation_text(eq)
        assert text.isascii()
        assert "\n" not in text


def test_brackets():
    j, k = indices("jk")
    assert expression_text(total(w[2, j, k] + b[2, j], k)) == "sum_k (w[2]_jk + b[2]_j)"
    assert expression_text(total(-w[2, j, k], k)) == "sum_k (-w[2]_jk)"
    two = total(b[2, j], j) * total(b[3, k], k)
    assert expression_text(two) == "(sum_j b[2]_j) sum_k b[3]_k"
    assert expression_text(-two) == "-(sum_j b[2]_j) sum_k b[3]_k"
    assert expression_text(z[2, 1, j] ** 2 / (2 * N)) == "(1/(2 N)) (z[2]_1j)^2"
    assert expression_text(Partial(-a[2, 1, j], z[2, 1, k])) == "d(-a[2]_1j)/dz[2]_1k"
    assert expression_text(exp(-Symbol("z")) / (1 + exp(-Symbol("z"))) ** 2) == "(exp(-z)/(1 + exp(-z))^2)"
    assert expression_text(Rational(-3, 2)) == "-(3/2)"
    assert expression_latex(1 / (N + 1)) == r"\frac{1}{N + 1}"
    assert expression_latex(Partial(total(b[2, k], k), b[2, j]) * b[2, j]) == (
        r"b^{[2]}_{j} \frac{\partial}{\partial b^{[2]}_{j}} \sum_{k=1}^{3} b^{[2]}_{k}"
    )


def test_a_derivative_is_printed_and_not_evaluated():
    i, j = Index("i", N), Index("j", 3)
    assert expression_text(Partial(Sigma(l, z[l, i, j]), z[l, i, j])) == "d(s(z[l]_ij))/dz[l]_ij"


def test_what_has_no_spelling_is_refused():
    with pytest.raises(TypeError, match="tan"):
        expression_text(2 * tan(Symbol("x")))
    with pytest.raises(TypeError, match="whole power"):
        expression_latex(Symbol("x") ** Rational(1, 3))


# -- LaTeX ---------------------------------------------------------------------------------------------


def test_lemma_in_latex():
    assert [equation_latex(eq) for eq in lemma_equations()] == [
        r"\delta^{[L]}_{j} = \sigma'(z^{[L]}_{j}) (a^{[L]}_{j} - y_{j})",
        r"\delta^{[l]}_{j} = \sigma'(z^{[l]}_{j}) \sum_{k=1}^{n_{l+1}} w^{[l+1]}_{kj} \delta^{[l+1]}_{k}",
        r"\frac{\partial C}{\partial b^{[l]}_{j}} = \delta^{[l]}_{j}",
        r"\frac{\partial C}{\partial w^{[l]}_{jk}} = \delta^{[l]}_{j} a^{[l-1]}_{k}",
    ]


def test_the_sample_index_shows_where_it_is_summed_over():
    _, _, bias, _ = derive_in_general(mean_cost())
    assert equation_latex(bias.equation) == (
        r"\frac{\partial \mathrm{Cost}}{\partial b^{[l]}_{j}} = \sum_{i=1}^{N} \delta^{[l]}_{ij}"
    )
    assert expression_latex(delta[2, Index("i", N), Index("j", 3)], samples=True) == r"\delta^{[2]}_{ij}"


def test_long_subscripts_have_commas():
    assert expression_latex(w[12, 10, 3]) == "w^{[12]}_{10,3}"
    assert expression_text(w[12, 10, 3]) == "w[12]_10,3"


def test_ranges():
    weights = lemma_equations()[3]
    assert ranges_latex(weights) == r"j = 1, \dots, n_{l},\; k = 1, \dots, n_{l-1}"


def test_a_derivation_keeps_the_letters_of_its_indices():
    shown = derivation_latex(derive_in_general()[3].derivation)
    assert shown.startswith(r"\begin{aligned}")
    assert shown.count(r"\text{") == len(derive_in_general()[3].derivation.steps)
    assert r"\sum_{q=1}^{n_{l-1}} \delta_{jm} \delta_{kq} a^{[l-1]}_{q}" in shown


def test_notebook_representations_are_whole(proof: Proof):
    assert proof._repr_latex_() == lemma_latex(proof)
    assert proof.network._repr_latex_() == network_latex(proof.network)
    assert r"\tag{1.4}" in lemma_latex(proof)
    assert "n_{l-1}" in network_latex(Network())
    deep = network_latex(Network(Architecture.parse("-".join(["2"] * 40))))
    assert r"\vdots" in deep
    assert "^{[40]}" in deep
    assert deep.count("\\\\\n") < 10


def test_prose_sets_mathematics_and_escapes_the_rest():
    assert prose("f depends on v only") == "$f$ depends on $v$ only"
    assert prose("a quantity equals 3 of a kind") == "a quantity equals 3 of a kind"
    assert prose("m is whole, m >= 1") == r"$m$ is whole, $m \ge  1$"
    assert prose("dv_m/dv_j = 1") == r"$\frac{\partial v_{m}}{\partial v_{j}}  = 1$"
    assert prose("50% of {x} & #1_2_3 \\evil") == (r"50\% of \{x\} \& \#1\_2\_3 \textbackslash{}evil")
    assert prose("for 2-...-3, 60 layers") == r"for 2-\ldots{}-3, 60 layers"
    assert prose("x_1_2 and z[1]^2 and a ^ b") == (
        r"x\_1\_2 and z[1]\textasciicircum{}2 and a \textasciicircum{} b"
    )
    assert expression_latex(Symbol("my_rate")) == r"\mathrm{my\_rate}"


# -- the article ---------------------------------------------------------------------------------------


def test_every_number_that_is_cited_exists(document: str, proof: Proof):
    tags = set(re.findall(r"\\tag\{([^}]*)\}", document))
    assert tags == NUMBERS
    headings = set(re.findall(r"\\subsubsection\*\{\((\d\.\d+)\)", document))
    shown = theorems(proof.architecture)
    assert headings == {part.equation.number for theorem in shown for part in theorem.parts}
    assert set(re.findall(r"\((\d\.\d+)\)", document)) <= tags | headings
    derived = (*proof.sample, *proof.mean, *proof.scaled, *proof.output)
    assert {d.equation.number for d in derived} <= tags


def test_long_formulas_break_between_terms_and_nowhere_else():
    bracket = r"\biggl(r_{u} - \sum_{v=1}^{s} J_{uv} h_{v} + 1\biggr)^{2}"
    text = " + ".join([bracket] * 5)
    lines = lines_of(text)
    assert len(lines) > 1
    assert " ".join(line.strip() for line in lines) == text
    assert all(line.count("(") == line.count(")") for line in lines)
    assert all(width(line) <= 370 for line in lines)
    assert lines_of(bracket) == [bracket]


def test_every_rule_is_named(document: str):
    appendix = document[document.index(r"\section{The rules}") :]
    assert all(f"\\textsl{{{rule.name}}}" in appendix for rule in RULES)


def test_the_proof_shows_every_step_with_its_rule(document: str):
    steps = [step for d in derive_in_general() for step in d.derivation.steps]
    assert re.findall(r"&& \\reason\{([^}]*)\}", document) == [step.rule.name for step in steps]


def test_every_equation_of_a_small_network_is_shown(document: str, proof: Proof):
    for derived in proof.sample:
        assert equation_latex(derived.equation).replace(" = ", " &= ", 1) in document


def test_a_deep_network_says_what_it_leaves_out():
    shown = latex_document(prove(Architecture.parse(DEEP), brute_force=False))
    assert "9 of them, those of layers 3 to 5" in shown
    assert r"\delta^{[2]}_{j} &=" in shown
    assert r"\delta^{[4]}_{j} &=" not in shown


def test_a_refuted_claim_prints_nothing(proof: Proof):
    first, *others = proof.verdicts
    with pytest.raises(NotProvedError):
        latex_document(replace(proof, verdicts=(replace(first, holds=False), *others)))


def test_the_template_reads_what_it_is_given_and_holds_no_formula(proof: Proof):
    source = (templates_directory() / "latex" / TEMPLATE).read_text()
    given = context(proof)
    assert meta.find_undeclared_variables(latex_environment().parse(source)) == set(given)
    assert set(re.findall(r"symbol\.(\w+)", source)) == set(given["symbol"])
    assert not re.search(r"\\(frac|sum|sigma|delta|partial|prime)\b", source)


def test_the_same_bytes_in_every_process(document: str):
    script = (
        "from derive.quantities import Index\n"
        "spent = [Index('k', 3) for _ in range(1000)]\n"
        "from derive.architecture import Architecture\n"
        "from derive.latex_document import latex_document\n"
        "from derive.proof import prove\n"
        "print(latex_document(prove(Architecture.parse('2-2-3-2'), brute_force=False)), end='')"
    )
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout == document


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
@pytest.mark.parametrize("sizes", ["2-2-3-2", DEEP])
def test_the_article_compiles(sizes: str, tmp_path: Path):
    proof = prove(Architecture.parse(sizes), brute_force=False)
    reprs = [proof, proof.network, Network(), derive_in_general()[0].derivation, lemma_equations()[1]]
    extra = "\n\n".join(thing._repr_latex_() for thing in reprs)
    document = latex_document(proof)
    (tmp_path / "article.tex").write_text(document)
    (tmp_path / "reprs.tex").write_text(
        document[: document.index(r"\begin{document}")] + f"\\begin{{document}}{extra}\\end{{document}}"
    )
    for name in ("article", "reprs"):
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        log = (tmp_path / f"{name}.log").read_text(encoding="latin-1")
        assert run.returncode == 0, log[-3000:]
        assert not re.search(r"^!", log, flags=re.MULTILINE)
        assert all(float(width) <= 10 for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log))


def test_among_matrices_the_identity_is_spelled_and_numbers_stay_numbers() -> None:
    A, B = Symbol("A", commutative=False), Symbol("B", commutative=False)
    lam = Symbol("lambda", positive=True)
    assert equation_text(Equation("", "", (A + lam) * (B - 2), Integer(1))) == (
        "(lambda I + A) (B - 2 I) = I"
    )
    assert equation_latex(Equation("", "", A * B, Integer(1))) == "A B = I"
    assert equation_text(Equation("", "", lam * A, 2 * B)) == "lambda A = 2 B"
    assert equation_text(Equation("", "", lam**2 - 1, Integer(3))) == "lambda^2 - 1 = 3"
