"""What is run of one number for each layer in the damping: ``layers.py``, and both steps with it.

The mean squares of the layers and what is done over the blocks of p are proved with letters. Then GramStep is
run at two points with a letter for each scale, which its Gram matrix and its step must have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Expr, Integer

from derive.network import array_of
from derive.program.layers import name_of_layers
from derive.program.lean import number_of
from derive.proof import Proof
from derive.quantities import N, a
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.layer_scaling import COLUMN, PULLED, SPREAD, STEP, layers_of, over, square
from derive.theorems.scaled_step import scale
from derive.theorems.trials import S
from derive.theorems.weighted_step import ridge, t
from derive.verification.expected import Knowledge
from derive.verification.interpreter import Interpreter
from derive.verification.lean_entries import LeanEntries, Run, indices_of
from derive.verification.objects import FLOAT, Instance
from derive.verification.scaled_entries import SCALING
from derive.verification.values import Held, Lost, Memory, Refusal, View, place
from derive.verification.weighted_gram import WeightedGram
from derive.verification.weighted_parts import GRAM, array, by_name

LAYERS = "layers.py"


def axes_of_layers(quantity: Expr) -> tuple[Any, ...]:
    """Return the indices of an array in the order of its axes."""
    return indices_of(name_of_layers(quantity)[1])


class LayeredEntries(LeanEntries):
    """Arrays over p that hold letters block by block, and the numbers of the layers."""

    @property
    def layers(self) -> list[int]:
        """The layers that have parameters of their own, in the order of p."""
        return layers_of(self.proof.network)

    @property
    def scales(self) -> tuple[Expr, ...]:
        """A letter for the scale of each layer."""
        return tuple(number_of(scale[layer]) for layer in self.layers)

    @property
    def squares_of_layers(self) -> tuple[Expr, ...]:
        """The letters of the mean squares."""
        return tuple(square[layer] for layer in self.layers)

    def letters(self, kind: dict[Any, Any]) -> list[Expr]:
        """Return a letter for each block of p, in canonical indices."""
        found = []
        for parameter in self.proof.network.each_parameter:
            letter, lead = array_of(parameter)
            places = (place(k, index.upper) for k, index in enumerate(parameter.indices[len(lead) :]))
            found.append(over(kind, letter[(*lead, *places)]))
        return found

    def over_p(self, kind: dict[Any, Any] | None = None, *, constant: bool = False) -> View:
        """Return an array over p that holds letters, or nothing."""
        held: dict[Any, Held | Lost] = {}
        for item, letter in zip(self.blocks.values(), self.letters(kind) if kind else (), strict=bool(kind)):
            held[Integer(item.start), Integer(item.stop)] = Held(letter, tuple(map(Integer, item.shape)))
        return Memory(self.count, (), held, constant=constant).whole()

    def unpacked_of(self, view: View) -> Any:
        """Return the blocks of an array over p."""
        return self.run.call(self.run.function("parameters.py", "unpack"), [view], {})

    def holds_blocks(self, view: Any, kind: dict[Any, Any], what: str) -> None:
        """Check an array over p, block by block."""
        for (block, item), letter in zip(self.blocks.items(), self.letters(kind), strict=True):
            held = view.memory.held.get((Integer(item.start), Integer(item.stop)))
            if not isinstance(held, Held) or not self.knowledge.holds(held, letter):
                raise Refusal(f"{what}{block} does not hold its part")


class LayerBlocks(LayeredEntries):
    """The small routines over the blocks of p."""

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield SCALING, "mean_squares", self.means
        yield SCALING, "spread", self.spread
        yield LAYERS, "scaled_step", self.unscaled
        yield SCALING, "Scaling.at", self.point

    def means(self) -> None:
        """Check the mean squares of the layers from the columns."""
        columns = self.unpacked_of(self.over_p(COLUMN, constant=True))
        if self.run.call(self.run.function(SCALING, "mean_squares"), [columns], {}) != self.squares_of_layers:
            raise Refusal("what is returned is not the mean squares of the layers (5.53)")

    def spread(self) -> None:
        """Check that every parameter gets the scale of its layer."""
        into = self.over_p()
        self.run.call(self.run.function(SCALING, "spread"), [self.unpacked_of(into), self.scales], {})
        self.holds_blocks(into, SPREAD, "C")

    def unscaled(self) -> None:
        """Check that J^T v becomes h, in place."""
        into = self.over_p(PULLED)
        self.run.call(self.run.function(LAYERS, "scaled_step"), [self.unpacked_of(into), self.scales], {})
        self.holds_blocks(into, STEP, "h")

    def point(self) -> None:
        """Check that the scales of the primal come from the diagonal of S, layer by layer."""
        made, called = Instance(self.kind(SCALING, "Scaling")), list[str]()
        matrix, right = self.vector(S, self.count, self.count), self.vector(lm.g, self.count)
        made.attributes |= {
            "layers": Instance(self.kind(SCALING, "LayerScales")),
            "column": self.over_p(),
            "scale": self.over_p(),
            "Z": Memory(self.count, (self.count,)).whole(),
            "gz": Memory(self.count).whole(),
            "largest": Memory(Integer(len(self.layers))).whole(),
        }
        own = made.attributes

        def means(columns: Any) -> tuple[Expr, ...]:
            if any(view.memory is not own["column"].memory for view in columns):
                raise Refusal("the mean squares are not those of the columns")
            self.in_order(columns)
            called.append("means")
            return self.squares_of_layers

        def grow(squares: Any) -> tuple[Expr, ...]:
            if squares != self.squares_of_layers:
                raise Refusal("the scales do not come from the mean squares")
            return self.scales

        def spread(blocks: Any, scales: Any) -> None:
            if scales != self.scales or any(view.memory is not own["scale"].memory for view in blocks):
                raise Refusal("what is spread is not the scales of the layers")
            self.in_order(blocks)
            called.append("spread")

        def scaled(**given: Any) -> None:
            wanted = {"S": matrix, "g": right, **{name: own[name] for name in ("scale", "Z", "gz")}}
            if any(given[name] is not view for name, view in wanted.items()) or given["ridge"] != ridge:
                raise Refusal("the system is made of something other than S, g, the scales and the ridge")
            called.append("system")

        self.agree(
            {
                (SCALING, "mean_squares"): means,
                (SCALING, "LayerScales.grow"): grow,
                (SCALING, "spread"): spread,
                (SCALING, "scaled_system"): by_name(self.run, SCALING, "scaled_system", scaled),
            }
        )
        try:
            self.method(made, "at", matrix, right, ridge)
        finally:
            self.agree({})
        held = own["column"].memory.held.get((Integer(0), self.count))
        diagonal = matrix.diagonal("ii", "i").read()
        if held != Held(diagonal.expr, diagonal.leaves) or called != ["means", "spread", "system"]:
            raise Refusal("the columns are not the diagonal of S, or the system is made before the scales")

    def in_order(self, blocks: Any) -> None:
        """Check that some views are the blocks of an array over p."""
        wanted = [(Integer(item.start), Integer(item.stop)) for item in self.blocks.values()]
        if [(view.start, view.stop) for view in blocks] != wanted:
            raise Refusal("the blocks are not those of an array over p")


class LayerTraces(LayeredEntries):
    """LayerSquares: the mean squares from deltas and activations, with factors of the rows or without."""

    def __init__(self, run: Interpreter, knowledge: Knowledge, proof: Proof, weighed: bool) -> None:
        super().__init__(run, knowledge, proof)
        self.weighed = weighed

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield LAYERS, "LayerSquares.at", self.traces

    def traces(self) -> None:
        """Check the mean squares, twice, so that what is left over spoils nothing."""
        weights = self.unpacked_of(self.parameters())
        kept = tuple(array(letter, *self.knowledge.of(letter).leaves) for letter in self.knowledge.kept)
        factors = array(t[place(0, N), place(1, self.outputs)], N, self.outputs)
        given: list[Any] = []

        def grow(squares: Any) -> tuple[Expr, ...]:
            given.append(squares)
            return self.scales

        self.agree({(SCALING, "LayerScales.__init__"): lambda: None, (SCALING, "LayerScales.grow"): grow})
        try:
            made = self.run.create(self.kind(LAYERS, "LayerSquares"), [N, FLOAT], {})
            for _ in range(2):
                arguments = (self.samples(a), weights, kept, factors if self.weighed else None)
                if self.method(made, "at", *arguments) != self.scales:
                    raise Refusal("what is returned is not the scales of the layers")
        finally:
            self.agree({})
        if given != [self.squares_of_layers] * 2:
            raise Refusal("the scales do not come from the mean squares of the layers (5.53)")


class LayeredGram(LayeredEntries, WeightedGram):
    """GramStep with a letter for the scale of each layer, with factors of the rows and without."""

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        for weighed in (False, True):
            yield GRAM, "GramStep.trial", lambda w=weighed: self.way(w, False)  # type: ignore[misc]

    def arguments(self) -> list[Any]:
        """Return what a workspace is made with."""
        return [*super().arguments(), "layer"]

    def _contracts(self, solution: View) -> dict[tuple[str, str], Any]:
        contracts = super()._contracts(solution)
        contracts[SCALING, "LayerScales.__init__"] = lambda: None
        contracts[LAYERS, "LayerSquares.at"] = self._scales_at
        contracts[LAYERS, "scaled_step"] = by_name(self.run, LAYERS, "scaled_step", self._scaled)
        return contracts

    def _scales_at(self, X: Any, weights: Any, activations: Any, factors: Any) -> tuple[Expr, ...]:
        own = self.workspace.attributes
        if X is not own["X"] or activations is not own["activations"] or factors is not own["t"]:
            raise Refusal("the scales are not those of this point")
        if any(view.memory is not self.p.memory for view in weights):
            raise Refusal("the scales are not made of p")
        for view, letter in zip(activations, self.knowledge.kept, strict=True):
            if not self.knowledge.holds(view.memory.read(view.start, view.stop), letter):
                raise Refusal("the scales are not made of the activations at this point")
        return self.scales

    def _scaled(self, **given: Any) -> None:
        if given["scales"] != self.scales:
            raise Refusal("what scales the step is not the scales of the layers")
        memory = given["step"][0].memory
        if any(view.memory is not memory for view in given["step"]):
            raise Refusal("the blocks are not those of one array over p")
        self._check(memory.whole(), self.times_t(self.inner), lm.h, "J^T v, which is to be scaled")
        for item, letter in zip(self.blocks.values(), self.letters(STEP), strict=True):
            held = Held(letter, tuple(map(Integer, item.shape)))
            memory.write(Integer(item.start), Integer(item.stop), held, 0)

    def _check_trial(self, result: Any) -> None:
        if not isinstance(result, View) or result.shape != (self.count,):
            raise Refusal("what is returned is not h")
        if self.pulled.get(result.memory) != self.times_t(self.inner):
            raise Refusal("what is returned is not the step (5.50): another vector is pulled back")
        for item, letter in zip(self.blocks.values(), self.letters(STEP), strict=True):
            held = result.memory.held.get((Integer(item.start), Integer(item.stop)))
            if held != Held(letter, tuple(map(Integer, item.shape))):
                raise Refusal("what is returned is not scaled by the layers")
