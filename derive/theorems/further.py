"""The derivatives beside the gradient in p and the Jacobian: what each consists of, and its proof.

What is derived here for a network is replayed before anything is emitted from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sympy import Indexed, IndexedBase, Integer

from derive.architecture import Architecture
from derive.costs import CROSS_ENTROPY, QUADRATIC
from derive.equation import Equation
from derive.errors import NotProvedError
from derive.evaluation import Definitions, Problem
from derive.network import Network, Objective, mean_cost, output
from derive.quantities import L, a, l, x
from derive.replay import replay
from derive.theorems.acceleration import pulled_bending
from derive.theorems.along import Along, activation_along, backward_along, forward_along, weighted_input_along
from derive.theorems.backpropagation import Derived, input_gradient
from derive.theorems.gauss_newton import (
    curved_outputs,
    output_hessian,
    output_letter,
    output_slope,
    taken_apart,
    transposed,
    weighted_outputs,
)
from derive.theorems.lemma1 import derive_in_general
from derive.theorems.second_along import second_along, twice_along
from derive.theorems.theorem import Part, Theorem

INPUT_GRADIENT = "input_gradient"
INPUT_JACOBIAN = "input_jacobian"
JACOBIAN_PRODUCT = "jacobian_product"
TRANSPOSED_PRODUCT = "transposed_product"
HESSIAN_PRODUCT = "hessian_product"
GAUSS_NEWTON_PRODUCT = "gauss_newton_product"
SECOND_DERIVATIVE = "second_derivative_along"
PULLED_BENDING = "pulled_bending"

MAX_REPLAYED_DEPTH = 6  # of deeper networks the general equations are replayed alone


@dataclass(frozen=True)
class Item:
    """A derived equation and what its steps may use."""

    derived: Derived
    known: Definitions


def further(
    network: Network, mean: Sequence[Derived], rows: Sequence[Derived]
) -> dict[str, tuple[Item, ...]]:
    """Derive what each further routine computes, in the order in which it is computed.

    ``mean`` and ``rows`` are (1.1)-(1.4) of the mean cost and of the outputs.
    """
    cost, out = mean_cost(), output(network)
    of_cost, of_outputs = Problem(network, cost), Problem(network, out)
    along = Along(network, tuple(item.equation for item in mean))
    forward = _items(forward_along(network), Along(network))
    curved: list[Item] = []
    for item, moved in zip(mean, backward_along(network, mean), strict=True):
        curved += [Item(item, of_cost)] if _is_delta(item) else []
        curved.append(Item(moved, along))
    known, weighting = curved_outputs(network)
    letter = output_letter(network)
    bending = pulled_bending(network)
    return {
        INPUT_GRADIENT: (
            *_items(filter(_is_delta, mean), of_cost),
            Item(input_gradient(network, cost), of_cost),
        ),
        INPUT_JACOBIAN: (
            *_items(filter(_is_delta, rows), of_outputs),
            Item(input_gradient(network, out), of_outputs),
        ),
        JACOBIAN_PRODUCT: forward,
        TRANSPOSED_PRODUCT: _transposed(network, a),
        HESSIAN_PRODUCT: (*forward, *curved),
        GAUSS_NEWTON_PRODUCT: (*forward, Item(weighting, known), *_transposed(network, letter)),
        SECOND_DERIVATIVE: tuple(Item(*found) for found in twice_along(network)),
        PULLED_BENDING: (Item(*bending), *_transposed(network, a)),
    }


def _is_delta(item: Derived) -> bool:
    return isinstance(item.equation.lhs, Indexed)


def _items(derived: Iterable[Derived], known: Definitions) -> tuple[Item, ...]:
    return tuple(Item(item, known) for item in derived)


def _transposed(network: Network, letter: IndexedBase) -> tuple[Item, ...]:
    return _items(transposed(network, letter), Problem(network, weighted_outputs(letter)))


def require_replayed(network: Network, items: Iterable[Item]) -> None:
    """Have every step of some derivations made again by the independent checker.

    Raises:
        NotProvedError: naming the first step that it refuses.
    """
    done: set[Equation] = set()
    for item in items if network.depth <= MAX_REPLAYED_DEPTH else ():
        equation = item.derived.equation
        if equation not in done:
            done.add(equation)
            for fault in replay(item.derived.derivation, item.known, equation).faults:
                where = f"({equation.number}) at l={item.derived.layer}"
                raise NotProvedError(f"not proved: {where}: {fault}; nothing is emitted")


# -- in general ------------------------------------------------------------------------------------------


def _part(derived: Derived, known: Definitions) -> Part:
    return Part(derived.equation, derived.derivation, known)


ANY_LOSS = "huber"  # stands for a loss of one target and one output that is not written out
_OF_COST = {
    QUADRATIC: ("", ""),
    CROSS_ENTROPY: ("-cross-entropy", ", of a softmax with its cross-entropy"),
    ANY_LOSS: ("-loss", ", of any other loss"),
}


def kind_of(cost: str) -> str:
    """Return which of the three kinds a cost is: the quadratic one, a cross-entropy, or any other loss."""
    return cost if cost in (QUADRATIC, CROSS_ENTROPY) else ANY_LOSS


def along_a_direction(kind: str = QUADRATIC) -> Theorem:
    """State and prove how both passes move along a direction, at any layer and for any widths."""
    network = Network(loss=kind)
    mean = derive_in_general(mean_cost(), network)
    first, *rest = backward_along(network, mean)
    known = Along(network, tuple(item.equation for item in mean))
    parts = [_part(first, known)]
    if kind == QUADRATIC:  # what does not depend on the cost
        forward = (weighted_input_along(network, l), activation_along(network, l))
        parts = [_part(item, Along(network)) for item in forward] + parts
        parts += [_part(item, known) for item in rest]
    if network.softmax:
        parts.insert(0, _part(activation_along(network, L), Along(network)))
    key, title = _OF_COST[kind]
    return Theorem(
        f"directions{key}",
        f"Derivatives along a direction{title}",
        (
            "the parameters move along p + t v; R before a letter is its derivative in t at t = 0",
            "Rw and Rb are the entries of v, and Ra[1] = 0, for inputs and targets stay as they are",
            "the activations and the loss are twice differentiable where they are taken",
        ),
        tuple(parts),
        "one more pass forward gives J v = Ra[L], one more pass forward and backward the Hessian times v",
    )


def gauss_newton(kind: str = QUADRATIC) -> Theorem:
    """State and prove the Gauss-Newton product for a kind of cost, and once what it drops."""
    network = Network(loss=kind)
    known, weighting = curved_outputs(network)
    parts = [_part(output_slope(network), Problem(network, mean_cost())), _part(weighting, known)]
    parts += [output_hessian(network), *([taken_apart()] if kind == QUADRATIC else [])]
    key, title = _OF_COST[kind]
    outputs = f"{output_letter(network)}[L]"
    return Theorem(
        f"gauss-newton{key}",
        f"The Gauss-Newton matrix{title}",
        (
            f"the outputs are {outputs}",
            "c is the slope of the cost in the outputs, H its Hessian there, J the Jacobian of the outputs",
            "R before a letter is the derivative in t as p moves along d",
        ),
        tuple(parts),
        "the Hessian is J^T H J and sum_q c_q times the Hessian of output q; Gauss-Newton drops the second, "
        "which is 0 where c is 0 or the outputs are linear in p",
    )


def in_the_inputs(network: Network, objective: Objective, key: str, what: str) -> Theorem:
    """State and prove the derivative of an objective in the inputs."""
    fed = network.acts_on(x[objective.i, network.index("k", Integer(1))])
    which = f"layer {fed[0]} takes" if len(fed) == 1 else f"layers {', '.join(map(str, fed))} take"
    return Theorem(
        key,
        f"{what} in the inputs",
        (f"{which} from the input, and no other layer does",),
        (_part(input_gradient(network, objective), Problem(network, objective)),),
        "one product more than for the parameters",
    )


def further_theorems(architecture: Architecture | None = None) -> tuple[Theorem, ...]:
    """Return the theorems behind the further modules; for one network, or for every kind of cost."""
    cost = None if architecture is None else architecture.cost
    kinds = tuple(_OF_COST) if cost is None else tuple(dict.fromkeys((QUADRATIC, kind_of(cost))))
    network = Network(architecture)
    return (
        in_the_inputs(network, mean_cost(), "input-gradient", "The gradient"),
        in_the_inputs(network, output(network), "input-jacobian", "The Jacobian"),
        *(along_a_direction(kind) for kind in kinds),
        second_along(),
        *(gauss_newton(kind) for kind in kinds),
    )
