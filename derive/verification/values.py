"""What arrays hold, as index expressions, and the memory in which they lie.

A value is an expression in canonical indices, one for each leaf of its axes; an axis that merges several (a
flattened one) is a group of leaves. Memory is flat, perhaps with rows; an array is a view of a stretch of it.
Two arrays that share memory are found to do so: writing one loses the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Protocol

from sympy import Expr, Integer, KroneckerDelta, Mul

from derive.quantities import Index, put_in
from derive.remembered import remembered
from derive.verification.lengths import apart, at_least, beyond

Group = tuple[Expr, ...]
Stretch = tuple[Expr, Expr]
ZERO = Integer(0)
_SINGLE = tuple(tuple((k,) for k in range(rank)) for rank in range(9))  # axes that merge no leaves
NEW: Group = ()  # an axis that ``None`` makes, over which a value does not vary


class Refusal(Exception):
    """A statement that is not understood, or that does not do what it should."""


@cache
def place(position: int, extent: Expr) -> Index:
    """Return the canonical free index of a leaf."""
    return Index("abcdefgh"[position], extent)


@dataclass(frozen=True)
class Value:
    """An expression in the canonical indices of its leaves, axis by axis."""

    expr: Expr
    axes: tuple[Group, ...]

    @property
    def leaves(self) -> Group:
        """The extents of all leaves in order."""
        return tuple(extent for group in self.axes for extent in group)


@dataclass(frozen=True)
class Lost:
    """What is left of an array whose memory another has taken."""

    line: int


@dataclass(frozen=True)
class Held:
    """What a stretch of memory holds, an expression in the canonical indices of its leaves."""

    expr: Expr
    leaves: Group


class Watch(Protocol):
    """Whoever must know what is read and written of a piece of memory."""

    def read(self, memory: Memory, stretch: Stretch, found: Held | Lost | None) -> None:
        """Note that a stretch is read."""

    def write(self, memory: Memory, stretch: Stretch, held: Held, line: int) -> None:
        """Note that a stretch is written."""

    def copied(self, memory: Memory) -> None:
        """Note that all of it is copied."""


@dataclass(eq=False)
class Memory:
    """``size`` entries (in each row, where ``lead`` gives the number of rows) and what they hold."""

    size: Expr
    lead: Group = ()
    held: dict[Stretch, Held | Lost] = field(default_factory=dict)
    constant: bool = False
    wanted: dict[Stretch, Expr] = field(default_factory=dict)  # letters that stretches are meant for
    watches: list[Watch] = field(default_factory=list)

    def whole(self) -> View:
        """Return all of it as an array."""
        leaves = (*self.lead, self.size)
        return View(self, ZERO, self.size, leaves, _SINGLE[len(leaves)])

    def read(self, start: Expr, stop: Expr) -> Held:
        """Return what a stretch holds."""
        stretch = (start, stop)
        found = self.held.get(stretch)
        for watch in self.watches:
            watch.read(self, stretch, found)
        if isinstance(found, Lost):
            raise Refusal(f"reads an array whose memory was overwritten in line {found.line}")
        if found is None:
            raise Refusal("reads an array that nothing has filled")
        return found

    def write(self, start: Expr, stop: Expr, held: Held, line: int) -> None:
        """Fill a stretch; whatever else overlaps it is lost."""
        if self.constant:
            raise Refusal("writes an array that it is only lent to read")
        stretch = (start, stop)
        if not isinstance(self.held.get(stretch), Held):  # else whatever overlaps it is lost already
            for other, content in self.held.items():
                if isinstance(content, Held) and other != stretch and not apart(*other, start, stop):
                    self.held[other] = Lost(line)
        self.held[stretch] = held
        for watch in self.watches:
            watch.write(self, stretch, held, line)

    def copy(self) -> Memory:
        """Return another piece of memory that holds the same."""
        for watch in self.watches:
            watch.copied(self)
        return Memory(self.size, self.lead, dict(self.held))


@remembered
def product(lengths: Group) -> Expr:
    """Return the product of some lengths."""
    return Mul(*lengths)


@remembered
def _length(start: Expr, stop: Expr, size: Expr) -> Expr:
    """Return how many entries a stretch of so many has, which must be known to lie in them."""
    if not (at_least(start, ZERO) and beyond(stop, start)):
        raise Refusal(f"takes entries {start} to {stop}, which is empty or not known")
    if not at_least(size, stop):
        raise Refusal(f"takes entries up to {stop} of {size}")
    return stop - start


@dataclass(frozen=True, eq=False)
class View:
    """A stretch of memory seen as an array: each axis names the leaves that it merges.

    ``ties`` holds pairs of leaves that move together: the array is then a diagonal.
    """

    memory: Memory
    start: Expr
    stop: Expr
    leaves: Group
    axes: tuple[tuple[int, ...], ...]
    ties: tuple[tuple[int, int], ...] = ()

    @property
    def shape(self) -> tuple[Expr, ...]:
        """The length of each axis."""
        return tuple(product(tuple(self.leaves[leaf] for leaf in axis)) for axis in self.axes)

    @cached_property
    def seen(self) -> Seen:
        """Which entries of its memory it has, and how."""
        return _seen_as(self.start, self.stop, self.leaves, self.axes, self.ties)

    @property
    def plain(self) -> bool:
        """True if the axes are the leaves in their order, merged at most."""
        order = [leaf for axis in self.axes for leaf in axis]
        return not self.ties and all(self.axes) and order == list(range(len(self.leaves)))

    # -- other views of the same entries ----------------------------------------------------------------

    def transposed(self) -> View:
        """Return the view with its axes in reverse."""
        return View(self.memory, self.start, self.stop, self.leaves, self.axes[::-1], self.ties)

    def permuted(self, order: Sequence[int]) -> View:
        """Return the view with its axes in another order."""
        if sorted(order) != list(range(len(self.axes))):
            raise Refusal(f"expected the numbers of {len(self.axes)} axes, got {list(order)}")
        return replace(self, axes=tuple(self.axes[k] for k in order))

    def diagonal(self, before: str, after: str) -> View:
        """Return the view that ``einsum`` gives for subscripts without a sum."""
        letters = dict(zip(before[::-1], self.axes[::-1], strict=True))
        if self.ties or set(after) != set(before) or len(set(after)) != len(after):
            raise Refusal("np.einsum: only views are known, without sums")
        ties = []
        for letter, axis in zip(before, self.axes, strict=True):
            kept = letters[letter]
            if kept != axis:
                if len(kept) != 1 or len(axis) != 1 or self.leaves[kept[0]] != self.leaves[axis[0]]:
                    raise Refusal(f"np.einsum: axes {letter!r} differ in length")
                ties.append((axis[0], kept[0]))
        return replace(self, axes=tuple(letters[letter] for letter in after), ties=tuple(ties))

    def indexed(self, kept: Sequence[bool]) -> View:
        """Insert an axis where ``kept`` is False; the True ones are the axes in their order."""
        if sum(kept) != len(self.axes):
            raise Refusal(f"expected {len(self.axes)} indices, got {sum(kept)}")
        axes = iter(self.axes)
        return replace(self, axes=tuple(next(axes) if keep else () for keep in kept))

    def stretch(self, start: Expr, stop: Expr) -> View:
        """Return entries start to stop of the last axis."""
        leaves = (*self.memory.lead, self.memory.size)
        if self.ties or self.leaves != leaves or self.axes != _SINGLE[len(leaves)]:
            raise Refusal("takes a slice of what is itself a slice")
        length = _length(start, stop, self.memory.size)
        return View(self.memory, start, stop, (*self.leaves[:-1], length), self.axes)

    def reshaped(self, shape: Sequence[Expr]) -> View:
        """Return the view with axes merged or split; one length may be -1."""
        if not self.plain:
            raise Refusal("reshapes an array whose entries are not in order")
        leaves, axes = _regrouped(self.leaves, tuple(shape))
        return View(self.memory, self.start, self.stop, leaves, axes)

    # -- contents ---------------------------------------------------------------------------------------

    def read(self) -> Value:
        """Return what the array holds."""
        held = self.memory.read(self.start, self.stop)
        axes, old, new = _seen(held.leaves, self.leaves, self.axes, self.ties)
        return Value(put_in(held.expr, old, new), axes)

    def filled(self, value: Value) -> Held:
        """Return what the stretch holds once the view is given a value."""
        order, leaves, old, new = _laid(value.axes, self.leaves, self.axes)
        if self.ties:
            return self._on_diagonal(value, list(order))
        return Held(put_in(value.expr, old, new), leaves)

    def _on_diagonal(self, value: Value, order: list[int]) -> Held:
        """Replace what lies on the diagonal: old + delta (new - old on the diagonal)."""
        held = self.memory.read(self.start, self.stop)
        if held.leaves != self.leaves:
            raise Refusal("writes the diagonal of merged axes")
        new = value.expr.xreplace(
            {place(k, self.leaves[leaf]): place(leaf, self.leaves[leaf]) for k, leaf in enumerate(order)}
        )
        old = held.expr.xreplace({place(p, self.leaves[p]): place(q, self.leaves[q]) for p, q in self.ties})
        deltas = [KroneckerDelta(place(p, self.leaves[p]), place(q, self.leaves[q])) for p, q in self.ties]
        return Held(held.expr + Mul(*deltas) * (new - old), held.leaves)


@dataclass(frozen=True, eq=False)
class Seen:
    """All that a view is but its memory; what is remembered is one object, known by that."""

    start: Expr
    stop: Expr
    leaves: Group
    axes: tuple[tuple[int, ...], ...]
    ties: tuple[tuple[int, int], ...]

    def of(self, memory: Memory) -> View:
        """Return the view of some memory."""
        return View(memory, self.start, self.stop, self.leaves, self.axes, self.ties)


_seen_as = remembered(Seen)


def fresh(value: Value) -> View:
    """Return a new array that holds a value."""
    lengths = tuple(map(product, value.axes))
    memory = Memory(lengths[-1] if lengths else Integer(1), lengths[:-1])
    view = memory.whole()
    if not lengths:
        raise Refusal("expected an array")
    memory.held[view.start, view.stop] = view.filled(value)
    return view


@remembered
def _seen(
    fine: Group, coarse: Group, axes: tuple[tuple[int, ...], ...], tied: tuple[tuple[int, int], ...]
) -> tuple[tuple[Group, ...], Group, Group]:
    """Return the axes of a view of leaves ``fine``, and which indices take the places of which."""
    finer = _partition(fine, coarse)
    ties: dict[int, int] = {}
    for one, other in tied:
        if len(finer[one]) != 1 or len(finer[other]) != 1:
            raise Refusal("takes the diagonal of merged axes")
        ties[finer[one][0]] = finer[other][0]
    found = [[leaf for axis_leaf in axis for leaf in finer[axis_leaf]] for axis in axes]
    order = [leaf for axis in found for leaf in axis]
    names = {leaf: place(new, fine[leaf]) for new, leaf in enumerate(order)}
    old = tuple(place(leaf, extent) for leaf, extent in enumerate(fine))
    groups = tuple(tuple(fine[leaf] for leaf in axis) for axis in found)
    return groups, old, tuple(names[ties.get(leaf, leaf)] for leaf in range(len(fine)))


@remembered
def _laid(
    groups: tuple[Group, ...], coarse: Group, axes: tuple[tuple[int, ...], ...]
) -> tuple[tuple[int, ...], Group, Group, Group]:
    """Return how a value goes into a view: its leaves in order, those of the memory, and the renaming."""
    if len(groups) != len(axes):
        raise Refusal(f"shapes do not fit: {len(groups)} axes go into {len(axes)}")
    finer: dict[int, Group] = {}
    order: list[tuple[int, int]] = []
    for group, axis in zip(groups, axes, strict=True):
        wanted = tuple(coarse[leaf] for leaf in axis)
        if group == wanted:
            finer |= {leaf: (coarse[leaf],) for leaf in axis}
            order += [(leaf, 0) for leaf in axis]
        elif len(wanted) == 1 and group and Mul(*group) == wanted[0]:
            finer[axis[0]] = group
            order += [(axis[0], part) for part in range(len(group))]
        elif group == NEW and wanted == (Integer(1),):  # one place, and the value is the same at all
            finer[axis[0]] = wanted
        else:
            raise Refusal(f"shapes do not fit: {_sizes(group)} goes into {_sizes(wanted)}")
    parts = [(leaf, part) for leaf in sorted(finer) for part in range(len(finer[leaf]))]
    positions = {key: number for number, key in enumerate(parts)}
    leaves = tuple(finer[leaf][part] for leaf, part in positions)
    old = tuple(place(k, leaves[positions[key]]) for k, key in enumerate(order))
    new = tuple(place(positions[key], leaves[positions[key]]) for key in order)
    return tuple(leaf for leaf, _ in order), leaves, old, new


def _partition(fine: Group, coarse: Group) -> list[list[int]]:
    """Say which of the fine leaves make each coarse one."""
    found, position = [], 0
    for extent in coarse:
        taken: list[int] = []
        while position < len(fine) and (not taken or Mul(*(fine[k] for k in taken)) != extent):
            taken.append(position)
            position += 1
        if Mul(*(fine[k] for k in taken)) != extent:
            raise Refusal("reads memory in another shape than it was filled in")
        found.append(taken)
    if position != len(fine):
        raise Refusal("reads memory in another shape than it was filled in")
    return found


@remembered
def _regrouped(leaves: Group, lengths: tuple[Expr, ...]) -> tuple[Group, tuple[tuple[int, ...], ...]]:
    """Match leaves with the lengths of a new shape, from the left up to -1 and from the right after it."""
    rest, shape = list(leaves), list(lengths)
    left: list[list[Expr]] = []
    right: list[list[Expr]] = []
    if shape.count(Integer(-1)) > 1:
        raise Refusal("reshapes with two lengths of -1")
    free = shape.index(Integer(-1)) if Integer(-1) in shape else None
    before, after = (shape, []) if free is None else (shape[:free], shape[free + 1 :])
    while before:
        left += _match(rest, before, 0)
    while after:
        right = _match(rest, after, -1) + right
    groups = left + ([] if free is None else [rest]) + right
    if free is None and rest:
        if any(extent != 1 for extent in rest) or not groups:
            raise Refusal(f"reshapes {_sizes(leaves)} into {_sizes(tuple(shape))}")
        groups[-1] = groups[-1] + rest
    new: list[Expr] = []
    axes = []
    for group in groups:
        axes.append(tuple(range(len(new), len(new) + len(group))))
        new += group
    return tuple(new), tuple(axes)


def _match(rest: list[Expr], wanted: list[Expr], end: int) -> list[list[Expr]]:
    """Take a leaf, or several, for a length; or one leaf for several lengths, which split it."""
    if not rest:
        if wanted[end] != 1:
            raise Refusal("reshapes an array into more entries than it has")
        wanted.pop(end)
        return [[Integer(1)]]
    leaves, lengths = [rest.pop(end)], [wanted.pop(end)]
    while Mul(*leaves) != Mul(*lengths):
        ratio = Mul(*leaves) / Mul(*lengths)
        more = ratio.is_integer and ratio != 1
        if more and wanted and len(leaves) == 1:
            lengths.append(wanted.pop(end))
        elif not more and rest and len(lengths) == 1:
            leaves.append(rest.pop(end))
        else:
            raise Refusal("reshapes an array into a shape that does not fit")
    if end == -1:
        leaves.reverse()
        lengths.reverse()
    return [leaves] if len(lengths) == 1 else [[length] for length in lengths]


def _sizes(group: Group) -> str:
    return "(" + ", ".join(str(extent) for extent in group) + ")"
