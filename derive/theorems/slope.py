"""The derivative of an activation, through its own value where there is a way, step by step: (1.5), (1.6).

The right side is not typed: ``Activation.derivative_through_output`` finds it. Here the definition is
differentiated by the rules, and the outcome compared with it as one fraction with another. An activation that
is defined by cases is taken case by case, between the places where it has no derivative.
"""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Expr, Piecewise, Symbol, oo

from derive.activations import ACTIVATIONS, A, Activation, Z, activation, scaled_sigmoid
from derive.activations.equality import same_on
from derive.activations.regions import Region, between, breaks, on
from derive.calculus.derivation import Deriving
from derive.calculus.rules import DEFINITION, DISTRIBUTIVE
from derive.equation import Equation
from derive.errors import NotProvedError
from derive.quantities import Partial
from derive.theorems.theorem import Given, Part, Theorem

K = Symbol("k", real=True, nonzero=True)
SHIFT = Symbol("c", real=True)
LINE = Region(-oo, oo)


def slope(number: str, function: Activation, claimed: Expr | None = None, region: Region = LINE) -> Part:
    """Derive da/dz for a = sigma(z) on a region; ``claimed`` stands for the expression that was found."""
    definition = on(function.definition, region)
    meaning = Equation("", f"the {function.name}{_for(region)}", A, definition)
    given = Given((meaning,))
    work = Deriving(Partial(A, Z), given)
    work.step(DEFINITION, A, definition, meaning.name)
    work.open_derivatives()
    found = _through_output(function, region) if claimed is None else claimed
    reason = ""
    if found is None:
        found = work.now
    elif same_on(work.now, found.xreplace({A: definition}), region):
        unfolded = found.xreplace({A: definition})
        if unfolded != work.now:
            work.step(DISTRIBUTIVE, work.now, unfolded)
        if unfolded != found:
            work.step(DEFINITION, work.now, found, meaning.name)
    else:
        reason = "the two sides differ as fractions"
    equation = Equation(number, f"slope of the {function.name}{_for(region)}", Partial(A, Z), found)
    return Part(equation, work.done(), given, reason)


def parts_of(number: str, function: Activation) -> tuple[Part, ...]:
    """Derive the slope on every region between two places where the cases change."""
    places = breaks(function.definition)
    return tuple(slope(number, function, region=region) for region in between(places))


def _through_output(function: Activation, region: Region) -> Expr | None:
    """Return what was found on a region as an expression in a, or None where z is needed."""
    try:
        found = function.derivative_through_output()
    except NotProvedError:
        return None
    if region == LINE:
        return found
    value = function.definition.xreplace({Z: region.sample})
    if isinstance(found, Piecewise):
        found = next(branch for branch, when in found.args if when.xreplace({A: value}) == True)  # noqa: E712
    values = (
        function.definition.xreplace({Z: end}) if end.is_finite else end for end in (region.low, region.high)
    )
    return on(found.xreplace({A: Z}), Region(*values)).xreplace({Z: A})


def _for(region: Region) -> str:
    """Say where a region lies; nothing for the whole line."""
    ends = [f"z > {region.low}"] if region.low != -oo else []
    ends += [f"z < {region.high}"] if region.high != oo else []
    return f" for {' and '.join(ends)}" if ends else ""


def slopes(names: Iterable[str] = ACTIVATIONS) -> Theorem:
    """State and prove the derivative of every activation named; (1.6) is that of s(k(z - c))."""
    scaled = Activation("shifted and scaled sigmoid", scaled_sigmoid(K, SHIFT), Z)
    return Theorem(
        "slope",
        "The slope of an activation",
        ("z, k and c are real, k is not 0", "a = s(z), and a = s(k(z - c)) in (1.6)"),
        (
            *(part for name in names for part in parts_of("1.5", activation(name))),
            slope("1.6", scaled),
        ),
        "where da/dz needs a alone, a forward pass need not keep z",
    )
