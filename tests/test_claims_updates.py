"""Claims about parameters and costs: verdicts, the column of what is wrong, and an oracle in fractions."""

from __future__ import annotations

import ast
import re
import time
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.calculus.rules import RULES
from derive.claims import Outcome, check_claim
from derive.claims.updates import check as check_module

TRUE = [
    "Cost = (1/N) * sum(i, C[i])",
    "Cost = (1/N) * sum(i, 1/2 * norm2(y[i] - F(x[i])))",
    "C[i] = 1/2 * sum(j, (y[i][j] - F(x[i])[j])^2)",
    "grad(Cost) = (1/N) * sum(i, grad(C[i]))",
    "N * grad(Cost) = sum(i, grad(C[i]))",
    "grad(100*Cost) = 100 * grad(Cost)",
    "grad(C[i] + C[j]) = grad(C[i]) + grad(C[j])",
    "grad(Cost^2) = 2 * Cost * grad(Cost)",
    "grad(1/Cost) = -grad(Cost) / Cost^2",
    "gd.next(p) = p - t * grad(Cost)",
    "gd.next(p) = p - (t/N) * sum(i, grad(C[i]))",
    "sgd.next(p, i) = p - eta * grad(C[i])",
    "sgd.next(p, k[i]) = p - t * grad(C[k[i]])",
    "minibatch.next(p, k) = p - (t/m) * sum(i, grad(C[k[i]]))",
    "(1/N) * sum(i, sgd.next(p, i)) = gd.next(p)",
    "first(Cost, d) = dot(grad(Cost), d)",
    "first(Cost, d) = grad Cost(p)^T d",
    "first(Cost, gd.next(p) - p) = -t * norm2(grad(Cost))",
    "norm2(f)*norm2(g) - dot(f, g)^2 = 1/2 * sum(i, sum(j, (f[i]*g[j] - f[j]*g[i])^2))",
    "dot(f, g) = g.T @ f",
    "norm2(f - g) = norm2(f) - 2*dot(f, g) + norm2(g)",
    "p - t * grad(1/2 * lam * dot(p, p)) = (1 - t*lam) * p",
    "grad(dot(p, f)) = f",
]
CONDITIONAL = {
    "grad(Cost) = sum(i, grad(C[i]))": "N = 1",
    "grad(Cost) = grad(C[i])": "N = 1",
    "sgd.next(p, i) = gd.next(p)": "N = 1",
    "minibatch.next(p, k) = p - t * sum(i, grad(C[k[i]]))": "m = 1",
    "norm2(f) * norm2(g) = dot(f, g)^2": "s = 1, a single parameter",
    "grad(lam*Cost) = grad(Cost)": "lam = 1",
    "p - t * grad(Cost) = p": "t = 0",
}
FALSE = [
    "gd.next(p) = t * grad(Cost)",
    "gd.next(p) = p + t * grad(Cost)",
    "gd.next(p) = p - grad(Cost)",
    "sgd.next(p, i) = t * grad(C[i])",
    "minibatch.next(p, k) = (t/m) * sum(i, grad(C[k[i]]))",
    "grad(100*Cost) = grad(Cost)",
    "grad(Cost^2) = 2 * grad(Cost)",
    "Cost = (1/N) * sum(i, norm2(y[i] - F(x[i])))",
    "first(Cost, d) = -dot(grad(Cost), d)",
    "first(Cost, gd.next(p) - p) = t * norm2(grad(Cost))",
    "norm2(f + g) = norm2(f) + norm2(g)",
    "grad(dot(p, p)) = p",
]
MALFORMED = [
    ("gd.next(p) |= Cost", "a vector over the parameters and a number"),
    ("p |+ t = p", "a vector over the parameters and a number"),
    ("p |= y[i] - F(x[i])", "the parameters and a vector over the outputs"),
    ("grad(Cost) |@ grad(Cost) = 1", "by dot(u, v), or by u.T @ v"),
    ("grad(|p) = p", "a number in grad"),
    ("grad(|dot(grad(Cost), f)) = p", "a gradient of a gradient"),
    ("norm2(|Cost) = 1", "a vector in norm2"),
    ("dot(f, |y[i]) = 1", "differ in length"),
    ("sum(|i, Cost) = Cost", "i has no range"),
    ("C[i] * C[k[|i]] = 1", "over the samples drawn here, but over the samples at column 3"),
    ("grad(|C) = p", "the cost of a sample is C[i]"),
    ("C[|1] = Cost", "an index"),
    ("gd.|step = p", "next after 'gd.'"),
    ("sgd.next|= p", "sgd.next(p, i)"),
    ("sgd.next(p, |3) = p", "an index"),
    ("minibatch.next(p, |i) = p", "expected k"),
    ("grad(Cost) = |F", "F(x[i])"),
    ("Cost / (|N - N) = 1", "division by zero"),
    ("Cost = |inv(lam)", "inv about matrices"),
    ("grad(Cost) = |delta[L]", "delta about one sample of a network"),
    ("grad(Cost) = |rad(Cost)", "names nothing here"),
    ("theorem |nonsense", "expected the name of a theorem"),
    ("Cost^|9 = 1", "at most 4"),
    ("norm2(p)|[i] = 1", "a number has no subscripts"),
]


