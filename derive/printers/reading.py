"""What every printer of equations shares: the order in which factors and terms are read, and the brackets.

A ``Reading`` walks an expression and leaves the spelling of each thing to the target. It rewrites nothing:
what it prints is the expression that it was given, operands put in an order that reads well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from sympy import (
    Abs,
    Add,
    Expr,
    Float,
    Function,
    Indexed,
    Integer,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    NumberSymbol,
    Piecewise,
    Pow,
    Rational,
    Sum,
    Symbol,
    atan,
    cos,
    cosh,
    erf,
    exp,
    log,
    sin,
    sinh,
    tanh,
    true,
)
from sympy.codegen.cfunctions import expm1, hypot, log1p
from sympy.core.relational import GreaterThan, LessThan, StrictGreaterThan, StrictLessThan

from derive.activations.functions import Above, NormalCdf
from derive.printers.naming import index_names, is_sample, sums_over_samples
from derive.quantities import (
    Direct,
    Greatest,
    Index,
    Loss,
    LossPrime,
    LossSecond,
    Partial,
    Rho,
    RhoPrime,
    Sigma,
    SigmaPrime,
    SigmaSecond,
    free,
    mu,
)
from derive.remembered import remembered

_OF_A_LAYER = ("w", "b", "z", "a", "m", "e", "q", "delta", "Delta", "Gamma", "psi", "epsilon", "Q")
_ALONG = ("Rw", "Rb", "Rz", "Ra", "Rdelta", "R2z", "R2a")
_OVER_P = tuple(f"{array}{letter}" for array in "KCPh" for letter in "wb")  # see theorems.layer_scaling
LAYERED = dict.fromkeys((*_OF_A_LAYER, *_ALONG, *_OVER_P), 1) | dict.fromkeys(
    ("u", "Ru", "Ku", "Cu", "Pu", "hu"), 2
)
_ORDER = (
    *("Cost", "phi", "C", "F", "J", "G", "A", "omega", "w", "Rw", "u", "Ru"),
    *("delta", "Delta", "psi", "Rdelta", "p", "U", "a", "Ra", "R2a", "x", "y", "r", "z", "Rz", "R2z"),
    *("b", "Rb"),
)

NAMED = {
    exp: "exp",
    log: "log",
    sin: "sin",
    cos: "cos",
    sinh: "sinh",
    cosh: "cosh",
    tanh: "tanh",
    atan: "atan",
    erf: "erf",
    Abs: "abs",
    Max: "max",
    Min: "min",
    Above: "step",
    NormalCdf: "Phi",
    expm1: "expm1",
    log1p: "log1p",
    hypot: "hypot",
    Loss: "loss",
    LossPrime: "loss'",
    LossSecond: "loss''",
    Rho: "rho",
    RhoPrime: "rho'",
}
LONGEST = 10**6  # denominators above are printed as decimals
RELATIONS = {StrictGreaterThan: ">", StrictLessThan: "<", GreaterThan: ">=", LessThan: "<="}

# The places of a product, read from left to right.
_SCALAR, _KRONECKER, _SIGMA, _DIFFERENCE, _INDEXED, _PARTIAL, _BRACKET, _POWER, _OPEN = range(9)


class Reading(ABC):
    """The traversal; a target spells the leaves.

    ``together`` are the expressions that are read as one, so that an index has the same letter in all of
    them. ``samples`` says whether the sample index is written; it always is where a sum runs over it.
    """

    def __init__(self, together: Sequence[Expr], samples: bool) -> None:
        self.names: Mapping[Index, str] = index_names(*together)
        self.samples = samples or sums_over_samples(*together)
        self._position = {index: place for place, index in enumerate(self.names)}
        self._spelled: dict[Expr, str] = {}

    # -- what a target spells ------------------------------------------------------------------------------

    @abstractmethod
    def symbol(self, name: str) -> str:
        """Spell a symbol or the letter of an indexed quantity."""

    @abstractmethod
    def entry(self, letter: str, layer: str | None, places: Sequence[str]) -> str:
        """Spell an entry of an indexed quantity; ``places`` may be empty."""

    @abstractmethod
    def fraction(self, above: str, below: str, *, compound: bool) -> str:
        """Spell a quotient; ``compound`` says that the denominator is more than one thing."""

    @abstractmethod
    def function(self, name: str, argument: str) -> str:
        """Spell the application of sigma, sigma' or exp."""

    @abstractmethod
    def cases(self, rows: Sequence[tuple[str, str]]) -> str:
        """Spell a value by cases, each with its condition; the last has none."""

    @abstractmethod
    def relation(self, sign: str) -> str:
        """Spell one of < > <= >=."""

    @abstractmethod
    def derivative(self, f: Expr, v: Expr, *, direct: bool) -> str:
        """Spell a derivative that is not evaluated, with a + where other weighted inputs are held."""

    @abstractmethod
    def sum_sign(self, index: Index) -> str:
        """Spell a sum over an index."""

    @abstractmethod
    def greatest_sign(self, index: Index) -> str:
        """Spell the greatest value over an index."""

    @abstractmethod
    def power(self, base: str, exponent: str) -> str:
        """Spell a power; the base stands in brackets already where it must."""

    @abstractmethod
    def bracket(self, inside: str) -> str:
        """Put something in brackets."""

    def is_open(self, factor: Expr) -> bool:
        """Say whether a factor would swallow what is written after it."""
        return isinstance(factor, Sum)

    # -- the walk ------------------------------------------------------------------------------------------

    def read(self, expr: Expr) -> str:
        """Spell an expression."""
        if expr not in self._spelled:
            self._spelled[expr] = self._read(expr)
        return self._spelled[expr]

    def _read(self, expr: Expr) -> str:
        if isinstance(expr, Index):
            return self.names[expr]
        if isinstance(expr, Rational):
            return f"-{self._coefficient(-expr)}" if expr < 0 else self._coefficient(expr)
        if isinstance(expr, Symbol):
            return self.symbol(expr.name)
        if isinstance(expr, Indexed):
            return self._indexed(expr)
        if isinstance(expr, Add):
            return self._sum_of_terms(expr)
        if isinstance(expr, Mul):
            coefficient, _ = expr.as_coeff_mul()
            return f"-{self._product(expr)}" if coefficient < 0 else self._product(expr)
        if isinstance(expr, Greatest):
            return f"{self.greatest_sign(expr.limits[0][0])} {self.operand(expr.function)}"
        if isinstance(expr, Sum):
            signs = [self.sum_sign(limit[0]) for limit in reversed(expr.limits)]
            return " ".join([*signs, self.operand(expr.function)])
        if isinstance(expr, Pow):
            return self._power(expr)
        if isinstance(expr, KroneckerDelta):
            pair = sorted(expr.args[:2], key=lambda p: (self._position.get(p, -1), str(p)))
            return self.entry(self.symbol("delta"), None, [self.read(p) for p in pair])
        if isinstance(expr, (Sigma, SigmaPrime, SigmaSecond)):
            primes = {Sigma: "", SigmaPrime: "'", SigmaSecond: "''"}[type(expr)]
            return self.function(f"sigma{primes}", self.read(expr.args[1]))
        if isinstance(expr, Piecewise):
            return self.cases([(self.read(value), self._condition(when)) for value, when in expr.args])
        if type(expr) in NAMED:
            return self.function(NAMED[type(expr)], self.listed([self.read(arg) for arg in expr.args]))
        if isinstance(expr, NumberSymbol):
            return self.symbol(str(expr))
        if isinstance(expr, Float):
            return repr(float(expr))
        if isinstance(expr, Partial):
            return self.derivative(expr.f, expr.v, direct=isinstance(expr, Direct))
        raise TypeError(f"expected an expression of the theory, got {type(expr).__name__}: {expr}")

    def listed(self, parts: Sequence[str]) -> str:
        """Spell the arguments of a function."""
        return ", ".join(parts)

    def _condition(self, when: Expr) -> str:
        """Spell when a case applies; nothing for the last, which is the rest."""
        if when == true:
            return ""
        if type(when) not in RELATIONS:
            raise TypeError(f"expected a comparison, got {when}")
        return f"{self.read(when.lhs)} {self.relation(RELATIONS[type(when)])} {self.read(when.rhs)}"

    def operand(self, expr: Expr) -> str:
        """Spell what an operator acts on: sums of terms and what begins with a minus in brackets."""
        text = self.read(expr)
        return self.bracket(text) if isinstance(expr, Add) or text.startswith("-") else text

    def _indexed(self, expr: Indexed) -> str:
        name, places = expr.base.name, list(expr.indices)
        leading = LAYERED.get(name, 0)
        layer = ",".join(self.layer(place) for place in places[:leading]) if leading else None
        places = places[leading:]
        if not self.samples:
            places = [place for place in places if not is_sample(place)]
        return self.entry(self.symbol(name), layer, [self.layer(place) for place in places])

    def layer(self, expr: Expr) -> str:
        """Spell a layer or another place: l+1, without spaces."""
        return self.read(expr).replace(" ", "")

    def _sum_of_terms(self, expr: Add) -> str:
        text = ""
        for term in sorted(expr.args, key=self._term_key):
            spelled = self.read(term)
            if not text:
                text = spelled
            elif spelled.startswith("-"):
                text += f" - {spelled[1:]}"
            else:
                text += f" + {spelled}"
        return text

    def _product(self, expr: Mul) -> str:
        """Spell a product without its sign."""
        if not expr.is_commutative:
            return self._ordered_product(expr)
        coefficient, factors = expr.as_coeff_mul()
        below = [f for f in factors if isinstance(f, Pow) and f.exp.is_negative]
        scalars = sorted((f for f in factors if _is_scalar(f)), key=self._factor_key)
        rest = sorted((f for f in factors if f not in below and f not in scalars), key=self._factor_key)
        parts = self._front(abs(coefficient), scalars, [1 / f for f in below])
        for factor in rest:
            swallows = self.is_open(factor) and factor is not rest[-1]
            parts.append(self.bracket(self.read(factor)) if swallows else self.operand(factor))
        return " ".join(parts)

    def _ordered_product(self, expr: Mul) -> str:
        """Spell a product of matrices in the order in which they stand."""
        scalars, matrices = expr.args_cnc()
        number = abs(Mul(*scalars))
        front = [] if number == 1 else [self.operand(number)]
        return " ".join([*front, *(self.operand(matrix) for matrix in matrices)])

    def _front(self, coefficient: Rational, scalars: list[Expr], below: list[Expr]) -> list[str]:
        """Spell number, scalars and denominator, as one fraction if there is a denominator."""
        above = [self.read(scalar) for scalar in scalars]
        if coefficient.q > LONGEST:  # a decimal fraction of many digits
            number, coefficient = repr(float(coefficient)), Rational(1)
            above.insert(0, number)
            if not below:
                return above
        if coefficient.p != 1 or (not above and (below or coefficient.q != 1)):
            above.insert(0, str(coefficient.p))
        if coefficient.q == 1 and not below:
            return above
        parts = [] if coefficient.q == 1 else [str(coefficient.q)]
        if parts or len(below) > 1:
            parts += [self.operand(factor) for factor in below]
        else:
            parts = [self.read(below[0])]
        compound = len(parts) > 1 or isinstance(below[0] if below else None, Add)
        return [self.fraction(" ".join(above), " ".join(parts), compound=compound)]

    def _coefficient(self, number: Rational) -> str:
        return self._front(number, [], [])[0] if number.q != 1 else str(number.p)

    def _power(self, expr: Pow) -> str:
        if expr.exp.is_negative:
            return self._front(Rational(1), [], [1 / expr])[0]
        if expr.exp == Rational(1, 2):
            return self.function("sqrt", self.read(expr.base))
        if not isinstance(expr.exp, Integer):
            raise TypeError(f"expected a whole power, got {expr}")
        base = self.operand(expr.base)
        raised = isinstance(expr.base, Indexed) and expr.base.base.name in LAYERED
        raised = raised or isinstance(expr.base, (Sum, Mul))
        return self.power(self.bracket(base) if raised else base, str(expr.exp))

    # -- order ---------------------------------------------------------------------------------------------

    def _factor_key(self, factor: Expr) -> tuple[int, int, tuple[int, ...], str]:
        return (*self._place(factor), self.read(factor))

    def _place(self, factor: Expr) -> tuple[int, int, tuple[int, ...]]:
        if isinstance(factor, Indexed):
            places = tuple(self._position.get(index, -1) for index in factor.indices)
            return _INDEXED, _rank(factor), places
        if isinstance(factor, Partial):
            return _OPEN if self.is_open(factor) else _PARTIAL, _rank(factor.f), ()
        if isinstance(factor, Add):
            return _DIFFERENCE if _is_difference(factor) else _BRACKET, 0, ()
        functions = (Sigma, SigmaPrime, SigmaSecond, Loss, LossPrime, LossSecond)
        place = {KroneckerDelta: _KRONECKER, Sum: _OPEN, Pow: _POWER} | dict.fromkeys(functions, _SIGMA)
        return place.get(type(factor), _SCALAR), 0, ()

    def _term_key(self, term: Expr) -> tuple[bool, bool, bool, int, str]:
        _, factors = term.as_coeff_mul()
        leading = min((_rank(factor) for factor in factors), default=-1)
        text = self.read(term)
        return text.startswith("-"), mu in free(term), not _has_sum(term), leading, text


def _is_scalar(factor: Expr) -> bool:
    return isinstance(factor, exp) or (isinstance(factor, Symbol) and not isinstance(factor, Index))


@remembered
def _has_sum(expr: Expr) -> bool:
    return isinstance(expr, Sum) or any(map(_has_sum, expr.args))


def _is_difference(expr: Add) -> bool:
    """Say whether the terms are single entries, as in a - y."""
    terms = (term.as_coeff_mul()[1] for term in expr.args)
    return all(len(factors) == 1 and isinstance(factors[0], Indexed) for factors in terms)


def _rank(expr: Expr) -> int:
    if _is_scalar(expr) and not isinstance(expr, exp) and expr.name not in _ORDER:
        return -2  # l + 1, but 1 + exp(-z)
    if isinstance(expr, (Add, Mul, Pow, Sum, Function)):  # none of which is a name
        return len(_ORDER)
    name = expr.base.name if isinstance(expr, Indexed) else str(expr)
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)
