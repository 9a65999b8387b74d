"""The reader of emitted C: it proves what is emitted, and a wrong character of mathematics goes red."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from random_networks import network

from derive import Architecture, Proof, prove
from derive.cli import main
from derive.errors import NotProvedError
from derive.generate import generate, write
from derive.package_c import render
from derive.printers.c import Layout
from derive.program import loops
from derive.verification.c_arrays import OneSample
from derive.verification.c_files import FUNCTION, READ, Reader, verify_c

KINDS = {
    "article": ("2-2-3-2", "quadratic"),
    "softmax": ("3-4:gelu-3:softmax", "cross-entropy"),
    "joined": ("3-3:tanh-3:selu+2-3:tanh=2-2:linear+W1", "quadratic"),
    "own": ("2-3:silu-2:exp", "sum:2*huber(1,3)"),
}


@pytest.fixture(scope="module")
def cases() -> dict[str, tuple[Proof, dict[str, str]]]:
    found = {}
    for name, kind in KINDS.items():
        proof = prove(Architecture.parse(*kind), brute_force=False)
        found[name] = proof, render(proof)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_emitted_is_proved_function_by_function(kind, cases):
    proof, files = cases[kind]
    report = verify_c(files, proof, files)
    assert report.findings == ()
    assert len(report.proved) == (9 if proof.squares else 6)
    numbers = {number for item in report.proved for text in item.numbers for number in text.split(", ")}
    assert {"0.2", "0.3", "0.4", "1.1", "1.2", "1.3", "1.4", "3.1"} <= numbers
    assert ({"0.5", "2.1", "2.2", "2.4"} <= numbers) == proof.squares


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(80))
def test_what_is_emitted_for_random_networks_is_proved(seed):
    proof = prove(network(seed), brute_force=False)
    files = render(proof)
    assert verify_c(files, proof, files).findings == ()


def mutants(text: str) -> Iterator[tuple[int, str]]:
    """Yield the source with one thing changed in a line of mathematics, and the number of that line."""
    lines = text.splitlines()
    for found in FUNCTION.finditer(text):
        if found[1] not in READ:
            continue
        first = text.count("\n", 0, found.start(2))
        for at in range(first, first + found[2].count("\n")):
            for changed in dict.fromkeys(_changes(lines[at])):
                if _where_equal(changed) == _where_equal(lines[at]):
                    continue
                yield at + 1, "\n".join([*lines[:at], changed, *lines[at + 1 :]]) + "\n"


def _where_equal(line: str) -> str:
    """Write one letter for two that a condition says are equal, and numbers as far as a double is sure."""
    line = re.sub(r"\b\d+\.\d+", lambda found: f"{float(found[0]):.15g}", line)
    return re.sub(r"c == j \? [^:]*", lambda found: re.sub(r"\bc\b(?! ==)", "j", found[0]), line)


def _changes(line: str) -> Iterator[str]:
    if line.lstrip().startswith(("//", "(void)", "}")):
        return
    for found in re.finditer(r"\b\d+\b(?!\.)|(?<=\.)\d+", line):  # another number
        yield f"{line[: found.start()]}{int(found[0]) + 1}{line[found.end() :]}"
    for found in re.finditer(r" [-+] |[*/]| [-+]?= ", line):  # another operation
        swapped = {
            " - ": " + ",
            " + ": " - ",
            "*": "/",
            "/": "*",
            " += ": " -= ",
            " -= ": " += ",
            " = ": " += ",
        }
        if "for (" in line or line.lstrip().startswith(("const", "real")):
            continue
        yield line[: found.start()] + swapped[found[0]] + line[found.end() :]
    for found in re.finditer(r"\b([a-zA-Z]+)([2-5])\b", line):  # another layer
        yield f"{line[: found.start(2)]}{int(found[2]) + 1}{line[found.end() :]}"
    for found in re.finditer(r"\b[jkcmp]\b", line):  # another letter
        for other in "jk":
            yield f"{line[: found.start()]}{other}{line[found.end() :]}"
    for left, right in (
        ("larger", "smaller"),
        ("smaller", "larger"),
        ("EXP", "EXPM1"),
        ("EXP_LIMIT", "709"),
        (" == ", " > "),
        ("1/(", "("),
    ):
        yield line.replace(left, right, 1)
    yield re.sub(r"^( *)\w[^=]*[-+]?= .*;$", "", line)


def survivors(kind: str, cases: dict[str, tuple[Proof, dict[str, str]]], most: int) -> list[str]:
    """Return the changes of one source that the reader does not see; at most so many are tried."""
    proof, files = cases[kind]
    name, one = f"{proof.architecture.package_name}.c", OneSample(proof)
    chosen = list(mutants(files[name]))
    assert len(chosen) > 200
    found = []
    for line, text in chosen[:: max(1, len(chosen) // most)]:
        if Reader(one, name, text).all().holds:
            found.append(f"{line}: {text.splitlines()[line - 1].strip()}")
    return found


@pytest.mark.parametrize("kind", ["article", "softmax"])
def test_a_change_of_one_thing_in_the_mathematics_is_found(kind, cases):
    assert survivors(kind, cases, 30) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_change_of_one_thing_in_the_mathematics_is_found(kind, cases):
    assert survivors(kind, cases, 100_000) == []


def test_a_wrong_stride_a_lost_transpose_and_a_flipped_sign_in_the_generator_reach_no_file(monkeypatch):
    right = Layout.subscript
    proof = prove(Architecture.parse("2-2-3-2"), brute_force=False)

    def turned(self, element):
        if element.name == "W4" and len(element.at) == 2:
            element = loops.Element(element.name, tuple(reversed(element.at)))
        return right(self, element)

    with monkeypatch.context() as patch:
        patch.setattr(Layout, "subscript", turned)
        with pytest.raises(NotProvedError, match=r"not written, .*W4"):
            generate(proof, (), "c")
    with monkeypatch.context() as patch:
        patch.setattr(loops, "_as_update", lambda target, value: ("+=", value))
        with pytest.raises(NotProvedError, match="not written"):
            generate(proof, (), "c")
    generate(proof, (), "c")


def test_verify_reads_a_folder_and_names_the_line(tmp_path, monkeypatch, capsys):
    folder = write(generate("2-3-1", (), "c"), tmp_path)

    def verified() -> int:
        monkeypatch.setattr("sys.argv", ["derive", "verify", str(folder)])
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0)

    assert verified() == 0
    assert "differentiate" in capsys.readouterr().out
    source = folder / "sigmoid_2_3_1.c"
    text = source.read_text("utf-8")
    line = next(k for k, content in enumerate(text.splitlines(), start=1) if "d3[j] = " in content)
    source.write_text(text.replace("(a3[j] - y[j])", "(a3[j] + y[j])"), encoding="utf-8")
    assert verified() == 1
    assert f"sigmoid_2_3_1.c:{line}: " in capsys.readouterr().out
    source.write_text(text.replace("if (!(row[0] > 0)", "if (!(row[0] > 1)"), encoding="utf-8")
    assert verified() == 1  # around the equations every character counts
    assert "differs from what the generator writes" in capsys.readouterr().out
    source.unlink()
    (folder / "sigmoid_2_3_1_test.c").unlink()
    assert verified() == 1
    assert "sigmoid_2_3_1.c:1: is missing" in capsys.readouterr().out
