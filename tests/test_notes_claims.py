"""The whole of the source notes as claims: docs/notes.claims, its verdicts, and what breaks them."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from derive.claims import Outcome, check_claim, check_file
from derive.commands import app
from derive.theorems.refutations import refutations

NOTES = Path(__file__).parent.parent / "docs" / "notes.claims"
LINES = check_file(NOTES)

ROWS = (
    *("sigmoid", "sigmoid-prime", "layer", "example", "setup", "cost", "cost-scale", "taylor", "steepest"),
    *("gd-update", "mean-gradient", "sgd-update", "epoch", "zigzag", "mini-batch", "lm-update", "lm-limits"),
    *("woodbury", "lm-woodbury", "delta", "hadamard", "lemma-1.1", "lemma-1.2", "lemma-1.3", "lemma-1.4"),
    "passes",
)
FALSE_AS_PRINTED = ("gd-update", "sgd-update", "mini-batch", "woodbury")
BESIDE_THE_NOTES = {"push-through"}
EQUATIONS = [line for line in LINES if not line.verdict.claim.startswith("theorem")]


def of(name, outcome):
    return [line.verdict for line in LINES if line.name == name and line.verdict.outcome is outcome]


def test_every_row_of_the_notes_is_there_and_nothing_else():
    assert {line.name for line in LINES} == {*ROWS} | BESIDE_THE_NOTES
    assert len(ROWS) == 26


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.number}-{line.name}")
def test_the_verdict_is_the_one_that_is_stated(line):
    assert line.as_expected, line.verdict.lines
    assert line.verdict.outcome in (Outcome.TRUE, Outcome.FALSE, Outcome.CONDITIONAL)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_holds_in_some_form(name):
    """A row about one kind of sigma is true for that sigma; any other has a line that is true."""
    assert of(name, Outcome.TRUE) or name == "sigmoid-prime"
    assert name in FALSE_AS_PRINTED or not of(name, Outcome.FALSE) or name in ("cost-scale", "lm-update")


@pytest.mark.parametrize("name", FALSE_AS_PRINTED)
def test_what_is_printed_wrongly_is_refuted_and_mended(name):
    (printed,) = of(name, Outcome.FALSE)
    assert printed.counterexample.left != printed.counterexample.right
    (note,) = (line for line in printed.lines if "mended: " in line)
    mended = note.split("mended: ")[1]
    assert check_claim(mended).outcome is Outcome.TRUE
    assert of(name, Outcome.TRUE)


def test_lm_woodbury_as_printed_is_true_at_one_value_only():
    (printed,) = of("lm-woodbury", Outcome.CONDITIONAL)
    assert printed.condition == "lam = 1"
    (note,) = (line for line in printed.lines if "mended: " in line)
    assert check_claim(note.split("mended: ")[1]).outcome is Outcome.TRUE


@pytest.mark.parametrize("name", ["woodbury", "lm-woodbury"])
def test_the_counterexample_is_the_one_that_the_theorems_have(name):
    (known,) = (refutation for refutation in refutations() if refutation.key == name)
    (printed,) = of(name, Outcome.FALSE) or of(name, Outcome.CONDITIONAL)
    instance = printed.counterexample.instance
    found = {letter: matrix[0][0] for letter, matrix in instance.matrices.items()} | {
        {"lam": "lambda"}[letter]: value for letter, value in instance.scalars.items()
    }
    assert found == dict(known.values)
    assert (printed.counterexample.left, printed.counterexample.right) == (known.found, known.claimed)


@pytest.mark.parametrize("name", ["gd-update", "sgd-update", "mini-batch"])
def test_an_update_fails_where_the_theorems_say_that_it_does(name):
    (known,) = (refutation for refutation in refutations() if refutation.key == name)
    (printed,) = of(name, Outcome.FALSE)
    instance = printed.counterexample.instance
    assert {"p": instance.vectors["p"][0], "q": instance.targets[0][0]} == dict(known.values)
    assert instance.scalars == {"t": Fraction(1)}
    assert (printed.counterexample.left, printed.counterexample.right) == (known.found, known.claimed)


def test_the_command_checks_the_file_and_names_the_conditions():
    result = CliRunner().invoke(app, ["check", "--file", str(NOTES)])
    assert result.exit_code == 0
    assert f"{len(LINES)} claims, 0 not as expected" in result.output
    (line,) = (line for line in result.output.splitlines() if "lm-woodbury" in line and "conditional" in line)
    assert line.endswith("[true if lam = 1]")


def test_the_help_lists_the_quantities_of_every_kind():
    said = CliRunner().invoke(app, ["check", "--help"], env={"COLUMNS": "100"}).output
    for name in (
        "delta[l]",
        "dC/dW[l]",
        "inv(.)",
        "lm.step(mu)",
        "grad(.)",
        "minibatch.next(p, k)",
        "docs/claims.md",
    ):
        assert name in said


# -- mutations: a true line with one thing changed is not true -------------------------------------------

_LAYER = re.compile(r"\[[lL][-+]\d\]")


def signs(text):
    """The columns of + and - that are no part of a layer."""
    layers = {at for match in _LAYER.finditer(text) for at in range(*match.span())}
    return [at for at, sign in enumerate(text) if sign in "+-" and at not in layers]


def term_end(text, start):
    """Where the term behind an operator ends."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] in "([") - (text[at] in ")]")
        if depth < 0 or (depth == 0 and at > start + 1 and text[at] in "+-=,"):
            return at
    return len(text)


def mutants(text):
    left, right = (side.strip() for side in text.split("="))
    yield f"{left} = -({right})"
    yield f"{left} = 2*({right})"
    for at in signs(text):
        flipped = "-" if text[at] == "+" else "+"
        if text[:at].rstrip()[-1:] not in ("(", "=", "", ","):
            yield f"{text[:at]}{flipped}{text[at + 1 :]}"
            yield f"{text[:at]}{text[term_end(text, at + 1) :]}"  # the term behind it is dropped
        else:
            yield f"{text[:at]}{text[at + 1 :]}"
    for dropped in (
        ".T",
        "s'(z[L]) * ",
        "s'(z[l]) * ",
        "inv(A) @ ",
        "(1/N) * ",
        "1/2 * ",
        "/N",
        "(t/m) * ",
        "100 * ",
    ):
        for match in re.finditer(re.escape(dropped), text):
            yield text[: match.start()] + text[match.end() :]


MUTANTS = [
    (line.name, mutant)
    for line in EQUATIONS
    if line.verdict.outcome is Outcome.TRUE
    for mutant in dict.fromkeys(mutants(line.verdict.claim))
]


@pytest.mark.parametrize(("name", "mutant"), MUTANTS)
def test_a_changed_line_is_not_true(name, mutant):
    assert check_claim(mutant).outcome not in (Outcome.TRUE, Outcome.UNDECIDED), name


def test_there_are_mutants_of_every_true_line():
    assert len(MUTANTS) > 150
    assert {name for name, _ in MUTANTS} >= {*ROWS} - {"sigmoid", "sigmoid-prime"}
