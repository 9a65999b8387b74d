"""Derived equations in the notation of ``derive check``: by components, or with matrices.

What is printed here can be read back by ``check_claim``, which is how answers are graded.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Add, Expr, Indexed, Mul, Sum

from derive.equation import Equation
from derive.printers.naming import is_sample
from derive.printers.text import Text
from derive.quantities import Index, Partial, Sigma, SigmaPrime, w

_FUNCTIONS = {"sigma": "sigma", "sigma'": "dsigma"}


def component_sides(equation: Equation) -> tuple[str, str]:
    """Return both sides, such as ``delta[l][j]`` and ``dsigma(z[l][j]) * sum(k, ...)``."""
    text = ClaimText([equation.lhs, equation.rhs], False)
    return text.read(equation.lhs), text.read(equation.rhs)


def matrix_sides(equation: Equation) -> tuple[str, str]:
    """Return both sides with vectors and matrices, such as ``dC/dW[l]`` and ``delta[l] @ a[l-1].T``.

    Raises:
        ValueError: if a term has no such form.
    """
    text = ClaimText([equation.lhs, equation.rhs], False)
    left = equation.lhs
    base = left.v if isinstance(left, Partial) else left
    (_, *places) = base.indices
    free = [place for place in places if isinstance(place, Index) and not is_sample(place)]
    name = text.named(base)
    left_text = f"dC/d{name}" if isinstance(left, Partial) else name
    if len(free) == 1:
        return left_text, text.vector(equation.rhs, free[0])
    row, column = free
    return left_text, text.outer(equation.rhs, row, column)


class ClaimText(Text):
    """The spelling of claims."""

    def entry(self, letter: str, layer: str | None, places: Sequence[str]) -> str:
        """Spell ``w[2][j,k]``."""
        where = "" if layer is None else f"[{layer}]"
        return f"{letter}{where}" + (f"[{','.join(places)}]" if places else "")

    def function(self, name: str, argument: str) -> str:
        """Spell ``dsigma(z[l][j])``."""
        return f"{_FUNCTIONS[name]}({argument})"

    def derivative(self, f: Expr, v: Expr, *, direct: bool) -> str:
        """Spell ``dC/dw[l][j,k]``; only the cost is differentiated in a claim."""
        return f"dC/d{self.read(v)}"

    def _read(self, expr: Expr) -> str:
        if isinstance(expr, Sum):
            text = self.read(expr.function)
            for limit in expr.limits:
                text = f"sum({self.names[limit[0]]}, {text})"
            return text
        return super()._read(expr)

    def _product(self, expr: Mul) -> str:
        coefficient, factors = expr.as_coeff_mul()  # the caller writes the sign
        number = [] if abs(coefficient) == 1 else [str(abs(coefficient))]
        return " * ".join([*number, *(self.operand(factor) for factor in self.factors(Mul(*factors)))])

    def factors(self, expr: Expr) -> list[Expr]:
        """Return the factors in the order in which they are read."""
        return sorted(Mul.make_args(expr), key=self._factor_key)

    # -- with matrices -----------------------------------------------------------------------------------

    def named(self, quantity: Indexed) -> str:
        """Spell a vector or matrix without its subscripts."""
        name, layer = str(quantity.base), quantity.indices[0]
        if name in ("x", "y"):
            return name
        return f"{'W' if name == 'w' else name}[{self.layer(layer)}]"

    def vector(self, expr: Expr, j: Index) -> str:
        """Spell the vector whose entry j is ``expr``."""
        if isinstance(expr, Indexed) and expr.indices[-1] == j:
            return self.named(expr)
        if isinstance(expr, (Sigma, SigmaPrime)):
            name = "sigma" if isinstance(expr, Sigma) else "sigma'"
            return self.function(name, self.vector(expr.args[1], j))
        if isinstance(expr, Add):
            terms = sorted(expr.args, key=self._term_key)
            signs = [term.as_coeff_Mul() for term in terms]
            if any(abs(sign) != 1 for sign, _ in signs):
                raise ValueError(f"no matrix form of {expr}")
            parts = [f"{'-' if sign < 0 else '+'} {self.vector(term, j)}" for sign, term in signs]
            return " ".join(parts).removeprefix("+ ")
        if isinstance(expr, Mul):
            return " * ".join(self._bracketed(factor, j) for factor in self.factors(expr))
        if isinstance(expr, Sum) and len(expr.limits) == 1:
            return self._contracted(expr, j)
        raise ValueError(f"no matrix form of {expr}")

    def outer(self, expr: Expr, j: Index, k: Index) -> str:
        """Spell the matrix whose entry j, k is ``expr``, a product of one part for each."""
        factors = self.factors(expr)
        parts = []
        for index in (j, k):
            own = [factor for factor in factors if index in factor.free_symbols]
            parts.append(self._bracketed(Mul(*own), index))
        return f"{parts[0]} @ {parts[1]}.T"

    def _contracted(self, expr: Sum, j: Index) -> str:
        k = expr.limits[0][0]
        factors = self.factors(expr.function)
        weights = [f for f in factors if getattr(f, "base", None) == w and j in f.indices and k in f.indices]
        if len(weights) != 1:
            raise ValueError(f"no matrix form of {expr}")
        rest = Mul(*(factor for factor in factors if factor is not weights[0]))
        transposed = ".T" if weights[0].indices[-1] == j else ""
        return f"{self.named(weights[0])}{transposed} @ {self._bracketed(rest, k)}"

    def _bracketed(self, expr: Expr, j: Index) -> str:
        text = self.vector(expr, j)
        return text if isinstance(expr, (Indexed, Sigma, SigmaPrime)) else f"({text})"
