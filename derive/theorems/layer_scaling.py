"""The step whose damping is mu D, with one number in D for all parameters of a layer: it fits the Gram form.

With scale_p = D_p^(-1/2), the same for all p of layer l, and C = J with each column times its scale,

    (5.50) h_p = scale_p^2 sum_q J_qp v_q solves (J^T J + mu D) h = J^T r where (C C^T + mu I) v = r;
    (5.51) r - J h = mu v, so that the predicted decrease is (5.6) again;
    (5.52) layer l adds scale_l^2 times (5.1), or (5.2), to C C^T: the sums (5.3) with these factors;
    (5.53) D_l is the largest mean of the squared norms of the layer's s_l columns that was met, after
           Marquardt; s_l times the mean is the trace of what the layer adds to J J^T with the factors t of
           its rows, which deltas and activations give, and no column is needed.

(5.50) holds for any D; what fails for a general one is (5.52). Where the mean is 0 it counts as 1, as in
(5.18).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sympy import Add, Expr, Integer, Mul

from derive.calculus.derivation import Deriving
from derive.equation import Equation
from derive.network import Network, array_of, output
from derive.quantities import Index, IndexedBase, N, Partial, b, l, mu, total, u, w
from derive.remembered import remembered
from derive.theorems.backpropagation import Derived, bias_gradient, weight_gradient
from derive.theorems.gram import claimed_contribution
from derive.theorems.instances import Renaming, names_at
from derive.theorems.lean_step import (
    LeanStep,
    Meanings,
    Q,
    by_layer,
    general_rows,
    product_of_rows,
    sum_at_layer,
    sum_in_general,
)
from derive.theorems.levenberg_marquardt import J, M, h, r, s, v
from derive.theorems.scaled_step import D, scale
from derive.theorems.theorem import Given, Part, Theorem, proved
from derive.theorems.weighted_step import t

Gs = IndexedBase("Gs")  # Gs[q, q'], the Gram matrix of J with scaled columns
square = IndexedBase("square")  # square[l], the mean of the squared norms of a layer's columns
# entries of arrays over p, block by block as p holds w, u and b
COLUMN = {letter: IndexedBase(f"K{letter}") for letter in (w, u, b)}  # the squared norm of a column
SPREAD = {letter: IndexedBase(f"C{letter}") for letter in (w, u, b)}  # the scale of a parameter
PULLED = {letter: IndexedBase(f"P{letter}") for letter in (w, u, b)}  # an entry of J^T v
STEP = {letter: IndexedBase(f"h{letter}") for letter in (w, u, b)}  # an entry of h


@dataclass(frozen=True)
class LayeredStep:
    """What is computed, in order.

    ``gram`` gives the scaled J J^T, ``squares`` the mean squares of the layers from deltas and activations,
    ``means`` from the columns; ``spread`` the scale of every parameter and ``step`` h from J^T v.
    """

    gram: tuple[Equation, ...]
    squares: tuple[Equation, ...]
    means: tuple[Equation, ...]
    spread: tuple[Equation, ...]
    step: tuple[Equation, ...]
    parts: tuple[Part, ...]


def layered_step(network: Network, rows: Sequence[Derived], lean: LeanStep) -> LayeredStep:
    """Derive what (5.52) and (5.53) are for a network, from the derived rows of the Jacobian."""
    meanings, traces = Meanings(rows), Meanings(rows)
    gram: list[Equation] = []
    squares: list[Equation] = []
    parts: list[Part] = []
    of_layer = by_layer(rows)
    for item in lean.gram:
        if item.lhs.base != Q:
            gram.append(item)
            squares.append(item)
            continue
        layer = int(item.lhs.indices[0])
        entries = entries_of(of_layer[layer])
        parts.append(sum_at_layer(network, meanings, entries, layer, scale))
        gram.append(parts[-1].equation)
        parts.append(mean_at_layer(network, traces, entries, item))
        squares.append(parts[-1].equation)
    parameters = network.parameters()
    return LayeredStep(
        tuple(gram),
        tuple(squares),
        tuple(mean_of_columns(network, layer) for layer in layers_of(network)),
        tuple(spread_over(parameter) for parameter in parameters),
        tuple(step_over(parameter) for parameter in parameters),
        tuple(parts),
    )


def layers_of(network: Network) -> list[int]:
    """Return the layers that have parameters of their own."""
    return sorted({layer_of(parameter) for parameter in network.each_parameter})


def layer_of(parameter: Expr) -> int:
    """Return the layer whose own a parameter is."""
    return int(array_of(parameter)[1][0])


def entries_of(rows: Sequence[Derived]) -> list[Derived]:
    """Return the derivatives of the outputs in a layer's own parameters, of all that is derived of it."""
    return [item for item in rows if isinstance(item.equation.lhs, Partial)]


