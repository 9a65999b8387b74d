"""The proofs behind the further modules, and what breaks them: mutants of rules, of equations and of code."""

from __future__ import annotations

import doctest
import importlib
import itertools
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sympy import Add, Expr, Integer
from verification_mutants import Mutant, mutants

from derive import cli, generate
from derive.architecture import Architecture
from derive.calculus.normal_form import equal
from derive.errors import NotProvedError, UserError
from derive.extras import EXTRAS, checked, fitting, module, parse
from derive.network import Network, mean_cost
from derive.package import render
from derive.proof import Proof, prove
from derive.quantities import (
    Index,
    N,
    Partial,
    Ra,
    Rdelta,
    Rw,
    Rz,
    SigmaPrime,
    SigmaSecond,
    a,
    delta,
    l,
    t,
    total,
    w,
    y,
    z,
)
from derive.replay import check_step, replay
from derive.theorems import along, further
from derive.theorems.along import Along, activation_along, backward_along, forward_along
from derive.theorems.backpropagation import backpropagation
from derive.theorems.gauss_newton import curved_outputs, dropped, output_hessian, output_letter, taken_apart
from derive.theorems.lemma1 import derive_in_general
from derive.verification import verify_directory, verify_files
from derive.verification.verify import Verifier

COSTS = {"quadratic": "2-3:tanh-2", "log-cosh": "2-3:tanh-2", "cross-entropy": "2-3:relu-3:softmax"}


@cache
def proof_of(text: str, cost: str = "quadratic") -> Proof:
    return prove(Architecture.parse(text, cost), brute_force=False)


@cache
def files_of(text: str, cost: str = "quadratic") -> dict[str, str]:
    return render(proof_of(text, cost), fitting(proof_of(text, cost).squares))


# -- what is derived -------------------------------------------------------------------------------------


def test_in_general_what_is_derived_is_what_pearlmutter_prints():
    network = Network()
    mean = derive_in_general(mean_cost(), network)
    top, hidden, bias, weight = backward_along(network, mean)
    i, j = hidden.free
    k, layer = network.index("k", l + 1), l
    back = total(w[layer + 1, k, j] * delta[layer + 1, i, k], k)
    moved = total(Rw[layer + 1, k, j] * delta[layer + 1, i, k], k)
    moved += total(w[layer + 1, k, j] * Rdelta[layer + 1, i, k], k)
    at = (layer, z[layer, i, j])
    assert equal(hidden.equation.rhs, SigmaSecond(*at) * Rz[layer, i, j] * back + SigmaPrime(*at) * moved)
    i, j = top.free
    at = (network.depth, z[network.depth, i, j])
    misfit = a[network.depth, i, j] - y[i, j]
    claimed = SigmaSecond(*at) * Rz[network.depth, i, j] * misfit + SigmaPrime(*at) * Ra[network.depth, i, j]
    assert equal(top.equation.rhs, claimed / N)
    _, j, k = weight.free
    (s,) = (limit[0] for limit in weight.equation.rhs.args[0].limits)
    products = Rdelta[layer, s, j] * a[layer - 1, s, k] + delta[layer, s, j] * Ra[layer - 1, s, k]
    assert equal(weight.equation.rhs, total(products, s))
    assert equal(bias.equation.rhs, total(Rdelta[layer, s, bias.free[1]], s))


@pytest.mark.parametrize("cost", COSTS)
def test_the_vector_of_gauss_newton_is_h_times_how_the_outputs_move(cost):
    network = Network(Architecture.parse(COSTS[cost], cost))
    _, weighting = curved_outputs(network)
    part = output_hessian(network)
    assert part.holds
    i, j, m = part.equation.lhs.indices
    moving = Rz if output_letter(network) == z else Ra
    product = total(part.equation.rhs * moving[network.depth, i, m], m)
    rhs = weighting.equation.rhs.xreplace(dict(zip(weighting.free, (i, j), strict=True)))
    ways = {item.equation.lhs.base: item.equation for item in forward_along(network)}

    def unfold(quantity: Expr) -> Expr | None:  # Ra[L] of a softmax, written by Rz[L]
        if getattr(quantity, "base", None) != Ra or not network.softmax:
            return None
        given = ways[Ra]
        return given.rhs.xreplace(dict(zip(given.lhs.indices, quantity.indices, strict=True)))

    assert equal(product, rhs, unfold)


