"""Verification of the Python target: four functions against the derived equations, the rest as generated.

What stands around the functions that hold mathematics - checks of what comes in, drawing, the self-check -
must be what the generator writes, character by character.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from glob import escape
from pathlib import Path

from derive.package_python import file_name, render, require_small
from derive.proof import Proof, prove
from derive.verification.caught_exp import takes_exp
from derive.verification.expected import Knowledge
from derive.verification.frame import Frame, compared, frame
from derive.verification.interpreter import Interpreter
from derive.verification.objects import Located, Trace
from derive.verification.report import Finding, Proved, Report
from derive.verification.scalar_equations import (
    TOTAL,
    cost_knowledge,
    forward_knowledge,
    gradient_knowledge,
    scalar_knowledge,
    unbounded_knowledge,
)
from derive.verification.scalars import (
    check_cost,
    check_descent,
    check_forward,
    check_gradient,
    finish_of_cost,
)
from derive.verification.source import Source, SourceError, read_source
from derive.verification.values import Refusal
from derive.verification.verify import made_from, read_files

READ = ("_forward", "_cost", "_gradient", "_descend")


class _Reader:
    """Reads the functions of one file and compares them with a proof."""

    def __init__(self, proof: Proof, source: Source) -> None:
        self.proof, self.source = proof, source
        self.proved: list[Proved] = []
        self.findings: list[Finding] = []

    def run(self, knowledge: Knowledge) -> Interpreter:
        """Return an interpreter that knows some equations."""
        return Interpreter({self.source.name: self.source}, knowledge)

    def all(self) -> Report:
        """Read every function."""
        file, proof = self.source.name, self.proof

        def forward() -> Interpreter:
            run = self.run(forward_knowledge(proof))
            check_forward(run, proof, file, "_forward")
            return run

        def cost() -> Interpreter:
            share = finish_of_cost(self.run(forward_knowledge(proof)), proof, file, "_cost", TOTAL)
            run = self.run(cost_knowledge(proof, share))
            check_cost(run, proof, file, "_cost", TOTAL)
            return run

        def gradient() -> Interpreter:
            run = self.run(gradient_knowledge(proof))
            check_gradient(run, proof, file, "_gradient")
            return run

        def descend() -> Interpreter:
            knowledge = unbounded_knowledge if takes_exp(self.source) else scalar_knowledge
            run = self.run(knowledge(proof))
            check_descent(run, proof, file, "_descend", "p")
            return run

        for name, check in zip(READ, (forward, cost, gradient, descend), strict=True):
            self.attempt(name, check)
        return Report(str(proof.architecture), tuple(self.proved), tuple(self.findings))

    def attempt(self, name: str, check: Callable[[], Interpreter]) -> None:
        """Run one check and keep what it says."""
        file = self.source.name
        try:
            trace = check().traces.get((file, name), Trace())
        except Located as located:
            line = located.node.lineno
            shown, number = self.source.statement(line), self.source.number(located.node)
            self.findings.append(Finding(file, line, shown, number, located.message))
        except Refusal as refusal:
            node = self.source.definitions.get(name)
            self.findings.append(Finding(file, node.lineno if node else 1, name, "", str(refusal)))
        else:
            self.proved.append(Proved(file, name, len(trace.lines), tuple(sorted(trace.numbers))))


def verify_python(files: Mapping[str, str], proof: Proof, rendered: Mapping[str, str]) -> Report:
    """Prove that the file computes what a proof derives; ``rendered`` is the file as generated.

    Raises:
        NotProvedError: if the proof itself does not hold.
    """
    proof.require()
    name, label = file_name(proof.architecture), str(proof.architecture)
    if name not in files:
        return Report(label, (), (Finding(name, 1, "", "", "is missing"),))
    try:
        source = read_source(name, files[name])
    except SourceError as error:
        return Report(label, (), (Finding(name, error.line, "", "", str(error)),))
    report = _Reader(proof, source).all()
    around = compared(name, _frame(source), _frame(read_source(name, rendered[name])))
    return Report(label, report.proved, (*report.findings, *around))


def _frame(source: Source) -> Frame:
    inside: set[int] = set()
    for name in READ:
        node = source.definitions.get(name)
        if node is not None:
            inside |= set(range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1))
    return frame(source.lines, inside)


def verify_python_file(path: Path, note: Callable[[Proof], None] | None = None) -> Report:
    """Read a file of the Python target, prove its lemma and verify it; nothing is run.

    Raises:
        UserError: if the file cannot be read, or its header names no architecture.
    """
    files = read_files(path.parent, (escape(path.name),))
    architecture, _ = made_from(files, path.parent)
    require_small(architecture)
    proof = prove(architecture, brute_force=False)
    if note is not None:
        note(proof)
    return verify_python({file_name(architecture): files[path.name]}, proof, render(proof))