def count_of(network: Network, layer: int) -> Expr:
    """Return how many parameters are a layer's own."""
    return _count(network.parameters_of(layer))


def _count(parameters: Sequence[Expr]) -> Expr:
    return Add(*(Mul(*(index.upper for index in neurons_of(parameter))) for parameter in parameters))


def mean_at_layer(network: Network, meanings: Meanings, rows: Sequence[Derived], part: Equation) -> Part:
    """Return (5.53) for one layer, as it is at any layer l if the layer and its rows are as there."""
    layer = int(part.lhs.indices[0])
    general = general_rows(network, rows, layer)
    if not general:
        return mean_square(meanings, [item.equation for item in rows], part, count_of(network, layer))
    put = Renaming(names_at(network, layer, 1))
    found = put.part(_mean_in_general(general), meanings, network, layer)
    meanings.sums[found.equation.lhs] = found.derivation.start
    return found


@remembered
def _mean_in_general(rows: tuple[Equation, ...]) -> Part:
    """Derive (5.53) at layer l."""
    count = _count([row.lhs.v for row in rows])
    return mean_square(Meanings(), rows, sum_in_general(rows).equation, count)


def mean_square(meanings: Meanings, rows: Sequence[Equation], part: Equation, count: Expr) -> Part:
    """Derive (5.53) for one layer: the trace of what it adds to J J^T, over its number of parameters.

    ``part`` is (5.3) of the layer, without scales.
    """
    layer, *places = part.lhs.indices
    i, c = Index("i", N), Index("c", places[1].upper)
    row = product_of_rows(rows, (i, c), (i, c), Integer(1))
    start = total(t[i, c] ** 2 * row, i, c) / count
    added = Add(*(term for term in Add.make_args(part.rhs) if getattr(term, "base", None) != Q))
    claimed = total(t[i, c] ** 2 * added.xreplace(dict(zip(places, (i, c, i, c), strict=True))), i, c) / count
    meanings.sums[square[layer]] = start
    work = meanings.put_in(Deriving(start, meanings)).multiply_out().tidy()
    reason = "" if work.arrive(claimed) else "the two sides differ in their normal form"
    equation = Equation("5.53", "mean square of a layer", square[layer], work.now)
    return Part(equation, work.done(), meanings, reason)


def mean_of_columns(network: Network, layer: int) -> Equation:
    """Return (5.53) from the squared norms of the columns themselves."""
    own = network.parameters_of(layer)
    sums = [total(over(COLUMN, parameter), *neurons_of(parameter)) for parameter in own]
    return Equation("5.53", "mean square of a layer", square[layer], Add(*sums) / count_of(network, layer))


def spread_over(parameter: Expr) -> Equation:
    """Return the scale of a layer's parameters."""
    return Equation("5.50", "scale of a parameter", over(SPREAD, parameter), scale[layer_of(parameter)])


def step_over(parameter: Expr) -> Equation:
    """Return h from J^T v, block by block."""
    pulled = scale[layer_of(parameter)] ** 2 * over(PULLED, parameter)
    return Equation("5.50", "step from the scaled dual", over(STEP, parameter), pulled)


def over(letters: dict[IndexedBase, IndexedBase], parameter: Expr) -> Expr:
    """Return the entry that belongs to a parameter, of an array over p."""
    return letters[parameter.base][parameter.indices]


def neurons_of(parameter: Expr) -> list[Index]:
    """Return the indices of a parameter."""
    return [index for index in parameter.indices if isinstance(index, Index)]


# -- proofs, for any network and any D --------------------------------------------------------------------


