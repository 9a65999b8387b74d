"""The letters of the theory and what they stand for, for a table in an article."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, KroneckerDelta

from derive.network import Network, mean_cost, output, sample_cost
from derive.printers.latex import expression_latex
from derive.printers.latex_prose import prose
from derive.quantities import Index, L, N, Sigma, SigmaPrime, a, b, eta, l, mu, n, w, x, y, z
from derive.theorems.levenberg_marquardt import A, G, J, M, g, h, p_new, p_old, phi, r, s, v


@dataclass(frozen=True)
class Letter:
    """One line of the table: the letters in LaTeX and their meaning in LaTeX prose."""

    latex: str
    meaning: str


def symbols() -> dict[str, str]:
    """Return the letters that running text needs, by name, in LaTeX."""
    j, out = Network().index("j", l), output(Network())
    named: dict[str, Expr] = {
        "L": L,
        "C": sample_cost().symbol,
        "Cost": mean_cost().symbol,
        "F": out.symbol,
        "delta": sample_cost().delta(l, Index("i", N), j),
        "Delta": out.delta(l, out.i, j),
        "mu": mu,
    }
    return {name: expression_latex(expr) for name, expr in named.items()}


def notation() -> tuple[Letter, ...]:
    """Return the table of notation, in the order of first use."""
    network = Network()
    i, j, k, m = Index("i", N), network.index("j", l), network.index("k", l - 1), network.index("m", l)
    p, m2, q, q2, q3 = Index("p", s), Index("m", s), Index("q", M), Index("q'", M), Index("q", s)
    sample, mean, out = sample_cost(), mean_cost(), output(network)
    entries: list[tuple[tuple[Expr, ...], str]] = [
        ((L, n[l]), "number of layers; number of neurons of layer l"),
        ((N,), "number of samples; the index i of a sample is hidden where one sample is meant"),
        ((x[i, j], y[i, j]), "input and target"),
        ((w[l, j, k], b[l, j]), "weight from neuron k of layer l - 1 to neuron j of layer l; bias"),
        ((z[l, i, j], a[l, i, j]), "weighted input and activation of neuron j of layer l"),
        ((Sigma(l, z[l, i, j]), SigmaPrime(l, z[l, i, j])), "activation function and its derivative"),
        ((out.symbol,), "output c of the network, an activation of layer L"),
        ((sample.symbol, mean.symbol), "cost of one sample; mean cost"),
        ((sample.delta(l, i, j),), "derivative of the cost in the weighted input, with a layer"),
        ((KroneckerDelta(j, m),), "without a layer, the Kronecker symbol: 1 if j = m, else 0"),
        ((out.delta(l, out.i, j),), "derivative of output c in the weighted input"),
        ((p_old[q3], p_new[q3]), "all weights and biases in one vector, before and after a step"),
        ((s, M), "number of parameters; number of residuals, M = N n_L"),
        ((r[q], J[q, p]), "residual; Jacobian of the outputs in the parameters"),
        ((h[p], mu, phi), "step, damping, and the model that the step minimises"),
        ((A[p, m2], g[p]), "normal matrix; right-hand side, and in a descent step the gradient"),
        ((G[q, q2], v[q]), "damped Gram matrix; solution of the dual system"),
        ((eta,), "learning rate"),
    ]
    return tuple(
        Letter(r",\; ".join(expression_latex(expr) for expr in letters), prose(meaning))
        for letters, meaning in entries
    )
