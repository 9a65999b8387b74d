"""Steps without the Jacobian for costs other than squares: against dense systems, 40 digits, and mutants."""

from __future__ import annotations

import importlib
import itertools
import tracemalloc
from dataclasses import replace

import mpmath
import numpy as np
import pytest
from curved_networks import CONVEX, drawn, imported, outputs, slope_and_curvature

from derive import Architecture, generate, prove
from derive.package import render
from derive.program.arrangement import LoweringError
from derive.theorems import curved_trials as ct
from derive.verification import verify_files
from derive.verification.verify import Verifier

FORMS = ["StepWorkspace", "GramStep", "NormalStep", "chunks"]


def workspace(net, form, n):
    if form == "StepWorkspace":
        return part(net, "curved_step").StepWorkspace(n)
    if form == "GramStep":
        return part(net, "gram_step").GramStep(n)
    return part(net, "normal_step").NormalStep(n, 10**8 if form == "NormalStep" else 1)


def part(net, file):
    return importlib.import_module(f"{net.__name__}.{file}")


def linearised(package, net, p, X, n_digits=6):
    """Return the Jacobian of the linearised outputs by central differences."""
    columns, step = [], 10.0**-n_digits
    for k in range(len(p)):
        ahead, behind = p.copy(), p.copy()
        ahead[k] += step
        behind[k] -= step
        moved = outputs(package, net, ahead, X) - outputs(package, net, behind, X)
        columns.append(moved.reshape(-1) / (2 * step))
    J = np.array(columns).T
    if package.proof.network.softmax:  # log a is o but for what is the same for all outputs of a sample
        by_sample = J.reshape(len(X), -1, len(p))
        J = (by_sample - by_sample.mean(axis=1, keepdims=True)).reshape(J.shape)
    return J


def dense(package, net, p, X, Y, weights, ridge):
    """Return the objective's slope and curvature from differences of cost and outputs alone."""
    J, n = linearised(package, net, p, X), Y.shape[1]
    S, g = ridge * np.eye(len(p)), -ridge * p
    with mpmath.workdps(50):
        pairs = zip(Y, outputs(package, net, p, X), strict=True)
        for i, (slope, bend) in enumerate(slope_and_curvature(package, *pair) for pair in pairs):
            rows = J[n * i : n * (i + 1)]
            S += weights[i] * rows.T @ bend @ rows
            g += weights[i] * rows.T @ slope
    return S, g


SLOW = [pytest.param(k, marks=pytest.mark.slow) for k in (1, 2, 3, 4)]


@pytest.fixture(scope="module", params=[0, *SLOW, 7], ids=lambda k: " ".join(CONVEX[k]))
def emitted(request, tmp_path_factory):
    package = generate(Architecture.parse(*CONVEX[request.param]))
    with imported(package, tmp_path_factory.mktemp("packages")) as net:
        yield package, net


@pytest.fixture(scope="module")
def cases(emitted):
    """Return problems with their dense systems: with weights or without, with a ridge or without."""
    package, net = emitted
    found = []
    for n, ridge in itertools.product((3, 12), (0.0, 0.3)):
        p, X, Y = drawn(net, n, seed=n)
        weights = np.ones(n) if n == 3 else np.random.default_rng(5).uniform(0.2, 3.0, n)
        t = None if n == 3 else np.repeat(np.sqrt(weights)[:, None], Y.shape[1], axis=1)
        found.append((p, X, Y, t, ridge, *dense(package, net, p, X, Y, weights, ridge)))
    return found


@pytest.mark.parametrize("form", FORMS)
def test_every_form_solves_the_dense_system_with_weights_and_a_ridge(emitted, cases, form):
    _, net = emitted
    for p, X, Y, t, ridge, S, g in cases:
        work = workspace(net, form, len(X))
        work.ridge = ridge
        work.at(p, X, Y, t)
        np.testing.assert_allclose(work.slope(), g, rtol=0, atol=1e-7 * np.abs(g).max())
        for mu in (1e-2, 1.0, 1e2):
            h = np.linalg.solve(S + mu * np.eye(len(p)), g)
            np.testing.assert_allclose(work.trial(mu), h, rtol=0, atol=1e-5 * np.abs(h).max())
            assert work.decrease == pytest.approx(g @ h - h @ S @ h / 2, rel=1e-5)


