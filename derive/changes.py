"""Which parts of an expression a step replaced, and by what: for showing a step, not for taking it."""

from __future__ import annotations

from sympy import Add, Expr, Indexed, KroneckerDelta, Mul

from derive.quantities import Sigma, SigmaPrime

_WHOLE = (Indexed, KroneckerDelta, Sigma, SigmaPrime)
Parts = tuple[Expr, ...]


def changed(before: Expr, after: Expr) -> tuple[Parts, Parts]:
    """Return the smallest parts in which two expressions differ, those of the first and of the second."""
    if before == after:
        return (), ()
    if type(before) is not type(after) or isinstance(before, _WHOLE):
        return (before,), (after,)
    if isinstance(before, (Add, Mul)):
        old = tuple(arg for arg in before.args if arg not in after.args)
        new = tuple(arg for arg in after.args if arg not in before.args)
        kept = len(old) < len(before.args) and len(new) < len(after.args)
        if len(old) == len(new) == 1:
            return changed(old[0], new[0])
        return (old, new) if kept else ((before,), (after,))
    pairs = [(p, q) for p, q in zip(before.args, after.args, strict=False) if p != q]
    if len(before.args) != len(after.args) or len(pairs) != 1 or not isinstance(pairs[0][0], Expr):
        return (before,), (after,)
    return changed(*pairs[0])
