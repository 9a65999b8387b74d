"""Small networks drawn at random, and their cost from the definitions alone, in 40 digits or in JAX."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import mpmath
import numpy as np
from sympy import lambdify

from derive import Architecture
from derive.activations import ACTIVATIONS, A, Z, activation
from derive.costs import COSTS, Y
from derive.errors import UserError

SMOOTH = [name for name, function in ACTIVATIONS.items() if not function.kinks]
KINKED = [name for name, function in ACTIVATIONS.items() if function.kinks]


def network(seed: int) -> Architecture:
    """Draw a small network; ReLU and its kin stand in hidden layers, every other one is wired otherwise."""
    random = Random(seed)
    depth = random.randint(2, 5)
    wired = random.random() < 0.7 and depth > 2
    sizes = [random.randint(1, 4) for _ in range(depth)]
    if wired and random.random() < 0.7:
        sizes = [random.randint(2, 3)] * (depth - 1) + sizes[-1:]
    cost = random.choice(list(COSTS))
    hidden = [random.choice(SMOOTH + KINKED) for _ in sizes[1:-1]]
    last = COSTS[cost].output or random.choice(["linear", "sigmoid", "tanh", "softplus", "sin"])
    if last == "softmax":
        sizes[-1] = max(2, sizes[-1])
    biases = tuple(random.random() < 0.8 for _ in sizes[1:])
    wiring = [""] * (depth - 1)
    for place in sorted(list(range(depth - 1)) * 6) if wired else ():
        if wiring[place]:
            continue
        tried = [*wiring[:place], item(random, place + 2), *wiring[place + 1 :]]
        try:
            Architecture(tuple(sizes), (*hidden, last), biases, cost, tuple(tried))
        except UserError:
            continue  # the sizes do not fit
        wiring = tried
    return Architecture(tuple(sizes), (*hidden, last), biases, cost, tuple(wiring))


def item(random: Random, layer: int) -> str:
    """Draw what a layer adds or shares, sometimes both."""
    share = random.choice(["", f"={random.randint(2, layer)}", f"=W{random.randint(2, layer)}"])
    turned = "T" if share.startswith("=W") and random.random() < 0.5 else ""
    adds = {random.randint(1, layer - 1): random.choice(["+", "+W"]) for _ in range(random.randint(0, 2))}
    return share + turned + "".join(f"{sign}{source}" for source, sign in adds.items())


class ByHand:
    """The cost of a network from the definitions alone; what a layer adds and shares is read from the text.

    ``blocks`` are the parameters by name, as lists of rows.
    """

    def __init__(self, shape: Architecture, module: Any = "mpmath") -> None:
        self.shape = shape
        self.sigma = [
            None if name == "softmax" else lambdify(Z, activation(name).definition, module)
            for name in shape.activations
        ]
        self.loss = lambdify((Y, A), COSTS[shape.cost].definition, module)

    def joined(self, layer: int) -> tuple[str, bool, str, list[tuple[int, bool]]]:
        """Return the names of W and b of a layer, if W is transposed, and what it adds, weighted or not."""
        weights, transposed, bias, added = f"W{layer}", False, f"b{layer}", []
        for kind, weighted, number, turned in re.findall(
            r"([+=])(W?)([0-9]+)(T?)", self.shape.wiring[layer - 2]
        ):
            if kind == "+":
                added.append((int(number), bool(weighted)))
                continue
            weights, other_way, owner, _ = self.joined(int(number))
            transposed = other_way != bool(turned)
            bias = bias if weighted else owner
        return weights, transposed, bias, added

    def cost(self, blocks: dict[str, list[list[Any]]], X: np.ndarray, T: np.ndarray) -> mpmath.mpf:
        """Return the mean cost in mpmath's numbers."""
        total = mpmath.mpf(0)
        for x, target in zip(X.tolist(), T.tolist(), strict=True):
            last = self.output(blocks, x)
            total += mpmath.fsum(self.loss(mpmath.mpf(y), v) for y, v in zip(target, last, strict=True))
        return total / len(X)

    def output(self, blocks: dict[str, list[list[Any]]], x: list[Any]) -> list[Any]:
        """Return the outputs for one sample in mpmath's numbers."""
        outputs = {1: [mpmath.mpf(v) for v in x]}
        for layer in range(2, self.shape.depth + 1):
            name, transposed, bias, added = self.joined(layer)
            rows = list(zip(*blocks[name], strict=True)) if transposed else blocks[name]
            z = [mpmath.fdot(row, outputs[layer - 1]) for row in rows]
            if self.shape.has_bias(layer):
                z = [v + b for v, b in zip(z, blocks[bias][0], strict=True)]
            for source, weighted in added:
                more = outputs[source]
                if weighted:
                    more = [mpmath.fdot(row, more) for row in blocks[f"U{layer}_{source}"]]
                z = [v + other for v, other in zip(z, more, strict=True)]
            sigma = self.sigma[layer - 2]
            powers = [mpmath.exp(v) for v in z] if sigma is None else []
            outputs[layer] = [v / mpmath.fsum(powers) for v in powers] or [sigma(v) for v in z]
        return outputs[self.shape.depth]

    def array_cost(self, blocks: dict[str, Any], X: Any, T: Any, xp: Any) -> Any:
        """Return the mean cost in arrays of a module such as ``jax.numpy``."""
        outputs = {1: X}
        for layer in range(2, self.shape.depth + 1):
            name, transposed, bias, added = self.joined(layer)
            z = outputs[layer - 1] @ (blocks[name] if transposed else blocks[name].T)
            z = z + blocks[bias] if self.shape.has_bias(layer) else z
            for source, weighted in added:
                z = z + (outputs[source] @ blocks[f"U{layer}_{source}"].T if weighted else outputs[source])
            sigma = self.sigma[layer - 2]
            powers = xp.exp(z - z.max(axis=1, keepdims=True)) if sigma is None else None
            outputs[layer] = sigma(z) * xp.ones_like(z) if sigma else powers / powers.sum(1, keepdims=True)
        return xp.sum(self.loss(T, outputs[self.shape.depth])) / len(X)


def draw(shape: Architecture, net: Any, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return parameters, inputs, and targets that any cost allows."""
    rng = np.random.default_rng(seed)
    p = rng.standard_normal(net.N_PARAMETERS) * 0.7
    X, T = rng.standard_normal((2, shape.sizes[0])), rng.random((2, shape.sizes[-1]))
    return p, X, T / T.sum(axis=1, keepdims=True)


def rows(net: Any, p: list[Any]) -> dict[str, list[list[Any]]]:
    """Return the parameters by name, as rows; a bias has one."""
    found, at = {}, 0
    for name, view in zip(net.parameters.NAMES, net.unpack(np.zeros(net.N_PARAMETERS)), strict=True):
        width = view.shape[-1]
        block = p[at : at + view.size]
        found[name] = [block[start : start + width] for start in range(0, view.size, width)]
        at += view.size
    return found
