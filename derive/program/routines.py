"""The programs of a package: which equations, in which order, make which function.

``assemble`` turns a proof into routines. A routine is a function to print: what it takes, its statements and
what it gives back. Routines that run one after another over the same arrays (forward then backward) are
lowered and optimised as one program and then cut where one ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, replace
from itertools import pairwise

from sympy import Expr, Indexed, Integer, exp, log

from derive.activations import A, Activation, Z, activation
from derive.calculus.derivation import Deriving
from derive.costs import Y
from derive.equation import Equation
from derive.network import Network
from derive.numbered import cost_equation, residual_equation, sample_cost_equation
from derive.own_cost import cost as cost_of
from derive.program.building import with_letters
from derive.program.lowering import Computed, Lowering, plainly
from derive.program.passes import compute_in_place, drop_unread, share_memory
from derive.program.statements import Axes, Program, Scalar, Statement, View
from derive.proof import Proof
from derive.quantities import (
    C,
    Cost,
    F,
    Greatest,
    Index,
    IndexedBase,
    Loss,
    LossPrime,
    LossSecond,
    N,
    Partial,
    Sigma,
    SigmaPrime,
    a,
    b,
    delta,
    e,
    m,
    omega,
    q,
    total,
    u,
    w,
    x,
    y,
    z,
)
from derive.remembered import remembered
from derive.theorems import curved
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.backpropagation import Derived
from derive.theorems.curved import NetworkStep
from derive.theorems.descent import descent_update
from derive.theorems.softmax import surprise

DELTA_OF_OUTPUT = "Delta"
WEIGHTS = "OMEGA"  # the array of the weights of the outputs, a constant of the package


@dataclass(frozen=True)
class Routine:
    """Statements in order, the sizes of their arrays, and the slot in which each array lies."""

    statements: tuple[Statement, ...]
    axes: dict[str, Axes]
    slots: dict[str, int]

    @property
    def comes_in(self) -> set[str]:
        """The names that are read before any statement writes them."""
        found: set[str] = set()
        written: set[str] = set()
        for statement in self.statements:
            found.update(name for name in statement.reads if name not in written)
            written.add(statement.target.array)
        return found

    @property
    def arrays(self) -> set[str]:
        """The names that a statement reads or writes."""
        return {name for statement in self.statements for name in statement.arrays}

    @property
    def reads_samples(self) -> bool:
        """True if a statement needs the number of samples."""
        return any(
            operand.value.has(N)
            if isinstance(operand, Scalar)
            else "n" in _spelt_out(operand, self.axes[operand.array])
            for statement in self.statements
            for operand in (*statement.operands, statement.target)
        )


def _spelt_out(view: View, axes: Axes) -> Axes:
    """Return the sizes that are written where an array is seen in another shape."""
    last = axes[-1:] if view.flat else ()
    return (*axes[: view.rows], *last, *(axes[:1] if view.tail else ()))


@dataclass(frozen=True)
class Routines:
    """All that a package computes; ``kept`` are the arrays that a forward pass leaves for the rest."""

    kept: tuple[str, ...]
    propagate: Routine
    mean_cost: Routine
    sample_costs: Routine
    residual: Routine
    backpropagate: Routine
    differentiate: Routine
    primal: Routine
    dual: Routine
    descend: Routine
    curved: CurvedRoutines | None = None
    lowered: Routine | None = None  # the forward pass before any pass that saves time

    @property
    def forward(self) -> Routine:
        """The forward pass as further routines are lowered after it."""
        return self.lowered or self.propagate


@dataclass(frozen=True)
class CurvedRoutines:
    """The step of a loss that is no plain square: r and what H is made of, J, K = H J, and the systems."""

    bend: Routine
    differentiate: Routine
    multiply: Routine
    primal: Routine
    dual: Routine


def assemble(proof: Proof) -> Routines:
    """Lower every equation of a proof that computes something.

    Raises:
        NotProvedError: if anything in the proof failed.
    """
    proof.require()
    network = proof.network
    forward = forward_equations(network)
    backward = [computed(network, derived.equation) for derived in proof.mean]
    rows = [computed(network, derived.equation) for derived in proof.output]
    cost, difference = [computed_cost(network, cost_equation(network))], [plainly(residual_equation(network))]
    of_samples = [computed_cost(network, sample_cost_equation(network))]
    last = f"a{network.depth}"
    kept = weighted_inputs_needed([*backward, *rows, *cost])
    parameters = {name_array(derived.equation.lhs.v)[0] for derived in proof.mean if _of_parameter(derived)}
    inputs = parameters | {"X", "Y", "J", WEIGHTS}
    gradients = {f"g{name}" for name in parameters}
    jacobians = {f"J{name}" for name in parameters}

    def build(outputs: set[str], *segments: list[Computed]) -> list[Routine]:
        """Optimise functions that run one after another together; return each."""
        program = Program(
            inputs=inputs, outputs=outputs | kept, external=gradients | jacobians | {"r", "costs"}
        )
        lowering = Lowering(program, name_array, size_of)
        starts = []
        for equations in segments:
            starts.append(len(program.statements))
            for equation in equations:
                lowering.lower(equation)
        program = compute_in_place(program, starts)
        slots = share_memory(replace(program, outputs=program.outputs - kept))
        cuts = pairwise([*starts, len(program.statements)])
        return [Routine(tuple(program.statements[i:j]), program.axes, slots) for i, j in cuts]

    propagate, cost_alone, costs, residual = build(
        {last, "cost", "costs", "r"}, forward, cost, of_samples, difference
    )
    _, _, backpropagate = build(gradients | {"cost"}, forward, cost, backward)
    *_, differentiate = build(jacobians | {"r"}, forward, difference, rows)
    layers = range(2, int(network.depth) + 1)
    left = (f"{letter}{layer}" for layer in layers for letter in "zmqa")
    return Routines(
        kept=tuple(name for name in left if name[0] == "a" or name in kept),
        propagate=propagate,
        mean_cost=cost_alone,
        sample_costs=costs,
        residual=residual,
        backpropagate=backpropagate,
        differentiate=differentiate,
        primal=_primal(proof.step),
        dual=_dual(proof.step),
        descend=_descend(),
        curved=None if proof.curved is None else _curved(proof.curved, build, forward, network, jacobians),
    )


def curved_equations(network: Network, found: NetworkStep) -> tuple[list[Computed], list[Computed]]:
    """Return what comes before the rows of J, (2.15) and the diagonal of (2.16), and (2.17) after them."""
    first = [found.slope.equation, *([] if found.diagonal is None else [found.diagonal])]
    return [computed(network, equation) for equation in first], [computed(network, found.bent.equation)]


def _curved(
    found: NetworkStep,
    build: Callable[..., list[Routine]],
    forward: list[Computed],
    network: Network,
    jacobians: set[str],
) -> CurvedRoutines:
    first, last = curved_equations(network, found)
    rows = [computed(network, derived.equation) for derived in found.rows]
    _, bend, differentiate, multiply = build(jacobians | {"r", "K"}, forward, first, rows, last)
    inputs = {"p", "J", "K", "r"}
    return CurvedRoutines(
        bend, differentiate, multiply, _primal(found.step, inputs), _dual(found.step, inputs)
    )


def weighted_inputs_needed(equations: Iterable[Computed]) -> set[str]:
    """Return the arrays of z that equations read: where a slope needs z, the forward pass must leave it."""
    quantities = (quantity for item in equations for quantity in item.rhs.atoms(Indexed))
    return {name_array(quantity)[0] for quantity in quantities if quantity.base in (z, m, q)}


def _of_parameter(derived: Derived) -> bool:
    return isinstance(derived.equation.lhs, Partial)


# -- equations ready to be computed --------------------------------------------------------------------


def forward_equations(network: Network) -> list[Computed]:
    """Return (0.2) and (0.3) with every activation in its stable form; (0.1) only names X."""
    found = []
    for equation in network.equations():
        if equation.number == "0.3" and network.softmax and equation.lhs.indices[0] == network.depth:
            found += softmax_equations(network, equation)
        elif equation.number != "0.1":
            found.append(computed(network, equation))
    return found


def softmax_equations(network: Network, equation: Equation) -> list[Computed]:
    """Return the softmax in steps that cannot overflow: (1.9) shifts every z by the greatest one."""
    layer, i, j = equation.lhs.indices
    k = network.index("k", layer)
    steps = (
        ("greatest weighted input", m[layer, i], Greatest(z[layer, i, k], (k, 1, k.upper))),
        ("shifted exponential", e[layer, i, j], exp(z[layer, i, j] - m[layer, i])),
        ("sum of exponentials", q[layer, i], total(e[layer, i, k], k)),
        ("softmax", equation.lhs, e[layer, i, j] / q[layer, i]),
    )
    return [plainly(Equation(equation.number, name, left, right)) for name, left, right in steps]


def computed(network: Network, equation: Equation) -> Computed:
    """Write sigma in its stable form and sigma' as it is computed: through a where there is a way, (1.5)."""
    return Computed(equation, _stable(network, equation.rhs))