def test_gauss_newton_drops_the_outputs_own_second_derivatives_and_nothing_else():
    part = taken_apart()
    assert part.holds
    kept = part.equation.rhs - dropped(part)
    assert dropped(part) != 0
    assert "RJ" not in str(kept)
    assert "RJ" in str(dropped(part))


WIRED = ["3-3:tanh-3:tanh=2-3=W2T+2+1", "2-2:tanh-2:gelu+W1-2:sin+3"]


@pytest.mark.parametrize(
    "text",
    ["2-3:silu-2", "1-1:tanh-1=2+1", *(pytest.param(wired, marks=pytest.mark.slow) for wired in WIRED)],
)
def test_every_step_is_accepted_and_none_with_another_right_side(text):
    proof = proof_of(text)
    found = further.further(proof.network, proof.mean, proof.output)
    for item in (item for items in found.values() for item in items):
        equation, derivation = item.derived.equation, item.derived.derivation
        assert replay(derivation, item.known, equation).holds, equation.number
        for wrong in (-equation.rhs, 2 * equation.rhs):
            assert not replay(derivation, item.known, replace(equation, rhs=wrong)).holds
        last = derivation.steps[-1]
        fewer = (*derivation.steps[:-1], replace(last, after=-last.after))
        assert not replay(replace(derivation, steps=fewer), item.known, equation).holds


def test_each_term_of_the_curvature_is_needed():
    proof = proof_of("2-3:tanh-2")
    known = Along(proof.network, tuple(item.equation for item in proof.mean))
    for item in backward_along(proof.network, proof.mean):
        terms = Add.make_args(item.equation.rhs)
        for term in terms if len(terms) > 1 else ():
            less = replace(item.equation, rhs=item.equation.rhs - term)
            assert not replay(item.derivation, known, less).holds


@pytest.mark.parametrize("broken", [lambda f, _: Integer(0), lambda f, _: -SigmaSecond(*f.args)])
def test_a_calculus_that_bends_wrongly_emits_nothing(broken, monkeypatch):
    proof = proof_of("2-3:tanh-2")
    monkeypatch.setattr(SigmaPrime, "fdiff", broken)
    with pytest.raises(NotProvedError, match=r"\(8\.1\).*nothing is emitted"):
        render(proof, ("hessian",))


def test_a_direction_that_does_not_move_a_layer_is_refused(monkeypatch):
    proof = proof_of("2-3:tanh-2")
    true = Along.depends

    def forgetful(self: Along, quantity: Expr, variable: Expr) -> bool:
        return true(self, quantity, variable) and getattr(quantity, "base", None) != a

    monkeypatch.setattr(Along, "depends", forgetful)
    with pytest.raises(NotProvedError, match=r"not proved: .*; nothing is emitted"):
        render(proof, ("products",))


def test_neither_the_cost_nor_its_gradient_is_taken_to_stand_still_along_a_direction():
    proof = prove(Architecture.parse("2-2-2"), brute_force=False)
    known = Along(proof.network, tuple(item.equation for item in proof.mean))
    still = [mean_cost().symbol, *(item.equation.lhs for item in proof.mean)]
    for quantity in still:
        assert not check_step(Partial(quantity, t), Integer(0), "independence", known).holds
        product = Partial(y[Index("i", N), Index("j", 2)] * quantity, t)
        moved = quantity * Partial(y[Index("i", N), Index("j", 2)], t)
        assert not check_step(product, moved, "constant factor", known).holds


