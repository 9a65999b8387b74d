"""What a multiple and a mean of costs do to the gradient, and how many numbers it has.

    (6.1) dCost/dp_q = (1/N) sum_i dC_i/dp_q for Cost = (1/N) sum_i C_i;
    (6.2) d(c Cost)/dp_q = c dCost/dp_q, so both vanish at the same p;
    (6.3) layer l has n_l n_(l-1) weights and n_l biases, n_l (n_(l-1) + 1) parameters.

In (6.3) a parameter counts as 1 and a layer's parameters are summed over their indices; a network has the
sum of that over its layers, which ``count`` works out for given sizes.
"""

from __future__ import annotations

from itertools import pairwise

from sympy import Integer, Symbol

from derive.architecture import Architecture
from derive.calculus.derivation import Deriving
from derive.calculus.rules import DEFINITION
from derive.equation import Equation
from derive.quantities import C, Cost, Index, N, Partial, l, n, total
from derive.theorems.levenberg_marquardt import p_old, s
from derive.theorems.theorem import Given, Part, Theorem, proved

c = Symbol("c", positive=True)


def mean_of_gradients() -> Part:
    """Derive (6.1): the gradient of the mean is the mean of the gradients."""
    i, q, k = Index("i", N), Index("q", s), Index("i", N)
    cost = Equation("", "the mean cost", Cost, total(C[i], i) / N)
    claimed = total(Partial(C[k], p_old[q]), k) / N
    equation = Equation("6.1", "mean of the gradients", Partial(Cost, p_old[q]), claimed)
    return _opened(equation, Given((cost,), moving=(C,)), cost)


def scaled_cost() -> Part:
    """Derive (6.2): a constant factor of the cost is one of the gradient."""
    q = Index("q", s)
    equation = Equation("6.2", "scaled cost", Partial(c * Cost, p_old[q]), c * Partial(Cost, p_old[q]))
    return _opened(equation, Given(moving=(Cost,)))


def parameters_of_a_layer() -> Part:
    """Derive (6.3): what one layer adds to the number of parameters."""
    j, k, m = Index("j", n[l]), Index("k", n[l - 1]), Index("m", n[l])
    start = total(Integer(1), j, k) + total(Integer(1), m)
    return proved(Equation("6.3", "parameters of layer l", start, n[l] * (n[l - 1] + 1)), Given())


def count(architecture: Architecture) -> int:
    """Return the number of parameters of an architecture by (6.3), summed over its layers.

    A layer without biases, or with those of another layer, has n_l fewer; one with the weights of another
    has n_l n_(l-1) fewer, and a link with weights from layer m has n_l n_m more.
    """
    formula = parameters_of_a_layer().equation.rhs
    found = 0
    sizes = pairwise(architecture.sizes)
    for layer, ((below, here), joint) in enumerate(zip(sizes, architecture.joints, strict=True), start=2):
        found += int(formula.xreplace({n[l]: Integer(here), n[l - 1]: Integer(below)}))
        found -= here * (joint.bias != layer)
        main, *skips = joint.links
        found -= here * below * (main.weights is None or main.weights.layer != layer)
        found += sum(here * architecture.sizes[link.source - 1] for link in skips if link.weights is not None)
    return found


def _opened(equation: Equation, given: Given, *uses: Equation) -> Part:
    """Open derivatives until only those of costs that nothing defines are left."""
    work = Deriving(equation.lhs, given)
    for used in uses:
        work.step(DEFINITION, used.lhs, used.rhs, used.name)
    work.open_derivatives(lambda f: getattr(f, "base", f) in given.moving)
    reason = "" if work.arrive(equation.rhs) else "the two sides differ in their normal form"
    return Part(equation, work.done(), given, reason)


def cost() -> Theorem:
    """State and prove what becomes of the gradient, and how long it is."""
    return Theorem(
        "cost",
        "The mean cost, its multiples and the number of parameters",
        ("every C_i is differentiable at p", "Cost = (1/N) sum_i C_i", "c > 0"),
        (mean_of_gradients(), scaled_cost(), parameters_of_a_layer()),
        "the gradient of the mean is the mean of the gradients; a multiple of the cost has that multiple "
        "of the gradient and the same minimisers; there are as many parameters as the sum of (6.3) over "
        "l = 2..L",
    )
