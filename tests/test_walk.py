"""One sample through a network and back: every number against finite differences."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from derive.architecture import Architecture
from derive.proof import prove
from derive.walk import Walk, start


def by_hand(sizes: list[int], p: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[list, list, float]:
    """Return activations, deltas by finite differences of the cost in z, and the cost."""

    def run(shift: tuple[int, int, float] = (0, 0, 0.0)) -> tuple[list, float]:
        at, a, found = 0, x, [x]
        for layer, (n, m) in enumerate(pairwise(sizes), start=2):
            weights = p[at : at + n * m].reshape(m, n)
            bias = p[at + n * m : at + n * m + m]
            at += n * m + m
            pre = weights @ a + bias
            if shift[0] == layer:
                pre[shift[1]] += shift[2]
            a = 1 / (1 + np.exp(-pre))
            found.append(a)
        return found, float(np.sum((y - a) ** 2) / 2)

    activations, cost = run()
    h = 1e-5
    deltas = [
        np.array([(run((layer, j, h))[1] - run((layer, j, -h))[1]) / (2 * h) for j in range(size)])
        for layer, size in enumerate(sizes[1:], start=2)
    ]
    return activations, deltas, cost


@pytest.mark.parametrize("sizes", ["2-2-3-2", "3-1-4", "1-1"])
def test_the_numbers_are_those_of_differences(sizes: str):
    proof = prove(Architecture.parse(sizes), brute_force=False)
    numbers, _ = start(proof.architecture)
    walk = Walk(proof, numbers)
    stops = walk.stops()
    shape = list(proof.architecture.sizes)
    p = np.array([value for (letter, _), value in numbers.items() if letter in "wb"])
    x, y = (np.array([v for (letter, _), v in numbers.items() if letter == name]) for name in "xy")
    activations, deltas, cost = by_hand(shape, p, x, y)
    assert len(stops) == 1 + 3 * (len(shape) - 1) + 1
    (at_cost,) = [stop for stop in stops if stop.kind == "cost"]
    assert at_cost.columns[-1].values == pytest.approx((cost,))
    for stop in stops:
        if stop.kind == "forward":
            assert stop.columns[-1].values == pytest.approx(activations[stop.layer - 1])
        if stop.kind == "delta":
            assert stop.columns[-1].values == pytest.approx(deltas[stop.layer - 2], rel=1e-6)
        if stop.kind == "gradient":
            delta, before = deltas[stop.layer - 2], activations[stop.layer - 2]
            found = np.array([column.values for column in stop.columns])
            assert found == pytest.approx(np.vstack([delta, np.outer(before, delta)]), rel=1e-6)