def test_the_softmax_moves_by_its_own_slope():
    network = Network(Architecture.parse("2-3:softmax", "cross-entropy"))
    item = activation_along(network, network.depth)
    assert replay(item.derivation, Along(network), item.equation).holds
    assert [step.note for step in item.derivation.steps[:2]] == ["it acts only through z[2]", "(1.7)"]
    chained = replace(item.derivation.steps[0], note="it acts only through z[1]")
    steps = (chained, *item.derivation.steps[1:])
    assert not replay(replace(item.derivation, steps=steps), Along(network), item.equation).holds


def test_only_a_derivative_along_the_direction_is_taken():
    network = Network()
    with pytest.raises(ValueError, match="expected a derivative in t"):
        Along(network).depends(z[l, 1, 1], w[l, 1, 1])
    assert Along(network).definition(Rz[2, 1, 1]) == Partial(z[2, 1, 1], t)
    assert along.product_along(backpropagation(_tiny(), mean_cost())[0].equation).base == Rdelta


def _tiny() -> Network:
    return Network(Architecture.parse("1-1"))


# -- what is emitted -------------------------------------------------------------------------------------


def test_each_module_is_proved_and_its_mathematics_wholly():
    report = verify_files(files_of("2-3:tanh-2"), proof_of("2-3:tanh-2"), tuple(EXTRAS))
    assert report.holds
    proved = {(item.file, item.name): item for item in report.proved}
    for extra in EXTRAS:
        assert any(file == module(extra) for file, _ in proved)
    assert proved["hessian.py", "differentiate_gradient"].numbers == (
        *("1.1", "1.2", "7.1", "7.2", "8.1", "8.2", "8.3", "8.4"),
    )


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_module_alone_is_complete(extra):
    proof = proof_of("2-3:tanh-2")
    files = render(proof, (extra,))
    assert verify_files(files, proof, (extra,)).holds
    assert not verify_files(files, proof).holds or extra == ""  # not in the header: computes, and is unknown


CHANGES = [
    ("hessian.py", "np.divide(Rd3, n, out=Rd3)", "np.multiply(Rd3, n, out=Rd3)"),
    ("hessian.py", "np.matmul(a2, RW3.T, out", "np.matmul(a2, W3.T, out"),
    ("gauss_newton.py", "np.divide(d3, n, out=d3)", "np.multiply(d3, n, out=d3)"),
    ("products.py", "np.add(Ra2, Rb2, out=Ra2)", "np.subtract(Ra2, Rb2, out=Ra2)"),
    ("products.py", "return self.g", "return p"),
    ("input_jacobian.py", "np.matmul(d2, W2, out=gX)", "np.matmul(d2, W3, out=gX)"),
    ("input_jacobian.py", "return self.JX", "return self.activations[0]"),
]


@pytest.mark.parametrize(("file", "old", "new"), CHANGES)
def test_a_changed_line_is_found(file, old, new):
    files, proof = files_of("2-2:tanh-1"), proof_of("2-2:tanh-1")
    assert old in files[file]
    wrong = files | {file: files[file].replace(old, new, 1)}
    (extra,) = (extra for extra in EXTRAS if module(extra) == file)
    report = verify_files(wrong, proof, (extra,))
    line = next(k for k, text in enumerate(files[file].splitlines(), 1) if old in text)
    found = [
        finding for finding in report.findings if finding.file == file and "not known" not in str(finding)
    ]
    assert found
    assert old.startswith("return") or found[0].covers(line)


_names = itertools.count()
ROUTINES = {
    "hessian.py": ("differentiate_gradient",),
    "products.py": ("propagate_along", "backpropagate_outputs", "JacobianProductWorkspace.product"),
    "gauss_newton.py": ("multiply_gauss_newton",),
    "input_jacobian.py": ("backpropagate_to_inputs", "differentiate_in_inputs"),
}


