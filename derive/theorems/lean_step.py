"""The Levenberg-Marquardt step of a network without its Jacobian, as equations ready to be computed.

From the derived rows of the Jacobian, layer by layer from the last one,

    (5.3)  Q[l]_icsd   what the parameters of layers l..L add to the entry (ic),(sd) of J J^T,

by the rules alone: the rows are put in, products multiplied out, Kronecker sums collapsed, constant factors
moved out of sums and common factors taken out. Where (1.1) makes Delta[L] a Kronecker delta, it is put in as
well: the block of a linear output layer is then delta_cd (1 + sum_k a_ik a_sk), and Delta[L] is needed by
nothing. With v from (J J^T + mu I) v = r, (2.6), the step h = J^T v, (2.7), is

    (5.4)  sum_ic v_ic dF_ic/dp_k = dU/dp_k   for U = sum_ic v_ic F_ic,

one backward pass that begins with v. Nothing here asks what a layer is: only the rows are read. With columns
of J multiplied by a factor of their layer's, ``layer_scaling`` has the same sums with these factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Add, Expr, Indexed, Integer, KroneckerDelta, Mul, Symbol, factor_terms

from derive.calculus.derivation import Deriving, renamed
from derive.calculus.rules import DEFINITION
from derive.equation import Equation
from derive.network import Network, Objective, output
from derive.quantities import F, Index, IndexedBase, N, Partial, l, total
from derive.remembered import remembered
from derive.theorems.backpropagation import Derived, backpropagation
from derive.theorems.instances import Renaming, names_at, wired_as_in_general
from derive.theorems.levenberg_marquardt import v
from derive.theorems.theorem import Part

Q = IndexedBase("Q")  # Q[l, i, c, s, d], what layers l..L make of J J^T
epsilon = IndexedBase("epsilon")  # epsilon[l, i, j] = dU/dz[l]_ij
U = Symbol("U")  # the outputs weighed with v
ONE = Integer(1)


@dataclass(frozen=True)
class LeanStep:
    """What is computed, in order: ``gram`` gives J J^T, ``back`` the step; ``parts`` prove what is new.

    ``objective`` is U, whose derivatives ``back`` are.
    """

    gram: tuple[Equation, ...]
    back: tuple[Derived, ...]
    parts: tuple[Part, ...]
    objective: Objective

    @property
    def holds(self) -> bool:
        """True if the replay accepts every step that led to a new equation."""
        return all(part.holds for part in self.parts)


def lean_step(network: Network, rows: tuple[Derived, ...], outputs: Objective | None = None) -> LeanStep:
    """Derive J J^T from the derived rows of the Jacobian, and J^T v by the objective U.

    ``outputs`` are those that the rows belong to, F if none are given.
    """
    meanings = Meanings(rows)
    equations: list[Equation] = []
    parts: list[Part] = []
    for layer, of_layer in by_layer(rows).items():
        for item in (found for found in of_layer if isinstance(found.equation.lhs, Indexed)):
            if item.equation in meanings.kronecker:
                continue
            if meanings.concerns(item):
                part = _hidden(meanings, item.equation)
                parts += [part] if part.derivation.steps else []
                equations.append(part.equation)
            else:
                equations.append(item.equation)
        entries = [item for item in of_layer if isinstance(item.equation.lhs, Partial)]
        if entries:  # a layer may have all its parameters from another
            part = sum_at_layer(network, meanings, entries, layer)
            parts.append(part)
            equations.append(part.equation)
    objective = outputs or output(network)
    back = backpropagation(network, weighed := weighed_outputs(objective))
    parts += [_pulled(network, item, objective) for item in back if isinstance(item.equation.lhs, Partial)]
    return LeanStep(tuple(equations), back, tuple(parts), weighed)


def by_layer(rows: Sequence[Derived]) -> dict[int, list[Derived]]:
    """Return the equations of each layer, the last layer first."""
    found: dict[int, list[Derived]] = {}
    for item in sorted(rows, key=lambda item: -int(item.layer)):
        found.setdefault(int(item.layer), []).append(item)
    return found


class Meanings:
    """What a step may put in: the deltas of the rows, the sums (5.3) by what they are, and U."""

    def __init__(self, rows: Sequence[Derived] = (), letter: IndexedBase = F) -> None:
        self.letter = letter
        self.deltas = [derived.equation for derived in rows if isinstance(derived.equation.lhs, Indexed)]
        self.kronecker = [equation for equation in self.deltas if _is_kronecker(equation.rhs)]
        self.sums: dict[Expr, Expr] = {}
        self.outputs: Expr | None = None

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what a quantity stands for, or None."""
        if quantity == U:
            return self.outputs
        if quantity in self.sums:
            return self.sums[quantity]
        for equation in self.deltas:
            if _same_letter(quantity, equation.lhs):
                names = zip(equation.lhs.indices, quantity.indices, strict=True)
                return _with_fresh_sums(equation.rhs).xreplace(dict(names))
        return None

    def label(self, quantity: Expr) -> str:
        """Return how a step cites what defines a quantity."""
        found = (eq.number for eq in self.deltas if _same_letter(quantity, eq.lhs))
        return next((f"({number})" for number in found), "")

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        """Say that U and the outputs move with every parameter, and v with none."""
        return bool(quantity == U or getattr(quantity, "base", None) == self.letter)

    def concerns(self, item: Derived) -> bool:
        """Say whether something may be put into a delta, which is tidied then; else it stays as it is."""
        found = item.equation.rhs.atoms(Indexed)
        letters = [equation.lhs for equation in self.kronecker]
        return item.general is None or any(_same_letter(node, left) for node in found for left in letters)

    def put_in(self, work: Deriving) -> Deriving:
        """Put every Kronecker delta of (1.1) in its place."""
        for equation in self.kronecker:
            for node in sorted(work.now.atoms(Indexed), key=str):
                if _same_letter(node, equation.lhs):
                    meaning = self.definition(node)
                    assert meaning is not None
                    work.step(DEFINITION, node, meaning, f"({equation.number})")
        return work