@pytest.mark.parametrize("mu", [1e-3, 1.0])
def test_all_forms_give_the_same_step_and_prediction(emitted, mu):
    _, net = emitted
    p, X, Y = drawn(net, 7, seed=2)
    t = np.repeat(np.linspace(0.5, 2, 7)[:, None], Y.shape[1], axis=1)
    found = []
    for form, ridge in itertools.product(FORMS, (0.0, 0.7)):
        work = workspace(net, form, 7)
        work.ridge = ridge
        for factors in (None, t, t, None, t):  # a workspace that was used before gives the same
            work.at(p, X, Y, factors)
            step = np.append(work.trial(mu), work.decrease)
        found.append(step)
    for plain, ridged in zip(found[::2], found[1::2], strict=True):
        np.testing.assert_allclose(plain, found[0], rtol=0, atol=1e-10 * np.abs(plain).max())
        np.testing.assert_allclose(ridged, found[1], rtol=0, atol=1e-10 * np.abs(ridged).max())
    assert np.abs(found[0] - found[1]).max() > 1e-3 * np.abs(found[0]).max()


def test_a_short_step_takes_off_the_cost_what_it_predicts(emitted):
    _, net = emitted
    p, X, Y = drawn(net, 9, seed=4)
    work = net.damped_step(9)
    work.ridge = 0.2
    work.at(p, X, Y)
    h = work.trial(1e7)
    before, after = (work.scale * net.cost(q, X, Y) + 0.1 * q @ q for q in (p, p + h))
    assert work.decrease > 0
    assert before - after == pytest.approx(work.decrease, rel=1e-3)


def test_many_trials_from_one_place_and_back_are_the_same_bits(emitted):
    _, net = emitted
    p, X, Y = drawn(net, 3, seed=6)
    work = part(net, "gram_step").GramStep(3)
    work.at(p, X, Y)
    first = [work.trial(mu).copy() for mu in (0.1, 1.0, 10.0)]
    again = [work.trial(mu).copy() for mu in (0.1, 1.0, 10.0)]
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("form", FORMS)
def test_what_float64_cannot_solve_is_none_and_no_exception(emitted, form):
    _, net = emitted
    p, X, Y = drawn(net, 5)
    work = workspace(net, form, 5)
    with np.errstate(all="ignore"):
        work.at(p, X, np.full_like(Y, np.nan))
        assert work.trial(1.0) is None


def test_float32_steps_are_near_those_of_float64(emitted):
    _, net = emitted
    p, X, Y = drawn(net, 6)
    for form in ("gram_step.GramStep", "normal_step.NormalStep"):
        file, kind = form.split(".")
        wide, small = getattr(part(net, file), kind)(6), getattr(part(net, file), kind)(6, dtype=np.float32)
        wide.at(p, X, Y)
        small.at(*(np.ascontiguousarray(array, np.float32) for array in (p, X, Y)))
        expected = wide.trial(0.5)
        np.testing.assert_allclose(small.trial(0.5), expected, rtol=0, atol=2e-4 * np.abs(expected).max())


def test_factors_that_do_not_fit_are_refused_in_one_line(emitted):
    package, net = emitted
    p, X, Y = drawn(net, 5)
    uneven = np.ones_like(Y)
    uneven[0, 0] = 2.0
    for form in FORMS:
        work = workspace(net, form, 5)
        with pytest.raises(ValueError, match=r"^t: expected shape"):
            work.at(p, X, Y, np.ones(5))
        if package.proof.network.softmax:
            with pytest.raises(ValueError, match=r"^t: expected one factor for all outputs of a sample"):
                work.at(p, X, Y, uneven)
        else:
            work.at(p, X, Y, uneven)
            assert work.trial(1.0) is not None


