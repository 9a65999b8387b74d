"""The Levenberg-Marquardt step of a loss that is no plain square: derived, proved, emitted and tried."""

from __future__ import annotations

import importlib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import mpmath
import numpy as np
import pytest
from curved_networks import CONVEX, drawn, imported, outputs, slope_and_curvature
from sympy import Integer, KroneckerDelta

from derive import Architecture, generate, prove
from derive.calculus.normal_form import equal
from derive.network import Network
from derive.own_cost import cost
from derive.package import render
from derive.printers.text import expression_text
from derive.quantities import Index, L, N, a
from derive.theorems import convex
from derive.theorems.convex import FLAT, NO_STEP, applies, convex_step, curvature_is_nonnegative, prove_step
from derive.theorems.curved import curvature_in_outputs, curved_equations, slope_in_outputs
from derive.theorems.levenberg_marquardt import step_equations
from derive.verification import verify_files


@pytest.fixture(scope="module", params=CONVEX, ids=[f"{a} {c}" for a, c in CONVEX])
def emitted(request, tmp_path_factory):
    package = generate(Architecture.parse(*request.param))
    with imported(package, tmp_path_factory.mktemp("packages")) as net:
        yield package, net, importlib.import_module(f"{package.name}.curved_step")


@pytest.fixture(scope="module")
def differences(emitted):
    """Return rho and H of every sample, by differences of the cost in its outputs."""
    package, net, _ = emitted
    p, X, Y = drawn(net)
    with mpmath.workdps(50):
        pairs = zip(Y, outputs(package, net, p, X), strict=True)
        return [slope_and_curvature(package, target, out) for target, out in pairs]


@pytest.fixture(scope="module")
def theorem():
    return convex_step()


