"""The letters of the theory: indices, indexed quantities and unevaluated derivatives.

Every quantity carries its layer first, then the sample, then the neuron: ``z[l, i, j]`` is the weighted
input of neuron j of layer l for sample i, ``w[l, j, k]`` weighs what neuron j of layer l takes from
neuron k of layer l-1. Layers are numbered 1..L, as in Higham & Higham.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cmp_to_key
from operator import is_
from typing import Any

import sympy
from sympy import (
    Add,
    Dummy,
    Expr,
    Integer,
    KroneckerDelta,
    Mul,
    Piecewise,
    Pow,
    Sum,
    Symbol,
    Tuple,
    nan,
    sympify,
)
from sympy.core.assumptions import StdFactKB
from sympy.core.basic import Basic
from sympy.core.relational import Relational

from derive.opaque import Opaque, applied
from derive.remembered import remembered

ONE = Integer(1)
_IN_ORDER = cmp_to_key(Basic.compare)  # SymPy's order of terms and factors


class Index(Dummy):
    """An index that runs over 1..upper.

    Two indices are never equal, whatever their names: a bound index made here cannot be captured.
    The range belongs to the index, so that a Kronecker sum can only collapse onto an index of the
    same range.
    """

    __slots__ = ("upper",)
    upper: Expr
    # An index is equal to itself alone, so SymPy need not compare names and assumptions.
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__

    def __new__(cls, name: str, upper: Any) -> Index:  # noqa: D102
        index: Index = Expr.__new__(cls)
        for slot in _OF_A_SYMBOL:  # all indices know the same, so SymPy need not deduce it for each
            setattr(index, slot, getattr(_SOME_INDEX, slot))
        index.name = name
        index.dummy_index = Dummy._base_dummy_index + Dummy._count
        Dummy._count += 1
        index.upper = sympify(upper)
        return index

    def _hashable_content(self) -> tuple[str, int]:
        """Return what puts indices in order."""
        return self.name, self.dummy_index


_SOME_INDEX = Dummy("i", integer=True, positive=True)
_OF_A_SYMBOL = ("_assumptions", *Symbol.__slots__)


class IndexedBase(sympy.IndexedBase):
    """SymPy's letter with indices; what it gives for the same indices is made once.

    It has SymPy's name, by which SymPy puts the factors of a product in order.
    """

    def __getitem__(self, indices: Any, **_: Any) -> sympy.Indexed:
        """Return the entry at some indices."""
        return _entry(self, *(indices if isinstance(indices, tuple) else (indices,)))

    def _hashable_content(self) -> tuple[Basic, ...]:
        """Return what tells letters apart: the name, a symbol that has the assumptions."""
        return tuple(self.args)


class Indexed(sympy.Indexed):
    """An entry of a letter without assumptions: then SymPy need not deduce what follows from them."""

    def __new__(cls, base: Expr, *indices: Any) -> sympy.Indexed:  # noqa: D102
        return _entry(base, *indices)

    def _hashable_content(self) -> tuple[Basic, ...]:
        return tuple(self.args)


@remembered
def _entry(base: Expr, *indices: Any) -> sympy.Indexed:
    if not isinstance(base, IndexedBase) or base.assumptions0 != _COMMUTES:
        return sympy.Indexed(base, *indices)
    made: Indexed = Expr.__new__(Indexed, base, *map(sympify, indices))
    made._assumptions = _FACTS
    return made


_COMMUTES = {"commutative": True}
_FACTS = StdFactKB(_COMMUTES)  # of every entry the same is known, and found out


class Greatest(Sum):
    """The greatest value of a body over the whole range of an index, written like a sum."""


def total(body: Expr, *indices: Index) -> Expr:
    """Return the sum of ``body`` over the whole range of each index, first index outermost."""
    for index in reversed(indices):
        body = summed(body, Tuple(index, ONE, index.upper))
    return body


@remembered
def put_in(expr: Expr, old: tuple[Expr, ...], new: tuple[Expr, ...]) -> Expr:
    """Return an expression with others in the places of some, all put in at once."""
    names = {one: other for one, other in zip(old, new, strict=True) if one is not other}
    return exchanged(expr, names) if names else expr


@remembered
def free(expr: Expr) -> frozenset[Expr]:
    """Return ``expr.free_symbols``; SymPy builds the body of a sum anew to find them."""
    if isinstance(expr, Sum):
        found = set(free(expr.function))
        for index, *ends in expr.limits:
            found.discard(index)
            found.update(*map(free, ends))
        return frozenset(found)
    if isinstance(expr, (Add, Mul, Pow, Partial)):
        return frozenset().union(*map(free, expr.args))
    return frozenset(expr.free_symbols)


def is_number(expr: Expr) -> bool:
    """Return ``expr.is_number``, without building the bodies of sums anew."""
    if isinstance(expr, Sum):
        return not free(expr)
    if isinstance(expr, (Add, Mul, Pow)):
        return all(map(is_number, expr.args))
    return bool(expr.is_number)


@remembered
def bound(expr: Expr) -> frozenset[Expr]:
    """Return the indices of all sums in an expression."""
    own = (limit[0] for limit in expr.limits) if isinstance(expr, Sum) else ()
    return frozenset(own).union(*map(bound, expr.args))


def exchanged(expr: Expr, names: Mapping[Expr, Expr]) -> Expr:
    """Return ``expr.xreplace(names)``, without the search for cases that SymPy makes in each sum.

    Where indices that the expression does not have are put for others, one for one, nothing can merge or
    cancel that has not done so: products and sums are then put in order and not simplified again.
    """
    new = set(names.values())
    one_for_one = len(new) == len(names) and all(map(_is_index, (*names, *new)))
    return _exchanged(expr, dict(names), one_for_one and new.isdisjoint(indices_in(expr)))


def instantiated(expr: Expr, names: Mapping[Expr, Expr]) -> Expr:
    """Return ``exchanged(expr, names)`` for numbers in the place of layers and widths, and new indices.

    Different layers must have different numbers: then again nothing merges but the numbers themselves.
    """
    return _exchanged(expr, dict(names), True)


def _exchanged(expr: Expr, known: dict[Expr, Expr], fresh: bool) -> Expr:
    """Return what becomes of an expression; ``known`` holds that of others, and takes it."""
    found = known.get(expr)
    if found is not None:
        return found
    old = expr.args
    if not old:
        return expr
    new = [_exchanged(arg, known, fresh) for arg in old]
    if all(map(is_, new, old)):
        made = expr
    else:
        kind = type(expr)
        if kind is Sum:
            made = summed(*new)
        elif kind is KroneckerDelta:
            made = kronecker(*new)
        else:
            made = _put_together(expr, new) if fresh else expr.func(*new)
    known[expr] = made
    return made


def _put_together(old: Expr, new: list[Expr]) -> Expr:
    """Return what SymPy makes of the arguments of an expression in which only indices have other names."""
    kind = type(old)
    if kind is Pow and type(new[0]) is Add and type(new[1]) is Integer:
        return _power(*new)
    if kind not in (Add, Mul) or not old.is_commutative:
        return old.func(*new)
    number, others = new[0].is_Number, any(arg.is_Number for arg in new[1:])
    if others or number != old.args[0].is_Number or (number and len(new) == 2 and new[1].is_Add):
        return old.func(*new)
    rest = sorted(new[1:] if number else new, key=_IN_ORDER)
    return kind._from_args([*new[:1], *rest] if number else rest, True)


def squared_difference(u: Indexed, v: Indexed) -> Expr:
    """Return (u - v)^2 of two different letters, without asking SymPy whether one of them is infinite."""
    return _power(u - v, Integer(2))


def _power(base: Expr, exponent: Expr) -> Expr:
    made = Expr.__new__(Pow, base, exponent)
    made.is_commutative = base.is_commutative
    return made


def _is_index(expr: Expr) -> bool:
    return isinstance(expr, Index)


@remembered
def indices_in(expr: Expr) -> frozenset[Expr]:
    """Return every index in an expression, bound or not."""
    return frozenset({expr} if _is_index(expr) else ()).union(*map(indices_in, expr.args))


def summed(body: Expr, *limits: Tuple) -> Expr:
    """Return ``Sum(body, *limits)`` for limits such as ``Sum.limits`` has.

    SymPy looks for cases in the body, which it would bring to the front. Where there are none, the sum is
    what it is called with, and a sum of sums one sum.
    """
    if not _without_cases(body) or (isinstance(body, Sum) and type(body) is not Sum):
        return Sum(body, *limits)
    if isinstance(body, Sum):
        body, *inner = body.args
        limits = (*inner, *limits)
    made = Expr.__new__(Sum, body, *limits)
    made.is_commutative = body.is_commutative
    return made


@remembered
def _without_cases(expr: Expr) -> bool:
    cases = isinstance(expr, (Piecewise, Relational)) or expr is nan
    return not cases and all(_without_cases(arg) for arg in expr.args)


def kronecker(p: Expr, q: Expr) -> Expr:
    """Return delta_pq. Of two indices nothing is known that would decide it, so SymPy is not asked."""
    if isinstance(p, Index) and isinstance(q, Index) and p != q:
        p, q = sorted((p, q), key=lambda index: (index.name, index.dummy_index))  # SymPy's order
        return applied(KroneckerDelta, p, q)
    return KroneckerDelta(p, q)


w = IndexedBase("w")
u = IndexedBase("u")  # u[l, m, j, k] weighs what layer l takes from layer m beside that from layer l-1
b = IndexedBase("b")
x = IndexedBase("x")
y = IndexedBase("y")
z = IndexedBase("z")
a = IndexedBase("a")
delta = IndexedBase("delta")
omega = IndexedBase("omega")  # omega[j], the weight of output j in the cost
m = IndexedBase("m")  # m[l, i], the greatest z of a softmax layer
e = IndexedBase("e")  # e[l, i, j] = exp(z - m)
q = IndexedBase("q")  # q[l, i], the sum of the e
n = IndexedBase("n")  # n[l], the width of layer l
C = IndexedBase("C")  # C[i], the cost of sample i
F = IndexedBase("F")  # F[i, c], output c of the network for sample i
Cost = Symbol("Cost")
N = Symbol("N", integer=True, positive=True)  # the number of samples
L = Symbol("L", integer=True, positive=True)  # the number of layers
eta = Symbol("eta", positive=True)  # the learning rate
mu = Symbol("mu", positive=True)  # the damping
t = Symbol("t", real=True)  # how far the parameters have moved along a direction: p + t v
U = IndexedBase("U")  # U[i, c], what output c of sample i is weighed with
S = Symbol("S")  # the sum of the outputs so weighed
psi = IndexedBase("psi")  # psi[l, i, j], the derivative of S in z
Rw, Ru, Rb, Rz, Ra = (IndexedBase(f"R{letter}") for letter in "wubza")  # derivatives in t, after Pearlmutter
Rdelta = IndexedBase("Rdelta")
R2z, R2a = IndexedBase("R2z"), IndexedBase("R2a")  # second derivatives in t
l = Symbol("l", integer=True, positive=True)  # noqa: E741 - the article's letter for a layer


class SigmaSecond(Opaque):
    """sigma''_l(z), the second derivative of the activation of layer l; opaque."""

    nargs = 2


class SigmaPrime(Opaque):
    """sigma'_l(z), the derivative of the activation of layer l; opaque, differentiable in z."""

    nargs = 2

    def fdiff(self, argindex: int = 2) -> Expr:
        """Return sigma''; this is how SymPy's own ``diff`` learns of it."""
        if argindex != 2:
            raise ValueError("an activation is differentiated in z, not in the layer")
        return SigmaSecond(*self.args)


