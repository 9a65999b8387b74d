"""Prose with ASCII mathematics in it, set for a web page: rule statements, premises, verdicts, refutations.

The words stay words; what lies between them is set in MathML. Nothing is interpreted, and nothing is passed
through: words are escaped, and what is no formula is taken for words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from derive.printers.mathml import GREEK
from derive.printers.prose import Vocabulary

_UPRIGHT = {"grad": "<mi>∇</mi>", "sum": "<mo>∑</mo>", "exp": "<mi>exp</mi>"}
_SIGNS = {"->": "→", "<=": "≤", ">=": "≥", "-": "−", "..": "…", "||": "‖"}
_AROUND = (("", ""), ("(", ""), ("", ")"), ("(", ")"))
_VOCABULARY = Vocabulary(
    names=frozenset(f"{before}{name}{after}" for name in (*GREEK, "grad") for before, after in _AROUND),
    operators=frozenset({"=", "+", "-", "*", "<", ">", "<=", ">=", "->"}),
    maybe=re.compile(r"a|\d+"),
    word=re.compile(
        r"\(?[A-Za-z]{2,}('s|s')?(-[A-Za-z]+)*\)?\.?"  # with SymPy's, layer-wise, (see
        r"|\d+[\w:+=(),.]*(-(\d+[\w:+=(),.]*|\.{3}))+"  # sizes such as 2-2-3-2
        r"|\([a-z]\)|\(\d\.\d+\)"  # (a) and (1.1)
        r"|[^\w\s=+*<>^/'\[-]*"
    ),
)
_BLANK = '<mspace width="0.17em"/>'
_SIGN = re.compile(r"->|[<>]=|\.\.|[-+*=<>,/)]")
_TOKEN = re.compile(
    r"(?P<quotient>d(?P<above>\([^()]*\)| ?sigma\(\w\)|[a-z]?(_\w+)?)/d(?P<below>[a-z](_\w+)?))"
    r"|sum_(?P<sum>\w)"
    r"|(?P<script>[_^])(?:\((?P<group>[^()]*(?:\([^()]*\)[^()]*)*)\)(?P<pair>,\([^()]*\))?|(?P<one>-?\w+))"
    r"|\[(?P<layer>[^\[\]]*)\]"
    r"|(?P<name>[A-Za-z]+)(?P<primes>'*)"
    r"|(?P<number>\d+(\.\d+)?)"
    r"|(?P<sign>->|<=|>=|\.\.|\|\||[-+*=<>,/()])"
    r"|(?P<blank>\s+)"
)


def prose(text: str) -> str:
    """Return text as HTML, its ASCII mathematics as inline ``math`` elements."""
    return _VOCABULARY.render(text, words=escape, mathematics=_balanced)


def formula(text: str) -> str:
    """Return text that is one formula as an inline ``math`` element; escaped text if it is none."""
    try:
        return f"<math>{_row(text)}</math>"
    except ValueError:
        return escape(text)


def _balanced(text: str) -> str:
    """Return a formula, a bracket that belongs to the sentence around it left outside."""
    extra = text.count(")") - text.count("(")
    if extra > 0 and text.endswith(")" * extra):
        return formula(text[:-extra]) + ")" * extra
    if extra < 0 and text.startswith("(" * -extra):
        return "(" * -extra + formula(text[-extra:])
    return formula(text)


@dataclass
class _Atom:
    """A base with what stands below and above it."""

    base: str
    below: str = ""
    above: str = ""

    def __str__(self) -> str:
        if self.below and self.above:
            return f"<msubsup>{self.base}{self.below}{self.above}</msubsup>"
        if self.below or self.above:
            tag = "msub" if self.below else "msup"
            return f"<{tag}>{self.base}{self.below}{self.above}</{tag}>"
        return self.base


def _row(text: str) -> str:
    """Set a formula as one row.

    Raises:
        ValueError: if the text is none.
    """
    rows: list[list[_Atom]] = [[]]
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"no formula: {text!r}")
        at = match.end()
        sign = match["sign"]
        if match["script"] or match["layer"] is not None:
            _attach(rows[-1], match)
        elif sign == "(":
            rows.append([])
        elif sign == ")" and len(rows) > 1:
            inside = _join(rows.pop())
            rows[-1].append(_Atom(_bracket(inside)))
        elif sign == ")":
            raise ValueError(f"no formula: {text!r}")
        elif not match["blank"] or _divides(rows[-1], text[at : at + 2]):
            rows[-1].append(_Atom(_spelled(match)))
    if len(rows) > 1:
        raise ValueError(f"no formula: {text!r}")
    return _join(rows[0])


def _join(row: list[_Atom]) -> str:
    return f"<mrow>{''.join(map(str, row))}</mrow>"


def _divides(row: list[_Atom], ahead: str) -> bool:
    """Say whether a blank stands between two factors; beside a sign it is no more than a habit."""
    beside = _SIGN.match(ahead) or ahead in ("", ")")
    return bool(row) and not beside and not str(row[-1]).startswith("<mo")


def _bracket(inside: str) -> str:
    if "<mfrac>" in inside:
        return f"<mrow><mo>(</mo>{inside}<mo>)</mo></mrow>"
    return f'<mrow><mo stretchy="false">(</mo>{inside}<mo stretchy="false">)</mo></mrow>'


def _attach(row: list[_Atom], match: re.Match[str]) -> None:
    """Hang a script on what stands before it."""
    if not row or (row[-1].base.startswith(("<mo", _BLANK)) and row[-1].base != "<mo>‖</mo>"):
        raise ValueError("a script on nothing")
    inside = match["layer"] if match["layer"] is not None else match["group"] or match["one"]
    pair = f"({match['group']}){match['pair']}" if match["pair"] else ""
    if match["script"] == "_":
        single = pair or match["one"]
        below = f"<mrow>{''.join(map(_place, single))}</mrow>" if single else _row(inside)
        row[-1] = _Atom(str(row[-1]), below) if row[-1].below else _Atom(row[-1].base, below, row[-1].above)
        return
    above = f"<mrow><mo>[</mo>{_row(inside)}<mo>]</mo></mrow>" if match["layer"] is not None else _row(inside)
    row[-1] = _Atom(str(row[-1]), "", above) if row[-1].above else _Atom(row[-1].base, row[-1].below, above)


def _place(character: str) -> str:
    tag = "mn" if character.isdigit() else "mi" if character.isalpha() else "mo"
    return f"<{tag}>{escape(character.replace(chr(39), '′'))}</{tag}>"


def _spelled(match: re.Match[str]) -> str:
    if match["quotient"]:
        above, below = match["above"].strip(), match["below"]
        upper = _row(above) if above else "<mrow></mrow>"
        return f"<mfrac><mrow><mi>∂</mi>{upper}</mrow><mrow><mi>∂</mi>{_row(below)}</mrow></mfrac>"
    if match["sum"]:
        return f"<munder><mo>∑</mo><mi>{match['sum']}</mi></munder>"
    if match["number"]:
        return f"<mn>{match['number']}</mn>"
    if match["blank"] or match["sign"] == "*":
        return _BLANK
    if match["sign"] == "/":
        return '<mo lspace="0" rspace="0">/</mo>'
    if match["sign"]:
        return f"<mo>{escape(_SIGNS.get(match['sign'], match['sign']))}</mo>"
    name = match["name"]
    letter = _UPRIGHT.get(name) or f"<mi>{GREEK.get(name, name)}</mi>"
    return f"<msup>{letter}<mo>{'′' * len(match['primes'])}</mo></msup>" if match["primes"] else letter
