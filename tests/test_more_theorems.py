"""Gram, Woodbury, damping, steepest descent, and the refutations of what the notes print."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sigmoid_4_8_8_2 as net
from sympy import Integer, Symbol, symbols

from derive.activations import A, Activation, Z, prove_through_output, scaled_sigmoid
from derive.architecture import Architecture
from derive.calculus.expansion import alike
from derive.calculus.rules import CONSTANT, DISTRIBUTIVE, RULES
from derive.calculus.words import Premise, expression, multiply, polynomial, prove_product
from derive.equation import Equation
from derive.network import Network, output
from derive.quantities import Index, N, eta, l
from derive.theorems import gram, woodbury
from derive.theorems.catalogue import theorems
from derive.theorems.damping import levenberg_marquardt
from derive.theorems.descent import descent_update, first_order_change, gradient, steepest_descent
from derive.theorems.levenberg_marquardt import step_equations
from derive.theorems.refutations import refutations, smallest
from derive.theorems.theorem import Given, Theorem, proved


@pytest.mark.parametrize("theorem", theorems(), ids=lambda theorem: theorem.key)
def test_every_theorem_holds_and_its_steps_chain(theorem):
    assert theorem.holds
    assert theorem.premises
    for part in theorem.parts:
        steps = part.derivation.steps
        assert steps[0].before == part.derivation.start
        assert all(a.after == b.before for a, b in pairwise(steps))
        assert alike(part.derivation.result, part.equation.rhs)
        assert part.faults == ()


@pytest.mark.parametrize("every", [40, pytest.param(1, marks=pytest.mark.slow)])
def test_whatever_is_done_to_a_step_of_a_theorem_is_found(every):
    """Spoil the result of every step, change its rule, drop it: the replay refuses each."""
    shown = theorems(Architecture.parse("2-3:softplus-3:softmax", "cross-entropy"))
    for part in (part for theorem in shown for part in theorem.parts):
        steps = part.derivation.steps
        for place, step in enumerate(steps):
            like = {step.rule, DISTRIBUTIVE} | ({CONSTANT} if step.rule == DISTRIBUTIVE else set())
            others = [rule for rule in RULES if rule not in like]
            harm = [replace(step, after=after) for after in spoilt(step.after)]
            harm += [replace(step, before=before) for before in spoilt(step.before)]
            harm += [replace(step, rule=rule) for rule in others[place % 3 :: 3]]
            harm += [
                replace(step, note=f"{step.note}?"),
                replace(step, rule=replace(step.rule, statement="?")),
            ]
            for changed in harm[place % every :: every]:
                steps_now = (*steps[:place], changed, *steps[place + 1 :])
                assert not replace(part, derivation=replace(part.derivation, steps=steps_now)).holds
        for place in range(0, len(steps) - 1, every):
            steps_now = (*steps[:place], *steps[place + 1 :])
            assert not replace(part, derivation=replace(part.derivation, steps=steps_now)).holds


def spoilt(expr):
    """Return an expression with its sign changed, doubled, and with a term too many."""
    extra = Symbol("zeta", positive=True)
    return [other for other in (-expr, 2 * expr, expr + extra, expr * extra) if other != expr]


def test_every_premise_of_a_theorem_is_needed():
    for part in (part for theorem in theorems() for part in theorem.parts if isinstance(part.given, Given)):
        for place in range(len(part.given.assumptions)):
            fewer = part.given.assumptions[:place] + part.given.assumptions[place + 1 :]
            assert not replace(part, given=replace(part.given, assumptions=fewer)).holds
        for place in range(len(part.given.definitions)):
            fewer = part.given.definitions[:place] + part.given.definitions[place + 1 :]
            assert not replace(part, given=replace(part.given, definitions=fewer)).holds


def test_a_theorem_without_parts_proves_nothing():
    assert not Theorem("empty", "nothing", (), (), "anything").holds


# -- the activation ------------------------------------------------------------------------------------


def test_the_shifted_and_scaled_sigmoid_has_its_scale_in_the_derivative():
    k, c = symbols("k c", real=True, nonzero=True)
    scaled = Activation("scaled", scaled_sigmoid(k, c), Z)
    assert (scaled.derivative_through_output() - k * A * (1 - A)).expand() == 0
    assert not prove_through_output(scaled_sigmoid(k, c), A * (1 - A))
    assert prove_through_output(scaled_sigmoid(Integer(3), Integer(5)), 3 * A * (1 - A))


# -- Woodbury ------------------------------------------------------------------------------------------


def test_woodbury_with_a_plus_or_as_printed_is_refuted():
    assert woodbury.product_with_sum(woodbury.woodbury_candidate(-1)).holds
    for wrong in (woodbury.woodbury_candidate(1), woodbury.woodbury_as_printed()):
        part = woodbury.product_with_sum(wrong)
        assert not part.holds
        assert "not the identity" in part.reason


def test_lm_woodbury_as_printed_differs_by_lambda_minus_one():
    part = woodbury.product_with_normal(woodbury.dual_candidate(2))
    assert not part.holds
    difference = part.derivation.result - 1
    assert difference != 0
    assert difference.subs(woodbury.lam, 1) == 0


def test_words_do_not_commute():
    ab, ba = polynomial((1, "A B")), polynomial((1, "B A"))
    assert ab != ba
    assert expression(ab) != expression(ba)
    assert multiply(polynomial((1, "A")), polynomial((1, "B"))) == ab
    premise = Premise(("A", "A^-1"), (((), Integer(1)),), "A A^-1 = I")
    assert prove_product([polynomial((1, "A^-1 A"))], [premise]).result != 1


def test_a_missing_premise_leaves_the_product_open(monkeypatch):
    monkeypatch.setattr(woodbury, "_GENERAL", woodbury._GENERAL[:-1])
    assert not woodbury.product_with_sum(woodbury.woodbury_candidate(-1)).holds


# -- Gram ----------------------------------------------------------------------------------------------


def test_gram_without_the_one_or_with_it_where_there_is_no_bias_is_refuted(monkeypatch):
    honest = gram.claimed_contribution
    monkeypatch.setattr(gram, "claimed_contribution", lambda *at, bias: honest(*at, bias=not bias))
    assert not gram.layer_contribution().holds
    assert not gram.layer_contribution(bias=False).holds


def test_gram_of_the_wrong_layers_activations_is_refuted(monkeypatch):
    def shifted(objective, i, c, i2, c2, *, bias=True):
        network = Network()
        j, k = network.index("j", l), network.index("k", l)
        deltas = gram.total(objective.base[l, i, c, j] * objective.base[l, i2, c2, j], j)
        return deltas * (1 + gram.total(gram.a[l, i, k] * gram.a[l, i2, k], k))

    monkeypatch.setattr(gram, "claimed_contribution", shifted)
    assert not gram.layer_contribution().holds


def test_gram_formula_gives_the_emitted_jacobians_product():
    rng = np.random.default_rng(3)
    p, X = net.initial_parameters(rng), rng.standard_normal((6, 4))
    J = net.jacobian(p, X)
    weights, activations = net.unpack(p)[::2], [X]
    for W, b in zip(weights, net.unpack(p)[1::2], strict=True):
        activations.append(1 / (1 + np.exp(-(activations[-1] @ W.T + b))))
    slopes = [a * (1 - a) for a in activations[1:]]
    delta = np.einsum("cj,ij->icj", np.eye(2), slopes[-1])
    G = np.zeros((6, 2, 6, 2))
    for layer in range(len(weights) - 1, -1, -1):
        products = np.einsum("icj,kdj->ickd", delta, delta)
        G += products * (1 + activations[layer] @ activations[layer].T)[:, None, :, None]
        if layer:
            delta = np.einsum("icj,jk->ick", delta, weights[layer]) * slopes[layer - 1][:, None, :]
    np.testing.assert_allclose(G.reshape(12, 12), J @ J.T, rtol=1e-13, atol=1e-15)


# -- damping and descent -------------------------------------------------------------------------------


def test_the_wrong_sign_of_the_damping_is_refuted():
    step = step_equations()
    mu = Symbol("mu", positive=True)
    wrong = replace(step.normal_matrix, rhs=step.normal_matrix.rhs.xreplace({mu: -mu}))
    from derive.theorems import damping

    assert damping.descent_direction(step).holds
    assert not damping.descent_direction(replace(step, normal_matrix=wrong)).holds
    assert not damping.steepest_limit(replace(step, normal_matrix=wrong)).holds


def test_the_update_as_the_notes_print_it_does_not_lower_the_cost_to_first_order():
    update = descent_update()
    (q,) = update.lhs.indices
    uphill = replace(update, rhs=2 * update.lhs.base[q] - update.rhs)
    printed = replace(update, rhs=eta * gradient[q])
    assert first_order_change(update).holds
    for wrong in (uphill, printed):
        assert not first_order_change(wrong).holds


def test_a_part_that_fails_does_not_pretend_to_a_last_step():
    i = Index("i", N)
    network = Network()
    start = output(network).symbol
    part = proved(Equation("9.9", "nonsense", start, start + i), Given())
    assert not part.holds
    assert not part.derivation.steps
    assert part.reason


def test_limits_and_directions_agree_with_numbers():
    assert levenberg_marquardt().holds
    assert steepest_descent().holds
    rng = np.random.default_rng(0)
    J, r = rng.standard_normal((5, 7)), rng.standard_normal(5)
    g = J.T @ r
    far = np.linalg.solve(J.T @ J + 1e12 * np.eye(7), g) * 1e12
    np.testing.assert_allclose(far, g, rtol=1e-9)


# -- refutations ---------------------------------------------------------------------------------------


def test_every_wrong_formula_of_the_notes_is_refuted_by_its_smallest_counterexample():
    found = {refutation.key: refutation for refutation in refutations()}
    assert set(found) == {"gd-update", "sgd-update", "mini-batch", "woodbury", "lm-woodbury"}
    assert dict(found["lm-woodbury"].values) == {"lambda": 2, "J": 1}
    assert found["lm-woodbury"].found == Fraction(1, 3)
    assert found["lm-woodbury"].claimed == Fraction(5, 12)
    assert sum(value for _, value in found["woodbury"].values) == 5
    assert all(refutation.found != refutation.claimed for refutation in found.values())


def test_smallest_counterexample_is_the_smallest():
    assert smallest(("u", "v"), lambda v: v["u"] * v["v"] >= 4) == {"u": 2, "v": 2}
    assert smallest(("u",), lambda v: v["u"] > 100) is None
