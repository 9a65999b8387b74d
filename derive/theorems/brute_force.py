"""Proof (c): SymPy's own ``diff`` of the fully expanded cost, parameter by parameter.

The cost of one sample is written out in scalars at the architecture's own widths, activations opaque, and
differentiated by SymPy in each of the s parameters. The claim is written out in the same scalars. Both
are polynomials in the weights and in applications of sigma and sigma' with identical arguments, so
``expand`` decides whether they are equal. Nothing of ``calculus`` takes part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

from sympy import Add, Dummy, Expr, Indexed, Integer, KroneckerDelta, Sum, Symbol, expand

from derive.network import Network, Objective, sample_cost
from derive.quantities import Index, Loss, LossPrime, Sigma, SigmaPrime, delta
from derive.theorems.lemma1 import LEMMA_1, Claim

MAX_PARAMETERS = 50
MAX_DEPTH = 5


@dataclass
class Scalars:
    """Writes index expressions out in scalar symbols; recursion stops at w, b, x and y."""

    network: Network
    claim: Claim
    known: dict[tuple[object, ...], Expr] = field(default_factory=dict)

    def write(self, expr: Expr, values: dict[Index, int]) -> Expr:
        """Replace every index by its value, every sum by its terms, z, a and delta by what they are."""
        if isinstance(expr, Index):
            return Integer(values[expr])
        if isinstance(expr, Sum):
            index, _, upper = expr.limits[0]
            inner = Sum(expr.function, *expr.limits[1:]) if expr.limits[1:] else expr.function
            terms = (self.write(inner, values | {index: m}) for m in range(1, int(upper) + 1))
            return Add(*terms)
        if isinstance(expr, Indexed):
            return self.entry(expr, tuple(int(self.write(arg, values)) for arg in expr.indices))
        if not expr.args:
            return expr
        if isinstance(expr, KroneckerDelta):
            return KroneckerDelta(*(self.write(arg, values) for arg in expr.args[:2]))
        return expr.func(*(self.write(arg, values) for arg in expr.args))

    def entry(self, quantity: Indexed, place: tuple[int, ...]) -> Expr:
        """Return the scalar for one entry of an indexed quantity."""
        key = (quantity.base, *place)
        if key not in self.known:
            where = [Integer(position) for position in place]
            if quantity.base == delta:
                meaning: Expr | None = self.claim.delta(self.network, *where)
            else:
                meaning = self.network.definition(quantity.base[tuple(where)])
            self.known[key] = Symbol("_".join(map(str, key))) if meaning is None else self.write(meaning, {})
        return self.known[key]


@dataclass(frozen=True)
class BruteForce:
    """How many of the s derivatives were compared, and which of them differ."""

    compared: int
    differing: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """True if at least one derivative was compared and none differs."""
        return self.compared > 0 and not self.differing


def affordable(network: Network) -> bool:
    """Say whether the expanded cost stays small enough: it swells with width and depth."""
    shape = network.architecture
    small = shape is not None and shape.n_parameters <= MAX_PARAMETERS and shape.depth <= MAX_DEPTH
    return small and not network.matched


def prove_by_brute_force(
    network: Network, claim: Claim = LEMMA_1, objective: Objective | None = None
) -> BruteForce:
    """Differentiate the expanded cost in every parameter and compare with the claim, exactly."""
    objective = objective or sample_cost()
    scalars = Scalars(network, claim)
    i = objective.i
    cost = scalars.write(objective.define(network), {i: 1})
    letters: dict[Expr, Symbol] = {}
    compared, differing = 0, []
    for parameter in network.parameters():
        _, claimed = claim.gradient(network, parameter, i)
        neurons = [index for index in parameter.indices if isinstance(index, Index)]
        for place in product(*(range(1, int(index.upper) + 1) for index in neurons)):
            values = {i: 1, **dict(zip(neurons, place, strict=True))}
            symbol = scalars.write(parameter, values)
            compared += 1
            difference = cost.diff(symbol) - scalars.write(claimed, values)
            if expand(_with_letters(difference, letters)) != 0:
                differing.append(str(symbol))
    return BruteForce(compared, tuple(differing))


def _with_letters(expr: Expr, letters: dict[Expr, Symbol]) -> Expr:
    """Put one letter for each application of sigma or sigma', so that a polynomial remains."""
    for application in expr.atoms(Sigma, SigmaPrime, Loss, LossPrime):
        letters.setdefault(application, Dummy("s"))
    return expr.xreplace(letters)
