"""For which layers a claim is meant: those in which everything that it mentions exists."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from derive.claims.syntax import Claim, Layer, MalformedClaim, Quantity

_FROM_THE_INPUT = {"a", "da", "x", "y", "C"}


def lowest(quantity: Quantity) -> int:
    """Return the first layer that has such a quantity."""
    return 1 if quantity.letter in _FROM_THE_INPUT else 2


def check_layers(claim: Claim) -> None:
    """Refuse what exists in no network.

    Raises:
        MalformedClaim: at the first quantity of a layer below the first or above the last.
    """
    for quantity in claim.quantities():
        layer = quantity.layer
        if layer.base == claim.depth.base and layer.offset > claim.depth.offset:
            message = f"there is no layer {layer}; layer {claim.depth} is the last"
            raise MalformedClaim(message, quantity.at)
        if layer.base or layer.offset >= lowest(quantity):
            continue
        if layer.offset < 1:
            raise MalformedClaim("there is no layer 0; layer 1 is the input", quantity.at)
        raise MalformedClaim("layer 1 is the input: it has an a, and W, b, z begin at layer 2", quantity.at)


def exists(claim: Claim, chosen: int | None, depth: int) -> bool:
    """Say whether all that the claim mentions exists at l = ``chosen`` in a network of that depth."""
    if not claim.depth.base and claim.depth.offset != depth:
        return False
    return all(lowest(q) <= q.layer.number(chosen, depth) <= depth for q in claim.quantities())


def places(claim: Claim, depth: int) -> Iterator[int | None]:
    """Yield the values of l for which the claim is meant at a depth; None if the claim has no l."""
    if any(quantity.layer.base == "l" for quantity in claim.quantities()):
        yield from (chosen for chosen in range(1, depth + 1) if exists(claim, chosen, depth))
    elif exists(claim, None, depth):
        yield None


def least_depth(claim: Claim) -> int:
    """Return the depth of the shallowest network for which the claim is meant."""
    return next(depth for depth in count(2) if any(True for _ in places(claim, depth)))


def ranges(claim: Claim) -> str:
    """Say for which l and L the claim is meant, such as ``2 <= l <= L-1``; empty if for all."""
    quantities = list(claim.quantities())
    said = []
    free = [q for q in quantities if q.layer.base == "l"]
    if free:
        low = max(1, *(lowest(q) - q.layer.offset for q in free))
        high = max(0, *(q.layer.offset for q in free))
        said.append(f"{low} <= l <= {Layer('L', -high)}")
    last = [lowest(q) - q.layer.offset for q in quantities if q.layer.base == "L"]
    numbered = [q.layer.offset for q in quantities if not q.layer.base]
    if not claim.depth.base:
        said.append(f"L = {claim.depth}")
    elif (least := max([2, *last, *numbered])) > 2:
        said.append(f"L >= {least}")
    return ", ".join(said)


def widths(claim: Claim) -> list[Layer]:
    """Return the layers whose widths the claim mentions, in order."""
    found = set()
    for quantity in claim.quantities():
        found.add(quantity.layer)
        if quantity.letter in ("w", "dw"):
            found.add(quantity.layer.shifted(-1))
    return sorted(found)