def numbers(files: dict[str, str], folder: Path) -> list[bytes]:
    """Run the further functions of a package and return the bits of all that they compute."""
    name = f"further_mutant_{next(_names)}"
    (folder / name).mkdir()
    for file, text in files.items():
        (folder / name / file).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        net = importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
    rng = np.random.default_rng(3)
    p, v = rng.uniform(-1.5, 1.5, (2, net.N_PARAMETERS))
    X, Y = rng.uniform(-2, 2, (7, net.SIZES[0])), rng.random((7, net.SIZES[-1]))
    found = [net.jacobian_product(p, X, v), net.transposed_product(p, X, Y), net.input_gradient(p, X, Y)]
    found += [net.input_jacobian(p, X), net.hessian_product(p, X, Y, v), net.gauss_newton_product(p, X, Y, v)]
    for key in [key for key in sys.modules if key.startswith(name)]:
        del sys.modules[key]
    return [np.asarray(value).tobytes() for value in found]


def examined(text: str, step: int, folder: Path) -> Counter[str]:
    """Verify every step-th mutant; survivors must compute the same bits."""
    files, count = files_of(text), Counter[str]()
    verifier, expected = Verifier(proof_of(text), tuple(EXTRAS)), numbers(files_of(text), folder)
    listed: list[Mutant] = []
    for file, wanted in ROUTINES.items():
        listed += mutants(file, files[file], wanted.__contains__)
    for mutant in listed[::step]:
        changed = {**files, mutant.file: mutant.text}
        count["mutants"] += 1
        if not verifier.holds(changed):
            count["refused"] += 1
            continue
        count["same bits"] += 1
        assert numbers(changed, folder) == expected, (mutant.file, mutant.change)
    return count


@pytest.mark.parametrize("step", [4003, pytest.param(23, marks=pytest.mark.slow)])
def test_every_mutant_that_changes_a_number_is_refused(step, tmp_path):
    count = examined("1-2:tanh-1", step, tmp_path)
    print(dict(count))
    assert count["refused"] + count["same bits"] == count["mutants"]
    assert count["refused"] > 0.7 * count["mutants"] > 2, count


# -- what a person asks for ------------------------------------------------------------------------------


def test_names_are_put_in_order_and_unknown_ones_refused_in_one_line():
    assert parse("hessian, products") == ("products", "hessian")
    assert checked(()) == ()
    with pytest.raises(
        UserError,
        match=r"input-jacobian, products, hessian, gauss-newton, matrix-free, acceleration.*got 'hesian'",
    ):
        parse("hesian")
    with pytest.raises(UserError, match="got ''"):
        parse("")
    assert generate("1-1", "hessian").extras == ("hessian",)


def test_the_command_line_writes_checks_and_verifies_what_was_asked_for(tmp_path, monkeypatch, capsys):
    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["derive", *words])
        with pytest.raises(SystemExit) as done:
            cli.main()
        return int(done.value.code or 0)

    folder = tmp_path / "sigmoid_1_1"
    assert run("generate", "1-1", "--with", "hessian,products", "-o", str(tmp_path)) == 0
    head = (folder / "hessian.py").read_text("utf-8").splitlines()[2]
    assert head == "# 1-1 --with products,hessian"
    assert verify_directory(folder).holds
    assert run("generate", "1-1", "--check", "-o", str(tmp_path)) == 0  # the header says with what
    assert run("generate", "1-1", "--check", "--with", "hessian", "-o", str(tmp_path)) == 1
    assert run("generate", "1-1", "--with", "curl", "-o", str(tmp_path)) == 2
    assert "expected --with" in capsys.readouterr().err
    (folder / "products.py").unlink()
    assert [str(f) for f in verify_directory(folder).findings if f.file == "products.py"]
    assert run("generate", "1-1", "-o", str(tmp_path)) == 0  # without them they go
    assert not (folder / "hessian.py").exists()


def test_the_page_on_derivatives_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    page = Path(__file__).parents[1] / "docs" / "derivatives.md"
    failed, tried = doctest.testfile(str(page), module_relative=False, globs={"FOLDER": tmp_path})
    assert tried > 10
    assert failed == 0
    for extra in EXTRAS:
        assert f"| `{extra}` |" in page.read_text("utf-8")
