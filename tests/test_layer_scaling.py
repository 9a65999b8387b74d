"""One number for each layer in the damping: against least squares of stacked rows, resumed, and mutated."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
import pytest
from test_lean_step import WIRED, package, part, problem, relative

from derive.architecture import Architecture
from derive.calculus.normal_form import equal
from derive.package import render
from derive.proof import Proof, prove
from derive.theorems import layer_scaling as layers
from derive.theorems.theorem import Given, proved
from derive.verification.verify import Verifier

TEXT = "2-3:tanh-2:linear"
SHARED = "2-2:tanh-2:linear=2"
NETWORKS = (
    *(TEXT, "3-4:tanh-1:linear", "2-4:tanh,no-bias-1:linear", SHARED),
    *(pytest.param(text, marks=pytest.mark.slow) for text in ("3-4:silu-3:softplus-2:tanh", *WIRED)),
)


def owners(net: Any) -> np.ndarray:
    """Return the layer of every parameter, from the names of the blocks alone."""
    blocks = zip(part(net, "parameters").NAMES, net.unpack(np.arange(net.N_PARAMETERS)), strict=True)
    found = np.empty(net.N_PARAMETERS, int)
    for name, places in blocks:
        found[places] = int(name[1:].split("_")[0])
    return found


def means(J: np.ndarray, layer: np.ndarray) -> np.ndarray:
    """Return for every parameter the mean over its layer of the squared norms of the columns."""
    squares = np.sum(J**2, axis=0)
    return np.array([squares[layer == own].mean() for own in layer])


def stacked(J: np.ndarray, r: np.ndarray, mu: float, D: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the h that minimises ||r - J h||^2 + mu sum_p D_p h_p^2, and what ||r||^2 falls by."""
    rows = np.vstack([J, np.diag(np.sqrt(mu * D))])
    h = np.linalg.lstsq(rows, np.concatenate([r, np.zeros(len(D))]), rcond=None)[0]
    return h, float(r @ r - np.sum((r - J @ h) ** 2))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("text", NETWORKS)
