"""The second derivative of a loss in the output: from the slope dl/da that was found and proved."""

from __future__ import annotations

from sympy import Expr

from derive.activations import A
from derive.activations.second import change
from derive.own_cost import cost as cost_of


def loss_curvature(name: str) -> Expr:
    """Return the second derivative of a loss in ``A``, as it is computed, in ``Y`` and ``A``.

    Raises:
        NotProvedError: if the slope is not proved.
    """
    return change(cost_of(name).slope(), A)
