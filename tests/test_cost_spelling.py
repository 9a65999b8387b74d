"""Factors, weights, sums and means: read and read back, refused in one line, carried by the derivation."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sympy import Rational

from derive import Architecture, generate, prove
from derive.architecture_file import read_architecture
from derive.cost_spelling import read_cost
from derive.errors import UserError
from derive.network import Network
from derive.own_cost import cost
from derive.printers.text import expression_text
from derive.theorems.lemma1 import LEMMA_1, prove_in_general
from derive.verification import verify_files
from derive.verification.verify import architecture_of, verify_directory
from derive.walk import Walk, start

NUMBERS = st.one_of(
    st.integers(1, 10**6).map(str), st.decimals("0.000001", "999", places=6).map(lambda d: format(d, "f"))
)
LOSSES = st.sampled_from(["quadratic", "huber", "log-cosh", "binary-cross-entropy", "mine: (a - y)^4"])


@given(st.sampled_from(["", "sum:", "mean: "]), st.none() | NUMBERS, LOSSES, st.lists(NUMBERS, max_size=4))
@settings(max_examples=150, deadline=None)
def test_what_is_typed_is_read_back_from_its_own_spelling(over, factor, loss, weights):
    name, colon, formula = loss.partition(":")
    times = "" if factor is None else f" {factor} * "
    listed = f"({', '.join(weights)})" if weights else ""
    text = f"{over}{times}{name}{listed}{colon}{formula}"
    found = cost(text)
    assert cost(found.name) == found
    assert found.factor == Rational(factor or 1)
    assert found.weights == tuple(map(Rational, weights))
    assert found.summed == (over == "sum:")
    assert found.loss == loss


@given(st.text(alphabet="sumean:*()0123456789.,-+ hqubr\n\x00ey^²", max_size=30))
@settings(max_examples=400, deadline=None)
@example("(" * 5000)
@example("1*" * 5000 + "huber")
@example("quadratic(" + "1," * 5000 + "1)")
@example("9" * 30000)
def test_garbage_is_refused_in_one_line(text):
    try:
        found, said = cost(text), ""
    except UserError as error:
        found, said = None, str(error)
    assert "\n" not in said
    assert len(said) < 400
    assert found is None or cost(found.name) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nan*huber", "a number from 0.000001 to 1000000 in front of"),
        ("inf*huber", "a number from"),
        ("0*huber", "a number from"),
        ("-1*huber", "a number from"),
        ("1e400*huber", "a number from"),
        ("quadratic(1,0)", "for a weight"),
        ("quadratic(1,)", "for a weight"),
        ("quadratic(1,-2)", "for a weight"),
        ("quadratic(1", "expected weights like"),
        ("quadratic(1,2,3)", "expected 2 weights in the cost, one for each output, got 3"),
        ("cross-entropy(1,2)", "without weights"),
        ("sum:sum:huber", "a name of your own"),
        ("sum: 2*hinge", "expected a cost among"),
    ],
)
def test_a_cost_that_makes_no_sense_is_refused_in_one_line(text, said):
    with pytest.raises(UserError, match=said):
        Architecture.parse("2-3:tanh-2:linear", text)


def test_equal_weights_are_one_factor_and_the_architecture_says_so():
    assert Architecture.parse("2-3-2", "quadratic(2,2)").cost == "2*quadratic"
    assert Architecture.parse("2-3-2", "0.5*quadratic(2,2)").cost == "quadratic"
    assert Architecture.parse("2-3-1", "quadratic(0.000001)").cost == "0.000001*quadratic"
    tiny = "0.000001*quadratic(0.000001,0.000001)"
    assert Architecture.parse("2-3-2", tiny).cost == tiny  # the product could not be typed


def test_different_costs_have_packages_of_different_names():
    shapes = [
        ("3-4-2", "2*huber"),
        ("3-4-2-2", "huber"),
        ("3-4-2", "huber(1,2)"),
        ("3-4-2", "huber(1.2,2)"),
        ("3-4-2", "huber(1,2.2)"),
        ("3-4-2", "sum:huber"),
        ("3-4-2", "sum:quadratic"),
        ("3-4-2", "quadratic"),
    ]
    names = [Architecture.parse(*shape).package_name for shape in shapes]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("2-3:sigmoid(2,1)-1", "huber"), ("2-3:sigmoid(2,1)-1", "quadratic")),
        (("2-3:Mine-1", "huber", ["Mine: tanh(z)"]), ("2-3:Mine-1", "quadratic", ["Mine: tanh(z)"])),
        (("2-2:plus-1", "quadratic", ["plus: tanh(z)"]), ("2-2+1", "quadratic")),
        (("2-3:tanh_3-1", "quadratic", ["tanh_3: tanh(z)"]), ("2-3:tanh-3-1", "quadratic")),
        (("2-3-1:free", "quadratic", ["free: tanh(z)"]), ("2-3-1,no-bias", "quadratic")),
        (("2-3-2", "quadratic_1_2: (a-y)^4"), ("2-3-2", "quadratic(1,2)")),
        (("2-3-2", "Huber: (a-y)^4"), ("2-3-2", "huber")),
        (("2-3:tanh-1", "m: (a-y)^4"), ("2-3:tanh-1:m", "quadratic", ["m: tanh(z)"])),
        (("2-3:tanh-1", "huber"), ("2-3:tanh-1:huber", "quadratic", ["huber: tanh(z)"])),
    ],
)
def test_names_of_ones_own_do_not_make_two_networks_share_a_package(one, other):
    names = {Architecture.parse(*shape).package_name for shape in (one, other)}
    assert len(names) == 2
    assert all(name.isidentifier() for name in names)


def test_a_file_says_the_same_as_the_command_line(tmp_path):
    text = "sum:2*quadratic(1,0.5)"
    path = tmp_path / "net.json"
    path.write_text(json.dumps({"sizes": [2, 3, 2], "cost": text}), encoding="utf-8")
    assert read_architecture(str(path)) == Architecture.parse("2-3-2", text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2*quadratic", "2 s'(z[L]_ij) (a[L]_ij - y_ij)"),
        ("quadratic(1,2)", "s'(z[L]_ij) (a[L]_ij - y_ij) omega_j"),
        ("sum:0.5*huber(1,2)", "(1/2) loss'(y_ij, a[L]_ij) s'(z[L]_ij) omega_j"),
        ("3*cross-entropy", "3 (a[L]_ij - y_ij)"),
    ],
)
def test_the_factor_and_the_weights_come_out_of_the_derivation(text, wanted):
    from derive.network import sample_cost
    from derive.theorems.backpropagation import output_delta

    network = Network(loss=text)
    assert expression_text(output_delta(network, sample_cost()).equation.rhs) == wanted
    assert all(finding.holds for finding in prove_in_general(network=network))


@pytest.mark.parametrize("text", ["2*quadratic", "quadratic(1,2)", "0.5*huber(1,2)"])
def test_a_lemma_that_forgets_the_factor_or_the_weights_is_refuted(text):
    from dataclasses import replace

    def forgetful(network, layer, i, j):
        return LEMMA_1.output_delta(Network(loss=network.cost_terms.loss), layer, i, j)

    findings = prove_in_general(replace(LEMMA_1, output_delta=forgetful), network=Network(loss=text))
    assert [finding.number for finding in findings if not finding.holds] == ["1.1"]


NETS = [
    ("2-3:tanh-2:linear", "0.3*huber(1,2)", lambda y, a: 0.3 * sum(_huber(y, a) * (1, 2))),
    ("2-3:tanh-2:linear", "sum:log-cosh(2,0.5)", lambda y, a: sum(_log_cosh(y, a) * (2, 0.5))),
    ("2-3:tanh-2:linear", "sum:2*quadratic(1,0.5)", lambda y, a: sum((y - a) ** 2 * (1, 0.5))),
    ("2-3:tanh-2", "4*binary-cross-entropy(1,3)", lambda y, a: 4 * sum(_binary(y, a) * (1, 3))),
    ("2-3:tanh-3:softmax", "sum:0.5*cross-entropy", lambda y, a: -sum(y * _map(mpmath.log, a)) / 2),
    ("2-3:tanh-2:linear", "2*mine(1,3): (a-y)^4", lambda y, a: 2 * sum((a - y) ** 4 * (1, 3))),
]


def _map(function, values):
    return np.array([function(value) for value in values], dtype=object)


def _huber(y, a):
    return _map(lambda r: r**2 / 2 if abs(r) <= 1 else abs(r) - mpmath.mpf("0.5"), a - y)


def _log_cosh(y, a):
    return _map(lambda r: mpmath.log(mpmath.cosh(r)), a - y)


def _binary(y, a):
    return -(y * _map(mpmath.log, a) + (1 - y) * _map(lambda u: mpmath.log(1 - u), a))


@pytest.fixture(scope="module", params=NETS, ids=[text for _, text, _ in NETS])
def emitted(request, tmp_path_factory):
    shape, text, by_hand = request.param
    package = generate(Architecture.parse(shape, text))
    tmp_path = tmp_path_factory.mktemp("packages")
    (tmp_path / package.name).mkdir()
    for file, source in package.files.items():
        (tmp_path / package.name / file).write_text(source, encoding="utf-8")
    sys.path.insert(0, str(tmp_path))
    yield package, importlib.import_module(package.name), by_hand
    sys.path.remove(str(tmp_path))
    for known in [known for known in sys.modules if known.split(".")[0] == package.name]:
        del sys.modules[known]


def test_the_emitted_gradient_agrees_with_differences_in_40_digits(emitted):
    package, net, by_hand = emitted
    rng = np.random.default_rng(3)
    p = rng.standard_normal(net.N_PARAMETERS)
    X, Y = 2 * rng.standard_normal((4, 2)), rng.random((4, net.SIZES[-1]))
    Y /= Y.sum(axis=1, keepdims=True)
    last = package.proof.architecture.activation(3)

    def exact(q):
        W2, b2, W3, b3 = q[:6].reshape(3, 2), q[6:9], q[9 : 9 + 3 * len(Y[0])].reshape(-1, 3), q[-len(Y[0]) :]
        found = mpmath.mpf(0)
        for x, y in zip(X, Y, strict=True):
            out = W3 @ _map(mpmath.tanh, W2 @ _map(mpmath.mpf, x) + b2) + b3
            if last == "sigmoid":
                out = _map(lambda z: 1 / (1 + mpmath.exp(-z)), out)
            if last == "softmax":
                out = _map(mpmath.exp, out) / sum(_map(mpmath.exp, out))
            found += by_hand(_map(mpmath.mpf, y), out)
        return found if package.proof.network.cost_terms.summed else found / len(X)

    with mpmath.workdps(40):
        start = _map(mpmath.mpf, p)
        step = mpmath.mpf("1e-15")
        wanted = []
        for k in range(len(p)):
            unit = _map(mpmath.mpf, np.eye(len(p))[k]) * step
            wanted.append(float((exact(start + unit) - exact(start - unit)) / (2 * step)))
        np.testing.assert_allclose(net.cost(p, X, Y), float(exact(start)), rtol=1e-13)
    np.testing.assert_allclose(net.gradient(p, X, Y), wanted, rtol=1e-10, atol=1e-14)
    descended = net.sgd(p, X, Y, steps=1, indices=[2], eta=1.0).p  # scalars, one sample
    np.testing.assert_allclose(p - descended, net.gradient(p, X[2:3], Y[2:3]), rtol=1e-10, atol=1e-14)


def test_a_package_names_its_cost_and_is_verified_from_its_header(emitted):
    package, net, _ = emitted
    folder = Path(net.__file__).parent
    assert architecture_of(package.files, folder) == package.proof.architecture
    assert verify_directory(folder).holds


WRONG = [
    ("parameters.py", "OMEGA = np.array((1.0, 0.5))", "OMEGA = np.array((1.0, 0.25))"),
    ("parameters.py", "OMEGA = np.array((1.0, 0.5))", "OMEGA = np.array((0.5, 1.0))"),
    ("parameters.py", "OMEGA = np.array((1.0, 0.5))", "OMEGA = np.ones(2)"),
    ("gradient.py", "np.multiply(d3, OMEGA, d3)", "np.divide(d3, OMEGA, d3)"),
    ("forward.py", "OMEGA", "1.0"),
    ("gradient.py", "2.0", "1.0"),
]


@pytest.mark.parametrize(("file", "old", "new"), WRONG)
def test_a_changed_or_forgotten_weight_is_found_by_verification(file, old, new):
    package = generate(Architecture.parse("2-3:tanh-2:linear", "sum:3*quadratic(1,0.5)"))
    text = package.files[file]
    old, new = (old, new) if old in text else ("3.0", "1.5")
    changed = text.replace(old, new)
    if old == "OMEGA":
        head, _, body = text.partition("def total_cost")
        changed = head + "def total_cost" + body.replace("OMEGA", "1.0", 1)
    assert changed != text
    assert not verify_files({**package.files, file: changed}, package.proof).holds


def test_the_walk_through_one_sample_takes_the_weights_along():
    proof = prove(Architecture.parse("2-2:tanh-2:linear", "2*quadratic(1,3)"), brute_force=False)
    numbers, _ = start(proof.architecture)
    walk = Walk(proof, numbers)
    assert len(walk.stops()) > 5
    y, a = (walk.known["y", (1, 2)], walk.known["a", (3, 1, 2)])
    assert walk.known["delta", (3, 1, 2)] == pytest.approx(2 * 3 * (a - y))


def test_a_spelling_says_its_parts():
    spelled = read_cost("sum: 2.50 * quadratic( 1 , 0.125 )")
    assert str(spelled) == "sum:2.5*quadratic(1,0.125)"
    assert (spelled.factor, spelled.weights, spelled.summed) == (Rational(5, 2), (1, Rational(1, 8)), True)
