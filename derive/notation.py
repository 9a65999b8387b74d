"""The letters of the theory and what they stand for: every table of notation and every explanation."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, KroneckerDelta

from derive.network import Network, mean_cost, output, sample_cost
from derive.quantities import Index, L, N, Sigma, SigmaPrime, a, b, eta, l, mu, n, w, x, y, z
from derive.theorems.levenberg_marquardt import A, G, J, M, g, h, p_new, p_old, phi, r, s, v


@dataclass(frozen=True)
class Entry:
    """One line of the table: letters, and in ASCII prose what they mean."""

    letters: tuple[Expr, ...]
    meaning: str


def entries() -> tuple[Entry, ...]:
    """Return the table of notation, in the order of first use."""
    network = Network()
    i, j, k, m = Index("i", N), network.index("j", l), network.index("k", l - 1), network.index("m", l)
    p, m2, q, q2, q3 = Index("p", s), Index("m", s), Index("q", M), Index("q'", M), Index("q", s)
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
        Entry((sample.symbol, mean.symbol), "cost of one sample; mean cost"),
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
        Entry((eta,), "learning rate"),
    )
