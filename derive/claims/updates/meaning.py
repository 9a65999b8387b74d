"""What a claim about parameters and costs means: two index expressions, ranges checked on the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sympy import Add, Expr, Integer, Pow, Rational

from derive.claims.algebra.syntax import (
    Call,
    Component,
    Factors,
    Formula,
    Letter,
    Method,
    Node,
    OfSample,
    Over,
    Pick,
    Terms,
    Transposed,
)
from derive.claims.matrices.rewriting import DRAWN, SCALARS
from derive.claims.syntax import MalformedClaim, Name, Number
from derive.claims.updates.values import OUTPUTS, RANGES, Value, inner_product, joined, scalar, scaled
from derive.network import mean_cost, sample_cost
from derive.printers.text import expression_text
from derive.quantities import Index, IndexedBase, L, N, Partial, a, total
from derive.quantities import y as target
from derive.theorems.descent import descent_update, gradient
from derive.theorems.levenberg_marquardt import p_old, s

MAX_FREE = 4
VECTORS = {"p": p_old, **{name: IndexedBase(name) for name in "fgd"}}


@dataclass
class Slot:
    """An index in use: its range becomes known where it first stands."""

    at: int
    place: Index | None = None


@dataclass(frozen=True)
class Meaning:
    """Both sides at one entry; ``free`` and ``sums`` are the ranges of indices, by name and by column."""

    formula: Formula
    left: Expr
    right: Expr
    over: Expr | None
    free: dict[str, Expr]
    sums: dict[int, Expr]
    divisors: tuple[str, ...]


def meaning_of(formula: Formula) -> Meaning:
    """Read both sides of a claim.

    Raises:
        MalformedClaim: if a letter means nothing here or ranges do not fit.
    """
    reader = _Reader()
    left, right = reader.read(formula.left), reader.read(formula.right)
    shape = joined(left, right, "the sides of '='", formula.at)
    at = Index("q", shape.over) if shape.over is not None else Integer(1)
    divisors = tuple(dict.fromkeys(reader.divisors))
    free = {name: slot.place.upper for name, slot in reader.free.items() if slot.place is not None}
    return Meaning(formula, left.entry(at), right.entry(at), shape.over, free, reader.sums, divisors)


@dataclass
class _Reader:
    free: dict[str, Slot] = field(default_factory=dict)
    bound: dict[str, Slot] = field(default_factory=dict)
    sums: dict[int, Expr] = field(default_factory=dict)
    divisors: list[str] = field(default_factory=list)

    def read(self, node: Node) -> Value:
        if isinstance(node, Number):
            return scalar(Rational(node.value.numerator, node.value.denominator))
        if isinstance(node, Letter):
            return _letter(node)
        if isinstance(node, OfSample):
            return self.of_sample(node)
        if isinstance(node, Method):
            return self.method(node)
        if isinstance(node, Call):
            return self.call(node)
        if isinstance(node, Component):
            return self.component(node)
        if isinstance(node, Over):
            return self.summed(node)
        if isinstance(node, Terms):
            return self.terms(node)
        if isinstance(node, Factors):
            return self.factors(node)
        if isinstance(node, Transposed):
            inner = self.read(node.of)
            return inner if inner.over is None else replace(inner, row=not inner.row)
        power = self.number(node.of, "a power")
        return scalar(Pow(power, node.exponent))

    def number(self, node: Node, where: str) -> Expr:
        value = self.read(node)
        if value.over is not None:
            raise MalformedClaim(
                f"expected a number in {where}, got a vector over {RANGES[value.over]}", node.at
            )
        return value.number

    def cost(self, node: Node, where: str) -> Expr:
        """Return a number that may be differentiated."""
        found = self.number(node, where)
        if found.has(Partial):
            raise MalformedClaim("a gradient of a gradient is beyond these claims", node.at)
        return found

    def vector(self, node: Node, where: str, over: Expr | None = None) -> Value:
        value = self.read(node)
        if value.over is None or (over is not None and value.over != over):
            wanted = "a vector" if over is None else f"a vector over {RANGES[over]}"
            raise MalformedClaim(f"expected {wanted} in {where}", node.at)
        return value

    # -- letters ---------------------------------------------------------------------------------------

    def of_sample(self, node: OfSample) -> Value:
        at = self.pick(node.pick)
        if node.letter == "C":
            return scalar(_sample_cost(at))
        if node.letter == "y":
            return Value(OUTPUTS, lambda c: target[at, c])
        return Value(OUTPUTS, lambda c: a[L, at, c])

    def pick(self, pick: Pick) -> Expr:
        return self.index(pick.index, DRAWN if pick.drawn else N)

    def index(self, name: Name, over: Expr) -> Expr:
        slot = self.bound.get(name.name)
        if slot is None:
            slot = self.free.setdefault(name.name, Slot(name.at))
            if len(self.free) > MAX_FREE:
                raise MalformedClaim(f"expected at most {MAX_FREE} indices that are not summed", name.at)
        if slot.place is None:
            slot.place, slot.at = Index(name.name, over), name.at
        if slot.place.upper != over:
            known, here = RANGES[slot.place.upper], RANGES[over]
            message = f"{name.name} runs over {here} here, but over {known} at column {slot.at + 1}"
            raise MalformedClaim(message, name.at)
        return slot.place

    def method(self, node: Method) -> Value:
        if node.name == "gd":
            descended = mean_cost().symbol
        elif node.name == "sgd" and node.pick is not None:
            descended = _sample_cost(self.pick(node.pick))
        else:
            k = Index("k", DRAWN)
            descended = total(_sample_cost(k), k) / DRAWN
        update = descent_update()
        (q,) = update.lhs.indices

        def entry(at: Expr) -> Expr:
            slope = Partial(descended, p_old[at])
            return update.rhs.xreplace({gradient[q]: slope}).xreplace({q: at})

        return Value(s, entry)

    # -- operations ------------------------------------------------------------------------------------

    def call(self, node: Call) -> Value:
        if node.name == "grad":
            cost = self.cost(node.arguments[0], "grad")
            return Value(s, lambda q: Partial(cost, p_old[q]))
        if node.name == "first":
            cost = self.cost(node.arguments[0], "first")
            step = self.vector(node.arguments[1], "first", s)
            q = Index("q", s)
            return scalar(total(Partial(cost, p_old[q]) * step.entry(q), q))
        if node.name == "inv":
            raise MalformedClaim("inv is for matrices", node.at)
        vectors = [self.vector(argument, node.name) for argument in node.arguments]
        one, two = vectors[0], vectors[-1]
        if one.over != two.over:
            raise MalformedClaim("the vectors of dot differ in length", node.arguments[1].at)
        return inner_product(one, two)

    def component(self, node: Component) -> Value:
        vector = self.read(node.of)
        if vector.over is None:
            raise MalformedClaim("a number has no subscripts", node.at)
        return scalar(vector.entry(self.index(node.index, vector.over)))

    def summed(self, node: Over) -> Value:
        name = node.index.name
        if name in self.bound:
            raise MalformedClaim(f"{name} is summed already, further out", node.index.at)
        self.bound[name] = slot = Slot(node.index.at)
        inner = self.read(node.of)
        del self.bound[name]
        if slot.place is None:
            raise MalformedClaim(f"{name} has no range: it is no subscript in the sum", node.index.at)
        index = slot.place
        self.sums[node.at] = index.upper
        return replace(inner, entry=lambda q: total(inner.entry(q), index))

    def terms(self, node: Terms) -> Value:
        values = [self.read(term) for term in node.terms]
        shape = values[0]
        for value, at in zip(values[1:], node.ats, strict=True):
            shape = joined(shape, value, "the terms", at)
        signed = list(zip(node.signs, values, strict=True))
        return replace(shape, entry=lambda q: Add(*(sign * value.entry(q) for sign, value in signed)))

    def factors(self, node: Factors) -> Value:
        result = self.read(node.factors[0])
        for factor, operator, at in zip(node.factors[1:], node.operators, node.ats, strict=True):
            if operator == "/":
                below = self.number(factor, "what stands below '/'")
                if below == 0:
                    raise MalformedClaim("division by zero", factor.at)
                if below.free_symbols - {N, DRAWN}:
                    self.divisors.append(expression_text(below))
                result = scaled(result, scalar(1 / below))
                continue
            value = self.read(factor)
            if result.over is None or value.over is None:
                if operator == "@":
                    raise MalformedClaim("'@' joins a row and a column; a number is multiplied with '*'", at)
                result = scaled(result, value)
            elif operator != "*" and result.row and not value.row and result.over == value.over:
                result = inner_product(result, value)
            else:
                raise MalformedClaim("two vectors are multiplied by dot(u, v), or by u.T @ v", at)
        return result


def _letter(node: Letter) -> Value:
    if node.name in SCALARS:
        return scalar(SCALARS[node.name])
    if node.name == "Cost":
        return scalar(mean_cost().symbol)
    if node.name in VECTORS:
        base = VECTORS[node.name]
        return Value(s, lambda q: base[q])
    hint = {
        "F": "; the output for a sample is F(x[i])",
        "y": "; a target is y[i]",
        "C": "; the cost of a sample is C[i]",
    }.get(node.name, "")
    raise MalformedClaim(f"{node.name} means nothing in a claim about parameters{hint}", node.at)


def _sample_cost(at: Expr) -> Expr:
    cost = sample_cost()
    return cost.symbol.xreplace({cost.i: at})
