"""Claims in files, and the examples of docs/claims.md."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import derive.claims
from derive.claims import Outcome, check_file, check_lines
from derive.claims.grammar import MAX_LAYER, MAX_LENGTH
from derive.errors import UserError

DOCS = Path(__file__).parent.parent / "docs" / "claims.md"


def test_a_file_has_names_expectations_and_comments(tmp_path):
    path = tmp_path / "claims.txt"
    path.write_text(
        "# Lemma 1\n\n"
        "weights: dC/dW[l] = delta[l] @ a[l-1].T  # (1.4)\n"
        "  delta[L] = a[L] - y -> conditional\n"
        "sign, output: delta[L] = y - a[L] -> true\n"
        "a[l] = -> malformed\n",
        "utf-8",
    )
    checked = check_file(path)
    assert [(line.number, line.name, line.expected.value, line.as_expected) for line in checked] == [
        (3, "weights", "true", True),
        (4, "", "conditional", True),
        (5, "sign, output", "true", False),
        (6, "", "malformed", True),
    ]
    assert checked[2].verdict.outcome is Outcome.FALSE
    assert checked[0].verdict.claim == "dC/dW[l] = delta[l] @ a[l-1].T"


def test_what_a_file_cannot_say_is_one_line_for_people(tmp_path):
    with pytest.raises(UserError, match=r"line 2: expected one of true, false, .* after '->', got 'maybe'"):
        check_lines("a[1] = x\na[l] = a[l] -> maybe")
    with pytest.raises(UserError, match=r"expected a file of claims, got .*No such file"):
        check_file(tmp_path / "none")
    with pytest.raises(UserError, match=r"expected a file of claims, got .*directory"):
        check_file(tmp_path)
    (tmp_path / "latin").write_bytes(b"\xe9 = 1")
    with pytest.raises(UserError, match="UTF-8"):
        check_file(tmp_path / "latin")
    (tmp_path / "large").write_bytes(b"#" * 1_000_001)
    with pytest.raises(UserError, match="at most 1000000 bytes"):
        check_file(tmp_path / "large")


def test_the_documented_examples_print_what_they_say():
    failed, tried = doctest.testfile(str(DOCS), module_relative=False)
    assert tried >= 4
    assert failed == 0
    failed, tried = doctest.testmod(derive.claims)
    assert tried > 0
    assert failed == 0


def test_the_documented_claims_come_out_as_documented():
    blocks = [block.split("```")[0] for block in DOCS.read_text("utf-8").split("```claims\n")[1:]]
    assert len(blocks) == 2
    checked = check_lines("\n".join(blocks))
    assert len(checked) > 25
    assert {line.expected for line in checked} >= {Outcome.TRUE, Outcome.FALSE, Outcome.CONDITIONAL}
    assert [line.name for line in checked if not line.as_expected] == []


def test_the_documented_limits_are_the_limits():
    text = DOCS.read_text("utf-8")
    assert f"at most {MAX_LENGTH} characters" in text
    assert f"a number up to {MAX_LAYER}." in text
