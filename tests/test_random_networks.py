"""Random networks: activations, costs, biases, depths and widths at random, against 40 digits."""

from __future__ import annotations

import importlib
import sys
from random import Random

import mpmath
import numpy as np
import pytest
from sympy import lambdify

from derive import Architecture, generate, prove, write
from derive.activations import ACTIVATIONS, A, Z, activation
from derive.costs import COSTS, Y

SMOOTH = [name for name, function in ACTIVATIONS.items() if not function.kinks]
KINKED = [name for name, function in ACTIVATIONS.items() if function.kinks]


def network(seed: int) -> Architecture:
    """Draw a small network; ReLU and its kin stand in hidden layers."""
    random = Random(seed)
    depth = random.randint(2, 4)
    sizes = [random.randint(1, 4) for _ in range(depth)]
    cost = random.choice(list(COSTS))
    hidden = [random.choice(SMOOTH + KINKED) for _ in sizes[1:-1]]
    last = COSTS[cost].output or random.choice(["linear", "sigmoid", "tanh", "softplus", "sin"])
    if last == "softmax":
        sizes[-1] = max(2, sizes[-1])
    biases = [random.random() < 0.8 for _ in sizes[1:]]
    return Architecture(tuple(sizes), (*hidden, last), tuple(biases), cost)


class ByHand:
    """The cost of a network in 40 digits, from the definitions alone."""

    def __init__(self, shape: Architecture) -> None:
        self.shape = shape
        self.sigma = [
            None if name == "softmax" else lambdify(Z, activation(name).definition, "mpmath")
            for name in shape.activations
        ]
        self.loss = lambdify((Y, A), COSTS[shape.cost].definition, "mpmath")

    def cost(self, p: list, X: np.ndarray, T: np.ndarray) -> mpmath.mpf:
        total = mpmath.mpf(0)
        for x, target in zip(X.tolist(), T.tolist(), strict=True):
            a, at = [mpmath.mpf(v) for v in x], 0
            for layer in range(2, self.shape.depth + 1):
                rows, columns = self.shape.sizes[layer - 1], self.shape.sizes[layer - 2]
                z = [mpmath.fdot(p[at + j * columns : at + (j + 1) * columns], a) for j in range(rows)]
                at += rows * columns
                if self.shape.has_bias(layer):
                    z = [v + b for v, b in zip(z, p[at : at + rows], strict=True)]
                    at += rows
                sigma = self.sigma[layer - 2]
                if sigma is None:
                    powers = [mpmath.exp(v) for v in z]
                    a = [v / mpmath.fsum(powers) for v in powers]
                else:
                    a = [sigma(v) for v in z]
            total += mpmath.fsum(self.loss(mpmath.mpf(y), v) for y, v in zip(target, a, strict=True))
        return total / len(X)


def compare(seed: int, folder) -> None:
    shape = network(seed)
    net_folder = write(generate(prove(shape, brute_force=False)), folder)
    sys.path.insert(0, str(folder))
    try:
        net = importlib.import_module(net_folder.name)
        rng = np.random.default_rng(seed)
        p = rng.standard_normal(net.N_PARAMETERS) * 0.7
        X, T = rng.standard_normal((2, shape.sizes[0])), rng.random((2, shape.sizes[-1]))
        T /= T.sum(axis=1, keepdims=True)
        hand, wanted = ByHand(shape), []
        with mpmath.workdps(40):
            exact, h = [mpmath.mpf(float(v)) for v in p], mpmath.mpf(10) ** -13
            for k in range(len(exact)):
                ahead, behind = list(exact), list(exact)
                ahead[k] += h
                behind[k] -= h
                wanted.append(float((hand.cost(ahead, X, T) - hand.cost(behind, X, T)) / (2 * h)))
            cost = float(hand.cost(exact, X, T))
        np.testing.assert_allclose(net.cost(p, X, T), cost, rtol=1e-12, atol=1e-14)
        scale = max(1e-3, float(np.max(np.abs(wanted))))
        np.testing.assert_allclose(net.gradient(p, X, T), wanted, rtol=1e-9, atol=1e-11 * scale)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == net_folder.name]:
            del sys.modules[name]


@pytest.mark.parametrize("seed", range(6))
def test_the_gradient_of_a_random_network_is_that_of_its_definition(seed, tmp_path):
    compare(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6, 80))
def test_the_gradient_of_many_random_networks_is_that_of_their_definition(seed, tmp_path):
    compare(seed, tmp_path)
