"""The reader of scalar files: it proves what is emitted, and a wrong character of mathematics goes red."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from random_networks import network

from derive import Architecture, Proof, prove
from derive.cli import main
from derive.errors import NotProvedError, UserError
from derive.generate import generate, write
from derive.package_python import file_name, render
from derive.printers import python as printer
from derive.program import scalar_functions
from derive.program.scalars import Assignment
from derive.verification import verify_directory
from derive.verification.python_file import READ, verify_python

KINDS = {
    "article": ("2-2-3-2", "quadratic"),
    "softmax": ("3-4:gelu-3:softmax", "cross-entropy"),
    "joined": ("3-3:tanh-3:selu+2-3:tanh=2-2:linear+W1", "quadratic"),
    "own": ("2-3:silu-2:exp", "sum:2*huber(1,3)"),
    "of itself": ("1-2:mine-1:linear", "quadratic", ["mine: exp(sin(z))"]),
}


@pytest.fixture(scope="module")
def cases() -> dict[str, tuple[Proof, str]]:
    found = {}
    for name, kind in KINDS.items():
        proof = prove(Architecture.parse(*kind), brute_force=False)
        (text,) = render(proof).values()
        found[name] = proof, text
    return found


def report(proof: Proof, text: str, wanted: str):
    name = file_name(proof.architecture)
    return verify_python({name: text}, proof, {name: wanted})


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_emitted_is_proved_function_by_function(kind, cases):
    proof, text = cases[kind]
    found = report(proof, text, text)
    assert found.holds, found.findings
    numbers = {item.name: set(item.numbers) for item in found.proved}
    assert list(numbers) == list(READ)
    assert numbers["_forward"] == {"0.2", "0.3"}
    assert numbers["_cost"] == {"0.2", "0.3", "0.4"}
    assert {"1.1", "1.2", "1.3", "1.4"} <= numbers["_gradient"]
    assert {"1.1", "1.2", "1.3, 3.1", "1.4, 3.1"} <= numbers["_descend"]


MUTANTS = [
    ("article", "_forward", "W3_2_1*a2_1", "W3_1_2*a2_1"),
    ("article", "_forward", "708.0 else", "707.0 else"),
    ("article", "_forward", "b4_1,\n        b4_2,\n    ) = p", "b4_2,\n        b4_1,\n    ) = p"),
    ("article", "_forward", "X_1, X_2 = x", "X_2, X_1 = x"),
    ("article", "_forward", "return [a4_1, a4_2]", "return [a4_2, a4_1]"),
    ("article", "_forward", "return [a4_1, a4_2]", "return [a4_1]"),
    ("article", "_cost", "total = 0.0", "total = 1.0"),
    ("article", "_cost", "/2.0", "/3.0"),
    ("article", "_cost", "t1 = Y_1 - a4_1", "t1 = Y_1 - a4_2"),
    ("article", "_cost", "return total/count", "return total"),
    ("article", "_cost", "return total/count", "return total/count + 1.0"),
    ("article", "_cost", "count = len(X)", "count = len(p)"),
    ("article", "_cost", "total = total + ", "total = "),
    ("article", "_gradient", "share = 1.0/count", "share = 2.0/count"),
    ("article", "_gradient", "gW2_1_2 = 0.0\n", ""),
    ("article", "_gradient", "gW2_1_2 = 0.0\n", "gW2_1_2 = 1.0\n"),
    ("article", "_gradient", "gb4_1 = gb4_1 + d4_1", "gb4_1 = gb4_1 + d4_2"),
    ("article", "_gradient", "gb4_1 = gb4_1 + d4_1", "gb4_2 = gb4_2 + d4_2"),
    ("article", "_gradient", "gW4_1_1,\n        gW4_1_2", "gW4_1_2,\n        gW4_1_1"),
    ("article", "_gradient", "in zip(X, Y, strict=True)", "in zip(Y, X, strict=True)"),
    ("article", "_descend", "a2_1 = t1/(t1 + 1.0)", "a2_1 = t1/(t1 - 1.0)"),
    ("article", "_descend", "a2_1 = t1/(t1 + 1.0)", "a2_1 = 1.0/(t1 + 1.0)"),
    ("article", "_descend", "a2_1 = t1/(t1 + 1.0)", "a2_2 = t1/(t1 + 1.0)"),
    ("article", "_descend", "t3 = exp(W3_1_1*a2_1", "t3 = exp(-W3_1_1*a2_1"),
    ("article", "_descend", "t3 = exp(W3_1_1*a2_1", "t3 = exp(W3_1_1*a2_2"),
    ("article", "_descend", "t3 = exp(", "exp = exp("),
    ("article", "_descend", "t3 = exp(", "t3 = abs("),
    ("article", "_descend", "d2_1 = a2_1*(1.0 - a2_1)", "d2_1 = a2_1*(1.0 - a2_2)"),
    ("article", "_descend", "b3_2 = b3_2 - d3_2", "b3_2 = b3_2 + d3_2"),
    ("article", "_descend", "        b3_2 = b3_2 - d3_2  # (1.3, 3.1)\n", ""),
    ("article", "_descend", "X_1, X_2 = X[k]", "X_1, X_2 = Y[k]"),
    ("article", "_descend", "for k in rows:", "for k in rows[1:]:"),
    ("article", "_descend", "d3_1 = ", "eta = "),
    (
        "article",
        "_descend",
        "p[:] = (\n        W2_1_1,\n        W2_1_2,",
        "p[:] = (\n        W2_1_2,\n        W2_1_1,",
    ),
    ("softmax", "_forward", "m3 = ", "m3 = 2.0*"),
    ("softmax", "_cost", "log(q3)", "log(m3)"),
    ("softmax", "_gradient", "d3_2 = share*(a3_2 - Y_2)", "d3_2 = share*(a3_2 - Y_1)"),
    ("joined", "_gradient", "a3_1 = ", "a3_1 = 1.0 + "),
    ("joined", "_descend", " - X_1*d5_1", " - X_2*d5_1"),
    ("own", "_cost", "2.0*", "3.0*"),
    ("own", "_gradient", "t2 = ", "t2 = 2.0*"),
    ("own", "_descend", "< 1.0 else 1.0", "< 2.0 else 2.0"),
]


def mutated(text: str, function: str, right: str, wrong: str) -> str:
    """Change one thing in one function."""
    start = text.index(f"def {function}(")
    end = text.find("\n\n\n", start)
    assert right in text[start:end], "the mutant no longer finds its line"
    return text[:start] + text[start:end].replace(right, wrong, 1) + text[end:]


@pytest.mark.parametrize(("kind", "function", "right", "wrong"), MUTANTS)
def test_a_wrong_character_of_mathematics_is_found(kind, function, right, wrong, cases):
    proof, text = cases[kind]
    found = report(proof, mutated(text, function, right, wrong), text)
    assert not found.holds
    assert function not in [item.name for item in found.proved]


FIRST_OF_STEP = """        t1 = exp(W2_1_1*X_1 + W2_1_2*X_2 + b2_1)  # (0.2, 0.3)
        a2_1 = t1/(t1 + 1.0)  # (0.2, 0.3)
