"""Claims about matrices: verdicts, the column of what is wrong, and oracles that share nothing with them."""

from __future__ import annotations

import ast
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Add, Mul, Number, Pow, Symbol

from derive.claims import Outcome, check_claim
from derive.claims.algebra.grammar import parse_formula
from derive.claims.matrices import check as check_module
from derive.claims.matrices import rewriting
from derive.claims.matrices.meaning import meaning_of
from derive.claims.matrices.rewriting import Chain

WOODBURY = "inv(A + U @ C @ V) = inv(A) - inv(A) @ U @ inv(inv(C) + V @ inv(A) @ U) @ V @ inv(A)"
TRUE = [
    WOODBURY,
    "(A + U C V)^-1 = A^-1 - A^-1 U (C^-1 + V A^-1 U)^-1 V A^-1",
    "inv(A + U @ V) = inv(A) - inv(A) @ U @ inv(I + V @ inv(A) @ U) @ V @ inv(A)",
    "inv(lam*I + J.T @ J) = I/lam - 1/lam * J.T @ inv(lam*I + J @ J.T) @ J",
    "inv(lam*I + J.T @ J) @ J.T = J.T @ inv(lam*I + J @ J.T)",
    "lm.next(p) = p + inv(J.T @ J + mu*I) @ (J.T @ (y - F(p)))",
    "lm.next(p) - p = lm.step(mu)",
    "lm.step(mu) = J.T @ inv(J @ J.T + mu*I) @ r",
    "(J.T @ J + mu*I) @ lm.step(mu) = J.T @ r",
    "(I + J.T @ J / mu) @ (mu*lm.step(mu)) = J.T @ r",
    "inv(A @ B) = inv(B) @ inv(A)",
    "inv(A.T) = inv(A).T",
    "(A @ B).T = B.T @ A.T",
    "inv(inv(A)) = A",
    "inv(2*A) = inv(A)/2",
    "inv(I + A @ B) @ A = A @ inv(I + B @ A)",
    "inv(A) - inv(B) = inv(A) @ (B - A) @ inv(B)",
    "inv(A + B) = inv(A) @ inv(inv(A) + inv(B)) @ inv(B)",
    "inv(inv(A) + inv(inv(B) - A)) = A - A @ B @ A",  # Hua
    "(A + B)^2 = A^2 + A @ B + B @ A + B^2",
    "(lam - 1) * inv(lam*A - A) = inv(A)",
    "A - A = 0",
]
CONDITIONAL = {
    "inv(lam*I + J.T @ J) = I/lam - 1/lam * J.T @ inv(lam*I + J @ J.T) @ J / lam": "lam = 1",
    "lam * A = A": "lam = 1",
    "inv(lam*A) = lam*inv(A)": "lam = 1",
    "lm.step(0) = lm.step(mu)": "mu = 0",
    "lm.step(mu) = inv(J.T @ J) @ J.T @ r": "mu = 0",
    "lam*A = mu*lam*A": "lam = 0",
}
FALSE = [
    "inv(A + U @ C @ V) = inv(A) @ U @ inv(inv(C) + V @ inv(A) @ U) @ V @ inv(A)",
    "inv(A + U @ C @ V) = inv(A) + inv(A) @ U @ inv(inv(C) + V @ inv(A) @ U) @ V @ inv(A)",
    "inv(A + U @ C @ V) = inv(A) - inv(A) @ U @ inv(C + V @ inv(A) @ U) @ V @ inv(A)",
    "inv(A + B) = inv(A) + inv(B)",
    "inv(A @ B) = inv(A) @ inv(B)",
    "(A @ B).T = A.T @ B.T",
    "A @ B = B @ A",
    "(A + B)^2 = A^2 + 2*A @ B + B^2",
    "lm.next(p) = p - inv(J.T @ J + mu*I) @ (J.T @ (y - F(p)))",
    "lm.next(p) = inv(J.T @ J + mu*I) @ (J.T @ (y - F(p)))",
    "inv(A @ B - B @ A) @ A = 0",
    "A.T = A",
]
MALFORMED = [
    ("A |+ 1 = A", "a multiple of the identity is written with I"),
    ("A |= 1", "a number and a matrix"),
    ("A |* B = B", "matrices are joined by '@'"),
    ("lam |@ A = A", "a number is multiplied with '*'"),
    ("lm.step(mu) = inv(J @ J.T + mu*I) |@ J.T @ r", "M by M and s by M"),
    ("J @ J.T |+ J.T @ J = A", "M by M and s by s"),
    ("|inv(J) = J", "as many rows as columns"),
    ("|inv(A - A) = A", "0 has no inverse"),
    ("A / |B = I", "a matrix is inverted by inv"),
    ("A / (|lam - lam) = I", "division by zero"),
    ("A^|7 = I", "at most 4"),
    ("A|^0 = I", "an exponent from 1"),
    ("inv |A = A", "'(' after inv"),
    ("A.|S = A", "'T' after '.'"),
    ("A = |grad(Cost)", "A is about matrices, grad about parameters and costs"),
    ("A = B @ |q", "names nothing here"),
    ("lm.|last(p) = p", "next or step"),
    ("lm.step(|J) = r", "the damping of the step"),
    ("A @ |f = 0", "f is no matrix"),
]
SIZE = 3


