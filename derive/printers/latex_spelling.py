"""The LaTeX spelling of expressions, for ``pdflatex`` with amsmath and for MathJax alike."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Indexed, Symbol

from derive.printers.reading import Reading
from derive.quantities import Index, Partial

_OPERATORS = {"log", "sin", "cos", "sinh", "cosh", "tanh", "max", "min"}
_GREEK = frozenset(
    (
        *("alpha", "beta", "delta", "Delta", "epsilon", "Gamma", "eta", "kappa", "lambda"),
        *("mu", "nu", "omega", "pi", "psi", "rho", "sigma", "zeta"),
    )
)
_LETTERS = {"Cost": r"\mathrm{Cost}", "phi": r"\varphi", "exp": r"\exp"}
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
} | {character: f"\\{character}" for character in "&%$#_{}"}


def escape(text: str) -> str:
    """Return text that LaTeX prints as it stands."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def letter(name: str) -> str:
    """Return the LaTeX for a name: Greek, a single letter (primes kept), or upright."""
    if name in _GREEK:
        return f"\\{name}"
    if name in _LETTERS:
        return _LETTERS[name]
    if name[:1] == "R" and name[1:] in _GREEK | set("wubza"):  # Pearlmutter's operator before a letter
        return rf"\mathrm{{R}}{letter(name[1:])}"
    if name[:2] == "R2" and name[2:] in set("za"):
        return rf"\mathrm{{R}}^{{2}}{letter(name[2:])}"
    for ending in ("^-1", "^T"):
        if name.endswith(ending):
            return f"{letter(name.removesuffix(ending))}^{{{ending[1:]}}}"
    stem = name.rstrip("'")
    if len(stem) == 1 and stem.isalnum():
        return name
    if stem[:1].isalpha() and stem[1:].isdigit():
        return f"{stem[0]}_{{{stem[1:]}}}{name[len(stem) :]}"
    if len(stem) == 3 and stem[1] == "_":
        return f"{stem[0]}_{{{stem[2]}}}{name[len(stem) :]}"
    return f"\\mathrm{{{escape(stem)}}}{name[len(stem) :]}"


class Latex(Reading):
    """The LaTeX spelling."""

    def symbol(self, name: str) -> str:
        """Spell a letter."""
        return letter(name)

    def entry(self, letter: str, layer: str | None, places: Sequence[str]) -> str:
        r"""Spell ``w^{[2]}_{jk}``; the width ``n_{l}`` carries its layer below.

        A letter with a number below it stands in braces, ``{J_{1}}_{qp}``: TeX takes no second subscript.
        """
        letter = f"{{{letter}}}" if places and "_" in letter else letter
        above = "" if layer is None else f"^{{[{layer}]}}"
        separator = "" if all(len(place.rstrip("'")) == 1 for place in places) else ","
        return f"{letter}{above}" + (f"_{{{separator.join(places)}}}" if places else "")

    def fraction(self, above: str, below: str, *, compound: bool) -> str:
        r"""Spell ``\frac{1}{N}``."""
        return f"\\frac{{{above}}}{{{below}}}"

    def function(self, name: str, argument: str) -> str:
        r"""Spell ``\sigma'(z)`` and ``e^{-z}``."""
        if name == "exp":
            return f"e^{{{argument}}}"
        if name == "sqrt":
            return rf"\sqrt{{{argument}}}"
        if name == "abs":
            return rf"\lvert {argument}\rvert"
        if name in _OPERATORS:
            return rf"\{name}{self.bracket(argument)}"
        if name in {"erf", "atan", "step", "expm1", "log1p", "hypot"}:
            return rf"\operatorname{{{name}}}{self.bracket(argument)}"
        return (
            name.replace("sigma", r"\sigma")
            .replace("Phi", r"\Phi")
            .replace("loss", r"\ell")
            .replace("rho", r"\rho")
            + f"({argument})"
        )

    def cases(self, rows: Sequence[tuple[str, str]]) -> str:
        r"""Spell ``\begin{cases}``."""
        lines = [f"{value} & {when or chr(92) + 'text{otherwise}'}" for value, when in rows]
        return r"\begin{cases}" + r"\\".join(lines) + r"\end{cases}"

    def relation(self, sign: str) -> str:
        """Spell a comparison."""
        return {"<=": r"\leq", ">=": r"\geq"}.get(sign, sign)

    def derivative(self, f: Expr, v: Expr, *, direct: bool) -> str:
        r"""Spell ``\frac{\partial C}{\partial w}``, or the operator before anything longer."""
        sign = r"\partial^{+}" if direct else r"\partial"
        below = f"\\partial {self.read(v)}"
        if isinstance(f, (Indexed, Symbol)):
            return self.fraction(f"{sign} {self.read(f)}", below, compound=False)
        operator = self.fraction(sign, below, compound=False)
        return f"{operator} {self.read(f) if _holds_together(f) else self.bracket(self.read(f))}"

    def is_open(self, factor: Expr) -> bool:
        """Say whether a factor would swallow what is written after it."""
        operator = isinstance(factor, Partial) and not isinstance(factor.f, (Indexed, Symbol))
        return operator or super().is_open(factor)

    def sum_sign(self, index: Index) -> str:
        r"""Spell ``\sum_{k=1}^{n_{l}}``."""
        return f"\\sum_{{{self.names[index]}=1}}^{{{self.read(index.upper)}}}"

    def greatest_sign(self, index: Index) -> str:
        r"""Spell ``\max_{k}``."""
        return rf"\max_{{{self.names[index]}}}"

    def power(self, base: str, exponent: str) -> str:
        """Spell ``h_{p}^{2}``, and ``{f'_{p}}^{2}``: TeX takes no power beside a prime."""
        return f"{{{base}}}^{{{exponent}}}" if "'" in base else f"{base}^{{{exponent}}}"

    def bracket(self, inside: str) -> str:
        """Put something in round brackets of its size."""
        size = "bigg" if r"\sum" in inside else "Big" if r"\frac" in inside else ""
        return f"\\{size}l({inside}\\{size}r)" if size else f"({inside})"


def _holds_together(f: Expr) -> bool:
    return not (f.is_Add or f.is_Mul)
