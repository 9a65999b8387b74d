"""What is run of the sweeps over kept activations, of the operator made of them, and of an iteration.

The sweeps are run twice from one forward pass: neither may write what the other, or the next, has to read.
What an iteration does with its vectors is held against its equations, function by function; which chunks are
summed, and when it stops, is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from sympy import Expr, IndexedBase, Integer

from derive.equation import Equation
from derive.program.lowering import plainly
from derive.program.sweeps import name_vector
from derive.proof import Proof
from derive.quantities import N, U, a, mu
from derive.theorems import levenberg_marquardt as lm
from derive.theorems import matrix_free as free
from derive.theorems.further import JACOBIAN_PRODUCT, TRANSPOSED_PRODUCT
from derive.theorems.trials import E, all_g, decrease, part_g, sums_over_chunks
from derive.verification.entries import Entries, Run
from derive.verification.expected import Knowledge, known
from derive.verification.further import FurtherEntries
from derive.verification.interpreter import Interpreter
from derive.verification.objects import FLOAT, Class, Instance
from derive.verification.source import Source
from derive.verification.values import Held, Memory, Refusal, View, place

PRODUCTS, FILE = "products.py", "matrix_free.py"


class SweepEntries:
    """The runs of ``Sweeps`` and ``JacobianOperator``, over the letters of the products."""

    def __init__(self, entries: FurtherEntries) -> None:
        self.entries, self.run = entries, entries.run
        where = (PRODUCTS, "pull_back")
        self.run.before[where] = partial(entries.meant, name="product", kind=TRANSPOSED_PRODUCT)
        self.run.after[where] = partial(entries.filled, name="product", kind=TRANSPOSED_PRODUCT)

    def all(self) -> Iterator[tuple[str, str, Run]]:
        """Yield the file, the name and the run of everything that is proved."""
        yield PRODUCTS, "Sweeps.along", self.sweeps
        yield PRODUCTS, "JacobianOperator.matvec", self.operator

    def _unpacked(self, p: View) -> Any:
        return self.run.call(self.run.function("parameters.py", "unpack"), [p], {})

    def sweeps(self) -> None:
        """Check both products at one point, in turn, twice."""
        entries = self.entries
        kind = self.run.global_name(self.run.sources[PRODUCTS], "Sweeps")
        if not isinstance(kind, Class):
            raise Refusal("products.py has no class Sweeps")
        memory = self.run.call(self.run.function(PRODUCTS, "sweep_memory"), [N, FLOAT], {})
        made = self.run.create(kind, [N, memory], {})
        X, weights = entries.samples(a), self._unpacked(entries.parameters())
        direction = self._unpacked(entries.direction())
        entries.method(made, "at", X, weights)
        for _ in range(2):
            entries.check(JACOBIAN_PRODUCT, entries.method(made, "along", X, weights, direction))
            filled = Memory(entries.count).whole()
            entries.method(made, "against", X, entries.weighting(), weights, self._unpacked(filled))
            entries.check(TRANSPOSED_PRODUCT, filled)

    def operator(self) -> None:
        """Check both methods of the operator, one after the other, twice."""
        entries, outputs = self.entries, self.entries.outputs
        function = self.run.function(PRODUCTS, "jacobian_operator")
        made = self.run.call(function, [entries.parameters(), entries.samples(a)], {})
        if not isinstance(made, Instance):
            raise Refusal("what is returned is not an operator")
        if made.attributes.get("shape") != (N * outputs, entries.count):
            raise Refusal("the shape of the operator is not that of the Jacobian")
        flat = Memory(N * outputs, constant=True)
        flat.held[Integer(0), N * outputs] = Held(U[place(0, N), place(1, outputs)], (N, outputs))
        letter = known(entries.equations[JACOBIAN_PRODUCT][-1]).letter
        for _ in range(2):
            found = entries.method(made, "matvec", entries.direction())
            if not isinstance(found, View) or not found.plain or found.shape != (N * outputs,):
                raise Refusal("what is returned is not J v, sample by sample")
            if not entries.knowledge.holds(found.memory.read(found.start, found.stop), letter):
                raise Refusal("what is returned is not J v, sample by sample")
            entries.check(TRANSPOSED_PRODUCT, entries.method(made, "rmatvec", flat.whole()))


# -- the iteration ---------------------------------------------------------------------------------------

_OVER_RESIDUALS = {"t": free.t, "E": E, "c": free.c, "r": lm.r}
_OVER_PARAMETERS = {
    **{"p": lm.p_old, "h": lm.h, "g": lm.g, "part_g": part_g},
    **{"f": free.f, "d": free.d, "B": free.B},
}
_NUMBERS = {"mu": mu, "nu": free.nu, "ridge": free.ridge, "alpha": free.alpha, "beta": free.beta}


class IterationEntries:
    """The functions of ``matrix_free.py``, each with the equations that it computes and no others."""

    def __init__(self, sources: Mapping[str, Source], proof: Proof) -> None:
        self.sources, self.proof = sources, proof
        self.runs: list[Interpreter] = []

    def all(self) -> Iterator[tuple[str, str, Run]]:
        """Yield the file, the name and the run of everything that is proved."""
        it = free.iteration()
        yield FILE, "weigh", partial(self._function, "weigh", (it.weigh,), {"c": free.c})
        yield FILE, "weigh", partial(self._function, "weigh", (it.weigh,), {"c": free.c}, alike=("c", "E"))
        for method in (False, True):
            name = "KrylovStep.complete" if method else "residual_of_system"
            yield FILE, name, partial(self._residual, it.residual, method)
            name = "KrylovStep.bend" if method else "curvature"
            yield FILE, name, partial(self._curvature, it.curvature, method)
        yield FILE, "squared", partial(self._function, "squared", (it.square,), {}, free.square)
        moved = {"h_new": free.h_next, "E": free.E_next}
        yield FILE, "advance", partial(self._function, "advance", (it.step, it.misfit), moved)
        yield FILE, "turn", partial(self._function, "turn", (it.direction,), {"d": free.d_next})
        yield FILE, "predicted_decrease", partial(self._decrease, it.decrease)
        yield FILE, "slope_along", partial(self._function, "slope_along", it.again, {"c": free.c}, free.slope)
        sums = sums_over_chunks()[1:]
        yield FILE, "accumulate", partial(self._function, "accumulate", sums, {"g": all_g})
        moved = {"f_new": free.f_next, "c": free.E_next, "h": free.h_next}
        yield FILE, "on_ray", partial(self._function, "on_ray", it.ray, moved)

    def _entries(self, equations: tuple[Equation, ...]) -> Entries:
        items = [plainly(equation) for equation in equations]
        knowledge = Knowledge(self.proof, items, lambda q: name_vector(q)[1])
        self.runs.append(Interpreter(self.sources, knowledge))
        return Entries(self.runs[-1], knowledge, self.proof)

    def _vectors(self, entries: Entries, names: list[str], filled: Iterable[str] = ()) -> dict[str, Any]:
        """Return what the arguments of these names hold; what is filled may hold something to begin with."""
        found: dict[str, Any] = {}
        for name in names:
            if name in _NUMBERS:
                found[name] = _NUMBERS[name]
            elif name in _OVER_RESIDUALS or name in _OVER_PARAMETERS:
                over = lm.M if name in _OVER_RESIDUALS else lm.s
                base: IndexedBase = (_OVER_RESIDUALS | _OVER_PARAMETERS)[name]
                lent = name not in (*filled, "c", "B")  # c and B are used up
                found[name] = entries.vector(base, over, constant=lent)
            else:
                found[name] = Memory(lm.s).whole()
        return found

    def _function(
        self,
        name: str,
        equations: tuple[Equation, ...],
        filled: Mapping[str, IndexedBase],
        result: Expr | None = None,
        alike: tuple[str, ...] = (),
    ) -> None:
        entries = self._entries(equations)
        function = entries.run.function(FILE, name)
        given = self._vectors(entries, [argument.arg for argument in function.node.args.args], filled)
        for other in alike[1:]:  # one array for both
            given[other] = given[alike[0]] = entries.vector(_OVER_RESIDUALS[other], lm.M, constant=False)
        if entries.run.call(function, [], given) != result:
            raise Refusal(f"what is returned is not {result}")
        for argument, letter in filled.items():
            over = lm.M if argument in _OVER_RESIDUALS else lm.s
            entries.is_letter(given[argument], letter[place(0, over)], str(letter))

    def _step(self, entries: Entries, names: list[str]) -> Instance:
        kind = entries.run.global_name(self.sources[FILE], "KrylovStep")
        if not isinstance(kind, Class):
            raise Refusal("matrix_free.py has no class KrylovStep")
        made = Instance(kind)
        made.attributes.update(self._vectors(entries, [*names, "ridge"]))
        return made

    def _residual(self, equation: Equation, method: bool) -> None:
        entries = self._entries((equation,))
        B = entries.vector(free.B, lm.s, constant=False)
        spare = Memory(lm.s).whole()
        if method:
            made = self._step(entries, ["h", "p"])
            made.attributes["spare"] = spare
            entries.method(made, "complete", B, mu)
        else:
            given = self._vectors(entries, ["h", "p", "mu", "ridge"]) | {"B": B, "work": (spare, spare)}
            entries.run.call(entries.run.function(FILE, "residual_of_system"), [], given)
        entries.is_letter(B, free.f[place(0, lm.s)], "the residual of the normal equations")

    def _curvature(self, equation: Equation, method: bool) -> None:
        entries = self._entries((equation,))
        if method:
            made = self._step(entries, ["c"])
            found = entries.method(made, "bend", entries.vector(free.d, lm.s), mu)
        else:
            given = self._vectors(entries, ["c", "d", "mu", "ridge"])
            found = entries.run.call(entries.run.function(FILE, "curvature"), [], given)
        if found != free.kappa:
            raise Refusal("what is returned is not the curvature (5.36)")

    def _decrease(self, equation: Equation) -> None:
        entries = self._entries((equation,))
        given = self._vectors(entries, ["g", "f", "h", "mu"]) | {"work": (Memory(lm.s).whole(),)}
        if entries.run.call(entries.run.function(FILE, "predicted_decrease"), [], given) != decrease:
            raise Refusal("what is returned is not the decrease (5.33)")
