"""The lemma and its derivations as LaTeX displays for someone's own paper, of whatever column width."""

from __future__ import annotations

from derive.calculus.derivation import Derivation
from derive.numbering import OWN, Numbering
from derive.printers.latex import derivation_lines, numbered_latex, rule_names
from derive.printers.levels import Level
from derive.proof import Proof
from derive.theorems.lemma1 import derive_in_general
from derive.version import MARKER, tool_version

MAX_TAG = 60


def latex_fragment(proof: Proof, level: Level = Level.STUDENT, numbering: Numbering = OWN) -> str:
    """Return the lemma and its four derivations as displays for someone's own paper; it needs amsmath.

    Raises:
        NotProvedError: if a claim of the proof does not hold; nothing is printed then.
    """
    proof.require()
    lemma = derive_in_general(network=proof.network.in_general)
    displays = [f"% {MARKER} {tool_version()}: derive latex {proof.architecture.label} --fragment"]
    if numbering.foreign:
        displays.append(f"% {numbering.explanation()}")
    displays.append(numbered_latex([derived.equation for derived in lemma], numbering=numbering))
    for derived in lemma:
        displays.append(f"% derivation of ({numbering.number(derived.equation.number)})")
        displays.append(_narrow(derived.derivation, level))
    return "\n".join(displays) + "\n"


def _narrow(derivation: Derivation, level: Level) -> str:
    """Set a derivation for a narrow column: a rule that does not fit beside its line goes below it."""
    start, lines = derivation_lines(derivation, level=level)
    rows = [rf"&= {line.expression} \tag*{{{_beneath(rule_names(line))}}}" for line in lines]
    body = " \\\\\n".join([rf"& {start} \notag", *rows])
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def _beneath(names: str) -> str:
    """Set rules as a tag; amsmath moves a tag below its line, but does not break one."""
    if len(names) <= MAX_TAG:
        return rf"\small {names}"
    return rf"\parbox{{.9\linewidth}}{{\raggedleft\small {names}}}"
