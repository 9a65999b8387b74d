"""Expressions, equations and derivations in MathML Core, for web pages: no script, no fonts to load.

What a ``Reading`` joins with blanks and signs is set in elements once it is whole (``_set``): letters as
``mi``, numbers as ``mn``, signs as ``mo``. Each quantity carries its name in ``data-of``, by which a page can
say what it means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from sympy import Expr, Indexed, KroneckerDelta, Symbol

from derive.calculus.derivation import Derivation, Step
from derive.changes import changed
from derive.equation import Equation
from derive.printers.identity import with_identity
from derive.printers.naming import is_sample
from derive.printers.reading import Reading
from derive.printers.text import Text
from derive.quantities import Index, Partial, Rho, RhoPrime, Sigma, SigmaPrime, SigmaSecond

GREEK = {
    "alpha": "α",
    "beta": "β",
    "kappa": "κ",
    "nu": "ν",
    "delta": "δ",
    "Delta": "Δ",
    "Gamma": "Γ",
    "epsilon": "ε",
    "eta": "η",
    "lambda": "λ",
    "mu": "μ",
    "omega": "ω",
    "rho": "ρ",
    "sigma": "σ",
    "zeta": "ζ",
    "phi": "φ",
    "psi": "ψ",
    "loss": "ℓ",
    "pi": "π",
}
KRONECKER = "kronecker"

_LOOSE = re.compile(
    r"(?P<whole><(?P<tag>m[ino]|mtext)\b[^>]*>[^<]*</(?P=tag)>|<[^>]*>)"
    r"|(?P<number>\d+)|(?P<stem>[A-Za-z])(?P<digits>\d*)(?P<primes>'*)"
    r"|\s*(?P<sign>[=+-])\s*|(?P<blank>\s+)|(?P<other>.)"
)


@dataclass(frozen=True)
class Line:
    """One step of a derivation: the expression reached and the step that led there."""

    expression: str
    step: Step


def expression_mathml(expr: Expr, samples: bool = False) -> str:
    """Return an expression as an inline ``math`` element; the sample index is hidden unless asked for."""
    return math(MathML([expr], samples).read(expr))


def equation_mathml(eq: Equation, samples: bool = False) -> str:
    """Return ``lhs = rhs`` as a display, both sides read together."""
    sides = with_identity(eq.lhs, eq.rhs)
    mathml = MathML(sides, samples)
    return math(" = ".join(map(mathml.read, sides)), display=True)


def ranges_mathml(eq: Equation, samples: bool = False) -> str:
    """Return the ranges of an equation's free indices that are written; empty if there are none."""
    mathml = MathML([eq.lhs, eq.rhs], samples)
    free = eq.lhs.free_symbols | eq.rhs.free_symbols
    shown = [i for i in mathml.names if i in free and (mathml.samples or not is_sample(i))]
    return ", ".join(math(f"{mathml.names[index]} = {_range(mathml.read(index.upper))}") for index in shown)


def derivation_mathml(d: Derivation, samples: bool = False) -> tuple[str, tuple[Line, ...]]:
    """Return what a derivation starts from and its steps, ``= ...``, as displays that share their letters.

    What a step brings has the class ``new``, what the next step replaces ``old``.
    """
    shown = with_identity(d.start, *(step.after for step in d.steps))
    mathml = MathML(shown, samples)
    changes = [changed(p, q) for p, q in pairwise(shown)]
    old = [*(parts for parts, _ in changes), ()]
    new = [(), *(parts for _, parts in changes)]
    first, *rest = (mathml.marked(expr, old[at], new[at]) for at, expr in enumerate(shown))
    lines = (Line(math(f"= {text}", display=True), step) for text, step in zip(rest, d.steps, strict=True))
    return math(first, display=True), tuple(lines)


def math(inside: str, *, display: bool = False) -> str:
    """Return a ``math`` element around what a ``MathML`` has read."""
    block = ' display="block"' if display else ""
    return f"<math{block}>{_set(f'<mrow>{inside}</mrow>')}</math>"


def meaning_key(expr: Expr) -> str:
    """Return the name that the MathML of a quantity carries in ``data-of``."""
    if isinstance(expr, KroneckerDelta):
        return KRONECKER
    if isinstance(expr, (Sigma, SigmaPrime, SigmaSecond)):
        return "sigma"
    if isinstance(expr, (Rho, RhoPrime)):
        return "rho" if isinstance(expr, Rho) else "rho'"
    return str(expr.base) if isinstance(expr, Indexed) else str(expr)


