"""Formulas that a person types: what they mean, what is refused, and that nothing else can happen."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Max, Symbol, exp, log, sqrt, tanh

from derive.activations import Z
from derive.errors import UserError
from derive.expressions import evaluate, parse, read_expression, spelled
from derive.expressions.bounds import MAX_NESTING, MAX_NODES
from derive.expressions.nodes import FUNCTIONS

IN_Z = {"z": Z}
WORDS = ["z", "(", ")", "+", "-", "*", "/", "^", "**", ",", "1", "2", "0", "0.5", "1e30", "9", "pi", "e", " "]
WORDS += [
    *FUNCTIONS,
    "exp(",
    "log(",
    "max(",
    "1/",
    "z^",
    "lambda",
    "__import__",
    "a",
    "\n",
    "\0",
    "é",
    "1e999",
]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("z*tanh(log(1+exp(z)))", Z * tanh(log(1 + exp(Z)))),
        ("-z^2", -(Z**2)),
        ("(-z)^2", Z**2),
        ("2*z^-1*z^2", 2 * Z),
        ("8/2/2 + z", Z + 2),
        ("z - 1 - 1", Z - 2),
        ("e^(-z)", exp(-Z)),
        ("max(z, 0)", Max(Z, 0)),
        ("(1+z^2)^0.5", sqrt(1 + Z**2)),
        ("sigmoid(2*z)", 1 / (1 + exp(-2 * Z))),
        ("1.5e1*z", 15 * Z),
        ("--z", Z),
    ],
)
def test_a_formula_means_what_algebra_says(text: str, value: object) -> None:
    assert read_expression(text, IN_Z).value == value


def test_the_letters_that_are_allowed_are_given() -> None:
    a, y = Symbol("a", real=True), Symbol("y", real=True)
    assert read_expression("(a - y)^2/2", {"a": a, "y": y}).value == (a - y) ** 2 / 2
    with pytest.raises(UserError, match="unknown name 'z'; known are a, y, pi, e"):
        read_expression("z", {"a": a, "y": y})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "got the end, at column 1"),
        ("z +", "got the end, at column 4"),
        ("z z", "expected an operator or the end, got 'z', at column 3"),
        ("foo(z)", "unknown name 'foo'"),
        ("__import__(z)", "unknown name '__import__'"),
        ("z.real", "unexpected character '.'"),
        ("z;z", "unexpected character ';'"),
        ("max(z)", "expected 2 arguments of max"),
        ("exp z", r"expected '\(' after exp, got 'z'"),
        ("z(2)", "write a product with *"),
        ("1e31", "between 1e-30 and"),
        ("9^9^9", "whole number or a half"),
        ("((z+1)^16)^16", "at most 32, got 256"),
        ("2^-z", "whole number or a half"),
        ("exp(exp(exp(9)))", "can be worked out"),
        ("1e30*1e30", "expected numbers between"),
        ("1/0", "no division by 0"),
        ("z/(2-2)", "no division by 0"),
        ("log(-1)", "can be worked out"),
        ("1/(z-z)", "no real value"),
        ("(" * 400, "at most 300 characters"),
        ("(" * 50 + "z" + ")" * 50, f"at most {MAX_NESTING} deep"),
        ("-" * 50 + "z", f"at most {MAX_NESTING} deep"),
        ("+".join("z" * 60), f"at most {MAX_NODES} numbers"),
    ],
)
def test_what_is_refused_is_refused_in_one_line_with_the_column(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        read_expression(text, IN_Z)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def attempt(text: str) -> None:
    began = time.process_time()
    said = ""
    try:
        assert read_expression(text, IN_Z).value.free_symbols <= {Z}
    except UserError as error:
        said = str(error)
    assert "\n" not in said
    assert time.process_time() - began < 5


@given(st.lists(st.sampled_from(WORDS), max_size=30).map("".join))
@settings(max_examples=1500)
def test_random_words_give_a_formula_or_one_line(text: str) -> None:
    attempt(text)


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_random_text_gives_a_formula_or_one_line(text: str) -> None:
    attempt(text)


@pytest.mark.slow
def test_a_million_random_texts_give_a_formula_or_one_line() -> None:
    draw = random.Random(4)
    for _ in range(1_000_000):
        if draw.random() < 0.2:
            attempt(draw.randbytes(draw.randrange(40)).decode("latin-1"))
        else:
            attempt("".join(draw.choices(WORDS, k=draw.randrange(25))))


@pytest.mark.parametrize(
    "text", ["z*tanh(log(1+exp(z)))", "max(z,0)-z/3", "sqrt(1+z^2)", "abs(z)*sin(2*z)^3", "atan(z)/pi+e*z"]
)
def test_a_formula_from_sympy_is_spelled_as_the_grammar_reads_it(text: str) -> None:
    value = read_expression(text, IN_Z).value
    assert read_expression(spelled(value, {Z: "z"}), IN_Z).value == value


def test_a_tree_has_the_value_of_its_formula() -> None:
    assert evaluate(parse("2*z^2 - max(z, 1)/4", ["z"]), {"z": 3.0}) == 17.25
