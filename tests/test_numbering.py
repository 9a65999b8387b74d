"""Numbers of equations: the same in every reading, under each numbering, and traceable to the programs."""

from __future__ import annotations

import doctest
import io
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from rich.console import Console

from derive import show
from derive.architecture import Architecture
from derive.errors import UserError
from derive.latex_document import latex_document
from derive.latex_fragment import latex_fragment
from derive.network import Network
from derive.numbered import forward_equations, lemma_equations, objective_equations, step_list
from derive.numbering import ARXIV, NUMBERINGS, OWN, SIAM, Numbering, concordance, numbering
from derive.page import page
from derive.printers.levels import Level
from derive.proof import Proof, prove
from derive.theorems import catalogue
from derive.theorems.theorem import Theorem

theorems = cache(catalogue.theorems)

# By hand: the lemma as the article numbers it, and the three definitions before it.
EXPECTED = {
    "arxiv": {
        **{"0.2": "19", "0.3": "20", "0.6": "21"},
        **{"1.1": "22", "1.2": "23", "1.3": "24", "1.4": "25"},
    },
    "siam": {
        **{"0.2": "5.2", "0.3": "5.3", "0.6": "5.4"},
        **{"1.1": "5.5", "1.2": "5.6", "1.3": "5.7", "1.4": "5.8"},
    },
}
FOREIGN = [ARXIV, SIAM]
ids = pytest.mark.parametrize("numbers", FOREIGN, ids=lambda numbers: numbers.key)


def expected(numbers: Numbering, own: str) -> str:
    return EXPECTED[numbers.key].get(own, f"B{own}")


def terminal(proof: Proof, numbers: Numbering) -> str:
    console = Console(file=io.StringIO(), width=200, force_terminal=False)
    show.show_numbering(console, numbers)
    show.show_theorem(console, Network(), numbers)
    show.show_steps(console, Network(), numbers)
    show.show_theorem_list(console, _theorems(), True, numbers)
    show.show_refutations(console, numbers)
    show.show_verdicts(console, proof, numbers)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def notebook_text(proof: Proof, numbers: Numbering) -> str:
    pytest.importorskip("nbformat", reason="nbformat is not installed: notebooks are NOT tested")
    from derive.notebook import notebook

    cells = json.loads(notebook(proof, numbers))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


READINGS: dict[str, Callable[[Proof, Numbering], str]] = {
    "latex": lambda proof, numbers: latex_document(proof, Level.STUDENT, numbers),
    "lecturer": lambda proof, numbers: latex_document(proof, Level.LECTURER, numbers),
    "terse": lambda proof, numbers: latex_document(proof, Level.TERSE, numbers),
    "fragment": lambda proof, numbers: latex_fragment(proof, Level.STUDENT, numbers),
    "page": page,
    "terminal": terminal,
    "notebook": notebook_text,
}
readings = pytest.mark.parametrize("reading", READINGS)


@cache
def written(reading: str, key: str) -> str:
    """Return a reading of one proof, as it is written."""
    return READINGS[reading](_proof(), numbering(key))


@cache
def read(reading: str, key: str) -> str:
    """Return a reading of one proof, what it quotes from programs and its table of numbers cut out."""
    text = written(reading, key)
    text = re.sub(r"\\texttt\{\(\d\.\d\)\}|<code>\(\d\.\d\)</code>|`\(\d\.\d\)`", "", text)
    table = r"\| equation \|.*?\n\n|\\section\{The numbers of the eq.*?\\end\{center\}"
    table += r"|<section id=\"concordance\">.*?</section>"
    return re.sub(table, "", text, flags=re.DOTALL)


@cache
def _proof() -> Proof:
    return prove(Architecture.parse("2-2-3-2"), brute_force=False)


def cited(text: str, known: set[str]) -> Counter[str]:
    """Count the numbers in brackets, tags and anchors, of those that are known."""
    found = re.findall(r"(?:\(|\\tag\{|eq-|Equation |derivation-)(B?\d+(?:\.\d+)?)(?=[)}\"\s-])", text)
    return Counter(number for number in found if number in known)


def _theorems() -> tuple[Theorem, ...]:
    return theorems(_proof().architecture)


def every_own() -> list[str]:
    equations = [*forward_equations(_proof().network), *objective_equations(), *lemma_equations()]
    equations += [*step_list(_proof().step), *(part.equation for t in _theorems() for part in t.parts)]
    return sorted({eq.number for eq in equations} | {"1.5", "3.1"})


# -- the map -------------------------------------------------------------------------------------------


@ids
def test_the_map_is_the_article_s(numbers: Numbering):
    assert {own: numbers.number(own) for own in every_own()} == {
        own: expected(numbers, own) for own in every_own()
    }
    assert numbers.number("") == ""
    assert numbers.cite("by (1.1), not 1.1 or (1)") == f"by ({expected(numbers, '1.1')}), not 1.1 or (1)"


@ids
def test_no_two_equations_share_a_number(numbers: Numbering):
    printed = [numbers.number(own) for own in every_own()]
    assert len(set(printed)) == len(printed)


def test_own_numbers_stay_as_they_are():
    assert not OWN.foreign
    assert OWN.explanation() == ""
    assert all(OWN.number(own) == own for own in every_own())


