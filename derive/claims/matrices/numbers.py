"""The second check of a claim about matrices, and the search for what refutes it, at given sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from random import Random

from derive.claims.matrices.meaning import Meaning
from derive.claims.matrices.sizes import ONE, PARAMETERS
from derive.claims.matrices.worth import Instance, Matrix, Singular, Value, Worth

MOST_ENTRIES = 9
MAX_TRIES = 1500
CHECKS = 8
_FEW = (1, 2, 3)


@dataclass(frozen=True)
class Counterexample:
    """Matrices for which the two sides differ, at the entry ``where`` (empty for a number)."""

    instance: Instance
    where: str
    left: Fraction
    right: Fraction

    def lines(self) -> list[str]:
        """Say it in full, so that it can be followed by hand."""
        said = [f"{name} = {_spelled(matrix)}" for name, matrix in self.instance.matrices.items()]
        said += [f"{name} = {value}" for name, value in self.instance.scalars.items()]
        place = f" at {self.where}" if self.where else ""
        return [*said, f"left side{place}: {self.left}", f"right side{place}: {self.right}"]


def _spelled(matrix: Matrix) -> str:
    if len(matrix) == len(matrix[0]) == 1:
        return str(matrix[0][0])
    return f"[{', '.join('[' + ', '.join(map(str, row)) + ']' for row in matrix)}]"


def find_counterexample(meaning: Meaning) -> Counterexample | None:
    """Try small matrices of small whole numbers, the smallest sizes first, then the smallest sum."""
    for instance in islice(_small(meaning), MAX_TRIES):
        found = difference(meaning, instance)
        if isinstance(found, Counterexample):
            return found
    return None


def check_by_numbers(meaning: Meaning) -> tuple[Counterexample | None, int]:
    """Try some random matrices of unequal sizes; return what differs and how many could be tried."""
    random, tried = Random(0), 0
    free = _free(meaning)
    for turn in range(3 * CHECKS):
        sizes = [_FEW[(turn * (place + 1) + place * place) % 3] for place in range(len(free))]
        instance = _drawn(meaning, dict(zip(free, sizes, strict=True)), random)
        found = difference(meaning, instance)
        if isinstance(found, Counterexample):
            return found, tried + 1
        tried += found
        if tried == CHECKS:
            break
    return None, tried


def _free(meaning: Meaning) -> list[str]:
    shapes = [*meaning.letters.values(), *((size, size) for size in meaning.identities.values())]
    return [size for size in meaning.sizes.names(shapes) if size != ONE]


def _drawn(meaning: Meaning, dims: dict[str, int], random: Random) -> Instance:
    def fraction() -> Fraction:
        return Fraction(random.choice((-3, -2, -1, 1, 2, 3)), random.choice((1, 2)))

    return _instance(meaning, dims, iter(fraction, None), [Fraction(p, 2) for p in (3, 5, 7, 9, 11)])


def _instance(
    meaning: Meaning, dims: dict[str, int], entries: Iterator[Fraction], scalars: list[Fraction]
) -> Instance:
    def size(name: str) -> int:
        root = meaning.sizes.root(name)
        return 1 if root == ONE else dims[root]

    matrices = {
        letter: [[next(entries) for _ in range(size(columns))] for _ in range(size(rows))]
        for letter, (rows, columns) in meaning.letters.items()
    }
    return Instance(dims, matrices, dict(zip(meaning.scalars, scalars, strict=False)))


def _small(meaning: Meaning) -> Iterator[Instance]:
    free = _free(meaning)
    everything = product(_FEW, repeat=len(free)) if len(free) <= 5 else [(1,) * len(free), (2,) * len(free)]
    for sizes in sorted(everything, key=lambda sizes: (sum(sizes), sizes)):
        dims = dict(zip(free, sizes, strict=True))
        ranges = _entry_ranges(meaning, dims)
        count = len(ranges)
        if count <= MOST_ENTRIES:
            for choice in islice(_by_sum(ranges), 400):
                numbers = [Fraction(value) for value in choice]
                cut = count - len(meaning.scalars)
                yield _instance(meaning, dims, iter(numbers[:cut]), numbers[cut:])
        random = Random(count)
        for _ in range(6):
            whole = iter(lambda random=random: Fraction(random.randint(-1, 2)), None)  # type: ignore[misc]
            yield _instance(meaning, dims, whole, [Fraction(k) for k in (2, 3, 5, 7, 11)])


def _entry_ranges(meaning: Meaning, dims: dict[str, int]) -> list[range]:
    """Return what is tried for each entry: whole numbers from 1, in larger matrices and in p from 0."""
    single = all(size == 1 for size in dims.values())
    found = []
    for shape in meaning.letters.values():
        rows, columns = (dims.get(meaning.sizes.root(size), 1) for size in shape)
        found += [range(0 if not single or meaning.sizes.root(shape[0]) == PARAMETERS else 1, 3)] * (
            rows * columns
        )
    return found + [range(1, 4)] * len(meaning.scalars)


def _by_sum(ranges: list[range]) -> Iterator[tuple[int, ...]]:
    """Yield choices by their sum, without making them all."""

    def choices(left: list[range], total: int) -> Iterator[tuple[int, ...]]:
        if not left:
            if not total:
                yield ()
            return
        head, *rest = left
        for value in head:
            if value <= total - sum(r.start for r in rest):
                yield from ((value, *others) for others in choices(rest, total - value))

    for total in range(sum(r.start for r in ranges), sum(r.stop - 1 for r in ranges) + 1):
        yield from choices(ranges, total)


def difference(meaning: Meaning, instance: Instance) -> Counterexample | bool:
    """Compare both sides; say whether they can be worked out where they do not differ."""
    worth = Worth(meaning, instance)
    try:
        left, right = worth.of(meaning.formula.left), worth.of(meaning.formula.right)
    except Singular:
        return False
    if not isinstance(left, list) and not isinstance(right, list):
        return Counterexample(instance, "", left, right) if left != right else True
    rows, columns = _size(left if isinstance(left, list) else right)
    for r, c in product(range(rows), range(columns)):
        one, two = (side[r][c] if isinstance(side, list) else side for side in (left, right))
        if one != two:
            where = [f"row {r + 1}"] if rows > 1 else []
            where += [f"column {c + 1}"] if columns > 1 else []
            return Counterexample(instance, ", ".join(where), one, two)
    return True


def _size(value: Value) -> tuple[int, int]:
    return (len(value), len(value[0])) if isinstance(value, list) else (1, 1)
