"""Verification of a package: its files against the proof for the architecture that its header names."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from derive.architecture import Architecture
from derive.costs import QUADRATIC
from derive.errors import UserError
from derive.extras import ACCELERATION, checked, module, parse
from derive.program.lowering import plainly
from derive.proof import Proof, prove
from derive.special import definite_source, general_source
from derive.special import source as special_source
from derive.theorems.descent import descent_update
from derive.verification.caught_exp import takes_exp
from derive.verification.entries import Entries
from derive.verification.expected import Knowledge, array_equations
from derive.verification.interpreter import Interpreter
from derive.verification.lean_runs import FILES, lean_runs
from derive.verification.objects import Located, Skipped, Trace
from derive.verification.report import Finding, Proved, Report
from derive.verification.robust import FILE as ROBUST
from derive.verification.robust import robust_runs
from derive.verification.scalar_equations import scalar_knowledge, unbounded_knowledge
from derive.verification.scalars import check_sample_steps
from derive.verification.scope import UNPROVED, functions
from derive.verification.source import Source, SourceError, Sources, read_source
from derive.verification.values import Refusal
from derive.version import MARKER

if TYPE_CHECKING:
    from derive.verification.further import Further

NEEDED = ("forward.py", "gradient.py", "lm_step.py", "parameters.py", "train.py")
MAX_SCALARS = 2000
MAX_BYTES = 64 * 2**20
_HEADER = re.compile(rf"# {MARKER} .*\n# .*, by derive generate with the architecture\n# (.+)\n")


class Verifier:
    """Verifies packages against one proof; the equations are read once.

    ``extras`` are the further modules that the packages have, by the names in ``derive.extras``.
    """

    def __init__(self, proof: Proof, extras: Sequence[str] = ()) -> None:
        proof.require()
        self.proof = proof
        self.extras = checked(extras)
        self.arrays = Knowledge(proof, array_equations(proof))
        self.descent = Knowledge(proof, [plainly(descent_update())])

    @cached_property
    def further(self) -> tuple[Further, ...]:
        """The equations of each further module."""
        from derive.verification.further import Further

        return tuple(Further(self.proof, extra) for extra in self.extras if extra != "matrix-free")

    @cached_property
    def scalars(self) -> Knowledge:
        """The equations entry by entry, for the scalar step that small networks have."""
        if self.proof.architecture.n_parameters > MAX_SCALARS:
            raise Refusal(f"expected no scalar step for more than {MAX_SCALARS} parameters")
        return scalar_knowledge(self.proof)

    @cached_property
    def unbounded(self) -> Knowledge:
        """The same for a step that is handed exp."""
        if self.proof.architecture.n_parameters > MAX_SCALARS:
            raise Refusal(f"expected no scalar step for more than {MAX_SCALARS} parameters")
        return unbounded_knowledge(self.proof)

    def verify(self, files: Mapping[str, str]) -> Report:
        """Return what is proved of some files, and what is wrong with them; nothing is run.

        First everything is proved or not. Only if it is not, all is done again with what it takes to say
        which statements are to blame: what each array held before each equation.
        """
        report = self._unblamed(files)
        return report if report is not None and report.holds else _verify(self, files, blaming=True)

    def holds(self, files: Mapping[str, str]) -> bool:
        """Say whether everything is proved; what is wrong if it is not, and where, is not looked for."""
        report = self._unblamed(files)
        return report is not None and report.holds

    def _unblamed(self, files: Mapping[str, str]) -> Report | None:
        """Return what is proved; None as soon as a statement is wrong."""
        try:
            return _verify(self, files, blaming=False)
        except (Located, Refusal, Skipped):
            return None


def verify_files(files: Mapping[str, str], proof: Proof, extras: Sequence[str] = ()) -> Report:
    """Prove that the files of a package compute what a proof derives; nothing is run.

    Raises:
        NotProvedError: if the proof itself does not hold.
    """
    return Verifier(proof, extras).verify(files)


def _verify(verifier: Verifier, files: Mapping[str, str], *, blaming: bool) -> Report:
    """Verify once; if not ``blaming``, the first thing that is wrong with a statement is raised."""
    proof = verifier.proof
    label = str(proof.architecture)
    sources = Sources({}, blaming=blaming)
    findings: list[Finding] = []
    for name, text in files.items():
        try:
            sources[name] = read_source(name, text)
        except SourceError as error:
            findings.append(Finding(name, error.line, "", "", str(error)))
    for name, carried in TRUSTED.items():
        if name in sources and not _carried(files[name], carried()):
            message = "differs from the functions that packages carry, which are trusted as they stand"
            findings.append(Finding(name, 1, "", "", message))
    lean = (*FILES, ROBUST) if proof.lean is not None else ()
    curved: tuple[str, ...] = ()
    if proof.curved is not None:
        from derive.verification.curved_runs import needed_files

        curved = needed_files(files)
    needed = (*NEEDED, *lean, *curved, *map(module, verifier.extras))
    missing = [name for name in needed if name not in files]
    findings += [Finding(name, 1, "", "", "is missing") for name in missing]
    if findings:
        return Report(label, (), tuple(findings))
    arrays = Interpreter(sources, verifier.arrays)
    for file, name, run in Entries(arrays, verifier.arrays, proof).all():
        _attempt(findings, sources, file, name, run)
    descent = Interpreter(sources, verifier.descent)
    _attempt(findings, sources, "train.py", "descend", Entries(descent, verifier.descent, proof).descend)
    runs = [arrays, descent]
    for further in verifier.further:
        from derive.verification.acceleration import AccelerationEntries
        from derive.verification.further import FurtherEntries
        from derive.verification.sweeps import SweepEntries

        runs.append(Interpreter(sources, further.knowledge))
        kind = AccelerationEntries if further.extra == ACCELERATION else FurtherEntries
        added = kind(runs[-1], further, proof)
        listed = [*added.all(), *(SweepEntries(added).all() if further.extra == "products" else ())]
        for file, name, run in listed:
            _attempt(findings, sources, file, name, run)
    if "matrix-free" in verifier.extras:
        from derive.verification.sweeps import IterationEntries

        iteration = IterationEntries(sources, proof)
        for file, name, run in iteration.all():
            _attempt(findings, sources, file, name, run)
        runs += iteration.runs
    if proof.lean is not None:
        more, entries = lean_runs(sources, proof)
        runs += more
        for file, name, run in entries:
            _attempt(findings, sources, file, name, run)
        more, entries = robust_runs(sources, proof)
        runs += more
        for file, name, run in entries:
            _attempt(findings, sources, file, name, run)
    if proof.curved is not None:
        from derive.verification.curved_runs import curved_runs

        more, entries = curved_runs(sources, proof, verifier.arrays.kept)
        runs += more
        for file, name, run in entries:
            _attempt(findings, sources, file, name, run)
    if "sample_steps.py" in sources:

        def steps() -> None:
            handed = takes_exp(sources["sample_steps.py"])
            runs.append(Interpreter(sources, verifier.unbounded if handed else verifier.scalars))
            check_sample_steps(runs[-1], proof)

        _attempt(findings, sources, "sample_steps.py", "sample_steps", steps)
    traces: dict[tuple[str, str], Trace] = {}
    for run_of in runs:
        for key, found in run_of.traces.items():
            traces.setdefault(key, Trace()).lines.update(found.lines)
            traces[key].numbers.update(found.numbers)
    failed = {key for run in runs for key in run.failed}
    proved = []
    for file, source in sources.items():
        for name, node in functions(source) if file not in TRUSTED else ():
            trace = traces.get((file, name))
            if trace is not None and trace.lines and (file, name) not in failed:
                proved.append(Proved(file, name, _count(source, node, trace), tuple(sorted(trace.numbers))))
            if findings:  # what rests on something wrong was not reached
                continue
            if trace is not None:
                findings += _never_run(source, name, node, trace)
            elif (file, name) not in UNPROVED:
                message = "is not known: nothing says what it does"
                findings.append(Finding(file, node.lineno, name, "", message))
    return Report(label, tuple(proved), tuple(dict.fromkeys(findings)))


def _count(source: Source, node: ast.FunctionDef, trace: Trace) -> int:
    """Return how many statements were read as mathematics: those that cite an equation, or else all."""
    citing = sum(bool(source.number(s)) for s in _statements(node.body) if not isinstance(s, ast.For))
    return citing or len(trace.lines) - bool(ast.get_docstring(node))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements and those within them."""
    for statement in body:
        yield statement
        for name in ("body", "orelse", "handlers", "finalbody", "cases"):
            for inner in getattr(statement, name, ()):
                yield from _statements([inner] if isinstance(inner, ast.stmt) else inner.body)


