"""Layers without a bias: derived, proved, emitted and run like any other."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest
from sympy import Integer

from derive import Architecture, generate, prove, write
from derive.latex_document import latex_document
from derive.page import page
from derive.quantities import Partial, b
from derive.theorems.cost import count

NETS = ["1-1-1,no-bias", "2-3,no-bias-2", "2-3,no-bias-4-2,no-bias", "2-2-3-2"]


@pytest.fixture(scope="module", params=NETS)
def proof(request):
    return prove(Architecture.parse(request.param))


def test_no_equation_speaks_of_a_bias_that_is_not_there(proof):
    shape = proof.architecture
    for item in (*proof.sample, *proof.mean, *proof.output):
        for letter in item.equation.lhs.atoms(type(b[1, 1])) | item.equation.rhs.atoms(type(b[1, 1])):
            assert letter.base != b or shape.has_bias(int(letter.indices[0]))
    given = {
        int(d.layer)
        for d in proof.sample
        if isinstance(d.equation.lhs, Partial) and d.equation.lhs.v.base == b
    }
    assert given == {layer for layer in range(2, shape.depth + 1) if shape.has_bias(layer)}
    assert proof.holds
    assert count(shape) == shape.n_parameters


def test_the_emitted_gradient_is_that_of_the_network_written_by_hand(proof, tmp_path, monkeypatch):
    folder = write(generate(proof), tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    net = importlib.import_module(folder.name)
    try:
        rng = np.random.default_rng(1)
        p = rng.standard_normal(net.N_PARAMETERS)
        X, Y = rng.standard_normal((5, net.SIZES[0])), rng.random((5, net.SIZES[-1]))

        def cost(q):
            a, at = X.astype(complex), 0
            for layer in range(2, proof.architecture.depth + 1):
                rows, columns = net.SIZES[layer - 1], net.SIZES[layer - 2]
                z = a @ q[at : at + rows * columns].reshape(rows, columns).T
                at += rows * columns
                if proof.architecture.has_bias(layer):
                    z = z + q[at : at + rows]
                    at += rows
                a = 1 / (1 + np.exp(-z))
            return 0.5 * ((Y - a) ** 2).sum() / len(X)

        units = np.eye(net.N_PARAMETERS)
        wanted = [cost(p + 1e-30j * unit).imag / 1e-30 for unit in units]
        np.testing.assert_allclose(net.gradient(p, X, Y), wanted, rtol=1e-12, atol=1e-15)
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == folder.name]:
            del sys.modules[name]


def test_article_and_page_print_such_a_network(proof):
    text = latex_document(proof)
    for layer in range(2, proof.architecture.depth + 1):
        assert (f"b^{{[{Integer(layer)}]}}" in text) == proof.architecture.has_bias(layer)
    assert page(proof)
