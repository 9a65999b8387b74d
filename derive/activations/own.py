"""One's own activation: from a formula in z, checked on the real line, to its derivative and its stable form.

What is refused: a formula that is undefined or complex somewhere. Denominators, arguments of logarithms and
bases of roots that are polynomials in z are decided exactly, by their real roots; any other is tried at
several hundred points from -1000 to 1000, so a singularity between them can be overlooked. Before an
activation is returned, its derivative and its stable form are compared with the formula in 30 digits.
"""

from __future__ import annotations

import keyword
import re
from functools import cache
from typing import Any

import mpmath
from sympy import Expr, Poly, Pow, Rational, cosh, exp, log, preorder_traversal, real_roots, sinh

from derive.activations.activation import Activation
from derive.activations.builtin import ACTIVATIONS, ALIASES
from derive.activations.functions import A, Z
from derive.activations.numbers import value
from derive.activations.regions import Region, between, breaks, on
from derive.activations.stable import stably
from derive.calculus.rules import differentiate
from derive.errors import NotProvedError, UserError
from derive.expressions import Expression, Node, evaluate, read_expression, spelled
from derive.expressions.nodes import CONSTANTS, FUNCTIONS

MAX_NAME = 30
NEAR = 5  # up to here a formula may not overflow
_NAME = re.compile(r"[A-Za-z][A-Za-z_0-9]*", flags=re.ASCII)
_DIGITS = 30
_TOLERANCE = 1e-9
_SYMPY_GIVES_UP = (ArithmeticError, NotImplementedError, TypeError, ValueError, RecursionError)
_LARGE = 1e30

_CHECKED = (-41, -30, -19, -12, -8, -5, -3, -1, 1, 2, 4, 6, 9, 13, 20, 31, 43)  # sevenths


@cache
def _places() -> tuple[Rational, ...]:
    """Return 0 and whole numbers, powers of ten to both ends, and a few hundred places in between."""
    return (
        *(Rational(k, 2) for k in range(-60, 61)),
        *(sign * Rational(10) ** k for k in range(-8, 4) for sign in (-1, 1)),
        *(Rational(61 * k, 517) for k in range(-250, 251)),
    )


def own_activation(text: str, formula: Expr | None = None) -> Activation:
    """Return the activation ``name: formula in z``, or a name with a SymPy expression of one symbol.

    Raises:
        UserError: with one line, if the name or the formula is refused or a check fails.
    """
    if formula is None:
        name, colon, written = text.partition(":")
        if not colon:
            raise UserError(f"expected an activation like 'swoosh: z*tanh(log(1+exp(z)))', got {text[:40]!r}")
        return _own(checked_name(name.strip()), written.strip())
    if not isinstance(formula, Expr):
        raise UserError(f"expected a SymPy expression, got {type(formula).__name__}")
    symbols = sorted(formula.free_symbols, key=str)
    if len(symbols) != 1:
        raise UserError(f"expected an expression in one symbol, got {len(symbols)} in {str(formula)[:40]}")
    return _own(checked_name(text.strip()), spelled(formula, {symbols[0]: "z"}))


def checked_name(name: str, of: str = "an activation") -> str:
    """Return a name that a person may give, or refuse it.

    Raises:
        UserError: if it is no identifier, too long, or has a meaning already.
    """
    taken = {*ACTIVATIONS, *ALIASES, *FUNCTIONS, *CONSTANTS, "z", "a", "y"}
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME or keyword.iskeyword(name):
        raise UserError(
            f"expected a name of letters, digits and _ for {of}, at most {MAX_NAME} of them and no "
            f"word of Python, got {name[:40]!r}"
        )
    if name.lower() in taken:
        raise UserError(f"expected a name of your own for {of}, got {name!r}, which has a meaning")
    return name


@cache
def _own(name: str, text: str) -> Activation:
    read = read_expression(text, {"z": Z})
    if not read.value.has(Z):
        raise UserError(f"expected an activation that depends on z, got {text[:60]!r}")
    _refuse_singular(read)
    _refuse_undefined(read)
    try:
        by_rules = _by_rules(read.value)
        found = Activation(name, read.value, stably(read.value), source=read.text)
        _check_numbers(found, read.tree, by_rules)
    except NotProvedError as error:
        raise UserError(f"cannot derive the activation {name}: {error}") from None
    except (
        ArithmeticError,
        NotImplementedError,
        TypeError,
        ValueError,
        RecursionError,
    ):  # SymPy at the end of its means
        raise UserError(
            f"cannot derive the activation {name}: {read.text[:60]!r} has cases that SymPy cannot compare"
        ) from None
    return found


