"""Products of sums, multiplied out and compared: the distributive law and premises about products.

A term is a coefficient, commuting factors, a word of letters that do not commute, and the indices of its
sums. Bound indices are named in every order that their ranges allow and the least spelling is taken, so that
two terms are alike exactly if they differ in names and order. Slow for many indices, and short.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product
from math import factorial, prod

from sympy import (
    Add,
    Expr,
    Indexed,
    Integer,
    KroneckerDelta,
    Mul,
    Pow,
    Rational,
    Sum,
    Symbol,
    expand,
    fraction,
    srepr,
    together,
)

from derive.evaluation import Definitions
from derive.quantities import Index, Partial, Sigma, SigmaPrime, exchanged, free, indices_in
from derive.remembered import remembered
from derive.replay.names import key

MAX_ORDERS = 5_040
MAX_TERMS = 2_000


@dataclass(frozen=True)
class Term:
    """coefficient * factors * word, summed over every index in ``bound``."""

    coefficient: Rational
    factors: tuple[Expr, ...]
    word: tuple[Expr, ...]
    bound: tuple[Index, ...]

    def times(self, other: Term) -> Term:
        """Multiply; the two may share no bound index."""
        return Term(
            self.coefficient * other.coefficient,
            self.factors + other.factors,
            self.word + other.word,
            self.bound + other.bound,
        )


ONE = Term(Integer(1), (), (), ())
_NO_INDEX = Index("none", Integer(1))  # stands among bound indices for one that an expression does not have


def equal_multiplied_out(left: Expr, right: Expr) -> bool:
    """Say whether two expressions have the same terms; without sums, whether they are equal as fractions."""
    if _plain(left) and _plain(right):
        return bool(expand(fraction(together(left - right))[0]) == 0)
    try:
        return _collected(_terms(left)) == _collected(_terms(right))
    except OverflowError:
        return False


def one_premise(before: Expr, after: Expr, known: Definitions, note: str | None) -> bool:
    """Say whether one use of a premise about a product of letters leads from one side to the other."""
    for left, right, name in getattr(known, "premises", ()):
        if left.is_commutative or note not in (None, name):
            continue
        for start, goal in ((before, after), (after, before)):
            wanted = _collected(_terms(goal))
            if any(_collected(found) == wanted for found in _replaced(start, left, right)):
                return True
    return False


def _plain(expr: Expr) -> bool:
    return not expr.has(Sum) and bool(expr.is_commutative)


def _replaced(start: Expr, left: Expr, right: Expr) -> Iterator[list[Term]]:
    """Replace the word on the left of a premise, at one place of one term, in what is multiplied out."""
    word, pieces = Mul.make_args(left), _terms(right, start)
    terms = _terms(start, left, right)
    for place, term in enumerate(terms):
        others = terms[:place] + terms[place + 1 :]
        for at in range(len(term.word) - len(word) + 1):
            if term.word[at : at + len(word)] == word:
                head = Term(term.coefficient, term.factors, term.word[:at], term.bound)
                tail = Term(Integer(1), (), term.word[at + len(word) :], ())
                yield others + [head.times(piece).times(tail) for piece in pieces]


def _terms(expr: Expr, *others: Expr) -> list[Term]:
    """Multiply out; no index is bound twice, and none that stands in one of the others."""
    return _multiplied_out(expr, set(free(expr)).union(*map(indices_in, others)))


def _multiplied_out(expr: Expr, taken: set[Expr]) -> list[Term]:
    """Multiply out; a bound index that is ``taken`` already is made anew."""
    if isinstance(expr, Rational):
        return [Term(expr, (), (), ())]
    if isinstance(expr, Add):
        return [term for arg in expr.args for term in _multiplied_out(arg, taken)]
    if isinstance(expr, Mul):
        return _multiplied([_multiplied_out(arg, taken) for arg in expr.args])
    if isinstance(expr, Pow) and isinstance(expr.exp, Integer) and expr.exp > 0:
        return _multiplied([_multiplied_out(expr.base, taken) for _ in range(int(expr.exp))])
    if isinstance(expr, Sum):
        own = [index for index, *_ in expr.limits]
        if len(set(own)) < len(own):  # the same index twice: the inner one hides the outer one
            inner, outer = expr.limits[:1], expr.limits[1:]
            return _multiplied_out(Sum(Sum(expr.function, *inner), *outer), taken)
        cut = {index for index, _, upper in expr.limits if getattr(index, "upper", None) != upper}
        again = cut | taken
        fresh = {index: Index(index.name, upper) for index, _, upper in expr.limits if index in again}
        bound = tuple(fresh.get(index, index) for index in own)
        taken.update(bound)
        found = _multiplied_out(exchanged(expr.function, fresh) if fresh else expr.function, taken)
        return [term.times(Term(Integer(1), (), (), bound)) for term in found]
    if not expr.is_commutative:
        return [Term(Integer(1), (), (expr,), ())]
    return [Term(Integer(1), (expr,), (), ())]


def _multiplied(factors: list[list[Term]]) -> list[Term]:
    if prod(map(len, factors)) > MAX_TERMS:
        raise OverflowError("too many terms to multiply out")
    found = []
    for choice in product(*factors):
        term = ONE
        for factor in choice:
            term = term.times(factor)
        found.append(term)
    return found


def _collected(terms: list[Term]) -> dict[str, Rational]:
    """Add up like terms, by their spelling."""
    found: dict[str, Rational] = {}
    for term in terms:
        count, name = _spelled(term)
        found[name] = found.get(name, Integer(0)) + count * term.coefficient
    return {name: coefficient for name, coefficient in found.items() if coefficient != 0}


def _spelled(term: Term) -> tuple[Rational, str]:
    """Return the number that a term's factors hold, and the spelling of the rest."""
    used = frozenset().union(*map(free, (*term.factors, *term.word)))
    idle = [index.upper for index in term.bound if index not in used]  # a sum of equal terms
    ranges: dict[str, list[Index]] = {}
    for index in term.bound:
        if index in used:
            ranges.setdefault(_range(index.upper), []).append(index)
    if prod(factorial(len(alike)) for alike in ranges.values()) > MAX_ORDERS:
        raise OverflowError("too many indices to compare")
    count, parts = _powers((*term.factors, *idle))
    spellings = []
    groups = [permutations(ranges[name]) for name in sorted(ranges)]
    for order in product(*groups):
        bound = tuple(index for group in order for index in group)
        powers: Counter[str] = Counter()  # bases that differ in the names of their own bound indices merge
        for base, power in parts:
            powers[_among(base, bound)] += power
        factors = sorted(f"{base}:{power}" for base, power in powers.items() if power)
        spellings.append(f"{factors}{[_among(letter, bound) for letter in term.word]}")
    return count, f"{[(name, len(ranges[name])) for name in sorted(ranges)]}{min(spellings)}"


