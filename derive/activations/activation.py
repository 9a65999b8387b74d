"""An activation: its definition, the form that is computed, and its derivative."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sympy import Expr

from derive.activations.derivatives import (
    derivative,
    kinks,
    slope_interval,
    through_both,
    through_output,
)
from derive.activations.equality import interval_of_equality
from derive.activations.functions import A, Z
from derive.activations.stable import by_expm1, stably, without_cases
from derive.errors import NotProvedError


@dataclass(frozen=True)
class Activation:
    """An activation by name.

    ``definition`` is an expression in ``Z``. ``stable`` is what is computed; it equals the definition on
    ``exact_interval``, and beyond that no float tells the two apart, or the definition overflows and
    ``stable`` stays where it was. ``proposed`` is a stable spelling of sigma' in ``Z`` and ``A``, used only
    if it is proved.
    """

    name: str
    definition: Expr
    stable: Expr
    proposed: Expr | None = None
    source: str = ""  # the formula as a person typed it

    @property
    def spelling(self) -> str:
        """What ``activation()`` resolves to this one: the name, with the formula if it is one's own."""
        return f"{self.name}: {self.source}" if self.source else self.name

    def derivative_through_output(self) -> Expr:
        """Return sigma' as an expression in ``A``, the activation's own value.

        Raises:
            NotProvedError: if no such expression is found, or it fails its own proof.
        """
        return through_output(self.definition)

    def derivative(self) -> Expr:
        """Return sigma' as the definition is differentiated in ``Z``."""
        return derivative(self.definition)

    def slope(self) -> Expr:
        """Return sigma' as it is computed: through ``A`` where there is a way, else with ``Z`` as well.

        Raises:
            NotProvedError: if a form that was found or proposed is not sigma'.
        """
        return _slope(self.definition, self.proposed)

    def slope_interval(self) -> tuple[Expr, Expr] | None:
        """Return the widest interval around 0 on which ``slope()`` is proved to be sigma', kinks left out."""
        return slope_interval(self.definition, self.slope())

    def needs_input(self) -> bool:
        """Say whether sigma' needs z, so that the weighted input must be kept."""
        return bool(self.slope().has(Z))

    def exact_interval(self) -> tuple[Expr, Expr] | None:
        """Return the widest interval around 0 on which ``stable`` is proved to be the definition, if any."""
        try:
            return interval_of_equality(self.stable, self.definition)
        except NotProvedError:
            return None

    def stable_is_definition(self) -> bool:
        """Decide that the stable form is the definition wherever no guard against overflow binds."""
        found = self.exact_interval()
        return found is not None and found[0] < 0 < found[1]

    @property
    def kinks(self) -> tuple[Expr, ...]:
        """The places where the activation is not differentiable, in order."""
        return kinks(self.definition)

    @property
    def side_condition(self) -> str:
        """What must hold for sigma' to exist, such as ``z is not 0``; empty if it always does."""
        return " and ".join(f"z is not {place}" for place in self.kinks)

    @property
    def convention(self) -> str:
        """What the computed sigma' is where there is none; empty if there always is one."""
        said = []
        for place in self.kinks:
            value = self.slope().xreplace({A: self.definition.xreplace({Z: place}), Z: place})
            said.append(f"the derivative at {place} is taken to be {number_text(value)}")
        return "; ".join(said)


def number_text(value: Expr) -> str:
    """Return a constant as a person would write it."""
    if value.is_Integer or (value.is_Rational and value.q <= 1000 and len(str(float(value))) > 6):
        return str(value)
    return f"{float(value):.6g}"


@cache
def _slope(definition: Expr, proposed: Expr | None) -> Expr:
    if proposed is not None:
        return _checked(definition, proposed)
    try:
        found = through_output(definition)
    except NotProvedError:
        both = through_both(definition)
        return both if both is not None else _in_z(definition)
    return _checked(definition, by_expm1(without_cases(found)))


def _in_z(definition: Expr) -> Expr:
    """Return the derivative in z, rewritten for a machine where that is proved to keep it."""
    plain = derivative(definition)
    for claimed in (without_cases(stably(plain)), without_cases(plain)):
        found = slope_interval(definition, claimed)
        if found is not None and found[0] < 0 < found[1]:
            return claimed
    return plain


def _checked(definition: Expr, claimed: Expr) -> Expr:
    found = slope_interval(definition, claimed)
    if found is None or not found[0] < 0 < found[1]:
        raise NotProvedError(f"{claimed} is not proved to be the derivative of {definition}")
    return claimed