@pytest.mark.parametrize("text", TRUE)
def test_true(text):
    verdict = check_claim(text)
    assert verdict.outcome is Outcome.TRUE, verdict.lines
    assert verdict.exit_status == 0


@pytest.mark.parametrize("text", CONDITIONAL)
def test_conditional(text):
    verdict = check_claim(text)
    assert (verdict.outcome, verdict.condition) == (Outcome.CONDITIONAL, CONDITIONAL[text])
    assert verdict.counterexample.left != verdict.counterexample.right


@pytest.mark.parametrize("text", FALSE)
def test_false_whichever_side_comes_first(text):
    left, right = text.split("=")
    for claim in (text, f"{right} = {left}"):
        verdict = check_claim(claim)
        assert verdict.outcome is Outcome.FALSE, verdict.lines
        assert verdict.counterexample.left != verdict.counterexample.right


@pytest.mark.parametrize(("marked", "message"), MALFORMED)
def test_the_caret_points_at_what_is_wrong(marked, message):
    text, column = marked.replace("|", "", 1), marked.index("|")
    verdict = check_claim(text)
    assert verdict.outcome is Outcome.MALFORMED, verdict.lines
    assert message in verdict.lines[0]
    assert verdict.column == column


def test_a_printed_update_is_refuted_by_small_numbers_and_mended():
    verdict = check_claim("gd.next(p) = t * grad(Cost)")
    assert verdict.lines[1:] == (
        "counterexample: 1 parameter, 1 sample",
        "  p = [0]",
        "  y[1] = [1]",
        "  F(x[1]) = p",
        "  t = 1",
        "  left side: 1",
        "  right side: -1",
        "note: mended: gd.next(p) = p - t * grad(Cost)",
    )


def test_the_steps_open_the_gradient_by_known_rules():
    steps = check_claim("grad(Cost) = (1/N) * sum(i, grad(C[i]))").steps()
    assert steps[0] == "gradient: dCost/dp_q:"
    names = {rule.name for rule in RULES}
    found = [line.split("    [", 1)[1].rstrip("]").split(":")[0] for line in steps if "    [" in line]
    assert len(found) > 10
    assert {*found} <= names


# -- an oracle: Python's own parser, quadratic costs, central differences, which are exact for them --------


class Exact:
    """Costs 1/2 ||y_i - X_i p||^2 at some p, with N = 3 samples, two parameters and m = 2 drawn."""

    def __init__(self, seed):
        random = Random(seed)

        def some(*shape):
            flat = [
                Fraction(random.choice((-3, -1, 1, 2)), random.choice((1, 2)))
                for _ in range(int(np.prod(shape)))
            ]
            return np.array(flat, dtype=object).reshape(shape)

        self.inputs, self.targets = some(3, 2, 2), some(3, 2)
        self.letters = {name: some(2) for name in ("p", "f", "g", "d")}
        self.letters |= {"t": Fraction(3, 2), "eta": Fraction(3, 2), "lam": Fraction(5, 2), "N": 3, "m": 2}
        self.at = {}
        self.drawn = [2, 0]

    def gradient(self, cost):
        p, found = self.letters["p"], []
        for unit in np.eye(2, dtype=int):
            values = []
            for sign in (1, -1):
                self.letters["p"] = p + sign * unit
                values.append(cost())
            found.append((values[0] - values[1]) / 2)
        self.letters["p"] = p
        return np.array(found, dtype=object)

    def cost(self, i):
        misfit = self.targets[i] - self.inputs[i] @ self.letters["p"]
        return misfit @ misfit / 2

    def mean(self, samples):
        return sum(self.cost(i) for i in samples) / len(samples)

    def pick(self, node):
        if isinstance(node, ast.Subscript):
            return self.drawn[self.at[node.slice.id]]
        return self.at[node.id]

    def of(self, node):
        if isinstance(node, ast.Constant):
            return Fraction(node.value)
        if isinstance(node, ast.Name):
            return self.mean(range(3)) if node.id == "Cost" else self.letters[node.id]
        if isinstance(node, ast.Attribute):
            return self.of(node.value)  # a row is a column here
        if isinstance(node, ast.UnaryOp):
            return -self.of(node.operand)
        if isinstance(node, ast.Subscript):
            if isinstance(node.value, ast.Name) and node.value.id in ("C", "y"):
                i = self.pick(node.slice)
                return self.cost(i) if node.value.id == "C" else self.targets[i]
            return self.of(node.value)[self.at[node.slice.id]]
        if isinstance(node, ast.Call):
            return self.call(ast.unparse(node.func), node.args)
        left, right = self.of(node.left), self.of(node.right)
        if isinstance(node.op, ast.Pow):
            return left ** int(right)
        found = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.true_divide}
        return found.get(type(node.op), np.dot)(left, right)

    def call(self, name, args):
        if name == "sum":
            index, body = args[0].id, args[1]
            text = ast.unparse(body)
            ranged = 3 if re.search(rf"(C|y|x)\[{index}\]|sgd.next\(p, {index}\)", text) else 2
            total = 0
            for value in range(ranged):
                self.at[index] = value
                total = total + self.of(body)
            del self.at[index]
            return total
        if name == "F":
            return self.inputs[self.pick(args[0].slice)] @ self.letters["p"]
        if name == "grad":
            return self.gradient(lambda: self.of(args[0]))
        if name == "first":
            step = self.of(args[1])
            return self.gradient(lambda: self.of(args[0])) @ step
        if name.endswith(".next"):
            samples = {"gd": lambda: range(3), "minibatch": lambda: self.drawn}
            method = name.removesuffix(".next")
            chosen = samples[method]() if method in samples else [self.pick(args[1])]
            return self.letters["p"] - self.letters["t"] * self.gradient(lambda: self.mean(chosen))
        vectors = [self.of(arg) for arg in args]
        return vectors[0] @ vectors[-1]

    def agree(self, text):
        left, right = (
            ast.parse(side.strip().replace("^", "**"), mode="eval").body for side in text.split("=")
        )
        free = [name for name in "ij" if re.search(rf"[\[ ]{name}[\]\)]", text) and f"sum({name}" not in text]
        for self.at in ({name: value + place for place, name in enumerate(free)} for value in (0, 1)):
            if not np.all(self.of(left) == self.of(right)):
                return False
        return True


