"""What a claim about matrices means: two sums of words, sizes inferred, and the inverses that it assumes."""

from __future__ import annotations

from dataclasses import dataclass, field

from sympy import Expr, Rational

from derive.calculus.words import Word
from derive.claims.algebra.grammar import MATRICES
from derive.claims.algebra.syntax import (
    Call,
    Factors,
    Formula,
    Letter,
    Method,
    Node,
    Power,
    Terms,
    Transposed,
)
from derive.claims.matrices.rewriting import (
    FIELD,
    SCALARS,
    Poly,
    Rule,
    constant,
    plus,
    rule_of,
    spelled,
    times,
)
from derive.claims.matrices.sizes import SHAPES, Shape, Sizes
from derive.claims.matrices.step import normal_matrix, residual, right_side, update
from derive.claims.syntax import MalformedClaim, Number
from derive.printers.text import expression_text

FRESH = ("K", "P", "Q", "R", "S", "X", "Y", "Z", "B", "D", "E", "G", "H", "O", "A", "C", "U", "V", "M", "W")
_MIXED = "a number and a matrix; a multiple of the identity is written with I, as in 3 * I"


@dataclass(frozen=True)
class Value:
    """A matrix, or a number where the shape is None."""

    shape: Shape | None
    poly: Poly

    @property
    def fits_all(self) -> bool:
        """True of the number 0, which may stand for a matrix of any size."""
        return self.shape is None and not self.poly


@dataclass(frozen=True)
class Meaning:
    """Both sides, the letters with their shapes, and the inverses with what they are inverses of.

    ``identities`` has the size of the I that stands at a column.
    """

    formula: Formula
    left: Poly
    right: Poly
    letters: dict[str, Shape]
    scalars: tuple[str, ...]
    identities: dict[int, str]
    sizes: Sizes
    inverses: dict[str, Poly]
    divisors: tuple[str, ...]
    opened: bool = field(default=False)

    def rules(self) -> list[Rule]:
        """Return what the inverses are assumed to do, from both sides."""
        found = []
        for name, of in self.inverses.items():
            inverse: Poly = {(name,): FIELD.one}
            for before, behind, said in (
                (of, inverse, f"{bracketed(of)} {name} = I"),
                (inverse, of, f"{name} {bracketed(of)} = I"),
            ):
                found.append(rule_of(plus(times(before, behind), {(): FIELD.one}, -FIELD.one), said))
        return found


def meaning_of(formula: Formula) -> Meaning:
    """Read both sides of a claim.

    Raises:
        MalformedClaim: if a letter means nothing here or sizes do not fit.
        TooLarge: if too much comes out.
    """
    reader = _Reader(formula)
    left, right = reader.read(formula.left), reader.read(formula.right)
    reader.joined(left, right, "the sides of '='", formula.at)
    return Meaning(
        formula,
        left.poly,
        right.poly,
        reader.letters,
        tuple(sorted(reader.scalars)),
        reader.identities,
        reader.sizes,
        reader.inverses,
        tuple(dict.fromkeys(reader.divisors)),
        reader.opened,
    )


