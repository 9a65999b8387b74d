"""The letters of the theory and what they stand for: every table of notation and every explanation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Expr, Integer, KroneckerDelta

from derive.activations import Z
from derive.architecture import Architecture
from derive.network import Network, mean_cost, output, sample_cost
from derive.quantities import (
    Direct,
    Index,
    L,
    N,
    R2a,
    R2z,
    Rdelta,
    Rho,
    RhoPrime,
    Rz,
    Sigma,
    SigmaPrime,
    U,
    a,
    b,
    eta,
    l,
    mu,
    n,
    omega,
    u,
    w,
    x,
    y,
    z,
)
from derive.theorems import curved
from derive.theorems.levenberg_marquardt import A, G, J, M, g, h, p_new, p_old, phi, r, s, v
from derive.theorems.robust import R, robust, scale, t, zeta


@dataclass(frozen=True)
class Entry:
    """One line of the table: letters, and in ASCII prose what they mean."""

    letters: tuple[Expr, ...]
    meaning: str


def entries(architecture: Architecture | None = None) -> tuple[Entry, ...]:
    """Return the table of notation, in the order of first use; with what the wiring of a network adds."""
    wired = () if architecture is None or architecture.plain else tuple(_of_wiring(architecture))
    network = Network()
    i, j, k, m = Index("i", N), network.index("j", l), network.index("k", l - 1), network.index("m", l)
    p, m2, q, q2, q3 = Index("p", s), Index("m", s), Index("q", M), Index("q'", M), Index("q", s)
    c = network.index("c", L)
    sample, mean, out = sample_cost(), mean_cost(), output(network)
    return (
        Entry((L, l), "number of layers; a layer"),
        Entry((n[l],), "number of neurons of layer l"),
        Entry((N,), "number of samples; the index i of a sample is hidden where one sample is meant"),
        Entry((x[i, j], y[i, j]), "input and target"),
        Entry((w[l, j, k],), "weight from neuron k of layer l - 1 to neuron j of layer l"),
        Entry((b[l, j],), "bias of neuron j of layer l"),
        Entry((z[l, i, j],), "weighted input of neuron j of layer l"),
        Entry((a[l, i, j],), "activation of neuron j of layer l"),
        Entry((Sigma(l, z[l, i, j]), SigmaPrime(l, z[l, i, j])), "activation function and its derivative"),
        Entry((out.symbol,), "output c of the network, an activation of layer L"),
        Entry((sample.symbol, mean.symbol), "cost of one sample; mean cost, or the sum of all"),
        Entry((omega[c],), "weight of an output in the cost, if outputs are weighted"),
        Entry((sample.delta(l, i, j),), "with a layer: derivative of the cost in the weighted input"),
        Entry((KroneckerDelta(j, m),), "without a layer: the Kronecker symbol, 1 if j = m, else 0"),
        Entry((out.delta(l, out.i, j),), "derivative of output c in the weighted input"),
        Entry((p_old[q3], p_new[q3]), "all weights and biases in one vector, before and after a step"),
        Entry((s, M), "number of parameters; number of residuals, M = N n_L"),
        Entry((r[q],), "residual"),
        Entry((J[q, p],), "Jacobian of the outputs in the parameters"),
        Entry((h[p], mu, phi), "step, damping, and the model that the step minimises"),
        Entry((A[p, m2], g[p]), "normal matrix; right-hand side, and in a descent step the gradient"),
        Entry((G[q, q2], v[q]), "damped Gram matrix; solution of the dual system"),
        Entry((curved.U[i, c],), "output in which a step is linearised, an a or a z of layer L"),
        Entry((curved.GAMMA[l, i, c, j],), "its derivative in the weighted input"),
        Entry((curved.rho[q], curved.H[q, q2]), "minus the slope of the cost in the outputs; its curvature"),
        Entry((curved.K[q, p], curved.D[i, c]), "H J; the diagonal of H"),
        Entry((curved.d[q],), "J h, how the outputs move"),
        Entry((robust, scale, zeta[q]), "robust objective, its scale, and the residual divided by that"),
        Entry((Rho(Z), RhoPrime(Z), t[q]), "robust loss, its slope, and the root of its slope at zeta^2"),
        Entry((R[q],), "residual at another point"),
        Entry((eta,), "learning rate"),
        Entry((Rz[l, i, j], Rdelta[l, i, j]), "derivatives in t as the parameters move along p + t v"),
        Entry((R2z[l, i, j], R2a[l, i, j]), "second derivatives in t likewise"),
        Entry((U[i, j],), "what outputs are weighed with; in (8.6) their Hessian H times J v"),
        *wired,
    )


def _of_wiring(architecture: Architecture) -> Iterator[Entry]:
    """Yield the letters for weights of links that skip layers, and the derivative that holds other layers."""
    network = Network(architecture)
    for parameter in network.parameters():
        if parameter.base == u:
            layer, source = parameter.indices[:2]
            meaning = f"weight from neuron k of layer {source} to neuron j of layer {layer}"
            yield Entry((parameter,), meaning)
    i, j, k = Index("i", N), network.index("j", Integer(2)), network.index("k", Integer(3))
    direct = Direct(z[Integer(3), i, k], z[Integer(2), i, j])
    yield Entry((direct,), "derivative with the weighted inputs of all other layers held")
