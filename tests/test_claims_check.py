"""What is true, false, conditional: the lemma, its consequences, and formulas as lecture notes have them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from derive.calculus.rules import RULES
from derive.claims import Outcome, check_claim
from derive.claims import unfolding as unfolding_module
from derive.claims.grammar import parse
from derive.claims.layers import ranges
from derive.claims.meaning import SAMPLE, ClaimNetwork
from derive.claims.syntax import Layer
from derive.claims.unfolding import Reach, Unfolding, reaches
from derive.quantities import Index, a, x

TRUE = [
    # Lemma 1, in both forms
    "delta[L] = dsigma(z[L]) * (a[L] - y)",
    "delta[l] = dsigma(z[l]) * (W[l+1].T @ delta[l+1])",
    "dC/db[l] = delta[l]",
    "dC/dW[l] = delta[l] @ a[l-1].T",
    "delta[L][j] = dsigma(z[L][j]) * (a[L][j] - y[j])",
    "delta[l][j] = dsigma(z[l][j]) * sum(k, w[l+1][k,j]*delta[l+1][k])",
    "dC/db[l][j] = delta[l][j]",
    "dC/dw[l][j,k] = delta[l][j]*a[l-1][k]",
    # the same, written otherwise
    "dsigma(z[L]) * a[L] - dsigma(z[L]) * y = dC/dz[L]",
    "delta[l].T = (delta[l+1].T @ W[l+1]) * dsigma(z[l]).T",
    "dC/dW[l].T = a[l-1] @ delta[l].T",
    "delta[l-1] = dsigma(z[l-1]) * W[l].T @ delta[l]",
    "2 * dC/dW[l+1] / 2 = delta[l+1] @ sigma(z[l]).T",
    "W[l] * dC/dW[l] = W[l] * (delta[l] @ a[l-1].T)",
    "(W[l+1].T @ delta[l+1])[j] * dsigma(z[l])[j] = delta[l][j]",
    # definitions
    "z[l] = W[l] @ a[l-1] + b[l]",
    "a[l] = sigma(W[l] @ a[l-1] + b[l])",
    "a[1] = x",
    "z[2] = W[2] @ x + b[2]",
    "a[3][j] = sigma(sum(k, w[3][j,k]*sigma(sum(m, w[2][k,m]*x[m]) + b[2][k])) + b[3][j])",
    "a[L] = sigma(W[L] @ sigma(W[L-1] @ a[L-2] + b[L-1]) + b[L])",
    "delta[l] = dC/dz[l]",
    "C = 1/2 * (y - a[L]).T @ (y - a[L])",
    "C = 1/2 * sum(j, (y[j] - a[L][j]) * (y[j] - a[L][j]))",
    # consequences
    "dC/da[L] = a[L] - y",
    "dC/da[l] = W[l+1].T @ delta[l+1]",
    "delta[l] = dsigma(z[l]) * dC/da[l]",
    "dC/dW[l] = (dsigma(z[l]) * dC/da[l]) @ a[l-1].T",
    "dC/da[1] = W[2].T @ dC/db[2]",
    "dC/dW[2] = delta[2] @ x.T",
    "dC/dW[l] @ a[l-1] = delta[l] * (a[l-1].T @ a[l-1])",
    "dC/dW[l].T @ delta[l] = a[l-1] * (delta[l].T @ delta[l])",
    "sum(j, dC/dw[l][j,k]) = sum(j, delta[l][j]) * a[l-1][k]",
    "dC/dW[L] = (dsigma(z[L]) * (a[L] - y)) @ a[L-1].T",
    "delta[L-1] = dsigma(z[L-1]) * (W[L].T @ (dsigma(z[L]) * (a[L] - y)))",
    "dC/da[l] = W[l+1].T @ (dsigma(z[l+1]) * (W[l+2].T @ delta[l+2]))",
    "dC/da[l-2] = W[l-1].T @ (dsigma(z[l-1]) * (W[l].T @ (dsigma(z[l]) * dC/da[l])))",
    "a[L].T @ dC/da[L] = a[L].T @ a[L] - y.T @ a[L]",
    "dC/dW[l] @ dC/dW[l].T = delta[l] @ delta[l].T * (a[l-1].T @ a[l-1])",
    "1/2 + 0.5 = 1",
    "--a[l] - ---b[l] = a[l] + b[l]",
]

LOGISTIC = "sigma is the logistic function, for which sigma' = sigma (1 - sigma)"
CONDITIONAL = {
    # sigma' forgotten
    "delta[L] = a[L] - y": "sigma(z) = z",
    "delta[L][j] = a[L][j] - y[j]": "sigma(z) = z",
    "delta[l] = W[l+1].T @ delta[l+1]": "sigma(z) = z",
    "dC/dW[L] = (a[L] - y) @ a[L-1].T": "sigma(z) = z",
    "a[l] = W[l] @ a[l-1] + b[l]": "sigma(z) = z",
    "sigma(0) * a[l] = 2 * sigma(a[l] - a[l]) * a[l]": "sigma(z) = z",
    # sigma' in the wrong place
    "delta[l] = dsigma(a[l]) * (W[l+1].T @ delta[l+1])": "sigma' is constant",
    "delta[l] = W[l+1].T @ (dsigma(z[l+1]) * delta[l+1])": "sigma' is constant",
    "delta[l] = dsigma(z[l]) * dsigma(z[l]) * (W[l+1].T @ delta[l+1])": "sigma(z) = z",
    # z for a
    "delta[L] = dsigma(z[L]) * (z[L] - y)": "sigma(z) = z",
    "dC/dW[l] = delta[l] @ z[l-1].T": "sigma(z) = z",
    "dC/da[l] = W[l+1].T @ (dsigma(z[l+1]) * delta[l+1])": "sigma(z) = z",
    # one sigma for all
    "dsigma(z[l]) = a[l] * (1 - a[l])": LOGISTIC,
    "delta[L] = a[L] * (1 - a[L]) * (a[L] - y)": LOGISTIC,
    "delta[L] = (1 - a[L]*a[L]) * (a[L] - y)": "sigma is tanh, for which sigma' = 1 - sigma^2",
    # one layer for all
    "delta[l] = dsigma(z[l]) * (a[l] - y)": "l = L",
    "delta[l] = dsigma(z[l]) * (W[L].T @ delta[L])": "l = L-1",
    "dC/da[l] = a[l] - y": "l = L",
    "dC/dW[l] = delta[l] @ x.T": "l = 2",
    "delta[2] = dsigma(z[2]) * (a[2] - y)": "L = 2",
    "delta[2] = dsigma(z[2]) * (W[3].T @ (dsigma(z[3]) * (a[3] - y)))": "L = 3",
    # a number too many
    "dC/db[l] = lam * delta[l]": "lam = 1",
    "dC/dW[l] = -eta * delta[l] @ a[l-1].T": "eta = -1",
    "delta[l] = mu * delta[l]": "mu = 1",
    "delta[L] = mu * dsigma(z[L]) * (a[L] - y) / 2": "mu = 2",
    # sums forgotten or misplaced
    "delta[l][j] = dsigma(z[l][j]) * w[l+1][k,j] * delta[l+1][k]": "n_(l+1) = 1",
    "delta[L][j] = dsigma(z[L][j]) * sum(k, a[L][k] - y[k])": "n_L = 1",
    "dC/dw[l][j,k] = sum(k, delta[l][j] * a[l-1][k])": "n_(l-1) = 1",
    "sum(j, a[l][j]*a[l][j]) = sum(j, a[l][j]) * sum(j, a[l][j])": "n_l = 1",
    "sum(j, a[l][j] - a[l][j] + 1) = sum(j, a[l+1][j] - a[l+1][j] + 1)": "n_(l+1) = n_l",
    "dC/dw[l][j,j] = delta[l][j] * a[l-1][j]": "n_l = n_(l-1)",
}

FALSE = [
    "delta[L] = dsigma(z[L]) * (y - a[L])",
    "delta[L] = y - a[L]",
    "delta[L] = 2 * dsigma(z[L]) * (a[L] - y)",
    "delta[L] = dsigma(z[L]) * a[L]",
    "delta[L] = sigma(z[L]) * (a[L] - y)",
    "C = (y - a[L]).T @ (y - a[L])",
    "delta[L] = 1",
    "delta[L] = 0",
    "delta[L] = a[L]",
    "delta[l] = -dsigma(z[l]) * (W[l+1].T @ delta[l+1])",
    "delta[l] = sigma(z[l]) * (W[l+1].T @ delta[l+1])",
    "delta[l] = z[l] * (W[l+1].T @ delta[l+1])",
    "delta[l] = dsigma(z[l]) + W[l+1].T @ delta[l+1]",
    "delta[l] = dsigma(z[l]) * (W[l+1].T @ dC/da[l+1]) * a[l]",
    "delta[l] = dsigma(z[l]) * (W[l+1].T @ a[l+1])",
    "delta[l] = 2 * dsigma(z[l]) * dsigma(z[l]) * (W[l+1].T @ delta[l+1])",
    "dC/db[l] = delta[l] * a[l]",
    "dC/db[l] = z[l]",
    "dC/dW[l] = -delta[l] @ a[l-1].T",
    "dC/dW[l] = delta[l] @ a[l-1].T / 3",
    "dC/dW[l] = W[l]",
    "dC/dW[2] = delta[2] @ x.T * 2",
    "dC/dw[l][j,k] = delta[l][j]",
    "dC/da[L] = y - a[L]",
    "a[2] = sigma(W[2] @ x)",
    "W[l] @ a[l-1] = z[l]",
    "1/2 = 0.499999",
]


@pytest.mark.parametrize("text", TRUE)
def test_true(text):
    verdict = check_claim(text)
    assert verdict.outcome is Outcome.TRUE, verdict.lines
    assert verdict.exit_status == 0
    assert verdict.counterexample is None
    assert verdict.lines[0] == f"true: {text}"
    assert "any widths" in verdict.lines[1]


@pytest.mark.parametrize("text", CONDITIONAL)
def test_conditional(text):
    verdict = check_claim(text)
    assert verdict.outcome is Outcome.CONDITIONAL, verdict.lines
    assert verdict.exit_status == 1
    assert verdict.condition == CONDITIONAL[text]
    assert verdict.lines[1].startswith(f"true if {verdict.condition}")
    # in general the two sides differ, or do not even fit
    assert (verdict.counterexample is None) == (verdict.column is not None)


@pytest.mark.parametrize("text", FALSE)
def test_false(text):
    verdict = check_claim(text)
    assert verdict.outcome is Outcome.FALSE, verdict.lines
    assert verdict.exit_status == 1
    found = verdict.counterexample
    assert found is not None
    assert found.left != found.right
    assert isinstance(found.left, Fraction)
    assert f"{found.left}" in "\n".join(verdict.lines)


@pytest.mark.parametrize("text", FALSE)
def test_a_false_claim_is_false_whichever_side_comes_first(text):
    left, right = text.split("=")
    assert check_claim(f"{right} = {left}").outcome is Outcome.FALSE


def test_what_is_false_at_one_neuron_is_shown_there_with_small_integers():
    found = check_claim("delta[L] = y - a[L]").counterexample
    assert found.instance.sizes == (1, 1)
    assert {abs(entry) for matrix in found.instance.entries.values() for (entry,) in matrix} <= {1, 2}
    assert found.instance.stand_in.name == "z^2 + z"


def test_what_only_wider_layers_tell_apart_is_shown_in_the_fewest_neurons():
    """One neuron in layer l+1 hides a missing sum, one in each layer a missing transpose."""
    found = check_claim("delta[l][j] = dsigma(z[l][j]) * w[l+1][k,j] * delta[l+1][k]").counterexample
    assert found.instance.sizes == (1, 1, 2)
    found = check_claim(
        "W[l].T @ W[l] @ a[l-1] = a[l-1] * sum(j, sum(k, W[l][j,k]*W[l][j,k]))"
    ).counterexample
    assert found.instance.sizes == (2, 1)


def test_the_counterexample_says_which_entry_differs():
    lines = check_claim("dC/dw[l][j,k] = delta[l][j] * a[l-1][k] * (1 + W[l][j,k] - W[l][j,k]) * 2").lines
    assert any(line.strip().startswith("left side at j = 1, k = 1: ") for line in lines)
    lines = check_claim("dC/db[l][k] = w[l][k,j]").lines
    assert "note: j stands on one side only, not summed: the claim is meant for every j" in lines


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("dC/db[l] = 2*delta[l]", "1/2"),
        ("delta[L] = dsigma(z[L]) * (y - a[L])", "-1"),
        ("delta[L] = 3/4 * dsigma(z[L]) * (a[L] - y)", "4/3"),
    ],
)
def test_a_false_claim_off_by_a_factor_is_told_so(text, ratio):
    assert check_claim(text).lines[-1] == f"note: the left side is {ratio} times the right side, always"


def test_a_false_claim_of_another_kind_is_not():
    assert "times the right side" not in "\n".join(check_claim("delta[L] = y - a[L]").lines)


def test_a_misfit_that_is_right_for_single_neurons_is_told_so():
    note = "note: with one neuron in every layer it fits, and is true"
    assert check_claim("dC/dW[l] = a[l-1] @ delta[l].T").lines[-1] == note
    assert check_claim("dC/dW[l] = delta[l] * a[l-1]").lines[-1] == note
    assert note not in check_claim("dC/dW[l] = a[l] @ delta[l].T").lines


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("delta[l] = dsigma(z[l]) * (W[l+1].T @ delta[l+1])", "2 <= l <= L-1"),
        ("dC/dW[l] = delta[l] @ a[l-1].T", "2 <= l <= L"),
        ("dC/da[l] = W[l+1].T @ delta[l+1]", "1 <= l <= L-1"),
        ("a[l-2] = a[l-2]", "3 <= l <= L"),
        ("delta[l+2] = delta[l+2]", "1 <= l <= L-2"),
        ("delta[L] = 1", ""),
        ("delta[L-1] = 1", "L >= 3"),
        ("a[5] = 1", "L >= 5"),
        ("delta[l] * delta[4].T @ delta[4] = 1", "2 <= l <= L, L >= 4"),
    ],
)
def test_a_claim_is_meant_for_the_layers_that_exist(text, domain):
    assert ranges(parse(text)) == domain


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dC/dW[l] = delta[l] @ a[l-1].T", {"l": Reach(-1, 0)}),
        ("dC/da[l] = W[l+1].T @ delta[l+1]", {"l": Reach(0, 1)}),
        ("delta[L] = dsigma(z[L]) * (a[L] - y)", {"L": Reach(-1, 0)}),
        ("dC/da[L-1] = y", {"L": Reach(-1, 0)}),
        ("delta[3] = a[2]", {"": Reach(2, 3)}),
        ("x = a[l]", {"": Reach(1, 1), "l": Reach(0, 0)}),
    ],
)
def test_activations_are_opened_above_the_lowest_layer_and_derivatives_below_the_highest(text, found):
    """a[l-1] in (1.4) may be a[1]: to open it as sigma(z[l-1]) would be wrong at l = 2."""
    claim = parse(text)
    assert reaches(claim) == found
    opened = Unfolding(claim, ClaimNetwork(claim=claim), weighted_inputs=True)
    for base, reach in found.items():
        lowest = a[Layer(base, reach.floor).expr, SAMPLE, Index("j", 3)]
        assert opened.open(lowest) == (lowest if base or reach.floor > 1 else x[lowest.indices[1:]])


def test_the_steps_lead_from_the_derivative_to_the_equation_by_known_rules():
    verdict = check_claim("delta[l] = dsigma(z[l]) * dC/da[l]")
    steps = verdict.steps()
    assert steps[0] == "delta through a:"
    assert steps[1].strip() == "dC/dz[l]_j"
    assert steps[-1].strip().startswith("= s'(z[l]_j) dC/da[l]_j ")
    rules = {rule.name for rule in RULES}
    assert all(line.split("    [", 1)[1].rstrip("]").split(":")[0] in rules for line in steps[2:])
    assert [d.equation.number for d in check_claim(TRUE[1]).derivations] == ["1.2"]
    assert [d.equation.number for d in check_claim(TRUE[3]).derivations] == ["1.4"]


def test_a_true_claim_that_is_too_large_is_left_undecided():
    factor = "(a[l]+b[l]+z[l])"
    product = "*".join([factor] * 9)
    verdict = check_claim(f"{product} = {product}")
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.exit_status == 1
    assert "too large to compare" in verdict.lines[1]
    deep = "sigma(" * 8 + "z[l]" + ")" * 8
    assert "too large" in check_claim(f"{deep} = {deep}").lines[1]


# -- the checks can fail -------------------------------------------------------------------------------


@pytest.fixture
def wrong_derivation(monkeypatch):
    """Let the derivation of (1.2) come out with the wrong sign."""
    right = unfolding_module.hidden_delta

    def wrong(*arguments):
        derived = right(*arguments)
        return replace(derived, equation=replace(derived.equation, rhs=-derived.equation.rhs))

    monkeypatch.setattr(unfolding_module, "hidden_delta", wrong)


@pytest.mark.usefixtures("wrong_derivation")
def test_numbers_contradict_a_wrong_derivation():
    verdict = check_claim("delta[l] = -dsigma(z[l]) * (W[l+1].T @ delta[l+1])")
    assert verdict.outcome is Outcome.UNDECIDED
    assert "disagree" in verdict.lines[1]
    assert verdict.counterexample is not None


@pytest.mark.usefixtures("wrong_derivation")
def test_nothing_is_called_false_without_a_counterexample():
    verdict = check_claim("delta[l] = dsigma(z[l]) * (W[l+1].T @ delta[l+1])")
    assert verdict.outcome is Outcome.UNDECIDED
    assert "no proof was found, and" in verdict.lines[1]
    assert "no counterexample" in verdict.lines[1]