class _Reader:
    def __init__(self, formula: Formula) -> None:
        self.sizes = Sizes()
        self.letters: dict[str, Shape] = {}
        self.scalars: set[str] = set()
        self.identities: dict[int, str] = {}
        self.inverses: dict[str, Poly] = {}
        self.divisors: list[str] = []
        typed = formula.letters()
        self.opened = "y" in typed or "F" in typed  # r is y - F then
        self.names = [name for name in FRESH if name not in typed]

    def read(self, node: Node) -> Value:
        if isinstance(node, Number):
            return Value(None, constant(Rational(node.value.numerator, node.value.denominator)))
        if isinstance(node, Letter):
            return self.letter(node)
        if isinstance(node, Terms):
            return self.terms(node)
        if isinstance(node, Factors):
            return self.factors(node)
        if isinstance(node, Transposed):
            inner = self.read(node.of)
            return inner if inner.shape is None else Value(inner.shape[::-1], self.transposed(inner.poly))
        if isinstance(node, Power):
            return self.power(node)
        if isinstance(node, Call) and node.name == "inv":
            return self.inverted(self.read(node.arguments[0]), node.at)
        if isinstance(node, Method):
            return self.method(node)
        raise MalformedClaim("this is no matrix: a claim about matrices has no samples and no grad", node.at)

    # -- letters ---------------------------------------------------------------------------------------

    def letter(self, node: Letter) -> Value:
        if node.name in SCALARS:
            self.scalars.add("eta" if node.name == "t" else node.name)
            return Value(None, constant(SCALARS[node.name]))
        if node.name == "I":
            size = self.identities.setdefault(node.at, self.sizes.fresh())
            return Value((size, size), constant(Rational(1)))
        if node.name == "r" and self.opened:
            return Value(self.known("r"), self.residual())
        if node.name in MATRICES or node.name in SHAPES:
            return Value(self.known(node.name), {(node.name,): FIELD.one})
        raise MalformedClaim(f"{node.name} is no matrix; matrices are capital letters", node.at)

    def known(self, name: str) -> Shape:
        if name == "r" and self.opened:
            self.known("y")
            return self.known("F")
        return self.letters.setdefault(name, self.sizes.shape(name))

    def residual(self) -> Poly:
        return residual() if self.opened else {("r",): FIELD.one}

    def method(self, node: Method) -> Value:
        damping: Expr = SCALARS["mu"]
        if node.of is not None:
            value = self.read(node.of)
            if value.shape is not None:
                raise MalformedClaim("expected a number, the damping of the step", node.of.at)
            damping = value.poly[()].as_expr() if value.poly else Rational(0)
        elif node.name != "lm":
            raise MalformedClaim(f"{node.name}.next is no matter of matrices", node.at)
        else:
            self.scalars.add("mu")
        for name in ("J", "r"):
            self.known(name)
        inverse = self.inverse(normal_matrix(damping))
        right: Poly = {}
        for word, coefficient in right_side().items():
            right = plus(right, times({word[:-1]: coefficient}, self.residual()))
        step = times({(inverse,): FIELD.one}, right)
        if node.name == "lm.step":
            return Value(SHAPES["h"], step)
        return Value(self.known("p"), update({("p",): FIELD.one}, step))

    # -- operations ------------------------------------------------------------------------------------

    def terms(self, node: Terms) -> Value:
        values = [self.read(term) for term in node.terms]
        total = Value(values[0].shape, plus({}, values[0].poly, FIELD.one * node.signs[0]))
        for value, sign, at in zip(values[1:], node.signs[1:], node.ats, strict=True):
            shape = self.joined(total, value, "the terms", at)
            total = Value(shape, plus(total.poly, value.poly, FIELD.one * sign))
        return total

    def joined(self, left: Value, right: Value, what: str, at: int) -> Shape | None:
        if left.fits_all or right.fits_all:
            return left.shape or right.shape
        if left.shape is None or right.shape is None:
            if left.shape == right.shape:
                return None
            raise MalformedClaim(f"{what} are {_MIXED}", at)
        shapes = left.shape, right.shape
        for first, second in zip(*shapes, strict=True):
            self.sizes.join(first, second, f"{what} differ in shape", shapes, at)
        return left.shape

    def factors(self, node: Factors) -> Value:
        total = self.read(node.factors[0])
        for factor, operator, at in zip(node.factors[1:], node.operators, node.ats, strict=True):
            value = self.read(factor)
            if operator == "/":
                if value.shape is not None:
                    raise MalformedClaim(
                        "expected a number below '/'; a matrix is inverted by inv", factor.at
                    )
                value = self.inverted(value, factor.at)
            total = self.product(total, value, operator, at)
        return total

    def product(self, left: Value, right: Value, operator: str, at: int) -> Value:
        if operator == "@" and (left.shape is None or right.shape is None):
            raise MalformedClaim("'@' joins two matrices; a number is multiplied with '*'", at)
        if left.shape is None or right.shape is None:
            return Value(left.shape or right.shape, times(left.poly, right.poly))
        if operator == "*":
            raise MalformedClaim("'*' multiplies by a number; matrices are joined by '@'", at)
        said = "the factors of '@' do not fit" if operator else "the factors do not fit"
        self.sizes.join(left.shape[1], right.shape[0], said, (left.shape, right.shape), at)
        return Value((left.shape[0], right.shape[1]), times(left.poly, right.poly))

    def power(self, node: Power) -> Value:
        inner = self.read(node.of)
        self.square(inner, node.at)
        total = inner
        for _ in range(node.exponent - 1):
            total = Value(inner.shape, times(total.poly, inner.poly))
        return total

    def square(self, value: Value, at: int) -> None:
        if value.shape is not None:
            said = "expected as many rows as columns"
            self.sizes.join(*value.shape, said, (value.shape, value.shape[::-1]), at)

    def inverted(self, value: Value, at: int) -> Value:
        self.square(value, at)
        if not value.poly:
            raise MalformedClaim("division by zero" if value.shape is None else "0 has no inverse", at)
        if value.shape is None:
            divisor = value.poly[()].as_expr()
            if divisor.free_symbols:
                self.divisors.append(expression_text(divisor))
        if set(value.poly) == {()}:
            return Value(value.shape, {(): 1 / value.poly[()]})
        (word, coefficient), *others = value.poly.items()
        if not others and len(word) == 1 and word[0] in self.inverses:
            return Value(value.shape, times(self.inverses[word[0]], {(): 1 / coefficient}))
        return Value(value.shape, {(self.inverse(value.poly),): FIELD.one})

    def inverse(self, of: Poly) -> str:
        """Return the letter for an inverse, the same for the same sum."""
        for name, known in self.inverses.items():
            if known == of:
                return name
        words = list(of.items())
        if len(words) == 1 and len(words[0][0]) == 1 and words[0][1] == 1:
            name = f"({words[0][0][0]})^-1" if "^" in words[0][0][0] else f"{words[0][0][0]}^-1"
        else:
            name = self.names.pop(0) if self.names else f"K{len(self.inverses)}"
        self.inverses[name] = of
        return name

    def transposed(self, poly: Poly) -> Poly:
        return {tuple(map(self.turned, reversed(word))): value for word, value in poly.items()}

    def turned(self, letter: str) -> str:
        if letter in self.inverses:
            return self.inverse(self.transposed(self.inverses[letter]))
        return letter.removesuffix("^T") if letter.endswith("^T") else f"{letter}^T"


def poly_text(poly: Poly) -> str:
    """Spell a sum of words on one line; the identity is I where there is more than it."""
    expr = spelled({word or ("I",): value for word, value in poly.items()})
    try:
        return expression_text(expr)
    except TypeError:  # a coefficient such as 1/(lam - 1), which the theory's printer does not know
        return str(expr)


def bracketed(poly: Poly) -> str:
    """Spell a sum of words, in brackets if it has more than one letter."""
    lone: Word = next(iter(poly))
    return lone[0] if len(poly) == 1 and len(lone) == 1 and poly[lone] == 1 else f"({poly_text(poly)})"
