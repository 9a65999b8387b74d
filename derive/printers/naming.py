"""Letters for indices: two indices of one expression never share a letter, whatever their names.

An ``Index`` is told apart by identity, so two of them may both be called ``k``; on paper they may not. The
order in which letters are given follows the structure and the names of the expression, and among indices
that these cannot tell apart the order in which they were made: it is the same in every process.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from sympy import Add, Expr, Indexed, IndexedBase, Integer, KroneckerDelta, Mul, Sum, Symbol

from derive.quantities import Index, N, free
from derive.remembered import remembered

NEURON_LETTERS = "jkmqpuvcdefghrt"
SAMPLE_LETTERS = "itu"


def is_sample(index: Expr) -> bool:
    """Say whether an index runs over the samples."""
    return isinstance(index, Index) and bool(index.upper == N)


def sums_over_samples(*expressions: Expr) -> bool:
    """Say whether a sum over the samples occurs."""
    sums = (node for expr in expressions for node in expr.atoms(Sum))
    return any(is_sample(limit[0]) for node in sums for limit in node.limits)


def index_names(*expressions: Expr) -> dict[Index, str]:
    """Return a letter for every index of the expressions, which are to be read together.

    Free indices come first, in the order in which they are first met, and keep their names; a bound index
    keeps its name while it is unused, else it takes the next unused letter. A letter that also names a
    quantity of the same expressions is no letter for an index: not ``p_p``.
    """
    met: dict[Index, None] = {}
    for expr in expressions:
        met.update(dict.fromkeys(_indices(expr)))
    bare = {symbol for expr in expressions for symbol in free(expr)}
    taken = {name for expr in expressions for name in _quantities(expr)}
    names: dict[Index, str] = {}
    for index in [*(m for m in met if m in bare), *(m for m in met if m not in bare)]:
        names[index] = next(letter for letter in _candidates(index) if letter not in taken)
        taken.add(names[index])
    return names


def _candidates(index: Index) -> Iterator[str]:
    yield index.name
    yield from SAMPLE_LETTERS if is_sample(index) else NEURON_LETTERS
    for number in count(1):
        yield f"{index.name}{number}"


def _indices(expr: Expr) -> Iterator[Index]:
    """Yield every index in reading order, commutative operands ordered by their looks."""
    if isinstance(expr, Index):
        yield expr
    elif isinstance(expr, Sum):
        for limit in reversed(expr.limits):
            yield limit[0]
        yield from _indices(expr.function)
    elif isinstance(expr, Indexed):
        for place in expr.indices:
            yield from _indices(place)
    else:
        for operand in _operands(expr):
            yield from _indices(operand)


def _operands(expr: Expr) -> list[Expr]:
    if isinstance(expr, (Add, Mul, KroneckerDelta)):
        return sorted(expr.args, key=lambda operand: (_looks(operand), _made(operand)))
    return list(expr.args)


@remembered
def _looks(expr: Expr) -> str:
    """Spell an expression with its indices' own names."""
    if isinstance(expr, Index):
        return str(expr.name)
    if not expr.args:
        return _leaf(expr)
    parts = [_looks(arg) for arg in expr.args]
    if isinstance(expr, (Add, Mul, KroneckerDelta)):
        parts.sort()
    return f"{type(expr).__name__}({','.join(parts)})"


def _leaf(expr: Expr) -> str:
    """Return ``str(expr)``, without a printer for letters and whole numbers."""
    if isinstance(expr, Symbol):
        return str(expr.name)
    return str(expr.p if isinstance(expr, Integer) else expr)


@remembered
def _made(expr: Expr) -> tuple[int, ...]:
    """Return the serial numbers of the indices, for those that look the same."""
    if isinstance(expr, Index):
        return (int(expr.dummy_index),)
    numbers = [_made(arg) for arg in expr.args]
    if isinstance(expr, (Add, Mul, KroneckerDelta)):
        numbers.sort()
    return tuple(number for part in numbers for number in part)


@remembered
def _quantities(expr: Expr) -> frozenset[str]:
    if isinstance(expr, (Symbol, IndexedBase)):
        return frozenset(() if isinstance(expr, Index) else (expr.name,))
    return frozenset().union(*map(_quantities, expr.args))
