"""Prose with ASCII mathematics in it, set in LaTeX: rule statements, side conditions, verdicts.

Rules and verdicts are written for a terminal: ``f does not depend on v``, ``sum_m delta_mj f_m = f_j``. Here
the words stay words and what lies between them is set as mathematics. Nothing is interpreted: a text that
is taken for words is escaped, so any text compiles.
"""

from __future__ import annotations

import re

from derive.printers.latex_spelling import escape, letter

_OPERATORS = {"=", "+", "-", "*", "<", ">", "<=", ">="}
_NAMES = {"sigma", "delta", "Delta", "mu", "eta", "phi"}
_MAYBE = re.compile(r"[aAI]|\d+")  # words or mathematics: their neighbours decide
_WORD = re.compile(
    r"\(?[A-Za-z]{2,}('s|s')?(-[A-Za-z]+)*\)?"  # with SymPy's, layer-wise, (see
    r"|\d+(-(\d+|\.{3}))+"  # sizes such as 2-2-3-2
    r"|\([a-z0-9.]+\)"  # (a) and (1.1)
    r"|[^\w\s=+*<>^/'\[-]*"
)
_PLAIN = re.compile(r"[A-Za-z0-9_^()\[\]/'=+*<>|. -]*")
_SCRIPTS = re.compile(r"(?:\s*(?:[\^_]\{[^{}]*\}|'))+")
_BARE = re.compile(r"[\^_](?!\{)")
_DIFFERENTIAL = re.compile(r"d[a-z](_\w+)?")

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
    pieces: list[str] = []
    run: list[str] = []
    for token in re.findall(r"\S+", text):
        core = token.rstrip(",;:")
        if _kind(core) == "word":
            pieces += [*_close(run), escape(token).replace("...", r"\ldots{}")]
            run = []
            continue
        run.append(core)
        if core != token:
            *before, last = _close(run)
            pieces += [*before, last + token[len(core) :]]
            run = []
    return " ".join([*pieces, *_close(run)])


def _kind(token: str) -> str:
    if token in _OPERATORS:
        return "operator"
    if _MAYBE.fullmatch(token):
        return "maybe"
    if _DIFFERENTIAL.fullmatch(token) or token in _NAMES:
        return "mathematics"
    if _WORD.fullmatch(token) or not _PLAIN.fullmatch(token):
        return "word"
    return "mathematics"


def _close(run: list[str]) -> list[str]:
    """Return a run of tokens between two words: words at its edges, the rest set as mathematics."""
    kinds = [_kind(token) for token in run]
    first, last = 0, len(run)
    while first < last and kinds[first] == "maybe" and "operator" not in kinds[first + 1 : first + 2]:
        first += 1
    while last > first and kinds[last - 1] == "maybe" and kinds[last - 2] != "operator":
        last -= 1
    middle = " ".join(run[first:last])
    formula = _set(middle)
    inner = [f"${formula}$" if _sound(formula) else escape(middle)] if middle else []
    return [*run[:first], *inner, *run[last:]]


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