def _never_run(source: Source, name: str, node: ast.FunctionDef, trace: Trace) -> list[Finding]:
    """Find statements of a proved function that no run has reached, guards aside."""
    found = []
    for statement in _unguarded(node.body):
        if statement.lineno not in trace.lines:
            message = "is never run: nothing is proved of it"
            found.append(
                Finding(source.name, statement.lineno, source.statement(statement.lineno), "", message)
            )
    return found


def _unguarded(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.If) and not isinstance(statement.body[-1], ast.Raise):
            yield from _unguarded([*statement.body, *statement.orelse])
        elif isinstance(statement, (ast.Try, ast.For)):
            yield from _unguarded(statement.body)
        elif not isinstance(statement, (ast.If, ast.Pass)):
            text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not text:
                yield statement


def verify_directory(directory: Path, note: Callable[[Proof], None] | None = None) -> Report:
    """Read a package from disk, prove its lemma and verify it. What is read is data and never run.

    Raises:
        UserError: if there is no package, or its header names no architecture.
    """
    if directory.is_file() and directory.suffix == ".py":
        from derive.verification.python_file import verify_python_file

        return verify_python_file(directory, note)
    if directory.is_dir() and any(directory.glob("*.[ch]")):
        from derive.verification.c_directory import verify_c_directory

        return verify_c_directory(directory, note)
    files = read_package(directory)
    architecture, extras = made_from(files, directory)
    proof = prove(architecture, brute_force=False)
    if note is not None:
        note(proof)
    return verify_files(files, proof, extras)


