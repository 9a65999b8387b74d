"""What ``derive describe`` says and draws."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from derive.architecture import Architecture
from derive.describe import describe, picture, text_drawing
from derive.errors import UserError


def test_the_parameters_of_the_layers_add_up_to_those_of_the_network():
    shape = Architecture.parse("8-32:tanh-5,no-bias-1:linear")
    found = describe(shape)
    assert sum(row.parameters for row in found.layers) == found.parameters == 32 * 9 + 5 * 32 + 6
    assert [row.links for row in found.layers] == [(), ("32 x 8",), ("5 x 32",), ("1 x 5",)]


def test_what_a_layer_adds_and_shares_is_said_and_drawn():
    shape = Architecture.parse("3-3-3=2-3=W2T+2-2+W1,no-bias")
    found = describe(shape)
    assert [row.parameters for row in found.layers] == [0, 12, 0, 3, 6 + 6]
    assert sum(row.parameters for row in found.layers) == found.parameters == shape.n_parameters
    assert found.layers[2].links == ("that of layer 2",)
    assert found.layers[3].links == ("that of layer 2, transposed", "layer 2")
    assert [row.bias for row in found.layers] == ["", "3", "of 2", "3", "none"]
    assert found.forward == 9 + 9 + 9 + 6 + 6
    assert found.backward == found.forward + 9 + 9 + 6  # no delta goes back to the input
    assert "layer 4 adds layer 2, as it is" in list(text_drawing(shape))
    arcs = [line for line in picture(shape, ".svg").splitlines() if 'class="skip"' in line]
    assert len(arcs) == picture(shape, ".tex").count("out=80") == 2


def test_the_multiplications_are_those_of_the_matrix_products():
    found = describe(Architecture.parse("2-3-4"))
    assert found.forward == 2 * 3 + 3 * 4
    assert found.backward == found.forward + 3 * 4  # the delta goes back through all but the first W


def test_the_svg_shows_every_neuron_of_a_small_network_and_cuts_a_tall_one():
    for text, neurons in (("2-2-3-2", 9), ("2-100-1", 2 + 6 + 1)):
        root = ElementTree.fromstring(picture(Architecture.parse(text), ".svg"))
        circles = [node for node in root.iter() if node.tag.endswith("circle") and node.get("class") is None]
        assert len(circles) == neurons
    assert "tikzpicture" in picture(Architecture.parse("2-2"), ".tex")
    with pytest.raises(UserError, match="expected a name ending in"):
        picture(Architecture.parse("2-2"), ".pdf")


def test_the_terminal_drawing_has_a_column_for_each_layer():
    *rows, sizes = text_drawing(Architecture.parse("2-2-3-2"))
    assert sizes.split() == ["2", "2", "3", "2"]
    assert sum(row.count("o") for row in rows) == 9
