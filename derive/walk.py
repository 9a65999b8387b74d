"""One sample taken through a network and back, in numbers: what a student checks with a calculator.

Every number is the value of a right-hand side that was derived, at the numbers found before it; no formula
stands here. Sums are rounded once and products taken in order of size, so that no order of operands shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import exp, fsum, log, prod
from random import Random

from sympy import Add, Expr, Indexed, IndexedBase, Integer, Mul, Pow, Rational, Sum
from sympy import exp as Exp
from sympy import log as Log

from derive import article
from derive.activations import A, Activation, Z, activation
from derive.architecture import Architecture
from derive.costs import SOFTMAX, Y
from derive.equation import Equation
from derive.network import Network, array_of, sample_cost
from derive.numbered import activation_equation
from derive.own_cost import cost as cost_of
from derive.proof import Proof
from derive.quantities import Index, Loss, LossPrime, N, Partial, Sigma, SigmaPrime, a, b, delta, y, z

MAX_PARAMETERS = 400
MAX_LAYERS = 12
Entry = tuple[str, tuple[int, ...]]
Numbers = dict[Entry, float]


@dataclass(frozen=True)
class Column:
    """Values with what they are the values of, one for each neuron of a layer."""

    heading: Expr
    values: tuple[float, ...]


@dataclass(frozen=True)
class Stop:
    """One stop of the walk: the equations used, their values, and what the drawing shows by layer.

    ``shown[l]`` are the values that stand in the neurons of layer l; ``letters`` says of what.
    """

    name: str
    kind: str
    layer: int
    equations: tuple[Equation, ...]
    columns: tuple[Column, ...]
    letters: tuple[Expr, ...]
    shown: Mapping[int, tuple[float, ...]]


def affordable(architecture: Architecture) -> bool:
    """Say whether the numbers are few enough to be read."""
    return architecture.n_parameters <= MAX_PARAMETERS and architecture.depth <= MAX_LAYERS


def start(architecture: Architecture) -> tuple[Numbers, str]:
    """Return parameters, input and target for sample 1, and where they come from.

    The article's for the article's network, small numbers of a fixed seed for any other.
    """
    if str(architecture) == article.ARCHITECTURE:
        flat = iter(article.START.tolist())
        inputs, targets = article.X[0].tolist(), article.Y[0].tolist()
        source = "the article's starting point and the first of its ten samples"
    else:
        random = Random(1)
        flat = iter(lambda: random.choice((-1, 1)) * random.randint(1, 9) / 10, None)
        inputs = [random.randint(1, 9) / 10 for _ in range(architecture.sizes[0])]
        targets = [float(c == 0) for c in range(architecture.sizes[-1])]
        source = "small numbers drawn once, with a fixed seed"
    numbers: Numbers = {}
    for parameter in Network(architecture).parameters():
        letter, lead = array_of(parameter)
        sizes = (int(index.upper) for index in parameter.indices[len(lead) :])
        for place in product(*(range(1, size + 1) for size in sizes)):
            numbers[str(letter), (*map(int, lead), *place)] = next(flat)
    weights = enumerate(cost_of(architecture.cost).weights, start=1)
    numbers |= {("omega", (j,)): float(weight) for j, weight in weights}
    numbers |= {("x", (1, j)): value for j, value in enumerate(inputs, start=1)}
    numbers |= {("y", (1, j)): value for j, value in enumerate(targets, start=1)}
    return numbers, source


class Walk:
    """The values of one sample, found in the order of the equations."""

    def __init__(self, proof: Proof, numbers: Numbers) -> None:
        self.proof = proof
        self.sizes = proof.architecture.sizes
        self.known = dict(numbers)
        self.i = Index("i", N)

    def stops(self) -> tuple[Stop, ...]:
        """Return the forward pass, layer by layer, the cost, and the backward pass."""
        return (*self._forward(), self._cost(), *self._backward())

    def value(self, expr: Expr, at: Mapping[Expr, float]) -> float:
        """Return the value of an index expression where its free indices have the given values."""
        if isinstance(expr, Rational):
            return int(expr.p) / int(expr.q)
        if isinstance(expr, Add):
            return fsum(self.value(arg, at) for arg in expr.args)
        if isinstance(expr, Mul):
            return prod(sorted(self.value(arg, at) for arg in expr.args))
        if isinstance(expr, Pow):
            return float(self.value(expr.base, at) ** int(expr.exp))
        if isinstance(expr, Sum):
            ((index, _, upper),) = expr.limits
            return fsum(self.value(expr.function, {**at, index: m}) for m in range(1, int(upper) + 1))
        if isinstance(expr, (Exp, Log)):
            return (exp if isinstance(expr, Exp) else log)(self.value(expr.args[0], at))
        if isinstance(expr, (Loss, LossPrime)):
            cost = cost_of(self.proof.network.cost)
            function = cost.definition if isinstance(expr, Loss) else cost.slope()
            places = dict(zip((Y, A), (self.value(arg, at) for arg in expr.args), strict=True))
            return float(function.evalf(17, subs=places))
        if isinstance(expr, Sigma):
            return _at(self._activation(expr).definition, self.value(expr.args[1], at))
        if isinstance(expr, SigmaPrime):
            return _at(self._activation(expr).derivative(), self.value(expr.args[1], at))
        if expr in at:
            return at[expr]
        if isinstance(expr, Indexed):
            return self.known[_entry(expr, at)]
        raise TypeError(f"expected a derived right-hand side, got {type(expr).__name__}: {expr}")

    def _activation(self, expr: Expr) -> Activation:
        return activation(self.proof.architecture.activation(int(expr.args[0])))

    def _define(self, equation: Equation, indices: tuple[Index, ...]) -> None:
        """Evaluate an equation at every place and remember the values of its left-hand side."""
        for places in product(*(range(1, 2 if is_i else int(m.upper) + 1) for m, is_i in _ranges(indices))):
            at = dict(zip(indices, places, strict=True))
            self.known[_entry(equation.lhs, at)] = self.value(equation.rhs, at)

    def _column(self, expr: Expr, index: Index) -> Column:
        """Read known values, or evaluate, for every value of one index; the sample is the first."""
        samples = {s: 1 for s in expr.free_symbols if isinstance(s, Index) and s.upper == N}
        rows = range(1, int(index.upper) + 1)
        return Column(expr, tuple(self._read(expr, {**samples, index: m}) for m in rows))

    def _read(self, expr: Expr, at: Mapping[Expr, float]) -> float:
        return self.known[_entry(expr, at)] if isinstance(expr, Partial) else self.value(expr, at)

    def _layer(self, letter: IndexedBase, layer: int) -> tuple[float, ...]:
        return tuple(self.known[str(letter), (layer, 1, j)] for j in range(1, self.sizes[layer - 1] + 1))

    def _forward(self) -> Iterator[Stop]:
        network, i = self.proof.network, self.i
        by_layer: dict[int, list[Equation]] = {}
        for equation in network.equations():
            layer, sample, j = equation.lhs.indices
            self._define(equation, (sample, j))
            by_layer.setdefault(int(layer), []).append(equation)
        for layer, equations in by_layer.items():
            j = equations[0].lhs.indices[-1]
            columns = []
            if layer > 1:
                columns += [self._column(entry, j) for entry in self._weighing(Integer(layer), j)]
                owner = network.bias(layer)
                columns += [] if owner is None else [self._column(b[owner, j], j)]
                columns += [self._column(z[layer, i, j], j)]
            columns += [self._column(a[layer, i, j], j)]
            shown = {m: self._layer(a, m) for m in range(1, layer + 1)}
            name = f"forward into layer {layer}" if layer > 1 else "the input"
            yield Stop(name, "forward", layer, tuple(equations), tuple(columns), (a[layer, i, j],), shown)

    def _weighing(self, layer: Expr, j: Index) -> Iterator[Expr]:
        """Yield the weights with which a layer takes from others, and what it takes as it is."""
        for term in self.proof.network.terms(layer):
            if term.weights is None:
                yield a[term.source, self.i, j]
            else:
                before = range(1, self.sizes[int(term.source) - 1] + 1)
                yield from (term.weight(j, Integer(k)) for k in before)

    def _cost(self) -> Stop:
        network, i, sample = self.proof.network, self.i, sample_cost()
        last = int(network.depth)
        j = network.index("j", network.depth)
        cost = sample.define(network)
        columns = (
            self._column(a[last, i, j], j),
            self._column(y[i, j], j),
            Column(sample.symbol, (self.value(cost, {sample.i: 1}),)),
        )
        shown = {m: self._layer(a, m) for m in range(1, last + 1)}
        equation = Equation("", "cost of one sample", sample.symbol, cost)
        return Stop("the cost of the sample", "cost", last, (equation,), columns, (a[last, i, j],), shown)

    def _backward(self) -> Iterator[Stop]:
        network, i = self.proof.network, self.i
        depth = int(network.depth)
        for found in self.proof.sample:
            self._define(found.equation, found.free)
        for layer in range(depth, 1, -1):
            own = [d.equation for d in self.proof.sample if d.layer == layer]
            j = network.index("j", Integer(layer))
            name = self.proof.architecture.activation(layer)
            slope = network.softmax_slope() if name == SOFTMAX else activation_equation(activation(name))
            columns = [self._column(a[layer, i, j], j)]
            columns += [self._column(y[i, j], j)] if layer == depth else []
            own_slope = [] if name == SOFTMAX else [SigmaPrime(layer, z[layer, i, j])]
            columns += [self._column(e, j) for e in (*own_slope, delta[layer, i, j])]
            deltas = {m: self._layer(delta, m) for m in range(depth, layer - 1, -1)}
            letter = delta[layer, i, j]
            name = f"delta of layer {layer}"
            yield Stop(name, "delta", layer, (own[0], slope), tuple(columns), (letter,), deltas)
            places = list(self._owned(layer, j))
            if not places:
                continue  # the layer has the parameters of another for its own
            gradients = tuple(self._column(Partial(sample_cost().symbol, place), j) for place in places)
            letters = (a[layer - 1, i, network.index("k", Integer(layer - 1))], letter)
            shown = deltas | {layer - 1: self._layer(a, layer - 1)}
            name = f"gradient of layer {layer}"
            yield Stop(name, "gradient", layer, tuple(own[1:]), gradients, letters, shown)

    def _owned(self, layer: int, j: Index) -> Iterator[Expr]:
        """Yield the biases and weights that are a layer's own, each with a free index j for its neurons."""
        own = [item for item in self.proof.network.parameters() if item.indices[0] == layer]
        for parameter in sorted(own, key=lambda item: bool(item.base != b)):
            letter, lead = array_of(parameter)
            _, *columns = parameter.indices[len(lead) :]
            for place in product(*(range(1, int(index.upper) + 1) for index in columns)):
                yield letter[(*lead, j, *map(Integer, place))]


def _at(function: Expr, point: float) -> float:
    """Return the value of an expression in z."""
    return float(function.evalf(17, subs={Z: point}))


def _ranges(indices: tuple[Index, ...]) -> Iterator[tuple[Index, bool]]:
    return ((index, bool(index.upper == N)) for index in indices)


def _entry(expr: Expr, at: Mapping[Expr, float]) -> Entry:
    """Name an entry, or the derivative of the cost in a parameter, by its letter and its places."""
    if isinstance(expr, Partial):
        letter, places = _entry(expr.v, at)
        return f"d{letter}", places
    return str(expr.base), tuple(int(at.get(place, place)) for place in expr.indices)
