"""Derivations to replay, and ways to harm them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random

from sympy import (
    Add,
    Expr,
    Indexed,
    IndexedBase,
    Integer,
    KroneckerDelta,
    Mul,
    Rational,
    Sum,
    Symbol,
)

from derive.architecture import Architecture
from derive.calculus.derivation import Derivation, Deriving
from derive.equation import Equation
from derive.evaluation import Definitions
from derive.network import Network, Objective, mean_cost, output, sample_cost
from derive.quantities import (
    Index,
    L,
    N,
    Partial,
    Sigma,
    SigmaPrime,
    eta,
    total,
)
from derive.replay import Problem, same
from derive.theorems.backpropagation import backpropagation
from derive.theorems.lemma1 import derive_in_general
from derive.theorems.levenberg_marquardt import LinearModel, step_equations

ARCHITECTURES = ["2-2", "1-1-1", "3-1-2", "2-2-3-2", "1-2-1-2"]
OBJECTIVES = {
    "sample": lambda network: sample_cost(),
    "mean": lambda network: mean_cost(),
    "scaled": lambda network: sample_cost(eta),
    "output": output,
}
X, Y, A, B = IndexedBase("X"), IndexedBase("Y"), IndexedBase("A"), IndexedBase("B")
c = Symbol("c")
ROWS = Symbol("R", integer=True, positive=True)


@dataclass(frozen=True)
class Case:
    """A derivation, what its quantities are, and the equation that it is to prove."""

    derivation: Derivation
    known: Definitions
    equation: Equation | None = None


class Vectors:
    """X is the variable; Y_p is defined as sum_q A_pq X_q; nothing else moves."""

    def definition(self, quantity: Expr) -> Expr | None:
        if getattr(quantity, "base", None) != Y:
            return None
        q = Index("q", ROWS)
        return total(A[quantity.indices[0], q] * X[q], q)

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        return getattr(quantity, "base", None) in (X, Y)


def of_network(network: Network, objective: Objective) -> list[Case]:
    derived = derive_in_general(objective) if network == Network() else backpropagation(network, objective)
    return [Case(d.derivation, Problem(network, objective), d.equation) for d in derived]


@cache
def cases(architecture: str | None, objective: str) -> list[Case]:
    network = Network(architecture and Architecture.parse(architecture))
    return of_network(network, OBJECTIVES[objective](network))


@cache
def steps_of_levenberg_marquardt() -> list[Case]:
    equations = step_equations()
    results = (
        (equations.gradient, equations.gradient.result),
        (equations.hessian, equations.normal_matrix.rhs),
    )
    return [
        Case(derivation, LinearModel(), Equation("2.1", "normal matrix", derivation.start, result))
        for derivation, result in results
    ]


def random_function(random: Random, scope: list[Index], depth: int) -> Expr:
    """Return a differentiable function of X over the indices in scope, every bound index fresh."""
    kinds = ["X", "Y", "A", "B", "c", "number"]
    kinds += ["sum", "sum", "product", "product", "add", "add", "power", "sigma"] if depth else []
    kind = random.choice(kinds)

    def smaller(inside: list[Index] = scope) -> Expr:
        return random_function(random, inside, depth - 1)

    if kind == "A":
        return A[random.choice(scope), random.choice(scope)]
    if kind in ("X", "Y", "B"):
        return {"X": X, "Y": Y, "B": B}[kind][random.choice(scope)]
    if kind == "number":
        return Rational(random.choice((-2, -1, 1, 2, 3)), random.choice((1, 2, 3)))
    if kind == "sum":
        bound = Index(random.choice("pqr"), ROWS)
        return total(smaller([*scope, bound]), bound)
    if kind == "product":
        return smaller() * smaller()
    if kind == "add":
        return smaller() + smaller()
    if kind == "power":
        return smaller() ** random.choice((2, 3))
    return Sigma(1, smaller()) if kind == "sigma" else c


@cache
def random_derivations() -> list[Case]:
    random = Random(20)
    i, j = Index("i", ROWS), Index("j", ROWS)
    functions = [random_function(random, [i, j], 4) for _ in range(120)]
    short = [function for function in functions if len(str(function)) < 200]
    return [Case(Deriving(Partial(f, X[j]), Vectors()).differentiate().done(), Vectors()) for f in short]


def every_case() -> list[Case]:
    found = [*steps_of_levenberg_marquardt(), *random_derivations()]
    for objective in OBJECTIVES:
        for architecture in (None, *ARCHITECTURES):
            found += cases(architecture, objective)
    return found


def renamed(expr: Expr) -> Expr:
    bound = {index for node in expr.atoms(Sum) for index in node.variables} - expr.free_symbols
    return expr.xreplace({index: Index(f"{index.name}'", index.upper) for index in bound})


def places(expr: Expr, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Expr]]:
    yield path, expr
    if not isinstance(expr, (Indexed, KroneckerDelta)):
        for position, arg in enumerate(expr.args[:1] if isinstance(expr, Sum) else expr.args):
            if isinstance(arg, Expr):
                yield from places(arg, (*path, position))


def put(expr: Expr, path: tuple[int, ...], new: Expr) -> Expr:
    if not path:
        return new
    args = list(expr.args)
    args[path[0]] = put(args[path[0]], path[1:], new)
    return expr.func(*args)


def harmed(node: Expr, whole: Expr, random: Random) -> Expr | None:
    """Return something else in place of a subexpression: what a slip of the pen would leave there."""
    indices = sorted(whole.atoms(Index), key=lambda index: (index.name, index.dummy_index))
    if isinstance(node, Indexed):
        where = random.randrange(len(node.indices))
        changed = list(node.indices)
        others = [index for index in indices if index != changed[where]]
        if not isinstance(changed[where], Index):
            changed[where] += random.choice((-1, 1))
        elif others:
            changed[where] = random.choice(others)
        return random.choice([node.base[tuple(changed)], -node, 2 * node, node**2, Integer(1)])
    if isinstance(node, KroneckerDelta):
        return random.choice([Integer(1), Integer(0), KroneckerDelta(node.args[0], random.choice(indices))])
    if isinstance(node, SigmaPrime):
        return random.choice([Integer(1), Sigma(*node.args), -node])
    if isinstance(node, Sum):
        (index, _, upper), *outer = node.limits
        other = Index(index.name, random.choice([L, N, upper + 1]))
        changed = Sum(node.function.xreplace({index: other}), (other, 1, other.upper), *outer)
        shorter = Sum(node.function, (index, 2, upper), *outer)
        return random.choice([changed, shorter, Sum(node.function, *outer) if outer else node.function])
    if isinstance(node, Partial):
        return random.choice([Partial(node.f, node.f), Partial(node.v, node.v), node.f, -node])
    if isinstance(node, (Add, Mul)):
        return node.func(*random.sample(node.args, len(node.args) - 1))
    if isinstance(node, Rational):
        return node + random.choice((-1, 1))
    return None


def mutated(expr: Expr, random: Random) -> Expr:
    """Harm one place, so that the expression is not the same any more."""
    while True:
        path, node = random.choice(list(places(expr)))
        new = harmed(node, expr, random)
        if new is not None and not same(changed := put(expr, path, new), expr):
            return changed
