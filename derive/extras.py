"""What ``derive generate --with`` can add to a package, by name."""

from __future__ import annotations

from collections.abc import Iterable

from derive.errors import UserError
from derive.theorems.further import (
    GAUSS_NEWTON_PRODUCT,
    HESSIAN_PRODUCT,
    INPUT_GRADIENT,
    INPUT_JACOBIAN,
    JACOBIAN_PRODUCT,
    PULLED_BENDING,
    SECOND_DERIVATIVE,
    TRANSPOSED_PRODUCT,
)

ACCELERATION = "acceleration"

EXTRAS = {
    "input-jacobian": (INPUT_GRADIENT, INPUT_JACOBIAN),
    "products": (JACOBIAN_PRODUCT, TRANSPOSED_PRODUCT),
    "hessian": (HESSIAN_PRODUCT,),
    "gauss-newton": (GAUSS_NEWTON_PRODUCT,),
    "matrix-free": (JACOBIAN_PRODUCT, TRANSPOSED_PRODUCT),
    ACCELERATION: (SECOND_DERIVATIVE, PULLED_BENDING),
}
"""Each name, with the routines that its module has or rests on."""

_NEEDS = {"matrix-free": "products"}
_OF_SQUARES = ("matrix-free", ACCELERATION)  # steps for a cost that is a sum of squares


def module(extra: str) -> str:
    """Return the file that an extra adds."""
    return f"{extra.replace('-', '_')}.py"


def checked(names: Iterable[str]) -> tuple[str, ...]:
    """Return names in their fixed order, each once, with what they need.

    Raises:
        UserError: listing the known names, if one of them is not known.
    """
    asked = [name.strip() for name in names]
    for name in asked:
        if name not in EXTRAS:
            raise UserError(f"expected --with {', '.join(EXTRAS)}, joined by commas; got {name[:40]!r}")
    asked += [_NEEDS[name] for name in asked if name in _NEEDS]
    return tuple(name for name in EXTRAS if name in asked)


def fitting(squares: bool) -> tuple[str, ...]:
    """Return the names of all that a network can have, by whether its cost is a plain sum of squares."""
    return tuple(name for name in EXTRAS if squares or name not in _OF_SQUARES)


def require_fitting(names: Iterable[str], squares: bool, cost: str) -> None:
    """Refuse what a network with such a cost cannot have.

    Raises:
        UserError: naming the first that it cannot have.
    """
    for name in names:
        if name not in fitting(squares):
            raise UserError(
                f"expected a plain sum of squares for --with {name}, such as quadratic; got {cost}"
            )


def parse(text: str) -> tuple[str, ...]:
    """Read a comma list such as ``hessian,products``.

    Raises:
        UserError: listing the known names, if one of them is not known.
    """
    return checked(text.split(","))
