"""The second check of a claim about parameters and costs, and the search for what refutes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from random import Random

from sympy import Expr

from derive.claims.algebra.syntax import Call, Letter, Method, OfSample
from derive.claims.exact import Dual
from derive.claims.matrices.rewriting import DRAWN
from derive.claims.updates.meaning import Meaning
from derive.claims.updates.values import OUTPUTS
from derive.claims.updates.worth import Instance, Undefined, Worth
from derive.quantities import N
from derive.theorems.levenberg_marquardt import s

SMALL = ((1, 1, 1), (1, 2, 1), (1, 2, 2), (2, 1, 1), (2, 2, 2))  # parameters, samples, samples drawn
UNEQUAL = ((1, 2, 3, 2), (3, 2, 1, 1), (2, 3, 2, 1), (2, 1, 2, 3))  # and outputs
MAX_TRIES = 400


@dataclass(frozen=True)
class Counterexample:
    """Numbers at which the two sides differ, at the entry ``where`` (empty for a number)."""

    instance: Instance
    where: str
    left: Fraction
    right: Fraction

    def lines(self) -> list[str]:
        """Say it in full, so that it can be followed by hand."""
        instance = self.instance
        said = [f"{name} = {_spelled(vector)}" for name, vector in instance.vectors.items()]
        for i, (wanted, rows) in enumerate(zip(instance.targets, instance.inputs, strict=True), 1):
            model = "(p + p^2)" if instance.squared else "p"
            unit = [[Fraction(int(r == c)) for c in range(len(rows[0]))] for r in range(len(rows))]
            same = rows == unit and not instance.squared
            spelled = f"[{', '.join(map(_spelled, rows))}] {model}"
            said += [f"y[{i}] = {_spelled(wanted)}", f"F(x[{i}]) = {'p' if same else spelled}"]
        said += [f"{name} = {value}" for name, value in instance.scalars.items()]
        place = f" at {self.where}" if self.where else ""
        return [*said, f"left side{place}: {self.left}", f"right side{place}: {self.right}"]


def _spelled(vector: list[Fraction]) -> str:
    return f"[{', '.join(map(str, vector))}]"


def find_counterexample(meaning: Meaning) -> Counterexample | None:
    """Try few parameters and samples and small whole numbers, the smallest sizes first, then sums."""
    for instance in _small(meaning):
        found = difference(meaning, instance)
        if isinstance(found, Counterexample):
            return found
    return None


def check_by_numbers(
    meaning: Meaning, assumed: Mapping[Expr, int] | None = None
) -> tuple[Counterexample | None, int]:
    """Try random instances of unequal sizes; return what differs and how many could be tried."""
    random, tried = Random(0), 0
    for sizes in UNEQUAL:
        chosen = dict(zip((s, N, DRAWN, OUTPUTS), sizes, strict=True)) | dict(assumed or {})
        for squared in (False, True):
            found = difference(meaning, _random(meaning, chosen, random, squared))
            if isinstance(found, Counterexample):
                return found, tried + 1
            tried += found
    return None, tried


def _names(meaning: Meaning, known: tuple[str, ...]) -> list[str]:
    return [name for name in known if name in meaning.formula.letters()]


def has_costs(meaning: Meaning) -> bool:
    """Say whether a claim is about more than vectors and numbers."""
    return any(
        isinstance(node, (OfSample, Method)) or (isinstance(node, Letter) and node.name == "Cost")
        for node in meaning.formula.nodes()
    )


def _has_p(meaning: Meaning) -> bool:
    moved = any(isinstance(n, Call) and n.name in ("grad", "first") for n in meaning.formula.nodes())
    return moved or has_costs(meaning) or "p" in meaning.formula.letters()


def _scalars(meaning: Meaning) -> list[str]:
    stepping = any(isinstance(node, Method) for node in meaning.formula.nodes())
    named = _names(meaning, ("t", "eta", "lam", "mu"))
    return ["t", *named] if stepping and not {"t", "eta"} & {*named} else named


def _valued(names: list[str], values: Iterator[Fraction]) -> dict[str, Fraction]:
    """Give each number its value; t and eta are the same."""
    found: dict[str, Fraction] = {}
    for name in names:
        twin = {"eta": "t"}.get(name, "")
        found[name] = found[twin] if twin in found else next(values)
    return found


def _random(meaning: Meaning, sizes: dict[Expr, int], random: Random, squared: bool) -> Instance:
    def some(count: int) -> list[Fraction]:
        return [Fraction(random.choice((-3, -1, 1, 2)), random.choice((1, 2))) for _ in range(count)]

    vectors = {name: some(sizes[s]) for name in ("p", *_names(meaning, ("f", "g", "d")))}
    targets = [some(sizes[OUTPUTS]) for _ in range(sizes[N])]
    inputs = [[some(sizes[s]) for _ in range(sizes[OUTPUTS])] for _ in range(sizes[N])]
    scalars = _valued(_scalars(meaning), (Fraction(p, 2) for p in (3, 5, 7)))
    return Instance(sizes, vectors, targets, inputs, scalars, squared)


def _small(meaning: Meaning) -> Iterator[Instance]:
    """Yield instances with F(x[i]) = p by the sum of the numbers; p, f, g, d from 0, others from 1."""
    costs, names = has_costs(meaning), _names(meaning, ("f", "g", "d"))
    if _has_p(meaning):
        names.insert(0, "p")
    for parameters, samples, drawn in SMALL:
        sizes = {s: parameters, N: samples, DRAWN: drawn, OUTPUTS: parameters}
        scalars = _scalars(meaning)
        wanted = samples * parameters if costs else 0
        lows = [0] * (len(names) * parameters) + [1] * (wanted + len(scalars))
        choices = product(*(range(low, low + 3) for low in lows)) if len(lows) <= 7 else iter([tuple(lows)])
        for choice in islice(sorted(choices, key=lambda c: (sum(c), c)), MAX_TRIES // len(SMALL)):
            entries = iter([Fraction(value) for value in choice])
            vectors = {name: [next(entries) for _ in range(parameters)] for name in names}
            targets = [[next(entries) for _ in range(parameters)] for _ in range(samples if costs else 0)]
            unit = [[Fraction(int(r == c)) for c in range(parameters)] for r in range(parameters)]
            numbers = _valued(scalars, entries)
            yield Instance(sizes, vectors, targets, [unit] * len(targets), numbers)
        random = Random(parameters)
        for _ in range(4):
            found = _random(meaning, sizes, random, squared=False)
            vectors = {name: found.vectors[name] for name in names}
            cut = samples if costs else 0
            yield Instance(sizes, vectors, found.targets[:cut], found.inputs[:cut], found.scalars)


def difference(meaning: Meaning, instance: Instance) -> Counterexample | bool:
    """Compare both sides for every value of the free indices; say whether they can be worked out."""
    names = sorted(meaning.free)
    for places in product(*(range(instance.sizes[meaning.free[name]]) for name in names)):
        at = dict(zip(names, places, strict=True))
        p = [Dual(value) for value in instance.vectors.get("p", [])]
        worth = Worth(instance, meaning.sums, at, p)
        try:
            left, right = worth.of(meaning.formula.left), worth.of(meaning.formula.right)
        except Undefined:
            return False
        size = max(len(side) if isinstance(side, list) else 1 for side in (left, right))
        for q in range(size):
            one, two = (side[q].value if isinstance(side, list) else side.value for side in (left, right))
            if one != two:
                said = [f"{name} = {place + 1}" for name, place in at.items()]
                said += [f"parameter {q + 1}"] if size > 1 else []
                return Counterexample(instance, ", ".join(said), one, two)
    return True
