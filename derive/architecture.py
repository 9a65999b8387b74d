"""What a person types, checked: ``8-32:tanh-1:linear`` becomes an immutable description of a network."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from math import prod

from derive.activations import activation
from derive.costs import COSTS, CROSS_ENTROPY, QUADRATIC, SOFTMAX
from derive.errors import UserError
from derive.own_cost import cost as cost_of
from derive.own_cost import fitted
from derive.wiring import ITEM, Joint, joints, spelled

MAX_LAYERS = 1_000
MAX_WIDTH = 1_000_000
MAX_PARAMETERS = 1_000_000_000
MAX_NAME = 60
MAX_TEXT = 1_000_000
USUAL = "sigmoid"
_TAKEN = frozenset(("net", "plus", "as", "free", "cost", "sum", "times", *COSTS))  # words of packages' names
_EXPECTED = (
    "expected layer sizes like 2-2-3-2 or 8-32:tanh-1:linear,no-bias: whole numbers from 1, input first, "
    "joined by '-'"
)
_LAYER = re.compile(
    r"(?P<size>[0-9]+)(:(?P<activation>[A-Za-z_][A-Za-z_0-9]*(\([-+.,0-9eE]*\))?))?"
    rf"(?P<wiring>{ITEM}*)(?P<free>,no-bias)?(-|$)",
    flags=re.ASCII,
)


@dataclass(frozen=True)
class Parameter:
    """The weights (n_l, n_m) of layer l for what layer m gives, or, without a source, its bias (n_l,).

    They lie in p from ``start`` on, row by row.
    """

    layer: int
    source: int | None
    start: int
    shape: tuple[int, ...]

    @property
    def stop(self) -> int:
        """Where in p the next one begins."""
        return self.start + prod(self.shape)

    @property
    def name(self) -> str:
        """The name in emitted code: W3, b3, or U5_1 for weights of a link that skips layers."""
        if self.source is None:
            return f"b{self.layer}"
        return f"W{self.layer}" if self.source == self.layer - 1 else f"U{self.layer}_{self.source}"


@dataclass(frozen=True)
class Architecture:
    """Layer sizes n_1..n_L with activation, bias and wiring of each layer after the input, and the cost.

    Layer 1 is the input, layer L the output. ``activations[l - 2]``, ``biases[l - 2]`` and
    ``wiring[l - 2]`` belong to layer l = 2..L; without them every layer is logistic, has a bias, and takes
    from the layer before through weights of its own. ``wiring`` is text such as ``+1``: see ``wiring``.

    Raises:
        UserError: if a size is not a whole number in range, there are fewer than two layers, or an
            activation, the wiring or the cost is not understood.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...] = field(default=())
    biases: tuple[bool, ...] = field(default=())
    cost: str = QUADRATIC
    wiring: tuple[str, ...] = field(default=())
    joints: tuple[Joint, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", _checked(tuple(self.sizes)))
        after_input = len(self.sizes) - 1
        object.__setattr__(self, "activations", tuple(self.activations) or (USUAL,) * after_input)
        object.__setattr__(self, "biases", tuple(map(bool, self.biases)) or (True,) * after_input)
        object.__setattr__(self, "wiring", tuple(self.wiring) or ("",) * after_input)
        for name in ("activations", "biases", "wiring"):
            if (got := len(getattr(self, name))) != after_input:
                what = "entries of wiring" if name == "wiring" else name
                raise UserError(
                    f"expected {after_input} {what}, one for each layer after the input, got {got}"
                )
        names = (name if name == SOFTMAX else activation(name).spelling for name in self.activations)
        object.__setattr__(self, "activations", tuple(names))
        object.__setattr__(self, "cost", fitted(cost_of(self.cost), self.sizes[-1]).name)
        _check_cost(self.cost, self.activations)
        object.__setattr__(self, "joints", joints(self.sizes, self.biases, self.wiring))
        wiring = tuple(spelled(joint, layer) for layer, joint in enumerate(self.joints, start=2))
        object.__setattr__(self, "wiring", wiring)
        if self.n_parameters > MAX_PARAMETERS:
            raise UserError(f"expected at most {MAX_PARAMETERS} parameters, got {self.n_parameters}")

    @classmethod
    def parse(cls, text: str, cost: str = QUADRATIC, own: Sequence[str] = ()) -> Architecture:
        """Read sizes such as ``2-2-3-2``, with activations ``8-32:tanh-1:linear`` and ``,no-bias``.

        ``own`` are activations of one's own, such as ``swoosh: z*tanh(z)``; the text has their names.

        Raises:
            UserError: with one line that quotes what came, for anything else.
        """
        shown = repr(text if len(text) <= 40 else text[:37] + "...")
        layers, at = [], 0
        while at < len(text) <= MAX_TEXT and (layer := _LAYER.match(text, at)) is not None:
            layers.append(layer)
            at = layer.end()
        ends_well = bool(layers) and at == len(text) and not text.endswith("-")
        if not ends_well or any(layers[0][part] for part in ("activation", "wiring", "free")):
            raise UserError(f"{_EXPECTED}; got {shown}")
        if len(layers) > MAX_LAYERS:
            raise UserError(f"expected at most {MAX_LAYERS} layers, got {len(layers)}")
        sizes = [layer["size"].lstrip("0") or "0" for layer in layers]
        if any(len(size) > len(str(MAX_WIDTH)) for size in sizes):
            raise UserError(f"expected at most {MAX_WIDTH} neurons in a layer, got {shown}")
        formulas = {formula.partition(":")[0].strip(): formula for formula in own}
        names = [layer["activation"] or USUAL for layer in layers[1:]]
        if unused := sorted(set(formulas) - set(names)):
            raise UserError(f"expected a layer with the activation {unused[0]!r}, such as 2-3:{unused[0]}-1")
        try:
            return cls(
                tuple(map(int, sizes)),
                tuple(formulas.get(name, name) for name in names),
                tuple(layer["free"] is None for layer in layers[1:]),
                cost,
                tuple(layer["wiring"] for layer in layers[1:]),
            )
        except UserError as error:
            raise UserError(f"{error}; got {shown}") from None

    @property
    def depth(self) -> int:
        """The number of layers L, the input counted."""
        return len(self.sizes)

    @property
    def n_parameters(self) -> int:
        """The number of weights and biases s."""
        return self.parameters[-1].stop

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every array of weights and biases in the order of p: layer by layer, W first, b last."""
        found: list[Parameter] = []
        for layer, joint in enumerate(self.joints, start=2):
            own = [link for link in joint.links if link.weights is not None and link.weights.layer == layer]
            sources: list[int | None] = [link.source for link in own]
            sources += [None] if joint.bias == layer else []
            for source in sources:
                shape = self.sizes[layer - 1 : layer] + (() if source is None else (self.sizes[source - 1],))
                found.append(Parameter(layer, source, found[-1].stop if found else 0, shape))
        return tuple(found)

    def joint(self, layer: int) -> Joint:
        """Return what joins layer l = 2..L to earlier ones."""
        return self.joints[layer - 2]

    @property
    def plain(self) -> bool:
        """True if every layer takes from the one before alone, through weights of its own."""
        return not any(self.wiring)

    def has_bias(self, layer: int) -> bool:
        """Say whether layer l = 2..L has a bias."""
        return self.biases[layer - 2]

    def activation(self, layer: int) -> str:
        """Return the name of the activation of layer l = 2..L."""
        return self.activations[layer - 2]

    @property
    def own(self) -> tuple[str, ...]:
        """The activations of one's own, each with its formula."""
        return tuple(name for name in dict.fromkeys(self.activations) if ":" in name)

    @property
    def package_name(self) -> str:
        """The name of the emitted package, an identifier such as ``sigmoid_2_2_3_2``.

        Very deep networks, whose sizes would not fit in a file name, are named by depth and a digest, and so
        are those with a name of one's own that could be read otherwise, as ``plus`` could for ``+``.
        """
        if len(set(self.activations)) == 1 and all(self.biases) and self.plain:
            words = [self.activations[0].partition(":")[0], *map(str, self.sizes)]
        else:
            text = str(self).replace(",no-bias", " free").replace("+", " plus ").replace("=", " as ")
            words = ["net", *text.split("-")]
        if self.cost != QUADRATIC:
            own_cost = cost_of(self.cost).loss.partition(":")[1]
            head = cost_of(self.cost).head.replace(".", "p").replace("*", "_times_")
            words.append(f"cost_{head}" if own_cost else head)
        name = re.sub(r"[^a-z0-9]+", "_", "_".join(words).lower()).strip("_")
        distinct = self._distinct_words and re.fullmatch(r"[a-z_0-9:, +=WT-]*", str(self))
        if len(name) <= MAX_NAME and distinct:
            return name
        alike = len(set(self.activations)) == 1 and all(self.biases) and self.plain
        kind = self.activations[0].partition(":")[0] if alike else "net"
        kind = re.sub(r"[^a-z0-9]+", "_", kind.lower()).strip("_")
        cost = "" if self.cost == QUADRATIC else f" {cost_of(self.cost).head}"
        digest = sha256((name if distinct else f"{self}{cost}").encode()).hexdigest()[:12]
        return f"{kind}_{self.depth}_layers_{digest}"

    @property
    def _distinct_words(self) -> bool:
        """True if no name of one's own could be read as anything else in a package's name."""
        terms = cost_of(self.cost)
        names = [text.partition(":")[0] for text in self.own]
        names += [terms.loss.partition(":")[0]] if ":" in terms.loss else []
        return all(re.fullmatch("[a-z][a-z0-9]*", name) and name not in _TAKEN for name in names)

    @property
    def label(self) -> str:
        """The sizes, or for deep networks a few words that fit on a line."""
        text = str(self)
        if len(text) > MAX_NAME:
            text = f"{self.sizes[0]}-...-{self.sizes[-1]}, {self.depth} layers"
        return text if self.cost == QUADRATIC else f"{text} with {cost_of(self.cost).label}"

    def __str__(self) -> str:
        """Return the text that ``parse`` reads back."""
        layers = [str(self.sizes[0])]
        after_input = zip(self.sizes[1:], self.activations, self.wiring, self.biases, strict=True)
        for size, function, wiring, bias in after_input:
            shown = "" if function == USUAL else f":{function.partition(':')[0]}"
            layers.append(f"{size}{shown}{wiring}{'' if bias else ',no-bias'}")
        return "-".join(layers)


def _check_cost(name: str, activations: tuple[str, ...]) -> None:
    """Refuse a cost that is not known, and one that does not fit the output's activation.

    Raises:
        UserError: with what was expected.
    """
    if SOFTMAX in activations[:-1]:
        raise UserError("expected softmax in the output layer alone")
    wanted, found = cost_of(name).output, activations[-1]
    if wanted is not None and found != wanted:
        raise UserError(f"expected the output activation {wanted} for the cost {name}, got {found}")
    if found == SOFTMAX and wanted != SOFTMAX:
        raise UserError(f"expected --cost {CROSS_ENTROPY} for a softmax output, got {name}")


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
