"""What the arrays of emitted C mean, and the derived equations that give them, for one sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sympy import Expr, Indexed, Integer

from derive.network import array_of
from derive.numbered import cost_equation
from derive.program.lowering import Computed
from derive.program.routines import computed, computed_cost, forward_equations
from derive.proof import Proof
from derive.quantities import Cost, F, IndexedBase, N, Partial, a, b, delta, e, m, omega, q, u, w, y, z
from derive.theorems import levenberg_marquardt as lm
from derive.verification.c_loops import Array
from derive.verification.expected import Knowledge
from derive.verification.spelling import as_code
from derive.verification.values import place

SAMPLE = place(0, N)  # the sample at hand
DELTA = IndexedBase("Delta")
ROWS = IndexedBase("J")  # J[i, c, p]


@dataclass(frozen=True)
class Equation:
    """A derived equation: its number, left-hand side, and what is computed for the right."""

    number: str
    left: Expr
    right: Expr


class OneSample:
    """The arrays of the emitted code for one sample, and the equations that give them."""

    def __init__(self, proof: Proof) -> None:
        self.proof, self.network = proof, proof.network
        self.sizes = proof.architecture.sizes
        self.parameters = proof.network.parameters()
        forward = forward_equations(proof.network)
        self.cost = computed_cost(proof.network, cost_equation(proof.network))
        scaled, mean, rows = (
            [computed(proof.network, item.equation) for item in items]
            for items in (proof.scaled, proof.mean, proof.output)
        )
        self.forward, self.scaled, self.mean, self.rows = map(_read, (forward, scaled, mean, rows))
        self.knowledge = Knowledge(proof, forward)

    def arrays(self, *, rows: bool) -> dict[str, Array]:
        """Return all arrays by name; ``rows`` says whether deltas are those of every output."""
        i, outputs, count = SAMPLE, self.sizes[-1], self.proof.architecture.n_parameters
        found = {
            "x": Array(lambda k: a[1, i, k], (self.sizes[0],)),
            "y": Array(lambda j: y[i, j], (outputs,)),
            "r": Array(lambda c: lm.r[i, c], (outputs,)),
            "OMEGA": Array(lambda j: omega[j], (outputs,)),
        }
        for layer in range(2, len(self.sizes) + 1):
            width = self.sizes[layer - 1]
            for letter in (z, a, e):
                found[f"{letter}{layer}"] = Array(_neuron(letter, layer), (width,))
            for letter in (m, q):
                found[f"{letter}{layer}"] = Array(_neuron(letter, layer, alone=True), (1,))
            if rows:
                found[f"d{layer}"] = Array(_output(layer), (outputs, width))
            else:
                found[f"d{layer}"] = Array(_neuron(delta, layer), (width,))
        for parameter, (name, _) in zip(self.parameters, self.places(), strict=True):
            letter, lead = array_of(parameter)
            sizes = tuple(int(index.upper) for index in parameter.indices[len(lead) :])
            found[name] = Array(_parameter(letter, lead), sizes)
            found[f"g{name}"] = Array(_derivative(letter, lead), sizes)
            found[f"J{name}"] = Array(_row(letter, lead), (outputs, *sizes), row=count)
        return found

    def flat(self, *names: str) -> dict[str, Array]:
        """Return some of the arrays over all parameters."""
        count, outputs = self.proof.architecture.n_parameters, self.sizes[-1]
        found = {
            "A": Array(lambda p, k: lm.A[p, k], (count, count), half=True),
            "g": Array(lambda p: lm.g[p], (count,)),
            "h": Array(lambda p: lm.h[p], (count,)),
            "p": Array(lambda p: lm.p_old[p], (count,)),
            "p_new": Array(lambda p: lm.p_new[p], (count,)),
            "J": Array(lambda c, p: ROWS[SAMPLE, c, p], (outputs, count)),
            "r": Array(lambda c: lm.r[SAMPLE, c], (outputs,)),
        }
        return {name: found[name] for name in names}

    def places(self) -> list[tuple[str, int]]:
        """Return the name of each array of parameters, and where in p it begins."""
        found, start = [], 0
        for parameter in self.parameters:
            letter, lead = array_of(parameter)
            name = {w: "W", u: "U", b: "b"}[letter] + "_".join(map(str, lead))
            found.append((name, start))
            entries = 1
            for index in parameter.indices[len(lead) :]:
                entries *= int(index.upper)
            start += entries
        return found


def _neuron(letter: IndexedBase, layer: int, *, alone: bool = False) -> Callable[..., Expr]:
    return lambda j: letter[layer, SAMPLE] if alone else letter[layer, SAMPLE, j]


def _output(layer: int) -> Callable[..., Expr]:
    return lambda c, j: DELTA[layer, SAMPLE, c, j]


def _parameter(letter: IndexedBase, lead: tuple[Expr, ...]) -> Callable[..., Expr]:
    return lambda *at: letter[(*lead, *at)]


def _derivative(letter: IndexedBase, lead: tuple[Expr, ...]) -> Callable[..., Expr]:
    return lambda *at: Partial(Cost, letter[(*lead, *at)])


def _row(letter: IndexedBase, lead: tuple[Expr, ...]) -> Callable[..., Expr]:
    return lambda c, *at: Partial(F[SAMPLE, c], letter[(*lead, *at)])


def _read(items: Iterable[Computed]) -> list[Equation]:
    return [Equation(item.equation.number, item.equation.lhs, as_code(item.rhs)) for item in items]


def places_of(quantity: Expr) -> tuple[Expr, ...]:
    """Return all indices of a quantity, those that name its array among them."""
    if isinstance(quantity, Partial):
        return (*places_of(quantity.f), *places_of(quantity.v))
    return tuple(quantity.indices) if isinstance(quantity, Indexed) else ()


def family(quantity: Expr) -> tuple[object, ...]:
    """Return what the entries of an array have in common."""
    if isinstance(quantity, Partial):
        return ("d", family(quantity.f), family(quantity.v))
    if not isinstance(quantity, Indexed):
        return (quantity,)
    named = [place for place in quantity.indices if isinstance(place, Integer)]
    return (quantity.base, *named[: 2 if quantity.base == u else 1])
