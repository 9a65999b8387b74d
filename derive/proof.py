"""The proof for an architecture: every verdict, and the derived equations that it covers.

Programs are lowered from the equations held here and from nothing else, so what is emitted is what was
proved. ``Proof.require`` is the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from sympy import Expr, Integer

from derive.activations import Z, activation
from derive.architecture import Architecture
from derive.costs import CROSS_ENTROPY, QUADRATIC, SOFTMAX
from derive.errors import NotProvedError
from derive.network import Network, Objective, mean_cost, output, sample_cost
from derive.own_cost import cost as cost_of
from derive.quantities import Index, N, SigmaPrime, a, eta, kronecker, total, z
from derive.replay import Problem, replay
from derive.stages import Stages
from derive.theorems.backpropagation import Derived, backpropagation, same_objective
from derive.theorems.curved import GAMMA, NetworkStep, network_step, of_squares
from derive.theorems.descent import descent_update, prove_descent
from derive.theorems.evidence import evidence
from derive.theorems.layer_scaling import LayeredStep, layer_scaling, layered_step
from derive.theorems.lean_step import LeanStep, lean_step
from derive.theorems.lemma1 import (
    LEMMA_1,
    MAX_UNROLLED_DEPTH,
    Claim,
    Finding,
    bias,
    check,
    derive_in_general,
    hidden,
    prove_in_general,
    prove_unrolled,
    weight,
)
from derive.theorems.levenberg_marquardt import (
    StepEquations,
    prove_dual,
    prove_primal,
    step_equations,
)
from derive.theorems.scaled_step import scaled_step
from derive.theorems.softmax import shifted_softmax, softmax_slope, surprise_is_the_definition
from derive.theorems.trials import trials
from derive.theorems.weighted_step import along_p, weighted_step

if TYPE_CHECKING:
    from derive.theorems.curved_trials import CurvedLean

MAX_REPLAYED_DEPTH = 6
MAX_FORM = 60  # longer formulas are not repeated in a verdict


@dataclass(frozen=True)
class Verdict:
    """One line of a proof: what was claimed, how it was decided, and the outcome.

    ``holds`` is None where nothing was decided; ``method`` then says why.
    """

    claim: str
    method: str
    holds: bool | None


@dataclass(frozen=True)
class Proof:
    """Verdicts for one architecture and the derived equations behind them."""

    architecture: Architecture
    network: Network
    verdicts: tuple[Verdict, ...]
    sample: tuple[Derived, ...]
    mean: tuple[Derived, ...]
    scaled: tuple[Derived, ...]
    output: tuple[Derived, ...]
    step: StepEquations
    curved: NetworkStep | None = None  # the step of a loss that is no plain square, where it has one
    lean: LeanStep | None = None  # the step without J, where the cost is a sum of squares
    curved_lean: CurvedLean | None = None  # the same for a loss that is no plain square
    layered: LayeredStep | None = None  # with one number for each layer in the damping

    @cached_property
    def squares(self) -> bool:
        """True if the Levenberg-Marquardt step is that of a sum of squares: the curvature is the identity."""
        return of_squares(self.network)

    @property
    def holds(self) -> bool:
        """True if nothing that was decided failed."""
        return all(verdict.holds is not False for verdict in self.verdicts)

    def require(self) -> None:
        """Pass the gate or raise.

        Raises:
            NotProvedError: naming the first claim that does not hold.
        """
        for verdict in self.verdicts:
            if verdict.holds is False:
                raise NotProvedError(
                    f"not proved for {self.architecture.label}: {verdict.claim}; nothing is emitted"
                )

    def _repr_latex_(self) -> str:
        from derive.printers.latex import lemma_latex

        return lemma_latex(self)


def prove(
    architecture: Architecture,
    claim: Claim = LEMMA_1,
    *,
    brute_force: bool = True,
    stages: Stages | None = None,
) -> Proof:
    """Derive backpropagation for an architecture and prove Lemma 1, three ways.

    (a) in general, (b) at this depth, (c) by SymPy's own ``diff`` where it is affordable and asked for;
    then what follows from it and is emitted: the gradient of the mean cost, the Jacobian, the descent
    and the Levenberg-Marquardt steps. ``stages`` is given the time that each part takes.
    """
    timed = stages or Stages()
    network = Network(architecture)
    label = architecture.label
    with timed("derive"):
        objectives = (sample_cost(), mean_cost(), sample_cost(eta), out := output(network))
        sample, mean, scaled, rows = (backpropagation(network, o) for o in objectives)
        step = step_equations()
        lean = lean_step(network, rows) if of_squares(network) else None
        layered = None if lean is None else layered_step(network, rows, lean)
    with timed("prove (a), in general"):
        verdicts = [
            _all(
                f"(a) Lemma 1{_for(architecture.cost)}, any depth, widths and differentiable activation"
                f"{'' if architecture.plain else ', layer after layer'}",
                prove_in_general(claim, objectives[0], network.in_general),
            )
        ]
    with timed("prove (b), this depth"):
        verdicts += [
            _all(f"(b) Lemma 1 for {label}, layer by layer", check(network, sample, claim)),
            _unrolled(network, claim),
        ]
    with timed("prove (c), by brute force"):
        verdicts += [_brute_force(network, claim, brute_force)]
    with timed("replay the steps"):
        own = zip(objectives, (sample, mean, scaled, rows), strict=True)
        verdicts += [_replayed(network, tuple(own))]
    with timed("prove what follows"):
        verdicts += [
            *_activations(architecture),
            _all(_OVER[network.cost_terms.summed], check(network, mean, _mean(claim))),
            _all("gradient of eta C = eta times that of C", check(network, scaled, _scaled(claim))),
            _all("Jacobian of F by the same recursion", check(network, rows, _jacobian(out))),
            _one("descent step lowers the cost to first order", prove_descent(descent_update())),
            _one("Levenberg-Marquardt normal equations, mu > 0", prove_primal(step)),
            _one("dual form J^T (J J^T + mu I)^-1 r, mu > 0", prove_dual(step)),
        ]
        curved, about = _curved(network)
        verdicts += about
        without = None
        if curved is not None:
            from derive.theorems.curved_trials import curved_lean

            without = curved_lean(network, curved)
            verdicts.append(_curved_lean(without, network))
        if lean is not None and layered is not None:
            verdicts.append(_lean(lean, layered, network))
    return Proof(
        architecture,
        network,
        tuple(verdicts),
        sample,
        mean,
        scaled,
        rows,
        step,
        curved,
        lean,
        without,
        layered,
    )


_OVER = {
    False: "gradient of the mean = mean of the gradients",
    True: "gradient of the sum = sum of the gradients",
}
_BY_NORMAL_FORM = "decided symbolically, by the normal form"


def _for(cost: str) -> str:
    return "" if cost == QUADRATIC else f" for the cost {cost}"


def _one(claim: str, holds: bool) -> Verdict:
    return Verdict(claim, _BY_NORMAL_FORM, holds)


def _lean(lean: LeanStep, layered: LayeredStep, network: Network) -> Verdict:
    """Say whether J J^T, J^T v and J p follow from the rows of J, and what trials rest on from the step."""
    stated = (trials(), weighted_step(), evidence(), scaled_step(), layer_scaling())
    parts = (*lean.parts, *layered.parts, *(part for theorem in stated for part in theorem.parts))
    parts += along_p(network)[1]
    wrong = [f"({part.equation.number}): {part.faults[0]}" for part in parts if not part.holds]
    wrong += _unlike(network, lean.objective, lean.back)
    method = wrong[0] if wrong else f"{len(parts)} equations, decided symbolically and replayed"
    return Verdict("J J^T, J^T v and the predicted decrease without J", method, not wrong)


def _curved_lean(lean: CurvedLean, network: Network) -> Verdict:
    """Say whether H (J J^T), J^T v and J p follow, and what weights, a ridge and the prediction rest on."""
    from derive.theorems.curved_trials import curved_trials

    parts = (*lean.lean.parts, *lean.parts, *curved_trials().parts)
    wrong = [f"({part.equation.number}): {part.faults[0]}" for part in parts if not part.holds]
    wrong += _unlike(network, lean.lean.objective, lean.lean.back)
    method = wrong[0] if wrong else f"{len(parts)} equations, decided symbolically and replayed"
    return Verdict("H J J^T, J^T v, J p and the predicted decrease without J", method, not wrong)


def _all(claim: str, findings: tuple[Finding, ...]) -> Verdict:
    wrong = [f"({f.number}) at l={f.layer}" for f in findings if not f.holds]
    count = f"{len(findings)} equations, {_BY_NORMAL_FORM}"
    return Verdict(claim, f"differs: {', '.join(wrong)}" if wrong else count, not wrong)


def _unrolled(network: Network, claim: Claim) -> Verdict:
    assert network.architecture is not None
    all_of_them = "all 2(L-1) gradients" if network.architecture.plain else "all gradients"
    text = f"(b) {all_of_them} of {network.architecture.label}, straight through every layer"
    findings = prove_unrolled(network, claim)
    if not findings:
        why = f"deeper than {MAX_UNROLLED_DEPTH} layers, or a cross-entropy"
        return Verdict(text, f"not attempted: {why}", None)
    return _all(text, findings)


def _brute_force(network: Network, claim: Claim, wanted: bool) -> Verdict:
    text = "(c) SymPy's diff of the expanded cost in every parameter"
    if not wanted:
        return Verdict(text, "not asked for", None)
    from derive.theorems.brute_force import affordable, prove_by_brute_force

    if not affordable(network):
        return Verdict(text, "not attempted: too large, or a cross-entropy", None)
    result = prove_by_brute_force(network, claim)
    if result.differing:
        return Verdict(text, f"differs in {', '.join(result.differing)}", False)
    return Verdict(text, f"{result.compared} derivatives, decided symbolically, exactly equal", True)


def _curved(network: Network) -> tuple[NetworkStep | None, list[Verdict]]:
    """Derive the step for a loss that is no plain square, if its curvature is positive semidefinite."""
    if of_squares(network):
        return None, []
    from derive.theorems.convex import VERDICT, no_step, prove_step

    if reason := no_step(network):
        return None, [Verdict(VERDICT, reason, None)]
    found = network_step(network)
    return found, [
        Verdict(VERDICT, "decided symbolically, for all outputs and targets", True),
        _one(
            "slope and curvature of the cost in the outputs, K = H J, (2.15)-(2.17)",
            found.slope.holds and found.curvature.holds and found.bent.holds,
        ),
        _linear(network, found),
        _one("step (J^T H J + mu I)^-1 J^T rho and its dual form, mu > 0", prove_step(found.step)),
    ]


def _linear(network: Network, found: NetworkStep) -> Verdict:
    text, out = "Jacobian of the linearised outputs likewise", found.objective
    unlike = _unlike(network, out, found.rows)
    if unlike:
        return Verdict(text, unlike[0], False)
    return _all(text, check(network, found.rows, _linearised(out)))


def _activations(architecture: Architecture) -> list[Verdict]:
    verdicts = []
    for spelling in sorted(set(architecture.activations)):
        if spelling == SOFTMAX:
            slope = softmax_slope(Network(loss=CROSS_ENTROPY))
            verdicts += [
                _one("the slope of the softmax, (1.7)", slope.holds),
                _one("the softmax as it is computed is its definition, (1.9)", shifted_softmax().holds),
                _one("the cross-entropy as it is computed is -y log a", surprise_is_the_definition()),
            ]
            continue
        function = activation(spelling)
        name = function.name
        kinks = "".join(f", {said}" for said in [function.side_condition] if said)
        form, at = str(function.slope()), "" if function.slope().has(Z) else f" at a = {name}(z)"
        said = f"{name}'(z) = {form}{at}" if len(form) <= MAX_FORM else f"{name}' as it is computed"
        said += kinks
        verdicts += [
            _on(said, function.slope_interval()),
            _on(f"the stable form of {name} is its definition", function.exact_interval()),
        ]
    terms = cost_of(architecture.cost)
    if terms.loss not in (QUADRATIC, CROSS_ENTROPY):
        verdicts.append(_one(f"the loss {terms.loss} has the slope {terms.slope()}", True))
    return verdicts


def _on(claim: str, interval: tuple[Expr, Expr] | None) -> Verdict:
    """Say where a claim about all real z was decided; beyond that no float tells the two sides apart."""
    if interval is None:
        return Verdict(claim, "not proved", False)
    low, high = interval
    ends = [f"z > {low}"] if low.is_finite else []
    ends += [f"z < {high}"] if high.is_finite else []
    return Verdict(
        f"{claim}, {' and '.join(ends) or 'all real z'}", "decided symbolically, as fractions", True
    )


def _replayed(network: Network, own: Sequence[tuple[Objective, tuple[Derived, ...]]]) -> Verdict:
    """Have the steps checked again: those of the general proof always, a network's own if it is not deep."""
    text = "every step replayed by a checker that shares nothing with the engine"
    general = network.in_general
    sample, _ = own[0]
    groups = [(general, sample, derive_in_general(sample, general))]
    if network.depth <= MAX_REPLAYED_DEPTH:
        groups += [(network, objective, derived) for objective, derived in own]
    faults, steps, done = [], 0, set()
    for where, objective, derived in groups:
        for item in derived:
            steps += len(item.derivation.steps)
            proved = item.general or item
            if id(proved) not in done:
                done.add(id(proved))
                problem = Problem(general if item.general else where, objective)
                replayed = replay(proved.derivation, problem, proved.equation)
                faults += [f"({proved.equation.number}) at l={proved.layer}: {f}" for f in replayed.faults]
    faults += [fault for objective, derived in own for fault in _unlike(network, objective, derived)]
    which = "the general proof's and this network's" if len(groups) > 1 else "the general proof's alone"
    return Verdict(text, faults[0] if faults else f"{steps} steps, decided symbolically: {which}", not faults)


