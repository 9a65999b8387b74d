"""One's own cost: read, checked, derived, emitted; and what is refused."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest

from derive import Architecture, generate, prove, write
from derive.errors import UserError
from derive.verification import verify_directory

COSTS = {
    "fourth: (a-y)^4/4": lambda a, y: (a - y) ** 4 / 4,
    "absolute: abs(a-y)": lambda a, y: np.where(a.real > y, a - y, y - a),
    "quantile: max(0.9*(y-a), 0.1*(a-y))": lambda a, y: np.where(a.real > y, 0.1 * (a - y), 0.9 * (y - a)),
    "poisson: exp(a)-y*a": lambda a, y: np.exp(a) - y * a,
}


@pytest.mark.parametrize("cost", COSTS)
def test_the_emitted_gradient_is_that_of_one_s_own_cost(cost, tmp_path, monkeypatch):
    folder = write(generate(prove(Architecture.parse("2-3:tanh-1:linear", cost))), tmp_path)
    assert verify_directory(folder).holds
    monkeypatch.syspath_prepend(str(tmp_path))
    net = importlib.import_module(folder.name)
    try:
        rng = np.random.default_rng(0)
        p, X, Y = rng.standard_normal(net.N_PARAMETERS), rng.standard_normal((5, 2)), rng.random((5, 1))

        def by_hand(q):
            W2, b2, W3, b3 = net.unpack(q)
            return COSTS[cost](np.tanh(X @ W2.T + b2) @ W3.T + b3, Y).sum() / len(X)

        units = np.eye(net.N_PARAMETERS)
        wanted = [by_hand(p + 1e-30j * unit).imag / 1e-30 for unit in units]
        np.testing.assert_allclose(net.gradient(p, X, Y), wanted, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(net.cost(p, X, Y), by_hand(p), rtol=1e-13)
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == folder.name]:
            del sys.modules[name]


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        ("mine: log(a)", "real and finite at a = -3.0"),
        ("mine: 1/a", "at a = 0"),
        ("mine: y^2", "in which the output a occurs"),
        ("mine: foo(a)", "unknown name 'foo'"),
        ("a: a", "has a meaning"),
        ("1x: a", "expected a name of letters"),
        ("mine: __import__('os')", "column"),
        ("mine: a+", "column"),
        ("mine", "expected a cost among"),
    ],
)
def test_a_cost_that_makes_no_sense_is_refused_in_one_line(cost, said):
    with pytest.raises(UserError, match=said) as caught:
        Architecture.parse("2-1:linear", cost)
    assert "\n" not in str(caught.value)
