"""A SymPy expression as text that the grammar reads, for formulas that come from Python."""

from __future__ import annotations

from sympy import (
    Abs,
    Add,
    E,
    Expr,
    Float,
    Max,
    Min,
    Mul,
    Pow,
    Rational,
    Symbol,
    atan,
    cos,
    cosh,
    erf,
    exp,
    log,
    pi,
    sin,
    sinh,
    tanh,
)

from derive.errors import UserError

_FUNCTIONS: dict[type, str] = {
    exp: "exp",
    log: "log",
    tanh: "tanh",
    sinh: "sinh",
    cosh: "cosh",
    sin: "sin",
    cos: "cos",
    atan: "atan",
    erf: "erf",
    Abs: "abs",
}
MAX_DEPTH = 60


def spelled(expr: Expr, letters: dict[Expr, str], depth: int = 0) -> str:
    """Return the text of an expression; ``letters`` names its symbols.

    Raises:
        UserError: if a symbol or a function is not one that the grammar knows.
    """
    if depth > MAX_DEPTH:
        raise UserError(f"expected an expression at most {MAX_DEPTH} deep")

    def read(part: Expr) -> str:
        return spelled(part, letters, depth + 1)

    if isinstance(expr, Float):
        expr = Rational(str(expr))
    if isinstance(expr, Rational):
        text = str(expr.p) if expr.q == 1 else f"{expr.p}/{expr.q}"
        return f"({text})" if expr.q != 1 or expr.p < 0 else text
    if expr in (pi, E):
        return "pi" if expr == pi else "e"
    if isinstance(expr, Symbol):
        if expr not in letters:
            raise UserError(
                f"expected an expression in {', '.join(letters.values())} alone, got {expr} as well"
            )
        return letters[expr]
    if isinstance(expr, (Add, Mul)):
        parts = expr.as_ordered_terms() if isinstance(expr, Add) else expr.as_ordered_factors()
        return f"({(' + ' if isinstance(expr, Add) else '*').join(map(read, parts))})"
    if isinstance(expr, Pow):
        return f"{_bracketed(read(expr.base))}^{_bracketed(read(expr.exp))}"
    if isinstance(expr, (Max, Min)):
        name = "max" if isinstance(expr, Max) else "min"
        first, *others = sorted(expr.args, key=str)
        text = read(first)
        for other in others:
            text = f"{name}({text}, {read(other)})"
        return text
    if type(expr) in _FUNCTIONS:
        return f"{_FUNCTIONS[type(expr)]}({read(expr.args[0])})"
    raise UserError(f"expected a formula of known functions, got {type(expr).__name__}")


def _bracketed(text: str) -> str:
    return text if text.isalnum() or text.startswith("(") else f"({text})"
