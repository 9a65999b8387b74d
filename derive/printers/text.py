"""Equations as one line of ASCII, for comments in code and for terminals.

``z[l]_ij`` is neuron j of layer l for sample i; ``s`` is the activation and ``s'`` its derivative, ``sum_k``
runs over the whole range of k and over the product that follows, ``d(f)/dv`` is a derivative, and
``delta_jk`` without a layer is the Kronecker delta.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Indexed, Symbol

from derive.equation import Equation
from derive.printers.identity import with_identity
from derive.printers.reading import Reading
from derive.quantities import Index
from derive.remembered import remembered

_FUNCTIONS = {"sigma": "s", "sigma'": "s'", "sigma''": "s''"}
_ELL = "\N{SCRIPT SMALL L}"
_GREEK = {
    "alpha": "\N{GREEK SMALL LETTER ALPHA}",
    "beta": "\N{GREEK SMALL LETTER BETA}",
    "delta": "\N{GREEK SMALL LETTER DELTA}",
    "Delta": "\N{GREEK CAPITAL LETTER DELTA}",
    "Gamma": "\N{GREEK CAPITAL LETTER GAMMA}",
    "epsilon": "\N{GREEK SMALL LETTER EPSILON}",
    "eta": "\N{GREEK SMALL LETTER ETA}",
    "kappa": "\N{GREEK SMALL LETTER KAPPA}",
    "lambda": "\N{GREEK SMALL LETTER LAMDA}",
    "mu": "\N{GREEK SMALL LETTER MU}",
    "nu": "\N{GREEK SMALL LETTER NU}",
    "omega": "\N{GREEK SMALL LETTER OMEGA}",
    "pi": "\N{GREEK SMALL LETTER PI}",
    "phi": "\N{GREEK SMALL LETTER PHI}",
    "psi": "\N{GREEK SMALL LETTER PSI}",
    "rho": "\N{GREEK SMALL LETTER RHO}",
    "sigma": "\N{GREEK SMALL LETTER SIGMA}",
    "zeta": "\N{GREEK SMALL LETTER ZETA}",
}


def expression_text(expr: Expr, samples: bool = True) -> str:
    """Return an expression as one line of ASCII."""
    return Text.expression(expr, samples)


@remembered
def equation_text(eq: Equation, samples: bool = True) -> str:
    """Return ``lhs = rhs`` as one line of ASCII."""
    return Text.equation(eq, samples)


class Text(Reading):
    """The plain spelling."""

    @classmethod
    def expression(cls, expr: Expr, samples: bool = True) -> str:
        """Return an expression as one line."""
        return cls([expr], samples).read(expr)

    @classmethod
    def equation(cls, eq: Equation, samples: bool = True) -> str:
        """Return ``lhs = rhs`` as one line, both sides with the same letters."""
        sides = with_identity(eq.lhs, eq.rhs)
        text = cls(sides, samples)
        return " = ".join(map(text.read, sides))

    def symbol(self, name: str) -> str:
        """Spell a letter as it is."""
        return name

    def entry(self, letter: str, layer: str | None, places: Sequence[str]) -> str:
        """Spell ``w[2]_jk``."""
        where = "" if layer is None else f"[{layer}]"
        separator = "" if all(len(place.rstrip("'")) == 1 for place in places) else ","
        return f"{letter}{where}" + (f"_{separator.join(places)}" if places else "")

    def fraction(self, above: str, below: str, *, compound: bool) -> str:
        """Spell ``(1/N)``."""
        return f"({above}/({below}))" if compound else f"({above}/{below})"

    def function(self, name: str, argument: str) -> str:
        """Spell ``s'(z[2]_ij)``."""
        return f"{_FUNCTIONS.get(name, name)}({argument})"

    def cases(self, rows: Sequence[tuple[str, str]]) -> str:
        """Spell ``{z if z > 0, 0 otherwise}``."""
        said = [f"{value} if {when}" if when else f"{value} otherwise" for value, when in rows]
        return f"{{{', '.join(said)}}}"

    def relation(self, sign: str) -> str:
        """Spell a comparison as it is."""
        return sign

    def derivative(self, f: Expr, v: Expr, *, direct: bool) -> str:
        """Spell ``dC_i/dw[2]_jk``, and ``d+z[4]_ik/dz[2]_ij`` with the other z held."""
        sign = "d+" if direct else "d"
        above = f"{sign}{self.read(f)}" if isinstance(f, (Indexed, Symbol)) else f"{sign}({self.read(f)})"
        return f"{above}/d{self.read(v)}"

    def sum_sign(self, index: Index) -> str:
        """Spell ``sum_k``."""
        return f"sum_{self.names[index]}"

    def greatest_sign(self, index: Index) -> str:
        """Spell ``max_k``."""
        return f"max_{self.names[index]}"

    def power(self, base: str, exponent: str) -> str:
        """Spell ``h_p^2``."""
        return f"{base}^{exponent}"

    def bracket(self, inside: str) -> str:
        """Put something in round brackets."""
        return f"({inside})"


class Unicode(Text):
    """The plain spelling with Greek letters and the signs of analysis, for terminals that show them."""

    def symbol(self, name: str) -> str:
        """Spell a letter, a Greek one as itself."""
        return _GREEK.get(name, name)

    def function(self, name: str, argument: str) -> str:
        """Spell ``σ'(z[2]_ij)``."""
        name = name.replace("sigma", _GREEK["sigma"]).replace("loss", _ELL).replace("rho", _GREEK["rho"])
        return f"{name}({argument})"

    def derivative(self, f: Expr, v: Expr, *, direct: bool) -> str:
        """Spell a partial derivative with its own sign."""
        above = self.read(f) if isinstance(f, (Indexed, Symbol)) else f"({self.read(f)})"
        above = f"\N{SUPERSCRIPT PLUS SIGN}{above}" if direct else above
        return f"\N{PARTIAL DIFFERENTIAL}{above}/\N{PARTIAL DIFFERENTIAL}{self.read(v)}"

    def sum_sign(self, index: Index) -> str:
        """Spell a sum with its own sign."""
        return f"\N{N-ARY SUMMATION}_{self.names[index]}"
