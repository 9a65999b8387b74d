"""Counterexamples that a person gives: read, and evaluated exactly.

The evaluation is that of ``derive.claims.exact``: rational arithmetic and dual numbers, so that it does not
rest on the lemma.
"""

from __future__ import annotations

import re
from fractions import Fraction

from derive.claims.activations import ACTIVATIONS, StandIn
from derive.claims.exact import Instance, first_difference
from derive.claims.grammar import SCALARS, parse
from derive.claims.layers import exists
from derive.claims.meaning import meaning_of
from derive.claims.syntax import Claim, Scalar
from derive.errors import UserError
from derive.exercises.grade import Grade, malformed, right, wrong
from derive.exercises.numbers import Matrix, read_matrix, read_number, split

MAX_WIDTH, MAX_DEPTH = 4, 6
STAND_INS = tuple(
    stand_in for name in ("any", "affine", "identity") for stand_in in ACTIVATIONS[name].stand_ins
)
_NAME = re.compile(r"([Wwb])\s*\[?\s*(\d)\s*\]?")


def grade_counterexample(claim: str, text: str) -> Grade:
    """Say whether the two sides of a claim differ in the network that the text describes."""
    tree = parse(claim)
    try:
        instance = read_instance(tree, text)
    except UserError as problem:
        return malformed(str(problem))
    difference = first_difference(meaning_of(tree), instance)
    if difference is None:
        return wrong("in this network the two sides are equal, entry by entry")
    place = f" at {difference.where}" if difference.where else ""
    return right(f"left side{place}: {difference.left}", f"right side{place}: {difference.right}")


def read_instance(claim: Claim, text: str) -> Instance:
    """Read a network with numbers in it, in which everything in the claim exists.

    Raises:
        UserError: saying what is missing or cannot be read.
    """
    items = [item.strip() for item in split(text.replace("\n", ";"), ";,") if item.strip()]
    sizes: tuple[int, ...] = ()
    given: dict[str, str] = {}
    for item in items:
        if item.startswith("network"):
            sizes = _sizes(item.removeprefix("network").strip(" :="))
            continue
        name, equals, value = item.partition("=")
        if not equals:
            raise UserError(f"expected name = value, got {item[:40]!r}")
        key = _key(name.strip())
        if key in given:
            raise UserError(f"expected {key} once, got it twice")
        given[key] = value.strip()
    if not sizes:
        raise UserError("expected the layer sizes, such as: network 1-2-1")
    stand_in = _stand_in(given.pop("sigma", ""))
    chosen = _chosen(claim, sizes, given.pop("l", ""))
    entries = _entries(sizes, given)
    named = {node.name for node in claim.nodes() if isinstance(node, Scalar)}
    scalars: dict[str, Fraction] = {}
    for name in sorted(named):
        if name not in given:
            raise UserError(f"expected {name} = a number")
        scalars[name] = read_number(given.pop(name))
    if unknown := sorted(set(given) - set(SCALARS)):
        raise UserError(f"{unknown[0]} is not part of a network of these sizes")
    return Instance(sizes, chosen, stand_in, entries, scalars)


def _sizes(text: str) -> tuple[int, ...]:
    if re.fullmatch(r"[1-9](?:-[1-9])+", text) is None:
        raise UserError(f"expected layer sizes such as 1-2-1, got {text[:30]!r}")
    sizes = tuple(map(int, text.split("-")))
    if len(sizes) > MAX_DEPTH or max(sizes) > MAX_WIDTH:
        raise UserError(f"expected at most {MAX_DEPTH} layers of at most {MAX_WIDTH} neurons")
    return sizes


def _key(name: str) -> str:
    if name in ("sigma(z)", "sigma", "s(z)"):
        return "sigma"
    match = _NAME.fullmatch(name)
    return f"{match[1].lower()}{match[2]}" if match else name


def _stand_in(text: str) -> StandIn:
    if not text:
        return STAND_INS[0]
    wanted = re.sub(r"[\s*]", "", text)
    for stand_in in STAND_INS:
        if re.sub(r"[\s*]", "", stand_in.name) == wanted:
            return stand_in
    raise UserError(f"expected sigma to be one of {', '.join(s.name for s in STAND_INS)}; got {text[:30]!r}")


def _chosen(claim: Claim, sizes: tuple[int, ...], text: str) -> int | None:
    depth = len(sizes)
    if all(quantity.layer.base != "l" for quantity in claim.quantities()):
        if not exists(claim, None, depth):
            raise UserError(f"in a network of {depth} layers not all that the claim mentions exists")
        return None
    if re.fullmatch(r"\d", text) is None:
        raise UserError("the claim has an l in it: expected a layer, such as l = 2")
    chosen = int(text)
    if not (1 <= chosen <= depth and exists(claim, chosen, depth)):
        raise UserError(f"at l = {chosen} of {depth} layers not all that the claim mentions exists")
    return chosen


def _entries(sizes: tuple[int, ...], given: dict[str, str]) -> dict[tuple[str, int], Matrix]:
    wanted = [("x", "x", 1, sizes[0], 1)]
    for layer in range(2, len(sizes) + 1):
        wanted.append((f"w{layer}", "w", layer, sizes[layer - 1], sizes[layer - 2]))
        wanted.append((f"b{layer}", "b", layer, sizes[layer - 1], 1))
    wanted.append(("y", "y", len(sizes), sizes[-1], 1))
    entries = {}
    for key, letter, layer, rows, columns in wanted:
        shown = f"{letter.upper() if letter == 'w' else letter}[{layer}]" if letter in "wb" else letter
        if key not in given:
            raise UserError(f"expected {shown}, {rows} by {columns}")
        try:
            entries[letter, layer] = read_matrix(given.pop(key), rows, columns)
        except UserError as problem:
            raise UserError(f"{shown}: {problem}") from None
    return entries
