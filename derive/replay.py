"""A second opinion on a derivation: every step is made again, from the statement of its rule alone.

A step that claims a rule is accepted only if one use of that rule on the left-hand side gives the right-hand
side, up to the names of bound indices, the order of terms and factors, and what SymPy itself does when an
expression is built. A use of a rule rewrites one subexpression, in one place or wherever the same one stands;
only "definition" is read in both directions. Nothing is shared with ``derive.calculus``, which writes the
derivations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

from sympy import Add, Expr, Indexed, KroneckerDelta, Mul, Sum, srepr, sympify

from derive.evaluation import Definitions, Problem, same_value
from derive.quantities import Index, Partial
from derive.replay_rules import RULES, Case, Rewriting

if TYPE_CHECKING:
    from derive.calculus.derivation import Derivation
    from derive.equation import Equation

__all__ = ["Outcome", "Problem", "Replay", "StepVerdict", "check_step", "replay", "same"]


class Outcome(Enum):
    """What became of a step."""

    VALID = "valid"
    WRONG_RULE = "wrong rule"  # both sides have the same value wherever they were tried
    FALSE = "false"


@dataclass(frozen=True)
class StepVerdict:
    """The outcome for one step, and the reason in one line if it was refused."""

    outcome: Outcome
    rule: str
    reason: str = ""

    @property
    def holds(self) -> bool:
        """True if the step was accepted."""
        return self.outcome is Outcome.VALID


@dataclass(frozen=True)
class Replay:
    """One verdict for each step, and every fault of the derivation in one line."""

    verdicts: tuple[StepVerdict, ...]
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """True if nothing is wrong."""
        return not self.faults


def replay(derivation: Derivation, definitions: Definitions, equation: Equation | None = None) -> Replay:
    """Check every step, that the steps hang together, and that no derivative is left at the end.

    With an ``equation``, check too that its left-hand side is the start, or defined as the start, and that
    its right-hand side is the result.
    """
    verdicts, faults, now = [], [], derivation.start
    for number, step in enumerate(derivation.steps, 1):
        if not same(step.before, now):
            where = f"step {number - 1} left off" if number > 1 else "the derivation starts"
            faults.append(f"step {number} does not begin where {where}")
        verdict = check_step(step.before, step.after, step.rule.name, definitions)
        if not verdict.holds:
            verdict = replace(verdict, reason=f"step {number}: {verdict.reason}")
            faults.append(verdict.reason)
        verdicts.append(verdict)
        now = step.after
    end = f"step {len(verdicts)}, the last," if verdicts else "the start, without a step,"
    if now.has(Partial):
        faults.append(f"{end} leaves a derivative unopened")
    if not same(derivation.result, now):
        faults.append(f"{end} is not the result")
    if equation is not None:
        meaning = definitions.definition(equation.lhs)
        if not any(same(side, derivation.start) for side in (equation.lhs, meaning) if side is not None):
            faults.append(f"step 1 does not start from the left-hand side of ({equation.number})")
        if not same(equation.rhs, now):
            faults.append(f"{end} is not the right-hand side of ({equation.number})")
    return Replay(tuple(verdicts), tuple(faults))


def check_step(before: Expr, after: Expr, rule: str, definitions: Definitions) -> StepVerdict:
    """Say whether one use of the rule takes ``before`` to ``after``."""
    reason = _objection(before, after, rule, definitions)
    if not reason:
        return StepVerdict(Outcome.VALID, rule)
    try:
        equal = same_value(before, after, definitions)
    except ValueError as error:
        return StepVerdict(Outcome.FALSE, rule, f"{reason}; {error}")
    outcome = Outcome.WRONG_RULE if equal else Outcome.FALSE
    return StepVerdict(outcome, rule, reason + (", though they seem equal" if equal else ": they differ"))


def _objection(before: Expr, after: Expr, rule: str, definitions: Definitions) -> str:
    """Return why the step cannot be accepted, or nothing."""
    sides = "the left-hand side into the right-hand side"
    if rule not in RULES:
        return f"{rule!r} is none of the known rules, and cannot turn {sides}"
    for limit in (limit for side in (before, after) for node in side.atoms(Sum) for limit in node.limits):
        if not isinstance(limit[0], Index) or limit[1:] != (1, limit[0].upper):
            return (
                f"{rule!r} cannot turn {sides} (a sum does not run over the whole range of {limit[0].name})"
            )
    if same(before, after):
        return f"{rule!r} is claimed of a step in which nothing changes"
    left, right = (_apart(side, frozenset(side.free_symbols), {}) for side in (before, after))
    case = Case(definitions, right)
    ways = [(left, right, case)]
    if rule == "definition":
        ways.append((right, left, Case(definitions, left)))
    for start, goal, there in ways:
        wanted = _key(goal, ())
        if any(_key(found, ()) == wanted for found in _uses(start, RULES[rule], there)):
            return ""
    return f"{rule!r} does not turn {sides}" + (f" ({case.complaints[0]})" if case.complaints else "")


def same(left: Expr, right: Expr) -> bool:
    """Decide equality up to the names of bound indices and the order of terms and factors."""
    return bool(left == right) or _key(left, ()) == _key(right, ())


# -- where a rule is used --------------------------------------------------------------------------------


_Path = tuple[int, ...]


def _uses(expr: Expr, rule: Rewriting, case: Case) -> Iterator[Expr]:
    """Make every single use of a rule: at one place, or wherever some subexpression around it stands."""
    around = {path: (node, inside) for path, node, inside in _places(expr, (), frozenset())}
    where: dict[Expr, list[_Path]] = {}
    for path, (node, _) in around.items():
        where.setdefault(node, []).append(path)
    tried = set()
    for path, (node, _) in around.items():
        for cut in range(len(path) + 1):
            chosen = tuple(other + path[cut:] for other in where[around[path[:cut]][0]])
            if chosen not in tried:
                tried.add(chosen)
                case.inside = frozenset().union(*(around[place][1] for place in chosen))
                for new in rule(node, case):
                    yield _put(expr, chosen, new)


def _places(
    expr: Expr, path: _Path, inside: frozenset[Expr]
) -> Iterator[tuple[_Path, Expr, frozenset[Expr]]]:
    """List the subexpressions that a rule may rewrite: not the variable of a derivative, not an index."""
    yield path, expr, inside
    if isinstance(expr, Partial):
        yield from _places(expr.f, (*path, 0), inside | {expr.v})
    elif isinstance(expr, Sum):
        yield from _places(expr.function, (*path, 0), inside)
    elif not isinstance(expr, (Indexed, KroneckerDelta)):
        for position, arg in enumerate(expr.args):
            yield from _places(arg, (*path, position), inside)


def _put(expr: Expr, paths: Sequence[_Path], new: Expr) -> Expr:
    if () in paths:
        return new
    args = list(expr.args)
    for head in {path[0] for path in paths}:
        args[head] = _put(args[head], [path[1:] for path in paths if path[0] == head], new)
    return expr.func(*args)


# -- equal up to names and order -------------------------------------------------------------------------


def _apart(expr: Expr, scope: frozenset[Expr], fresh: dict[Expr, Expr]) -> Expr:
    """Rename every bound index that is free or bound further out, so that no rule can capture one."""
    if not expr.has(Sum):
        return expr
    if not isinstance(expr, Sum):
        return expr.func(*(_apart(arg, scope, fresh) for arg in expr.args))
    names, limits = {}, []
    for index, lower, upper in reversed(expr.limits):
        name = index
        while name in scope:
            name = fresh.setdefault(name, Index(index.name, upper))
        names[index] = name
        scope |= {name}
        limits.append((name, lower, upper))
    body = expr.function if all(old is new for old, new in names.items()) else expr.function.xreplace(names)
    return Sum(_apart(body, scope, fresh), *reversed(limits))


def _key(expr: Expr, bound: tuple[Expr, ...]) -> str:
    """Spell an expression with its bound indices numbered from outside in, terms and factors in order."""
    if isinstance(expr, Index):
        level = max((place for place, index in enumerate(bound) if index == expr), default=None)
        return f"{expr.name}@{expr.dummy_index}" if level is None else f"#{level}"
    if not expr.args:
        return _spelling(expr)
    name = type(expr).__name__
    if isinstance(expr, Sum):
        ranges = []
        for index, lower, upper in reversed(expr.limits):
            ranges.append(f"{_key(lower, bound)}..{_key(upper, bound)}")
            bound = (*bound, index)
        return f"Sum[{','.join(ranges)}]({_key(expr.function, bound)})"
    if isinstance(expr, (Add, Mul)):  # sums and products that differ only in the names of bound indices merge
        merged: Counter[str] = Counter()
        for arg in expr.args:
            count, rest = arg.as_coeff_Mul() if isinstance(expr, Add) else arg.as_base_exp()[::-1]
            merged[_key(rest, bound)] += count
        counted = sorted(f"{key}:{_key(sympify(count), bound)}" for key, count in merged.items() if count)
        return f"{name}({','.join(counted)})"
    keys = [_key(arg, bound) for arg in expr.args]
    return f"{name}({','.join(sorted(keys) if isinstance(expr, KroneckerDelta) else keys)})"


@cache
def _spelling(leaf: Expr) -> str:
    return str(leaf) if leaf.is_number else srepr(leaf)