class MathML(Reading):
    """The MathML spelling; what the order leaves open is ordered as in plain text.

    Where two samples meet, the sample index is always written.
    """

    def __init__(self, together: Sequence[Expr], samples: bool) -> None:
        met = {index for expr in together for index in expr.atoms(Index) if is_sample(index)}
        samples = samples or len(met) > 1
        super().__init__(together, samples)
        self._plain = Text(together, samples)
        self._marks: dict[Expr, str] = {}

    def marked(self, expr: Expr, old: Sequence[Expr], new: Sequence[Expr]) -> str:
        """Spell an expression with some of its parts marked, if they are not the whole."""
        self._spelled.clear()
        for name, parts in (("old", old), ("new", new)):
            for part in parts:
                if part != expr:
                    self._marks[part] = f"{self._marks.get(part, '')} {name}".strip()
        text = self.read(expr)
        self._marks.clear()
        self._spelled.clear()
        return text

    def read(self, expr: Expr) -> str:
        """Spell an expression, in a row of its own if it is marked."""
        text = super().read(expr)
        if expr not in self._marks:
            return text
        sign = "-" if text.startswith("-") else ""
        return f'{sign}<mrow class="{self._marks[expr]}">{text.removeprefix("-")}</mrow>'

    def symbol(self, name: str) -> str:
        """Spell a letter: Greek, with primes, with an exponent such as -1 or T, or upright if it is long."""
        for ending in ("^-1", "^T"):
            if name.endswith(ending):
                return f"<msup>{self.symbol(name.removesuffix(ending))}<mrow>{ending[1:]}</mrow></msup>"
        stem = name.rstrip("'")
        primes = len(name) - len(stem)
        letter = _letter(stem, name)
        return f"<msup>{letter}{_primes(primes)}</msup>" if primes else letter

    def entry(self, letter: str, layer: str | None, places: Sequence[str]) -> str:
        """Spell ``w`` with ``[2]`` above and ``jk`` below."""
        if layer is None and letter == self.symbol("delta"):
            letter = letter.replace('"delta"', f'"{KRONECKER}"')
        above = "" if layer is None else f"<mrow>{_fixed('[')}{layer}{_fixed(']')}</mrow>"
        if primed := re.fullmatch(r"<msup>(.*)(<mo>[^<]*</mo>)</msup>", letter):
            letter, above = primed.groups()
        single = all(len(re.sub(r"<[^>]*>|'", "", place)) == 1 for place in places)
        below = f"<mrow>{('' if single else '<mo>,</mo>').join(map(_set, places))}</mrow>" if places else ""
        if above and below:
            return f"<msubsup>{letter}{below}{above}</msubsup>"
        if above:
            return f"<msup>{letter}{above}</msup>"
        return f"<msub>{letter}{below}</msub>" if below else letter

    def layer(self, expr: Expr) -> str:
        """Spell a layer or another place: l+1. Blanks stay, they may be inside of tags."""
        return self.read(expr)

    def fraction(self, above: str, below: str, *, compound: bool) -> str:
        """Spell a quotient, whatever is in it."""
        return f"<mfrac><mrow>{above}</mrow><mrow>{below}</mrow></mfrac>"

    def function(self, name: str, argument: str) -> str:
        """Spell ``sigma'(z)`` and ``e`` with its exponent."""
        if name == "exp":
            return f"<msup><mi>e</mi><mrow>{argument}</mrow></msup>"
        if name == "sqrt":
            return f"<msqrt><mrow>{argument}</mrow></msqrt>"
        if name == "abs":
            return f"<mrow>{_fixed('|')}<mrow>{argument}</mrow>{_fixed('|')}</mrow>"
        return f"{self.symbol(name)}<mo>\u2061</mo>{self.bracket(argument)}"

    def listed(self, parts: Sequence[str]) -> str:
        """Spell the arguments of a function."""
        return "<mo>,</mo>".join(parts)

    def cases(self, rows: Sequence[tuple[str, str]]) -> str:
        """Spell a table of values and conditions after a brace."""
        cells = "".join(
            f"<mtr><mtd>{_row(value)}</mtd><mtd>{_row(when or '<mtext>otherwise</mtext>')}</mtd></mtr>"
            for value, when in rows
        )
        return f"<mrow><mo>{{</mo><mtable>{cells}</mtable></mrow>"

    def relation(self, sign: str) -> str:
        """Spell a comparison."""
        return f"<mo>{ {'<': '&lt;', '>': '&gt;', '<=': '≤', '>=': '≥'}[sign] }</mo>"

    def derivative(self, f: Expr, v: Expr, *, direct: bool) -> str:
        """Spell a quotient of differentials, or the operator before anything longer."""
        sign = "<msup><mi>∂</mi><mo>+</mo></msup>" if direct else "<mi>∂</mi>"
        below = f"<mi>∂</mi>{self.read(v)}"
        if isinstance(f, (Indexed, Symbol)):
            return self.fraction(f"{sign}{self.read(f)}", below, compound=False)
        held = self.bracket(self.read(f)) if f.is_Add or f.is_Mul else self.read(f)
        return f"{self.fraction(sign, below, compound=False)} {held}"

    def is_open(self, factor: Expr) -> bool:
        """Say whether a factor would swallow what is written after it."""
        operator = isinstance(factor, Partial) and not isinstance(factor.f, (Indexed, Symbol))
        return operator or super().is_open(factor)

    def sum_sign(self, index: Index) -> str:
        """Spell a sum sign with its range below and above."""
        below = f"<mrow>{self.names[index]}=1</mrow>"
        return f"<munderover><mo>∑</mo>{below}<mrow>{self.read(index.upper)}</mrow></munderover>"

    def greatest_sign(self, index: Index) -> str:
        """Spell the greatest value with its index below."""
        return f"<munder><mo>max</mo><mrow>{self.names[index]}</mrow></munder>"

    def power(self, base: str, exponent: str) -> str:
        """Spell a power."""
        return f"<msup><mrow>{base}</mrow><mrow>{exponent}</mrow></msup>"

    def bracket(self, inside: str) -> str:
        """Put something in round brackets, which grow with what is tall."""
        if "<mfrac>" in inside or "<munderover>" in inside:
            return f"<mrow><mo>(</mo><mrow>{inside}</mrow><mo>)</mo></mrow>"
        return f"<mrow>{_fixed('(')}<mrow>{inside}</mrow>{_fixed(')')}</mrow>"

    def _factor_key(self, factor: Expr) -> tuple[int, int, tuple[int, ...], str]:
        place, rank, indices, _ = super()._factor_key(factor)
        return place, rank, indices, self._plain.read(factor)

    def _term_key(self, term: Expr) -> tuple[bool, bool, bool, int, str]:
        negative, damped, single, rank, _ = super()._term_key(term)
        return negative, damped, single, rank, self._plain.read(term)


