"""The programs of a package: which equations, in which order, make which function.

``assemble`` turns a proof into routines. A routine is a function to print: what it takes, its statements and
what it gives back. Routines that run one after another over the same arrays (forward then backward) are
lowered and optimised as one program and then cut where one ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from sympy import Expr, Indexed, IndexedBase, Integer

from derive.activations import ACTIVATIONS, A, Activation, Z
from derive.calculus.derivation import Deriving
from derive.equation import Equation
from derive.network import Network
from derive.numbered import cost_equation, residual_equation
from derive.program.lowering import Computed, Lowering, plainly
from derive.program.passes import compute_in_place, drop_unread, share_memory
from derive.program.statements import Axes, Program, Scalar, Statement
from derive.proof import Proof
from derive.quantities import Cost, F, Index, N, Partial, Sigma, SigmaPrime, a, b, delta, w, x, y, z
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.descent import descent_update

DELTA_OF_OUTPUT = "Delta"


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
    def reads_samples(self) -> bool:
        """True if a statement needs the number of samples."""
        return any(
            isinstance(operand, Scalar) and operand.value.has(N)
            for statement in self.statements
            for operand in statement.operands
        )


@dataclass(frozen=True)
class Routines:
    """All that a package computes."""

    propagate: Routine
    mean_cost: Routine
    residual: Routine
    backpropagate: Routine
    differentiate: Routine
    primal: Routine
    dual: Routine
    descend: Routine


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
    cost, difference = [computed_cost(network)], [plainly(residual_equation(network))]
    last = f"a{network.depth}"
    parameters = {f"{letter}{layer}" for letter in "Wb" for layer in range(2, int(network.depth) + 1)}
    inputs = parameters | {"X", "Y"}
    gradients = {f"g{name}" for name in parameters}
    jacobians = {f"J{name}" for name in parameters}

    def build(outputs: set[str], *segments: list[Computed]) -> list[Routine]:
        """Optimise functions that run one after another together; return each."""
        program = Program(inputs=inputs, outputs=outputs, external=gradients | jacobians | {"r"})
        lowering = Lowering(program, name_array, size_of)
        starts = []
        for equations in segments:
            starts.append(len(program.statements))
            for equation in equations:
                lowering.lower(equation)
        program = compute_in_place(program, starts)
        slots = share_memory(program)
        cuts = pairwise([*starts, len(program.statements)])
        return [Routine(tuple(program.statements[i:j]), program.axes, slots) for i, j in cuts]

    propagate, cost_alone, residual = build({last, "cost", "r"}, forward, cost, difference)
    _, _, backpropagate = build(gradients | {"cost"}, forward, cost, backward)
    *_, differentiate = build(jacobians | {"r"}, forward, difference, rows)
    return Routines(
        propagate=propagate,
        mean_cost=cost_alone,
        residual=residual,
        backpropagate=backpropagate,
        differentiate=differentiate,
        primal=_primal(proof.step),
        dual=_dual(proof.step),
        descend=_descend(),
    )


# -- equations ready to be computed --------------------------------------------------------------------


def forward_equations(network: Network) -> list[Computed]:
    """Return (0.2) and (0.3) with every activation in its stable form; (0.1) only names X."""
    return [computed(network, equation) for equation in network.equations() if equation.number != "0.1"]


def computed(network: Network, equation: Equation) -> Computed:
    """Write sigma in its stable form and sigma' through the activation's own output, (1.5)."""

    def function(layer: Expr) -> Activation:
        assert network.architecture is not None
        return ACTIVATIONS[network.architecture.activations[int(layer) - 2]]

    def sigma(layer: Expr, at: Expr) -> Expr:
        return function(layer).stable.subs(Z, at)

    def sigma_prime(layer: Expr, at: Expr) -> Expr:
        return function(layer).derivative_through_output().subs(A, a[at.indices])

    return Computed(equation, equation.rhs.replace(Sigma, sigma).replace(SigmaPrime, sigma_prime))


def computed_cost(network: Network) -> Computed:
    """Return (0.4) with its constant factors in front of the sums."""
    equation = cost_equation(network)
    return Computed(equation, Deriving(equation.rhs, network).tidy().done().result)


# -- names and sizes -----------------------------------------------------------------------------------


def name_array(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Return the array that holds a quantity and the arguments that are its axes."""
    if isinstance(quantity, Partial):
        name, axes = name_array(quantity.v)
        objective = quantity.f
        if getattr(objective, "base", None) == F:
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
    if base == a and layer == 1:
        return "X", tuple(axes)
    return f"{_BY_LAYER[str(base)]}{layer}", tuple(axes)


_BY_LAYER = {str(w): "W", str(b): "b", str(z): "z", str(a): "a", str(delta): "d", DELTA_OF_OUTPUT: "d"}
_WHOLE = {
    x: "X",
    y: "Y",
    lm.r: "r",
    lm.J: "J",
    lm.A: "A",
    lm.g: "g",
    lm.h: "h",
    lm.G: "G",
    lm.v: "v",
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


def _primal(step: lm.StepEquations) -> Routine:
    steps = [(step.normal_matrix, None), (step.right_side, None), (step.primal, lm.h), (step.update, None)]
    return _flat({"p", "J", "r"}, steps, "p_new")


def _dual(step: lm.StepEquations) -> Routine:
    steps = [(step.gram, None), (step.dual, lm.v), (step.back, None), (step.update, None)]
    return _flat({"p", "J", "r"}, steps, "p_new")


def _descend() -> Routine:
    """Lower (3.1) in place: p moves and g is used up."""
    routine = _flat(set(), [(descent_update(), None)], "p_new")
    program = compute_in_place(Program(list(routine.statements), dict(routine.axes), named=["p_new"]))
    return Routine(tuple(program.statements), program.axes, {})
