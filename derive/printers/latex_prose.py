"""Prose with ASCII mathematics in it, set in LaTeX: rule statements, side conditions, verdicts.

Rules and verdicts are written for a terminal: ``f does not depend on v``, ``sum_m delta_mj f_m = f_j``. Here
the words stay words and what lies between them is set as mathematics. Nothing is interpreted: a text that
is taken for words is escaped, so any text compiles.
"""

from __future__ import annotations

import re

from derive.printers.latex_spelling import escape, letter
from derive.printers.prose import Vocabulary

_NAMES = {"sigma", "delta", "Delta", "mu", "eta", "omega", "phi", "rho"}
_PLAIN = re.compile(r"(?:[A-Za-z0-9_^()\[\]/'=+*<>|. -]|\[\d+,\d+\])*")
_VOCABULARY = Vocabulary(
    names=frozenset(_NAMES),
    operators=frozenset({"=", "+", "-", "*", "<", ">", "<=", ">="}),
    maybe=re.compile(r"[aAI]|\d+"),
    word=re.compile(
        r"\(?[A-Za-z]{2,}('s|s')?(-[A-Za-z]+)*\)?"  # with SymPy's, layer-wise, (see
        r"|\d+[\w:+=(),.]*(-(\d+[\w:+=(),.]*|\.{3}))+"  # sizes such as 2-2-3-2
        r"|\([a-z0-9.]+\)"  # (a) and (1.1)
        r"|[^\w\s=+*<>^/'\[-]*"
        rf"|(?!{_PLAIN.pattern}$).*"  # what LaTeX would not set as mathematics
    ),
)
_SCRIPTS = re.compile(r"(?:\s*(?:[\^_]\{[^{}]*\}|'))+")
_BARE = re.compile(r"[\^_](?!\{)")

_MATHEMATICS = re.compile(
    r"(?P<quotient>d(?P<above>\([^()]*\)| sigma\(\w\)|[a-z_]*)/d(?P<below>[a-z](_\w+)?))"
    r"|sum_(?P<sum>\w+)"
    r"|\[(?P<layer>[^\[\]]*)\]"
    r"|_(?P<index>[A-Za-z0-9]+)"
    r"|\^\((?P<power>[^()]*)\)|\^(?P<exponent>-?\w+)"
    r"|(?P<name>[A-Za-z]+)"
    r"|(?P<relation>[<>]=|\*)"
)


def prose(text: str) -> str:
    """Return text in LaTeX, its ASCII mathematics between dollar signs."""
    return _VOCABULARY.render(text, words=_words, mathematics=_mathematics)


def _words(text: str) -> str:
    return escape(text).replace("...", r"\ldots{}")


def _mathematics(text: str) -> str:
    formula = _set(text)
    return f"${formula}$" if _sound(formula) else escape(text)


def _sound(formula: str) -> bool:
    """Say whether LaTeX accepts the sub- and superscripts: at most one of each, with something in it."""
    groups = [re.sub(r"\{[^{}]*\}", "", group) for group in _SCRIPTS.findall(formula)]
    doubled = any(
        group.count("_") > 1 or group.count("^") + len(re.findall(r"'+", group)) > 1 for group in groups
    )
    return not doubled and not _BARE.search(formula)


def _set(text: str) -> str:
    """Set ASCII mathematics in LaTeX."""
    return re.sub(r"\)\s*\(", ") (", _MATHEMATICS.sub(_replace, text))


def _replace(match: re.Match[str]) -> str:
    part = {key: value for key, value in match.groupdict().items() if value is not None}
    if "quotient" in part:
        above, below = (_set(part[key].strip()) for key in ("above", "below"))
        return rf"\frac{{\partial {above}}}{{\partial {below}}} "
    if "sum" in part:
        return rf"\sum_{{{part['sum']}}}"
    if "layer" in part:
        return f"^{{[{part['layer'].replace(' ', '')}]}}"
    if "index" in part:
        return f"_{{{part['index']}}}"
    if "relation" in part:
        return {"<=": r"\le ", ">=": r"\ge ", "*": r"\,"}[part["relation"]]
    if "name" in part:
        return f"{letter(part['name'])} " if part["name"] in _NAMES else letter(part["name"])
    return f"^{{{part.get('power') or part['exponent']}}}"
