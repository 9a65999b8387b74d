"""Translation validation: what is emitted passes, on disk and in memory; what does not follow is refused."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from time import perf_counter

import pytest

from derive import cli
from derive.architecture import Architecture
from derive.errors import NotProvedError
from derive.generate import generate, write
from derive.package import render
from derive.proof import Proof, prove
from derive.verification import verify_directory, verify_files
from derive.verification.scope import UNPROVED, functions
from derive.verification.source import read_source
from derive.verification.verify import Verifier

ROOT = Path(__file__).parents[1]
DEEP = "-".join(["3"] * 30)
FAIRLY_DEEP = "-".join(["1"] * 8)


@cache
def proof_of(sizes: str) -> Proof:
    return prove(Architecture.parse(sizes), brute_force=False)


@cache
def files_of(sizes: str) -> dict[str, str]:
    return render(proof_of(sizes))


@cache
def verifier_of(sizes: str) -> Verifier:
    return Verifier(proof_of(sizes))


def changed(sizes: str, file: str, old: str, new: str, count: int = 1) -> dict[str, str]:
    text = files_of(sizes)[file]
    assert text.count(old) >= 1, old
    return {**files_of(sizes), file: text.replace(old, new, count)}


SIZES = ["2-2-3-2", "1-1-1"]
MORE = [
    pytest.param(sizes, marks=pytest.mark.slow)
    for sizes in ("2-2", FAIRLY_DEEP, "784-1000-1000-10", "4-8-8-2", "3-3-3-3", "3-20-20-2")
]


@pytest.mark.parametrize("sizes", [*SIZES, *MORE])
def test_what_is_emitted_is_proved(sizes: str) -> None:
    report = verifier_of(sizes).verify(files_of(sizes))
    assert report.findings == ()
    names = {(item.file, item.name) for item in report.proved}
    assert {("forward.py", "propagate"), ("gradient.py", "backpropagate"), ("lm_step.py", "solve")} <= names


def test_every_equation_is_found_in_the_code() -> None:
    report = verifier_of("2-2-3-2").verify(files_of("2-2-3-2"))
    by_name = {item.name: item for item in report.proved}
    assert str(by_name["backpropagate"]) == (
        "proved: gradient.py backpropagate, 19 statements, equations (1.1)-(1.4)"
    )
    assert by_name["solve_primal"].numbers == ("2.1", "2.2", "2.3", "2.4")
    assert by_name["solve_dual"].numbers == ("2.4", "2.5", "2.6", "2.7")
    assert "1.3, 3.1" in by_name["_descend"].numbers
    assert by_name["descend"].numbers == ("3.1",)


@pytest.mark.slow
def test_a_deep_network_is_validated_layer_by_layer_in_a_few_seconds() -> None:
    files = files_of(DEEP)
    start = perf_counter()
    assert verify_files(files, proof_of(DEEP)).holds
    assert perf_counter() - start < 15


def test_a_package_on_disk_is_proved() -> None:
    assert verify_directory(ROOT / "generated" / "sigmoid_2_2_3_2").holds


@pytest.mark.parametrize("sizes", ["2-2-3-2", MORE[-1]])
def test_every_function_is_proved_or_listed_with_a_reason(sizes: str) -> None:
    report = verifier_of(sizes).verify(files_of(sizes))
    proved = {(item.file, item.name) for item in report.proved}
    found = {
        (file, name)
        for file, text in files_of(sizes).items()
        if file != "definite.py"  # compared with the module that is tested here
        for source in [read_source(file, text)]
        for name, _ in functions(source)
    }
    assert found - set(UNPROVED) <= proved
    assert not set(UNPROVED) & proved - {("parameters.py", "check_count"), ("lm_step.py", "_prepare")}


def test_the_list_of_unproved_functions_stands_in_the_documentation() -> None:
    text = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8")
    for (file, name), reason in UNPROVED.items():
        assert f"| `{file}` | `{name}` | {reason} |" in text


def test_a_new_function_is_refused() -> None:
    more = '\n\ndef momentum(p: Array) -> Array:\n    """Return half."""\n    return np.multiply(p, 0.5)\n'
    files = files_of("2-2-3-2")
    report = verifier_of("2-2-3-2").verify({**files, "train.py": files["train.py"] + more})
    assert [f.statement for f in report.findings] == ["momentum"]


# -- findings --------------------------------------------------------------------------------------------

BROKEN = [
    ("gradient.py", "np.subtract(a4, Y, d4)", "np.subtract(Y, a4, d4)", "1.1"),
    ("gradient.py", "np.subtract(one, a3, a3)", "np.add(one, a3, a3)", "1.2"),
    ("gradient.py", "np.dot(d4.T, a3, gW4)", "np.dot(d4.T, a2, gW4)", "1.4"),
    ("gradient.py", "np.dot(ones, d3, gb3)", "np.dot(ones, a3, gb3)", "1.3"),
    ("gradient.py", "np.dot(ones, d3, gb3)", "np.add.reduce(d3, axis=1, out=gb3)", "1.3"),
    ("gradient.py", "np.divide(d4, n, d4)", "np.multiply(d4, n, d4)", "1.1"),
    ("forward.py", "np.add(a2, b2, a2)", "np.subtract(a2, b2, a2)", "0.2"),
    ("forward.py", "np.minimum(a3, guard, out=a3)", "np.minimum(a3, 709.0, out=a3)", "0.3"),
    ("forward.py", "cost = t2/(2*n)", "cost = t2/(3*n)", "0.4"),
    ("forward.py", "np.subtract(Y, a4, out=r)", "np.subtract(a4, Y, out=r)", "0.5"),
    ("lm_step.py", "np.multiply(d3, a3[:, None, :], out=d3)", "np.add(d3, a3[:, None, :], out=d3)", "1.2"),
    ("lm_step.py", "A = np.matmul(J.T, J)", "A = np.matmul(J, J.T)", "2.1"),
    ("lm_step.py", "h = np.linalg.solve(A, g)", "h = np.linalg.solve(A, r)", "2.3"),
    ("lm_step.py", "np.add(h, p)", "np.subtract(h, p)", "2.4"),
    ("lm_step.py", 'np.einsum("aa->a", G), mu', 'np.einsum("aa->a", G), 2*mu', "2.5"),
    ("train.py", "np.multiply(g, eta, out=g)", "np.divide(g, eta, out=g)", "3.1"),
    ("sample_steps.py", "W3_2_1*a2_1 + W3_2_2*a2_2", "W3_2_1*a2_1 + W3_2_2*a2_1", "0.2, 0.3"),
    ("sample_steps.py", "W3_1_1 = W3_1_1 - a2_1*d3_1", "W3_1_1 = W3_1_1 + a2_1*d3_1", "1.4, 3.1"),
    ("sample_steps.py", "a2_1 = t1/(t1 + 1.0)", "a2_1 = 1.0/(t1 + 1.0)", "0.2, 0.3"),
]


@pytest.mark.parametrize(("file", "old", "new", "number"), BROKEN, ids=[b[2] for b in BROKEN])
def test_a_wrong_statement_is_named_with_its_line_and_equation(
    file: str, old: str, new: str, number: str
) -> None:
    files = changed("2-2-3-2", file, old, new)
    report = verifier_of("2-2-3-2").verify(files)
    line = 1 + files_of("2-2-3-2")[file][: files_of("2-2-3-2")[file].index(old)].count("\n")
    assert not report.holds
    finding = report.findings[0]
    assert finding.file == file
    assert finding.covers(line), finding
    assert finding.number == number


def test_arrays_alive_in_one_slot_are_noticed() -> None:
    files = changed(
        "2-2-3-2",
        "gradient.py",
        "carve(memory[2], n_samples, 2),  # a4",
        "carve(memory[0], n_samples, 2),  # a4",
    )
    report = verifier_of("2-2-3-2").verify(files)
    assert not report.holds
    assert any("overwritten" in f.message or "does not follow" in f.message for f in report.findings)


def test_a_slot_too_small_is_noticed() -> None:
    files = changed("2-2-3-2", "gradient.py", "(2, 3, 3, 2), dtype", "(2, 3, 2, 2), dtype")
    (finding,) = verifier_of("2-2-3-2").verify(files).findings
    assert "entries up to 3*N of 2*N" in finding.message


@pytest.mark.parametrize(
    "file", ["gradient.py", *(pytest.param(f, marks=pytest.mark.slow) for f in ("forward.py", "lm_step.py"))]
)
def test_two_names_swapped_in_a_tuple_are_found_in_the_line_of_the_tuple(file: str) -> None:
    text = files_of("3-3-3-3")[file]
    old = next(line for line in text.splitlines() if line.strip().endswith("= weights") and "W3" in line)
    new = old.replace("W3", "W9").replace("W4", "W3").replace("W9", "W4")
    report = verifier_of("3-3-3-3").verify(changed("3-3-3-3", file, old, new))
    finding = report.findings[0]
    assert (finding.file, finding.line) == (file, 1 + text[: text.index(old)].count("\n"))


def test_parameters_in_another_order_are_found() -> None:
    files = changed(
        "3-3-3-3", "parameters.py", "p[12:21].reshape(3, 3),  # W3", "p[24:33].reshape(3, 3),  # W3"
    )
    findings = verifier_of("3-3-3-3").verify(files).findings
    assert findings
    assert findings[0].file == "parameters.py"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("gradient.py", "import numpy as np", "import cupy as np"),
        ("gradient.py", "np.subtract(a4, Y, d4)", "np.fancy(a4, Y, out=d4)"),
        ("gradient.py", "np.subtract(a4, Y, d4)", "np.subtract(a4, Y, out=d4, where=True)"),
        ("forward.py", "    n = Y.shape[0]\n", "    n = Y.shape[0]\n    while n: n = 0\n"),
        ("forward.py", "    n = Y.shape[0]\n", "    n = Y.shape[0]\n    exec('n = 3')\n"),
        ("forward.py", "def subtract_output(", "def propagate("),
        ("forward.py", "def propagate(", "@np.vectorize\ndef propagate("),
        ("parameters.py", "N_PARAMETERS = 23", "N_PARAMETERS = 24"),
        ("parameters.py", "SIZES = (2, 2, 3, 2)", "SIZES = (2, 3, 2, 2)"),
        ("train.py", '"""Training', 'import os; os.remove("x")\n"""Training'),
        ("sample_steps.py", "from math import exp", "from math import expm1 as exp"),
    ],
)
def test_what_is_not_known_is_refused_and_never_passed(file: str, old: str, new: str) -> None:
    assert not verifier_of("2-2-3-2").holds(changed("2-2-3-2", file, old, new))


# -- our own passes --------------------------------------------------------------------------------------


def test_generate_refuses_to_write_what_a_broken_pass_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from derive.program import passes

    original = passes.last_reads
    known = proof_of("2-2-3-2")
    # Liveness forgotten: every array seems to be read for the last time wherever it is read.
    monkeypatch.setattr(passes, "last_reads", lambda program: _Anywhere(original(program)))
    with pytest.raises(NotProvedError, match=r"not what was proved: (forward|gradient|lm_step)\.py:\d+"):
        write(generate(known), tmp_path)
    assert not list(tmp_path.iterdir())


class _Anywhere(dict[str, object]):
    def __getitem__(self, key: str) -> object:
        return _Equal()


class _Equal:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def test_generate_refuses_memory_shared_too_early(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from derive.program import routines

    original = routines.share_memory
    monkeypatch.setattr(routines, "share_memory", lambda program: dict.fromkeys(original(program), 0))
    with pytest.raises(NotProvedError, match=r"overwritten in line|does not follow|nothing has filled"):
        write(generate(proof_of("2-2-3-2")), tmp_path)


# -- the command -----------------------------------------------------------------------------------------


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["derive", *words])
    with pytest.raises(SystemExit) as exit_info:
        cli.main()
    return int(exit_info.value.code or 0)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("derive.verification.verify.prove", lambda known, **_: proof_of(str(known)))
    for name, text in files_of("2-2-3-2").items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_verify_says_what_is_proved(monkeypatch, capsys, folder: Path) -> None:
    assert run(monkeypatch, "verify", str(folder)) == 0
    out, err = capsys.readouterr()
    assert "proved: gradient.py backpropagate, 19 statements, equations (1.1)-(1.4)\n" in out
    assert "0 findings" in err
    assert "generate --check" in err


def test_verify_names_the_line_and_exits_with_1(monkeypatch, capsys, folder: Path) -> None:
    text = (folder / "gradient.py").read_text(encoding="utf-8")
    (folder / "gradient.py").write_text(text.replace("(one, a4, ", "(2.0, a4, "), encoding="utf-8")
    assert run(monkeypatch, "verify", str(folder)) == 1
    line = 1 + text[: text.index("(one, a4, ")].count("\n")
    found = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("proved")]
    assert len(found) == 1
    assert found[0].startswith(f"gradient.py:{line}: np.subtract(2.0, a4, a4): (1.1) does not follow")


@pytest.mark.parametrize("spoil", ["empty", "header", "architecture", "missing"])
def test_verify_exits_with_2_where_there_is_no_package(monkeypatch, capsys, folder: Path, spoil: str) -> None:
    path = folder / "gradient.py"
    text = path.read_text(encoding="utf-8")
    if spoil == "empty":
        for file in folder.glob("*.py"):
            file.unlink()
    elif spoil == "header":
        path.write_text(text.split("\n", 1)[1], encoding="utf-8")
    elif spoil == "architecture":
        path.write_text(text.replace("# 2-2-3-2\n", "# 2-2-3-3\n"), encoding="utf-8")
    else:
        folder = folder / "nowhere"
    assert run(monkeypatch, "verify", str(folder)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("derive: expected")
    assert err.count("\n") == 1


def test_a_package_is_data_and_never_run(monkeypatch, folder: Path) -> None:
    text = (folder / "train.py").read_text(encoding="utf-8")
    trap = folder / "ran"
    (folder / "train.py").write_text(f"{text}\n\nopen({str(trap)!r}, 'w')\n", encoding="utf-8")
    assert not verify_directory(folder).holds
    assert not trap.exists()


def test_text_that_is_not_python_is_a_finding(folder: Path) -> None:
    path = folder / "forward.py"
    path.write_text(
        path.read_text(encoding="utf-8").replace("np.add(a2, b2", "np.add(a2, b2))"), encoding="utf-8"
    )
    (finding,) = verify_directory(folder).findings
    assert "not Python" in finding.message
