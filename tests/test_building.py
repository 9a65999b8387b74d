"""``built`` is SymPy's own answer, whatever the parts are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sympy import (
    Abs,
    Add,
    Expr,
    Float,
    Integer,
    Max,
    Min,
    Mul,
    Pow,
    Rational,
    Symbol,
    exp,
    log,
    nan,
    oo,
    pi,
    sqrt,
    srepr,
    tanh,
    zoo,
)

from derive.program.building import built, with_letters
from derive.quantities import Index, a, z

_I = Index("i", 3)
_X, _Y = Symbol("x"), Symbol("y")
_LETTERS = (_X, _Y, Symbol("p", positive=True), Symbol("r", real=True), z[2, _I, _I], a[1, _I, _I])
_NUMBERS = (
    *map(Integer, (-1, 0, 1, 2, 708)),
    Rational(1, 2),
    Rational(-2, 3),
    Float(0.5),
    pi,
    sqrt(2),
)
_POWERS = (*map(Integer, (-2, -1, 2, 3)), Rational(1, 2))


def _parts(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    several = st.tuples(st.sampled_from([Add, Mul, Max, Min]), st.lists(inner, min_size=1, max_size=4))
    power = st.tuples(st.just(Pow), st.tuples(inner, st.sampled_from(_POWERS)))
    one = st.tuples(st.sampled_from([exp, tanh, Abs, log]), st.tuples(inner))
    return (several | power | one).map(_checked)


def _checked(call: tuple[type[Expr], tuple[Expr, ...]]) -> Expr:
    kind, args = call
    try:
        wanted = kind(*args)
    except (ValueError, TypeError):  # a complex number has no order
        return _X
    if wanted.has(nan, zoo, oo) or wanted.is_extended_real is False:
        return _Y
    found = built(kind, args)
    assert type(found) is type(wanted)
    assert found == wanted
    assert hash(found) == hash(wanted)
    assert srepr(found) == srepr(wanted)
    assert found.args == wanted.args
    assert found.is_commutative == wanted.is_commutative
    return wanted


@given(st.recursive(st.sampled_from(_LETTERS) | st.sampled_from(_NUMBERS), _parts, max_leaves=12))
def test_what_is_built_is_what_sympy_builds(made: Expr) -> None:
    assert isinstance(made, Expr)


def test_parts_that_merge_are_merged() -> None:
    assert built(Add, (_X, _X)) == 2 * _X
    assert built(Add, (_X, -_X)) == 0
    assert built(Mul, (_X, 1 / _X)) == 1
    assert built(Mul, (exp(_X), exp(-_X))) == 1
    assert built(Mul, (Integer(2), _X + _Y)) == 2 * _X + 2 * _Y
    assert built(Max, (_X, _X)) == _X
    assert with_letters(z[2, _I, _I] - _X, {z[2, _I, _I]: _X}) == 0