def _hidden(meanings: Meanings, equation: Equation) -> Part:
    """Put (1.1) into a hidden delta, if it is a Kronecker delta."""
    work = meanings.put_in(Deriving(equation.rhs, meanings)).tidy()
    return Part(Equation(equation.number, equation.name, equation.lhs, work.now), work.done(), meanings)


def sum_at_layer(
    network: Network,
    meanings: Meanings,
    rows: Sequence[Derived],
    layer: int,
    scale: IndexedBase | None = None,
) -> Part:
    """Return (5.3) for one layer, as it is at any layer l if the layer and its rows are as there.

    ``scale`` is the letter of what the columns of J of a layer are multiplied by, if of anything.
    """
    general = general_rows(network, rows, layer)
    last = next(reversed(meanings.sums), None)
    if not general or last is None or last.indices[0] != layer + 1:
        factor = ONE if scale is None else scale[layer]
        since = None if last is None else last.indices[0]
        return sum_of_layer(meanings, [item.equation for item in rows], layer, factor, since)
    proved = sum_in_general(general, scale)
    part = Renaming(names_at(network, layer, 1)).part(proved, meanings, network, layer)
    meanings.sums[part.equation.lhs] = part.derivation.start
    return part


def general_rows(network: Network, rows: Sequence[Derived], layer: int) -> tuple[Equation, ...]:
    """Return the equations at layer l of which those of an inner layer are instances; none if any is not."""
    found = [item.general.equation for item in rows if item.general is not None]
    inner = layer < int(network.depth) and wired_as_in_general(network, layer)
    return tuple(found) if inner and len(found) == len(rows) == 2 else ()


@remembered
def sum_in_general(rows: tuple[Equation, ...], scale: IndexedBase | None = None) -> Part:
    """Derive (5.3) at layer l, given the sum from layer l+1 on."""
    return sum_of_layer(Meanings(), rows, l, ONE if scale is None else scale[l], l + 1)


def sum_of_layer(
    meanings: Meanings, rows: Sequence[Equation], layer: Expr | int, factor: Expr, since: Expr | None
) -> Part:
    """Derive (5.3) for one layer: what its parameters add, wherever they act, and the sum so far.

    ``factor`` is what the columns of J of this layer are multiplied by; ``since`` is the layer from which on
    the sum is there, if there is one.
    """
    i, c = rows[0].lhs.f.indices
    s, d = Index("s", i.upper), Index("d", c.upper)
    added = product_of_rows(rows, (i, c), (s, d), factor)
    so_far = Integer(0) if since is None else Q[since, i, c, s, d]
    left = Q[layer, i, c, s, d]
    meanings.sums[left] = so_far + added
    work = meanings.put_in(Deriving(so_far + added, meanings)).multiply_out().tidy()
    terms = [term for term in Add.make_args(work.now) if term != so_far]
    arrived = work.arrive(so_far + _spread(factor_terms(Add(*terms)), factor))
    reason = "" if arrived else "the two sides differ in their normal form"
    return Part(Equation("5.3", "Gram matrix from layer l on", left, work.now), work.done(), meanings, reason)


