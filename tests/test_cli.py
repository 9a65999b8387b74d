"""What a person meets at the command line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from derive import cli
from derive.extras import EXTRAS
from derive.theorems import catalogue


def run(monkeypatch, *words):
    """Run the command in this process and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["derive", *words])
    with pytest.raises(SystemExit) as exit_info:
        cli.main()
    return exit_info.value.code or 0


BAD = [
    "2--3",
    "0-2",
    "2",
    "2-x-2",
    "1e9-1e9",
    "",
    "２-２",
    "2-2\n",
    "-".join(["2"] * 10_000),
    "9" * 5000 + "-1",
]


@pytest.mark.parametrize("text", BAD, ids=[repr(text[:10]) for text in BAD])
@pytest.mark.parametrize("command", ["prove", "latex", "generate"])
def test_bad_architectures_get_one_line_and_status_2(monkeypatch, capsys, tmp_path, command, text):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, command, "--", text) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("derive: expected")
    assert "got" in err
    assert len(err) < 250
    assert not list(tmp_path.iterdir())


def test_prove_prints_the_four_equations_and_the_verdicts(monkeypatch, capsys):
    assert run(monkeypatch, "prove", "2-2-3-2", "--verbose") == 0
    out, err = capsys.readouterr()
    for number in ("(1.1)", "(1.2)", "(1.3)", "(1.4)"):
        assert number in out
    assert "δ[l]_ij = σ'(z[l]_ij) ∑_k w[l+1]_kj δ[l+1]_ik" in out
    assert out.count("proved") == 14
    assert "refuted" not in out
    assert "not decided" not in out
    assert "prove (a), in general" in err


def test_a_terminal_without_greek_gets_ascii():
    command = [sys.executable, "-m", "derive", "prove", "2-2", "--steps"]
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ascii_only)
    assert done.stdout.isascii()
    assert "delta[l]_ij = s'(z[l]_ij) sum_k w[l+1]_kj delta[l+1]_ik" in done.stdout


def test_prove_states_the_cost_that_was_chosen_and_no_other(monkeypatch, capsys):
    assert run(monkeypatch, "prove", "2-3-2", "--cost", "huber") == 0
    stated = capsys.readouterr().out.partition("Then")[0]
    assert stated.count("C_i = ") == 1
    assert "(0.7)  C_i = ∑_j ℓ(y_ij, a[L]_ij)" in stated
    assert "(0.6)  δ[l]_ij = ∂C_i/∂z[l]_ij" in stated


def test_prove_says_what_it_did_not_decide(monkeypatch, capsys):
    assert run(monkeypatch, "prove", "50-100-100-10") == 0
    assert "not decided" in capsys.readouterr().out


def test_prove_shows_steps_with_their_rules(monkeypatch, capsys):
    assert run(monkeypatch, "prove", "2-2", "--steps") == 0
    out = capsys.readouterr().out
    assert "chain rule" in out
    assert "Kronecker collapse" in out


def test_theorems_are_listed_with_steps_and_refutations(monkeypatch, capsys):
    assert run(monkeypatch, "theorems") == 0
    out = capsys.readouterr().out
    assert len(re.findall(r"\): proved$", out, flags=re.MULTILINE)) == len(catalogue.theorems())
    assert out.count("mended") == 5
    assert run(monkeypatch, "theorems", "woodbury", "--steps") == 0
    out = capsys.readouterr().out
    assert "U C V A^-1" in out
    assert "premise: C C^-1 = I" in out
    assert run(monkeypatch, "theorems", "fermat") == 2
    assert "expected one of slope" in capsys.readouterr().err


def test_generate_writes_then_checks_then_sees_drift(monkeypatch, capsys, tmp_path):
    assert run(monkeypatch, "generate", "2-3-1", "-o", str(tmp_path)) == 0
    assert run(monkeypatch, "generate", "2-3-1", "-o", str(tmp_path), "--check") == 0
    capsys.readouterr()
    gradient = tmp_path / "sigmoid_2_3_1" / "gradient.py"
    gradient.write_text(gradient.read_text().replace("np.subtract(a3, Y", "np.add(a3, Y"))
    touched = gradient.read_bytes()
    assert run(monkeypatch, "generate", "2-3-1", "-o", str(tmp_path), "--check") == 1
    out = capsys.readouterr().out
    assert "-    np.add(a3, Y, d3)  # (1.1)" in out
    assert "+    np.subtract(a3, Y, d3)  # (1.1)" in out
    assert gradient.read_bytes() == touched


