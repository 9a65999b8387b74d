"""From a name to an activation: built-in names, their aliases, ``sigmoid(k,c)`` and one's own definitions."""

from __future__ import annotations

import re
from functools import cache

from sympy import Rational

from derive.activations.activation import Activation
from derive.activations.builtin import ACTIVATIONS, ALIASES, scaled_sigmoid, stable_scaled_sigmoid
from derive.errors import UserError

LARGEST = 10**6
MAX_DIGITS = 12

_SCALED = re.compile(r"(sigmoid|logistic)\(([^(),]*),([^(),]*)\)", flags=re.ASCII)
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?", flags=re.ASCII)


def known_names() -> tuple[str, ...]:
    """Return the names that ``activation`` resolves, aliases last."""
    return (*ACTIVATIONS, *ALIASES)


def activation(name: str) -> Activation:
    """Return the activation of a name such as ``tanh``, ``swish``, ``sigmoid(3,5)`` or ``own: z*tanh(z)``.

    Raises:
        UserError: if the name is not known, or its numbers or its expression are refused.
    """
    if not isinstance(name, str):
        raise UserError(f"expected the name of an activation, got {name!r}")
    plain = name.strip()
    plain = ALIASES.get(plain, plain)
    if plain in ACTIVATIONS:
        return ACTIVATIONS[plain]
    if ":" in plain:
        from derive.activations.own import own_activation

        return own_activation(plain)
    if (scaled := _SCALED.fullmatch(plain)) is not None:
        return scaled_and_shifted(*(_number(text.strip()) for text in scaled.groups()[1:]))
    shown = name if len(name) <= 40 else name[:37] + "..."
    raise UserError(
        f"expected an activation among {', '.join(known_names())}, sigmoid(k,c) with numbers, "
        f"or 'name: expression in z'; got {shown!r}"
    )


@cache
def scaled_and_shifted(k: Rational, c: Rational) -> Activation:
    """Return s(k(z - c)) for given numbers, named ``sigmoid(k,c)``.

    Raises:
        UserError: if k is 0 or a number is too large.
    """
    k, c = Rational(k), Rational(c)
    if k == 0:
        raise UserError("expected k other than 0 in sigmoid(k,c): the function would be constant")
    if max(abs(k), abs(c)) > LARGEST:
        raise UserError(f"expected k and c between -{LARGEST} and {LARGEST} in sigmoid(k,c), got {k}, {c}")
    name = f"sigmoid({_spelled(k)},{_spelled(c)})"
    return Activation(name, scaled_sigmoid(k, c), stable_scaled_sigmoid(k, c))


def _number(text: str) -> Rational:
    if not _NUMBER.fullmatch(text) or len(text) > MAX_DIGITS:
        raise UserError(
            f"expected two numbers of at most {MAX_DIGITS} characters in sigmoid(k,c), such as "
            f"sigmoid(3,5); got {text[:20]!r}"
        )
    return Rational(text)


def _spelled(value: Rational) -> str:
    return str(value) if value.q == 1 else str(value.evalf(MAX_DIGITS + 3)).rstrip("0")
