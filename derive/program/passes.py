"""Passes over programs: drop what nobody reads, compute in place, let arrays share memory.

Each is a function of a program that leaves its meaning alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from derive.program.statements import ELEMENTWISE, Axes, Program, Statement, View


def drop_unread(program: Program) -> Program:
    """Remove statements whose result is neither read later nor an output."""
    live = set(program.outputs)
    kept: list[Statement] = []
    for statement in reversed(program.statements):
        if statement.target.array in live:
            if not statement.updates and statement.operation != "fill":
                live.discard(statement.target.array)
            live.update(statement.reads)
            kept.append(statement)
    return _with(program, kept[::-1])


def last_reads(program: Program) -> dict[str, int]:
    """Return the position of each array's last reading; outputs are read after the end."""
    last = {name: position for position, s in enumerate(program.statements) for name in s.reads}
    return last | dict.fromkeys(program.outputs, len(program.statements))


def compute_in_place(program: Program, segments: Sequence[int] = ()) -> Program:
    """Let an elementwise result take over the storage of an operand that is not read again.

    The two must have the same sizes and stand entry for entry; inputs are never written, and an external
    array holds, before its one value, at most parts of it that no equation names. ``segments`` are the
    positions at which a new function begins: a value that an equation names does not take over storage of
    an earlier function. The storage is called after the last of its values that an equation names, else t1,
    t2, ...
    """
    born: dict[str, int] = {}
    by_equation = set(program.named)
    last = last_reads(program)
    storage: dict[str, str] = {}
    outer = set(program.external)  # with the values that became external arrays
    for position, statement in enumerate(program.statements):
        target = statement.target.array
        segment = sum(start <= position for start in segments)
        born.setdefault(target, segment)
        if statement.operation not in ELEMENTWISE or statement.updates or target in storage:
            continue
        for operand in statement.operands:
            if not isinstance(operand, View) or not operand.plain:
                continue
            root = _root(storage, operand.array)
            others = (view for view in statement.operands if isinstance(view, View) and view is not operand)
            if any(_root(storage, view.array) == root and not view.plain for view in others):
                continue  # it would be read in another arrangement while it is written
            if (
                last[operand.array] == position
                and program.axes[operand.array] == program.axes[target]
                and operand.array not in program.inputs
                and root not in outer
                and (target not in program.external or (root in born and root not in by_equation))
                and (target not in by_equation or born.get(root, segment) == segment)
            ):
                storage[target] = root
                outer |= {root} if target in program.external else set()
                break
    classes: dict[str, list[str]] = {}
    for statement in program.statements:
        name = statement.target.array
        root = _root(storage, name)
        members = classes.setdefault(root, [root])
        members += [] if name in members else [name]
    names: dict[str, str] = {}
    temporaries = 0
    for root, members in classes.items():
        if root not in born:  # it came in, so it keeps its name
            names |= dict.fromkeys(members, root)
            continue
        named = [name for name in members if name in by_equation]
        temporaries += not named
        names |= dict.fromkeys(members, named[-1] if named else f"t{temporaries}")
    return replace(
        program,
        statements=[s.renamed(names) for s in program.statements],
        axes={names.get(name, name): axes for name, axes in program.axes.items()},
        outputs={names.get(name, name) for name in program.outputs},
        named=list(dict.fromkeys(names.get(name, name) for name in program.named)),
    )


def share_memory(program: Program, squares: bool = False) -> dict[str, int]:
    """Assign each array that needs storage to a slot; arrays in one slot are never alive together.

    Returns the slot of each array, slots numbered from 0, those first that grow with the number of samples.
    A slot is as large as its largest array; arrays that grow and arrays that do not never share one.
    Arrays that have two axes of samples have slots of their own, which are asked for by ``squares``.
    """
    first: dict[str, int] = {}
    for position, statement in enumerate(program.statements):
        first.setdefault(statement.target.array, position)
    last = last_reads(program)
    foreign = program.inputs | program.external
    arrays = [name for name in first if program.axes[name] and name not in foreign]
    arrays = [name for name in arrays if (program.axes[name].count("n") > 1) == squares]
    slots: list[tuple[bool, int, int]] = []  # (fixed, entries for one sample, last position in use)
    assigned: dict[str, int] = {}
    for name in arrays:
        size, fixed = entries(program.axes[name]), is_fixed(program.axes[name])
        free = [k for k, (kind, _, until) in enumerate(slots) if until < first[name] and kind == fixed]
        if free:
            slot = min(free, key=lambda k: (abs(slots[k][1] - size), k))
            slots[slot] = (fixed, max(slots[slot][1], size), last.get(name, first[name]))
        else:
            slot = len(slots)
            slots.append((fixed, size, last.get(name, first[name])))
        assigned[name] = slot
    order = sorted(range(len(slots)), key=lambda k: (slots[k][0], k))
    return {name: order.index(slot) for name, slot in assigned.items()}


def is_fixed(axes: Axes) -> bool:
    """Say whether an array has the same size for any number of samples."""
    return not any(isinstance(size, str) for size in axes)


def entries(axes: Axes) -> int:
    """Return the number of entries of an array for one sample."""
    count = 1
    for size in axes:
        count *= 1 if isinstance(size, str) else size
    return count


def _root(storage: dict[str, str], name: str) -> str:
    while name in storage:
        name = storage[name]
    return name


def _with(program: Program, statements: list[Statement]) -> Program:
    alive = {name for s in statements for name in s.arrays}
    axes = {name: axes for name, axes in program.axes.items() if name in alive}
    return replace(program, statements=statements, axes=axes)
