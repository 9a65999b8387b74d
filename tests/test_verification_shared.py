"""What stands around statements that are read: names, classes and arrays that would change what they mean."""

from __future__ import annotations

import ast
from functools import cache

import pytest
from sympy import Symbol

from derive import generate
from derive.verification.letters import Letters, Unlike
from derive.verification.objects import pure
from derive.verification.verify import Verifier


@cache
def package():
    return generate("2-3-2")


@cache
def verifier() -> Verifier:
    return Verifier(package().proof)


def holds(file: str, old: str, new: str) -> bool:
    text = package().files[file]
    assert old in text
    return verifier().holds({**package().files, file: text.replace(old, new, 1)})


def test_the_package_itself_holds() -> None:
    assert verifier().holds(package().files)


@pytest.mark.parametrize("name", ["OverflowError", "range", "float"])
def test_a_name_of_pythons_own_is_not_taken_by_a_file(name: str) -> None:
    """Else what is retried, by ``except OverflowError``, would not be what the text says."""
    assert not holds("sample_steps.py", "Rows =", f"{name} = ZeroDivisionError\nRows =")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        return cost, g\n", "        return cost, g\n\n    gradient = cost_and_gradient\n"),
        ("class GradientWorkspace:", "class GradientWorkspace:\n    gradient = None\n"),
        ("    def __init__(self, n", "    __setattr__ = object.__init__\n\n    def __init__(self, n"),
    ],
)
def test_a_class_has_nothing_but_methods(old: str, new: str) -> None:
    """Else an assignment in its body would take a proved method's place."""
    assert not holds("gradient.py", old, new)


def test_no_array_at_the_top_of_a_file_is_written() -> None:
    """It would carry what one call left to the next, which a recalled run does not see."""
    text = package().files["forward.py"]
    assert "def propagate(" in text
    first = next(line for line in text.split("\n") if line.startswith("    np.") and "# (0.2)" in line)
    used = text.replace(first, f"    np.copyto(KEPT, 0.0)\n{first}", 1)
    made = used.replace("def propagate(", "KEPT = np.empty(3)\n\n\ndef propagate(", 1)
    assert not verifier().holds({**package().files, "forward.py": made})


def test_no_argument_is_an_array_by_default() -> None:
    """All calls would fill and return the same array, of which each is taken to have its own."""
    default = "out: Array = np.empty(N_PARAMETERS)"
    text = package().files["gradient.py"].replace("out: Array | None = None", default, 1)
    assert not verifier().holds({**package().files, "gradient.py": text})


def test_a_name_that_has_no_value_yet_is_not_taken_for_one_that_is_not_known() -> None:
    assert not holds("gradient.py", "    a2, a3 = activations\n", "    d2 = d3\n    a2, a3 = activations\n")


@pytest.mark.parametrize(
    "test",
    [
        "(a2.ndim == 2) is True",
        "a2.shape == (5, 3)",
        "(a2.ndim,) != (7,)",
        "len(X) is 5",
        "X.dtype is not b2.ndim",
    ],
)
def test_what_depends_on_the_samples_is_not_decided(test: str) -> None:
    """Else the guard of exp would be 1 for some samples, or for all, and be read as 708."""
    guard = "88.0 if a2.itemsize == 4 else 708.0"
    for choice in (f"1.0 if {test} else 708.0", f"708.0 if {test} else 1.0"):
        assert not holds("forward.py", guard, choice)


def test_a_letter_that_may_be_negative_does_not_take_the_place_of_a_positive_one() -> None:
    """sqrt(mu^2) is mu; of a letter of which nothing is known it is not."""
    letters = Letters(verifier().arrays)
    with pytest.raises(Unlike):
        letters.match(Symbol("mu", positive=True), Symbol("c"))
    letters.match(Symbol("mu", positive=True), Symbol("nu", positive=True))


@pytest.mark.parametrize("test", ["np.isfinite(p, X).all()", "X.max(0, Y)", "np.any(X, 0, Y)"])
def test_a_guard_does_not_fill_an_array_that_it_names_by_position(test: str) -> None:
    assert not pure(ast.parse(test, mode="eval").body)


@pytest.mark.parametrize("test", ["np.isfinite(p).all()", "X.max(0)", "max(n, 1)", "np.allclose(p, X)"])
def test_a_guard_that_only_looks_is_without_effect(test: str) -> None:
    assert pure(ast.parse(test, mode="eval").body)
