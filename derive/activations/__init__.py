"""Activations: the definition, a stable way to compute it, and its derivative, found and proved.

No derivative is typed and taken on trust: ``derivatives`` finds sigma' through the activation's own value
where there is a way, and whatever is found or proposed is decided from the definition by ``equality``.
Nothing is left to ``simplify``.
"""

from derive.activations.activation import Activation
from derive.activations.builtin import ACTIVATIONS, ALIASES, SIGMOID, scaled_sigmoid
from derive.activations.derivatives import prove_slope, prove_through_output
from derive.activations.functions import OVERFLOW_GUARD, A, Z
from derive.activations.names import activation, known_names
from derive.activations.own import own_activation

__all__ = [
    "ACTIVATIONS",
    "ALIASES",
    "OVERFLOW_GUARD",
    "SIGMOID",
    "A",
    "Activation",
    "Z",
    "activation",
    "known_names",
    "own_activation",
    "prove_slope",
    "prove_through_output",
    "scaled_sigmoid",
]
