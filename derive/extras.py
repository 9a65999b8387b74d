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
    TRANSPOSED_PRODUCT,
)

EXTRAS = {
    "input-jacobian": (INPUT_GRADIENT, INPUT_JACOBIAN),
    "products": (JACOBIAN_PRODUCT, TRANSPOSED_PRODUCT),
    "hessian": (HESSIAN_PRODUCT,),
    "gauss-newton": (GAUSS_NEWTON_PRODUCT,),
}
"""Each name, with the routines that its module has."""


def module(extra: str) -> str:
    """Return the file that an extra adds."""
    return f"{extra.replace('-', '_')}.py"


def checked(names: Iterable[str]) -> tuple[str, ...]:
    """Return names in their fixed order, each once.

    Raises:
        UserError: listing the known names, if one of them is not known.
    """
    asked = [name.strip() for name in names]
    for name in asked:
        if name not in EXTRAS:
            raise UserError(f"expected --with {', '.join(EXTRAS)}, joined by commas; got {name[:40]!r}")
    return tuple(name for name in EXTRAS if name in asked)


def parse(text: str) -> tuple[str, ...]:
    """Read a comma list such as ``hessian,products``.

    Raises:
        UserError: listing the known names, if one of them is not known.
    """
    return checked(text.split(","))