# -- 40 digits ----------------------------------------------------------------------------------------------


def by_hand(net, p, X, Y, *, softmax):
    """Return J^T H J and J^T rho of 2-3:tanh-2 in 40 digits, from derivatives that are written out here."""
    blocks = [
        np.array(list(map(mpmath.mpf, map(float, b.ravel()))), object).reshape(b.shape) for b in net.unpack(p)
    ]
    W2, b2, W3, b3 = blocks
    S, g = np.zeros((len(p), len(p)), object), np.zeros(len(p), object)
    for sample in zip(X, Y, strict=True):
        x, y = (np.array(list(map(mpmath.mpf, map(float, v))), object) for v in sample)
        hidden = np.array([mpmath.tanh(v) for v in W2 @ x + b2], object)
        z = W3 @ hidden + b3
        if softmax:
            powers = np.array([mpmath.exp(v) for v in z], object)
            out = powers / powers.sum()
            bend = np.diag(out) - np.outer(out, out)
        else:
            out = np.array([1 / (1 + mpmath.exp(-v)) for v in z], object)
            bend = np.diag(out * (1 - out))
        rows = []
        for c in range(len(z)):
            back = W3[c] * (1 - hidden**2)
            last = np.zeros_like(W3)
            last[c] = hidden
            of_bias = np.array([mpmath.mpf(k == c) for k in range(len(z))], object)
            rows.append(np.concatenate([np.outer(back, x).ravel(), back, last.ravel(), of_bias]))
        J = np.array(rows, object)
        S, g = S + J.T @ bend @ J, g + J.T @ (y - out)
    return S, g


@pytest.mark.parametrize(
    ("text", "cost"), [("2-3:tanh-3:softmax", "cross-entropy"), ("2-3:tanh-2", "binary-cross-entropy")]
)
@pytest.mark.parametrize("share", [1e-8, 1e-4, 1.0])
def test_steps_are_those_of_forty_digits(text, cost, share, tmp_path):
    package = generate(Architecture.parse(text, cost))
    with imported(package, tmp_path) as net:
        p, X, Y = drawn(net, 4, seed=8)
        with mpmath.workdps(40):
            S, g = by_hand(net, p, X, Y, softmax="softmax" in text)
            mu = share * float(np.linalg.norm(S.astype(float), 2))
            A = mpmath.matrix(S.tolist()) + mpmath.mpf(mu) * mpmath.eye(len(p))
            h = mpmath.lu_solve(A, mpmath.matrix(g.tolist()))
            exact = np.array([float(v) for v in h])
            decrease = float(sum(v * (w + mpmath.mpf(mu) * v) for v, w in zip(h, g, strict=True)) / 2)
        for form in FORMS:
            work = workspace(net, form, 4)
            work.at(p, X, Y)
            found = work.trial(mu)
            limit = 1e-7 if share < 1e-6 else 1e-11
            assert np.linalg.norm(found - exact) <= limit * np.linalg.norm(exact), form
            assert work.decrease == pytest.approx(decrease, rel=limit)


# -- memory -------------------------------------------------------------------------------------------------


def test_a_step_on_many_samples_of_a_classifier_holds_no_jacobian(tmp_path):
    """4-16-3, softmax: J and K of 100,000 samples would take 629 MB; the step holds less than 40."""
    package = generate(Architecture.parse("4-16:relu-3:softmax", "cross-entropy"))
    with imported(package, tmp_path) as net:
        most = []
        for n in (10_000, 100_000):
            p, X, Y = drawn(net, n)
            tracemalloc.start()
            work = part(net, "damped").damped_step(n)
            work.at(p, X, Y)
            h = work.trial(0.1)
            most.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert h @ -net.gradient(p, X, Y) > 0
        assert type(work).__name__ == "NormalStep"
        assert max(most) < 40e6
        assert most[1] == pytest.approx(most[0], rel=0.1)