def read_package(directory: Path) -> dict[str, str]:
    """Return the Python files of a folder.

    Raises:
        UserError: if it is not a folder with a package, or a file cannot be read.
    """
    if not directory.is_dir():
        raise UserError(f"expected the folder of a generated package, got {directory}")
    files = read_files(directory, ("*.py",))
    if not files:
        raise UserError(f"expected a generated package in {directory}, got no Python file")
    return files


def read_files(directory: Path, patterns: Sequence[str]) -> dict[str, str]:
    """Return the text of the files of a folder that match one of the patterns, by name.

    Raises:
        UserError: if a file cannot be read, is no text, or is larger than any that we write.
    """
    files = {}
    try:
        for path in sorted(path for pattern in patterns for path in directory.glob(pattern)):
            if path.stat().st_size > MAX_BYTES:
                raise UserError(f"{path} is larger than any generated file")
            files[path.name] = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UserError(f"expected {path} to be UTF-8 text") from None
    return files


def architecture_of(files: Mapping[str, str], directory: Path) -> Architecture:
    """Read the architecture from the headers, which must agree.

    Raises:
        UserError: if a header is missing or they differ.
    """
    return made_from(files, directory)[0]


def made_from(files: Mapping[str, str], directory: Path) -> tuple[Architecture, tuple[str, ...]]:
    """Read the architecture and the further modules from the headers, which must agree.

    Raises:
        UserError: if a header is missing or they differ.
    """
    named = {}
    for name, text in files.items():
        match = _HEADER.match(text)
        if match is not None:
            named[name] = match[1]
        elif name in NEEDED:
            raise UserError(f"expected the header of a generated file in {directory / name}")
    if not named or len(set(named.values())) != 1:
        got = ", ".join(f"{text!r}" for text in sorted(set(named.values()))[:3]) or "none"
        raise UserError(f"expected one architecture in the headers of {directory}, got {got}")
    return _architecture(next(iter(named.values())), directory)


def _architecture(line: str, directory: Path) -> tuple[Architecture, tuple[str, ...]]:
    """Read what a header names: an architecture, its cost, one's own activations, and further modules."""
    cost, own, extras = QUADRATIC, [], ""
    try:
        text, *words = shlex.split(line)
        while words:
            match words:
                case ["--cost", cost, *words]:
                    pass
                case ["--activation", formula, *words]:
                    own.append(formula)
                case ["--with", extras, *words]:
                    pass
                case ["--target", "c" | "python", *words]:
                    pass
                case _:
                    raise ValueError
    except ValueError:
        raise UserError(
            f"expected an architecture in the headers of {directory}, with --cost, --activation and --with "
            f"at most; got {line[:60]!r}"
        ) from None
    return Architecture.parse(text, cost, own), parse(extras) if extras else ()


TRUSTED = {"special.py": special_source, "definite.py": definite_source, "general.py": general_source}


def _carried(text: str, source: str) -> bool:
    """Say whether a file is a header and then the functions that ``derive.special`` has."""
    header = _HEADER.match(text)
    if header is None or not text.endswith(source):
        return False
    lines = text.removesuffix(source).splitlines()
    return all(line.startswith("#") for line in lines if line)


def _attempt(
    findings: list[Finding], sources: Sources, file: str, name: str, run: Callable[[], None]
) -> None:
    if not sources.blaming:
        run()
        return
    try:
        run()
    except Skipped:
        return
    except Located as located:
        findings.append(_finding(located))
    except Refusal as refusal:
        source = sources[file]
        node = next((node for qualname, node in functions(source) if qualname == name), None)
        line = node.lineno if node else _constant_line(source, str(refusal).split()[0])
        findings.append(Finding(file, line, name, "", str(refusal)))


def _constant_line(source: Source, name: str) -> int:
    return source.constants[name].lineno if name in source.constants else 1


def _finding(located: Located) -> Finding:
    source, node = located.source, located.node
    number = source.number(node)
    line, last = located.first, node.lineno
    if len(located.suspects) == 1:
        line = last = located.suspects[0].lineno
    shown = source.statement(node.lineno if line != last else line)
    return Finding(source.name, line, shown, number, located.message, last)
