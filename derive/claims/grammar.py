"""The grammar of claims: text in, tree out, by recursive descent.

claim    = sum "=" sum
sum      = product { ("+" | "-") product }
product  = chain { "*" chain | "/" number }
chain    = factor { "@" factor }
factor   = { "-" } atom { ".T" | "[" index [ "," index ] "]" }
atom     = number | scalar | "x" | "y" | "C" | letter "[" layer "]" | "dC" "/" "d" letter "[" layer "]"
         | "(" sum ")" | ( "sigma" | "dsigma" ) "(" sum ")" | "sum" "(" index "," sum ")"
layer    = ( "l" | "L" ) [ ( "+" | "-" ) number ] | number
"""

from __future__ import annotations

from fractions import Fraction

from derive.claims.syntax import (
    Added,
    Apply,
    Claim,
    Entry,
    Layer,
    MalformedClaim,
    Node,
    Number,
    Quantity,
    Scalar,
    Times,
    Total,
    Transpose,
)
from derive.claims.tokens import MAX_LENGTH, MAX_SUMS, Cursor, Token, short, tokens

__all__ = ["MAX_LAYER", "MAX_LENGTH", "parse"]

MAX_LAYER = 6
MAX_OFFSET = 2

LETTERS = ("W", "w", "b", "z", "a", "delta")
VARIABLES = {"dW": "dw", "dw": "dw", "db": "db", "dz": "dz", "da": "da"}
FUNCTIONS = ("sigma", "dsigma")
SCALARS = ("eta", "lam", "mu")

_ATOM = "a quantity, a number or '('"


def parse(text: str) -> Claim:
    """Return the tree of a claim.

    Raises:
        MalformedClaim: with the column of the first character that does not fit.
    """
    return parse_tokens(tokens(text))


def parse_tokens(found: list[Token]) -> Claim:
    """Return the tree of a claim whose words have been told apart."""
    return _Parser(found).claim()


class _Parser(Cursor):
    """One method for each line of the grammar."""

    INDICES = "cdefghijkmnopqrstuv"  # the letters that name nothing else

    def claim(self) -> Claim:
        left = self.sum()
        at = self.equals()
        right = self.sum()
        self.finish()
        return Claim(left, right, at)

    def sum(self) -> Node:
        self.deeper()
        start = self.next.at
        terms, signs, ats = [self.product()], [1], []
        while operator := self.found("+", "-"):
            terms.append(self.product())
            signs.append(1 if operator.text == "+" else -1)
            ats.append(operator.at)
        self.nesting -= 1
        return terms[0] if len(terms) == 1 else Added(tuple(terms), tuple(signs), tuple(ats), start)

    def product(self) -> Node:
        start = self.next.at
        factors, ats = [self.chain()], []
        while operator := self.found("*", "/"):
            ats.append(operator.at)
            factors.append(self.chain() if operator.text == "*" else self.divisor())
        return factors[0] if len(factors) == 1 else Times(tuple(factors), tuple(ats), False, start)

    def divisor(self) -> Node:
        if self.next.kind != "number":
            self.fail("a number to divide by")
        at = self.next.at
        value = self.number()
        if not value:
            raise MalformedClaim("division by zero", at)
        return Number(1 / value, at)

    def chain(self) -> Node:
        start = self.next.at
        factors, ats = [self.factor()], []
        while operator := self.found("@"):
            ats.append(operator.at)
            factors.append(self.factor())
        return factors[0] if len(factors) == 1 else Times(tuple(factors), tuple(ats), True, start)

    def factor(self) -> Node:
        start, sign = self.next.at, 1
        while self.found("-"):
            sign = -sign
        node = self.atom()
        while operator := self.found(".", "["):
            if operator.text == ".":
                if self.next.text != "T":
                    self.fail("'T' after '.'")
                self.take()
                node = node.of if isinstance(node, Transpose) else Transpose(node, operator.at)
                continue
            if isinstance(node, Entry):
                raise MalformedClaim("an entry has no subscripts of its own", operator.at)
            places = [self.index()]
            while self.found(","):
                places.append(self.index())
            self.expect("]", " after the subscripts")
            node = Entry(node, tuple(places), operator.at)
        if sign > 0:
            return node
        return Times((Number(Fraction(-1), start), node), (start,), False, start)

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
        if name in FUNCTIONS:
            return Apply(name, self.bracketed(name), at)
        if name == "sum":
            self.expect("(", " after sum")
            index = self.index()
            self.expect(",", " after the index")
            self.summing += 1
            if self.summing > MAX_SUMS:
                raise MalformedClaim(f"expected sums at most {MAX_SUMS} deep", at)
            node = self.sum()
            self.summing -= 1
            self.expect(")")
            return Total(index, node, at)
        if name in LETTERS:
            return Quantity(name.lower(), self.layer(name), at)
        if name == "dC":
            self.expect("/", " after dC")
            variable = self.next.text
            if variable not in VARIABLES:
                self.fail("dW, db, dz or da after dC/")
            self.take()
            return Quantity(VARIABLES[variable], self.layer(f"dC/{variable}"), at)
        if name in ("x", "y", "C"):
            return Quantity(name, Layer("", 1) if name == "x" else Layer("L", 0), at)
        if name in SCALARS:
            return Scalar(name, at)
        raise MalformedClaim(f"expected {_ATOM}, got {short(name)!r}, which names none", at)

    def bracketed(self, name: str) -> Node:
        self.expect("(", f" after {name}")
        node = self.sum()
        self.expect(")")
        return node

    # -- leaves ----------------------------------------------------------------------------------------

    def layer(self, name: str) -> Layer:
        self.expect("[", f" and a layer after {name}")
        if self.next.text in ("l", "L"):
            layer = Layer(self.take().text, self.offset())
        else:
            layer = Layer("", self.whole(MAX_LAYER, "a layer: l, l+1, l-1, L, L-1 or a number"))
        self.expect("]", " after the layer")
        return layer

    def offset(self) -> int:
        sign = self.found("+", "-")
        if sign is None:
            return 0
        size = self.whole(MAX_OFFSET, "a number")
        return size if sign.text == "+" else -size