@pytest.mark.parametrize("text", TRUE)
def test_true(text):
    verdict = check_claim(text)
    assert verdict.outcome is Outcome.TRUE, verdict.lines
    assert verdict.exit_status == 0
    assert "random instances of unequal sizes" in "".join(verdict.lines)


@pytest.mark.parametrize("text", CONDITIONAL)
def test_conditional(text):
    verdict = check_claim(text)
    assert (verdict.outcome, verdict.condition) == (Outcome.CONDITIONAL, CONDITIONAL[text])
    assert verdict.exit_status == 1
    assert verdict.counterexample is not None


@pytest.mark.parametrize("text", FALSE)
def test_false_whichever_side_comes_first(text):
    left, right = text.split("=")
    for claim in (text, f"{right} = {left}"):
        verdict = check_claim(claim)
        assert verdict.outcome is Outcome.FALSE, verdict.lines
        assert verdict.exit_status == 1


@pytest.mark.parametrize(("marked", "message"), MALFORMED)
def test_the_caret_points_at_what_is_wrong(marked, message):
    text, column = marked.replace("|", "", 1), marked.index("|")
    verdict = check_claim(text)
    assert verdict.outcome is Outcome.MALFORMED, verdict.lines
    assert verdict.exit_status == 2
    assert verdict.column == column
    assert message in verdict.lines[0]


def test_the_premises_and_the_sizes_are_said():
    lines = check_claim(WOODBURY).lines
    assert lines[1] == "for A n by n, U n by k, C k by k, V k by n, any n and k"
    (premise,) = (line for line in lines if line.startswith("assuming"))
    assert premise.endswith("invertible: U C V + A, A, C, C^-1 + V A^-1 U")
    assert "assuming that this is not 0: lambda" in check_claim(TRUE[3]).lines


def test_an_entry_that_differs_is_named():
    lines = check_claim("A @ B = B @ A").lines
    assert "  left side at row 2, column 1: 1" in lines
    assert lines[1] == "counterexample: A and B 2 by 2"


def test_a_number_is_shown_at_1_by_1_where_that_is_enough():
    found = check_claim("inv(A + B) = inv(A) + inv(B)").counterexample
    assert found.instance.matrices == {"A": [[1]], "B": [[1]]}
    assert (found.left, found.right) == (Fraction(1, 2), 2)


# -- oracles -------------------------------------------------------------------------------------------


class Float:
    """Texts read by Python's parser, worked out in NumPy; the step is a least squares problem."""

    def __init__(self, seed):
        random = np.random.default_rng(seed)
        self.values = {name: random.normal(size=(SIZE, SIZE)) for name in "ABCUVJ"}
        self.values |= {name: random.normal(size=(SIZE, 1)) for name in ("p", "y", "F")}
        self.values |= {"I": np.eye(SIZE), "lam": 0.7, "mu": 1.3}
        self.values["r"] = self.values["y"] - self.values["F"]

    def step(self, damping):
        jacobian = np.vstack([self.values["J"], np.sqrt(damping) * np.eye(SIZE)])
        return np.linalg.lstsq(jacobian, np.vstack([self.values["r"], np.zeros((SIZE, 1))]), rcond=None)[0]

    def of(self, node):
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self.values[node.id]
        if isinstance(node, ast.Attribute):
            return self.of(node.value).T
        if isinstance(node, ast.UnaryOp):
            return -self.of(node.operand)
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name == "lm.next":
                return self.values["p"] + self.step(self.values["mu"])
            value = self.of(node.args[0])
            return {"lm.step": self.step, "inv": np.linalg.inv, "F": lambda _: self.values["F"]}[name](value)
        left, right = self.of(node.left), self.of(node.right)
        if isinstance(node.op, ast.Pow):
            return np.linalg.matrix_power(left, right)
        found = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide}
        return found.get(type(node.op), np.matmul)(left, right)

    def sides(self, text):
        return [
            self.of(ast.parse(side.strip().replace("^", "**"), mode="eval").body) for side in text.split("=")
        ]