def test_check_of_a_missing_package_fails_and_creates_nothing(monkeypatch, tmp_path):
    missing = tmp_path / "nowhere"
    assert run(monkeypatch, "generate", "2-3-1", "-o", str(missing), "--check") == 1
    assert not missing.exists()


def test_foreign_files_are_left_alone_without_force(monkeypatch, capsys, tmp_path):
    mine = tmp_path / "sigmoid_2_3_1" / "train.py"
    mine.parent.mkdir()
    mine.write_text("precious = 1\n")
    assert run(monkeypatch, "generate", "2-3-1", "-o", str(tmp_path)) == 2
    assert "--force" in capsys.readouterr().err
    assert mine.read_text() == "precious = 1\n"
    assert [path.name for path in mine.parent.iterdir()] == ["train.py"]
    assert run(monkeypatch, "generate", "2-3-1", "-o", str(tmp_path), "--force") == 0
    assert "precious" not in mine.read_text()


def test_an_output_folder_that_is_a_file_gets_one_line(monkeypatch, capsys, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert run(monkeypatch, "generate", "2-3-1", "-o", str(blocked)) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_latex_goes_to_standard_output_or_to_a_file(monkeypatch, capsys, tmp_path):
    assert run(monkeypatch, "latex", "2-2") == 0
    text = capsys.readouterr().out
    assert text.rstrip().endswith("\\end{document}")
    target = tmp_path / "lemma.tex"
    for _ in range(2):  # our own file may be written again
        assert run(monkeypatch, "latex", "2-2", "-o", str(target)) == 0
    assert target.read_text() == text
    target.write_text("my thesis\n")
    assert run(monkeypatch, "latex", "2-2", "-o", str(target)) == 2
    assert target.read_text() == "my thesis\n"
    assert [path.name for path in tmp_path.iterdir()] == ["lemma.tex"]


def test_check_answers_true_false_conditional_and_malformed(monkeypatch, capsys):
    assert run(monkeypatch, "check", "dC/dW[l] = delta[l] @ a[l-1].T", "--steps") == 0
    assert "true" in capsys.readouterr().out
    assert run(monkeypatch, "check", "dC/db[l] = 2 * delta[l]") == 1
    assert "counterexample" in capsys.readouterr().out
    assert run(monkeypatch, "check", "delta[L] = a[L] - y") == 1
    assert "true if sigma(z) = z" in capsys.readouterr().out
    assert run(monkeypatch, "check", "delta[L] = a[L] $ y") == 2
    out = capsys.readouterr().out
    assert "^" in out
    assert run(monkeypatch, "check") == 2


def test_check_reads_many_claims_from_a_file(monkeypatch, capsys, tmp_path):
    claims = tmp_path / "claims.txt"
    claims.write_text("one: dC/db[l] = delta[l]\ntwo: dC/db[l] = 2 * delta[l] -> false\n", encoding="utf-8")
    assert run(monkeypatch, "check", "--file", str(claims)) == 0
    assert "2 claims, 0 not as expected" in capsys.readouterr().err
    claims.write_text("dC/db[l] = 2 * delta[l]\n", encoding="utf-8")
    assert run(monkeypatch, "check", "--file", str(claims)) == 1


def test_a_notebook_is_named_as_one(monkeypatch, capsys, tmp_path):
    pytest.importorskip("nbformat")
    assert run(monkeypatch, "notebook", "2-2", "-o", str(tmp_path / "a.txt")) == 2
    err = capsys.readouterr().err
    assert "expected a name ending in .ipynb" in err
    assert "a.txt" in err
    assert not list(tmp_path.iterdir())
    assert run(monkeypatch, "notebook", "2-2", "-o", str(tmp_path / "a.ipynb"), "--numbering", "siam") == 0
    assert "(5.8)" in (tmp_path / "a.ipynb").read_text("utf-8")


def test_numbers_are_chosen_or_refused_at_the_command_line(monkeypatch, capsys):
    for words in (("latex", "2-2"), ("latex", "2-2", "--fragment"), ("page", "2-2"), ("prove", "2-2")):
        assert run(monkeypatch, *words, "--numbering", "arxiv") == 0
        out = capsys.readouterr().out
        assert "25" in out
        assert "(1.4)" not in out.replace("texttt{(1.4)", "").replace("<code>(1.4)", "")
        assert run(monkeypatch, *words, "--numbering", "ams") == 2
        assert "expected --numbering own, arxiv or siam" in capsys.readouterr().err
    assert run(monkeypatch, "theorems", "levenberg-marquardt", "--numbering", "siam") == 0
    assert "(B2.8)" in capsys.readouterr().out


def test_code_is_cited_in_the_article_only(monkeypatch, capsys):
    assert run(monkeypatch, "latex", "2-2", "--cite-code") == 0
    assert "gradient.py" in capsys.readouterr().out
    assert run(monkeypatch, "latex", "2-2", "--cite-code", "--fragment") == 2
    assert "expected --fragment or --cite-code" in capsys.readouterr().err


def test_page_is_written_whole_and_again(monkeypatch, capsys, tmp_path):
    target = tmp_path / "lemma.html"
    for _ in range(2):
        assert run(monkeypatch, "page", "2-2", "-o", str(target)) == 0
    assert target.read_text("utf-8").rstrip().endswith("</html>")
    assert [path.name for path in tmp_path.iterdir()] == ["lemma.html"]


def test_a_refuted_lemma_exits_with_1_and_nothing_is_emitted(monkeypatch, capsys, tmp_path):
    from derive.calculus import rules

    honest = rules.open_partial

    def forgetful(partial, known):
        opening = honest(partial, known)
        if opening.rule is rules.CHAIN:
            return rules.Opening(rules.CHAIN, opening.partials, lambda d: d)
        return opening

    monkeypatch.setattr(rules, "open_partial", forgetful)
    monkeypatch.setattr("derive.calculus.derivation.open_partial", forgetful)
    assert run(monkeypatch, "prove", "2-2-2") == 1
    assert "refuted" in capsys.readouterr().out
    for command in ("generate", "latex"):
        assert run(monkeypatch, command, "2-2-2", "-o", str(tmp_path / "out")) == 2
        assert "not proved" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_version_and_help_answer(monkeypatch, capsys):
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("backproof ")
    for command in ("prove", "check", "latex", "page", "notebook", "theorems", "generate", "demo"):
        assert run(monkeypatch, command, "--help") == 0
        assert "Example" in capsys.readouterr().out


def test_help_of_generate_names_every_further_module(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "400")
    assert run(monkeypatch, "generate", "--help") == 0
    said = capsys.readouterr().out
    assert [name for name in EXTRAS if name not in said] == []


def test_verify_takes_a_folder_without_a_package_for_none(monkeypatch, capsys, tmp_path):
    assert run(monkeypatch, "generate", "1-1", "--target", "python", "-o", str(tmp_path)) == 0
    capsys.readouterr()
    assert run(monkeypatch, "verify", str(tmp_path)) == 2
    said = capsys.readouterr().err
    assert "got no file of one" in said
    assert said.count("\n") == 1


def test_the_module_runs_as_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "derive", "prove", "2-q"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_demo_trains_and_draws(monkeypatch, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    target = tmp_path / "demo"
    assert run(monkeypatch, "demo", "-o", str(target), "--steps", "2000") == 0
    out = capsys.readouterr().out
    assert "Levenberg-Marquardt" in out
    assert "5.3288e+00" in out
    names = {path.name for path in target.iterdir()}
    assert names == {"boundary.png", "cost.png", "network.png", "sigmoid_2_2_3_2"}


def test_demo_pictures_show_something(monkeypatch, capsys, tmp_path):
    matplotlib_image = pytest.importorskip("matplotlib.image")
    assert run(monkeypatch, "demo", "-o", str(tmp_path), "--steps", "10") == 0
    for name in ("boundary", "cost", "network"):
        pixels = matplotlib_image.imread(Path(tmp_path) / f"{name}.png")
        assert pixels.shape[0] > 300
        assert pixels[..., :3].std() > 0.02


def test_a_dash_is_standard_output_and_a_device_is_written_not_replaced(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "latex", "2-2", "-o", "-") == 0
    assert capsys.readouterr().out.rstrip().endswith("\\end{document}")
    assert run(monkeypatch, "latex", "2-2", "-o", "/dev/null") == 0
    assert not Path("/dev/null").is_file()
    real, link = tmp_path / "real.tex", tmp_path / "link.tex"
    link.symlink_to(real)
    assert run(monkeypatch, "latex", "2-2", "-o", str(link)) == 0
    assert link.is_symlink()
    assert real.read_text("utf-8").startswith("% Generated by backproof")


def test_output_that_cannot_be_written_gets_one_line():
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "derive", "latex", "2-2"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
