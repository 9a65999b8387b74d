"""A second opinion on a derivation: every step is made again, from the statement of its rule alone.

A step that claims a rule is accepted only if one use of that rule on the left-hand side gives the right-hand
side, up to the names of bound indices, the order of terms and factors, and what SymPy itself does when an
expression is built. A use of a rule rewrites one subexpression, in one place or wherever the same one stands;
"definition" and "premise" are read in both directions, and the distributive law speaks of the two sides as a
whole, multiplied out. Nothing is shared with ``derive.calculus``, which writes the
derivations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from sympy import Expr, Indexed, KroneckerDelta, Sum

from derive.evaluation import Definitions, Problem, same_value
from derive.quantities import Partial, free, summed
from derive.replay.case import Case, Rewriting
from derive.replay.names import apart, cut_short, key, same
from derive.replay.near import near
from derive.replay.rules import NOTED, RULES, WHOLE
from derive.replay.stated import STATED

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
    """Check every step, that the steps hang together, and that no derivative is left at the end,
    unless the equation has one on its right-hand side.

    With an ``equation``, check too that its left-hand side is the start, or defined as the start, and that
    its right-hand side is the result.
    """
    verdicts, faults, now = [], [], derivation.start
    for number, step in enumerate(derivation.steps, 1):
        if not same(step.before, now):
            where = f"step {number - 1} left off" if number > 1 else "the derivation starts"
            faults.append(f"step {number} does not begin where {where}")
        verdict = check_step(step.before, step.after, step.rule.name, definitions, step.note)
        stated = (step.rule.statement, step.rule.side_condition)
        if verdict.holds and stated != STATED[step.rule.name]:
            verdict = replace(verdict, outcome=Outcome.WRONG_RULE, reason=f"{verdict.rule!r} is misstated")
        if not verdict.holds:
            verdict = replace(verdict, reason=f"step {number}: {verdict.reason}")
            faults.append(verdict.reason)
        verdicts.append(verdict)
        now = step.after
    end = f"step {len(verdicts)}, the last," if verdicts else "the start, without a step,"
    if now.has(Partial) and not (equation is not None and equation.rhs.has(Partial)):
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


def check_step(
    before: Expr, after: Expr, rule: str, definitions: Definitions, note: str | None = None
) -> StepVerdict:
    """Say whether one use of the rule takes ``before`` to ``after``.

    With a ``note``, the reason given for the step must be that of this use, too: the number or name of the
    definition or premise, or the layer of a chain rule; where there is nothing to say it must be empty.
    """
    reason = _objection(before, after, rule, definitions, note)
    if not reason:
        return StepVerdict(Outcome.VALID, rule)
    try:
        equal = same_value(before, after, definitions)
    except ValueError as error:
        return StepVerdict(Outcome.FALSE, rule, f"{reason}; {error}")
    outcome = Outcome.WRONG_RULE if equal else Outcome.FALSE
    return StepVerdict(outcome, rule, reason + (", though they seem equal" if equal else ": they differ"))


def _objection(before: Expr, after: Expr, rule: str, definitions: Definitions, note: str | None) -> str:
    """Return why the step cannot be accepted, or nothing."""
    sides = "the left-hand side into the right-hand side"
    if rule not in RULES and rule not in WHOLE:
        return f"{rule!r} is none of the known rules, and cannot turn {sides}"
    for cut in (index for side in (before, after) for index in cut_short(side)):
        return f"{rule!r} cannot turn {sides} (a sum does not run over the whole range of {cut.name})"
    if note and rule not in NOTED:
        return f"{rule!r} cannot turn {sides} for a reason such as {note!r}"
    if same(before, after):
        return f"{rule!r} is claimed of a step in which nothing changes"
    if rule in WHOLE and WHOLE[rule](before, after, definitions, note):
        return ""
    left, right = (apart(side, free(side), {}) for side in (before, after))
    case = Case(definitions, right, note)
    ways = [(left, right, case)] if rule in RULES else []
    if rule in ("definition", "premise"):
        ways.append((right, left, Case(definitions, left, note)))
    tries = [(start, goal, there, near(start, goal)) for start, goal, there in ways]
    for start, goal, there, paths in (*tries, *((*way, None) for way in ways)):
        # what is said against a step is said in the order of all its places
        looking = there if paths is None else replace(there, complaints=[])
        wanted = key(goal, ())
        if any(key(found, ()) == wanted for found in _uses(start, RULES[rule], looking, paths)):
            return ""
    return f"{rule!r} does not turn {sides}" + (f" ({case.complaints[0]})" if case.complaints else "")


# -- where a rule is used --------------------------------------------------------------------------------


_Path = tuple[int, ...]


def _uses(expr: Expr, rule: Rewriting, case: Case, paths: Sequence[_Path] | None = None) -> Iterator[Expr]:
    """Make every single use of a rule: at one place, or wherever some subexpression around it stands.

    With ``paths``, at these places alone.
    """
    around = {path: (node, inside) for path, node, inside in _places(expr, (), frozenset())}
    where: dict[Expr, list[_Path]] = {}
    for path, (node, _) in around.items():
        where.setdefault(node, []).append(path)
    tried = set()
    for path in around if paths is None else [path for path in paths if path in around]:
        node = around[path][0]
        for cut in range(len(path) + 1):
            chosen = tuple(other + path[cut:] for other in where[around[path[:cut]][0]])
            if chosen not in tried:
                tried.add(chosen)
                case.inside = frozenset().union(*(around[place][1] for place in chosen))
                for new in rule(node, case):
                    yield _put(expr, chosen, new)


def _places(
    expr: Expr, path: _Path, inside: frozenset[Partial]
) -> Iterator[tuple[_Path, Expr, frozenset[Partial]]]:
    """List the subexpressions that a rule may rewrite: not the variable of a derivative, not an index."""
    yield path, expr, inside
    if isinstance(expr, Partial):
        yield from _places(expr.f, (*path, 0), inside | {expr})
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
    return summed(*args) if type(expr) is Sum else expr.func(*args)