def _premises() -> tuple[Equation, Equation, Equation]:
    """Return the scaled Gram matrix, the system, and the step, with free indices that range over s or M."""
    q, q2, o, p = Index("q", M), Index("q'", M), Index("o", M), Index("p", s)
    m, n = Index("m", s), Index("q", M)
    return (
        Equation("5.50", "scaled Gram matrix", Gs[q, q2], total(scale[m] * J[q, m] * scale[m] * J[q2, m], m)),
        Equation("5.50", "scaled dual system", r[q], total(Gs[q, o] * v[o], o) + mu * v[q]),
        Equation("5.50", "step from the scaled dual", h[p], scale[p] ** 2 * total(J[n, p] * v[n], n)),
    )


def dual() -> Part:
    """Derive (5.50): (J^T J + mu D) h - J^T r vanishes."""
    p, m, q, k = Index("p", s), Index("m", s), Index("q", M), Index("q", M)
    matrix, system, back = _premises()
    inverse = Equation("", "D = scale^(-2)", D[p], scale[p] ** -2)
    rows = total(J[q, p] * total(J[q, m] * h[m], m), q) + mu * D[p] * h[p] - total(J[k, p] * r[k], k)
    equation = Equation("5.50", "scaled dual solves primal", rows, Integer(0))
    return proved(equation, Given((matrix, inverse), (system, back)), (back, inverse, system, matrix))


def misfit() -> Part:
    """Derive (5.51)."""
    q, p = Index("q", M), Index("p", s)
    matrix, system, back = _premises()
    equation = Equation("5.51", "residual of the model", r[q] - total(J[q, p] * h[p], p), mu * v[q])
    return proved(equation, Given((matrix,), (system, back)), (back, system, matrix))


def _rows() -> tuple[Network, tuple[Derived, Derived]]:
    network = Network()
    objective = output(network)
    return network, (weight_gradient(network, objective, l), bias_gradient(network, objective, l))


def contribution(bias: bool = True) -> Part:
    """Derive (5.52): the product of two rows over layer l is scale_l^2 times (5.1), or (5.2)."""
    network, (weights, biases) = _rows()
    i, c = Index("i", N), network.index("c", network.depth)
    s2, d = Index("s", N), network.index("d", network.depth)
    rows = [item.equation for item in ((weights, biases) if bias else (weights,))]
    start = product_of_rows(rows, (i, c), (s2, d), scale[l])
    claimed = scale[l] ** 2 * claimed_contribution(output(network), i, c, s2, d, bias=bias)
    work = Deriving(start, network).tidy()
    reason = "" if work.arrive(claimed) else "the two sides differ in their normal form"
    name = "scaled Gram matrix, layer l" + ("" if bias else " without biases")
    return Part(Equation("5.52", name, start, claimed), work.done(), Given(), reason)


def trace() -> Part:
    """Derive (5.53): the squared norms of a layer's columns add up to the trace of what it adds to J J^T."""
    network, (weights, biases) = _rows()
    i, c = Index("i", N), network.index("c", network.depth)
    sums: Expr = Integer(0)
    for item in (weights, biases):
        neurons = [index for index in item.equation.lhs.v.indices if isinstance(index, Index)]
        n, d = Index("i", N), network.index("c", network.depth)
        names = dict(zip(item.equation.lhs.f.indices, (n, d), strict=True))
        entry = item.equation.rhs.xreplace(names)
        sums += total(total((t[n, d] * entry) ** 2, n, d), *neurons)
    row = claimed_contribution(output(network), i, c, i, c)
    claimed = total(t[i, c] ** 2 * row, i, c)
    work = Deriving(sums, network).tidy()
    reason = "" if work.arrive(claimed) else "the two sides differ in their normal form"
    return Part(Equation("5.53", "squared norms of a layer", sums, claimed), work.done(), Given(), reason)


@cache
def layer_scaling() -> Theorem:
    """State and prove the step with one damping for each layer."""
    return Theorem(
        "layers",
        "One number for each layer in the damping",
        (
            "mu > 0, scale_p > 0 and D_p = scale_p^-2",
            "(Gs + mu I) v = r, Gs = C C^T with C_qp = J_qp scale_p, and h_p = scale_p^2 sum_q J_qp v_q",
            "scale is the same for all parameters of layer l in (5.52)",
        ),
        (dual(), misfit(), contribution(), contribution(bias=False), trace()),
        "a damping that is the same for all parameters of a layer scales what the layer adds to J J^T, and "
        "nothing else; what Marquardt's choice needs of the columns of a layer is a trace",
    )