def _refuse_singular(read: Expression) -> None:
    """Decide denominators, logarithms and roots of polynomials by their real roots."""
    for node in preorder_traversal(read.value):
        inner = node.args[0] if isinstance(node, (Pow, log)) else None
        if inner is None or not inner.has(Z) or not inner.is_polynomial(Z):
            continue
        if isinstance(node, Pow) and node.exp.is_Integer and node.exp > 0:
            continue
        polynomial = Poly(inner, Z).monic()
        if not all(c.is_Rational for c in polynomial.coeffs()):
            continue
        roots = real_roots(Poly(polynomial.all_coeffs(), Z, domain="QQ"))
        root = isinstance(node, Pow) and node.exp.is_positive
        if roots and not root:
            raise UserError(_undefined(read, f"at z = {_short(roots[0])}"))
        for region in between(sorted(set(roots))):
            if isinstance(node, Pow) and node.exp.is_Integer:
                continue
            if inner.xreplace({Z: region.sample}).is_negative:
                raise UserError(_undefined(read, f"at z = {_short(region.sample)}"))


def _refuse_undefined(read: Expression) -> None:
    """Try the formula at several hundred places; beyond |z| = NEAR it may overflow."""
    for place in _places():
        at = float(place)
        try:
            found = evaluate(read.tree, {"z": at})
        except OverflowError:
            if abs(at) <= NEAR:
                raise UserError(
                    f"expected an activation that can be computed for |z| <= {NEAR}; {read.text[:60]!r} "
                    f"overflows at z = {_short(place)}"
                ) from None
            continue
        except (ValueError, ZeroDivisionError):
            if abs(at) > NEAR and _only_rounded(read.tree, place):
                continue
            raise UserError(_undefined(read, f"at z = {_short(place)}")) from None
        if isinstance(found, complex):
            raise UserError(_undefined(read, f"at z = {_short(place)}"))


def _only_rounded(tree: Node, place: Rational) -> bool:
    """Say whether a formula is defined at a place in many digits, where floats round a denominator to 0."""
    try:
        with mpmath.workdps(1000):
            return bool(mpmath.isfinite(evaluate(tree, {"z": mpmath.mpf(place.p) / place.q}, mpmath)))
    except (ArithmeticError, ValueError):
        return False


def _undefined(read: Expression, where: str) -> str:
    return f"expected an activation that is real for every real z; {read.text[:60]!r} is not {where}"


def _short(place: Expr) -> str:
    return str(place) if place.is_Integer else f"{float(place):.6g}"


def _check_numbers(found: Activation, tree: Node, by_rules: dict[Region, Expr]) -> None:
    """Compare the formula, walked without SymPy, with the stable form and its differences with sigma'.

    Raises:
        NotProvedError: at the first place where two of them differ.
    """
    bent = found.kinks
    slope = found.slope()
    with mpmath.workdps(_DIGITS):
        for place in (Rational(k, 7) for k in _CHECKED):
            z = mpmath.mpf(place.p) / place.q
            if any(abs(place - kink) < Rational(1, 100) for kink in bent):
                continue

            def formula(at: Any) -> Any:
                return evaluate(tree, {"z": at}, mpmath)

            try:
                a = formula(z)
                wanted = mpmath.diff(formula, z)
            except (ArithmeticError, ValueError):
                continue
            if not (_moderate(a) and _moderate(wanted)):
                continue
            at = {Z: z, A: a}
            own = next(rule for region, rule in by_rules.items() if _inside(region, place))
            for what, got, expected in (
                ("stable form", value(found.stable, at), a),
                ("derivative", value(slope, at), wanted),
                ("derivative by the rules", value(own, at), wanted),
            ):
                if abs(got - expected) > _TOLERANCE * (1 + abs(expected)):
                    raise NotProvedError(f"its {what} is {_few(got)} and not {_few(expected)} at z = {place}")


def _moderate(number: Any) -> bool:
    return bool(mpmath.isfinite(number) and abs(number) < _LARGE)


def _few(number: Any) -> str:
    return str(mpmath.nstr(number, 8))


def _inside(region: Region, place: Expr) -> bool:
    return bool(region.low <= place <= region.high)


def _by_rules(definition: Expr) -> dict[Region, Expr]:
    """Differentiate piece by piece by the named rules of the calculus."""
    found = {}
    for region in between(breaks(definition)):
        piece = on(definition, region)
        piece = piece.replace(sinh, lambda u: (exp(u) - exp(-u)) / 2)
        piece = piece.replace(cosh, lambda u: (exp(u) + exp(-u)) / 2)
        found[region] = differentiate(piece, Z, _InZ())
    return found


class _InZ:
    """What the rules need to know: z is the only variable."""

    def definition(self, quantity: Expr) -> Expr | None:
        """Nothing is defined by anything else."""
        return None

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        """Only z itself moves."""
        return bool(quantity == variable)
