"""The search for the smallest network in which a claim fails, and the second check of one that holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from random import Random

from derive.claims.activations import ACTIVATIONS, StandIn
from derive.claims.bounds import MAX_VISITS, visits
from derive.claims.exact import Difference, Instance, Matrix, first_difference
from derive.claims.layers import least_depth, places
from derive.claims.meaning import Meaning
from derive.claims.syntax import ONE, Claim, Scalar

WIDTHS = (1, 2, 3)
DEEP = 4  # networks deeper than that are given one or two neurons a layer
MAX_NETWORKS = 120
SMALL = tuple(map(Fraction, (-1, 1, 2)))
INTEGERS = tuple(map(Fraction, (-2, -1, 1, 2, 3)))
FRACTIONS = tuple(Fraction(p, q) for p in (-5, -3, -1, 1, 3, 5) for q in (1, 2, 4))


@dataclass(frozen=True)
class Counterexample:
    """A network in which the two sides differ."""

    instance: Instance
    difference: Difference

    @property
    def left(self) -> Fraction:
        """The left side, at the entry that differs."""
        return self.difference.left

    @property
    def right(self) -> Fraction:
        """The right side there."""
        return self.difference.right

    def lines(self) -> list[str]:
        """Say it in full, so that it can be followed by hand."""
        instance = self.instance
        network = f"network {'-'.join(map(str, instance.sizes))}"
        where = f", l = {instance.chosen}" if instance.chosen is not None else ""
        said = [f"{network}{where}, sigma(z) = {instance.stand_in.name}"]
        for (letter, layer), matrix in instance.entries.items():
            name = (
                letter if letter in ("x", "y") else f"{letter.upper() if letter == 'w' else letter}[{layer}]"
            )
            said.append(f"{name} = {_spelled(matrix)}")
        said += [f"{name} = {value}" for name, value in instance.scalars.items()]
        place = f" at {self.difference.where}" if self.difference.where else ""
        return [*said, f"left side{place}: {self.left}", f"right side{place}: {self.right}"]


def _spelled(matrix: Matrix) -> str:
    rows = [f"[{', '.join(map(str, row))}]" for row in matrix]
    if len(matrix[0]) == 1:  # a column
        return f"[{', '.join(str(row[0]) for row in matrix)}]"
    return f"[{', '.join(rows)}]"


def find_counterexample(meaning: Meaning) -> tuple[Counterexample | None, int]:
    """Try small networks, the smallest first; return what failed, if any, and how many were tried."""
    tried = effort = 0
    stand_ins = ACTIVATIONS[meaning.claim.activation].stand_ins
    cost = visits(meaning.claim, len(meaning.free))
    for sizes, chosen in islice(_small_networks(meaning.claim), MAX_NETWORKS):
        effort += 3 * cost(max(sizes))
        if effort > MAX_VISITS:
            break
        others = stand_ins if len(sizes) <= DEEP else stand_ins[:1]
        for numbers, stand_in in ((SMALL, stand_ins[0]), *((INTEGERS, other) for other in others)):
            tried += 1
            instance = _instance(meaning.claim, sizes, chosen, stand_in, Random(tried), numbers)
            difference = first_difference(meaning, instance)
            if difference is not None:
                return Counterexample(instance, difference), tried
    return None, tried


def check_by_numbers(meaning: Meaning) -> tuple[Counterexample | None, int]:
    """Try some random networks with fractions in them; return as ``find_counterexample`` does."""
    claim, random, tried = meaning.claim, Random(0), 0
    stand_ins = ACTIVATIONS[claim.activation].stand_ins
    least = least_depth(claim)
    cost = visits(claim, len(meaning.free))
    affordable = [width for width in WIDTHS if 10 * cost(width) <= MAX_VISITS] or [1]
    for depth in range(least, least + 3):
        for chosen in list(places(claim, depth))[-2:]:
            for stand_in in stand_ins if depth <= DEEP else stand_ins[:1]:
                widths = affordable if depth <= DEEP and stand_in is stand_ins[0] else affordable[:2]
                drawn = tuple(random.choice(widths) for _ in range(depth))
                sizes = _assumed(claim, drawn, chosen)
                numbers = FRACTIONS if stand_in is stand_ins[0] else INTEGERS
                tried += 1
                instance = _instance(claim, sizes, chosen, stand_in, random, numbers)
                difference = first_difference(meaning, instance)
                if difference is not None:
                    return Counterexample(instance, difference), tried
    return None, tried


def _small_networks(claim: Claim) -> Iterator[tuple[tuple[int, ...], int | None]]:
    """Yield widths and l by the number of neurons, then by depth."""
    least = least_depth(claim)
    found = set()
    for depth in range(least, max(DEEP, least + 1) + 1):
        for sizes in product(WIDTHS if depth <= DEEP else WIDTHS[:2], repeat=depth):
            found |= {(_assumed(claim, sizes, chosen), chosen) for chosen in places(claim, depth)}
    yield from sorted(found, key=lambda pair: (sum(pair[0]), len(pair[0]), pair[0], pair[1] or 0))


def _assumed(claim: Claim, sizes: tuple[int, ...], chosen: int | None) -> tuple[int, ...]:
    """Change widths to what the claim assumes of them."""
    if claim.one_neuron:
        return (1,) * len(sizes)
    changed = list(sizes)
    for layer, same in claim.widths:
        at, depth = layer.number(chosen, len(sizes)), len(sizes)
        changed[at - 1] = 1 if same == ONE else changed[same.number(chosen, depth) - 1]
    return tuple(changed)


def _instance(
    claim: Claim,
    sizes: tuple[int, ...],
    chosen: int | None,
    stand_in: StandIn,
    random: Random,
    numbers: tuple[Fraction, ...],
) -> Instance:
    def drawn(rows: int, columns: int = 1) -> Matrix:
        return [[random.choice(numbers) for _ in range(columns)] for _ in range(rows)]

    entries = {("x", 1): drawn(sizes[0])}
    for layer in range(2, len(sizes) + 1):
        entries["w", layer] = drawn(sizes[layer - 1], sizes[layer - 2])
        entries["b", layer] = drawn(sizes[layer - 1])
    entries["y", len(sizes)] = drawn(sizes[-1])
    names = sorted({node.name for node in claim.nodes() if isinstance(node, Scalar)})
    # positive, and told apart: none is 1
    scalars = {name: Fraction(p, 2) for name, p in zip(names, (3, 5, 7), strict=False)}
    return Instance(sizes, chosen, stand_in, entries, scalars)
