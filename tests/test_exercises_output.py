"""Exercises in the terminal, as a sheet and as a notebook; and the command."""

import doctest
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from derive import cli
from derive.exercises import KINDS, exercises
from derive.exercises.sheet import answer_key, sheet
from derive.exercises.terminal import terminal_text

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: notebooks are NOT tested")

from derive.exercises.book import STUB, cleared, exercise_book, without_hidden_tests  # noqa: E402

DOCUMENTATION = Path(__file__).parent.parent / "docs" / "exercises.md"
RUN = """
import sys, nbformat
from nbclient import NotebookClient
book = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(book, timeout=120, kernel_name="python3", allow_errors=True).execute()
for cell in book.cells:
    if cell.metadata.get("nbgrader", {}).get("grade"):
        print(any(output.output_type == "error" for output in cell.outputs))
"""
DIGEST = """
import hashlib
from derive.exercises import exercises
from derive.exercises.book import exercise_book
from derive.exercises.sheet import answer_key, sheet
from derive.exercises.terminal import terminal_text
drawn = exercises(3, count=16)
texts = (terminal_text(drawn, 3, True), sheet(drawn, 3), answer_key(drawn), exercise_book(drawn))
print(hashlib.sha256("".join(texts).encode()).hexdigest())
"""


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["derive", *words])
    with pytest.raises(SystemExit) as exit_info:
        cli.main()
    return exit_info.value.code or 0


