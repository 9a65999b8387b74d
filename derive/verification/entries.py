"""What is run, on which inputs, and what must come out: every function of a package that computes something.

Inputs are letters: X holds a[1]_ik, Y holds y_ij, p holds w and b block by block. What comes out must be the
derived quantity, entry for entry. ``PARTS`` lists the runs in the order in which one rests on another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sympy import Expr, Indexed, IndexedBase, Integer

from derive.network import array_of
from derive.program.lowering import plainly
from derive.program.routines import WEIGHTS, name_array
from derive.proof import Proof
from derive.quantities import C, Cost, N, Partial, a, eta, mu, y
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.descent import gradient as descent_gradient
from derive.verification.expected import Knowledge, known
from derive.verification.interpreter import Interpreter
from derive.verification.objects import FLOAT, Class, Frame, Instance
from derive.verification.values import Held, Lost, Memory, Refusal, View, place

Run = Callable[[], None]


class Letters(dict[str, list[Expr]]):
    """The letters of each kind, in the order of p, found when they are asked for."""

    def __init__(self, find: Callable[[str], list[Expr]]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, kind: str) -> list[Expr]:
        self[kind] = self._find(kind)
        return self[kind]


class Entries:
    """The runs for one package."""

    def __init__(self, run: Interpreter, knowledge: Knowledge, proof: Proof) -> None:
        self.run, self.knowledge, self.proof = run, knowledge, proof
        self.sizes = proof.architecture.sizes
        self.count = Integer(proof.architecture.n_parameters)
        self.squares = proof.squares
        self.blocks = {item.name: item for item in proof.architecture.parameters}
        self.last = Integer(proof.architecture.depth)
        self.outputs = Integer(self.sizes[-1])
        self._letters = Letters(self._letters_of)
        run.after[("forward.py", "propagate")] = self._propagated
        run.after[("forward.py", "subtract_output")] = self._subtracted
        run.before[("gradient.py", "backpropagate")] = lambda frame: self.meant(frame, "gradient", "g")
        run.before[("lm_step.py", "differentiate")] = lambda frame: self.meant(frame, "rows", "J")
        run.after[("gradient.py", "backpropagate")] = lambda frame: self.filled(frame, "gradient", "g")
        run.after[("lm_step.py", "differentiate")] = lambda frame: self.filled(frame, "rows", "J")

    # -- inputs -----------------------------------------------------------------------------------------

    def samples(self, base: IndexedBase) -> View:
        """Return X or Y."""
        first = base == a
        size = Integer(self.sizes[0] if first else self.sizes[-1])
        indices = (place(0, N), place(1, size))
        letter = a[(1, *indices)] if first else y[indices]
        held: dict[Any, Held | Lost] = {(Integer(0), size): Held(letter, (N, size))}
        return Memory(size, (N,), held, constant=True).whole()

    def parameters(self) -> View:
        """Return p, which holds every W and b."""
        held: dict[Any, Held | Lost] = {}
        for block, letter in zip(self.blocks.values(), self._letters["parameter"], strict=True):
            held[Integer(block.start), Integer(block.stop)] = Held(letter, tuple(map(Integer, block.shape)))
        return Memory(self.count, (), held, constant=True).whole()

    def vector(self, base: IndexedBase, *extents: Expr, constant: bool = True) -> View:
        """Return an array of letters such as J_qp."""
        letter = base[tuple(place(k, extent) for k, extent in enumerate(extents))]
        memory = Memory(extents[-1], extents[:-1], constant=constant)
        memory.held[Integer(0), extents[-1]] = Held(letter, extents)
        return memory.whole()

    def _letters_of(self, kind: str) -> list[Expr]:
        """Return the letter of each parameter, or of the derivative in it, in the order of p."""
        parameters = self.proof.network.each_parameter
        if kind == "parameter":
            return [_of_parameter(parameter) for parameter in parameters]
        rows = {"g": self.proof.mean, "J": self.proof.output}
        rows["U"] = () if self.proof.curved is None else self.proof.curved.rows
        equations = (derived.equation for derived in rows[kind])
        found = {array_of(item.lhs.v): item for item in equations if isinstance(item.lhs, Partial)}
        for parameter in parameters:
            if array_of(parameter) not in found:
                raise Refusal(f"the proof has no derivative in {parameter}")
        return [known(plainly(found[array_of(parameter)])).letter for parameter in parameters]

    # -- runs -------------------------------------------------------------------------------------------

    def all(self) -> Iterator[tuple[str, str, Run]]:
        """Yield the file, the name and the run of everything that is proved."""
        yield from (
            ("parameters.py", "N_PARAMETERS", self.constants),
            ("parameters.py", "unpack", self.unpacked),
            ("forward.py", "ForwardWorkspace.forward", lambda: self._forward(self._made("Forward"))),
            ("forward.py", "ForwardWorkspace.cost", lambda: self._cost(self._made("Forward"))),
            ("forward.py", "ForwardWorkspace.sample_costs", self.sample_costs),
            ("gradient.py", "GradientWorkspace.gradient", self.gradient),
            ("gradient.py", "GradientWorkspace.cost_and_gradient", self.cost_and_gradient),
            ("lm_step.py", "JacobianWorkspace.jacobian", self.jacobian),
            ("lm_step.py", "JacobianWorkspace.residual_and_jacobian", self.residual_and_jacobian),
            ("forward.py", "forward", lambda: self._forward(None)),
            ("forward.py", "cost", lambda: self._cost(None)),
            ("gradient.py", "gradient", lambda: self._check_g(self._public("gradient.py", "gradient"))),
            ("gradient.py", "cost_and_gradient", self.public_cost_and_gradient),
            ("lm_step.py", "residual", lambda: self._check_r(self._public("lm_step.py", "residual"))),
            ("lm_step.py", "jacobian", self.public_jacobian),
        )
        if self.squares:  # else no file has a Levenberg-Marquardt step
            yield from self._steps()
        if self.proof.curved is not None:
            from derive.verification.curved import CurvedEntries

            yield from CurvedEntries(self).all()

    def _steps(self) -> Iterator[tuple[str, str, Run]]:
        yield from (
            ("lm_step.py", "solve_primal", lambda: self.step("solve_primal")),
            ("lm_step.py", "solve_dual", lambda: self.step("solve_dual")),
            ("lm_step.py", "solve", lambda: self.step("solve")),
            ("lm_step.py", "lm_step_primal", lambda: self.public_step("lm_step_primal")),
            ("lm_step.py", "lm_step_dual", lambda: self.public_step("lm_step_dual")),
        )

    def _made(self, kind: str) -> Instance:
        file = {"Forward": "forward.py", "Gradient": "gradient.py", "Jacobian": "lm_step.py"}[kind]
        return self.made(f"{kind}Workspace", file)

    def made(self, name: str, file: str) -> Instance:
        """Return a workspace of a class for N samples."""
        found = self.run.global_name(self.run.sources[file], name)
        if not isinstance(found, Class):
            raise Refusal(f"{file} has no class {name}")
        return self.run.create(found, [N, FLOAT], {})

    def method(self, made: Instance, name: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a method of an object."""
        return self.run.call(self.run.attribute(made, name), arguments, keywords)

    def _public(self, file: str, name: str, *more: Any) -> Any:
        function = self.run.function(file, name)
        given = [self.parameters(), self.samples(a)]
        if len(function.node.args.args) > 2:
            given.append(self.samples(y))
        return self.run.call(function, [*given, *more], {})

    def constants(self) -> None:
        """Check the numbers that stand at the top of files."""
        parameters = self.run.sources["parameters.py"]
        if self.run.global_name(parameters, "N_PARAMETERS") != self.count:
            raise Refusal(f"N_PARAMETERS is not {self.count}")
        if self.run.global_name(parameters, "SIZES") != tuple(map(Integer, self.sizes)):
            raise Refusal(f"SIZES is not {self.sizes}")
        if self.run.global_name(parameters, "NAMES") != tuple(self.blocks):
            raise Refusal("NAMES is not the list of parameters in the order of p")
        if self.run.global_name(self.run.sources["lm_step.py"], "N_OUTPUTS") != self.outputs:
            raise Refusal(f"N_OUTPUTS is not {self.outputs}")
        if self.knowledge.weights and not isinstance(self.run.global_name(parameters, WEIGHTS), View):
            raise Refusal(f"{WEIGHTS} does not hold the weights of the outputs")

    def unpacked(self) -> None:
        """Check unpack, and Views, which remembers what it unpacked last, and before."""
        source = self.run.sources["parameters.py"]
        self._check_views(
            self.run.call(self.run.function("parameters.py", "unpack"), [self.parameters()], {})
        )
        kind = self.run.global_name(source, "Views")
        if not isinstance(kind, Class):
            raise Refusal("parameters.py has no class Views")
        made = self.run.create(kind, [FLOAT], {})
        first, second, third = self.parameters(), self.parameters(), self.parameters()
        for p in (first, first, second, first, second, third, second, first):
            views = self.method(made, "of", p)
            self._check_views(views)
            if any(view.memory is not p.memory for view in views):
                raise Refusal("Views.of gives the views of another array")

    def _check_views(self, views: Any) -> None:
        if not isinstance(views, tuple) or len(views) != len(self.blocks):
            raise Refusal(f"expected {len(self.blocks)} views of p")
        for view, letter, name in zip(views, self._letters["parameter"], self.blocks, strict=True):
            if not isinstance(view, View) or view.read().expr != letter:
                raise Refusal(f"the view for {name} holds something else")

    def _forward(self, made: Instance | None) -> None:
        if made is None:
            result = self._public("forward.py", "forward")
        else:
            result = self.method(made, "forward", self.parameters(), self.samples(a))
        self.is_letter(result, a[(self.last, place(0, N), place(1, self.outputs))], "F(X)")

    def _cost(self, made: Instance | None) -> None:
        if made is None:
            result = self._public("forward.py", "cost")
        else:
            result = self.method(made, "cost", self.parameters(), self.samples(a), self.samples(y))
        self._check_cost(result)

    def _check_cost(self, result: Any) -> None:
        if result != Cost:
            raise Refusal("what is returned is not the cost (0.4)")

    def sample_costs(self) -> None:
        """Check the costs of single samples."""
        made = self._made("Forward")
        result = self.method(made, "sample_costs", self.parameters(), self.samples(a), self.samples(y))
        self.is_letter(result, C[place(0, N)], "the cost of every sample (0.7)")

    def gradient(self) -> None:
        """Check the gradient, into the workspace's own array and into one that is given."""
        given = (self.parameters(), self.samples(a), self.samples(y))
        self._check_g(self.method(self._made("Gradient"), "gradient", *given))
        out = Memory(self.count).whole()
        result = self.method(self._made("Gradient"), "gradient", *given, out=out)
        self._same(result, out)
        self._check_g(result)

    def cost_and_gradient(self) -> None:
        """Check both, likewise."""
        given = (self.parameters(), self.samples(a), self.samples(y))
        result = self.method(self._made("Gradient"), "cost_and_gradient", *given)
        self._check_pair(result)
        out = Memory(self.count).whole()
        result = self.method(self._made("Gradient"), "cost_and_gradient", *given, out=out)
        self._check_pair(result)
        self._same(result[1], out)

    def public_cost_and_gradient(self) -> None:
        """Check the function of that name."""
        self._check_pair(self._public("gradient.py", "cost_and_gradient"))

    def _check_pair(self, result: Any) -> None:
        if not isinstance(result, tuple) or len(result) != 2:
            raise Refusal("expected a cost and a gradient")
        self._check_cost(result[0])
        self._check_g(result[1])

    def _same(self, result: Any, out: View) -> None:
        if result is not out:
            raise Refusal("what is returned is not the array that was given")

    def jacobian(self) -> None:
        """Check the Jacobian."""
        self._check_J(self.method(self._made("Jacobian"), "jacobian", self.parameters(), self.samples(a)))

    def public_jacobian(self) -> None:
        """Check the function of that name."""
        self._check_J(self._public("lm_step.py", "jacobian"))

    def residual_and_jacobian(self) -> None:
        """Check both."""
        given = (self.parameters(), self.samples(a), self.samples(y))
        result = self.method(self._made("Jacobian"), "residual_and_jacobian", *given)
        if not isinstance(result, tuple) or len(result) != 2:
            raise Refusal("expected a residual and a Jacobian")
        self._check_r(result[0])
        self._check_J(result[1])

    def step(self, name: str) -> None:
        """Check a Levenberg-Marquardt step, given J and r."""
        given = [self.vector(lm.p_old, lm.s), self.vector(lm.J, lm.M, lm.s), self.vector(lm.r, lm.M), mu]
        result = self.run.call(self.run.function("lm_step.py", name), given, {})
        self.is_letter(result, lm.p_new[place(0, lm.s)], "p + h")

    def public_step(self, name: str) -> None:
        """Check that a step is taken with the residual and the Jacobian at p."""
        p = self.parameters()
        moved = self.vector(lm.p_new, lm.s)

        def solved(*arguments: Any) -> View:
            if len(arguments) != 4 or getattr(arguments[0], "memory", None) is not p.memory:
                raise Refusal("the step starts from something other than p")
            self._check_J(arguments[1])
            self._check_r(arguments[2])
            if arguments[3] != mu:
                raise Refusal("the damping is not mu")
            return moved

        solvers = [("lm_step.py", key) for key in ("solve", "solve_primal", "solve_dual")]
        wanted = f"solve{name.removeprefix('lm_step')}"
        self.run.contracts = {key: solved for key in solvers if key[1] == wanted}
        try:
            given = [p, self.samples(a), self.samples(y), mu]
            result = self.run.call(self.run.function("lm_step.py", name), given, {})
        finally:
            self.run.contracts = {}
        if result is not moved:
            raise Refusal("what is returned is not the new p")

    def descend(self) -> None:
        """Check the descent step, in place; its p' and g are not those of a Levenberg-Marquardt step."""
        p = self.vector(lm.p_old, lm.s, constant=False)
        g = self.vector(descent_gradient, lm.s, constant=False)
        self.run.call(self.run.function("train.py", "descend"), [p, g, eta], {})
        self.is_letter(p, lm.p_new[place(0, lm.s)], "p - eta g")

    # -- what must hold ---------------------------------------------------------------------------------

    def is_letter(self, result: Any, letter: Indexed, what: str) -> None:
        """Check that what a function returns is the value of a letter."""
        if not isinstance(result, View):
            raise Refusal(f"what is returned is not {what}")
        value = result.read()
        if not result.plain or not self.knowledge.holds(Held(value.expr, value.leaves), letter):
            raise Refusal(f"what is returned is not {what}")

    def _check_g(self, result: Any) -> None:
        self.check_blocks(result, "g", (self.count,))

    def _check_J(self, result: Any) -> None:
        self.check_blocks(result, "J", (N * self.outputs, self.count))

    def check_blocks(self, result: Any, kind: str, shape: tuple[Expr, ...]) -> None:
        """Check a gradient or a Jacobian, block by block in the order of p."""
        name = "the gradient" if kind == "g" else "the Jacobian"
        if not isinstance(result, View) or not result.plain or result.shape != shape:
            raise Refusal(f"what is returned is not {name}")
        for (block, item), letter in zip(self.blocks.items(), self._letters[kind], strict=True):
            held = result.memory.held.get((Integer(item.start), Integer(item.stop)))
            if not isinstance(held, Held) or not self.knowledge.holds(held, letter):
                number = self.knowledge.of(letter).number
                raise Refusal(f"{kind}{block} does not hold the derivative ({number})")

    def _check_r(self, result: Any) -> None:
        if not isinstance(result, View) or not result.plain or result.shape != (N * self.outputs,):
            raise Refusal("what is returned is not the residual (0.5)")
        held = result.memory.read(result.start, result.stop)
        if not self.knowledge.holds(held, lm.r[place(0, N), place(1, self.outputs)]):
            raise Refusal("what is returned is not the residual (0.5)")

    # -- after a function has run ------------------------------------------------------------------------

    def _propagated(self, frame: Frame) -> None:
        """Every activation must lie where its place in the tuple says, or be lost to a later one."""
        activations = frame.names.get("activations")
        if not isinstance(activations, tuple) or len(activations) != len(self.knowledge.kept):
            raise Refusal(f"expected {len(self.knowledge.kept)} activations")
        spare = tuple(frame.names.get("spare", ()))
        for position, (view, letter) in enumerate(
            zip(activations, self.knowledge.kept, strict=True), start=1
        ):
            held = view.memory.held.get((view.start, view.stop))
            if isinstance(held, Held) and self.knowledge.holds(held, letter):
                continue
            others = (v for v in activations[position:] + spare if isinstance(v, View) and v is not view)
            if not any(v.memory is view.memory for v in others):
                name, number = name_array(letter)[0], self.knowledge.of(letter).number
                raise Refusal(f"({number}) does not follow for {name}: it holds something else")

    def _subtracted(self, frame: Frame) -> None:
        self.holds(frame.names.get("r"), lm.r[place(0, N), place(1, self.outputs)], "r")

    def meant(self, frame: Frame, name: str, kind: str) -> None:
        """Say which derivative each array of a tuple is meant for."""
        given = frame.names.get(name)
        for view, letter in zip(given if isinstance(given, tuple) else (), self._letters[kind], strict=False):
            if isinstance(view, View):
                view.memory.wanted[view.start, view.stop] = letter

    def filled(self, frame: Frame, name: str, kind: str) -> None:
        """Check each array of a tuple once a function has filled them."""
        given = frame.names.get(name)
        if not isinstance(given, tuple) or len(given) != len(self.blocks):
            raise Refusal(f"expected {len(self.blocks)} arrays to fill")
        for view, letter, block in zip(given, self._letters[kind], self.blocks, strict=True):
            self.holds(view, letter, f"{kind}{block}")

    def holds(self, view: Any, letter: Expr, name: str) -> None:
        """Check that an array holds the value of a letter."""
        held = view.memory.held.get((view.start, view.stop)) if isinstance(view, View) else None
        if not isinstance(held, Held) or not self.knowledge.holds(held, letter):
            raise Refusal(f"({self.knowledge.of(letter).number}) does not follow for {name}")


def _of_parameter(parameter: Indexed) -> Expr:
    """Return an entry of an array of parameters in canonical indices."""
    letter, lead = array_of(parameter)
    neurons = parameter.indices[len(lead) :]
    return letter[(*lead, *(place(k, index.upper) for k, index in enumerate(neurons)))]
