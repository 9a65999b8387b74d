"""The scalar descent step: straight-line arithmetic on one sample, proved assignment by assignment."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import product

from sympy import Add, Expr, Indexed, Integer, Sum, Symbol

from derive.network import array_of
from derive.program.routines import computed, forward_equations
from derive.proof import Proof
from derive.quantities import Index, N, Partial, a, eta, omega, y
from derive.theorems.descent import descent_update
from derive.theorems.descent import gradient as descent_gradient
from derive.theorems.levenberg_marquardt import p_old
from derive.verification.blocks import Group
from derive.verification.expected import Knowledge, Known
from derive.verification.functions import Largest, Maximum, over
from derive.verification.interpreter import Interpreter
from derive.verification.objects import Frame, Located, Trace
from derive.verification.spelling import as_code, constant
from derive.verification.values import Refusal, place

_PART = re.compile(r"t[0-9]+")
I = place(0, N)  # noqa: E741 - the sample at hand


def scalar_knowledge(proof: Proof) -> Knowledge:
    """Return (0.2), (0.3), the deltas of eta C and the moved parameters, entry by entry."""
    knowledge = Knowledge(proof, ())
    given = enumerate(proof.network.cost_terms.weights, start=1)
    weights = {omega[j]: constant(weight) for j, weight in given}
    derived = [computed(proof.network, item.equation) for item in proof.scaled]
    update = descent_update()
    (q,) = update.lhs.indices
    for item in (*forward_equations(proof.network), *derived):
        lhs, rhs, number = item.equation.lhs, as_code(item.rhs), item.equation.number
        quantity = lhs
        if isinstance(lhs, Partial):
            quantity, number = lhs.v, f"{number}, {update.number}"
            rhs = update.rhs.xreplace({descent_gradient[q]: rhs / eta, p_old[q]: quantity})
        indices = [index for index in quantity.indices if isinstance(index, Index)]
        neurons = [index for index in indices if index.upper.is_Integer]
        for at in product(*(range(1, int(index.upper) + 1) for index in neurons)):
            places = dict(zip(neurons, map(Integer, at), strict=True))
            letter = _entry(quantity, places)
            if quantity is not lhs:
                letter = moved(letter)
            knowledge.add(Known(number, letter, _entry(rhs, places).xreplace(weights), ()))
    return knowledge


def moved(parameter: Expr) -> Expr:
    """Return the letter for a parameter after the step."""
    return Symbol(f"{parameter}'")


def _entry(expr: Expr, places: dict[Index, Integer]) -> Expr:
    """Write one entry of a quantity out, sums included."""
    if isinstance(expr, Largest):
        index, _, upper = over(expr).limits[0]
        body = over(expr).function
        return Maximum(*(_entry(body, places | {index: Integer(m)}) for m in range(1, int(upper) + 1)))
    if isinstance(expr, Sum):
        index, _, upper = expr.limits[0]
        inner = Sum(expr.function, *expr.limits[1:]) if expr.limits[1:] else expr.function
        return Add(*(_entry(inner, places | {index: Integer(m)}) for m in range(1, int(upper) + 1)))
    if isinstance(expr, Indexed):
        return expr.base[
            tuple(places.get(index, I if isinstance(index, Index) else index) for index in expr.indices)
        ]
    return expr.func(*(_entry(arg, places) for arg in expr.args)) if expr.args else expr


def check_sample_steps(run: Interpreter, proof: Proof) -> None:
    """Prove ``sample_steps``: parameters in, one step for any sample, the moved parameters out.

    Raises:
        Refusal, Located: if a statement is not what it should be.
    """
    function = run.function("sample_steps.py", "sample_steps")
    source, node = function.source, function.node
    body = node.body[1:] if isinstance(node.body[0], ast.Expr) else node.body
    if [argument.arg for argument in node.args.args] != ["p", "X", "Y", "rows", "eta"] or len(body) != 3:
        raise Refusal("sample_steps has another form than is known")
    unpack, loop, pack = body
    sizes = proof.architecture.sizes
    letters = _letters(proof)
    names = _unpacked(unpack, "p.tolist()")
    inputs, targets, entries = _looped(loop)
    assert isinstance(loop, ast.For)
    _counts(run, source, unpack, len(names), len(letters))
    _counts(run, source, loop, len(inputs), sizes[0])
    _counts(run, source, loop, len(targets), sizes[-1])
    known: dict[str, Expr] = dict(zip(names, letters, strict=True)) | {"eta": eta}
    known |= {name: a[1, I, k] for k, name in enumerate(inputs, start=1)}
    known |= {name: y[I, j] for j, name in enumerate(targets, start=1)}
    if len(known) != len(names) + len(inputs) + len(targets) + 1:
        raise Located(source, loop, "uses a name twice")
    assigned = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    frame = Frame(function, dict(known), frozenset(assigned))
    trace = run.traces.setdefault((source.name, function.qualname), Trace())
    trace.lines |= {unpack.lineno, loop.lineno, pack.lineno}
    trace.lines |= {taken.lineno for taken in loop.body[:2]}
    run.frames.append(frame)
    try:
        for entry in _entries(entries):  # each is an entry of an equation by itself
            run.run_group(Group(entry, source.number(entry[-1])), frame)
            _moves(run, frame, entry[-1], dict(zip(names, letters, strict=True)))
    except Located:
        run.failed.add((source.name, function.qualname))
        raise
    finally:
        run.frames.pop()
    for name, letter in zip(names, letters, strict=True):
        if frame.names[name] != moved(letter):
            raise Located(source, loop, f"{name} is not moved by (3.1)")
    if not _packs(pack, names):
        raise Located(source, pack, "p does not take the parameters back in their order")


def _entries(body: list[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """Divide assignments into entries of equations: parts named t1, t2, ... belong to what comes next."""
    entry: list[ast.stmt] = []
    for statement in body:
        entry.append(statement)
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) if _PART.fullmatch(name):
                continue
        yield entry
        entry = []
    if entry:
        yield entry


def _moves(run: Interpreter, frame: Frame, statement: ast.stmt, letters: dict[str, Expr]) -> None:
    """Check that a parameter that is assigned is the one that moves."""
    for store in frame.stores:
        if isinstance(store, str) and store in letters and frame.names[store] != moved(letters[store]):
            raise Located(frame.function.source, statement, f"{store} is not moved by (3.1)")


def _letters(proof: Proof) -> list[Expr]:
    found = []
    for parameter in proof.network.parameters():
        letter, lead = array_of(parameter)
        sizes = [int(index.upper) for index in parameter.indices[len(lead) :]]
        found += [letter[(*lead, *at)] for at in product(*(range(1, size + 1) for size in sizes))]
    return found


def _names(node: ast.expr) -> list[str]:
    if not isinstance(node, (ast.Tuple, ast.List)) or not all(isinstance(e, ast.Name) for e in node.elts):
        raise Refusal("expected a tuple of names")
    return [element.id for element in node.elts if isinstance(element, ast.Name)]


def _unpacked(node: ast.stmt, value: str) -> list[str]:
    match node:
        case ast.Assign(targets=[ast.Tuple() as target], value=given) if ast.unparse(given) == value:
            return _names(target)
    raise Refusal(f"expected a tuple of names that {value} is taken apart into")


def _looped(node: ast.stmt) -> tuple[list[str], list[str], list[ast.stmt]]:
    """Return the names that a sample gets in each round, and the statements after that."""
    match node:
        case ast.For(target=ast.Name(id="k"), iter=ast.Name(id="rows"), body=body, orelse=[]) if (
            len(body) > 1
        ):
            return _unpacked(body[0], "X[k]"), _unpacked(body[1], "Y[k]"), body[2:]
    raise Refusal("expected a loop over rows of X and Y")


def _packs(node: ast.stmt, names: list[str]) -> bool:
    match node:
        case ast.Assign(targets=[ast.Subscript() as target], value=ast.Tuple() as value):
            return ast.unparse(target) == "p[:]" and _names(value) == names
    return False


def _counts(run: Interpreter, source: object, node: ast.stmt, got: int, wanted: int) -> None:
    if got != wanted:
        raise Refusal(f"expected {wanted} names in line {node.lineno}, got {got}")
