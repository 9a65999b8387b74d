"""What a person types, checked: ``2-2-3-2`` becomes an immutable description of a network."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise

from derive.errors import UserError

MAX_LAYERS = 1_000
MAX_WIDTH = 1_000_000
MAX_PARAMETERS = 1_000_000_000
MAX_NAME = 60
_EXPECTED = "expected layer sizes like 2-2-3-2: whole numbers from 1, input first, joined by '-'"


@dataclass(frozen=True)
class Architecture:
    """Layer sizes n_1..n_L with the activation and bias of each layer after the input, and the cost.

    Layer 1 is the input, layer L the output. ``activations[l - 2]`` and ``biases[l - 2]`` belong to
    layer l = 2..L. Only the logistic activation and the quadratic cost are known so far.

    Raises:
        UserError: if a size is not a whole number in range, or there are fewer than two layers.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...] = field(default=())
    biases: tuple[bool, ...] = field(default=())
    cost: str = "quadratic"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", _checked(tuple(self.sizes)))
        object.__setattr__(self, "activations", tuple(self.activations))
        object.__setattr__(self, "biases", tuple(self.biases))
        if not self.activations:
            object.__setattr__(self, "activations", ("sigmoid",) * (len(self.sizes) - 1))
        if not self.biases:
            object.__setattr__(self, "biases", (True,) * (len(self.sizes) - 1))
        for name, given in (("activations", self.activations), ("biases", self.biases)):
            if len(given) != len(self.sizes) - 1:
                raise UserError(
                    f"expected {len(self.sizes) - 1} {name}, one for each layer after the input, "
                    f"got {len(given)}"
                )
        if unknown := set(self.activations) - {"sigmoid"}:
            raise UserError(f"expected the activation sigmoid, got {min(unknown)!r}")
        if self.cost != "quadratic":
            raise UserError(f"expected the cost quadratic, got {self.cost!r}")
        if not all(self.biases):
            raise UserError("expected a bias in every layer; bias-free layers are not derived yet")

    @classmethod
    def parse(cls, text: str) -> Architecture:
        """Read sizes such as ``2-2-3-2``.

        Raises:
            UserError: with one line that quotes what came, for anything else.
        """
        shown = repr(text if len(text) <= 40 else text[:37] + "...")
        if not re.fullmatch(r"[0-9]+(-[0-9]+)*", text, flags=re.ASCII):
            raise UserError(f"{_EXPECTED}; got {shown}")
        words = text.split("-")
        if len(words) > MAX_LAYERS:
            raise UserError(f"expected at most {MAX_LAYERS} layers, got {len(words)}")
        if any(len(word.lstrip("0")) > len(str(MAX_WIDTH)) for word in words):
            raise UserError(f"expected at most {MAX_WIDTH} neurons in a layer, got {shown}")
        try:
            return cls(tuple(int(word.lstrip("0") or "0") for word in words))
        except UserError as error:
            raise UserError(f"{error}; got {shown}") from None

    @property
    def depth(self) -> int:
        """The number of layers L, the input counted."""
        return len(self.sizes)

    @property
    def n_parameters(self) -> int:
        """The number of weights and biases s."""
        weights = sum(m * n for m, n in pairwise(self.sizes))
        return weights + sum(size for size, bias in zip(self.sizes[1:], self.biases, strict=True) if bias)

    @property
    def package_name(self) -> str:
        """The name of the emitted package, an identifier such as ``sigmoid_2_2_3_2``.

        Very deep networks, whose sizes would not fit in a file name, are named by depth and a digest.
        """
        name = "sigmoid_" + "_".join(map(str, self.sizes))
        if len(name) <= MAX_NAME:
            return name
        return f"sigmoid_{self.depth}_layers_{sha256(name.encode()).hexdigest()[:12]}"

    @property
    def label(self) -> str:
        """The sizes, or for deep networks a few words that fit on a line."""
        text = str(self)
        return text if len(text) <= MAX_NAME else f"{self.sizes[0]}-...-{self.sizes[-1]}, {self.depth} layers"

    def __str__(self) -> str:
        return "-".join(map(str, self.sizes))


def _checked(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sizes as plain ints, whatever kind of whole number they came as."""
    if len(sizes) < 2:
        raise UserError("expected at least two layers, an input and an output")
    if len(sizes) > MAX_LAYERS:
        raise UserError(f"expected at most {MAX_LAYERS} layers, got {len(sizes)}")
    for size in sizes:
        if isinstance(size, bool) or not hasattr(size, "__index__") or size < 1:
            raise UserError(f"expected layer sizes from 1, got {size!r}")
        if size > MAX_WIDTH:
            raise UserError(f"expected at most {MAX_WIDTH} neurons in a layer, got {size}")
    checked = tuple(operator.index(size) for size in sizes)
    weights = sum(m * n for m, n in pairwise(checked))
    if weights > MAX_PARAMETERS:
        raise UserError(f"expected at most {MAX_PARAMETERS} parameters, got about {weights}")
    return checked