@remembered
def _stable(network: Network, rhs: Expr) -> Expr:
    def function(layer: Expr) -> Activation:
        assert network.architecture is not None
        return activation(network.architecture.activations[int(layer) - 2])

    def sigma(layer: Expr, at: Expr) -> Expr:
        return with_letters(function(layer).stable, {Z: at})

    def sigma_prime(layer: Expr, at: Expr) -> Expr:
        return with_letters(function(layer).slope(), {A: a[at.indices], Z: at})

    def loss_prime(target: Expr, found: Expr) -> Expr:
        return cost_of(network.cost).slope().xreplace({Y: target, A: found})

    def loss_second(target: Expr, found: Expr) -> Expr:
        return cost_of(network.cost).curvature().xreplace({Y: target, A: found})

    forms = ((LossPrime, loss_prime), (LossSecond, loss_second), (Sigma, sigma), (SigmaPrime, sigma_prime))
    for letter, form in forms:
        rhs = rhs.replace(letter, form) if rhs.has(letter) else rhs
    return rhs


def computed_cost(network: Network, equation: Equation) -> Computed:
    """Return (0.4) or (0.7) with constant factors in front of the sums, the loss in its stable form."""

    def loss(target: Expr, found: Expr) -> Expr:
        return cost_of(network.cost).stable.xreplace({Y: target, A: found, Z: z[found.indices]})

    minus_log_a = IndexedBase("-log a")  # of a softmax in the form that is computed: a may be rounded to 0

    def logarithm(found: Expr) -> Expr:
        return -minus_log_a[found.indices]

    def computed_logarithm(entry: Expr) -> Expr:
        layer, i, _ = entry.indices
        return surprise(m[layer, i], z[entry.indices], q[layer, i])

    rhs = equation.rhs.replace(Loss, loss)
    rhs = Deriving(rhs.replace(log, logarithm) if network.softmax else rhs, network).tidy().done().result
    entries = {entry: computed_logarithm(entry) for entry in rhs.atoms(Indexed) if entry.base == minus_log_a}
    return Computed(equation, rhs.xreplace(entries))


