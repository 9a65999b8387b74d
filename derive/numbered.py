"""Every numbered equation in its general form: what a citation such as (0.4) refers to.

(0.x) define the network and what is differentiated, (1.x) are Lemma 1 and the activation's derivative,
(2.x) the Levenberg-Marquardt step and (3.1) the descent step.
"""

from __future__ import annotations

from dataclasses import fields

from derive.activations import A, Activation, Z, activation
from derive.architecture import Architecture
from derive.costs import SOFTMAX
from derive.equation import Equation
from derive.errors import NotProvedError
from derive.network import Network, mean_cost, sample_cost
from derive.quantities import Index, L, N, Partial, SigmaPrime, a, l, x, y, z
from derive.theorems.lemma1 import derive_in_general
from derive.theorems.levenberg_marquardt import StepEquations, r


def forward_equations(network: Network) -> tuple[Equation, ...]:
    """Return (0.1)-(0.3), layer by layer for an architecture and at layer l in general."""
    if network.architecture is not None:
        return network.equations()
    i, j = Index("i", N), network.index("j", l)
    first, last = network.index("j", 1), a[L, i, network.index("j", L)]
    found = (
        Equation("0.1", "input", a[1, i, first], x[i, first]),
        Equation("0.2", "weighted input", z[l, i, j], network.definition(z[l, i, j])),
        Equation("0.3", "activation", a[l, i, j], network.definition(a[l, i, j])),
    )
    return (*found, Equation("0.3", "softmax", last, network.definition(last))) if network.softmax else found


def cost_equation(network: Network) -> Equation:
    """Return (0.4), the cost: the mean over the samples, or the sum."""
    mean = mean_cost()
    return Equation("0.4", "cost", mean.symbol, mean.define(network))


def sample_cost_equation(network: Network) -> Equation:
    """Return (0.7), the cost of a single sample, of which (0.4) is the mean or the sum."""
    sample = sample_cost()
    return Equation("0.7", "cost of a sample", sample.symbol, sample.define(network))


def residual_equation(network: Network) -> Equation:
    """Return (0.5), r_ic = y_ic - a[L]_ic."""
    i, c = Index("i", N), network.index("c", network.depth)
    return Equation("0.5", "residual", r[i, c], y[i, c] - a[network.depth, i, c])


def objective_equations(network: Network | None = None) -> tuple[Equation, ...]:
    """Return (0.4)-(0.7): the cost, the residual, delta and the cost of a sample, in general."""
    network, sample = network or Network(), sample_cost()
    j = network.index("j", l)
    meaning = Partial(sample.symbol, z[l, sample.i, j])
    return (
        cost_equation(network),
        residual_equation(network),
        Equation("0.6", "delta", sample.delta(l, sample.i, j), meaning),
        sample_cost_equation(network),
    )


def lemma_equations() -> tuple[Equation, ...]:
    """Return (1.1)-(1.4) as derived in general, at layer l."""
    return tuple(derived.equation for derived in derive_in_general())


def activation_equation(function: Activation) -> Equation:
    """Return (1.5): the derivative of the activation, through its own value where there is a way."""
    network = Network()
    i, j = Index("i", N), network.index("j", l)
    try:
        derivative = function.derivative_through_output()
    except NotProvedError:
        derivative = function.derivative()
    at = {A: a[l, i, j], Z: z[l, i, j]}
    return Equation("1.5", "activation derivative", SigmaPrime(l, z[l, i, j]), derivative.xreplace(at))


def slope_equations(architecture: Architecture) -> tuple[Equation, ...]:
    """Return (1.5) for each activation of a network, (1.7) if it ends in a softmax, (1.8) for its loss."""
    names = sorted(set(architecture.activations) - {SOFTMAX})
    found = [activation_equation(activation(name)) for name in names]
    network = Network(architecture)
    if network.softmax:
        found.append(network.softmax_slope())
    elif not network.squares:
        found.append(network.loss_slope())
    return tuple(found)


def step_list(step: StepEquations) -> tuple[Equation, ...]:
    """Return (2.1)-(2.7) in the order of their numbers."""
    values = (getattr(step, field.name) for field in fields(step))
    return tuple(sorted((v for v in values if isinstance(v, Equation)), key=lambda eq: eq.number))