def test_both_forms_give_the_stacked_step_with_the_largest_means_of_the_run(
    text: str, weighted: bool
) -> None:
    """N n_L is the nearest to s from either side."""
    net = package(text)
    layer, below = owners(net), max(1, net.N_PARAMETERS // net.SIZES[-1])
    for n in (below, below + 1):
        works = [net.damped_step(n, form=form, scaling="layer") for form in ("dual", "primal")]
        D = np.zeros(net.N_PARAMETERS)
        for seed in (0, 1):
            p, X, Y = problem(net, n, seed)
            t = np.random.default_rng(4).uniform(0.2, 2.0, Y.shape) if weighted else None
            J, r = net.jacobian(p, 10 * X), net.residual(p, 10 * X, Y)
            if t is not None:
                J, r = J * t.reshape(-1, 1), r * t.ravel()
            D = np.maximum(D, means(J, layer))
            for work in works:
                work.at(p, 10 * X, Y, t)
                np.testing.assert_allclose(work.scaling.largest, D[np.unique(layer, return_index=True)[1]])
            for share in (1e-4, 1e-2, 1.0):
                mu = share * float(np.linalg.norm(J / np.sqrt(D), 2) ** 2)
                h, decrease = stacked(J, r, mu, D)
                dual, primal = (work.trial(mu).copy() for work in works)
                assert relative(dual, primal) <= 1e-10
                assert max(relative(dual, h), relative(primal, h)) <= 1e-10
                assert [work.decrease for work in works] == pytest.approx([decrease] * 2, rel=1e-9)
            for work in works:
                assert relative(work.slope(), J.T @ r) < 1e-12


def test_the_primal_has_a_ridge_beside_the_layers_and_the_dual_refuses_it_in_one_line() -> None:
    net, n = package(TEXT), 9
    p, X, Y = problem(net, n)
    J, r, s = net.jacobian(p, X), net.residual(p, X, Y), net.N_PARAMETERS
    primal = net.damped_step(n, form="primal", scaling="layer")
    primal.ridge = 0.3
    primal.at(p, X, Y)
    D = means(J, owners(net))
    h = np.linalg.solve(J.T @ J + 0.3 * np.eye(s) + 0.1 * np.diag(D), J.T @ r - 0.3 * p)
    assert relative(primal.trial(0.1), h) < 1e-10
    dual = net.damped_step(n, form="dual", scaling="layer")
    dual.ridge = 0.3
    line = r"^ridge: expected 0 or form='primal' with scaling='layer', got "
    with pytest.raises(ValueError, match=line + "0.3$"):
        dual.at(p, X, Y)
    for ridge in (0.3, "bayes"):
        with pytest.raises(ValueError, match=line):
            net.levenberg_marquardt(p, X, Y, ridge=ridge, scaling="layer", form="dual")
    with pytest.raises(ValueError, match=r"^scaling: expected 'identity' in the dual to count parameters"):
        dual.effective_parameters(0.1)
    with pytest.raises(ValueError, match=r"^scaling: expected 'identity' for a correction of steps"):
        dual.other(0.1, r, ())


def test_the_form_follows_from_the_sizes_and_the_general_diagonal_is_told_of_the_layers() -> None:
    net = package("2-6:tanh-3:linear")  # 39 parameters
    kinds = [type(net.damped_step(n, scaling="layer")).__name__ for n in (12, 13)]
    assert kinds == ["GramStep", "NormalStep"]
    with pytest.raises(ValueError, match=r"^scaling: 'marquardt' .* expected 'identity', 'layer', or form="):
        net.damped_step(3, scaling="marquardt")


@pytest.mark.parametrize("form", ["dual", "primal"])
def test_a_layer_that_moves_nothing_counts_as_one_and_stays(form: str) -> None:
    net, n = package("2-3:relu-2:linear"), 6
    p, X, Y = problem(net, n)
    W2, b2, *_ = net.unpack(p)
    W2[:], b2[:] = 0.0, -1.0  # dead neurons all
    work = net.damped_step(n, form=form, scaling="layer")
    work.at(p, X, Y)
    h = work.trial(0.1)
    assert work.scaling.largest[0] == 0.0
    assert np.isfinite(h).all()
    assert not h[: W2.size + b2.size].any()
    assert h[-2:].all()


def test_a_step_is_what_it_was_where_nothing_is_scaled() -> None:
    net, n = package(TEXT), 5
    p, X, Y = problem(net, n)
    work = net.damped_step(n)
    work.at(p, X, Y)
    J, r = net.jacobian(p, X), net.residual(p, X, Y)
    assert work.scaling is None
    assert relative(work.trial(0.1), stacked(J, r, 0.1, np.ones(len(p)))[0]) < 1e-11


def test_float32_steps_are_scaled() -> None:
    net, n = package(TEXT), 7
    p, X, Y = (np.ascontiguousarray(array, np.float32) for array in problem(net, n))
    for form in ("dual", "primal"):
        work = net.damped_step(n, dtype=np.float32, form=form, scaling="layer")
        work.at(p, X, Y)
        J, r = net.jacobian(p.astype(float), X), net.residual(p.astype(float), X, Y)
        assert relative(work.trial(0.1), stacked(J, r, 0.1, means(J, owners(net)))[0]) < 1e-4


# -- training -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["dual", "primal"])
@pytest.mark.parametrize("settings", [{}, {"loss": "cauchy", "f_scale": 0.1}, {"damping": "trust-region"}])
def test_a_run_goes_on_where_it_was_cut_to_the_bit(form: str, settings: dict[str, Any]) -> None:
    net, n = package(TEXT), 8
    p, X, Y = problem(net, n)
    asked = {"scaling": "layer", "form": form, **settings}
    whole = net.levenberg_marquardt(p, 100 * X, Y, steps=8, **asked)
    file = io.BytesIO()
    np.savez(file, **net.levenberg_marquardt(p, 100 * X, Y, steps=4, **asked).state)
    file.seek(0)
    rest = net.levenberg_marquardt(p, 100 * X, Y, steps=4, resume=np.load(file), **asked)
    np.testing.assert_array_equal(rest.p, whole.p)
    assert rest.history == whole.history or str(rest.history) == str(whole.history)
    assert whole.state["scales"].shape == (2,)
    with pytest.raises(ValueError, match=r"^resume: expected 2 scales, those of that run, got 17$"):
        net.levenberg_marquardt(p, 100 * X, Y, resume=whole.state, scaling="marquardt", form="primal")


def test_both_forms_take_the_same_run() -> None:
    net, n = package(TEXT), 8
    p, X, Y = problem(net, n)
    weights = np.random.default_rng(2).uniform(0.5, 2.0, n)
    runs = [
        net.levenberg_marquardt(p, X, Y, steps=6, scaling="layer", form=form, weights=weights)
        for form in ("dual", "primal")
    ]
    np.testing.assert_allclose(runs[0].p, runs[1].p, rtol=1e-7)
    costs = [record.cost for record in runs[0].history]
    assert len(costs) > 3
    assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize("batch", [4, 20])
def test_batches_are_scaled_and_resumed_to_the_bit(batch: int) -> None:
    net, n = package(TEXT), 40
    p, X, Y = problem(net, n)
    asked = {"batch": batch, "scaling": "layer", "seed": 3}
    whole = net.levenberg_marquardt_batches(p, X, Y, epochs=4, **asked)
    half = net.levenberg_marquardt_batches(p, X, Y, epochs=2, **asked)
    rest = net.levenberg_marquardt_batches(p, X, Y, epochs=2, resume=half.state, **asked)
    np.testing.assert_array_equal(rest.p, whole.p)
    assert whole.cost < whole.history[0].cost
    plain = net.levenberg_marquardt_batches(p, X, Y, epochs=4, batch=batch, seed=3)
    assert not np.array_equal(plain.p, whole.p)


def test_a_ridge_is_refused_where_batches_are_so_small_that_the_dual_is_taken() -> None:
    net = package("2-6:tanh-3:linear")  # 39 parameters
    p, X, Y = problem(net, 40)
    with pytest.raises(ValueError, match=r"^ridge: expected 0 in batches so small with scaling='layer'"):
        net.levenberg_marquardt_batches(p, X, Y, ridge=0.1, batch=4, scaling="layer")


# -- theorem --------------------------------------------------------------------------------------------


def test_the_theorem_holds_and_does_not_without_a_square_or_a_scale() -> None:
    assert layers.layer_scaling().holds
    matrix, system, back = layers._premises()
    right = layers.dual().equation
    inverse = layers.Equation(
        "", "D = scale^(-2)", layers.D[back.lhs.indices[0]], 1 / layers.scale[back.lhs.indices[0]]
    )
    wrong = proved(right, Given((matrix, inverse), (system, back)), (back, inverse, system, matrix))
    assert not wrong.holds


def test_a_factor_once_instead_of_twice_is_no_sum_of_a_layer() -> None:
    part = layers.contribution()
    once = part.equation.rhs / layers.scale[layers.l]
    assert part.holds
    assert not equal(part.equation.lhs, once)


@pytest.mark.parametrize("text", NETWORKS)
def test_sums_and_traces_are_derived_for_every_wiring(text: str) -> None:
    layered = prove(Architecture.parse(text), brute_force=False).layered
    assert layered is not None
    assert all(part.holds for part in layered.parts)


# -- verification ---------------------------------------------------------------------------------------


@cache
def verified() -> tuple[Proof, Verifier, dict[str, str]]:
    proof = prove(Architecture.parse("1-2:tanh-1:linear"), brute_force=False)
    return proof, Verifier(proof), render(proof)


@pytest.mark.parametrize("text", ["1-1-1+W1", "3-4:tanh-3:tanh-2:linear+W1,no-bias"])
def test_two_blocks_of_a_layer_that_look_alike_hinder_no_proof(text: str) -> None:
    proof = prove(Architecture.parse(text), brute_force=False)  # W and U have one shape, and one scale
    assert Verifier(proof).verify(render(proof)).findings == ()


def test_what_is_emitted_for_the_layers_is_proved() -> None:
    _, verifier, files = verified()
    report = verifier.verify(files)
    assert report.holds
    proved_of = {(item.file, item.name) for item in report.proved}
    assert {("scaling.py", name) for name in ("mean_squares", "spread", "Scaling.at")} < proved_of
    of_layers = {"layer_squares", "scaled_step", "LayerSquares.at", "LayerSquares.__init__"}
    assert {("layers.py", name) for name in of_layers} < proved_of


MUTANTS = [
    ("gram_step.py", "np.multiply(t3, scale2**2, t3)", "np.multiply(t3, scale2, t3)"),
    ("gram_step.py", "np.multiply(t3, scale2**2, t3)", "np.multiply(t3, scale3**2, t3)"),
    ("gram_step.py", "np.multiply(t3, scale2**2, t3)", "pass"),
    ("gram_step.py", "np.add(t3, scale2**2, t3)", "np.add(t3, 1.0, t3)"),
    ("gram_step.py", "scale2, scale3 = scales", "scale3, scale2 = scales"),
    ("gram_step.py", "            self.scales = self.scaling.at(", "            self.scaling.at("),
    (
        "gram_step.py",
        "self.scaling.at(X, weights, self.activations, t)",
        "self.scaling.at(X, weights, self.activations, None)",
    ),
    ("gram_step.py", "                scaled_step(self.step, self.scales)", "                pass"),
    ("gram_step.py", "scaled_step(self.step, self.scales)", "scaled_step(self.step, ONES)"),
    ("layers.py", "np.multiply(hW2, scale2**2, out=hW2)", "np.multiply(hW2, scale2, out=hW2)"),
    ("layers.py", "np.multiply(hb3, scale3**2, out=hb3)", "np.multiply(hb3, scale2**2, out=hb3)"),
    ("layers.py", "np.multiply(hb3, scale3**2, out=hb3)", "pass"),
    ("layers.py", "float(square2), float(square3)", "float(square3), float(square2)"),
    ("layers.py", "self.ones if t is None else t", "self.ones"),
    ("layers.py", "ONES = (1.0, 1.0)", "ONES = (1.0, 2.0)"),
    ("layers.py", "np.copyto(self.ones, 1.0)", "np.copyto(self.ones, 2.0)"),
    ("scaling.py", "float(square2), float(square3)", "float(square3), float(square2)"),
    ("scaling.py", "np.add.reduce(KW2, axis=None)", "np.add.reduce(KW3, axis=None)"),
    ("scaling.py", "np.copyto(Cb2, scale2)", "np.copyto(Cb2, scale3)"),
    ("scaling.py", "np.copyto(self.column, column)", "pass"),
    ("scaling.py", "mean_squares(unpack(self.column))", "mean_squares(unpack(self.scale))"),
]


@pytest.mark.parametrize(("file", "old", "new"), MUTANTS)
def test_a_scale_that_is_dropped_halved_or_another_layer_s_is_refused(file: str, old: str, new: str) -> None:
    _, verifier, files = verified()
    changed = files[file].replace(old, new, 1)
    assert changed != files[file]
    findings: Any = verifier.verify({**files, file: changed}).findings
    assert findings


@pytest.mark.slow
@pytest.mark.parametrize("line", ["# (5.53)", "# (1.2)"])
def test_every_statement_of_the_traces_counts(line: str) -> None:
    _, verifier, files = verified()
    lines = files["layers.py"].splitlines(keepends=True)
    last = next(k for k, text in enumerate(lines) if text.startswith("def scaled_step"))
    tried = [k for k in range(last) if lines[k].rstrip().endswith(line) and "out=" in lines[k]]
    assert tried
    for k in tried:
        changed = "".join([*lines[:k], "    pass\n", *lines[k + 1 :]])
        assert not verifier.verify({**files, "layers.py": changed}).holds
