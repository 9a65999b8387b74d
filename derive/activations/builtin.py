"""The activations that are known by name. Only definitions and stable forms stand here; sigma' is found.

What is stable is proved to be the definition between the guards, and tested against high precision.
"""

from __future__ import annotations

from sympy import Abs, Expr, Integer, Max, Min, Piecewise, Rational, cos, erf, exp, log, pi, sin, sqrt, tanh

from derive.activations.activation import Activation
from derive.activations.functions import OVERFLOW_GUARD, NormalCdf, Z, expm1
from derive.activations.stable import logistic, softplus
from derive.lazily import Lazily

LEAK = Rational(1, 100)
# The fixed point of mean 0 and variance 1 (Klambauer et al., 2017), to the digits of a float.
SELU_ALPHA = Rational("1.6732632423543772")
SELU_SCALE = Rational("1.0507009873554805")
GELU_CUBIC = Rational("0.044715")  # Hendrycks and Gimpel (2016)

_FAR = 40  # exp(-40^2/2) is 0 in float64
_FAR_FOR_TANH = 30  # so is exp of twice the argument that the tanh form of GELU has there


def scaled_sigmoid(k: Expr, c: Expr) -> Expr:
    """Return the notes' shifted and scaled sigmoid s(k(z - c)); its derivative is k a (1 - a)."""
    return 1 / (1 + exp(-k * (Z - c)))


def stable_scaled_sigmoid(k: Expr, c: Expr) -> Expr:
    """Return s(k(z - c)) so that its exponential stays finite."""
    return 1 / (1 + exp(Min(-k * (Z - c), OVERFLOW_GUARD)))


def _clipped(bound: int) -> Expr:
    return Max(Min(Z, bound), -bound)


def _normal_density(v: Expr) -> Expr:
    return exp(-(v**2) / 2) / sqrt(2 * pi)


def _tanh_of_gelu(v: Expr) -> Expr:
    return sqrt(2 / pi) * (v + GELU_CUBIC * v**3)


def _gelu_tanh() -> Activation:
    clipped = _clipped(_FAR_FOR_TANH)
    s, opposite = logistic(2 * _tanh_of_gelu(clipped)), logistic(-2 * _tanh_of_gelu(clipped))
    inner = 2 * _tanh_of_gelu(Z).diff(Z).xreplace({Z: clipped})
    return Activation(
        "gelu_tanh",
        Z * (1 + tanh(_tanh_of_gelu(Z))) / 2,
        Z * s,
        s * (1 + clipped * opposite * inner),
    )


def _silu() -> Activation:
    s, opposite = logistic(Z), logistic(-Z)  # 1 - s would lose the right tail
    return Activation("silu", Z / (1 + exp(-Z)), Z * s, s * (1 + Z * opposite))


def _gelu() -> Activation:
    clipped = _clipped(_FAR)
    phi = NormalCdf(clipped)
    return Activation(
        "gelu",
        Z * (1 + erf(Z / sqrt(2))) / 2,
        Z * NormalCdf(clipped),
        phi + clipped * _normal_density(clipped),
    )


def _cases(above: Expr, below: Expr) -> Expr:
    return Piecewise((above, Z > 0), (below, True))


SIGMOID = Activation("sigmoid", 1 / (1 + exp(-Z)), 1 / (1 + exp(Min(-Z, OVERFLOW_GUARD))))


def _selu() -> Activation:
    return Activation(
        "selu",
        _cases(SELU_SCALE * Z, SELU_SCALE * SELU_ALPHA * (exp(Z) - 1)),
        SELU_SCALE * Max(Z, 0) + SELU_SCALE * SELU_ALPHA * expm1(_below()),
    )


def _below() -> Expr:
    return Min(Z, 0)


ACTIVATIONS = Lazily(
    {
        "sigmoid": lambda: SIGMOID,
        "linear": lambda: Activation("linear", Z, Z),
        "tanh": lambda: Activation("tanh", tanh(Z), tanh(Z)),
        "relu": lambda: Activation("relu", _cases(Z, Integer(0)), Max(Z, 0)),
        "leaky_relu": lambda: Activation("leaky_relu", _cases(Z, LEAK * Z), Max(Z, 0) + LEAK * _below()),
        "elu": lambda: Activation("elu", _cases(Z, exp(Z) - 1), Max(Z, 0) + expm1(_below())),
        "selu": _selu,
        "softplus": lambda: Activation("softplus", log(1 + exp(Z)), softplus(Z)),
        "silu": _silu,
        "gelu": _gelu,
        "gelu_tanh": _gelu_tanh,
        "softsign": lambda: Activation("softsign", Z / (1 + Abs(Z)), Z / (1 + Abs(Z))),
        "sin": lambda: Activation("sin", sin(Z), sin(Z), cos(Z)),
        "gaussian": lambda: Activation("gaussian", exp(-(Z**2) / 2), exp(-(_clipped(_FAR) ** 2) / 2)),
        "exp": lambda: Activation("exp", exp(Z), exp(Min(Z, OVERFLOW_GUARD))),
        "one_minus_exp": lambda: Activation("one_minus_exp", 1 - exp(-Z), -expm1(Min(-Z, OVERFLOW_GUARD))),
    }
)

ALIASES = {"logistic": "sigmoid", "swish": "silu", "identity": "linear"}