# -- where an equation has no array statements --------------------------------------------------------------


@pytest.fixture
def without_lean(monkeypatch):
    def refuse(*_):
        raise LoweringError("no array statement is known")

    monkeypatch.setattr("derive.package_curved.curved_lean_routines", refuse)
    return prove(Architecture.parse("2-3:tanh-2:linear", "huber"), brute_force=False)


def test_a_network_without_lean_steps_falls_back_to_the_jacobian(without_lean, tmp_path):
    package = generate(without_lean)
    assert not {"gram_step.py", "normal_step.py", "definite.py", "general.py"} & set(package.files)
    with imported(package, tmp_path) as net:
        p, X, Y = drawn(net, 6)
        work, p_new = part(net, "damped").damped_step(6), np.empty_like(p)
        assert type(work).__name__ == "StepWorkspace"
        work.at(p, X, Y)
        part(net, "model").take(p, work.trial(0.1), p_new)
        np.testing.assert_allclose(p_new, net.lm_step(p, X, Y, 0.1), rtol=1e-12)
        np.testing.assert_allclose(p_new, net.lm_step_dual(p, X, Y, 0.1), rtol=1e-9)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return StepWorkspace(n_samples, dtype)", "return StepWorkspace(dtype, n_samples)"),
    ],
)
def test_a_fallback_is_verified_too(without_lean, old, new):
    files = render(without_lean)
    assert old in files["damped.py"]
    assert verify_files(files, without_lean).holds
    assert not verify_files({**files, "damped.py": files["damped.py"].replace(old, new)}, without_lean).holds


def test_a_package_that_lost_some_of_its_lean_files_is_found(verifiers):
    _, files, verifier = verifiers[1]
    for name in ("gram_step.py", "general.py", "model.py", "damped.py"):
        assert not verifier.holds({key: text for key, text in files.items() if key != name})


# -- theorem and mutants ------------------------------------------------------------------------------------


def test_every_part_of_the_theorem_holds_and_no_other_does():
    theorem = ct.curved_trials()
    assert theorem.holds
    for part_of in theorem.parts:
        for factor in (-1, 2):
            wrong = factor * part_of.equation.rhs if part_of.equation.rhs != 0 else ct.ridge
            assert not replace(part_of, equation=replace(part_of.equation, rhs=wrong)).holds


