"""What a person may type, and what is said about anything else."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from derive.architecture import MAX_LAYERS, MAX_PARAMETERS, MAX_WIDTH, Architecture
from derive.errors import UserError

MALFORMED = [
    "",
    " ",
    "-",
    "--",
    "2-",
    "-2",
    "-2-2",
    "2--3",
    "2-x-2",
    "2-2-3-2\n",
    "\n2-2",
    "2\n-2",
    "2-2\r",
    "2-2\0",
    " 2-2",
    "2-2 ",
    "2 - 2",
    "2\t2",
    "+2-2",
    "2.0-2",
    "2,2",
    "2_0-2",
    "0x2-2",
    "1e9-1e9",
    "2-2;rm",
    "２-２",  # full-width digits: str.isdigit says yes
    "²-2",  # a superscript: str.isdigit says yes, int says no
    "\u0662-\u0662",  # Arabic-Indic digits: int says yes
    "2\u20132",  # an en dash
    "2\u22122",  # a minus sign
    "nan-2",
    "None",
]


def message_of(text: str) -> str:
    with pytest.raises(UserError) as caught:
        Architecture.parse(text)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert message.isprintable()
    assert len(message) < 200
    assert message.startswith("expected ")
    return message


@pytest.mark.parametrize("text", ["1-1", "2-2", "2-2-3-2", "784-1000-1000-10", "4-8-8-2"])
def test_good_text_is_read_as_the_sizes_it_spells(text):
    architecture = Architecture.parse(text)
    assert architecture.sizes == tuple(int(word) for word in text.split("-"))
    assert architecture.depth == len(architecture.sizes)
    assert str(architecture) == text
    assert architecture.activations == ("sigmoid",) * (architecture.depth - 1)


@pytest.mark.parametrize("text", MALFORMED)
def test_malformed_text_is_quoted_beside_an_example_of_what_was_expected(text):
    message = message_of(text)
    assert message.endswith(f"got {text!r}")
    assert "layer sizes like 2-2-3-2" in message


def test_a_layer_without_neurons_is_refused_by_its_size():
    assert message_of("0-2") == "expected layer sizes from 1, got 0; got '0-2'"
    assert message_of("2-000-2").endswith("got '2-000-2'")


def test_a_single_layer_is_refused_because_there_is_no_output():
    message = message_of("2")
    assert "at least two layers" in message
    assert message.endswith("got '2'")


def test_ten_thousand_layers_are_counted_and_not_echoed():
    message = message_of("-".join(["2"] * 10_000))
    assert message == f"expected at most {MAX_LAYERS} layers, got 10000"


def test_the_greatest_depth_and_width_are_themselves_allowed():
    assert Architecture.parse("-".join(["1"] * MAX_LAYERS)).depth == MAX_LAYERS
    assert Architecture.parse(f"{MAX_WIDTH}-1").sizes == (MAX_WIDTH, 1)


@pytest.mark.parametrize("digits", [str(MAX_WIDTH + 1), "9" * 20, "9" * 5_000, "1" + "0" * 100_000])
def test_a_width_too_large_is_refused_before_it_is_turned_into_a_number(digits):
    message = message_of(f"{digits}-2")
    assert f"at most {MAX_WIDTH} neurons" in message
    assert f"got '{digits[:30]}" in message


def test_too_many_parameters_are_refused_although_each_layer_is_small_enough():
    message = message_of(f"{MAX_WIDTH}-{MAX_WIDTH}")
    assert f"at most {MAX_PARAMETERS} parameters, got about {MAX_WIDTH**2}" in message


@pytest.mark.parametrize("zeros", [1, 50, 5_000])
def test_leading_zeros_do_not_change_the_size_however_many_they_are(zeros):
    assert Architecture.parse("0" * zeros + "2-3") == Architecture((2, 3))


def test_long_bad_text_is_cut_in_the_message():
    message = message_of("2-" * 5_000)
    assert "..." in message


@given(st.text(max_size=60))
def test_no_text_at_all_escapes_as_anything_but_sizes_or_a_one_line_error(text):
    try:
        architecture = Architecture.parse(text)
    except UserError as error:
        message = str(error)
        assert message.splitlines() == [message]
        assert message.startswith("expected ")
    else:
        assert re.fullmatch(r"[0-9-]+", text)
        assert "-".join(word.lstrip("0") for word in text.split("-")) == str(architecture)


@given(st.text(alphabet="0123456789-", max_size=9))
def test_text_of_digits_and_dashes_is_sizes_or_a_one_line_error(text):
    good = all(word.isdigit() and 1 <= int(word) <= MAX_WIDTH for word in text.split("-")) and "-" in text
    if good:
        assert Architecture.parse(text).sizes == tuple(int(word) for word in text.split("-"))
    else:
        assert message_of(text).endswith(repr(text))


@given(st.lists(st.integers(1, 3_000), min_size=2, max_size=20))
def test_parse_undoes_str(sizes):
    architecture = Architecture(tuple(sizes))
    assert Architecture.parse(str(architecture)) == architecture
    assert architecture.package_name.isidentifier()
    assert architecture.n_parameters == sum((m + 1) * n for m, n in pairwise(sizes))


def test_the_example_of_the_article_has_23_parameters():
    assert Architecture.parse("2-2-3-2").n_parameters == 23


@pytest.mark.parametrize("name", ["sizes", "activations", "biases", "cost"])
def test_an_architecture_cannot_be_changed(name):
    architecture = Architecture((2, 2))
    with pytest.raises(FrozenInstanceError):
        setattr(architecture, name, getattr(architecture, name))


def test_an_architecture_does_not_change_with_the_list_it_was_made_from():
    sizes, activations = [2, 3], ["sigmoid"]
    architecture = Architecture(sizes, activations)
    sizes.append(0)
    activations.clear()
    assert architecture == Architecture((2, 3))
    assert hash(architecture) == hash(Architecture((2, 3)))


@pytest.mark.parametrize("size", [True, 2.0, "2", None, 2.5, 0, -1, float("nan"), MAX_WIDTH + 1, np.True_])
def test_a_size_that_is_no_whole_number_in_range_is_refused_and_quoted(size):
    with pytest.raises(UserError, match="expected") as caught:
        Architecture((2, size, 2))
    assert repr(size) in str(caught.value)


def test_numpy_integers_become_plain_integers_so_that_products_cannot_overflow():
    architecture = Architecture(np.array([100, 100, 50], dtype=np.int8))
    assert architecture == Architecture((100, 100, 50))
    assert all(type(size) is int for size in architecture.sizes)
    assert architecture.n_parameters == 100 * 101 + 50 * 101


@pytest.mark.parametrize("sizes", [(), (2,)])
def test_fewer_than_two_layers_are_refused_when_given_as_numbers(sizes):
    with pytest.raises(UserError, match="at least two layers"):
        Architecture(sizes)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_activations_and_biases_must_be_as_many_as_the_layers_after_the_input(count):
    with pytest.raises(UserError, match=f"expected 2 activations, .* got {count}"):
        Architecture((2, 2, 2), activations=("sigmoid",) * count)
    with pytest.raises(UserError, match=f"expected 2 biases, .* got {count}"):
        Architecture((2, 2, 2), biases=(True,) * count)


def test_what_is_not_derived_yet_is_refused_by_name():
    with pytest.raises(UserError, match=r"expected an activation among .*; got 'sine'"):
        Architecture((2, 2), activations=("sine",))
    with pytest.raises(UserError, match=r"expected a cost among quadratic, .*; got 'hinge'"):
        Architecture((2, 2), cost="hinge")


@pytest.mark.parametrize(
    ("text", "biases"),
    [("1-20-1:sigmoid,no-bias", (True, False)), ("2-3,no-bias-4-1,no-bias", (False, True, False))],
)
def test_layers_without_bias_are_read_counted_and_written_back(text, biases):
    architecture = Architecture.parse(text)
    assert architecture.biases == biases
    assert Architecture.parse(str(architecture)) == architecture
    weights = sum(m * n for m, n in pairwise(architecture.sizes))
    assert architecture.n_parameters == weights + sum(
        n for n, bias in zip(architecture.sizes[1:], biases, strict=True) if bias
    )
    assert architecture.package_name.isidentifier()


@pytest.mark.parametrize(
    "text", ["2:sigmoid-3", "2,no-bias-3", "2-3:", "2-3:sig moid", "2-3,nobias", "2-3:x(1"]
)
def test_a_misplaced_or_misspelt_option_is_refused(text):
    assert message_of(text)
