"""The contents of the C target: one source, one header, a self-test, and a loader for Python.

A template places what it is given and adds no formula; every line of mathematics comes printed from loops.
``render`` is pure: the same architecture gives the same bytes in any process.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from sympy import Symbol

from derive.header import FOLDER, commented, header
from derive.numbered import cost_equation
from derive.own_cost import cost as cost_of
from derive.package import conventions
from derive.printers.c import FUNCTIONS, SELECTIONS, Block, Layout, block, exp_limits, expression, used
from derive.printers.text import equation_text
from derive.program.loops import Nest
from derive.program.routines import WEIGHTS
from derive.program.sample_loops import MAX_NORMAL_PARAMETERS, SampleLoops, has_step, sample_loops
from derive.proof import Proof
from derive.quantities import N
from derive.templating import environment

MAX_ON_STACK = 256  # larger arrays lie in the caller's memory


@dataclass(frozen=True)
class Body:
    """The inside of a function: pointers to what it reads and writes, local arrays, and its blocks."""

    pointers: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """All lines, without indentation."""
        found = list(self.pointers)
        for one in self.blocks:
            found += [*one.comment, *one.lines]
        return tuple(found)


class Memory:
    """How arrays lie in memory, and what a function declares to reach them by name.

    An inference needs the activations alone; gradient and step have structures that hold them as ``pass``.
    """

    def __init__(self, proof: Proof, loops: SampleLoops) -> None:
        self.sizes = proof.architecture.sizes
        self.total = proof.architecture.n_parameters
        self.kept = tuple(name for name in loops.made if name in loops.kept or self.size(name) > MAX_ON_STACK)
        self.parameters = {item.name: item for item in proof.architecture.parameters}
        self.deltas = tuple(f"d{layer}" for layer in range(2, proof.architecture.depth + 1))

    def size(self, name: str) -> int:
        """Return how many entries an array has: the greatest z and the sum of a softmax are one number."""
        return 1 if name[0] in "mq" else self.sizes[int(name[1:]) - 1]

    def layout(self, *, rows: bool) -> Layout:
        """Return the strides of every array; ``rows`` says whether deltas are those of every output."""
        single = ("x", "y", WEIGHTS, "r", "g", "h", "p", "p_new")
        strides: dict[str, tuple[int, ...]] = dict.fromkeys(single, (1,))
        for layer, width in enumerate(self.sizes, start=1):
            strides |= {f"{letter}{layer}": (1,) for letter in "zae"}
            strides |= {f"m{layer}": (), f"q{layer}": ()}
            strides[f"d{layer}"] = (width, 1) if rows else (1,)
        for name, item in self.parameters.items():
            inner = tuple(prod(item.shape[axis + 1 :]) for axis in range(len(item.shape)))
            strides |= {name: inner, f"g{name}": inner, f"J{name}": (self.total, *inner)}
        return Layout(strides | {"J": (self.total, 1)}, {"A": self.total})

    def declaration(self, name: str, written: bool, work: str) -> str:
        """Return the line that makes an array known by its name; nothing where it is an argument."""
        if name in self.kept:
            where = f"{'pass->' if work == 'pass' else 'work->pass.'}{name}"
        elif name in self.parameters:
            where = f"p + {self.parameters[name].start}"
        elif name[1:] in self.parameters:
            where = f"{'work->J' if name[0] == 'J' else 'g'} + {self.parameters[name[1:]].start}"
        elif name in self.deltas or (work == "work" and name in ("A", "J", "r", "g")):
            where = f"work->{name}"
        elif name[1:].isdigit():
            return f"real {name}[{self.size(name)}];"
        else:
            return ""
        return f"{'' if written else 'const '}real *restrict const {name} = {where};"

    def body(self, nests: Sequence[Nest], work: str, given: str, *, rows: bool = False) -> Body:
        """Return the inside of a function that has ``work``, or ``pass``, and is ``given`` arrays by name."""
        layout = self.layout(rows=rows)
        written = {name for nest in nests for name in nest.written}
        met = dict.fromkeys(name for nest in nests for name in sorted(nest.arrays))
        lines = [self.declaration(name, name in written, work) for name in met]
        blocks = tuple(block(nest, layout) for nest in nests)
        text = "\n".join([*lines, *(line for one in blocks for line in one.lines)])
        unused = [f"(void){name};" for name in given.split() if not re.search(rf"\b{name}\b", text)]
        return Body((*(line for line in lines if line), *unused), blocks)


def render(proof: Proof) -> dict[str, str]:
    """Return the files by name.

    Raises:
        NotProvedError: if anything in the proof failed; then nothing is rendered.
    """
    proof.require()
    templates = environment("c", FOLDER)
    context = _context(proof, sample_loops(proof))
    head = header(proof, templates, context, target="c")
    name = proof.architecture.package_name
    places = {
        f"{name}.h": ("net.h.j2", "//"),
        f"{name}.c": ("net.c.j2", "//"),
        f"{name}_test.c": ("net_test.c.j2", "//"),
        "__init__.py": ("__init__.py.j2", "#"),
    }
    files = {}
    for file, (template, sign) in places.items():
        files[file] = templates.get_template(template).render(header=commented(head, sign), **context)
    return files


def _context(proof: Proof, loops: SampleLoops) -> dict[str, Any]:
    architecture, network = proof.architecture, proof.network
    memory = Memory(proof, loops)
    terms = cost_of(architecture.cost)
    step = loops.step
    bodies = {
        "propagate": memory.body(loops.propagate, "pass", "p x"),
        "sample_cost": memory.body(loops.cost, "pass", "y"),
        "backpropagate": memory.body(loops.deltas, "work", "p y"),
        "gradient": memory.body(loops.gradient, "", "x g"),
        "descend": memory.body(loops.descend, "", "x p"),
    }
    if step is not None:
        bodies |= {
            "rows": memory.body((*step.residual, *step.rows), "work", "p x y", rows=True),
            "start": memory.body(step.start, "work", "mu"),
            "add": memory.body(step.add, "work", ""),
            "move": memory.body(step.move, "", "p h"),
        }
    blocks = [one for body in bodies.values() for one in body.blocks]
    in_words = {N: Symbol("count")}
    outputs = architecture.sizes[-1]
    return {
        "name": architecture.package_name,
        "NAME": architecture.package_name.upper(),
        "label": architecture.label,
        "n_inputs": architecture.sizes[0],
        "n_outputs": outputs,
        "sizes": architecture.sizes,
        "n_parameters": memory.total,
        "parameters": architecture.parameters,
        "kept": [(array, memory.size(array)) for array in memory.kept],
        "deltas": [(array, memory.size(array)) for array in memory.deltas],
        "row_deltas": [(array, outputs * memory.size(array)) for array in memory.deltas],
        "half": memory.total * (memory.total + 1) // 2,
        "last": f"a{architecture.depth}",
        "weights": [expression(weight + 0) for weight in terms.weights],
        "targets": terms.targets,
        "cost_equation": equation_text(cost_equation(network)),
        "finish": expression(loops.finish.xreplace(in_words)),
        "share": expression(loops.share.xreplace(in_words)),
        "counted": loops.share.has(N),
        "conventions": conventions(architecture),
        "step": step is not None,
        "no_step": _no_step(proof),
        "functions": sorted(
            {*used(blocks, [name.upper() for name in FUNCTIONS]), *(["SQRT"] if step else [])}
        ),
        "selections": used(blocks, SELECTIONS),
        "limits": exp_limits(blocks),
        **bodies,
    }


def _no_step(proof: Proof) -> str:
    """Say why there is no Levenberg-Marquardt step; empty if there is one."""
    if has_step(proof):
        return ""
    if not proof.squares:
        return "the C target has it for the quadratic cost alone"
    return f"it has more than {MAX_NORMAL_PARAMETERS} parameters"