def _letter(stem: str, name: str) -> str:
    tag = f'<mi data-of="{escape(stem if stem == "sigma" else name)}">'
    if stem[:1].isalpha() and stem[1:].isdigit():
        return f"<msub>{tag}{stem[0]}</mi><mn>{stem[1:]}</mn></msub>"
    return f"{tag}{escape(GREEK.get(stem, stem))}</mi>"


def _row(inside: str) -> str:
    return f"<mrow>{inside}</mrow>"


def _fixed(sign: str) -> str:
    return f'<mo stretchy="false">{sign}</mo>'


def _primes(count: int) -> str:
    return f"<mo>{'′' * count}</mo>"


def _range(upper: str) -> str:
    values = {"1": "1", "2": "1<mo>,</mo>2", "3": "1<mo>,</mo>2<mo>,</mo>3"}
    return values.get(upper, f"1<mo>,</mo><mo>…</mo><mo>,</mo>{upper}")


def _set(text: str) -> str:
    """Put what stands loose between elements into elements of its own."""
    return _LOOSE.sub(_element, text)


def _element(match: re.Match[str]) -> str:
    part = match.groupdict()
    if part["whole"] is not None:
        return match.group()
    if part["number"] is not None:
        return f"<mn>{part['number']}</mn>"
    if part["sign"] is not None:
        return f"<mo>{part['sign'].replace('-', '−')}</mo>"
    if part["blank"] is not None:
        return '<mspace width="0.17em"/>'
    if part["other"] is not None:
        return f"<mtext>{escape(part['other'])}</mtext>"
    letter = f"<mi>{part['stem']}</mi>"
    if part["digits"]:
        letter = f"<msub>{letter}<mn>{part['digits']}</mn></msub>"
    return f"<msup>{letter}{_primes(len(part['primes']))}</msup>" if part["primes"] else letter