@pytest.mark.parametrize("text", [text for text in TRUE if "^-1" not in text])
def test_what_is_true_is_true_in_floating_point(text):
    for seed in range(3):
        left, right = Float(seed).sides(text)
        assert np.allclose(left, right, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("text", [*FALSE, *CONDITIONAL])
def test_what_is_false_is_false_in_floating_point(text):
    left, right = Float(0).sides(text)
    assert not np.allclose(left, right, rtol=1e-6, atol=1e-8)


def worth(expr, matrices, numbers):
    """The value of an expression in letters that do not commute."""
    if isinstance(expr, Add):
        return sum(worth(arg, matrices, numbers) for arg in expr.args)
    if isinstance(expr, Mul):
        value = np.eye(SIZE)
        for arg in expr.args:
            value = value @ worth(arg, matrices, numbers)
        return value
    if isinstance(expr, Number):
        return float(expr) * np.eye(SIZE)
    if isinstance(expr, Pow):
        return np.linalg.matrix_power(worth(expr.base, matrices, numbers), int(expr.exp))
    assert isinstance(expr, Symbol)
    if expr.is_commutative:
        return numbers[expr.name] * np.eye(SIZE)
    value = matrices[expr.name.removesuffix("^T")]
    return value.T if expr.name.endswith("^T") else value


@pytest.mark.parametrize("text", [text for text in TRUE if not text.startswith(("lm", "(J", "(I + J"))])
def test_every_step_is_an_equality_in_numbers(text):
    """The steps, lemmas included, worked out with matrices for the letters and for the inverses."""
    numbers = {"lambda": 0.7, "mu": 1.3}
    matrices = dict(Float(1).values)
    for name, poly in meaning_of(parse_formula(text)).inverses.items():
        matrices[name] = np.linalg.inv(worth(rewriting.spelled(poly), matrices, numbers))
    verdict = check_claim(text)
    for shown in verdict.derivations:
        now = shown.derivation.start
        for step in shown.derivation.steps:
            assert step.before == now
            now = step.after
            sides = [worth(side, matrices, numbers) for side in (step.before, step.after)]
            assert np.allclose(*sides, rtol=1e-6, atol=1e-7), step
        assert now == shown.equation.rhs
    assert verdict.derivations[-1].derivation.result == 0


# -- the checks can fail -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", FALSE)
def test_numbers_contradict_a_prover_that_proves_everything(monkeypatch, text):
    monkeypatch.setattr(check_module, "proved_zero", lambda goal, rules: Chain({}, ()))
    assert check_claim(text).outcome is not Outcome.TRUE


@pytest.mark.parametrize("text", [*FALSE, *CONDITIONAL])
def test_the_prover_proves_nothing_false_by_itself(monkeypatch, text):
    monkeypatch.setattr(check_module, "check_by_numbers", lambda meaning: (None, 8))
    assert check_claim(text).outcome is not Outcome.TRUE


def test_premises_that_nothing_fulfils_prove_nothing():
    verdict = check_claim("inv(I - A @ inv(A)) = B")
    assert verdict.outcome is Outcome.UNDECIDED
    assert "cannot all exist" in verdict.lines[1]


# -- any text at all -----------------------------------------------------------------------------------

WORDS = [
    *(
        "A",
        "B",
        "U",
        "J",
        "I",
        "lam",
        "mu",
        "p",
        "r",
        "y",
        "F(p)",
        "lm.next(p)",
        "lm.step(",
        "inv(",
        ".T",
        "^T",
    ),
    *(
        "^2",
        "^-1",
        "@",
        "*",
        "/",
        "+",
        "-",
        "(",
        ")",
        "2",
        "0",
        "1/2",
        " ",
        "=",
        "^",
        ".",
        "grad(",
        "Cost",
        "[i]",
    ),
]
sentences = st.lists(st.sampled_from(WORDS), max_size=14).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.one_of(sentences, st.tuples(sentences, sentences).map(" = ".join)))
def test_any_text_gets_a_verdict(text):
    verdict = check_claim(text)
    verdict.steps()
    assert verdict.exit_status == {"true": 0, "malformed": 2}.get(verdict.outcome.value, 1)
    assert all(line.isprintable() for line in verdict.lines)
    assert verdict.column is None or 0 <= verdict.column <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "((A+B)^4)^4 = A",
        "@".join(["(A+B)"] * 30) + " = A",
        "+".join("ABCDEGHKMOPQRSUVXYZ") + " = A",
        "inv(" * 24 + "A+B" + ")" * 24 + " = A",
        "@".join(f"inv({a}+{b})" for a in "ABCD" for b in "EGHK") + " = A",
        "(lam+mu+N+m+t)^4*(lam+mu+N+m+t)^4*(lam+mu+N+m+t)^4*A = A",
        "1/(lam+mu+t)^4/(lam-mu+N)^4/(m-mu+N)^4*A = A",
        "inv(A+B)@inv(A+C)@inv(B+C) = inv(A@A+B@C)@inv(C@C+B@A)+inv(A@B@C+I)",
    ],
)
def test_what_is_large_ends_soon(text):
    start = time.perf_counter()
    assert check_claim(text).outcome in (Outcome.FALSE, Outcome.UNDECIDED)
    assert time.perf_counter() - start < 15
