"""Verification of the C target: its functions against the derived equations, the rest against the generator.

The functions that hold mathematics are read back, loop nest by loop nest, and what each computes is compared
with the derived equation of the array that it fills. What stands around them - loops over samples, Cholesky's
method, training, the self-test and the loader - must be what the generator writes, character by character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from sympy import Expr, Indexed, Integer, Sum, Symbol

from derive.numbered import residual_equation
from derive.proof import Proof
from derive.quantities import Index, IndexedBase, N, Partial, eta, mu, total
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.descent import descent_update
from derive.theorems.descent import gradient as descent_gradient
from derive.verification.c_arrays import ROWS, SAMPLE, Equation, OneSample, family, places_of
from derive.verification.c_loops import Array, CRefusal, Loops, Written
from derive.verification.c_source import (
    CStatement,
    CSyntaxError,
    Point,
    Reserve,
    Return,
    expression,
    statements,
)
from derive.verification.frame import Frame, compared, frame
from derive.verification.report import Finding, Proved, Report
from derive.verification.spelling import as_code

TOTAL = Symbol("total")
FUNCTION = re.compile(
    r"^static [^\n]*?\b(\w+)\((?:[^{}]*?)\)\n\{\n(.*?)^\}\n", flags=re.MULTILINE | re.DOTALL
)


class Reader:
    """Reads the functions of one source file and compares them with a proof."""

    def __init__(self, one: OneSample, file: str, text: str) -> None:
        self.one, self.proof, self.file, self.text = one, one.proof, file, text
        self.findings: list[Finding] = []
        self.proved: list[Proved] = []
        self.lines = text.splitlines()
        self.functions = {found[1]: found for found in FUNCTION.finditer(text)}

    def line_of(self, name: str) -> int:
        """Return the line in which the inside of a function begins."""
        return self.text.count("\n", 0, self.functions[name].start(2)) + 1

    def read(self, name: str) -> tuple[CStatement, ...]:
        """Return the statements of a function."""
        if name not in self.functions:
            raise CRefusal(1, f"the function {name} is missing")
        return statements(self.functions[name][2], self.line_of(name))

    def attempt(self, name: str, check: Callable[[], tuple[int, set[str]]]) -> None:
        """Run one check and keep what it says."""
        try:
            count, numbers = check()
            self.proved.append(Proved(self.file, name, count, tuple(sorted(numbers))))
        except (CRefusal, CSyntaxError) as refusal:
            shown = self.lines[refusal.line - 1].strip() if refusal.line <= len(self.lines) else ""
            self.findings.append(Finding(self.file, refusal.line, shown, "", str(refusal)))

    # -- the functions ----------------------------------------------------------------------------------

    def all(self) -> Report:
        """Read every function."""
        one, steps = self.one, self.proof.squares and "differentiate" in self.functions
        known = {"x", "OMEGA", *(name for name, _ in one.places())}
        forward = {f"{letter}{layer}" for layer in range(2, len(one.sizes) + 1) for letter in "zamqe"}
        left: set[str] = set()

        def propagate() -> tuple[int, set[str]]:
            return self.equations("propagate", one.forward, known, "pass->", left)

        self.attempt("propagate", propagate)
        left &= forward
        self.attempt("add_cost", lambda: self.cost(left))
        for name, equations, share in (("eta C", one.scaled, eta), ("the cost", one.mean, self.share())):
            filled = known | left | {"y"}

            wanted = [item for item in equations if not isinstance(item.left, Partial)]
            home = "work->pass."
            run = partial(self.equations, "backpropagate", wanted, filled, home, set(), eta_is=share)
            self.attempt(f"backpropagate, of {name}", run)
        after = left | {"x"} | {f"d{layer}" for layer in range(2, len(one.sizes) + 1)}
        self.attempt("add_gradient", lambda: self.gradient(after))
        self.attempt("descend", lambda: self.descend(after))
        if steps:
            self.attempt("differentiate", lambda: self.differentiate(known | left | {"y"}))
            self.attempt("start_system, add_system", self.system)
            self.attempt("move", self.move)
        return Report(str(self.proof.architecture), tuple(self.proved), tuple(dict.fromkeys(self.findings)))

    def equations(
        self,
        name: str,
        wanted: list[Equation],
        filled: set[str],
        home: str,
        left: set[str],
        *,
        rows: bool = False,
        eta_is: Expr = eta,
    ) -> tuple[int, set[str]]:
        """Prove a function that fills arrays, each by its equation; those that outlive it go to ``left``."""
        arrays = self.one.arrays(rows=rows)
        loops = Loops(arrays, set(filled), {"eta": eta_is} if name == "backpropagate" else {})
        numbers: set[str] = set()
        local: set[str] = set()
        missing = {family(item.left) for item in wanted}
        count = 0
        for statement in self.read(name):
            count += 1
            if isinstance(statement, Reserve):
                self.reserve(statement, arrays, filled)
                loops.declare(statement.name, statement.line)
                local.add(statement.name)
                continue
            if isinstance(statement, Point):
                self.point(statement, home, loops)
                continue
            for written in loops.run(statement):
                letter = arrays[written.name].quantity(*written.axes)
                item = next((item for item in wanted if family(item.left) == family(letter)), None)
                if item is None or written.operation != "=":
                    raise CRefusal(written.line, f"fills {written.name}, which no equation gives here")
                self.same(written.line, item, letter, written.value)
                loops.filled.add(written.name)
                missing.discard(family(item.left))
                numbers.add(item.number)
        if missing:
            raise CRefusal(self.line_of(name), f"{name} leaves out {len(missing)} of its equations")
        left.update(loops.filled - local)
        return count, numbers

    def same(self, line: int, item: Equation, letter: Expr, value: Expr) -> None:
        """Decide that a value is what an equation says."""
        names = dict(zip(places_of(item.left), places_of(letter), strict=True))
        names = {old: new for old, new in names.items() if isinstance(old, Index)}
        if self.key(value) != self.key(item.right.xreplace(names)):
            raise CRefusal(line, f"({item.number}) does not follow: it is not what this computes")

    def key(self, expr: Expr) -> str:
        """Return the normal form."""
        return self.one.knowledge.key(expr)

    def cost(self, left: set[str]) -> tuple[int, set[str]]:
        """Prove the cost of all samples: what one adds, and the share of the total."""
        loops = Loops(self.one.arrays(rows=False), left | {"y", "OMEGA"}, {})
        loops.numbers["total"] = TOTAL
        found: Expr = TOTAL
        line = 1
        body = self.read("add_cost")
        for statement in body:
            line = statement.line
            if isinstance(statement, Point):
                self.point(statement, "pass->", loops)
            elif isinstance(statement, Return):
                found = loops.value(statement.value, line)
            elif loops.run(statement):
                raise CRefusal(line, "fills an array")
        i = Index("i", N)
        added = total((found - TOTAL).xreplace({SAMPLE: i}), i)
        share = self.printed(
            r"^    return (.*total.*);$", {"total": added, "count": N}, after=r"^real \w+_cost\("
        )
        if (found - TOTAL).has(TOTAL) or self.key(share) != self.key(as_code(self.one.cost.rhs)):
            raise CRefusal(line, "(0.4) does not follow: it is not what this computes")
        return len(body), {self.one.cost.equation.number}

    def share(self) -> Expr:
        """Return what the gradient of all samples takes for eta."""
        try:
            return self.printed(
                r"^    const real share = (.*);$", {"count": N}, after=r"^void \w+_gradient\("
            )
        except (CRefusal, CSyntaxError) as refusal:
            self.findings.append(Finding(self.file, refusal.line, "", "", str(refusal)))
            return eta

    def printed(self, pattern: str, numbers: Mapping[str, Expr], after: str) -> Expr:
        """Return what an expression in the code around the equations means."""
        begins = re.search(after, self.text, flags=re.MULTILINE)
        found = begins and re.compile(pattern, flags=re.MULTILINE).search(self.text, begins.start())
        if not found:
            raise CRefusal(1, "the share of each sample is missing")
        line = self.text.count("\n", 0, found.start()) + 1
        return Loops({}, set(), numbers).value(expression(found[1], line), line)

    def gradient(self, filled: set[str]) -> tuple[int, set[str]]:
        """Prove that the terms of all samples add up to the derivative of the cost in every parameter."""
        arrays, i = self.one.arrays(rows=False), Index("i", N)
        wanted = [item for item in self.one.mean if isinstance(item.left, Partial)]

        def check(written: Written, letter: Expr, item: Equation) -> None:
            added = total(written.value.xreplace({SAMPLE: i}), i)
            if written.operation != "+=":
                raise CRefusal(written.line, "does not add to the gradient")
            self.same(written.line, item, letter, added)

        return self.blocks("add_gradient", arrays, filled, wanted, check, lambda name: f"g{name}")

    def descend(self, filled: set[str]) -> tuple[int, set[str]]:
        """Prove that every parameter moves by (3.1), from deltas of eta C."""
        update = descent_update()
        (p,) = update.lhs.indices
        wanted = []
        for item in self.one.scaled:
            if isinstance(item.left, Partial):
                (sample,) = item.left.f.indices
                right = item.right.xreplace({sample: SAMPLE}) / eta
                step = {descent_gradient[p]: right, lm.p_old[p]: item.left.v}
                number = f"{item.number}, {update.number}"
                wanted.append(Equation(number, item.left.v, update.rhs.xreplace(step)))

        def check(written: Written, letter: Expr, item: Equation) -> None:
            sign = {"+=": 1, "-=": -1}.get(written.operation)
            if sign is None:
                raise CRefusal(written.line, "does not move the parameter")
            self.same(written.line, item, letter, letter + sign * written.value)

        return self.blocks("descend", self.one.arrays(rows=False), filled, wanted, check, str)

    def blocks(
        self,
        name: str,
        arrays: dict[str, Array],
        filled: set[str],
        wanted: list[Equation],
        check: Callable[[Written, Expr, Equation], None],
        named: Callable[[str], str],
    ) -> tuple[int, set[str]]:
        """Prove a function that changes one array for each array of parameters."""
        loops, numbers = Loops(arrays, set(filled), {}), set[str]()
        missing = {named(parameter) for parameter, _ in self.one.places()}
        body = self.read(name)
        for statement in body:
            if isinstance(statement, Point):
                self.point(statement, "work->pass.", loops)
                continue
            for written in loops.run(statement):
                if written.name not in missing:
                    raise CRefusal(written.line, f"changes {written.name}, which is not expected here")
                missing.discard(written.name)
                letter = arrays[written.name].quantity(*written.axes)
                item = next(item for item in wanted if family(item.left) == family(letter))
                check(written, letter, item)
                loops.filled.discard(written.name)  # a parameter that has moved is no longer what it was
                numbers.add(item.number)
        if missing:
            raise CRefusal(self.line_of(name), f"{name} leaves out {', '.join(sorted(missing))}")
        return len(body), numbers

    def differentiate(self, filled: set[str]) -> tuple[int, set[str]]:
        """Prove the residual and the rows of the Jacobian of one sample."""
        residual = residual_equation(self.proof.network)
        wanted = [Equation(residual.number, residual.lhs, as_code(residual.rhs)), *self.one.rows]
        return self.equations("differentiate", wanted, filled, "work->pass.", set(), rows=True)

    def system(self) -> tuple[int, set[str]]:
        """Prove that what is there at first and what the samples add are the normal equations."""
        arrays, step = self.one.flat("A", "g", "J", "r"), self.proof.step
        count, values = 0, dict[str, Expr]()
        lines: dict[str, int] = {}
        axes: dict[str, tuple[Index, ...]] = {}
        i = Index("i", N)
        for name, operation in (("start_system", "="), ("add_system", "+=")):
            loops = Loops(arrays, {"J", "r"}, {"mu": mu} if operation == "=" else {})
            met = set()
            for statement in self.read(name):
                count += 1
                if isinstance(statement, Point):
                    self.point(statement, "work->", loops)
                    continue
                for written in loops.run(statement):
                    if written.operation != operation or written.name in met or written.name not in "Ag":
                        raise CRefusal(written.line, f"changes {written.name} in a way that is not known")
                    met.add(written.name)
                    lines[written.name] = written.line
                    given = axes.setdefault(written.name, written.axes)
                    value = written.value.xreplace(dict(zip(written.axes, given, strict=True)))
                    if operation == "+=":
                        value = values[written.name] + total(value.xreplace({SAMPLE: i}), i)
                    values[written.name] = value
            if met != {"A", "g"}:
                raise CRefusal(self.line_of(name), f"{name} leaves out A or g")
        for name, equation in (("A", step.normal_matrix), ("g", step.right_side)):
            right = self.over_samples(equation.rhs)
            places = equation.lhs.indices
            letter = IndexedBase(name)[axes[name]]
            self.same(lines[name], Equation(equation.number, equation.lhs, right), letter, values[name])
            if name == "A":  # only a half is computed
                swapped = right.xreplace(dict(zip(places, reversed(places), strict=True)))
                if self.key(right) != self.key(swapped):
                    raise CRefusal(lines[name], f"({equation.number}) is not symmetric")
        return count, {step.normal_matrix.number, step.right_side.number}

    def over_samples(self, expr: Expr) -> Expr:
        """Write a sum over all residuals as a sum over the samples and their outputs."""
        if isinstance(expr, Sum) and expr.limits[0][0].upper == lm.M:
            ((q_, _, _),) = expr.limits
            i, c = Index("i", N), Index("c", Integer(self.one.sizes[-1]))

            def entry(node: Expr) -> Expr:
                if node.base == lm.J:
                    return ROWS[i, c, node.indices[1]]
                return lm.r[i, c]

            body = expr.function.replace(lambda node: isinstance(node, Indexed) and node.has(q_), entry)
            return total(body, i, c)
        if expr.is_Atom or isinstance(expr, Indexed):
            return expr
        return expr.func(*map(self.over_samples, expr.args))

    def move(self) -> tuple[int, set[str]]:
        """Prove (2.4)."""
        update, arrays = self.proof.step.update, self.one.flat("p", "h", "p_new")
        loops, found = Loops(arrays, {"p", "h"}, {}), list[Written]()
        body = self.read("move")
        for statement in body:
            found += loops.run(statement)
        if [(item.name, item.operation) for item in found] != [("p_new", "=")]:
            raise CRefusal(self.line_of("move"), "does not fill p_new")
        letter = lm.p_new[found[0].axes]
        self.same(found[0].line, Equation(update.number, update.lhs, update.rhs), letter, found[0].value)
        return len(body), {update.number}

    # -- memory -----------------------------------------------------------------------------------------

    def reserve(self, statement: Reserve, arrays: Mapping[str, Array], filled: set[str]) -> None:
        """Check that a local array is as long as it must be."""
        if statement.name not in arrays or statement.name in filled:
            raise CRefusal(statement.line, f"reserves {statement.name}, which is not known")
        needed = 1
        for size in arrays[statement.name].sizes:
            needed *= size
        if statement.size != needed:
            raise CRefusal(statement.line, f"expected {needed} numbers in {statement.name}")

    def point(self, statement: Point, home: str, loops: Loops) -> None:
        """Check that a name stands for the memory of its array, and make it known."""
        loops.declare(statement.name, statement.line)
        starts = dict(self.one.places())
        name, where = statement.name, statement.where
        if name in starts:
            wanted = f"p+{starts[name]}"
        elif name[1:] in starts:
            wanted = f"{'work->J' if name[0] == 'J' else 'g'}+{starts[name[1:]]}"
        elif name in ("A", "J", "r", "g") or name[0] == "d":
            wanted = f"work->{name}"
        else:
            wanted = f"{home}{name}"
        if where != wanted:
            raise CRefusal(statement.line, f"expected {name} to be {wanted}")


def verify_c(files: Mapping[str, str], proof: Proof, rendered: Mapping[str, str]) -> Report:
    """Prove that the C source computes what a proof derives; ``rendered`` are the files as generated.

    Raises:
        NotProvedError: if the proof itself does not hold.
    """
    proof.require()
    name = f"{proof.architecture.package_name}.c"
    missing = [file for file in rendered if file not in files]
    if missing:
        return Report(
            str(proof.architecture), (), tuple(Finding(f, 1, "", "", "is missing") for f in missing)
        )
    report = Reader(OneSample(proof), name, files[name]).all()
    around = [
        found for file in rendered for found in compared(file, *map(_frame, (files[file], rendered[file])))
    ]
    return Report(report.architecture, report.proved, (*report.findings, *around))


READ = (
    *("propagate", "add_cost", "backpropagate", "add_gradient", "descend"),
    *("differentiate", "start_system", "add_system", "move"),
)


def _frame(text: str) -> Frame:
    inside: set[int] = set()
    for found in FUNCTION.finditer(text):
        if found[1] in READ:
            first = text.count("\n", 0, found.start(2)) + 1
            inside |= set(range(first, first + found[2].count("\n")))
    return frame(text.splitlines(), inside)
