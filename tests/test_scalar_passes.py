"""What makes scalar code fast: each pass keeps the values and saves what it says."""

from __future__ import annotations

import math
import random
import re
import runpy
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Abs, Add, Expr, Integer, Max, Min, Mul, Symbol, exp, symbols, tanh
from sympy.printing.str import StrPrinter

from derive import Architecture, prove
from derive.equation import Equation
from derive.printers.python import assignment_line, expression_code, math_functions
from derive.program.scalar_functions import descent_step, parameter_names
from derive.program.scalar_passes import moved, name_common
from derive.program.scalars import Assignment

HERE = Equation("0.0", "a line", Symbol("left"), Symbol("right"))
u, v, w, y = symbols("u v w y")


def lines(*pairs: tuple[str, Any]) -> list[str]:
    """Return the printed assignments after the pass."""
    return [assignment_line(item) for item in name_common([Assignment(n, e, HERE) for n, e in pairs])]


def values(code: Sequence[str], **given: float) -> dict[str, float]:
    """Run printed lines in plain Python."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lines.py")
        path.write_text("\n".join(code), encoding="utf-8")
        return runpy.run_path(str(path), init_globals=vars(math) | given)


# -- common parts ----------------------------------------------------------------------------------------


def test_a_function_that_two_assignments_need_is_computed_once() -> None:
    code = lines(("f", u * exp(-Abs(u))), ("g", 1 + exp(-Abs(u))))
    assert (
        code == ["t1 = exp(-abs(u))", "f = t1*u", "g = 1.0 + t1"]
        or sum(line.count("exp(") for line in code) == 1
    )


def test_a_part_that_is_all_of_an_assignment_goes_by_its_name() -> None:
    assert lines(("e", exp(u)), ("f", v * exp(u))) == ["e = exp(u)", "f = e*v"]


def test_nothing_is_shared_across_the_move_of_a_parameter_that_it_holds() -> None:
    code = lines(("f", exp(w) * u), ("w", w - u), ("g", exp(w) * v))
    assert sum(line.count("exp(") for line in code) == 2
    found = values(code, u=0.3, v=2.0, w=0.7)
    assert found["g"] == math.exp(0.7 - 0.3) * 2.0


def test_what_holds_no_parameter_is_shared_after_a_move() -> None:
    code = lines(("f", exp(u) * v), ("w", w - u * exp(u)))
    assert sum(line.count("exp(") for line in code) == 1


def test_the_names_that_move_are_found() -> None:
    items = [Assignment("f", u * w, HERE), Assignment("w", w - u, HERE), Assignment("g", u, HERE)]
    assert moved(items) == {"w"}
    assert moved([*items, Assignment("g", v, HERE)]) == {"w", "g"}


@pytest.mark.parametrize("activation", ["silu", "gelu", "softplus"])
def test_the_slope_of_an_activation_takes_no_exponential_that_the_forward_pass_had(activation: str) -> None:
    proof = prove(Architecture.parse(f"1-1:{activation}-1:linear"), brute_force=False)
    code = [assignment_line(item) for item in descent_step(proof).assignments]
    arguments = [line[line.index("exp(") :] for line in code if "exp(" in line]
    assert len(arguments) == len(set(arguments))
    names = [line.split(" = ")[0] for line in code]
    parameters = parameter_names(proof.architecture)
    assert sorted(set(names) & set(parameters)) == sorted(parameters)
    assert len(names) == len(set(names))  # each t has one value


# -- spelling --------------------------------------------------------------------------------------------


def test_a_bound_is_compared_with_the_number_itself_and_only_the_chosen_one_negated() -> None:
    assert expression_code(exp(Min(-u, 708))) == "exp(-u if u > -708.0 else 708.0)"
    assert expression_code(Max(-u, 0)) == "(-u if u < 0.0 else 0.0)"
    for at in (-1e9, -708.0, 0.0, 3.5, 1e9, math.nan):
        plain = -at if -at < 708.0 else 708.0
        assert values(["f = " + expression_code(Min(-u, 708))], u=at)["f"] == plain


def test_a_sum_begins_with_a_term_that_is_added() -> None:
    assert expression_code(v * (w - y)) == "v*(w - y)"
    assert expression_code(-u - v) == "-u - v"
    assert expression_code(1 - u) == "1.0 - u"


PRODUCTS = st.tuples(
    st.sampled_from([1, -1]),
    st.lists(st.sampled_from(symbols("a Z a_1 a_10 a_2 b2_1")), max_size=4, unique=True),
).map(lambda parts: Mul(parts[0], *parts[1]))


@given(st.lists(PRODUCTS, min_size=1, max_size=5))
def test_products_of_letters_and_sums_of_them_are_in_the_order_that_sympy_prints(parts: list[Expr]) -> None:
    for expr in (Add(*parts), *parts):
        if not expr.free_symbols:
            continue
        terms = StrPrinter()._as_ordered_terms(expr)  # the first that is added goes to the front
        first = next((term for term in terms if not term.could_extract_minus_sign()), terms[0])
        kept = [first, *(term for term in terms if term is not first)]
        plain = " + ".join(map(str, kept)).replace("+ -", "- ")
        assert expression_code(expr) == re.sub(r"(?<![\w.])([0-9]+)(?![\w.])", r"\1.0", plain)


def test_small_powers_are_products_of_a_name() -> None:
    assert lines(("f", (u - v) ** 2 / 2)) == ["t1 = u - v", "f = (t1*t1)/2.0"]
    assert lines(("f", u**3)) == ["f = u*u*u"]
    assert lines(("f", v / u**2)) == ["f = v/(u*u)"]
    assert lines(("f", u**-2)) == ["f = 1.0/(u*u)"]
    assert lines(("f", u**5)) == ["f = u**5"]
    assert values(lines(("f", (u - v) ** 2)), u=1e200, v=0.0)["f"] == math.inf  # a power would raise


def test_the_passes_change_no_value() -> None:
    rng = random.Random(5)
    pairs = [
        ("f", exp(-Abs(u)) / (1 + exp(-Abs(u))) * v),
        ("g", tanh(u) * Max(tanh(u), v) - exp(-Abs(u)) + Integer(2) / (u - w) ** 2),
        ("w", w - (u - w) ** 3 * tanh(u)),
        ("h", w * exp(-Abs(u))),
    ]
    plain = [assignment_line(Assignment(name, value, HERE)) for name, value in pairs]
    needed = math_functions([Assignment(name, value, HERE) for name, value in pairs])
    assert needed == ("exp", "tanh")
    for _ in range(20):
        given = {name: rng.uniform(-2, 2) for name in "uvw"}
        one, other = values(plain, **given), values(lines(*pairs), **given)
        for name in "fgwh":
            assert one[name] == pytest.approx(other[name], rel=1e-13)