MUTANTS = [
    ("model.py", "shift = mu + ridge", "shift = mu - ridge"),
    ("model.py", "share = ridge/shift", "share = ridge/mu"),
    ("model.py", "np.multiply(p, ridge, out=g)", "np.multiply(p, 2.0, out=g)"),
    ("model.py", "decrease = t2/2", "decrease = t2"),
    ("model.py", "np.multiply(h, mu)", "np.multiply(h, 0.0)"),
    ("model.py", "np.multiply(HJp, share, out=right)", "np.multiply(r, share, out=right)"),
    ("model.py", "np.subtract(pulled, h, out=h)", "np.add(pulled, h, out=h)"),
    ("model.py", "def right_side(r: Array, HJp: Array", "def right_side(HJp: Array, r: Array"),
    ("gram_step.py", "{bend}", "np.copyto(B, Q2)"),
    ("gram_step.py", "bend(self.Jp, self.HJp, ", "bend(self.HJp, self.Jp, "),
    ("gram_step.py", "self.system.solve(shift, self.right)", "self.system.solve(mu, self.right)"),
    ("gram_step.py", "self.system.at(self.bent)", "self.system.at(self.bent.T)"),
    ("gram_step.py", "np.multiply(r, t.T, out=r)", "np.multiply(r, t.T, out=Jp)"),
    ("gram_step.py", "np.multiply(Q2, t.T, out=Q2)", "np.multiply(Q2, 1.0, out=Q2)"),
    ("gram_step.py", "np.multiply(t.T, v, out=v)", "np.copyto(v, v)"),
    ("gram_step.py", "weigh_vector(v, self.t)", "self.t"),
    ("gram_step.py", "self.pull(self.v)\n", "self.pull(self.r)\n"),
    ("gram_step.py", "np.copyto(self.v, self.r)", "np.copyto(self.v, self.Jp)"),
    ("gram_step.py", "self.pull(v.reshape(self.r.shape))", "self.pull(self.v)"),
    ("gram_step.py", "step_from_dual(self.p, self.h", "step_from_dual(self.g, self.h"),
    ("gram_step.py", "predicted_decrease(self.g, self.h, mu)", "predicted_decrease(self.g, self.h, shift)"),
    ("gram_step.py", "np.copyto(Jp, ", "np.negative(Jp, out=Jp)  # ("),
    ("normal_step.py", "{rows}", "np.copyto(K, J)"),
    ("normal_step.py", "np.matmul(J, K.T", "np.matmul(J, J.T"),
    ("normal_step.py", "np.matmul(J, K.T", "np.matmul(K, J.T"),
    ("normal_step.py", "np.matmul(J, r", "np.matmul(K, r"),
    ("normal_step.py", "self.system.solve(shift)", "self.system.solve(mu)"),
    ("normal_step.py", "self.system.at(self.S, self.g)", "self.system.at(self.S, self.summed)"),
    ("normal_step.py", "predicted_decrease(self.g, h, mu)", "predicted_decrease(h, self.g, mu)"),
    ("normal_step.py", "            weigh(self.J, self.r, t)", "            weigh(self.K, self.r, t)"),
    ("normal_step.py", "bend_rows(self.J, self.K, self.work)", "bend_rows(self.K, self.J, self.work)"),
    ("normal_step.py", "np.multiply(r, t.T, out=r)", "np.multiply(r, r, out=r)"),
    ("normal_step.py", "normal_matrix(g, J, K", "normal_matrix(g, K, J"),
    ("damped.py", "_taken(p, step.trial(mu))", "_taken(p, step.trial(2.0 * mu))"),
    ("damped.py", "take(p, h, p_new)\n    return p_new", "take(p_new, h, p)\n    return p_new"),
    ("damped.py", "step.at(p, X, Y)", "step.at(p, X, X)"),
    ("curved_step.py", "else step_by_gram_matrix(p, X, Y, mu)", "else step_by_gram_matrix(p, Y, X, mu)"),
    ("general.py", "diagonal += mu", "diagonal -= mu"),
]
BEND = {
    "softmax": {
        "{bend}": "np.multiply(B, a3.T[:, :, None, None], out=B)",
        "{rows}": "np.multiply(K, a3, out=K)",
    },
    "logistic": {
        "{bend}": "np.multiply(D[:, :, None, None], Q2, out=B)",
        "{rows}": "np.multiply(D, J, out=K)",
    },
}


@pytest.fixture(scope="module")
def verifiers():
    found = []
    for name, text, cost in (
        ("softmax", "2-3:tanh-3:softmax", "cross-entropy"),
        ("logistic", "2-3:tanh-2", "binary-cross-entropy(2,1)"),
    ):
        proof = prove(Architecture.parse(text, cost), brute_force=False)
        found.append((name, render(proof), Verifier(proof)))
    return found


def survivors(verified, step):
    """Return every step-th mutant that verification lets pass."""
    name, files, verifier = verified
    assert verifier.holds(files)
    found = []
    for file, place, new in MUTANTS[::step]:
        old = BEND[name].get(place, place)
        assert old in files[file], (file, old)
        if verifier.holds({**files, file: files[file].replace(old, new, 1)}):
            found.append((file, old, new))
    return found


def test_mutants_of_the_lean_steps_are_found_by_verification(verifiers):
    assert survivors(verifiers[0], 4) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1], ids=["softmax", "logistic"])
def test_all_mutants_of_the_lean_steps_are_found_by_verification(verifiers, number):
    assert survivors(verifiers[number], 1) == []
