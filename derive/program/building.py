"""SymPy's sums, products, powers and choices, built without its questions where it has nothing to simplify.

When letters take the places of letters thousands of times, SymPy spends its time on finding out that nothing
merges, cancels or can be compared. ``built`` looks for that itself, in the few ways in which it happens
here, and else calls SymPy: it returns what ``kind(*args)`` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cmp_to_key
from operator import is_

from sympy import Add, Expr, Indexed, Integer, Max, Min, Mul, Pow, Rational, Symbol, exp
from sympy.core.basic import Basic

_IN_ORDER = cmp_to_key(Basic.compare)  # SymPy's order of terms and factors


def built(kind: type[Expr], args: Sequence[Expr]) -> Expr:
    """Return ``kind(*args)``."""
    quickly = _QUICKLY.get(kind)
    found = None if quickly is None else quickly(kind, args)
    return kind(*args) if found is None else found


def with_parts(expr: Expr, parts: Sequence[Expr]) -> Expr:
    """Return an expression with others in the places of its parts."""
    same = len(parts) == len(expr.args) and all(map(is_, parts, expr.args))
    return expr if same else built(expr.func, parts)


def with_letters(expr: Expr, names: Mapping[Expr, Expr]) -> Expr:
    """Return an expression with others in the places of letters."""
    found = names.get(expr)
    return with_parts(expr, [with_letters(arg, names) for arg in expr.args]) if found is None else found


def _sum(kind: type[Expr], args: Sequence[Expr]) -> Expr | None:
    return _ordered(kind, args, [arg.as_coeff_Mul()[1] for arg in args])


def _product(kind: type[Expr], args: Sequence[Expr]) -> Expr | None:
    if any(isinstance(arg, Pow) and arg.base.is_number for arg in args):
        return None  # roots of numbers are taken together
    if len(args) == 2 and any(arg.is_Number for arg in args) and any(arg.is_Add for arg in args):
        return None  # a number is multiplied into a sum
    return _ordered(kind, args, [arg.as_base_exp()[0] for arg in args])


def _ordered(kind: type[Expr], args: Sequence[Expr], parts: Sequence[Expr]) -> Expr | None:
    """Return a sum or product of which no two parts merge, in SymPy's order with the number first."""
    numbers = [arg for arg in args if arg.is_Number]
    if len(args) < 2 or len(numbers) > 1 or len({*parts}) < len(parts):
        return None
    if any(not isinstance(arg, Rational) or arg in (0, 1) for arg in numbers):
        return None
    rest = [arg for arg in args if not arg.is_Number]
    if any(isinstance(arg, kind) or not arg.is_commutative or not arg.free_symbols for arg in rest):
        return None
    return kind._from_args([*numbers, *sorted(rest, key=_IN_ORDER)], True)


def _power(kind: type[Expr], args: Sequence[Expr]) -> Expr | None:
    base, exponent = args
    if not isinstance(exponent, Integer) or exponent in (0, 1):
        return None
    if not (_is_letter(base) or (base.is_Add and all(map(_without_factor, base.args)))):
        return None
    made = Expr.__new__(Pow, base, exponent)
    made.is_commutative = base.is_commutative
    return made


def _without_factor(term: Expr) -> bool:
    return term.as_coeff_Mul()[0] in (1, -1) and bool(term.is_commutative)


def _choice(kind: type[Expr], args: Sequence[Expr]) -> Expr | None:
    """Return the least or greatest of letters, or of a letter and a number, of which nothing is known."""
    known = [arg for arg in args if not _is_open(arg)]
    if len(known) > 1 or len({*args}) < max(2, len(args)) or not all(arg.is_Rational for arg in known):
        return None
    opposite = {-arg for arg in args}
    return None if opposite & {*args} else kind(*args, evaluate=False)


def _is_open(expr: Expr) -> bool:
    """Say whether an expression is a number times a letter that may have any value."""
    number, letter = expr.as_coeff_Mul()
    return _is_letter(letter) and letter.is_extended_real is None and number.is_Rational


def _is_letter(expr: Expr) -> bool:
    return isinstance(expr, (Symbol, Indexed))


def _exponential(kind: type[Expr], args: Sequence[Expr]) -> Expr | None:
    (at,) = args
    terms = at.args if at.is_Add else (at,)
    plain = isinstance(at, (Max, Min)) or all(map(_is_product_of_letters, terms))
    return kind(at, evaluate=False) if plain and at.free_symbols else None


def _is_product_of_letters(expr: Expr) -> bool:
    number, rest = expr.as_coeff_Mul()
    return bool(number.is_Rational) and all(map(_is_letter, Mul.make_args(rest)))


_QUICKLY = {
    Add: _sum,
    Mul: _product,
    Pow: _power,
    Max: _choice,
    Min: _choice,
    exp: _exponential,
}
