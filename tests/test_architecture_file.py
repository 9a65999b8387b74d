"""Networks read from TOML and JSON files, and what is said of files that describe none."""

from __future__ import annotations

import json

import pytest

from derive.architecture import Architecture
from derive.architecture_file import read_architecture
from derive.errors import UserError

TOML = """sizes = [8, 6, 1]
activations = ["mish", "linear"]
biases = [true, false]
cost = "huber"
[own]
mish = "z*tanh(log(1+exp(z)))"
"""


def test_a_file_and_the_text_describe_the_same_network(tmp_path):
    (tmp_path / "net.toml").write_text(TOML, encoding="utf-8")
    wanted = Architecture.parse("8-6:mish-1:linear,no-bias", "huber", ["mish: z*tanh(log(1+exp(z)))"])
    assert read_architecture(str(tmp_path / "net.toml")) == wanted
    (tmp_path / "net.json").write_text(json.dumps({"sizes": [2, 2, 3, 2]}), encoding="utf-8")
    assert read_architecture(str(tmp_path / "net.json")) == Architecture.parse("2-2-3-2")
    assert read_architecture("2-2-3-2") == Architecture.parse("2-2-3-2")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("n.toml", "sizes = [", "expected TOML"),
        ("n.json", "{", "expected JSON"),
        ("n.json", "[" * 100_000, "expected JSON"),
        ("n.json", "[2, 2]", "expected sizes"),
        ("n.toml", "layers = 3", "expected sizes"),
        ("n.toml", "sizes = [2, 2]\ncolour = 1", "got 'colour'"),
        ("n.toml", 'sizes = [2, "2"]', "whole numbers"),
        ("n.toml", "sizes = [2, true]", "expected layer sizes from 1"),
        ("n.toml", "sizes = [2, 2]\nbiases = [1]", "true or false"),
        ("n.toml", "sizes = [2, 2]\ncost = 3", "expected cost"),
        ("n.toml", "sizes = [2, 2]\nactivations = ['own']\n[own]\nown = 'z*foo(z)'", "unknown name 'foo'"),
        ("n.toml", "sizes = [2, 2]\nown = 'z'", "names with formulas"),
    ],
)
def test_a_file_that_describes_no_network_gets_one_line(tmp_path, name, text, said):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said) as caught:
        read_architecture(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_options_beside_a_file_are_refused(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        read_architecture(str(tmp_path / "none.toml"))
    with pytest.raises(UserError, match="not as options"):
        read_architecture("net.toml", "huber")
