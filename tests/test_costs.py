"""Costs: slopes and stable forms are proved, the delta follows by derivation, the code computes them."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace

import mpmath
import numpy as np
import pytest
from sympy import Integer, lambdify

from derive import Architecture, prove
from derive.activations import A, Z
from derive.activations.functions import plainly
from derive.costs import COSTS, Y
from derive.errors import NotProvedError, UserError
from derive.network import Network, mean_cost, sample_cost
from derive.package import render
from derive.printers.text import expression_text
from derive.quantities import eta
from derive.replay import Problem, replay
from derive.theorems import softmax as softmax_theory
from derive.theorems.backpropagation import output_delta
from derive.theorems.softmax import softmax

ELEMENTWISE = ["quadratic", "log-cosh", "huber", "binary-cross-entropy"]
POINTS = [(0.3, 0.9), (0.0, 0.25), (1.0, 0.5), (0.7, 0.1)]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_slope_of_a_loss_is_its_derivative_in_numbers(name):
    cost = COSTS[name]
    with mpmath.workdps(40):
        loss = lambdify((Y, A), cost.definition, "mpmath")
        slope = lambdify((Y, A), cost.slope(), "mpmath")
        for target, found in POINTS:
            wanted = mpmath.diff(lambda a, y=target: loss(mpmath.mpf(y), a), mpmath.mpf(found))
            assert abs(slope(mpmath.mpf(target), mpmath.mpf(found)) - wanted) < 1e-15


@pytest.mark.parametrize("name", ["log-cosh", "huber", "binary-cross-entropy"])
def test_a_loss_with_a_wrong_slope_or_a_wrong_stable_form_is_refused(name):
    cost = COSTS[name]
    with pytest.raises(NotProvedError):
        replace(cost, stable=cost.stable + Integer(1)).slope()
    with pytest.raises(NotProvedError):
        replace(cost, stable=-cost.stable).slope()
    if cost.proposed is not None:
        for wrong in (-cost.proposed, 2 * cost.proposed, cost.proposed + 1):
            with pytest.raises(NotProvedError):
                replace(cost, proposed=wrong).slope()


def test_the_stable_form_of_the_binary_cross_entropy_keeps_its_digits_in_the_tails():
    cost = COSTS["binary-cross-entropy"]
    stable = lambdify((Y, Z), plainly(cost.stable), "mpmath")
    with mpmath.workdps(60):
        for z in (-800, -40, -1e-9, 0, 3, 40, 800):
            a = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
            if 0 < a < 1:
                wanted = -mpmath.mpf("0.3") * mpmath.log(a) - mpmath.mpf("0.7") * mpmath.log(1 - a)
                assert abs(stable(mpmath.mpf("0.3"), mpmath.mpf(z)) - wanted) <= abs(wanted) * 1e-20


@pytest.mark.parametrize(
    ("network", "wanted"),
    [
        (Network(loss="cross-entropy"), "a[L]_ij - y_ij"),
        (Network(Architecture.parse("2-3:tanh-2", "binary-cross-entropy")), "a[3]_ij - y_ij"),
        (Network(loss="huber"), "loss'(y_ij, a[L]_ij) s'(z[L]_ij)"),
        (Network(loss="quadratic"), "s'(z[L]_ij) (a[L]_ij - y_ij)"),
    ],
)
def test_the_delta_of_the_output_comes_out_of_the_derivation_and_is_replayed(network, wanted):
    for objective in (sample_cost(), sample_cost(eta), mean_cost()):
        derived = output_delta(network, objective)
        assert replay(derived.derivation, Problem(network, objective), derived.equation).faults == ()
    assert expression_text(output_delta(network, sample_cost()).equation.rhs) == wanted


def test_without_the_premise_on_the_targets_the_softmax_s_delta_is_not_proved(monkeypatch):
    network, objective = Network(loss="cross-entropy"), sample_cost()
    derived = output_delta(network, objective)
    monkeypatch.setattr(Network, "premises", property(lambda self: (self.softmax_slope(),)))
    assert not replay(derived.derivation, Problem(network, objective), derived.equation).holds


def test_the_softmax_theorem_holds_and_a_wrong_slope_does_not():
    part, shifted = softmax().parts
    assert part.holds
    assert shifted.holds
    assert not replace(shifted, equation=replace(shifted.equation, rhs=2 * shifted.equation.rhs)).holds
    wrong = replace(part.equation, rhs=-part.equation.rhs)
    assert not replace(part, equation=wrong).holds


def test_the_computed_cross_entropy_is_that_of_the_definition_and_a_wrong_one_is_not(monkeypatch):
    assert softmax_theory.surprise_is_the_definition()
    monkeypatch.setattr(softmax_theory, "surprise", lambda m, z, q: m - z)
    assert not softmax_theory.surprise_is_the_definition()


NETS = [
    ("2-3:tanh-2:linear", "huber"),
    ("2-3:tanh-2:linear", "log-cosh"),
    ("2-3:tanh-2", "binary-cross-entropy"),
    ("3-4:relu-3:softmax", "cross-entropy"),
]


def by_hand(name, Y, out, z):
    if name == "huber":
        r = out - Y
        return np.where(abs(r.real) <= 1, r**2 / 2, np.where(r.real > 0, r, -r) - 0.5).sum()
    if name == "log-cosh":
        return np.log(np.cosh(out - Y)).sum()
    if name == "binary-cross-entropy":
        return -(Y * np.log(out) + (1 - Y) * np.log(1 - out)).sum()
    return -(Y * np.log(out)).sum()


@pytest.fixture(params=NETS, ids=[cost for _, cost in NETS])
def emitted(request, tmp_path, monkeypatch):
    proof = prove(Architecture.parse(*request.param))
    assert proof.holds
    name = proof.architecture.package_name
    (tmp_path / name).mkdir()
    for file, text in render(proof).items():
        (tmp_path / name / file).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield proof, importlib.import_module(name)
    for known in [known for known in sys.modules if known.split(".")[0] == name]:
        del sys.modules[known]


def test_the_emitted_gradient_is_that_of_the_cost_written_by_hand(emitted):
    proof, net = emitted
    rng = np.random.default_rng(2)
    p = rng.standard_normal(net.N_PARAMETERS)
    X, Y = rng.standard_normal((6, net.SIZES[0])), rng.random((6, net.SIZES[-1]))
    Y /= Y.sum(axis=1, keepdims=True)

    def cost(q):
        W2, b2, W3, b3 = net.unpack(q)
        z = X @ W2.T + b2
        hidden = np.tanh(z) if proof.architecture.activation(2) == "tanh" else z * (z.real > 0)
        out = z = hidden @ W3.T + b3
        if proof.architecture.activation(3) == "sigmoid":
            out = 1 / (1 + np.exp(-z))
        if proof.architecture.activation(3) == "softmax":
            out = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        return by_hand(proof.architecture.cost, Y, out, z) / len(X)

    units = np.eye(net.N_PARAMETERS)
    wanted = [cost(p + 1e-30j * unit).imag / 1e-30 for unit in units]
    np.testing.assert_allclose(net.gradient(p, X, Y), wanted, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(net.cost(p, X, Y), cost(p).real, rtol=1e-13)
    of_samples = net.ForwardWorkspace(6).sample_costs(p, X, Y)
    np.testing.assert_allclose(of_samples, [net.cost(p, X[[i]], Y[[i]]) for i in range(6)], rtol=1e-13)
    assert hasattr(net, "levenberg_marquardt")


def test_extreme_weighted_inputs_overflow_nowhere(emitted):
    _, net = emitted
    p = np.zeros(net.N_PARAMETERS)
    net.unpack(p)[-1][:] = [900.0, -900.0, 30.0][: net.SIZES[-1]]
    X, Y = np.zeros((2, net.SIZES[0])), np.eye(net.SIZES[-1])[:2]
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(net.cost(p, X, Y))
        assert np.isfinite(net.gradient(p, X, Y)).all()


def test_targets_that_make_no_sense_are_refused(emitted):
    proof, net = emitted
    X, Y = np.zeros((2, net.SIZES[0])), np.full((2, net.SIZES[-1]), 1.5)
    if COSTS[proof.architecture.cost].targets:
        with pytest.raises(ValueError, match="Y: expected targets"):
            net.cost(np.zeros(net.N_PARAMETERS), X, Y)
    else:
        assert np.isfinite(net.cost(np.zeros(net.N_PARAMETERS), X, Y))


@pytest.mark.parametrize(
    ("text", "cost", "said"),
    [
        ("2-3-2", "hinge", "expected a cost among"),
        ("2-3:softmax-2", "quadratic", "softmax in the output layer alone"),
        ("2-3:softmax", "quadratic", "expected --cost cross-entropy"),
        ("2-3:tanh", "cross-entropy", "expected the output activation softmax"),
        ("2-3:tanh", "binary-cross-entropy", "expected the output activation sigmoid"),
    ],
)
def test_a_cost_that_does_not_fit_is_refused_in_one_line(text, cost, said):
    with pytest.raises(UserError, match=said):
        Architecture.parse(text, cost)