def product_of_rows(
    rows: Sequence[Equation], one: tuple[Index, Index], other: tuple[Index, Index], factor: Expr
) -> Expr:
    """Return the product of two rows of J, each given as sample and output, over one layer's parameters."""
    inner: dict[tuple[int, Expr], Index] = {}
    added: Expr = Integer(0)
    for equation in rows:
        old = [index for index in equation.lhs.v.indices if isinstance(index, Index)]
        new = [inner.setdefault((at, k.upper), Index(k.name, k.upper)) for at, k in enumerate(old)]
        names = zip((*equation.lhs.f.indices, *old), (*one, *new), strict=True)
        first = equation.rhs.xreplace(dict(names))
        names = zip(equation.lhs.f.indices, other, strict=True)
        second = _with_fresh_sums(equation.rhs).xreplace(dict(zip(old, new, strict=True)) | dict(names))
        added += total(factor * first * (factor * second), *new)
    return added


def _spread(expr: Expr, factor: Expr) -> Expr:
    """Multiply the square of a factor into the sum over the fewest indices: one for each two samples."""
    free = [node for node in Mul.make_args(expr) if isinstance(node, Add)]
    if factor == 1 or not free:
        return expr
    smallest = min(free, key=lambda node: len(_indices(node)))
    if not _indices(smallest) < _indices(expr):
        return expr
    others = [node for node in Mul.make_args(expr) if node not in (smallest, factor**2)]
    return Mul(*others, Add(*(factor**2 * term for term in smallest.args)))


def _indices(expr: Expr) -> set[Expr]:
    return {symbol for symbol in expr.free_symbols if isinstance(symbol, Index)}


# -- the step by one backward pass ----------------------------------------------------------------------


def weighed_outputs(outputs: Objective) -> Objective:
    """Return U = sum_ic v_ic F_ic, or another output for F, whose derivatives are the entries of J^T v."""
    i, (c,) = Index("i", N), outputs.extra

    def define(network: Network) -> Expr:
        s, d = Index("i", N), network.index("c", network.depth)
        return total(v[s, d] * outputs.define(network).xreplace({outputs.i: s, c: d}), s, d)

    return Objective("weighed outputs", U, i, define, base=epsilon, over_samples=True)


def _pulled(network: Network, item: Derived, outputs: Objective) -> Part:
    """Return (5.4) for a parameter, as it is at any layer l if its layer is as there."""
    parameter, layer = item.equation.lhs.v, int(item.layer)
    if item.general is None:
        return product_with_v(network, parameter, outputs)
    proved = _product_in_general(network.in_general, item.general.equation.lhs.v, outputs)
    i, c = Index("i", N), network.index("c", network.depth)
    given = Meanings(letter=outputs.symbol.base)
    given.outputs = total(v[i, c] * given.letter[i, c], i, c)
    return Renaming(names_at(network, layer)).part(proved, given, network, layer)


@remembered
def _product_in_general(network: Network, parameter: Expr, outputs: Objective) -> Part:
    return product_with_v(network, parameter, outputs)


def product_with_v(network: Network, parameter: Expr, outputs: Objective) -> Part:
    """Derive (5.4): dU/dp is the entry of J^T v that belongs to a parameter."""
    i, c = Index("i", N), network.index("c", network.depth)
    letter = outputs.symbol.base
    meanings = Meanings(letter=letter)
    meanings.outputs = total(v[i, c] * letter[i, c], i, c)
    work = Deriving(Partial(U, parameter), meanings)
    work.step(DEFINITION, U, meanings.outputs)
    work.open_derivatives(lambda f: bool(getattr(f, "base", None) == letter))
    s, d = Index("i", N), network.index("c", network.depth)
    claimed = total(v[s, d] * Partial(letter[s, d], parameter), s, d)
    reason = "" if work.arrive(claimed) else "the two sides differ in their normal form"
    equation = Equation("5.4", "product with the transposed Jacobian", Partial(U, parameter), work.now)
    return Part(equation, work.done(), meanings, reason)


def _same_letter(quantity: Expr, other: Expr) -> bool:
    base = getattr(quantity, "base", None)
    return base is not None and bool(base == other.base and quantity.indices[0] == other.indices[0])


def _is_kronecker(expr: Expr) -> bool:
    return any(isinstance(factor, KroneckerDelta) for factor in Mul.make_args(expr))


def _with_fresh_sums(expr: Expr) -> Expr:
    return renamed(expr, {})
