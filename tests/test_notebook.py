"""The notebook: valid, the same every time, and it runs."""

import subprocess
import sys

import pytest

from derive.architecture import Architecture
from derive.errors import UserError
from derive.numbering import SIAM
from derive.proof import prove

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: notebooks are NOT tested")

RUN = """
import sys, nbformat
from nbclient import NotebookClient
book = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(book, timeout=120, kernel_name="python3").execute()
print(sum(bool(cell.get("outputs")) for cell in book.cells))
"""


@pytest.fixture(scope="module")
def text():
    from derive.notebook import notebook

    return notebook(prove(Architecture.parse("2-2-3-2"), brute_force=False))


def test_the_notebook_is_valid_and_the_same_every_time(text):
    from derive.notebook import notebook

    book = nbformat.reads(text, as_version=4)
    nbformat.validate(book)
    assert len({cell["id"] for cell in book.cells}) == len(book.cells)
    assert not any(cell.get("outputs") for cell in book.cells)
    assert notebook(prove(Architecture.parse("2-2-3-2"), brute_force=False)) == text


def test_a_network_too_large_for_a_notebook_is_refused():
    from derive.notebook import notebook

    with pytest.raises(UserError, match="expected at most 10000 parameters"):
        notebook(prove(Architecture.parse("784-300-10"), brute_force=False))


def test_the_notebook_runs_from_top_to_bottom(text, tmp_path):
    pytest.importorskip("nbclient", reason="nbclient is not installed: the notebook is NOT run")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: the notebook is NOT run")
    path = tmp_path / "lemma.ipynb"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", RUN, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) >= 8


def test_the_notebook_shows_the_article_s_numbers_as_it_runs(tmp_path):
    pytest.importorskip("nbclient", reason="nbclient is not installed: the notebook is NOT run")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: the notebook is NOT run")
    from derive.notebook import notebook

    path = tmp_path / "siam.ipynb"
    path.write_text(notebook(prove(Architecture.parse("2-2"), brute_force=False), SIAM), encoding="utf-8")
    tags = "print([re.findall(r'tag.(.*?)[}]', str(cell.get('outputs', ''))) for cell in book.cells])"
    script = RUN.replace("import sys", "import re, sys").replace("print(", f"{tags}\nprint(")
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "['5.5', '5.6', '5.7', '5.8']" in done.stdout
    assert "'1.1'" not in done.stdout


def test_a_wrong_claim_stops_the_notebook(text, tmp_path):
    pytest.importorskip("nbclient", reason="nbclient is not installed: the notebook is NOT run")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: the notebook is NOT run")
    path = tmp_path / "broken.ipynb"
    path.write_text(text.replace("net.gradient(p, X, Y), differences", "-net.gradient(p, X, Y), differences"))
    done = subprocess.run([sys.executable, "-c", RUN, path], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "AssertionError" in done.stderr
