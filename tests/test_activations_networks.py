"""A network with each activation: lowered, optimised and run, its gradient against a network by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from interpreter import run, separate, shared
from sympy import Integer, KroneckerDelta, Symbol

from derive.activations import ACTIVATIONS, Z, activation
from derive.architecture import Architecture
from derive.equation import Equation
from derive.network import Network, mean_cost
from derive.numbered import cost_equation
from derive.printers.numpy import blocks
from derive.program.lowering import Lowering, plainly
from derive.program.passes import compute_in_place, share_memory
from derive.program.routines import Routine, computed, computed_cost, forward_equations, name_array, size_of
from derive.program.statements import Program
from derive.quantities import Index
from derive.theorems.backpropagation import backpropagation
from derive.theorems.levenberg_marquardt import G, J

SAMPLES = 7
SIZES = (2, 3, 2)

BY_HAND: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "linear": lambda z: z,
    "tanh": np.tanh,
    "relu": lambda z: np.where(z > 0, z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, z / 100),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
    "selu": lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * (np.exp(z) - 1)),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "gelu": lambda z: z * (1 + np.vectorize(math.erf)(z / 2**0.5)) / 2,
    "gelu_tanh": lambda z: z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "sin": np.sin,
    "gaussian": lambda z: np.exp(-(z**2) / 2),
    "exp": np.exp,
    "one_minus_exp": lambda z: 1 - np.exp(-z),
    "sigmoid(3,5)": lambda z: 1 / (1 + np.exp(-3 * (z - 5))),
}


def lowered(name: str) -> Program:
    """Lower (0.2)-(0.4) and the gradient of the mean cost for one activation in every layer."""
    network = Network(Architecture(SIZES, (name,) * (len(SIZES) - 1)))
    program = Program(
        inputs={"X", "Y", "W2", "b2", "W3", "b3"},
        outputs={"a3", "gW2", "gb2", "gW3", "gb3", "cost"},
        external={"gW2", "gb2", "gW3", "gb3"},
    )
    lowering = Lowering(program, name_array, size_of)
    for equation in forward_equations(network):
        lowering.lower(equation)
    lowering.lower(computed_cost(network, cost_equation(network)))
    for derived in backpropagation(network, mean_cost()):
        lowering.lower(computed(network, derived.equation))
    return program


def filled(program: Program, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    for name in sorted(program.inputs):
        arrays[name][...] = rng.uniform(-1.5, 1.5, arrays[name].shape)
    return arrays


def cost_by_hand(sigma: Callable[[Any], Any], given: dict[str, np.ndarray]) -> Any:
    hidden = sigma(given["X"] @ given["W2"].T + given["b2"])
    outputs = sigma(hidden @ given["W3"].T + given["b3"])
    return np.sum((given["Y"] - outputs) ** 2) / (2 * SAMPLES), outputs


@pytest.mark.parametrize("name", BY_HAND)
def test_a_network_with_the_activation_computes_its_gradient(name: str) -> None:
    before = lowered(name)
    after = compute_in_place(before)
    printed = blocks(Routine(tuple(after.statements), after.axes, share_memory(after)))
    assert all(line.isascii() and "Piecewise" not in line for block in printed for line in block.lines)
    arrays = filled(before, separate(before.axes, {"n": SAMPLES}))
    packed = filled(after, shared(after.axes, {"n": SAMPLES}, share_memory(after)))
    run(before.statements, arrays, {"N": SAMPLES})
    run(after.statements, packed, {"N": SAMPLES})
    for output in sorted(before.outputs):
        np.testing.assert_allclose(packed[output], arrays[output], rtol=1e-14, atol=1e-15, err_msg=output)
    sigma = BY_HAND[name]
    given = {key: arrays[key] for key in before.inputs}
    cost, outputs = cost_by_hand(sigma, given)
    np.testing.assert_allclose(arrays["a3"], outputs, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(arrays["cost"], cost, rtol=1e-12)
    for parameter in ("W2", "b2", "W3", "b3"):
        gradient = np.empty_like(given[parameter])
        for place in np.ndindex(gradient.shape):
            moved = [{**given, parameter: given[parameter].copy()} for _ in range(2)]
            moved[0][parameter][place] += 1e-6
            moved[1][parameter][place] -= 1e-6
            up, down = (cost_by_hand(sigma, where)[0] for where in moved)
            gradient[place] = (up - down) / 2e-6
        np.testing.assert_allclose(
            arrays[f"g{parameter}"], gradient, rtol=2e-6, atol=1e-6 * np.max(np.abs(gradient)) + 1e-9
        )


def test_every_activation_is_run() -> None:
    assert set(BY_HAND) == set(ACTIVATIONS) | {"sigmoid(3,5)"}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_weighted_input_is_kept_exactly_where_the_slope_needs_it(name: str) -> None:
    backward = [s for s in lowered(name).statements if s.equation.number.startswith("1.")]
    assert any("z2" in s.reads for s in backward) == activation(name).slope().has(Z)


def test_a_diagonal_is_added_to_a_copy_and_not_to_a_quantity_that_others_read() -> None:
    p, q = Index("p", Integer(3)), Index("q", Integer(3))
    program = Program(inputs={"J"}, outputs={"G"})
    lowering = Lowering(program, name_array, lambda index: int(index.upper))
    lowering.lower(plainly(Equation("9", "shifted", G[p, q], J[p, q] + Symbol("mu") * KroneckerDelta(p, q))))
    assert all(s.target.array != "J" for s in program.statements)
    arrays = separate(program.axes, {})
    arrays["J"][...] = np.arange(9.0).reshape(3, 3)
    run(program.statements, arrays, {"mu": 0.5})
    np.testing.assert_array_equal(arrays["G"], arrays["J"] + 0.5 * np.eye(3))
