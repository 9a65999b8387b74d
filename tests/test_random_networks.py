"""Random networks: activations, costs, biases, wiring, depths and widths at random, against other oracles."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from random_networks import ByHand, draw, network, rows

from derive import Architecture, generate, prove, write


@contextmanager
def emitted(shape: Architecture, folder: Path) -> Iterator[Any]:
    """Generate a package, which proves and verifies it, and import it for a while."""
    where = write(generate(prove(shape, brute_force=False)), folder)
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(where.name)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == where.name]:
            del sys.modules[name]


def compare(seed: int, folder: Path) -> None:
    shape = network(seed)
    with emitted(shape, folder) as net:
        p, X, T = draw(shape, net, seed)
        hand, wanted = ByHand(shape), []
        with mpmath.workdps(40):
            exact, h = [mpmath.mpf(float(v)) for v in p], mpmath.mpf(10) ** -13
            for k in range(len(exact)):
                ahead, behind = list(exact), list(exact)
                ahead[k] += h
                behind[k] -= h
                ends = [hand.cost(rows(net, point), X, T) for point in (ahead, behind)]
                wanted.append(float((ends[0] - ends[1]) / (2 * h)))
            cost = float(hand.cost(rows(net, exact), X, T))
        np.testing.assert_allclose(net.cost(p, X, T), cost, rtol=1e-12, atol=1e-14)
        scale = max(1e-3, float(np.max(np.abs(wanted))))
        np.testing.assert_allclose(net.gradient(p, X, T), wanted, rtol=1e-9, atol=1e-11 * scale)


def compare_with_jax(seed: int, folder: Path) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    shape = network(seed)
    with emitted(shape, folder) as net:
        p, X, T = draw(shape, net, seed)
        hand = ByHand(shape, [{"erf": jax.scipy.special.erf}, "jax"])

        def cost(flat: Any) -> Any:
            blocks, at = {}, 0
            for name, view in zip(net.parameters.NAMES, net.unpack(p), strict=True):
                blocks[name] = flat[at : at + view.size].reshape(view.shape)
                at += view.size
            return hand.array_cost(blocks, X, T, jax.numpy)

        wanted = np.asarray(jax.grad(cost)(p))
        scale = max(1e-3, float(np.max(np.abs(wanted))))
        np.testing.assert_allclose(net.gradient(p, X, T), wanted, rtol=1e-12, atol=1e-12 * scale)


def test_the_drawn_networks_have_links_that_skip_and_weights_that_are_shared():
    texts = [str(network(seed)) for seed in range(80)]
    for sign in ("+W", "=W", "T", "no-bias"):
        assert sum(sign in text for text in texts) >= 5
    assert sum("+" in text or "=" in text for text in texts) >= 25


@pytest.mark.parametrize("seed", range(8))
def test_the_gradient_of_a_random_network_is_that_of_its_definition(seed, tmp_path):
    compare(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8, 80))
def test_the_gradient_of_many_random_networks_is_that_of_their_definition(seed, tmp_path):
    compare(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(80))
def test_the_gradient_of_many_random_networks_is_that_of_jax(seed, tmp_path):
    compare_with_jax(seed, tmp_path)
