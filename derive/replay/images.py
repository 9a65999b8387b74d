"""Whether an equation of one layer is that of layer l with a number for l: the rule of instantiation.

What is proved of layer l of the general network holds of every layer that is wired like it. Both sides are
walked together here, and nothing is put in or built: where l stands there must be the number, where a width
stands that of the layer, where an index stands one of the same name, whose range is the width of that layer;
two indices may not become one, nor one two. Terms and factors may stand in another order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sympy import Add, Expr, KroneckerDelta, Mul, Rational

from derive.quantities import Index

_IN_ANY_ORDER = (Add, Mul, KroneckerDelta)

Names = Mapping[Expr, Expr]


def is_image(pairs: Sequence[tuple[Expr, Expr]], names: Names) -> bool:
    """Say whether the second of each pair is the first with ``names`` for l and the widths.

    Indices are the same in all pairs.
    """
    indices: dict[Index, Index] = {}
    for general, own in pairs:
        found = _walked(general, own, names, indices)
        if found is None:
            return False
        indices = found
    return len(set(indices.values())) == len(indices)


def _walked(general: Expr, own: Expr, names: Names, indices: dict[Index, Index]) -> dict[Index, Index] | None:
    """Return what the indices have become when both sides agree, or None."""
    if isinstance(general, Index):
        return _index(general, own, names, indices)
    if general in names:
        return indices if names[general] == own else None
    if not general.args or (isinstance(own, Rational) and not isinstance(general, Rational)):
        return indices if general.xreplace(dict(names)) == own else None
    if type(general) is not type(own) or len(general.args) != len(own.args):
        return None
    found = indices
    for one, other in zip(general.args, own.args, strict=True):
        here = _walked(one, other, names, found)
        if here is None:
            return _in_any_order(general.args, own.args, names, indices) if _free(general) else None
        found = here
    return found


def _free(general: Expr) -> bool:
    return isinstance(general, _IN_ANY_ORDER) and bool(general.is_commutative)


def _in_any_order(
    general: Sequence[Expr], own: Sequence[Expr], names: Names, indices: dict[Index, Index]
) -> dict[Index, Index] | None:
    if not general:
        return indices
    for at, other in enumerate(own):
        found = _walked(general[0], other, names, indices)
        if found is not None:
            rest = _in_any_order(general[1:], (*own[:at], *own[at + 1 :]), names, found)
            if rest is not None:
                return rest
    return None


def _index(general: Index, own: Expr, names: Names, indices: dict[Index, Index]) -> dict[Index, Index] | None:
    if general in indices:
        return indices if indices[general] == own else None
    if not isinstance(own, Index) or own.name != general.name:
        return None
    return {**indices, general: own} if general.upper.xreplace(dict(names)) == own.upper else None