def test_a_numbering_is_found_by_its_name_or_refused():
    assert [numbering(key) for key in ("own", "arxiv", "siam")] == list(NUMBERINGS)
    with pytest.raises(UserError, match="expected --numbering own, arxiv or siam, got 'ieee'"):
        numbering("ieee")


def test_the_concordance_has_each_equation_of_the_article_once():
    rows = concordance([*lemma_equations(), *forward_equations(_proof().network), *objective_equations()])
    assert [(row.own, row.arxiv, row.siam) for row in rows] == [
        (own, EXPECTED["arxiv"][own], EXPECTED["siam"][own]) for own in sorted(EXPECTED["arxiv"])
    ]


# -- the readings --------------------------------------------------------------------------------------


@ids
@readings
def test_a_reading_under_other_numbers_cites_the_same_equations_as_often(reading: str, numbers: Numbering):
    own = cited(read(reading, "own"), set(every_own()))
    other = cited(read(reading, numbers.key), {expected(numbers, number) for number in every_own()})
    assert other == Counter({expected(numbers, number): count for number, count in own.items()})
    assert sum(own.values()) >= 4


def leaks(text: str, numbers: Numbering) -> list[str]:
    """Return what looks like an own number where one is cited, tagged or anchored."""
    found = re.findall(r"\((\d\.\d+)\)|\\tag\{(\d\.\d+)\}|eq-(\d\.\d+)|Equation (\d\.\d+)", text)
    printed = set(EXPECTED[numbers.key].values())
    return [number for groups in found for number in groups if number and number not in printed]


@ids
@readings
def test_no_own_number_is_left_under_another_numbering(reading: str, numbers: Numbering):
    assert leaks(read(reading, numbers.key), numbers) == []


@ids
@pytest.mark.parametrize("reading", ["latex", "page", "terminal"])
def test_a_citation_that_missed_the_map_would_be_seen(
    reading: str, numbers: Numbering, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Numbering, "cite", lambda self, text, spell="({})".format: text)
    assert leaks(READINGS[reading](_proof(), numbers), numbers)


@ids
def test_article_page_and_terminal_number_the_same_equations(numbers: Numbering):
    known = {expected(numbers, number) for number in every_own()}
    article, html = (set(cited(read(reading, numbers.key), known)) for reading in ("latex", "page"))
    assert article == html == known
    assert set(cited(read("terminal", numbers.key), known)) < known
    lemma = {expected(numbers, f"1.{number}") for number in (1, 2, 3, 4)}
    for reading in ("fragment", "notebook"):
        assert set(cited(read(reading, numbers.key), known)) == lemma


@ids
@pytest.mark.parametrize("reading", ["latex", "page", "notebook"])
def test_the_reader_can_relate_the_numbers_to_those_in_the_program(reading: str, numbers: Numbering):
    text = written(reading, numbers.key)
    for own in EXPECTED["arxiv"]:
        assert re.search(rf"(texttt\{{|<code>|`)\({own}\)", text)
    assert text.count(numbers.explanation().replace("'", "&#39;" if reading == "page" else "'")) == 1
    assert "concordance" not in written("page", OWN.key)


@ids
def test_every_link_on_the_page_leads_somewhere(numbers: Numbering):
    html = written("page", numbers.key)
    anchors = re.findall(r' id="([^"]*)"', html)
    assert len(set(anchors)) == len(anchors)
    assert set(re.findall(r'href="#([^"]*)"', html)) <= set(anchors)
    assert set(re.findall(r'data-derivation="([^"]*)"', html)) <= set(anchors)


@ids
def test_the_notebook_looks_its_numbers_up(numbers: Numbering):
    text = written("notebook", numbers.key)
    assert f'numbers = numbering("{numbers.key}")' in text
    assert 'print(words[verdict.holds], "-", numbers.cite(verdict.claim))' in text
    assert f"### ({expected(numbers, '1.4')}) weight gradient" in text


def test_the_same_bytes_in_every_process():
    script = (
        "from derive.architecture import Architecture\n"
        "from derive.latex_document import latex_document\n"
        "from derive.numbering import SIAM\n"
        "from derive.page import page\n"
        "from derive.proof import prove\n"
        "proof = prove(Architecture.parse('2-2-3-2'), brute_force=False)\n"
        "print(latex_document(proof, numbering=SIAM, cite_code=True) + page(proof, SIAM), end='')"
    )
    here = latex_document(_proof(), numbering=SIAM, cite_code=True) + page(_proof(), SIAM)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONHASHSEED": "7", "PATH": ""},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == here


def test_the_document_about_numbers_tells_the_map_and_its_examples_run():
    document = Path(__file__).parent.parent / "docs" / "numbering.md"
    rows = re.findall(
        r"^\|[^|]+\| \((.*?)\) \| \((.*?)\) \| \((.*?)\) \|$", document.read_text("utf-8"), re.M
    )
    assert rows == [(own, EXPECTED["arxiv"][own], EXPECTED["siam"][own]) for own in EXPECTED["arxiv"]]
    failed, tried = doctest.testfile(str(document), module_relative=False)
    assert tried > 2
    assert failed == 0