def test_slope_curvature_and_rows_are_what_differences_of_the_cost_say(emitted, differences):
    _, net, module = emitted
    p, X, Y = drawn(net)
    J, K, r = module.StepWorkspace(len(X)).linearise(p, X, Y)
    n = net.SIZES[-1]
    for i, (slope, bend) in enumerate(differences):
        rows = slice(n * i, n * (i + 1))
        np.testing.assert_allclose(r[rows], slope, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(K[rows], bend @ J[rows], rtol=1e-8, atol=1e-10)


def test_the_jacobian_is_that_of_the_outputs_that_are_linearised(emitted):
    package, net, module = emitted
    p, X, Y = drawn(net)
    J, _, _ = module.StepWorkspace(len(X)).linearise(p, X, Y)
    softmax = package.proof.network.softmax
    for k in range(net.N_PARAMETERS):
        unit = 1e-6 * np.eye(net.N_PARAMETERS)[k]
        change = (outputs(package, net, p + unit, X) - outputs(package, net, p - unit, X)) / 2e-6
        found = J[:, k].reshape(change.shape)
        if softmax:  # log a is z but for a shift that all outputs of a sample share
            change -= change.mean(axis=1, keepdims=True)
            found = found - found.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(found, change, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("mu", [1e-3, 1.0, 1e3])
def test_the_step_solves_the_dense_system_and_both_forms_agree(emitted, differences, mu):
    package, net, module = emitted
    p, X, Y = drawn(net)
    J, _, _ = module.StepWorkspace(len(X)).linearise(p, X, Y)
    n = net.SIZES[-1]
    A, g = mu * np.eye(net.N_PARAMETERS), np.zeros(net.N_PARAMETERS)
    for i, (slope, bend) in enumerate(differences):
        rows = J[n * i : n * (i + 1)]
        A += rows.T @ bend @ rows
        g += rows.T @ slope
    h = np.linalg.solve(A, g)
    scale = np.abs(h).max()
    for step in (net.lm_step, net.lm_step_primal, net.lm_step_dual):
        np.testing.assert_allclose(step(p, X, Y, mu) - p, h, rtol=1e-6, atol=1e-8 * scale)
    samples = 1 if package.proof.network.cost_terms.summed else len(X)
    np.testing.assert_allclose(g, -samples * net.gradient(p, X, Y), rtol=1e-9, atol=1e-12)


def test_training_never_goes_uphill_and_ends_where_the_gradient_vanishes(emitted):
    _, net, _ = emitted
    p, X, Y = drawn(net, n=12, seed=3)
    result = net.levenberg_marquardt(p, X, Y, steps=60, gtol=1e-9)
    costs = [cost for _, cost, *_ in result.history]
    assert all(later < earlier for earlier, later in pairwise(costs))
    assert result.cost == net.cost(result.p, X, Y)
    before = np.linalg.norm(net.gradient(p, X, Y))
    assert np.linalg.norm(net.gradient(result.p, X, Y)) < 0.1 * before


def test_the_package_checks_its_own_steps_and_is_verified(emitted):
    package, net, _ = emitted
    assert importlib.import_module(f"{net.__name__}.__main__").main() == 0
    assert verify_files(package.files, package.proof).holds
    assert (Path(net.__file__).parent / "curved_step.py").exists()


def test_a_softmax_classifier_is_trained_in_a_few_steps_and_below_what_descent_reaches(emitted):
    package, net, _ = emitted
    if not package.proof.network.softmax:
        pytest.skip("not a classifier")
    rng = np.random.default_rng(0)
    classes = np.arange(45) % 3
    X = np.array([[0.0, 1.0], [1.0, -0.5], [-1.0, -0.5]])[classes] + 0.6 * rng.standard_normal((45, 2))
    Y = np.eye(3)[classes]
    p = net.initial_parameters(4)
    quick = net.levenberg_marquardt(p, X, Y, steps=25)
    slow = net.gradient_descent(p, X, Y, eta=0.3, steps=1000)
    assert quick.cost < slow.cost
    assert (net.forward(quick.p, X).argmax(axis=1) == classes).mean() > 0.85


def test_outputs_that_are_certain_leave_the_step_finite(emitted):
    package, net, _ = emitted
    p, X, Y = drawn(net)
    p = p if "poisson" in package.name else 300 * p  # exp(a) may be as large as it likes
    for step in (net.lm_step_primal, net.lm_step_dual):
        with np.errstate(all="raise", under="ignore"):
            assert np.isfinite(step(p, X, Y, 1.0)).all()


# -- the theorem --------------------------------------------------------------------------------------------


def test_every_part_of_the_theorem_holds(theorem):
    assert [part.faults for part in theorem.parts] == [()] * len(theorem.parts)
    assert theorem.holds


def test_the_step_is_that_of_squares_where_the_curvature_is_the_identity():
    architecture = Architecture.parse("2-3-2")
    proof = prove(architecture, brute_force=False)
    assert proof.squares
    assert proof.curved is None
    assert prove(Architecture.parse("2-3-2", "sum:quadratic"), brute_force=False).squares
    assert not prove(Architecture.parse("2-3-2", "2*quadratic"), brute_force=False).squares
    general, plain = curved_equations(), step_equations()
    for name in ("primal", "back", "update"):
        ours, known = getattr(general, name), getattr(plain, name)
        assert expression_text(ours.rhs) == expression_text(known.rhs)


@pytest.mark.parametrize("number", ["2.18", "2.20", "2.21", "2.22", "2.23", "2.24", "2.25", "2.26"])
def test_a_part_with_another_sign_or_twice_the_size_is_not_proved(theorem, number):
    (part,) = (part for part in theorem.parts if part.equation.number == number)
    for factor in (-1, 2):
        rhs = factor * part.equation.rhs if part.equation.rhs != 0 else Integer(factor)
        assert not replace(part, equation=replace(part.equation, rhs=rhs)).holds


def test_without_h_or_with_another_sign_the_dual_form_and_descent_are_not_proved():
    step = curved_equations()
    plain = step_equations()
    without = replace(step, gram=replace(plain.gram, number="2.19"))
    assert not convex.dual(without).holds
    lost = replace(step, normal_matrix=plain.normal_matrix)
    assert not convex.normal_equations(lost).holds
    assert not convex.descent_direction(lost).holds
    turned = replace(step, right_side=replace(step.right_side, rhs=-step.right_side.rhs))
    assert not convex.normal_equations(turned).holds


def test_the_decision_by_the_normal_form_alone_sees_what_is_wrong_with_a_step():
    step, plain = curved_equations(), step_equations()
    assert prove_step(step)
    wrong = [
        replace(step, gram=plain.gram),
        replace(step, normal_matrix=plain.normal_matrix),
        *(
            replace(step, **{name: replace(getattr(step, name), rhs=-getattr(step, name).rhs)})
            for name in ("normal_matrix", "right_side", "primal", "gram", "dual", "back")
        ),
    ]
    assert not any(map(prove_step, wrong))


@pytest.mark.parametrize("name", ["huber", "2*quadratic(1,2)", "3*cross-entropy"])
def test_slope_and_curvature_are_replayed_and_wrong_ones_refused(name):
    network = Network(loss=name)
    for part in (slope_in_outputs(network), curvature_in_outputs(network)):
        assert part.holds
        assert not replace(part, equation=replace(part.equation, rhs=-part.equation.rhs)).holds


def test_the_softmax_s_curvature_comes_out_of_its_slope():
    found = curvature_in_outputs(Network(loss="2*cross-entropy")).equation
    i, c, other = found.lhs.indices
    assert equal(found.rhs, 2 * a[L, i, c] * (KroneckerDelta(c, other) - a[L, i, other]))
    assert isinstance(i, Index)
    assert i.upper == N


# -- where there is no step ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["cauchy: log(1+(a-y)^2)", "welsch: 1-exp(-(a-y)^2)", "2*hill: -(a-y)^2", "absolute: abs(a-y)"]
)
def test_a_loss_that_is_not_proved_convex_has_no_step_and_is_told_why(name):
    proof = prove(Architecture.parse("2-3:tanh-2:linear", name), brute_force=False)
    assert proof.holds
    assert proof.curved is None
    assert not proof.squares
    (verdict,) = (v for v in proof.verdicts if v.claim == convex.VERDICT)
    assert verdict.holds is None
    assert verdict.method == (FLAT if name.startswith("absolute") else NO_STEP)
    assert applies(proof.network) == verdict.method
    files = render(proof)
    assert "curved_step.py" not in files
    assert not any("levenberg_marquardt" in text for text in files.values())
    assert (
        "There is no Levenberg-Marquardt step: it needs a loss that is proved convex" in files["__init__.py"]
    )


def test_the_logistic_and_the_softmax_have_a_curvature_that_is_not_negative():
    assert curvature_is_nonnegative(Network(loss="cross-entropy"))
    assert curvature_is_nonnegative(Network(Architecture.parse("2-3-2", "binary-cross-entropy")))
    assert not cost("binary-cross-entropy").convex  # in a it is not seen for targets beyond 0 and 1


# -- mutants of what is emitted -----------------------------------------------------------------------------

MUTANTS = [
    ("np.multiply(D[:, :, None], J, out=K)", "np.copyto(K, J)"),
    ("np.multiply(D[:, :, None], J, out=K)", "np.divide(J, D[:, :, None], out=K)"),
    ("A = np.matmul(J.T, K)", "A = np.matmul(J.T, J)"),
    ("G = np.matmul(K, J.T)", "G = np.matmul(J, J.T)"),
    ("G = np.matmul(K, J.T)", "G = np.matmul(J, K.T)"),
    ("g = np.matmul(J.T, r)", "g = np.matmul(K.T, r)"),
    ("np.multiply(r, OMEGA, out=r)", "np.multiply(r, 1.0, out=r)"),
    ("np.subtract(Y, a3, out=r)", "np.subtract(a3, Y, out=r)"),
    ("np.multiply(a3, OMEGA, out=D)", "np.copyto(D, a3)"),
    ("np.subtract(1.0, a3, out=a3)", "np.subtract(2.0, a3, out=a3)"),
    ("return self.J, self.K, self.r", "return self.K, self.J, self.r"),
    ("self.p, self.J, self.K, self.r, self.h, shift", "self.p, self.K, self.J, self.r, self.h, shift"),
    ("shares(mu, self.ridge)", "shares(2.0 * mu, self.ridge)"),
    ("predicted_decrease(self.g, h, mu)", "predicted_decrease(h, self.g, mu)"),
    ("np.multiply(J, t[:, :, None], out=J)", "np.divide(J, t[:, :, None], out=J)"),
    ("weigh_rows(by_sample", "(by_sample"),
    ("if t is not None:", "if t is None:"),
    ('np.copyto(np.einsum("abb->ab", d3), 1.0)', 'np.copyto(np.einsum("abb->ab", d3), 2.0)'),
    ("multiply_rows(by_sample", "bend(Y, self.r.reshape(Y.shape), self.activations, self.work)\n        # ("),
]


@pytest.fixture(scope="module")
def logistic():
    return generate(Architecture.parse("2-3:tanh-2", "binary-cross-entropy(2,1)"))


@pytest.mark.parametrize(("old", "new"), MUTANTS)
def test_a_mutant_of_the_step_is_found_by_verification(logistic, old, new):
    text = logistic.files["curved_step.py"]
    assert old in text
    changed = {**logistic.files, "curved_step.py": text.replace(old, new, 1)}
    assert not verify_files(changed, logistic.proof).holds


def test_a_package_without_its_step_is_found_by_verification(logistic):
    files = {name: text for name, text in logistic.files.items() if name != "curved_step.py"}
    assert [finding.file for finding in verify_files(files, logistic.proof).findings] == ["curved_step.py"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.linearise(p, X, Y, t)", "self.linearise(p, X, X, t)"),
        ("self.linearise(p, X, Y, t)", "self.linearise(p, X, Y)"),
    ],
)
def test_where_a_step_is_taken_from_is_verified(old, new):
    proof = prove(Architecture.parse("2-3-2", "sum:0.5*huber(1,2)"), brute_force=False)
    files = render(proof)
    assert verify_files(files, proof).holds
    changed = files["curved_step.py"].replace(old, new, 1)
    assert changed != files["curved_step.py"]
    assert not verify_files({**files, "curved_step.py": changed}, proof).holds


def test_a_function_that_nothing_accounts_for_is_found_though_it_calls_no_numpy():
    proof = prove(Architecture.parse("2-3-2", "huber"), brute_force=False)
    files = render(proof)
    more = files["curved_step.py"] + "\n\ndef doubled(p: float) -> float:\n    return 2.0 * p\n"
    (finding,) = verify_files({**files, "curved_step.py": more}, proof).findings
    assert "nothing says what it does" in finding.message
