"""What the templates of a package's modules are given: functions with their lines, and arrays in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from derive.printers.numpy import Block, blocks, tuple_code
from derive.program.guards import by_dtype
from derive.program.overhead import CONSTANTS, constants_of
from derive.program.passes import entries, is_fixed
from derive.program.routines import Routine, Routines
from derive.program.statements import Axes

INDENT = 4
WIDTH = 100

_OWN = (
    "ones",
    "activations",
    "work",
    "back",
    "sample_work",
    "costs",
    "gX",
    "JX",
)  # arrays that a workspace keeps
_OF_STEPS = ("costs", "v", "S", "part_S", "part_g", "h", "p_new", "Q", "t", "tv", "Jp", "pulled", "values")
_OF_SCALES = ("column", "largest", "scale", "Z", "gz", "x")
_OF_ITERATIONS = ("B", "f", "f_new", "d", "c", "E", "h_new")
_OF_CURVED = ("HJp", "right")
_ALONE = ("p", "X", "Y", "ones", "U", "g", "J", "K", "r")
_PLAIN = (
    *_ALONE,
    "second",
    *_OF_STEPS,
    *_OF_SCALES,
    *_OF_CURVED,
    "u",
    *_OF_ITERATIONS,
    "gX",
    "JX",
)  # arrays that come by themselves
_NUMBERS = ("mu", "nu", "eta", "scale", "ridge", "shift", "share", "alpha", "beta")


@dataclass(frozen=True)
class Function:
    """A routine ready to be placed: its parameters, how they are unpacked, its lines, its result."""

    parameters: tuple[str, ...]
    unpack: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of the parameters as a workspace passes them: its own arrays from ``self``."""
        names = (parameter.split(":")[0] for parameter in self.parameters)
        return tuple(f"self.{name}" if name in _OWN else name for name in names)


@dataclass(frozen=True)
class Memory:
    """Slots by their size, and the arrays that lie in them, as lines of a tuple.

    ``slots`` grow with the number of samples and are given for one of them; ``fixed`` do not.
    """

    slots: str
    fixed: str
    activations: tuple[str, ...]
    work: tuple[str, ...]
    spare: tuple[str, ...]  # what the forward pass needs beside the activations


def function(routine: Routine, groups: list[tuple[str, list[str]]], fills: tuple[str, ...] = ()) -> Function:
    """Find out which arrays a routine reads or writes and how they reach it.

    Arrays of a group arrive in one tuple; the caller also lends those that the routine ``fills``.
    """
    met = routine.arrays
    signature, unpack, given = [], [], set()
    for group, members in groups:
        used = [name if name in met else "_" for name in members]
        signature.append(f"{group}: Arrays")
        if set(used) != {"_"}:
            unpack.append(f"{tuple_code(used, INDENT, WIDTH - len(group) - 3, bare=True)} = {group}")
            given.update(members)
    alone = {*routine.comes_in, *fills} - given
    single = [name for name in _NUMBERS if name in alone and not routine.axes.get(name)]
    plain = [f"{name}: Array" for name in _PLAIN if name in alone and name not in single]
    numbers = [f"{name}: float" for name in single]
    if routine.reads_samples:
        unpack.append(f"n = {'Y' if 'Y' in alone else 'X'}.shape[0]")
    routine, guard = by_dtype(routine)
    unpack += [guard] if guard else []
    printed = blocks(routine, frozenset(given | alone))
    return Function((*plain, *signature, *numbers), tuple(unpack), printed)


def others(routine: Routine, activations: list[str]) -> list[str]:
    """Return the arrays with a slot that are not activations, in a fixed order."""
    return [name for name in routine.slots if name not in activations]


def touched(routine: Routine, names: list[str]) -> list[str]:
    """Return the names of arrays that a routine reads or writes, in the given order."""
    met = routine.arrays
    return [name for name in names if name in met]


def positions(names: list[str], wanted: list[str]) -> str:
    """Print where some arrays stand in the tuple ``self.work``."""
    return tuple_code([f"self.work[{names.index(name)}]" for name in wanted], 12)


def spare_arrays(routines: Routines) -> list[str]:
    """Return the temporary arrays of the forward pass, in a fixed order, and the constants that it reads."""
    written = {statement.target.array for statement in routines.propagate.statements}
    slots = routines.propagate.slots
    spare = [name for name in slots if name in written and name not in routines.kept]
    return spare + constants_of(routines.propagate)


def memory_of(routine: Routine, activations: list[str], work: list[str], spare: list[str]) -> Memory:
    """Print how the arrays of a workspace lie in its memory."""
    growing, fixed = slot_sizes(routine)

    def carve(name: str) -> str:
        return array_line(name, f"memory[{routine.slots.get(name)}]", routine.axes.get(name, ()))

    return Memory(
        tuple_code(list(map(str, growing)), 12),
        tuple_code(list(map(str, fixed)), 12) if fixed else "",
        tuple(carve(name) for name in activations),
        tuple(carve(name) for name in work),
        tuple(carve(name) for name in spare),
    )


def array_line(name: str, place: str, axes: Axes, dtype: str = "dtype") -> str:
    """Print how an array of a workspace comes by its memory: it is cut out of a place, or a number alone."""
    if name in CONSTANTS:
        return constant_line(name, dtype)
    return f"carve({place}, {shape_code(axes)}),  # {name}"


def kept_entries(routines: Routines, names: Iterable[str]) -> list[int]:
    """Return the entries, for one sample, of arrays that a forward pass leaves; numbers take no place."""
    axes = routines.propagate.axes
    return [entries(axes[name]) for name in names if name not in CONSTANTS]


def constant_line(name: str, dtype: str = "dtype") -> str:
    """Print a number as an array with no axes, in the dtype of the workspace; n is the number of samples."""
    value = "n_samples" if name == "n" else repr(float(CONSTANTS[name]))
    return f"np.array({value}, {dtype}),  # {name}"


def slot_sizes(routine: Routine) -> tuple[list[int], list[int]]:
    """Return the entries of each slot, for one sample where it grows and in all where it does not."""
    sizes = entries_of_slots(routine, routine.slots)
    fixed = {slot for name, slot in routine.slots.items() if is_fixed(routine.axes[name])}
    growing = len(sizes) - len(fixed)  # fixed slots are the last
    return sizes[:growing], sizes[growing:]


def entries_of_slots(routine: Routine, names: Iterable[str]) -> list[int]:
    """Return, for each slot that some arrays lie in, how many entries the largest of them has."""
    slots = {name: routine.slots[name] for name in names}
    sizes = [0] * (1 + max(slots.values(), default=-1))
    for name, slot in slots.items():
        sizes[slot] = max(sizes[slot], entries(routine.axes[name]))
    return sizes


def shape_code(axes: Axes) -> str:
    """Print the lengths of an array's axes."""
    return ", ".join("n_samples" if size == "n" else str(size) for size in axes)
