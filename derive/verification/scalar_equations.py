"""What scalar code must compute: the derived equations, entry by entry, of one sample."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from operator import is_

from sympy import Add, Expr, Indexed, Integer, Mul, Sum, Symbol

from derive.network import array_of
from derive.numbered import cost_equation
from derive.program.lowering import Computed
from derive.program.routines import computed, computed_cost, forward_equations
from derive.proof import Proof
from derive.quantities import Index, N, Partial, eta, omega
from derive.remembered import remembered
from derive.theorems.descent import descent_update
from derive.theorems.descent import gradient as descent_gradient
from derive.theorems.levenberg_marquardt import p_old
from derive.verification.caught_exp import without_guards
from derive.verification.entry_knowledge import EntryKnowledge, Equation, I, put_letters, values
from derive.verification.expected import Knowledge, Known
from derive.verification.functions import Largest, Maximum, over
from derive.verification.spelling import as_code, constant
from derive.verification.values import Refusal

TOTAL = Symbol("total")


def scalar_knowledge(proof: Proof) -> EntryKnowledge:
    """Return (0.2), (0.3), the deltas of eta C and the moved parameters, entry by entry."""
    return EntryKnowledge(proof, step_equations(proof))


def unbounded_knowledge(proof: Proof) -> EntryKnowledge:
    """Return the same for a step that is handed exp, and so has no guards."""
    return EntryKnowledge(proof, step_equations(proof), without_guards)


def step_equations(proof: Proof) -> Iterable[Equation]:
    """Yield the equations of a descent step on one sample, in their order."""

    def written_out(rhs: Expr, places: dict[Index, Integer]) -> Expr:
        return _entry(rhs, places).xreplace(weights)

    weights = _weights(proof)
    update = descent_update()
    (q,) = update.lhs.indices
    derived = [computed(proof.network, item.equation) for item in proof.scaled]
    deltas = [item for item in derived if not isinstance(item.equation.lhs, Partial)]
    for item in (*forward_equations(proof.network), *deltas):
        equation = item.equation
        yield Equation(equation.number, equation.lhs, as_code(item.rhs), written_out, _itself)
    for item in derived:
        if isinstance(item.equation.lhs, Partial):
            parameter = item.equation.lhs.v
            slope = {descent_gradient[q]: as_code(item.rhs) / eta, p_old[q]: parameter}
            number = f"{item.equation.number}, {update.number}"
            yield Equation(number, parameter, update.rhs.xreplace(slope), written_out, moved)


def _itself(letter: Expr) -> Expr:
    return letter


def forward_knowledge(proof: Proof) -> Knowledge:
    """Return (0.2) and (0.3), entry by entry."""
    knowledge = Knowledge(proof, ())
    _know(knowledge, proof, forward_equations(proof.network))
    return knowledge


def gradient_knowledge(proof: Proof) -> Knowledge:
    """Return forward pass, deltas and what a sample adds to the gradient of the cost of all samples."""
    knowledge = forward_knowledge(proof)
    derived = [computed(proof.network, item.equation) for item in proof.mean]
    _know(knowledge, proof, (item for item in derived if not isinstance(item.equation.lhs, Partial)))
    for item in derived:
        if isinstance(item.equation.lhs, Partial):
            for letter, right in _entries(proof, item.equation.lhs.v, of_one_sample(as_code(item.rhs))):
                before = summed(letter)
                knowledge.add(Known(item.equation.number, moved(before), before + right, ()))
    put_letters(knowledge, knowledge.all(), values(knowledge.all()))
    return knowledge


def cost_knowledge(proof: Proof, share: Expr) -> Knowledge:
    """Return forward pass and what a sample adds to the total of which the cost is a share."""
    knowledge = forward_knowledge(proof)
    item = computed_cost(proof.network, cost_equation(proof.network))
    _, right = next(iter(_entries(proof, TOTAL, of_one_sample(as_code(item.rhs)))))
    knowledge.add(Known(item.equation.number, moved(TOTAL), TOTAL + right / share, ()))
    return knowledge


@remembered
def moved(letter: Expr) -> Expr:
    """Return the letter for a parameter after the step, or a sum after a sample."""
    return Symbol(f"{letter}'")


def summed(parameter: Expr) -> Expr:
    """Return the letter for the sum of what samples have added to a derivative."""
    return Symbol(f"sum for {parameter}")


def parameter_letters(proof: Proof) -> list[Expr]:
    """Return the letters of all parameters in the order of p."""
    found = []
    for parameter in proof.network.parameters():
        letter, lead = array_of(parameter)
        sizes = [int(index.upper) for index in parameter.indices[len(lead) :]]
        found += [letter[(*lead, *at)] for at in product(*(range(1, size + 1) for size in sizes))]
    return found


def of_one_sample(rhs: Expr) -> Expr:
    """Take the sums over the samples away: what is left is what one sample adds.

    Raises:
        Refusal: if it is not linear in such sums.
    """
    if isinstance(rhs, Add):
        return Add(*(of_one_sample(term) for term in rhs.args))
    if isinstance(rhs, Sum) and any(index.upper == N for index, *_ in rhs.limits):
        kept = [limit for limit in rhs.limits if limit[0].upper != N]
        return Sum(rhs.function, *kept) if kept else rhs.function
    if isinstance(rhs, Mul):
        sums = [factor for factor in rhs.args if factor.has(Sum)]
        if len(sums) == 1:
            return Mul(of_one_sample(sums[0]), *(factor for factor in rhs.args if factor is not sums[0]))
    raise Refusal(f"expected a sum over the samples, got {rhs}")


def _know(knowledge: Knowledge, proof: Proof, items: Iterable[Computed]) -> None:
    for item in items:
        for letter, right in _entries(proof, item.equation.lhs, as_code(item.rhs)):
            knowledge.add(Known(item.equation.number, letter, right, ()))


def _entries(proof: Proof, quantity: Expr, rhs: Expr) -> Iterable[tuple[Expr, Expr]]:
    """Yield each entry of a quantity with its right-hand side."""
    weights = _weights(proof)
    indices = quantity.indices if isinstance(quantity, Indexed) else ()
    neurons = [index for index in indices if isinstance(index, Index) and index.upper.is_Integer]
    for at in product(*(range(1, int(index.upper) + 1) for index in neurons)):
        places = dict(zip(neurons, map(Integer, at), strict=True))
        yield _entry(quantity, places), _entry(rhs, places).xreplace(weights)


def _weights(proof: Proof) -> dict[Expr, Expr]:
    """Return the numbers that the cost weighs outputs by."""
    return {omega[j]: constant(w) for j, w in enumerate(proof.network.cost_terms.weights, start=1)}


def _entry(expr: Expr, places: dict[Index, Integer]) -> Expr:
    """Write one entry of a quantity out, sums included."""
    if isinstance(expr, Largest):
        index, _, upper = over(expr).limits[0]
        body = over(expr).function
        return Maximum(*(_entry(body, places | {index: Integer(m)}) for m in range(1, int(upper) + 1)))
    if isinstance(expr, Sum):
        index, _, upper = expr.limits[0]
        inner = Sum(expr.function, *expr.limits[1:]) if expr.limits[1:] else expr.function
        return Add(*(_entry(inner, places | {index: Integer(m)}) for m in range(1, int(upper) + 1)))
    if isinstance(expr, Indexed):
        letter, *indices = expr.args
        return letter[tuple(places.get(at, I if isinstance(at, Index) else at) for at in indices)]
    parts = [_entry(arg, places) for arg in expr.args]
    return expr if all(map(is_, parts, expr.args)) else expr.func(*parts)
