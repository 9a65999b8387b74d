"""Slips of the pen: what people write in place of a formula. Whether it is wrong is for others to say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_LAYER = re.compile(r"(?<=\[)(?P<base>[lL]?)(?P<offset>(?:(?<=[lL])[+-])?\d)?(?=\])")


@dataclass(frozen=True)
class Slip:
    """A text with one slip in it, and in words what is wrong with it."""

    text: str
    said: str


def slips(right: str) -> tuple[Slip, ...]:
    """Return every slip that can be made in a right-hand side, in a fixed order."""
    found: dict[str, Slip] = {}
    for said, make in _WAYS.items():
        for text in map(_tidied, make(right)):
            if text != right:
                found.setdefault(text, Slip(text, said))
    return tuple(found.values())


def _tidied(text: str) -> str:
    """Take off brackets that hold nothing together any more."""
    text = re.sub(r"\(\(([^()]*)\)\)", r"(\1)", text)
    return text[1:-1] if re.fullmatch(r"\([^()]*\)", text) else text


def _each(pattern: str, new: str) -> Callable[[str], Iterator[str]]:
    """Replace one match after the other, each alone."""

    def make(text: str) -> Iterator[str]:
        for match in re.finditer(pattern, text):
            yield f"{text[: match.start()]}{match.expand(new)}{text[match.end() :]}"

    return make


def _layers(text: str) -> Iterator[str]:
    for match in _LAYER.finditer(text):
        base, offset = match["base"], int(match["offset"] or 0)
        if not match.group():
            continue
        for moved in (offset - 1, offset + 1):
            layer = f"{base}{moved:+d}" if base and moved else base or str(moved)
            yield f"{text[: match.start()]}{layer}{text[match.end() :]}"


def _doubled(text: str) -> Iterator[str]:
    yield f"2 * {text}"


TOO_MANY = "a factor is too many"
_PIECE = r"(?:[^() ]|\([^()]*\))+"
_WAYS: dict[str, Callable[[str], Iterator[str]]] = {
    "a factor is missing": _each(rf"d?sigma\([^()]*\) \* |{_PIECE} \* (?=\S)", ""),
    "a sign is wrong": _each(rf"\(({_PIECE}) - ({_PIECE})\)", r"(\2 - \1)"),
    "a minus has become a plus": _each(rf"({_PIECE}) - ({_PIECE})", r"\1 + \2"),
    "a transpose is missing or too many": _each(r"\.T", ""),
    "an activation stands where its derivative belongs": _each(r"dsigma", "sigma"),
    "a derivative is taken at the wrong place": _each(r"dsigma\(z\[", "dsigma(a["),
    "a layer is wrong": _layers,
    "two subscripts have changed places": _each(r"\[([a-z]),([a-z])\]", r"[\2,\1]"),
    "two factors have changed places": _each(rf"({_PIECE}) @ ({_PIECE})\.T$", r"\2 @ \1.T"),
    "a letter is wrong": _each(r"(?<![A-Za-z])a\[", "z["),
    TOO_MANY: _doubled,
}
