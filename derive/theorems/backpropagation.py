"""The derivation of backpropagation for any objective: what Lemma 1 states, found by the rules.

For an objective O and delta[l]_ij := dO/dz[l]_ij,

    (1.1)  delta[L]   from the definition of O,
    (1.2)  delta[l]   from delta[l+1], by the chain rule through layer l+1,
    (1.3)  dO/db[l]   and
    (1.4)  dO/dw[l]   from delta[l], by the chain rule through layer l,
    (1.10) dO/dx      from delta[2], by the chain rule through layer 2.

Where the wiring says that a layer feeds several others, or that several share a parameter, the chain rule
runs through all of them. Nothing here knows the answers: they are what ``calculus`` leaves when no
derivative is left to open.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Add, Expr, Integer, KroneckerDelta, Sum, preorder_traversal

from derive.calculus.derivation import Derivation, Deriving
from derive.calculus.rules import CHAIN, DEFINITION, PREMISE
from derive.equation import Equation
from derive.network import Network, Objective, array_of
from derive.quantities import Direct, Index, L, N, Partial, a, b, l, n, total, w, x, y, z
from derive.remembered import remembered
from derive.replay.images import is_image
from derive.theorems.instances import Renaming, names_at, wired_as_in_general


@dataclass(frozen=True)
class Derived:
    """One equation of backpropagation with the steps that led to it."""

    equation: Equation
    derivation: Derivation
    layer: Expr
    free: tuple[Index, ...]
    source: tuple[Expr, ...] = ()  # of the weights of a link that is not from the layer before
    general: Derived | None = None  # what it is an instance of, derived at any layer l

    def is_image(self, network: Network) -> bool:
        """Say whether the equation is the general one, and the layer as the general one is."""
        if self.general is None:
            return False
        layer, above = int(self.layer), int(self.equation.number == "1.2")
        pairs = _sides(self.general.equation, self.equation)
        names = names_at(network, layer, above)
        return wired_as_in_general(network, layer, above) and is_image(pairs, names)


def output_delta(network: Network, objective: Objective) -> Derived:
    """Derive (1.1): the derivative of the objective in the output layer's weighted input."""
    last = network.depth
    j = network.index("j", last)
    variable = z[last, objective.i, j]
    work = Deriving(Partial(objective.symbol, variable), network)
    work.step(DEFINITION, objective.symbol, objective.define(network), "the objective")
    if network.softmax:
        _through_softmax(work, network)
    else:
        work.differentiate()
        for slope in network.output_slopes() if network.cancels and not objective.extra else ():
            work.unfold(slope.lhs, slope.rhs, PREMISE, f"({slope.number})")
    if not network.squares and not objective.extra:
        work.arrive_at_fraction()
    derivation = work.done()
    return _derived("1.1", "output delta", network, objective, last, (j,), derivation)


def hidden_delta(network: Network, objective: Objective, layer: Expr) -> Derived:
    """Derive (1.2): delta[l] from those of the layers that layer l feeds, for 2 <= l <= L-1."""
    j = network.index("j", layer)
    variable = z[layer, objective.i, j]
    work = Deriving(Partial(objective.symbol, variable), network)
    _chain(work, network, objective, variable, objective.i)
    work.differentiate()
    if isinstance(work.now, Add) or work.now.has(KroneckerDelta):
        work.gather()
    derivation = work.done()
    return _derived("1.2", "hidden delta", network, objective, layer, (j,), derivation)


def bias_gradient(network: Network, objective: Objective, layer: Expr) -> Derived:
    """Derive (1.3): the derivative in b[l]_j, for 2 <= l <= L."""
    return parameter_gradient(network, objective, b[layer, network.index("j", layer)])


def weight_gradient(network: Network, objective: Objective, layer: Expr) -> Derived:
    """Derive (1.4): the derivative in w[l]_jk, for 2 <= l <= L."""
    j, k = network.index("j", layer), network.index("k", layer - 1)
    return parameter_gradient(network, objective, w[layer, j, k])


def parameter_gradient(network: Network, objective: Objective, parameter: Expr) -> Derived:
    """Derive (1.3) or (1.4): the derivative in a bias or a weight, from the deltas of the layers with it."""
    work = Deriving(Partial(objective.symbol, parameter), network)
    _chain(work, network, objective, parameter, None if objective.over_samples else objective.i)
    number, name = ("1.3", "bias gradient") if parameter.base == b else ("1.4", "weight gradient")
    layer, *source = array_of(parameter)[1]
    neurons = parameter.indices[1 + len(source) :]
    derivation = work.differentiate().done()
    return _derived(number, name, network, objective, layer, neurons, derivation, tuple(source))


def input_gradient(network: Network, objective: Objective) -> Derived:
    """Derive (1.10): the derivative in x_ik, through the z of the layers that the input feeds."""
    i = Index("i", N) if objective.over_samples else objective.i
    k = network.index("k", Integer(1))
    work = Deriving(Partial(objective.symbol, x[i, k]), network)
    _chain(work, network, objective, x[i, k], i)
    work.differentiate()
    if isinstance(work.now, Add) or work.now.has(KroneckerDelta):
        work.gather()
    derivation = work.done()
    equation = Equation("1.10", "input gradient", derivation.start, derivation.result)
    return Derived(equation, derivation, Integer(1), (i, k))


