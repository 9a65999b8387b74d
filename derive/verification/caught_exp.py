"""A descent step that is handed exp: first that of ``math``, and one with a bound if that raises.

Where nothing overflows a guard changes nothing, and where ``math.exp`` overflows it raises, so that the step
is taken again, from the same p, with the bound that the derivation has. So such a step is read without its
guards. Besides, 1/(1 + exp(-v)) may stand as exp(v)/(1 + exp(v)), and a weighted input as what it is.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from sympy import Add, Expr, Integer, Mul, Pow

from derive.activations.functions import OVERFLOW_GUARD
from derive.verification.expected import Known, quantities
from derive.verification.functions import Exponential, Maximum
from derive.verification.interpreter import Interpreter
from derive.verification.objects import Dotted, Trace
from derive.verification.source import Source
from derive.verification.values import Refusal

STEP = "_descend"
_CALLS = """try:
    _descend(p, X, Y, rows, eta, exp)
except OverflowError:
    _descend(p, X, Y, rows, eta, _bounded_exp)"""
_BOUND = float(OVERFLOW_GUARD)
_AROUND = {
    "sample_steps": ("p, X, Y, rows, eta", _CALLS),
    "_bounded_exp": ("u", f"return exp(u if u < {_BOUND} else {_BOUND})"),
}


def without_guards(item: Known, inputs: Mapping[Expr, Expr]) -> list[Known]:
    """Return an equation as such a step may have it; ``inputs`` says what each weighted input is."""
    if not item.right.has(Exponential):
        return []
    rights = dict.fromkeys(_rewritten(item.right, turned=turned) for turned in (False, True))
    found = [replace(item, right=right) for right in rights]
    put_in = {letter: inputs[letter] for letter in quantities(item.right) if letter in inputs}
    if put_in:
        number = f"0.2, {item.number}"
        found += [replace(one, number=number, right=one.right.xreplace(put_in)) for one in found]
    return found


def _rewritten(expr: Expr, *, turned: bool) -> Expr:
    if not expr.has(Exponential):
        return expr
    if turned and isinstance(expr, Pow) and expr.exp == -1 and (w := _of_one_plus(expr.base)) is not None:
        e = Exponential(_rewritten(-w, turned=turned))
        return e / (1 + e)  # 1/(1 + exp(w)) with both multiplied by exp(-w)
    if isinstance(expr, Exponential) and (v := _bounded(expr.args[0])) is not None:
        return Exponential(_rewritten(v, turned=turned))
    return expr.func(*(_rewritten(arg, turned=turned) for arg in expr.args))


def _bounded(expr: Expr) -> Expr | None:
    """Return u of min(u, 708) = -max(-u, -708), None for anything else."""
    if not isinstance(expr, Mul) or len(expr.args) != 2 or expr.args[0] != -1:
        return None
    inner = expr.args[1]
    if isinstance(inner, Maximum) and len(inner.args) == 2 and inner.args[1] == Integer(-OVERFLOW_GUARD):
        return -inner.args[0]
    return None


def _of_one_plus(expr: Expr) -> Expr | None:
    """Return u of 1 + exp(min(u, 708)), None for anything else."""
    if isinstance(expr, Add) and len(expr.args) == 2 and expr.args[0] == 1:
        power = expr.args[1]
        return _bounded(power.args[0]) if isinstance(power, Exponential) else None
    return None


def takes_exp(source: Source) -> bool:
    """Say whether the step of a file is a function that is handed exp."""
    node = source.definitions.get(STEP)
    return isinstance(node, ast.FunctionDef) and [each.arg for each in node.args.args][-1:] == ["exp"]


def check_around(run: Interpreter, file: str) -> None:
    """Prove that the step is handed ``math.exp``, and the bounded one, from the same p, if that raises.

    Raises:
        Refusal: if anything else is done.
    """
    source = run.sources[file]
    if run.global_name(source, "exp") != Dotted("math.exp"):
        raise Refusal("exp is not that of math")
    for name, (wanted, body) in _AROUND.items():
        function = run.function(file, name)
        node = function.node
        others = [node.args.vararg, node.args.kwarg, *node.args.kwonlyargs, *node.args.posonlyargs]
        statements = node.body[1:] if ast.get_docstring(node) is not None else node.body
        arguments = ", ".join(argument.arg for argument in node.args.args)
        text = "\n".join(map(ast.unparse, statements))
        if (arguments, text) != (wanted, body) or any(others) or node.args.defaults:
            raise Refusal(f"{name} has another form than is known")
        trace = run.traces.setdefault((file, name), Trace())
        trace.lines |= {part.lineno for part in ast.walk(node) if isinstance(part, ast.stmt)} - {node.lineno}
