"""Networks with costs other than squares, imported; their slopes and curvatures by differences."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mpmath
import numpy as np

from derive.activations import A
from derive.activations.numbers import value
from derive.architecture import USUAL
from derive.costs import Y as TARGET
from derive.generate import Package
from derive.theorems import curved

CONVEX = [
    ("2-3:tanh-2:linear", "huber"),
    ("2-3-2", "sum:log-cosh(1,3)"),
    ("2-3:gelu-2:linear", "2*quadratic(1,0.5)"),
    ("2-3:tanh-2", "binary-cross-entropy(2,1)"),
    ("2-3:tanh-3:softmax", "3*cross-entropy"),
    ("2-3:tanh-2:linear", "poisson: exp(a) - y*a"),
    ("2-3:tanh-2:linear", "own: (a-y)^2"),
    ("2-3:tanh-3:tanh+2-3:softmax+W1", "cross-entropy"),
]


@contextmanager
def imported(package: Package, folder: Path) -> Iterator[object]:
    """Write a package and import it; what it brought is gone afterwards."""
    (folder / package.name).mkdir()
    for file, source in package.files.items():
        (folder / package.name / file).write_text(source, encoding="utf-8")
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == package.name}
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        yield importlib.import_module(package.name)
    finally:
        sys.path.remove(str(folder))
        for known in [known for known in sys.modules if known.split(".")[0] == package.name]:
            del sys.modules[known]
        sys.modules.update(kept)


def drawn(net, n=5, seed=1):
    rng = np.random.default_rng(seed)
    p = net.initial_parameters(rng) + 0.3 * rng.standard_normal(net.N_PARAMETERS)
    X, Y = rng.standard_normal((n, net.SIZES[0])), rng.random((n, net.SIZES[-1]))
    return p, X, Y / Y.sum(axis=1, keepdims=True)


def outputs(package, net, p, X):
    """Return what the network is linearised in, from F(X): the logit of a logistic, log a of a softmax."""
    found = net.forward(p, X)
    last = package.proof.architecture.activations[-1]
    if last == USUAL and package.proof.curved.objective.base == curved.GAMMA:
        return np.log(found / (1 - found))
    return np.log(found) if last == "softmax" else found


def sample_cost(package, target, out):
    """Return the cost of one sample as a function of the linearised outputs, in many digits."""
    terms, last = package.proof.network.cost_terms, package.proof.architecture.activations[-1]
    factor = mpmath.mpf(terms.factor.p) / terms.factor.q
    weights = [mpmath.mpf(w.p) / w.q for w in terms.weights] or [1] * len(out)
    if last == "softmax":
        whole = sum(mpmath.exp(o) for o in out)
        return -factor * sum(y * mpmath.log(mpmath.exp(o) / whole) for y, o in zip(target, out, strict=True))
    if terms.loss == "binary-cross-entropy":
        out = [1 / (1 + mpmath.exp(-o)) for o in out]
    losses = (value(terms.definition, {TARGET: t, A: o}) for t, o in zip(target, out, strict=True))
    return factor * sum(w * loss for w, loss in zip(weights, losses, strict=True))


def slope_and_curvature(package, target, out):
    """Return minus the gradient and the Hessian of one sample's cost in its outputs, by differences."""
    step, n = mpmath.mpf("1e-12"), len(out)
    target = [mpmath.mpf(float(y)) for y in target]

    def at(*moves):
        moved = [mpmath.mpf(float(o)) for o in out]
        for k, by in moves:
            moved[k] += by * step
        return sample_cost(package, target, moved)

    slope = [-float((at((k, 1)) - at((k, -1))) / (2 * step)) for k in range(n)]
    pairs = [(j, k) for j in range(n) for k in range(n)]
    bend = []
    for j, k in pairs:
        same = at((j, 1), (k, 1)) + at((j, -1), (k, -1))
        bend.append(float((same - at((j, 1), (k, -1)) - at((j, -1), (k, 1))) / (4 * step**2)))
    return np.array(slope), np.array(bend).reshape(n, n)