# -- names and sizes -----------------------------------------------------------------------------------


def name_array(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Return the array that holds a quantity and the arguments that are its axes."""
    if isinstance(quantity, Partial):
        name, axes = name_array(quantity.v)
        objective = quantity.f
        if getattr(objective, "base", None) in (F, curved.U):
            return f"J{name}", (*objective.indices, *axes)
        return f"g{name}", axes
    if quantity == Cost:
        return "cost", ()
    if not isinstance(quantity, Indexed):
        raise ValueError(f"no array holds {quantity}")
    base, places = quantity.base, quantity.indices
    if base in _WHOLE:
        return _WHOLE[base], places
    layer, *axes = places
    number = layer.p if isinstance(layer, Integer) else layer  # SymPy takes its time to print one
    if base == u:
        return f"U{layer}_{axes[0]}", tuple(axes[1:])
    if base == a and layer == 1:
        return "X", tuple(axes)
    return f"{_BY_LAYER[base.name]}{number}", tuple(axes)


_BY_LAYER = {str(letter): str(letter) for letter in (m, e, q)} | {
    str(w): "W",
    str(b): "b",
    str(z): "z",
    str(a): "a",
    str(delta): "d",
    DELTA_OF_OUTPUT: "d",
    str(curved.GAMMA): "d",
}
_WHOLE = {
    omega: WEIGHTS,
    C: "costs",
    x: "X",
    y: "Y",
    lm.r: "r",
    lm.J: "J",
    lm.A: "A",
    lm.g: "g",
    lm.h: "h",
    lm.G: "G",
    lm.v: "v",
    curved.rho: "r",
    curved.D: "D",
    curved.K: "K",
    lm.p_old: "p",
    lm.p_new: "p_new",
}


def size_of(index: Index) -> int | str:
    """Return the length of an index's axis: a number, or the name of one known at run time."""
    return int(index.upper) if isinstance(index.upper, Integer) else _SIZES[index.upper]


_SIZES = {N: "n", lm.M: "m", lm.s: "s"}


# -- programs over the flat parameter vector -----------------------------------------------------------


def _flat(inputs: set[str], equations: list[tuple[Equation, IndexedBase | None]], output: str) -> Routine:
    program = Program(inputs=inputs, outputs={output})
    lowering = Lowering(program, name_array, size_of)
    for equation, unknown in equations:
        if unknown is None:
            lowering.lower(plainly(equation))
        else:
            lowering.solve(equation, unknown)
    program = drop_unread(program)
    return Routine(tuple(program.statements), program.axes, {})


_GIVEN = frozenset({"p", "J", "r"})


def _primal(step: lm.StepEquations, given: Set[str] = _GIVEN) -> Routine:
    steps = [(step.normal_matrix, None), (step.right_side, None), (step.primal, lm.h), (step.update, None)]
    return _flat(set(given), steps, "p_new")


def _dual(step: lm.StepEquations, given: Set[str] = _GIVEN) -> Routine:
    steps = [(step.gram, None), (step.dual, lm.v), (step.back, None), (step.update, None)]
    return _flat(set(given), steps, "p_new")


def _descend() -> Routine:
    """Lower (3.1) in place: p moves and g is used up."""
    routine = _flat(set(), [(descent_update(), None)], "p_new")
    program = compute_in_place(Program(list(routine.statements), dict(routine.axes), named=["p_new"]))
    return Routine(tuple(program.statements), program.axes, {})
