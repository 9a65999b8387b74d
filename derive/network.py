"""The forward pass as equations in index notation, and what is differentiated: the objectives.

A ``Network`` with an architecture has its sizes and depth; without one it is the general network of the
theorem, with L layers (or a given number of them) of widths n_1..n_L. Equation numbers 0.x belong to this
module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from sympy import Add, Expr, Integer, KroneckerDelta, Rational, exp, log

from derive.activations import ACTIVATIONS, A
from derive.architecture import USUAL, Architecture
from derive.costs import CROSS_ENTROPY, QUADRATIC, Y
from derive.costs import Cost as LossOfOutput
from derive.equation import Equation
from derive.own_cost import cost as cost_of
from derive.quantities import (
    C,
    Cost,
    F,
    Index,
    IndexedBase,
    L,
    Loss,
    LossPrime,
    N,
    Partial,
    Sigma,
    SigmaPrime,
    a,
    b,
    delta,
    n,
    omega,
    squared_difference,
    total,
    u,
    w,
    x,
    y,
    z,
)

ONE = Integer(1)
_FORWARD = {z, a}
_PARAMETERS = {w, u, b}
_INPUT = {x}  # in a set letters are compared by their hashes, which is sooner done


@dataclass(frozen=True)
class Term:
    """One term of z[l]_ij: sum_k weight_jk a[source]_ik, or a[source]_ij where there are no weights.

    ``weights`` is the letter of an array and the numbers that tell it from others of that letter.
    """

    source: Expr
    weights: tuple[IndexedBase, tuple[Expr, ...]] | None
    transposed: bool = False

    def weight(self, j: Expr, k: Expr) -> Expr:
        """Return the entry that weighs what neuron j takes from neuron k."""
        assert self.weights is not None
        letter, lead = self.weights
        return letter[(*lead, k, j) if self.transposed else (*lead, j, k)]


def array_of(parameter: Expr) -> tuple[IndexedBase, tuple[Expr, ...]]:
    """Return the letter of a parameter's array, and the numbers that tell it from others of that letter."""
    return parameter.base, parameter.indices[: LEADING[parameter.base]]


LEADING = {w: 1, u: 2, b: 1}  # how many indices of a parameter name its array


