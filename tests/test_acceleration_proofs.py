"""The proofs behind geodesic acceleration, and what breaks them: rules, equations and emitted lines."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from sympy import Expr, Indexed, Integer, KroneckerDelta

from derive import generate
from derive.architecture import Architecture
from derive.calculus.normal_form import equal
from derive.errors import UserError
from derive.extras import ACCELERATION
from derive.network import Network
from derive.package import render
from derive.proof import Proof, prove
from derive.quantities import (
    Index,
    R2a,
    R2z,
    Ra,
    Rw,
    Rz,
    SigmaPrime,
    SigmaSecond,
    a,
    l,
    mu,
    total,
    w,
    z,
)
from derive.replay import replay
from derive.theorems.acceleration import acceleration, c, second
from derive.theorems.along import activation_along, weighted_input_along
from derive.theorems.catalogue import theorems
from derive.theorems.levenberg_marquardt import J, M, h, s
from derive.theorems.second_along import AlongTwice, differentiated_again, second_along, twice_along
from derive.verification.verify import Verifier

WIRED = [
    "2-2:tanh-2=W2T+1",
    "3-3:tanh-3:tanh=2-3:sigmoid=W3T+2+1",
    "2-3:tanh-2:gelu+W1-2:sin+3,no-bias",
]


@cache
def proof_of(text: str) -> Proof:
    return prove(Architecture.parse(text), brute_force=False)


@cache
def made(text: str) -> tuple[Verifier, dict[str, str]]:
    proof = proof_of(text)
    return Verifier(proof, (ACCELERATION,)), render(proof, (ACCELERATION,))


# -- what is derived -------------------------------------------------------------------------------------


def test_in_general_z_and_a_bend_as_by_hand() -> None:
    network = Network()
    pre, _ = differentiated_again(network, weighted_input_along(network, l))
    post, _ = differentiated_again(network, activation_along(network, l))
    i, j = pre.free
    k = network.index("k", l - 1)
    cross = 2 * total(Rw[l, j, k] * Ra[l - 1, i, k], k)
    assert equal(pre.equation.rhs, cross + total(w[l, j, k] * R2a[l - 1, i, k], k))
    i, j = post.free
    at, moved = (l, z[l, i, j]), Rz[l, i, j]
    assert equal(post.equation.rhs, SigmaSecond(*at) * moved**2 + SigmaPrime(*at) * R2z[l, i, j])
    assert (pre.equation.number, post.equation.number) == ("7.11", "7.12")


def test_a_softmax_bends_as_the_derivative_of_its_slope_says() -> None:
    softmax = next(part for part in second_along().parts if part.equation.number == "7.13")
    layer, i, j = softmax.equation.lhs.indices
    k, m = (Network().index(name, layer) for name in "km")
    mean = total(a[layer, i, k] * Rz[layer, i, k], k)
    bent = R2z[layer, i, j] - total(Ra[layer, i, k] * Rz[layer, i, k], k)
    bent -= total(a[layer, i, m] * R2z[layer, i, m], m)
    claimed = Ra[layer, i, j] * (Rz[layer, i, j] - mean) + a[layer, i, j] * bent
    assert equal(softmax.equation.rhs, claimed)


@pytest.mark.parametrize("theorem", [second_along(), acceleration()], ids=lambda theorem: theorem.key)
def test_every_part_is_replayed_and_none_with_another_right_side(theorem) -> None:
    assert theorem.holds
    for part in theorem.parts:
        for wrong in (-part.equation.rhs, 2 * part.equation.rhs, part.equation.rhs + mu):
            if wrong != part.equation.rhs:
                assert not replace(part, equation=replace(part.equation, rhs=wrong)).holds


def test_the_theorems_stand_in_the_catalogue_where_they_matter() -> None:
    def keys(architecture: Architecture | None = None) -> set[str]:
        return {theorem.key for theorem in theorems(architecture)}

    assert {"second-along", "acceleration"} <= keys()
    assert {"second-along", "acceleration"} <= keys(Architecture.parse("2-1"))
    assert "acceleration" not in keys(Architecture.parse("2-1", "huber"))


def test_the_correction_solves_the_system_of_the_step() -> None:
    parts = {part.equation.number: part for part in acceleration().parts}
    p, m, q = Index("p", s), Index("m", s), Index("q", M)
    (start,) = parts["5.43"].equation.lhs.v.indices
    first = next(i for i in parts["5.43"].equation.rhs.free_symbols if isinstance(i, Index) and i != start)
    matrix = parts["5.43"].equation.rhs.xreplace({first: p, start: m})
    assert equal(matrix, total(J[q, p] * J[q, m], q) + mu * KroneckerDelta(p, m))
    side = parts["5.44"].equation
    (row,) = side.lhs.indices
    assert equal(side.rhs.xreplace({row: p}), -total(J[q, p] * second[q], q))
    assert parts["5.46"].equation.rhs == 0
    taken = parts["5.48"].equation.rhs
    weights = {letter: taken.coeff(letter) for letter in taken.atoms(Indexed) if letter.base in (h, c)}
    assert sorted(weights.values()) == [Integer(1) / 2, 1]


@pytest.mark.parametrize("text", ["2-3:silu-2", *WIRED])
def test_every_step_for_a_network_is_replayed(text: str) -> None:
    network = Network(Architecture.parse(text))
    found = twice_along(network)
    for derived, known in found:
        assert replay(derived.derivation, known, derived.equation).holds, derived.equation.number
        wrong = replace(derived.equation, rhs=2 * derived.equation.rhs)
        assert not replay(derived.derivation, known, wrong).holds
    letters = {item.equation.lhs.base for item, _ in found if item.equation.lhs.indices[0] == 2}
    assert letters == {Rz, Ra, R2a}  # z[2] is linear in the parameters: its R2z is 0 and left out


# -- what breaks it --------------------------------------------------------------------------------------


def refused(derived, known, change) -> bool:
    """Say whether the replay refuses a derivation in which every expression after the first is changed."""
    steps, before = [], derived.derivation.start
    for step in derived.derivation.steps:
        steps.append(replace(step, before=before, after=(before := change(step.after))))
    mutant = replace(derived.derivation, steps=tuple(steps))
    equation = replace(derived.equation, rhs=change(derived.equation.rhs))
    return not replay(mutant, known, equation).holds


def test_a_cross_term_without_its_two_is_refused() -> None:
    network = Network()
    derived, known = differentiated_again(network, weighted_input_along(network, l))

    def halved(expr: Expr) -> Expr:
        return expr.replace(lambda e: e.is_Mul and e.args[0] == 2, lambda e: e / 2)

    assert halved(derived.equation.rhs) != derived.equation.rhs
    assert refused(derived, known, halved)


def test_a_forgotten_bend_of_the_activation_is_refused() -> None:
    network = Network()
    derived, known = differentiated_again(network, activation_along(network, l))
    assert refused(derived, known, lambda e: e.replace(SigmaSecond, lambda *at: Integer(0)))


def test_a_direction_that_moved_would_spoil_every_step() -> None:
    network = Network()
    derived, known = differentiated_again(network, weighted_input_along(network, l))

    class Loose(AlongTwice):
        fixed = ()

    assert replay(derived.derivation, known, derived.equation).holds
    assert not replay(derived.derivation, Loose(network, moved=known.moved), derived.equation).holds


def test_the_sign_of_the_correction_is_proved() -> None:
    part = next(part for part in acceleration().parts if part.equation.number == "5.46")

    def turned(expr: Expr) -> Expr:
        return expr.replace(lambda e: isinstance(e, Indexed) and e.base == c, lambda e: -e)

    equation = replace(part.equation, lhs=turned(part.equation.lhs))
    start = replace(part.derivation, start=turned(part.derivation.start))
    assert not replace(part, equation=equation, derivation=start).holds


# -- what is emitted -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["2-3:tanh-2:sin-1:linear", *(pytest.param(t, marks=pytest.mark.slow) for t in WIRED)]
)
def test_the_module_is_proved_and_its_mathematics_wholly(text: str) -> None:
    verifier, files = made(text)
    report = verifier.verify(files)
    assert report.holds, report.findings
    proved = {(item.file, item.name): item.numbers for item in report.proved}
    assert set(proved["acceleration.py", "differentiate_twice"]) >= {"7.1", "7.2", "7.11", "7.12"}
    assert set(proved["acceleration.py", "pull_back_bending"]) == {"1.1", "1.2", "1.3", "1.4", "5.49"}
    for name in ("SecondDerivativeWorkspace.pulled", "Acceleration.dual", "Acceleration.primal", "turn"):
        assert ("acceleration.py", name) in proved
    assert ("gram_step.py", "GramStep.other") in proved
    assert ("normal_step.py", "NormalStep.other") in proved


CHANGES = [
    (
        "acceleration.py",
        "np.multiply(R2a3, 2.0, out=R2a3)  # (7.11)",
        "np.multiply(R2a3, 1.0, out=R2a3)  # (7.11)",
    ),
    ("acceleration.py", "np.multiply(R2a2, -2.0, out=R2a2)", "np.multiply(R2a2, 2.0, out=R2a2)"),
    ("acceleration.py", "np.multiply(R2a2, R2a2, out=R2a2)  # (7.12)", "pass"),
    ("acceleration.py", "np.matmul(Ra2, RW3.T, out=R2a3)", "np.matmul(Ra2, W3.T, out=R2a3)"),
    ("acceleration.py", "np.negative(pulled, out=c)", "np.copyto(c, pulled)"),
    ("acceleration.py", "np.multiply(c, 0.5, out=p_new)", "np.multiply(c, 1.0, out=p_new)"),
    ("acceleration.py", "np.multiply(t, t, out=d3)", "np.copyto(d3, t)"),
    ("acceleration.py", "np.multiply(second.T, t.T, out=u)", "np.copyto(u, second.T)"),
    ("acceleration.py", "np.copyto(self.ones, 1.0)", "np.copyto(self.ones, 2.0)"),
    ("acceleration.py", "turn(self.product, self.c)", "turn(self.c, self.product)"),
    ("acceleration.py", "step.other(mu, right)", "step.other(0.5, right)"),
    ("acceleration.py", "step.other(mu, u, self.blocks)", "step.other(mu, self.product, self.blocks)"),
    ("acceleration.py", "return self.work[", "return self.work[0 * "),
    ("gram_step.py", "self.system.solve_other(shift, u.reshape(-1))", "self.system.solve(shift)"),
    ("gram_step.py", "self.system.solve_other(shift, u", "self.system.solve_other(mu, u"),
    ("gram_step.py", "self.pull(v.reshape(self.r.shape), blocks)", "self.pull(self.r, blocks)"),
    (
        "gram_step.py",
        "self.pull(v.reshape(self.r.shape), blocks)",
        "self.t = None; self.pull(v.reshape(self.r.shape), blocks)",
    ),
    (
        "normal_step.py",
        "return self.system.solve_other(shift, right)",
        "return self.system.solve_other(shift, self.g)",
    ),
    (
        "normal_step.py",
        "return self.system.solve_other(shift, right)",
        "return self.system.solve_other(mu, right)",
    ),
]


@pytest.mark.parametrize(("file", "old", "new"), CHANGES)
def test_a_changed_line_is_found(file: str, old: str, new: str) -> None:
    verifier, files = made("2-2:tanh-1")
    assert old in files[file]
    wrong = files | {file: files[file].replace(old, new, 1)}
    found = [finding for finding in verifier.verify(wrong).findings if finding.file == file]
    assert found


def test_other_costs_are_refused_in_one_line() -> None:
    with pytest.raises(UserError, match=r"^expected a plain sum of squares for --with acceleration.*$"):
        generate(Architecture.parse("2-2", "huber"), (ACCELERATION,))