def _unlike(network: Network, objective: Objective, derived: Sequence[Derived]) -> list[str]:
    """Say which equations are no instances of what was derived at any layer l, though they are said to be."""
    instances = [item for item in derived if item.general is not None]
    wrong = [item for item in instances if not item.is_image(network)]
    if instances and not same_objective(network, objective):
        wrong = instances
    return [f"({item.equation.number}) at l={item.layer}: is not what it is at any layer" for item in wrong]


def _scaled(claim: Claim) -> Claim:
    """The claim for eta C: (1.1) takes the factor, the rest is linear in delta."""
    return replace(claim, output_delta=lambda *at: eta * claim.output_delta(*at))


def _mean(claim: Claim) -> Claim:
    """The claim for (1/N) sum_i C_i: (1.1) takes 1/N, the gradients are summed over the samples.

    For the sum of the C_i it takes 1.
    """

    def over_samples(gradient: Callable[..., Expr]) -> Callable[..., Expr]:
        def summed(network: Network, layer: Expr, _: Expr, *neurons: Expr) -> Expr:
            i = Index("i", N)
            return total(gradient(network, layer, i, *neurons), i)

        return summed

    return replace(
        claim,
        output_delta=lambda network, *at: claim.output_delta(network, *at) * _per_sample(network),
        bias_gradient=over_samples(claim.bias_gradient),
        weight_gradient=over_samples(claim.weight_gradient),
    )


def _per_sample(network: Network) -> Expr:
    return Integer(1) if network.cost_terms.summed else 1 / N


def _linearised(out: Objective) -> Claim:
    """The claim for the outputs that a step is linearised in: for z[L] (1.1) becomes delta_cj."""
    (c,) = out.extra
    claim = _jacobian(out)
    if out.base != GAMMA:
        return claim
    return replace(claim, output_delta=lambda network, layer, i, j: kronecker(c, j))


def _jacobian(out: Objective) -> Claim:
    """The claim for output c: (1.1) becomes delta_cj sigma', the rest keeps its form."""
    (c,) = out.extra

    def output_delta(network: Network, layer: Expr, i: Expr, j: Expr) -> Expr:
        if network.softmax:
            return a[layer, i, c] * (kronecker(c, j) - a[layer, i, j])
        return kronecker(c, j) * SigmaPrime(layer, z[layer, i, j])

    return Claim(
        output_delta,
        partial(hidden, named=out.delta),
        partial(bias, named=out.delta),
        partial(weight, named=out.delta),
    )
