"""What is run of the modules that ``--with`` adds, and what must come out of each.

As for every package: inputs are letters, what comes out must be the derived quantity, entry for entry. A
direction v holds Rw, Ru and Rb block by block, as p holds w and b; U holds U_ic. Each module is held against
its own equations, for the same letters mean different things in two of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from sympy import Expr, Integer

from derive.extras import EXTRAS, module
from derive.program.extras import extra_equations, name_along
from derive.program.lowering import Computed
from derive.program.routines import name_array
from derive.proof import Proof
from derive.quantities import N, Partial, U, a, t, y
from derive.theorems.along import ALONG
from derive.theorems.further import (
    GAUSS_NEWTON_PRODUCT,
    HESSIAN_PRODUCT,
    INPUT_GRADIENT,
    INPUT_JACOBIAN,
    JACOBIAN_PRODUCT,
    PULLED_BENDING,
    TRANSPOSED_PRODUCT,
)
from derive.verification.entries import Entries, Run
from derive.verification.expected import Knowledge, array_equations, known
from derive.verification.interpreter import Interpreter
from derive.verification.objects import FLOAT, Class, Instance
from derive.verification.values import Held, Lost, Memory, Refusal, View, place

_FILLS = {
    TRANSPOSED_PRODUCT: "backpropagate_outputs",
    HESSIAN_PRODUCT: "differentiate_gradient",
    GAUSS_NEWTON_PRODUCT: "multiply_gauss_newton",
    PULLED_BENDING: "pull_back_bending",
}


class Further:
    """The equations of one further module, beside those that every package rests on."""

    def __init__(self, proof: Proof, extra: str) -> None:
        self.extra = extra
        found = extra_equations(proof)
        self.equations = {key: found[key] for key in EXTRAS[extra]}
        usual = array_equations(proof)
        letters = {known(item).letter for item in usual}
        added: dict[Expr, Computed] = {}
        for items in self.equations.values():
            added |= {known(item).letter: item for item in items}
        new = [item for letter, item in added.items() if letter not in letters]
        self.knowledge = Knowledge(proof, [*usual, *new])


class FurtherEntries(Entries):
    """The runs for one further module of a package."""

    def __init__(self, run: Interpreter, further: Further, proof: Proof) -> None:
        super().__init__(run, further.knowledge, proof)
        self.extra, self.equations = further.extra, further.equations
        self.file = module(self.extra)
        for key in self.equations:
            if key in _FILLS:
                self._letters[key] = [self._entry(key, block) for block in self.blocks]
                where = (self.file, _FILLS[key])
                run.before[where] = partial(self.meant, name="product", kind=key)
                run.after[where] = partial(self.filled, name="product", kind=key)

    def _entry(self, key: str, block: str) -> Expr:
        """Return the letter for the block of a product that belongs to a W or b."""
        for item in self.equations[key]:
            left = item.equation.lhs
            if isinstance(left, Partial):
                parameter = left.f.v if left.v == t else left.v
                if name_array(parameter)[0] == block:
                    return known(item).letter
        raise Refusal(f"the proof has no product for {block}")

    def _last(self, key: str) -> Expr:
        """Return the letter of what a routine computes last."""
        return known(self.equations[key][-1]).letter

    # -- inputs -----------------------------------------------------------------------------------------

    def direction(self) -> View:
        """Return v, which holds every Rw, Ru and Rb."""
        held: dict[Any, Held | Lost] = {}
        places = zip(self.blocks.values(), self._letters["parameter"], strict=True)
        for block, letter in places:
            moved = ALONG[letter.base][letter.indices]
            held[Integer(block.start), Integer(block.stop)] = Held(moved, tuple(map(Integer, block.shape)))
        return Memory(self.count, (), held, constant=True).whole()

    def weighting(self) -> View:
        """Return U."""
        letter = U[place(0, N), place(1, self.outputs)]
        held: dict[Any, Held | Lost] = {(Integer(0), self.outputs): Held(letter, (N, self.outputs))}
        return Memory(self.outputs, (N,), held, constant=True).whole()

    # -- runs -------------------------------------------------------------------------------------------

    def all(self) -> Iterator[tuple[str, str, Run]]:
        """Yield the file, the name and the run of everything of the module that is proved."""
        for key in self.equations:
            kind, method = _WORKSPACES[key]
            yield self.file, f"{kind}.{method}", partial(self._workspace, key)
            yield self.file, key, partial(self._function, key)

    def _given(self, key: str) -> list[View]:
        p, X = self.parameters(), self.samples(a)
        samples = [p, X, self.samples(y)]
        return {
            INPUT_GRADIENT: lambda: samples,
            INPUT_JACOBIAN: lambda: [p, X],
            JACOBIAN_PRODUCT: lambda: [p, X, self.direction()],
            TRANSPOSED_PRODUCT: lambda: [p, X, self.weighting()],
            HESSIAN_PRODUCT: lambda: [*samples, self.direction()],
            GAUSS_NEWTON_PRODUCT: lambda: [*samples, self.direction()],
        }[key]()

    def _workspace(self, key: str) -> None:
        """Check a method, into the workspace's own array and, where it can, into one that is given."""
        kind, method = _WORKSPACES[key]
        self.check(key, self.method(self._of(kind), method, *self._given(key)))
        if key in (HESSIAN_PRODUCT, GAUSS_NEWTON_PRODUCT):
            out = Memory(self.count).whole()
            result = self.method(self._of(kind), method, *self._given(key), out=out)
            self._same(result, out)
            self.check(key, result)

    def _function(self, key: str) -> None:
        function = self.run.function(self.file, key)
        self.check(key, self.run.call(function, self._given(key), {}))

    def _of(self, kind: str) -> Instance:
        found = self.run.global_name(self.run.sources[self.file], kind)
        if not isinstance(found, Class):
            raise Refusal(f"{self.file} has no class {kind}")
        return self.run.create(found, [N, FLOAT], {})

    def check(self, key: str, result: Any) -> None:
        """Compare what is returned with the derived quantity: a whole array, or every block in its place."""
        what = key.replace("_", " ")
        if key not in _FILLS:
            letter = self._last(key)
            self.is_letter(result, letter, f"the {what}, {name_along(letter)[0]}")
            return
        if not isinstance(result, View) or not result.plain or result.shape != (self.count,):
            raise Refusal(f"what is returned is not the {what}")
        places = zip(self.blocks.items(), self._letters[key], strict=True)
        for (block, item), letter in places:
            held = result.memory.held.get((Integer(item.start), Integer(item.stop)))
            if not isinstance(held, Held) or not self.knowledge.holds(held, letter):
                number = self.knowledge.of(letter).number
                raise Refusal(f"the block for {block} does not hold the {what} ({number})")


_WORKSPACES = {
    INPUT_GRADIENT: ("InputGradientWorkspace", "gradient"),
    INPUT_JACOBIAN: ("InputJacobianWorkspace", "jacobian"),
    JACOBIAN_PRODUCT: ("JacobianProductWorkspace", "product"),
    TRANSPOSED_PRODUCT: ("TransposedProductWorkspace", "product"),
    HESSIAN_PRODUCT: ("HessianWorkspace", "product"),
    GAUSS_NEWTON_PRODUCT: ("GaussNewtonWorkspace", "product"),
}
