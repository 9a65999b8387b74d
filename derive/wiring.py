"""How layers are joined: what a layer takes from earlier layers, and which weights it shares with one.

A layer takes from the one before, through weights of its own. Beside this, ``+2`` adds what layer 2 gives, as
it is; ``+W2`` adds it through weights; ``=2`` takes the weights and the bias of layer 2 for its own, ``=W2``
the weights alone, ``=W2T`` their transpose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from derive.errors import UserError

ITEM = r"(?:\+W?[0-9]+|=W?[0-9]+|=W[0-9]+T)"
MAX_ITEMS = 20
_ITEM = re.compile(r"(?P<kind>[+=])(?P<weights>W?)(?P<layer>[0-9]{1,5})(?P<transposed>T?)", flags=re.ASCII)


@dataclass(frozen=True)
class Weights:
    """An array of weights: that of layer ``layer`` for what layer ``source`` gives."""

    layer: int
    source: int


@dataclass(frozen=True)
class Link:
    """One term of a layer's weighted input: what layer ``source`` gives, through weights or as it is."""

    source: int
    weights: Weights | None
    transposed: bool = False


@dataclass(frozen=True)
class Joint:
    """What joins a layer to earlier ones: its links, and the layer whose bias it has, if any."""

    links: tuple[Link, ...]
    bias: int | None


def joints(sizes: Sequence[int], biases: Sequence[bool], wiring: Sequence[str]) -> tuple[Joint, ...]:
    """Return how each layer l = 2..L is joined to earlier ones; ``wiring`` has a text for each.

    Raises:
        UserError: if an entry is not understood, names a layer that is not there, or sizes do not fit.
    """
    found: list[Joint] = []
    for layer, (bias, text) in enumerate(zip(biases, wiring, strict=True), start=2):
        found.append(_joint(sizes, found, layer, bias, text))
    return tuple(found)


def _joint(sizes: Sequence[int], before: Sequence[Joint], layer: int, bias: bool, text: str) -> Joint:
    main = Link(layer - 1, Weights(layer, layer - 1))
    owner = layer if bias else None
    skips: list[Link] = []
    for item in _items(layer, text):
        source = int(item["layer"])
        if item["kind"] == "+":
            skip = Link(source, Weights(layer, source) if item["weights"] else None)
            _check_skip(sizes, layer, skip, item[0])
            if any(other.source == source for other in skips):
                raise UserError(f"expected layer {source} once in what layer {layer} adds, got {text!r}")
            skips.append(skip)
            continue
        if main.weights != Weights(layer, layer - 1):
            raise UserError(f"expected one layer whose weights layer {layer} shares, got {text!r}")
        main = _shared(sizes, before, layer, item)
        if not item["weights"]:
            owner = before[source - 2].bias if bias else None
            if owner is None:
                raise UserError(
                    f"expected =W{source} for layer {layer}: a bias is missing there or in layer {source}; "
                    f"got {item[0]!r}"
                )
    return Joint((main, *sorted(skips, key=lambda link: -link.source)), owner)


def _items(layer: int, text: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    at = 0
    while at < len(text) and len(found) < MAX_ITEMS and (item := _ITEM.match(text, at)) is not None:
        wrong = item["transposed"] and (item["kind"] == "+" or not item["weights"])
        if wrong:
            break
        found.append(item)
        at = item.end()
    if at != len(text):
        shown = repr(text if len(text) <= 40 else text[:37] + "...")
        raise UserError(
            f"expected for layer {layer} what it adds, such as +1 or +W1, or shares, such as =2, =W2 or "
            f"=W2T; got {shown}"
        )
    return found


def _check_skip(sizes: Sequence[int], layer: int, skip: Link, text: str) -> None:
    least = layer - 2 if skip.weights else layer - 1
    if least < 1:
        raise UserError(f"expected nothing added to layer {layer} but +{least + 1}, got {text!r}")
    if not 1 <= skip.source <= least:
        raise UserError(f"expected layer {layer} to add a layer from 1 to {least}, got {text!r}")
    here, there = sizes[layer - 1], sizes[skip.source - 1]
    if skip.weights is None and here != there:
        raise UserError(
            f"expected layer {layer} to add a layer of {here} neurons, but layer {skip.source} has {there}; "
            f"+W{skip.source} adds it through weights"
        )


def _shared(sizes: Sequence[int], before: Sequence[Joint], layer: int, item: re.Match[str]) -> Link:
    owner = int(item["layer"])
    if not 2 <= owner < layer:
        raise UserError(
            f"expected an earlier layer, from 2 on, whose weights layer {layer} shares, got {item[0]!r}"
        )
    link = before[owner - 2].links[0]  # which may be shared in its turn
    transposed = bool(item["transposed"]) != link.transposed
    assert link.weights is not None
    rows, columns = sizes[link.weights.layer - 1], sizes[link.weights.source - 1]
    shape = (columns, rows) if transposed else (rows, columns)
    wanted = (sizes[layer - 1], sizes[layer - 2])
    if shape != wanted:
        raise UserError(
            f"expected weights of {wanted[0]} by {wanted[1]} for layer {layer}, "
            f"but those of {item[0]!r} are {shape[0]} by {shape[1]}"
        )
    return Link(layer - 1, link.weights, transposed)


def spelled(joint: Joint, layer: int) -> str:
    """Return the text that ``joints`` reads back: what is shared, then what is added, nearest layer first."""
    main, *skips = joint.links
    assert main.weights is not None
    text = ""
    if joint.bias not in (None, layer):
        text = f"={joint.bias}"
    elif main.weights != Weights(layer, layer - 1):
        text = f"=W{main.weights.layer}{'T' if main.transposed else ''}"
    return text + "".join(f"+{'W' if link.weights else ''}{link.source}" for link in skips)
