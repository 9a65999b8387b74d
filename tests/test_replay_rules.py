"""The rules and premises of the replay: what each accepts, and what each must not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from replay_cases import ROWS, A, B, Vectors, X, Y, c
from sympy import (
    Expr,
    Integer,
    KroneckerDelta,
    Sum,
    Symbol,
    exp,
    symbols,
)

from derive.architecture import Architecture
from derive.evaluation import same_value
from derive.network import Network, half_square, mean_cost, sample_cost
from derive.quantities import (
    C,
    Cost,
    Index,
    L,
    N,
    Partial,
    Sigma,
    SigmaPrime,
    a,
    b,
    delta,
    eta,
    l,
    total,
    w,
    y,
    z,
)
from derive.replay import Outcome, Problem, check_step
from derive.theorems.levenberg_marquardt import LinearModel, h

# -- the rules, and what each must not do ----------------------------------------------------------------

p, q, r, s = (Index(name, ROWS) for name in "pqrs")
long = Index("m", ROWS + 1)
g, u, v = A[p, q], X[p], X[q]
S, T = symbols("S T", commutative=False)

TEXTBOOK = {
    "linearity, two of three": (
        "linearity",
        Partial(c + u + A[p, q], v),
        Partial(c + u, v) + Partial(A[p, q], v),
    ),
    "linearity of an inner sum": (
        "linearity",
        total(A[p, q] + B[q], p, q),
        total(total(A[p, q], q) + total(B[q], q), p),
    ),
    "constant factor, one of two": ("constant factor", Partial(2 * c * u, v), 2 * Partial(c * u, v)),
    "constant factor out of two sums": ("constant factor", total(c * g, p, q), c * total(g, p, q)),
    "constant factor out of the inner sum": (
        "constant factor",
        total(B[p] * g, p, q),
        total(B[p] * total(g, q), p),
    ),
    "a sum of zeros": ("constant factor", c + total(Integer(0), p), c),
    "product rule": ("product rule", Partial(u * X[r], v), u * Partial(X[r], v) + Partial(u, v) * X[r]),
    "exchange with the outer of two sums": (
        "exchange of derivative and sum",
        Partial(total(g * X[p], p, q), X[r]),
        total(Partial(total(g * X[p], q), X[r]), p),
    ),
    "definition, folded": ("definition", B[p] + total(A[p, q] * X[q], q), B[p] + Y[p]),
    "definition, at one of two places": (
        "definition",
        B[p] * Y[p] + Y[p],
        B[p] * Y[p] + total(A[p, q] * X[q], q),
    ),
    "collapse of the outer sum": (
        "Kronecker collapse",
        total(KroneckerDelta(p, r) * g, p, q),
        total(A[r, q], q),
    ),
    "collapse to a number": ("Kronecker collapse", total(KroneckerDelta(p, r), p), Integer(1)),
    "power rule to a negative power": ("power rule", Partial(1 / u, v), -Partial(u, v) / u**2),
    "chain rule of the exponential": ("chain rule", Partial(exp(u), v), exp(u) * Partial(u, v)),
    "a product of sums, multiplied out": (
        "distributive law",
        total(B[p], p) * total(B[q], q),
        total(B[p] * B[q], q, p),
    ),
    "a square of a sum is a double sum": ("distributive law", total(B[p], p) ** 2, total(B[p] * B[q], p, q)),
    "sums exchanged and renamed": ("distributive law", total(A[p, q] * c, p, q), c * total(A[q, p], p, q)),
    "a sum of equal terms": ("distributive law", total(c, p), ROWS * c),
    "fractions": ("distributive law", c / (1 + c), 1 - 1 / (1 + c)),
    "a quotient by a sum, twice": (
        "distributive law",
        exp(u) / total(exp(X[q]), q) * (1 - exp(v) / total(exp(X[s]), s)),
        exp(u) / total(exp(X[q]), q) - exp(u) * exp(v) / total(exp(X[s]), s) ** 2,
    ),
    "words": ("distributive law", S * (T + c), S * T + c * S),
    "sign": ("constant factor", -c * (B[p] - B[q]), c * (B[q] - B[p])),
}

EQUAL_BUT_NOT_SO = {
    "two steps at once": (
        "linearity",
        Partial(c * u + B[q] * u, v),
        c * Partial(u, v) + B[q] * Partial(u, v),
    ),
    "multiplied out": ("linearity", c * (B[p] + B[q]) * u, c * B[p] * u + c * B[q] * u),
    "sums exchanged": ("linearity", total(g, p, q), total(g, q, p)),
    "sums exchanged by the other rule": ("exchange of derivative and sum", total(g, p, q), total(g, q, p)),
    "collapsed without a sum": (
        "Kronecker collapse",
        KroneckerDelta(p, q) * B[p],
        KroneckerDelta(p, q) * B[q],
    ),
    "nothing done": ("definition", Y[p], Y[p]),
    "nothing but a name changed": ("constant factor", total(Integer(1), p), total(Integer(1), q)),
    "a factor put in": ("constant factor", c * total(g, q), total(c * g, q)),
    "linear backwards": ("linearity", total(g, q) + total(B[q], q), total(g + B[q], q)),
}

FALSE = {
    "constant that moves": ("constant factor", Partial(u * X[r], v), u * Partial(X[r], v)),
    "constant that moves by definition": ("constant factor", Partial(Y[p] * u, v), Y[p] * Partial(u, v)),
    "constant that is summed over": ("constant factor", total(B[q] * g, q), B[q] * total(g, q)),
    "independent by definition it is not": ("independence", Partial(Y[p], v), Integer(0)),
    "power rule without the power": ("power rule", Partial(u**3, v), 3 * u * Partial(u, v)),
    "power rule to a negative power": ("power rule", Partial(1 / u, v), Partial(u, v) / u**2),
    "chain rule without sigma'": ("chain rule", Partial(Sigma(1, u), v), Partial(u, v)),
    "chain rule at another layer": (
        "chain rule",
        Partial(Sigma(1, u), v),
        SigmaPrime(2, u) * Partial(u, v),
    ),
    "product rule with a minus": (
        "product rule",
        Partial(u * X[r], v),
        u * Partial(X[r], v) - Partial(u, v) * X[r],
    ),
    "coordinates of different vectors": ("independent coordinates", Partial(Y[p], v), KroneckerDelta(p, q)),
    "exchange that captures the variable": (
        "exchange of derivative and sum",
        Partial(total(X[q] ** 2, q), X[q]),
        total(Partial(X[q] ** 2, X[q]), q),
    ),
    "definition at another index": ("definition", Y[p], total(A[q, r] * X[r], r)),
    "collapse onto the wrong index": (
        "Kronecker collapse",
        total(KroneckerDelta(p, r) * g, p),
        A[s, q],
    ),
    "one index for two sums": ("distributive law", total(B[p], p) ** 2, total(B[p] * B[p], p)),
    "transposed": ("distributive law", total(A[p, q] * B[p], p, q), total(A[q, p] * B[p], p, q)),
    "words do not commute": ("distributive law", S * (T + c), T * S + c * S),
    "collapse under another name": (
        "distributive law",
        total(KroneckerDelta(p, r) * B[p], p) * c,
        c * B[q],
    ),
    "exponentials at two places": (
        "distributive law",
        total(B[p] * exp(X[p]) * total(exp(X[q]), q) ** -1, p),
        total(B[p] * exp(X[q]) * total(exp(X[p]), p) ** -1, p, q),
    ),
    "a premise that nobody made": ("premise", S * T, c * S),
    "sign of one term only": ("constant factor", -c * (B[p] - B[q]), c * (B[q] + B[p])),
}


@pytest.mark.parametrize("name", TEXTBOOK)
def test_a_textbook_use_of_a_rule_is_accepted(name):
    rule, before, after = TEXTBOOK[name]
    assert check_step(before, after, rule, Vectors()).outcome is Outcome.VALID


@pytest.mark.parametrize("name", EQUAL_BUT_NOT_SO)
def test_what_is_equal_for_another_reason_is_a_wrong_rule(name):
    rule, before, after = EQUAL_BUT_NOT_SO[name]
    verdict = check_step(before, after, rule, Vectors())
    assert verdict.outcome is Outcome.WRONG_RULE
    assert verdict.reason.endswith("though they seem equal")


@pytest.mark.parametrize("name", FALSE)
def test_what_is_not_equal_is_false(name):
    rule, before, after = FALSE[name]
    verdict = check_step(before, after, rule, Vectors())
    assert verdict.outcome is Outcome.FALSE
    assert verdict.reason.endswith("they differ") or "cannot evaluate" in verdict.reason


def test_a_sum_collapses_only_onto_an_index_of_its_own_range():
    verdict = check_step(total(KroneckerDelta(p, long) * B[p], p), B[long], "Kronecker collapse", Vectors())
    assert not verdict.holds
    assert "(p and m do not have the same range)" in verdict.reason


def test_a_sum_over_part_of_a_range_is_no_sum_of_the_theory():
    before, after = Sum(c * B[p], (p, 2, ROWS)), c * Sum(B[p], (p, 2, ROWS))
    verdict = check_step(before, after, "constant factor", Vectors())
    assert "does not run over the whole range of p" in verdict.reason
    assert verdict.outcome is Outcome.WRONG_RULE


# -- the premises of the theory --------------------------------------------------------------------------

GENERAL = Problem(Network(), sample_cost())
i, other = GENERAL.objective.i, Index("s", N)
j, k = Network().index("j", l), Network().index("k", l - 1)
m = Network().index("m", l)
above, below = Network().index("k", l + 1), Network().index("k", l - 1)
LAYER = "chain rule"


def chained(f: Expr, through: Expr, variable: Expr, *sums: Index) -> tuple[Expr, Expr, str]:
    return Partial(f, variable), total(Partial(f, through) * Partial(through, variable), *sums), LAYER


@pytest.mark.parametrize(
    "step",
    [
        chained(C[i], z[l + 1, i, above], z[l, i, j], above),
        chained(C[i], z[l, i, m], w[l, j, k], m),
        chained(C[i], z[l, other, m], w[l, j, k], other, m),
        chained(C[i], z[l + 1, i, above], w[l, j, k], above),
        chained(C[i], a[l, i, m], z[l, i, j], m),
        chained(C[i], z[l + 1, i, above], a[l, i, j], above),
    ],
)
def test_a_variable_acts_through_every_layer_above_it(step):
    assert check_step(*step, GENERAL).holds


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (chained(C[i], z[l, i, m], z[l, i, j], m), "z[l] does not lie above z[l, i, j]"),
        (chained(C[i], z[l - 1, i, below], w[l, j, k], below), "z[l - 1] does not lie above w[l, j, k]"),
        (chained(C[i], z[l, other, m], w[l, j, k], m), ""),
        (chained(C[i], z[l, i, j], w[l, j, k]), ""),
        (chained(C[i], z[l, i, above], w[l, j, k], above), ""),
        (chained(C[i], z[l, i, m], w[l, j, k], m, m), ""),
    ],
)
def test_a_layer_that_does_not_part_the_variable_from_the_cost_is_refused(step, reason):
    verdict = check_step(*step, GENERAL)
    assert not verdict.holds
    assert reason in verdict.reason


def test_the_mean_cost_takes_a_parameter_through_every_sample():
    mean = Problem(Network(), mean_cost())
    assert check_step(*chained(Cost, z[l, i, m], w[l, j, k], i, m), mean).holds
    assert not check_step(*chained(Cost, z[l, i, m], w[l, j, k], m), mean).holds
    assert check_step(*chained(Cost, z[l + 1, i, above], z[l, i, j], above), mean).holds


def test_a_cost_that_sees_a_weight_directly_is_not_taken_through_a_layer():
    def define(network: Network) -> Expr:
        jj, kk = network.index("j", Integer(2)), network.index("k", Integer(1))
        return half_square(network, i) + eta * total(w[2, jj, kk] ** 2, jj, kk)

    network = Network(Architecture.parse("2-2-3-2"))
    decayed = Problem(network, replace(sample_cost(), i=i, symbol=C[i], define=define))
    for layer, accepted in ((2, False), (3, True)):
        jj, kk = network.index("j", Integer(layer)), network.index("k", Integer(layer - 1))
        mm = network.index("m", Integer(layer))
        step = chained(C[i], z[layer, i, mm], w[layer, jj, kk], mm)
        assert check_step(*step, decayed).holds is accepted


def test_a_derivative_depends_on_the_weights_above_as_well():
    f = Partial(C[i], z[l, i, j])
    up, out = Network().index("m", l + 1), Network().index("k", l + 1)
    before, after, rule = chained(f, z[l + 1, i, out], w[l + 1, up, m], out)
    assert check_step(before, after, rule, GENERAL).outcome is Outcome.FALSE


def test_a_weight_that_skips_a_layer_breaks_the_premise():
    class Skipping(Network):
        def weighted_input(self, layer: Expr, i: Expr, j: Expr) -> Expr:
            if layer < 4:
                return super().weighted_input(layer, i, j)
            k = self.index("k", layer - 2)
            return super().weighted_input(layer, i, j) + total(a[layer - 2, i, k], k)

    for network, accepted in ((Network, True), (Skipping, False)):
        problem = Problem(network(Architecture.parse("2-2-3-2")), sample_cost())
        i, j = problem.objective.i, Index("j", 2)
        k = Index("k", 3)
        before, after, rule = chained(C[i], z[3, i, k], z[2, i, j], k)
        verdict = check_step(before, after, rule, problem)
        assert verdict.holds is accepted
        assert same_value(before, after, problem) is accepted


def test_a_coordinate_is_not_taken_apart_where_one_differentiates_in_it():
    opened = Network().definition(z[l, i, m])
    before, after = Partial(z[l, i, m], z[l, i, j]), Partial(opened, z[l, i, j])
    assert check_step(before, after, "definition", GENERAL).outcome is Outcome.FALSE
    assert check_step(after, before, "definition", GENERAL).outcome is Outcome.FALSE
    assert check_step(Partial(z[l, i, m], b[l, j]), Partial(opened, b[l, j]), "definition", GENERAL).holds


def test_what_may_be_the_input_is_not_taken_for_an_activation():
    step = (a[l - 1, i, k], Sigma(l - 1, z[l - 1, i, k]), "definition")
    verdict = check_step(*step, GENERAL)
    assert not verdict.holds
    assert "layer l - 1 may be the input" in verdict.reason
    assert check_step(a[l, i, j], Sigma(l, z[l, i, j]), "definition", GENERAL).holds


@pytest.mark.parametrize(
    ("quantity", "variable", "independent"),
    [
        (a[l - 1, i, k], w[l, j, below], True),
        (a[l - 1, i, k], z[l, i, j], True),
        (a[l - 2, i, k], z[l, i, j], True),
        (a[l, i, j], w[l, m, k], False),
        (w[l + 1, above, j], z[l, i, j], True),
        (w[l, m, k], w[l, j, below], False),
        (z[l, other, m], z[l, i, j], False),  # s may be i
        (a[l - 1, i, k], w[l - 1, k, k], False),
        (a[L, i, j], z[l, i, j], False),
        (delta[l + 1, i, above], z[l, i, j], False),
        (y[i, j], z[l, i, j], True),
        (C[i], w[l, j, k], False),
    ],
)
def test_independence_is_read_off_the_definitions(quantity, variable, independent):
    verdict = check_step(Partial(quantity, variable), Integer(0), "independence", GENERAL)
    assert verdict.holds is independent
    assert independent or f"may change with {variable}".replace("_", "") in verdict.reason


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Symbol("t") ** c, Symbol("t") ** h[p]),
        (a[c, i, j], a[c + 1, i, j]),
        (1 / (h[p] - h[p] * total(Integer(1), p) / ROWS), h[p]),
    ],
)
def test_what_cannot_be_evaluated_is_refused_all_the_same(before, after):
    verdict = check_step(before, after, "constant factor", LinearModel())
    assert verdict.outcome is Outcome.FALSE
    assert "cannot evaluate" in verdict.reason
