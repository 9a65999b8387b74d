"""The grammar of formulas in matrices and in parameters, by recursive descent.

    claim    = sum "=" sum
    sum      = product { ("+" | "-") product }
    product  = chain { ("*" | "/") chain }
    chain    = factor { [ "@" ] factor }
    factor   = { "-" } power
    power    = atom { ".T" | "^" ( whole | "T" | "-1" ) | "[" index "]" }
    atom     = number | letter | "(" sum ")" | ( "inv" | "norm2" ) "(" sum ")"
             | ( "dot" | "first" ) "(" sum "," sum ")" | "grad" ( "(" sum ")" | atom ) | method
             | ( "C" | "y" ) "[" pick "]" | "F" "(" "x" "[" pick "]" ")" | "sum" "(" index "," sum ")"
    pick     = index | "k" "[" index "]"
    method   = ( "gd" | "lm" ) ".next" [ "(" "p" ")" ] | "sgd.next" "(" "p" "," pick ")"
             | "minibatch.next" "(" "p" "," "k" ")" | "lm.step" "(" sum ")"

"Cost", "C[i]" and "F" may have "(p)" behind them. Two factors side by side are multiplied.
"""

from __future__ import annotations

from fractions import Fraction

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
    Power,
    Terms,
    Transposed,
)
from derive.claims.syntax import MalformedClaim, Number
from derive.claims.tokens import MAX_SUMS, Cursor, Token, short, tokens

MAX_EXPONENT = 4

MATRICES = (
    "ABCDEGHIJKMOPQRSUVXYZ"  # I is the identity, J the Jacobian; the other capitals name something else
)
SCALARS = ("lam", "mu", "eta", "t", "N", "m")  # t and eta are the same step size
VECTORS = ("p", "d", "f", "g", "r", "y")
ONE_ARGUMENT = ("inv", "norm2")
TWO_ARGUMENTS = ("dot", "first")
METHODS = ("gd", "sgd", "minibatch", "lm")

_ATOM = "a letter, a number or '('"


def parse_formula(text: str) -> Formula:
    """Return the tree of a formula.

    Raises:
        MalformedClaim: with the column of the first character that does not fit.
    """
    return formula(tokens(text))


def formula(found: list[Token]) -> Formula:
    """Return the tree of a formula whose words have been told apart."""
    return _Parser(found).claim()


