"""Fill the gap: a formula of Lemma 1 with one piece left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from derive.exercises.answers import grade_formula, unreadable
from derive.exercises.blocks import Code, Prose
from derive.exercises.exercise import Exercise
from derive.exercises.formulas import MATRICES, NOTATION, Formula, formulas
from derive.exercises.grade import Grade, malformed

GAP = "____"
_LAYER = r"(?:[lL](?:[+-]\d)?|\d)"
_SPANS = {
    "factor": rf"d?sigma\([^()]*\)|[A-Za-z/]+\[{_LAYER}\](?:\[[a-z,]+\])?(?:\.T)?|\by\b(?:\[[a-z]\])?",
    "bracket": r"(?<=\()(?:[a-z], )?(?P<piece>[^()]+)(?=\))",
    "layer": rf"(?<=\[){_LAYER}(?=\])",
    "subscripts": r"(?<=\])(?<!\()\[[a-z],[a-z]\]",
}
_ANSWERS = {"layer": _LAYER, "subscripts": r"\[?[a-z](?:,[a-z])?\]?"}
_ASKED = {
    "factor": "What stands in the gap? Answer with one expression, such as `sigma(z[1])`.",
    "bracket": "What stands in the gap? Answer with one expression, such as `a[1] + b[2]`.",
    "layer": "Which layer stands in the gap? Answer with a layer, such as `l` or `L-2`.",
    "subscripts": "Which subscripts stand in the gap? Answer such as `[p,q]`.",
}
_POINTED = {
    "layer": "To which layers do its neighbours in the formula belong? What is multiplied must fit together.",
    "subscripts": "The first subscript of w is the neuron that the weight leads to, the second the "
    "one that it "
    "comes from. Over which of them does the sum run?",
}


@dataclass(frozen=True)
class _Span:
    kind: str
    start: int
    stop: int


def fill_the_gap(seed: int) -> Exercise:
    """Draw a formula and a piece of it."""
    random = Random(f"gap {seed}")
    formula = random.choice(formulas())
    kinds: dict[str, list[_Span]] = {}
    for span in _spans(formula.right):
        kinds.setdefault(span.kind, []).append(span)
    span = random.choice(kinds[random.choice(sorted(kinds))])
    answer = formula.right[span.start : span.stop]
    shown = f"{formula.left} = {formula.right[: span.start]}{GAP}{formula.right[span.stop :]}"

    def check(text: str) -> Grade:
        return _grade(formula, span, text)

    return Exercise(
        "gap",
        seed,
        "Fill the gap",
        (
            Prose(
                "In this formula a piece is missing. It is meant for every layer for which it makes sense."
            ),
            Code((shown,)),
            Prose(_ASKED[span.kind]),
            NOTATION[formula.form],
        ),
        (
            (Prose(formula.nudge),),
            (Prose(_POINTED.get(span.kind) or _shape(answer, formula.form)),),
            (Prose(_almost(span.kind, answer)),),
        ),
        answer,
        (Prose("The formula is"), Code((formula.text,)), Prose(f"so that `{answer}` stands in the gap.")),
        check,
    )


def _spans(right: str) -> Iterator[_Span]:
    for kind, pattern in _SPANS.items():
        for match in re.finditer(pattern, right):
            group = "piece" if kind == "bracket" else 0
            if kind == "bracket" and not re.search(r" [-+*@] ", match[group]):
                continue
            yield _Span(kind, match.start(group), match.end(group))


def _grade(formula: Formula, span: _Span, text: str) -> Grade:
    before, after = formula.right[: span.start], formula.right[span.stop :]
    if span.kind in _ANSWERS:
        text = text.replace(" ", "")
        if not re.fullmatch(_ANSWERS[span.kind], text):
            return malformed(f"expected {span.kind.replace('layer', 'a layer')}, such as in the formula")
        filled = f"[{text.strip('[]')}]" if span.kind == "subscripts" else text
        return grade_formula(f"{formula.left} = {before}{filled}{after}", formula.left, "0")
    if (problem := unreadable(text)) is not None:
        return problem
    return grade_formula(f"{formula.left} = {before}({text}){after}", formula.left, text)


def _shape(answer: str, form: str) -> str:
    """Say of which shape a piece is."""
    if form != MATRICES:
        return (
            "The piece is a number. Which subscripts and layers must it have, if its neighbours "
            "are to make sense?"
        )
    if " " in answer:
        return "The piece is a column, made of two quantities. Which two are not in the formula yet?"
    if answer.endswith(".T") and not answer.startswith("W"):
        return "The piece is a row: a column, transposed."
    if answer.startswith("W"):
        return "The piece is a matrix. Which way must it lead, up or down, if the shapes are to fit?"
    return "The piece is a column. Of which layer, if the shapes are to fit?"


def _almost(kind: str, answer: str) -> str:
    if kind == "layer":
        base = answer[0]
        near = {"l": "l-1, l, l+1 and l+2", "L": "L-2, L-1 and L"}.get(base, "1, 2, 3 and 4")
        return f"It is one of the layers {near}."
    if kind == "subscripts":
        first, second = sorted(answer.strip("[]").split(","))
        return f"It is one of `[{first},{second}]` and `[{second},{first}]`."
    masked = re.sub(r"\[[^\[\]]*\]", "[..]", answer)
    if masked == answer:
        return f"It is a single letter, and not one of {', '.join(sorted(set('abxyz') - set(answer)))}."
    return f"With its layers and subscripts blotted out it is `{masked}`."