def backpropagation(network: Network, objective: Objective) -> tuple[Derived, ...]:
    """Derive every equation of a given architecture, in the order of the backward pass.

    What has been derived at layer l is not derived again at a layer that is wired as layer l is.
    """
    found = []
    last = int(network.depth)
    parameters: dict[Expr, list[Expr]] = {}
    for parameter in network.parameters():
        parameters.setdefault(parameter.indices[0], []).append(parameter)
    for number in range(last, 1, -1):
        layer = network.depth - (last - number)
        if number == last:
            found.append(output_delta(network, objective))
        else:
            delta = at_layer(network, objective, z, number)
            found.append(delta or hidden_delta(network, objective, layer))
        for parameter in reversed(parameters.get(layer, ())):
            gradient = at_layer(network, objective, parameter.base, number)
            found.append(gradient or parameter_gradient(network, objective, parameter))
    return tuple(found)


def at_layer(network: Network, objective: Objective, letter: Expr, layer: int) -> Derived | None:
    """Return (1.2), (1.3) or (1.4), for z, b or w, as it is at any layer l; None for a layer unlike that."""
    above = int(letter == z)
    if letter not in (z, b, w) or not wired_as_in_general(network, layer, above):
        return None
    general = in_general(network.in_general, objective, letter)
    put = Renaming(names_at(network, layer, above))
    equation = put.equation(general.equation)
    free = tuple(put.names.get(index, index) for index in general.free)
    return Derived(equation, put.derivation(general.derivation), Integer(layer), free, (), general)


@remembered
def in_general(network: Network, objective: Objective, letter: Expr) -> Derived:
    """Derive (1.2), (1.3) or (1.4), for z, b or w, at layer l of the general network."""
    of = {z: hidden_delta, b: bias_gradient, w: weight_gradient}[letter]
    return of(network, objective, l)


def same_objective(network: Network, objective: Objective) -> bool:
    """Say whether an objective is made of the output of a network as of that of the general one."""
    names: dict[Expr, Expr] = {L: network.depth, n[L]: network.width(network.depth)}
    return is_image([(objective.define(network.in_general), objective.define(network))], names)


def _sides(general: Equation, own: Equation) -> tuple[tuple[Expr, Expr], ...]:
    return (general.lhs, own.lhs), (general.rhs, own.rhs)


def _through_softmax(work: Deriving, network: Network) -> Deriving:
    """Open derivatives down to those of the softmax, which (1.7) gives; targets add up to 1."""
    slope, one = network.softmax_slope(), network.targets_add_up()

    def is_output(f: Expr) -> bool:
        return getattr(f, "base", None) == a and bool(f.indices[0] == network.depth)

    work.open_derivatives(is_output)
    (m, *_), (_, other, j) = slope.lhs.f.indices[2:], slope.lhs.v.indices
    i = slope.lhs.f.indices[1]
    for partial in [node for node in preorder_traversal(work.now) if isinstance(node, Partial)]:
        places = (*partial.f.indices[1:], *partial.v.indices[1:])
        work.step(
            PREMISE, partial, slope.rhs.xreplace(dict(zip((i, m, other, j), places, strict=True))), "(1.7)"
        )
    work.multiply_out().tidy()
    (targets,) = (limit[0] for limit in one.lhs.limits)
    for node in [node for node in preorder_traversal(work.now) if isinstance(node, Sum)]:
        if getattr(node.function, "base", None) == y and node.limits[0][0].upper == targets.upper:
            work.step(PREMISE, node, one.rhs, one.name)
    return work


def _chain(
    work: Deriving, network: Network, objective: Objective, variable: Expr, sample: Expr | None
) -> None:
    """Write the derivative through the z of the layers that a variable acts on, name the outer factors.

    Without a ``sample`` the variable acts through every sample. Layers that feed one another are told apart
    by holding all z but one: then the inner derivatives are direct.
    """
    layers = network.acts_on(variable)
    inner = Partial if len(layers) == 1 else Direct
    terms, outers = [], []
    i = Index("i", N) if sample is None else sample
    for layer in layers:
        m = network.index("k" if variable.base == z else "m", layer)
        through = z[layer, i, m]
        outer = Partial(objective.symbol, through)
        sums = (i, m) if sample is None else (m,)
        terms.append(total(outer * inner(through, variable), *sums))
        outers.append((outer, objective.delta(layer, i, m)))
    shown = " and ".join(f"z[{str(layer).replace(' ', '')}]" for layer in layers)
    work.step(CHAIN, Partial(objective.symbol, variable), Add(*terms), f"it acts only through {shown}")
    for outer, named in outers:
        work.step(DEFINITION, outer, named, "delta")


def _derived(
    number: str,
    name: str,
    network: Network,
    objective: Objective,
    layer: Expr,
    neurons: tuple[Index, ...],
    derivation: Derivation,
    source: tuple[Expr, ...] = (),
) -> Derived:
    is_delta = number in ("1.1", "1.2")
    lhs = objective.delta(layer, objective.i, neurons[0]) if is_delta else derivation.start
    free = (objective.i, *neurons)
    return Derived(Equation(number, name, lhs, derivation.result), derivation, layer, free, source)