@remembered
def _range(upper: Expr) -> str:
    return str(srepr(upper))


def _among(expr: Expr, bound: tuple[Index, ...]) -> str:
    """Spell an expression among bound indices, of which those that it does not have are alike to it."""
    own = free(expr)
    return key(expr, tuple(index if index in own else _NO_INDEX for index in bound))


def _powers(factors: tuple[Expr, ...]) -> tuple[Rational, list[tuple[Expr, int]]]:
    """Return the number in a product, and the bases of the rest with their powers."""
    count, found = Integer(1), []
    merging = [factor for factor in factors if _merges(factor)]
    if len(merging) > 1 or not all(isinstance(factor, KroneckerDelta) for factor in merging):
        count, rest = Mul(*factors).as_coeff_Mul()
        factors = Mul.make_args(rest)
    for factor in factors:
        if isinstance(factor, Rational):
            count *= factor
        elif isinstance(factor, Pow) and isinstance(factor.exp, Integer):
            found.append((factor.base, int(factor.exp)))
        else:
            found.append((factor, 1))
    return count, found


_COUNTED = (Indexed, Symbol, Partial, Sigma, SigmaPrime)  # of which a product only adds up powers


def _merges(factor: Expr) -> bool:
    """Say whether a product may do more with a factor than to add up powers: delta_pq^2 = delta_pq."""
    if isinstance(factor, Pow) and isinstance(factor.exp, Integer):
        return not isinstance(factor.base, (*_COUNTED, Add))
    return not isinstance(factor, (*_COUNTED, Rational))