class _Parser(Cursor):
    """One method for each line of the grammar."""

    INDICES = "cehijnoqu"

    def claim(self) -> Formula:
        left = self.sum()
        at = self.equals()
        right = self.sum()
        self.finish()
        return Formula(left, right, at)

    def sum(self) -> Node:
        self.deeper()
        start = self.next.at
        terms, signs, ats = [self.product()], [1], []
        while operator := self.found("+", "-"):
            terms.append(self.product())
            signs.append(1 if operator.text == "+" else -1)
            ats.append(operator.at)
        self.nesting -= 1
        return terms[0] if len(terms) == 1 else Terms(tuple(terms), tuple(signs), tuple(ats), start)

    def product(self) -> Node:
        start = self.next.at
        factors, operators = [self.chain()], []
        while operator := self.found("*", "/"):
            operators.append(operator)
            factors.append(self.chain())
        return _product(factors, operators, start)

    def chain(self) -> Node:
        start = self.next.at
        factors, operators = [self.factor()], []
        while (operator := self.found("@")) or self.begins_an_atom():
            operators.append(operator or Token("sign", "", self.next.at))
            factors.append(self.factor())
        return _product(factors, operators, start)

    def begins_an_atom(self) -> bool:
        token = self.next
        return token.kind in ("number", "name") or (token.kind == "sign" and token.text == "(")

    def factor(self) -> Node:
        start, sign = self.next.at, 1
        while self.found("-"):
            sign = -sign
        node = self.power()
        return node if sign > 0 else Terms((node,), (-1,), (), start)

    def power(self) -> Node:
        node = self.atom()
        while operator := self.found(".", "^", "["):
            at = operator.at
            if operator.text == "[":
                node = Component(node, self.index(), at)
                self.expect("]", " after the index")
            elif self.next.text == "T":
                self.take()
                node = node.of if isinstance(node, Transposed) else Transposed(node, at)
            elif operator.text == ".":
                self.fail("'T' after '.'")
            else:
                node = self.raised(node, at)
        return node

    def raised(self, node: Node, at: int) -> Node:
        if self.found("-"):
            self.whole(1, "-1, T or a whole number after '^'") or self.fail("-1 after '^'")
            return Call("inv", (node,), at)
        exponent = self.whole(MAX_EXPONENT, "-1, T or a whole number after '^'")
        if not exponent:
            raise MalformedClaim("expected an exponent from 1, got 0", at)
        return Power(node, exponent, at)

    def atom(self) -> Node:
        token = self.next
        if token.kind == "number":
            return Number(self.number(), token.at)
        if self.found("("):
            node = self.sum()
            self.expect(")")
            return node
        if token.kind == "name" and token.text != "T":
            return self.named()
        self.fail(_ATOM)

    def named(self) -> Node:
        token = self.take()
        name, at = token.text, token.at
        if name in ONE_ARGUMENT or name in TWO_ARGUMENTS:
            return Call(name, self.arguments(name), at)
        if name == "grad":
            of = self.atom()
            return Call(name, (of,), at)
        if name == "sum":
            return self.over(at)
        if name in METHODS:
            return self.method(name, at)
        if name == "Cost":
            self.at_p()
            return Letter(name, at)
        if name in ("C", "y") and self.next.text == "[":
            self.take()
            pick = self.pick()
            self.expect("]", " after the sample")
            if name == "C":
                self.at_p()
            return OfSample(name, pick, at)
        if name == "F":
            return self.output(at)
        if name in SCALARS:
            return Letter(name, at)
        if name in VECTORS or (len(name) == 1 and name in MATRICES):
            return Letter(name, at)
        raise MalformedClaim(f"expected {_ATOM}, got {short(name)!r}, which names nothing here", at)

    def arguments(self, name: str) -> tuple[Node, ...]:
        self.expect("(", f" after {name}")
        found = [self.sum()]
        if name in TWO_ARGUMENTS:
            self.expect(",", f" and a second argument of {name}")
            found.append(self.sum())
        self.expect(")")
        return tuple(found)

    def over(self, at: int) -> Node:
        self.expect("(", " after sum")
        index = self.index()
        self.expect(",", " after the index")
        self.summing += 1
        if self.summing > MAX_SUMS:
            raise MalformedClaim(f"expected sums at most {MAX_SUMS} deep", at)
        node = self.sum()
        self.summing -= 1
        self.expect(")")
        return Over(index, node, at)

    def pick(self) -> Pick:
        if self.next.text != "k":
            return Pick(self.index(), drawn=False)
        self.take()
        self.expect("[", " after k: k[i] is the i-th sample drawn")
        index = self.index()
        self.expect("]", " after the index")
        return Pick(index, drawn=True)

    def at_p(self) -> None:
        """Read over "(p)": that the costs are taken at p goes without saying."""
        following = [token.text for token in self.tokens[self.place : self.place + 3]]
        if following == ["(", "p", ")"]:
            self.place += 3

    def output(self, at: int) -> Node:
        following = [token.text for token in self.tokens[self.place : self.place + 3]]
        if following != ["(", "x", "["]:
            self.at_p()
            return Letter("F", at)
        self.place += 3
        pick = self.pick()
        self.expect("]", " after the sample")
        self.expect(")")
        return OfSample("F", pick, at)

    def method(self, name: str, at: int) -> Node:
        self.expect(".", f" after {name}")
        if name == "lm" and self.next.text == "step":
            self.take()
            self.expect("(", " and the damping after lm.step")
            damping = self.sum()
            self.expect(")")
            return Method("lm.step", at, of=damping)
        if self.next.text != "next":
            self.fail("next or step after 'lm.'" if name == "lm" else f"next after '{name}.'")
        self.take()
        if name in ("gd", "lm"):
            self.at_p()
            return Method(name, at)
        self.expect("(", f": {name}.next(p, {'i' if name == 'sgd' else 'k'})")
        self.word("p")
        self.expect(",", " after p")
        pick = None
        if name == "sgd":
            pick = self.pick()
        else:
            self.word("k")
        self.expect(")")
        return Method(name, at, pick=pick)

    def word(self, wanted: str) -> None:
        if self.next.text != wanted:
            self.fail(wanted)
        self.take()


def _product(factors: list[Node], operators: list[Token], at: int) -> Node:
    if len(factors) == 1:
        return factors[0]
    texts, ats = tuple(o.text for o in operators), tuple(o.at for o in operators)
    return Factors(tuple(factors), texts, ats, at)


def number(value: Fraction | int) -> Number:
    """Return a number that nobody typed."""
    return Number(Fraction(value), 0)