"""


def test_lines_that_change_what_comes_next_are_found(cases):
    proof, text = cases["article"]
    line = "        z2_1 = W2_1_1*X_1 + W2_1_2*X_2 + b2_1  # (0.2)\n"
    for added in (
        line.replace("z2_1", "X", 1),  # the samples of the next round
        line.replace("z2_1", "b2_1", 1),  # a parameter, before its time
        "        print(X_1)\n",
        "        import os\n",
        "        break\n",
        "        W2_1_1 += 1.0\n",
    ):
        for function in ("_cost", "_gradient", "_descend"):
            before = FIRST_OF_STEP if function == "_descend" else line
            after = before + added
            found = report(proof, mutated(text, function, before, after), text)
            assert function not in [item.name for item in found.proved], (function, added)


def test_what_stands_around_the_functions_must_be_as_generated(cases):
    proof, text = cases["article"]
    for right, wrong in (
        ("from math import exp, inf", "from math import expm1 as exp, inf"),
        ("_descend(p, X, Y, rows, eta, exp)", "_descend(p, X, Y, rows, eta, abs)"),
        ("_descend(p, X, Y, rows, eta, _bounded_exp)", "_descend(p, Y, X, rows, eta, _bounded_exp)"),
        ("    return exp(u if u < 708.0 else 708.0)", "    return exp(u if u < 707.0 else 707.0)"),
        ("if found <= 0.0:", "if found < 0.0:"),
        ("def _gradient(p: Numbers, X: Rows, Y: Rows)", "def _gradient(p: Numbers, Y: Rows, X: Rows)"),
        ("            left -= len(drawn)\n", "            left -= 2*len(drawn)\n"),
        ("    p[:] = moved\n", "    p[:] = moved[::-1]\n"),
        ("N_INPUTS = 2\n", "N_INPUTS = 2\nexp = abs\n"),
        ("    raise SystemExit(main())\n", "    raise SystemExit(0)\n"),
        (
            "    raise SystemExit(main())\n",
            "    raise SystemExit(main())\n\n\ndef more() -> None:\n    pass\n",
        ),
    ):
        assert right in text
        assert not report(proof, text.replace(right, wrong), text).holds, right
    assert not report(proof, text + "def (", text).holds
    assert not verify_python({}, proof, {}).holds


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_mutants_drawn_at_random_are_found(kind, cases):
    proof, text = cases[kind]
    rng = random.Random(2)
    lines = text.splitlines(keepends=True)
    places = [k for k, line in enumerate(lines) if re.search(r"= .*[-+*/].*  # \(\d", line)]
    for place in rng.sample(places, 40):
        line = lines[place]
        spots = [found.start() for found in re.finditer(r"(?<=[\w)]) ?[-+*/] ?(?=[\w(])", line)]
        spot = rng.choice([s for s in spots if s > line.index("=")])
        at = spot + (line[spot] == " ")
        other = rng.choice([sign for sign in "+-*/" if sign != line[at]])
        changed = "".join([*lines[:place], line[:at] + other + line[at + 1 :], *lines[place + 1 :]])
        assert not report(proof, changed, text).holds, (line, other)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_random_networks_are_proved(seed):
    proof = prove(network(seed), brute_force=False)
    (text,) = render(proof).values()
    found = report(proof, text, text)
    assert found.holds, found.findings


# -- our own way down ------------------------------------------------------------------------------------


def test_a_bug_in_a_pass_or_in_the_printer_cannot_reach_a_file(monkeypatch):
    def forgetful(assignments):
        return tuple(assignments[:-1])

    def turned(assignment: Assignment) -> str:
        return printer.assignment_line(assignment).replace(" - d", " + d")

    for module, name, bug in (
        (scalar_functions, "name_common", forgetful),
        (__import__("derive.package_scalar", fromlist=["x"]), "assignment_line", turned),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, bug)
            with pytest.raises(NotProvedError, match="not written, for the code is not what was proved"):
                generate("1-2-1", target="python")
    assert generate("1-2-1", target="python").files


def test_a_file_on_disk_is_verified_by_the_command(tmp_path: Path, monkeypatch, capfd):
    path = write(generate("1-2-1", target="python"), tmp_path)
    assert verify_directory(path).holds
    text = path.read_text("utf-8")
    path.write_text(text.replace("b2_1 = b2_1 - d2_1", "b2_1 = b2_1 + d2_1"), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["derive", "verify", str(path)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    said = capfd.readouterr()
    assert "b2_1 = b2_1 + d2_1: (1.3, 3.1) does not follow" in said.out
    assert "3 functions proved, 1 findings" in said.err
    for bad in ("# nothing\n", text.replace("# 1-2-1 ", "# 99-99-9 ")):
        path.write_text(bad, encoding="utf-8")
        with pytest.raises(UserError):
            verify_directory(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="UTF-8"):
        verify_directory(path)