@dataclass(frozen=True)
class Network:
    """A feed-forward network: a[1] = x, z[l] = W[l] a[l-1] + b[l], a[l] = sigma_l(z[l]).

    The wiring of an architecture may add terms to z[l], or let it share the weights of another layer.
    """

    architecture: Architecture | None = None
    layers: int | None = None  # a depth with symbolic widths, where there is no architecture
    loss: str = QUADRATIC  # the cost, where there is no architecture

    @property
    def cost(self) -> str:
        """The name of the cost of a sample."""
        return self.loss if self.architecture is None else self.architecture.cost

    @property
    def cost_terms(self) -> LossOfOutput:
        """The cost of a sample: its loss, and what that is multiplied by."""
        return cost_of(self.cost)

    @property
    def squares(self) -> bool:
        """True if the loss is half the square, whatever it is multiplied by: then it is written out."""
        return self.cost_terms.loss == QUADRATIC

    def share(self, j: Expr) -> Expr:
        """Return what the loss of output j is multiplied by in the cost of a sample."""
        terms = self.cost_terms
        return terms.factor * omega[j] if terms.weights else terms.factor

    @property
    def in_general(self) -> Network:
        """The network of the theorem with the same cost."""
        return Network(loss=self.cost)

    @property
    def softmax(self) -> bool:
        """True if the output layer is a softmax: then its outputs hang together."""
        return self.cost_terms.loss == CROSS_ENTROPY

    @property
    def depth(self) -> Expr:
        """The number of layers, a number or the symbol L."""
        if self.architecture is not None:
            return Integer(self.architecture.depth)
        return L if self.layers is None else Integer(self.layers)

    def width(self, layer: Expr) -> Expr:
        """Return n_l, a number for a given architecture and ``n[l]`` in general."""
        if self.architecture is None:
            return n[layer]
        number = int(layer)
        if not 1 <= number <= self.architecture.depth:
            raise ValueError(f"expected a layer from 1 to {self.depth}, got {layer}")
        return Integer(self.architecture.sizes[number - 1])

    @property
    def per_sample(self) -> Expr:
        """What the sum of the samples' costs is multiplied by: 1/N for their mean."""
        return ONE if self.cost_terms.summed else 1 / N

    def index(self, name: str, layer: Expr) -> Index:
        """Return a fresh index over the neurons of a layer."""
        return Index(name, self.width(layer))

    # -- definitions ------------------------------------------------------------------------------------

    def terms(self, layer: Expr) -> tuple[Term, ...]:
        """Return what makes the weighted input of a layer, the bias aside."""
        if self.architecture is None:
            return (Term(layer - 1, (w, (layer,))),)
        found = []
        for link in self.architecture.joint(int(layer)).links:
            weights = None
            if link.weights is not None:
                owner, source = Integer(link.weights.layer), Integer(link.weights.source)
                weights = (w, (owner,)) if source == owner - 1 else (u, (owner, source))
            found.append(Term(Integer(link.source), weights, link.transposed))
        return tuple(found)

    def bias(self, layer: Expr) -> Expr | None:
        """Return the layer whose bias a layer has: its own, unless it shares one; None without a bias."""
        if self.architecture is None:
            return layer
        owner = self.architecture.joint(int(layer)).bias
        return None if owner is None else Integer(owner)

    def parameters(self) -> tuple[Expr, ...]:
        """Return an entry of every array of weights and biases in the order of p, at a depth in numbers."""
        return tuple(own for layer in range(2, int(self.depth) + 1) for own in self.parameters_of(layer))

    @cached_property
    def each_parameter(self) -> tuple[Expr, ...]:
        """What ``parameters`` returns, each time the same: to be looked at, not to be derived with."""
        return self.parameters()

    def parameters_of(self, number: int) -> tuple[Expr, ...]:
        """Return an entry of every array of weights and biases that is a layer's own."""
        layer, found = Integer(number), []
        j = self.index("j", layer)
        for term in self.terms(layer):
            if term.weights is not None and term.weights[1][0] == layer:
                letter, lead = term.weights
                found.append(letter[(*lead, j, self.index("k", term.source))])
        if self.bias(layer) == layer:
            found.append(b[layer, j])
        return tuple(found)

    def acts_on(self, variable: Expr) -> tuple[Expr, ...]:
        """Return the layers whose weighted input is made directly with a z, a parameter or an input."""
        base = variable.base
        if self.architecture is None:
            above = {z: variable.indices[0] + 1, x: Integer(2)}
            return (above.get(base, variable.indices[0]),)
        if base in _INPUT:
            return self._takers.get((z, ONE), ())
        if base in _FORWARD:
            return self._takers.get((z, variable.indices[0]), ())
        return self._takers.get(array_of(variable), ())

    @cached_property
    def _takers(self) -> dict[object, tuple[Expr, ...]]:
        """By array of parameters, or by z and the layer of the source: the layers that take from it."""
        found: dict[object, tuple[Expr, ...]] = {}
        for layer in map(Integer, range(2, int(self.depth) + 1)):
            taken: dict[object, None] = {}  # each once, though a layer may take twice from another
            for term in self.terms(layer):
                taken |= {(z, term.source): None} | ({term.weights: None} if term.weights else {})
            if (owner := self.bias(layer)) is not None:
                taken[b, (owner,)] = None
            for key in taken:
                found[key] = (*found.get(key, ()), layer)
        return found

    def weighted_input(self, layer: Expr, i: Expr, j: Expr) -> Expr:
        """Return the right-hand side of (0.2): sum_k w[l]_jk a[l-1]_ik + b[l]_j, and what the wiring adds."""
        found = []
        for term in self.terms(layer):
            k = self.index("k", term.source)
            product = None if term.weights is None else term.weight(j, k) * a[term.source, i, k]
            found.append(a[term.source, i, j] if product is None else total(product, k))
        owner = self.bias(layer)
        return Add(*found, *([] if owner is None else [b[owner, j]]))

    def activation(self, layer: Expr, i: Expr, j: Expr) -> Expr:
        """Return the right-hand side of (0.1) or (0.3): x_ij, sigma_l(z[l]_ij), or the softmax of z[L]_i."""
        if layer == 1:
            return x[i, j]
        if self.softmax and layer == self.depth:
            k = self.index("k", layer)
            return exp(z[layer, i, j]) / total(exp(z[layer, i, k]), k)
        return Sigma(layer, z[layer, i, j])

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines an entry of z or a, with fresh bound indices; None for anything else."""
        base = getattr(quantity, "base", None)
        if base == z:
            return self.weighted_input(*quantity.indices)
        if base == a:
            return self.activation(*quantity.indices)
        return None

    def label(self, quantity: Expr) -> str:
        """Return the number of the equation that defines an entry of z or a, as a step cites it."""
        base = getattr(quantity, "base", None)
        if base == z:
            return "(0.2)"
        return "" if base != a else "(0.1)" if quantity.indices[0] == 1 else "(0.3)"

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        """Say whether a quantity of the forward pass can change with a parameter, an input or a z.

        The wiring is the premise: a layer takes from earlier layers alone, and layer l+1 from layer l.

        Raises:
            ValueError: where the two layers cannot be compared.
        """
        if hash(quantity) == hash(variable) and quantity == variable:
            return True
        base = getattr(quantity, "base", None)
        if base in _PARAMETERS:  # parameters do not depend on z, nor on other parameters
            return base == variable.base and array_of(quantity) == array_of(variable)
        if base in _INPUT:
            return variable.base in _INPUT
        if base not in _FORWARD:
            return False
        lowest = variable.indices[0] if variable.base in _FORWARD else self.acts_on(variable)[0]
        if variable.base in _INPUT and base == a:
            lowest = ONE
        distance = quantity.indices[0] - lowest
        if not isinstance(distance, Integer):
            raise ValueError(f"cannot tell whether {quantity} depends on {variable}")
        return bool(distance >= 0)

    def depends_directly(self, quantity: Expr, variable: Expr) -> bool:
        """Say whether it changes with all z held but those of the layer of ``variable``."""
        base = getattr(quantity, "base", None)
        if base == a and variable.base in (z, x):
            return bool(quantity.indices[0] == (ONE if variable.base == x else variable.indices[0]))
        if base in _FORWARD:
            return bool(base == variable.base and quantity.indices[0] == variable.indices[0])
        return self.depends(quantity, variable)

    def softmax_slope(self) -> Equation:
        """Return (1.7), the slope of an output in a weighted input where the output is a softmax."""
        last, i, other = self.depth, Index("i", N), Index("s", N)
        m, j = self.index("m", last), self.index("j", last)
        slope = KroneckerDelta(i, other) * a[last, i, m] * (KroneckerDelta(m, j) - a[last, i, j])
        return Equation("1.7", "softmax slope", Partial(a[last, i, m], z[last, other, j]), slope)

    def targets_add_up(self) -> Equation:
        """Return the premise of the cross-entropy: the targets of a sample add up to 1."""
        i, m = Index("i", N), self.index("m", self.depth)
        return Equation("", "the targets of a sample add up to 1", total(y[i, m], m), ONE)

    @property
    def cancels(self) -> bool:
        """True if the loss's slope has a denominator that the slope of the output's activation cancels."""
        return self.architecture is not None and cost_of(self.cost).output == USUAL

    @property
    def matched(self) -> bool:
        """True if cost and output activation belong together: delta[L] is then a - y, but for factors."""
        return self.softmax or self.cancels

    def loss_slope(self) -> Equation:
        """Return (1.8), the slope of the loss at the output."""
        i, j = Index("i", N), self.index("j", self.depth)
        target, found = y[i, j], a[self.depth, i, j]
        slope = cost_of(self.cost).slope().xreplace({Y: target, A: found})
        return Equation("1.8", "slope of the loss", LossPrime(target, found), slope)

    def output_slopes(self) -> tuple[Equation, ...]:
        """Return (1.8), the slope of the loss, and (1.5), that of the activation, at the output."""
        last, i = self.depth, Index("i", N)
        j = self.index("j", last)
        through = ACTIVATIONS[USUAL].derivative_through_output().xreplace({A: a[last, i, j]})
        slope = SigmaPrime(last, z[last, i, j])
        return self.loss_slope(), Equation("1.5", "activation derivative", slope, through)

    @property
    def premises(self) -> tuple[Equation, ...]:
        """What is assumed or proved elsewhere of the output layer and its cost."""
        if self.softmax:
            return (self.softmax_slope(), self.targets_add_up())
        return self.output_slopes() if self.cancels else ()

    def equations(self) -> tuple[Equation, ...]:
        """Return (0.1)-(0.3), layer by layer, each time the same; needs an architecture."""
        return self._equations

    @cached_property
    def _equations(self) -> tuple[Equation, ...]:
        i = Index("i", N)
        k = self.index("k", Integer(1))
        found = [Equation("0.1", "input", a[1, i, k], x[i, k])]
        for layer in range(2, int(self.depth) + 1):
            j = self.index("j", Integer(layer))
            pre, post = z[layer, i, j], a[layer, i, j]
            found.append(Equation("0.2", "weighted input", pre, self.definition(pre)))
            found.append(Equation("0.3", "activation", post, self.definition(post)))
        return tuple(found)

    def _repr_latex_(self) -> str:
        from derive.printers.latex import network_latex

        return network_latex(self)


@dataclass(frozen=True)
class Objective:
    """A scalar (or output) whose derivatives are sought, as a function of the network's output.

    ``define(network)`` writes it out; ``delta(l, j)`` is the name of its derivative in z[l]_ij. If
    ``over_samples``, a parameter acts on it through the z of every sample, else of sample i alone.
    """

    name: str
    symbol: Expr
    i: Index
    define: Callable[[Network], Expr]
    base: IndexedBase = delta
    extra: tuple[Index, ...] = ()
    over_samples: bool = False

    def delta(self, layer: Expr, i: Expr, j: Expr) -> Expr:
        """Return the letter for the derivative of the objective in z[l]_ij."""
        return self.base[(layer, i, *self.extra, j)]


def half_square(network: Network, i: Expr) -> Expr:
    """Return 1/2 sum_j (y_ij - a[L]_ij)^2, the quadratic cost of sample i, perhaps weighted."""
    j = network.index("j", network.depth)
    share = network.share(j)
    return Rational(1, 2) * _shared(share, squared_difference(y[i, j], a[network.depth, i, j]), j)


def sample_loss(network: Network, i: Expr) -> Expr:
    """Return the cost of sample i: half a square, a cross-entropy, or a sum of losses l(y_ij, a[L]_ij).

    Each output's loss is multiplied by the factor of the cost and the output's weight, if it has them.
    """
    if network.squares:
        return half_square(network, i)
    j = network.index("j", network.depth)
    target, found, share = y[i, j], a[network.depth, i, j], network.share(j)
    if network.softmax:
        return -_shared(share, target * log(found), j)
    return _shared(share, Loss(target, found), j)


def _shared(share: Expr, loss: Expr, j: Index) -> Expr:
    """Return the sum over the outputs, constant factors in front."""
    factor, weight = share.as_independent(j, as_Add=False)
    return factor * total(weight * loss, j)


def sample_cost(scale: Expr = ONE) -> Objective:
    """Return the cost of a sample, the article's C_i = 1/2 ||y_i - a[L]_i||^2 or another, times ``scale``."""
    i = Index("i", N)
    return Objective("sample cost", C[i], i, lambda network: scale * sample_loss(network, i))


def mean_cost() -> Objective:
    """Return the cost of all samples, Cost = (1/N) sum_i C_i, or their sum if the cost is one."""
    i = Index("i", N)

    def define(network: Network) -> Expr:
        s = Index("i", N)
        return total(sample_loss(network, s), s) * network.per_sample

    return Objective("mean cost", Cost, i, define, over_samples=True)


def output(network: Network) -> Objective:
    """Return output c of the network, F_ic = a[L]_ic; its delta carries c: Delta[l]_icj."""
    i, c = Index("i", N), network.index("c", network.depth)
    return Objective(
        "output",
        F[i, c],
        i,
        lambda net: a[net.depth, i, c],
        base=IndexedBase("Delta"),
        extra=(c,),
    )
