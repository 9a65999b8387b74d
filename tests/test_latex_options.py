"""Levels, fragments, the TikZ picture and the theorems in the LaTeX document."""

import re
import shutil
import subprocess

import pytest

from derive.architecture import Architecture
from derive.calculus import rules
from derive.latex_document import latex_document
from derive.latex_fragment import MAX_TAG, latex_fragment
from derive.numbering import NUMBERINGS, SIAM
from derive.printers.latex_prose import prose
from derive.printers.levels import Level, shown
from derive.printers.tikz import network_tikz
from derive.proof import prove
from derive.theorems.catalogue import theorems
from derive.theorems.lemma1 import derive_in_general


@pytest.fixture(scope="module")
def proof():
    return prove(Architecture.parse("2-3-2"), brute_force=False)


@pytest.mark.parametrize("derived", derive_in_general(), ids=lambda derived: derived.equation.number)
def test_every_level_ends_at_the_result_and_names_every_rule(derived):
    steps = derived.derivation.steps
    used = {step.rule.name for step in steps}
    counts = []
    for level in Level:
        lines = shown(steps, level)
        counts.append(len(lines))
        assert lines[-1][0].after == derived.derivation.result
        named = {step.rule.name for step, _ in lines} | {name for _, silent in lines for name in silent}
        assert named == used
    assert counts[0] == len(steps)
    assert counts[0] > counts[1] > counts[2]


def test_student_hides_nothing_and_terse_keeps_the_chain_rule():
    steps = derive_in_general()[1].derivation.steps
    assert all(silent == () for _, silent in shown(steps, Level.STUDENT))
    assert rules.CHAIN in {step.rule for step, _ in shown(steps, Level.TERSE)}


def test_the_document_shrinks_with_the_level_and_keeps_its_numbers(proof):
    texts = [latex_document(proof, level) for level in Level]
    lengths = [len(text) for text in texts]
    assert lengths == sorted(lengths, reverse=True)
    for text in texts:
        for theorem in theorems(proof.architecture):
            for part in theorem.parts:
                assert f"({part.equation.number})" in text


def test_a_fragment_is_only_displays(proof):
    text = latex_fragment(proof)
    assert "documentclass" not in text
    assert text.count(r"\begin{align*}") == text.count(r"\end{align*}") == 4
    assert r"\tag{1.4}" in text


def test_a_refuted_proof_gives_no_fragment(proof):
    from dataclasses import replace

    from derive.errors import NotProvedError
    from derive.proof import Verdict

    broken = replace(proof, verdicts=(Verdict("nonsense", "by force", False),))
    with pytest.raises(NotProvedError):
        latex_fragment(broken)


def test_the_picture_joins_neighbouring_layers_only():
    text = network_tikz(Architecture.parse("2-3-1"))
    assert text.count(r"\draw") == 2 * 3 + 3 * 1
    assert "(n1x1) -- (n3x1)" not in text


def test_tall_and_deep_networks_are_abbreviated():
    text = network_tikz(Architecture.parse("-".join(["500"] * 40)))
    assert len(text) < 20_000
    assert r"\vdots" in text
    assert r"\cdots" in text


def _compile(folder, text):
    (folder / "paper.tex").write_text(text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    return done.stdout


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed: LaTeX is NOT compiled")
@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("numbers", NUMBERINGS, ids=lambda numbers: numbers.key)
def test_a_fragment_compiles_in_someone_elses_paper_however_plain(proof, level, numbers, tmp_path):
    body = latex_fragment(proof, level, numbers)
    preamble = "\\documentclass{article}\\usepackage{amsmath}"
    _compile(tmp_path, f"{preamble}\\begin{{document}}{body}\\end{{document}}")


def test_a_fragment_names_every_rule_beside_or_below_its_line(proof):
    text = latex_fragment(proof, Level.TERSE)
    steps = [step for derived in derive_in_general() for step in derived.derivation.steps]
    assert all(prose(step.rule.name) in text for step in steps)
    assert text.count(r"\parbox") == sum(len(names) > MAX_TAG for names in _tags(text))
    assert any(len(names) > MAX_TAG for names in _tags(text))


def _tags(text):
    return [
        tag.removesuffix("}").rpartition(r"\small ")[2].removesuffix("}")
        for tag in re.findall(r"\\tag\*\{(.*)\}(?: \\\\)?$", text, flags=re.MULTILINE)
    ]


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed: LaTeX is NOT compiled")
@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("numbers", NUMBERINGS, ids=lambda numbers: numbers.key)
def test_every_level_compiles_without_overfull_boxes(proof, level, numbers, tmp_path):
    cited = numbers is not NUMBERINGS[0] or level is Level.TERSE
    text = latex_document(proof, level, numbers, cite_code=cited)
    assert "Output written" in _compile(tmp_path, text)


OTHER_COSTS = [("2-3-2:softmax", "cross-entropy"), ("2-3-1", "huber")]


@pytest.mark.parametrize(("sizes", "cost"), OTHER_COSTS)
def test_no_letter_has_two_subscripts_whatever_the_cost(sizes, cost):
    text = latex_document(prove(Architecture.parse(sizes, cost), brute_force=False))
    assert r"{J_{1}}_{" in text
    assert not re.search(r"_\{[^{}]*\}_", text)
    assert r"n\_L" not in text


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed: LaTeX is NOT compiled")
@pytest.mark.parametrize(("sizes", "cost"), OTHER_COSTS)
def test_the_article_compiles_whatever_the_cost(sizes, cost, tmp_path):
    proved = prove(Architecture.parse(sizes, cost), brute_force=False)
    assert "Output written" in _compile(tmp_path, latex_document(proved))


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed: LaTeX is NOT compiled")
@pytest.mark.parametrize("depth", [2, 8, pytest.param(40, marks=pytest.mark.slow)])
def test_the_lines_of_a_program_fit_the_page_at_any_depth(depth, tmp_path):
    deep = prove(Architecture.parse("-".join(["3"] * depth)), brute_force=False)
    assert "Output written" in _compile(tmp_path, latex_document(deep, numbering=SIAM, cite_code=True))