def code_cells(text):
    """Return the answer cells and the test cells of a notebook."""
    cells = [cell for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code"]
    graded = [cell for cell in cells if cell.metadata["nbgrader"]["grade"]]
    return [cell for cell in cells if cell not in graded], graded


def execute(source, names):
    exec(compile(source, "cell", "exec"), names)  # noqa: S102 - a notebook's own cell, as a kernel would run it


def failures(text):
    """Run the cells one after another as a kernel would; return how many test cells fail, and of how many."""
    cells = [cell for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code"]
    names, failed, graded = {}, 0, 0
    for cell in cells:
        is_test = cell.metadata["nbgrader"]["grade"]
        graded += is_test
        try:
            execute(cell.source, names)
        except Exception:
            failed += is_test
    return failed, graded


@pytest.mark.parametrize(
    "seeds", [range(1000, 1008), pytest.param(range(1008, 1060), marks=pytest.mark.slow)]
)
def test_solutions_pass_and_students_fail_over_many_seeds(seeds):
    for seed in seeds:
        drawn = exercises(seed)
        assert failures(exercise_book(drawn)) == (0, len(KINDS)), seed
        assert failures(exercise_book(drawn, student=True)) == (len(KINDS), len(KINDS)), seed


def test_an_answer_that_is_given_but_wrong_fails_the_hidden_tests_alone():
    drawn = exercises(4)
    book = nbformat.reads(exercise_book(drawn), as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code" and re.match(r"### BEGIN SOLUTION\nanswer_", cell.source):
            cell.source = re.sub(r"= (?s:.*)\n###", "= 'nonsense'\n###", cell.source)
        elif "def compute_" in cell.source:
            cell.source = re.sub(r"(BEGIN SOLUTION\n +).*", r"\1pass", cell.source)
    assert failures(nbformat.writes(book)) == (len(KINDS), len(KINDS))
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.source = without_hidden_tests(cell.source)
    assert failures(nbformat.writes(book)) == (0, len(KINDS))


def test_the_cells_carry_what_nbgrader_reads():
    text = exercise_book(exercises(1))
    book = nbformat.reads(text, as_version=4)
    nbformat.validate(book)
    found = [cell.metadata["nbgrader"] for cell in book.cells if "nbgrader" in cell.metadata]
    assert len(found) == 3 * len(KINDS)
    assert len({cell["grade_id"] for cell in found}) == len(found)
    for cell in found:
        assert cell["schema_version"] == 3
        assert set(cell) - {"points"} == {"grade", "grade_id", "locked", "schema_version", "solution", "task"}
        assert ("points" in cell) == cell["grade"]
        assert re.fullmatch(r"\w+", cell["grade_id"])
    answers, tests = code_cells(text)
    assert all(cell.source.count("### BEGIN SOLUTION") == 1 for cell in answers)
    assert all(cell.source.count("### BEGIN HIDDEN TESTS") == 1 for cell in tests)


def test_the_student_version_holds_no_solution_no_hidden_test_and_no_seed():
    drawn = exercises(424242)
    text = exercise_book(drawn, student=True)
    assert "BEGIN" not in text
    assert "424242" not in text
    answers, _ = code_cells(text)
    for cell, one in zip(answers, drawn, strict=True):
        assert STUB[1] in cell.source
        if one.function is None:
            assert cell.source == "\n".join(STUB)
        assert "result" not in cell.source


def test_stripping_keeps_the_indentation_and_the_rest():
    source = "def f(x):\n    ### BEGIN SOLUTION\n    x += 1\n    ### END SOLUTION\n    return x"
    assert cleared(source) == (
        "def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()\n    return x"
    )
    assert without_hidden_tests("a\n### BEGIN HIDDEN TESTS\nb\n### END HIDDEN TESTS\nc") == "a\nc"


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_kernel_agrees(seed, tmp_path):
    pytest.importorskip("nbclient", reason="nbclient is not installed: the notebook is NOT run")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: the notebook is NOT run")
    for student in (False, True):
        path = tmp_path / "book.ipynb"
        path.write_text(exercise_book(exercises(seed), student), encoding="utf-8")
        done = subprocess.run([sys.executable, "-c", RUN, path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout.split() == [str(student)] * len(KINDS)


def test_the_same_bytes_in_every_process():
    drawn = exercises(3, count=16)
    texts = (terminal_text(drawn, 3, True), sheet(drawn, 3), answer_key(drawn), exercise_book(drawn))
    here = hashlib.sha256("".join(texts).encode()).hexdigest()
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == here


def test_the_terminal_shows_hints_up_to_a_level():
    drawn = exercises(1)
    for level in range(4):
        text = terminal_text(drawn, level)
        assert text.count("Hint ") == level * len(KINDS)
        assert "Solution." not in text
    assert terminal_text(drawn, 0, True).count("Solution.") == len(KINDS)
    assert terminal_text(drawn, 3, True, greek=False).isascii()
    assert "\N{GREEK SMALL LETTER DELTA}" in terminal_text(drawn, 0)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed: LaTeX is NOT compiled")
@pytest.mark.parametrize("make", [lambda drawn: sheet(drawn, 3, True), answer_key], ids=["sheet", "key"])
def test_sheets_compile_without_wide_boxes(make, tmp_path):
    (tmp_path / "sheet.tex").write_text(make(exercises(1, count=96)), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "sheet.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    wide = [float(width) for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    assert not [width for width in wide if width > 10], max(wide)


def test_the_examples_of_the_documentation_print_what_they_say():
    failed, tried = doctest.testfile(str(DOCUMENTATION), module_relative=False)
    assert (failed, tried) == (0, 5)


# -- the command --------------------------------------------------------------------------------------------


def test_the_command_prints_lists_and_grades(monkeypatch, capsys):
    assert run(monkeypatch, "exercise", "--kind", "gap", "--seed", "1", "--hint", "1") == 0
    out = capsys.readouterr().out
    assert "____" in out
    assert out.count("Hint") == 1
    assert run(monkeypatch, "exercise", "--list") == 0
    listed = capsys.readouterr().out
    assert all(kind in listed for kind in KINDS)
    (drawn,) = exercises(1, ["gap"])
    assert run(monkeypatch, "exercise", "-k", "gap", "--answer", drawn.answer) == 0
    assert capsys.readouterr().out.startswith("right\n")
    assert run(monkeypatch, "exercise", "-k", "delta", "--answer", "12345/67") in (1, 2)
    assert run(monkeypatch, "exercise", "-k", "gap", "--answer", "$") == 2
    assert capsys.readouterr().out.count("not well formed")


def test_the_command_writes_a_sheet_with_its_key(monkeypatch, capsys, tmp_path):
    target = tmp_path / "sheet.tex"
    for _ in range(2):  # our own files may be written again
        assert run(monkeypatch, "exercise", "-k", "delta", "-o", str(target)) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"sheet.tex", "sheet-answers.tex"}
    assert "Solution" not in target.read_text("utf-8")
    assert "Solution" in (tmp_path / "sheet-answers.tex").read_text("utf-8")
    target.write_text("my own\n")
    assert run(monkeypatch, "exercise", "-k", "delta", "-o", str(target)) == 2
    assert target.read_text() == "my own\n"


def test_the_command_writes_notebooks(monkeypatch, capsys, tmp_path):
    source, student = tmp_path / "source.ipynb", tmp_path / "student.ipynb"
    for _ in range(2):
        assert run(monkeypatch, "exercise", "-k", "gap", "-o", str(source)) == 0
        assert run(monkeypatch, "exercise", "-k", "gap", "-o", str(student), "--student") == 0
    assert "BEGIN SOLUTION" in source.read_text("utf-8")
    assert "BEGIN SOLUTION" not in student.read_text("utf-8")
    json.loads(student.read_text("utf-8"))


@pytest.mark.parametrize(
    "words",
    [
        ("--kind", "riddle"),
        ("--hint", "4"),
        ("--answer", "1"),
        ("--kind", "gap", "--kind", "mend", "--answer", "1"),
        ("-o", "sheet.pdf"),
        ("-o", "sheet.tex", "--student"),
        ("--seed", "-3"),
        ("--count", "0"),
    ],
    ids=" ".join,
)
def test_options_that_make_no_sense_get_one_line(monkeypatch, capsys, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "exercise", *words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("derive: expected")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())
