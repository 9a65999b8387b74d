"""The lines of emitted code that an article cites: read from the text, and right."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import replace

import pytest

from derive.architecture import Architecture
from derive.code_lines import Computed, computed, first, spans
from derive.generate import generate
from derive.latex_document import latex_document
from derive.numbering import NUMBERINGS, OWN, SIAM
from derive.proof import Proof, prove

ROW = re.compile(
    r"^\((B?\d+(?:\.\d+)?)\)(?: & \\texttt\{\((\d\.\d+)\)\})? & lines? ([^\\]*(?:\\ldots)?.*?) \\\\$"
)


@pytest.fixture(scope="module")
def proof() -> Proof:
    return prove(Architecture.parse("2-2-3-2"), brute_force=False)


def unfolded(text: str) -> list[int]:
    """Read ``48--52, 57`` back."""
    lines: list[int] = []
    for span in text.split(", "):
        low, _, high = span.partition("--")
        lines += range(int(low), int(high or low) + 1)
    return lines


def by_hand(source: str) -> dict[str, list[int]]:
    """Find the citing lines without a tokenizer: code before a hash, numbers in brackets after it."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(source.splitlines(), start=1):
        match = re.search(r"\S.*  # \(([\d., ]+)\)$", line)
        if match and not line.lstrip().startswith("#"):
            for cited in match[1].split(", "):
                found.setdefault(cited, []).append(number)
    return found


@pytest.mark.parametrize("numbers", NUMBERINGS, ids=lambda numbers: numbers.key)
def test_every_line_in_the_article_carries_the_equation_it_is_cited_for(proof: Proof, numbers):
    text = latex_document(proof, numbering=numbers, cite_code=True)
    table = text[text.index(r"\section{The lines of the program}") :]
    files = generate(proof).files
    file, seen = "", 0
    for line in table.splitlines():
        heading = re.match(r"\\texttt\{([\w\\.]+\.py)\}", line)
        if heading:
            file = heading[1].replace("\\_", "_")
        row = ROW.match(line)
        if row is None:
            continue
        own = row[2] or row[1]
        assert numbers.number(own) == row[1]
        emitted = files[file].splitlines()
        for at in unfolded(row[3]):
            statement, _, comment = emitted[at - 1].partition("  # ")
            assert statement.strip()
            assert own in comment.strip("()").split(", ")
            seen += 1
        assert unfolded(row[3]) == by_hand(files[file])[own]
    assert seen == sum(len(lines) for source in files.values() for lines in by_hand(source).values())
    assert seen > 80


def test_beside_the_lemma_and_in_the_passes_stands_where_the_gradient_is_computed(proof: Proof):
    text = latex_document(proof, cite_code=True)
    gradient = generate(proof).files["gradient.py"]
    for number in ("1.1", "1.2", "1.3", "1.4"):
        where = rf"\texttt{{gradient.py}}, {spans(by_hand(gradient)[number], 3).replace('-', '--')}"
        assert text.count(where + "}") == 2  # beside the lemma, and in the passes
    assert text.count(r"{\footnotesize \texttt{forward.py}") == 2  # (0.2) and (0.3)
    assert "gradient.py" not in latex_document(proof)


def test_lines_follow_the_text_that_is_generated(proof: Proof, monkeypatch: pytest.MonkeyPatch):
    before = latex_document(proof, cite_code=True)

    def moved(source):
        package = generate(source)
        files = {name: f"# one line more\n{text}" for name, text in package.files.items()}
        return replace(package, files=files)

    monkeypatch.setattr(sys.modules["derive.latex_document"], "generate", moved)
    after = latex_document(proof, cite_code=True)
    (old,), (new,) = (
        re.findall(r"^\(1\.1\) & lines (\d+)--\d+ ", t.split("gradient.py} &")[1], re.M)[:1]
        for t in (before, after)
    )
    assert int(new) == int(old) + 1


def test_only_statements_compute():
    source = (
        '"""Text that says # (1.1)"""\n'
        "# (1.2) comment before a block\n"
        'x = "# (1.3)"\n'
        "y = (  # (1.4, 3.1)\n"
        "    x)\n"
        "z = y  # (1.4) and more\n"
        "z = y  # (2.10)\n"
        "z = y  # (2.9)\n"
        "if z:\n"
        "    # (1.2)\n"
        "    pass\n"
    )
    ast.parse(source)
    assert computed({"a.py": source}) == (
        Computed("a.py", "1.4", (4,)),
        Computed("a.py", "2.9", (8,)),
        Computed("a.py", "2.10", (7,)),
        Computed("a.py", "3.1", (4,)),
    )
    assert first(computed({"a.py": "x = 1\n", "b.py": source}), "1.4") == Computed("b.py", "1.4", (4,))
    assert first((), "1.4") is None


def test_line_numbers_in_words():
    assert spans([57], 3) == "line 57"
    assert spans([46, 47, 48, 57], 3) == "lines 46-48, 57"
    assert spans([1, 3, 5, 7, 8], 3) == "lines 1, 3, ..., 7-8"
    assert spans([1, 3, 5], 3) == "lines 1, 3, 5"


def test_code_is_cited_under_any_numbers(proof: Proof):
    own, siam = (latex_document(proof, numbering=n, cite_code=True) for n in (OWN, SIAM))
    assert "in the program" in siam
    assert "in the program" not in own[own.index("The lines of the program") :]
