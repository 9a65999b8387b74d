"""Statements that are alike from layer to layer: one layer that differs must be found, wherever it is."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

import pytest
from sympy import Symbol

from derive import generate
from derive.quantities import Index, N, a, total, w, z
from derive.verification.alike import Alike
from derive.verification.interpreter import Interpreter
from derive.verification.letters import Letters, Unlike
from derive.verification.values import place
from derive.verification.verify import Verifier

FILES = ("forward.py", "gradient.py", "lm_step.py", "gram_step.py", "normal_step.py", "layers.py")
CITED = re.compile(r"^ +np\.\w+\(.*out=.*\)  # \(\d\.\d+\)$")


@cache
def package(text: str = "3-4-4-4-4-4-2"):
    return generate(text)


def holds(files: dict[str, str]) -> bool:
    return Verifier(package().proof).holds(files)


@cache
def layered_lines(file: str) -> dict[str, list[int]]:
    """Return the lines that call NumPy on arrays, by what they are but for the numbers of layers."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(package().files[file].split("\n")):
        if CITED.match(line):
            found.setdefault(re.sub(r"(?<=[A-Za-z])\d+", "", line), []).append(number)
    return {text: numbers for text, numbers in found.items() if len(numbers) > 2}


def changed(file: str, number: int, line: str) -> dict[str, str]:
    lines = package().files[file].split("\n")
    assert lines[number] != line
    lines[number] = line
    return {**package().files, file: "\n".join(lines)}


SWAPS = {
    "np.add(": "np.subtract(",
    "np.subtract(": "np.add(",
    "np.multiply(": "np.divide(",
    "np.exp(": "np.expm1(",
}


@pytest.mark.parametrize("file", FILES)
def test_another_call_in_one_layer_among_many_that_are_alike_is_found(file: str) -> None:
    tried = 0
    for numbers in layered_lines(file).values():
        number = numbers[len(numbers) // 2]
        line = package().files[file].split("\n")[number]
        call = next((call for call in SWAPS if call in line), None)
        if call is not None and tried < 4:
            tried += 1
            assert not holds(changed(file, number, line.replace(call, SWAPS[call]))), line
    assert tried


@pytest.mark.parametrize("file", FILES)
def test_an_array_of_another_layer_in_one_layer_is_found(file: str) -> None:
    tried = 0
    for numbers in layered_lines(file).values():
        number = numbers[len(numbers) // 2]
        line = package().files[file].split("\n")[number]
        match = re.search(r"\((W|a)([3-5])\b|, (W|a)([3-5])\b", line.partition("out=")[0])
        if match is not None and tried < 4:
            tried += 1
            letter, layer = match[1] or match[3], int(match[2] or match[4])
            other = f"{letter}{layer + 1 if layer < 5 else layer - 1}"
            wrong = line.replace(f"{letter}{layer}", other, 1)
            assert not holds(changed(file, number, wrong)), line
    assert tried


def test_a_layer_of_which_a_line_is_missing_is_found() -> None:
    for file in ("forward.py", "gradient.py", "gram_step.py"):
        numbers = next(iter(layered_lines(file).values()))
        assert not holds(changed(file, numbers[1], ""))


def test_the_report_is_the_same_without_what_is_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    with_alike = Verifier(package().proof).verify(package().files)
    monkeypatch.setattr(Alike, "given", lambda *_: None)
    assert Verifier(package().proof).verify(package().files) == with_alike


def test_a_layer_is_run_once_for_all_that_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    count: Counter[str] = Counter()
    run = Interpreter._statement

    def statement(self: Interpreter, node: Any, frame: Any) -> None:
        count[frame.function.qualname] += 1
        run(self, node, frame)

    monkeypatch.setattr(Interpreter, "_statement", statement)
    found = []
    for text in ("3-4-4-4-4-4-4-2", "3-4-4-4-4-4-4-4-4-4-4-2"):
        package_of = generate(text)
        count.clear()
        assert Verifier(package_of.proof).holds(package_of.files)
        names = ("propagate", "backpropagate", "gram_matrix", "pull_back")
        found.append({name: count[name] for name in names})
    assert found[0] == found[1]


# -- letters ------------------------------------------------------------------------------------------------


def letters() -> Letters:
    return Letters(Verifier(package().proof).arrays)


SAMPLE, J, K = place(0, N), place(1, N), Index("k", N)


def test_a_letter_takes_the_place_of_one_other_only() -> None:
    found = letters()
    found.match(a[2, SAMPLE, J], a[3, SAMPLE, J])
    found.match(w[3, SAMPLE, J], w[4, SAMPLE, J])
    assert found.put_in(a[2, J, SAMPLE] * w[3, SAMPLE, J]) == a[3, J, SAMPLE] * w[4, SAMPLE, J]
    with pytest.raises(Unlike):
        found.match(a[2, SAMPLE, J], a[4, SAMPLE, J])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (a[2, SAMPLE, J], a[3, J, SAMPLE]),
        (a[2, SAMPLE, J], 1 - a[3, SAMPLE, J]),
        (a[2, SAMPLE, J] * w[3, SAMPLE, J], a[3, SAMPLE, J] + w[4, SAMPLE, J]),
        (total(a[2, SAMPLE, K], K), total(a[3, K, SAMPLE], K)),
        (2 * a[2, SAMPLE, J], 3 * a[3, SAMPLE, J]),
        (N, Symbol("M", integer=True, positive=True)),
    ],
)
def test_what_differs_in_more_than_letters_is_not_alike(old: Any, new: Any) -> None:
    with pytest.raises(Unlike):
        letters().match(old, new)


def test_letters_of_which_nothing_is_known_are_not_replaced() -> None:
    found = letters()
    found.match(a[2, SAMPLE, J], a[3, SAMPLE, J])
    with pytest.raises(Unlike):
        found.put_in(a[2, SAMPLE, J] * z[2, SAMPLE, J])


def test_bound_indices_have_no_names() -> None:
    found, other = letters(), Index("k", N)
    found.match(total(a[2, SAMPLE, K] * w[3, J, K], K), total(a[3, SAMPLE, other] * w[4, J, other], other))
    assert found.put_in(a[2, SAMPLE, J]) == a[3, SAMPLE, J]


def test_a_letter_that_stands_for_another_is_left_alone() -> None:
    linear = Letters(Verifier(generate("2-3:linear-3:linear-1").proof).arrays)
    with pytest.raises(Unlike):
        linear.match(a[2, SAMPLE, J], a[3, SAMPLE, J])