QUADRATIC = [text for text in TRUE if "^T" not in text and "Cost^2" not in text]


@pytest.mark.parametrize("text", QUADRATIC)
def test_what_is_true_is_true_in_fractions(text):
    assert all(Exact(seed).agree(text) for seed in range(3))


@pytest.mark.parametrize("text", [text for text in (*FALSE, *CONDITIONAL) if "Cost^2" not in text])
def test_what_is_false_is_false_in_fractions(text):
    assert not all(Exact(seed).agree(text) for seed in range(3))


# -- the checks can fail -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", FALSE)
def test_numbers_contradict_a_prover_that_proves_everything(monkeypatch, text):
    monkeypatch.setattr(check_module, "decide", lambda meaning, assumed=None: (True, ()))
    assert check_claim(text).outcome is not Outcome.TRUE


@pytest.mark.parametrize("text", [*FALSE, *CONDITIONAL])
def test_the_prover_proves_nothing_false_by_itself(monkeypatch, text):
    monkeypatch.setattr(check_module, "check_by_numbers", lambda meaning, assumed=None: (None, 8))
    assert check_claim(text).outcome is not Outcome.TRUE


# -- any text at all -----------------------------------------------------------------------------------

WORDS = [
    *(
        "p",
        "f",
        "g",
        "d",
        "t",
        "N",
        "m",
        "lam",
        "Cost",
        "C[i]",
        "C[k[i]]",
        "y[i]",
        "F(x[i])",
        "[j]",
        ".T",
        "^2",
    ),
    *("grad(", "dot(", "norm2(", "first(", "sum(i,", "sum(j,", "gd.next(p)", "sgd.next(p, i)", "theorem "),
    *(
        "minibatch.next(p, k)",
        "(",
        ")",
        ",",
        "+",
        "-",
        "*",
        "/",
        "@",
        "=",
        "2",
        "0",
        " ",
        "A",
        "W[l]",
        "inv(",
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
        "norm2(p)^4*norm2(f)^4*norm2(g)^4 = norm2(p)^4*norm2(f)^4*norm2(g)^4*1",
        "grad(norm2(p)^4*norm2(p)^4*Cost^4) = p",
        "grad((Cost+C[i]+dot(p,f))^4*(Cost+dot(p,g))^4) = p",
        "sum(i,sum(j,sum(q,sum(c,C[i]*C[j]*C[q]*C[c])))) = N^4*Cost^4",
        "grad(" + "+".join(["Cost"] * 70) + ") = 70*grad(Cost)",
        "first(Cost, gd.next(p))" + "*first(Cost, gd.next(p))" * 10 + " = 1",
    ],
)
def test_what_is_large_ends_soon(text):
    start = time.perf_counter()
    assert check_claim(text).outcome in (Outcome.FALSE, Outcome.UNDECIDED)
    assert time.perf_counter() - start < 15