class Sigma(Opaque):
    """sigma_l(z), the activation of layer l; opaque, differentiable in z."""

    nargs = 2

    def fdiff(self, argindex: int = 2) -> Expr:
        """Return sigma'; this is how SymPy's own ``diff`` learns of it."""
        if argindex != 2:
            raise ValueError("an activation is differentiated in z, not in the layer")
        return SigmaPrime(*self.args)


class LossSecond(Opaque):
    """d^2 l/da^2 of a loss l(y, a) that is not written out; opaque."""

    nargs = 2


class LossPrime(Opaque):
    """dl/da of a loss l(y, a) that is not written out; opaque, differentiable in a."""

    nargs = 2

    def fdiff(self, argindex: int = 2) -> Expr:
        """Return the second derivative in a; this is how SymPy's own ``diff`` learns of it."""
        if argindex != 2:
            raise ValueError("a loss is differentiated in the output, not in the target")
        return LossSecond(*self.args)


class Loss(Opaque):
    """A loss l(y, a) of a target and an output that is not written out; differentiable in a."""

    nargs = 2

    def fdiff(self, argindex: int = 2) -> Expr:
        """Return dl/da; this is how SymPy's own ``diff`` learns of it."""
        if argindex != 2:
            raise ValueError("a loss is differentiated in the output, not in the target")
        return LossPrime(*self.args)


class RhoPrime(Opaque):
    """rho'(z), the slope of a robust loss; opaque."""

    nargs = 1


class Rho(Opaque):
    """rho(z), a robust loss of the square of a scaled residual, not written out; differentiable in z."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return rho'; this is how SymPy's own ``diff`` learns of it."""
        return RhoPrime(*self.args)


class Partial(Expr):
    """The partial derivative of ``f`` in ``v``, not evaluated: only a named rule may open it."""

    is_commutative = True

    def __new__(cls, f: Expr, v: Expr) -> Partial:  # noqa: D102
        partial: Partial = Expr.__new__(cls, sympify(f), sympify(v))
        return partial

    @property
    def f(self) -> Expr:
        """What is differentiated."""
        return self.args[0]

    @property
    def v(self) -> Expr:
        """The variable."""
        return self.args[1]


class Direct(Partial):
    """The derivative of ``f`` in ``v`` with the weighted inputs of all other layers held fixed.

    An entry of z by itself stands for what defines it; an entry of z inside ``f`` is held, unless its layer
    is that of ``v``. With this the chain rule runs through several layers that feed one another.
    """
