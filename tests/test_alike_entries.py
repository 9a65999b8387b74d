"""Entries that are read by one of them: whichever of them differs must be found, and whichever way."""

from __future__ import annotations

import ast
import random
import re
from functools import cache

import pytest
from sympy import Expr, Integer

from derive import generate
from derive.quantities import Index, N, a, eta, w, z
from derive.quantities import delta as d
from derive.verification import scalars
from derive.verification.alike_entries import AlikeEntries, form_of
from derive.verification.blocks import Group
from derive.verification.entry_knowledge import EntryKnowledge, Equation, I
from derive.verification.functions import Exponential
from derive.verification.interpreter import Interpreter
from derive.verification.objects import Frame, Function, Located, Trace
from derive.verification.scalar_equations import unbounded_knowledge
from derive.verification.scalars import check_sample_steps
from derive.verification.source import read_source
from derive.verification.values import Refusal

FILE = "sample_steps.py"
LINE = re.compile(r"^ {8}\w+ = .*# \(\d")
NETWORK = "3-3-3-3-3-2"


@cache
def package(text: str):
    return generate(text)


def holds(text: str, network: str = NETWORK) -> bool:
    proof = package(network).proof
    run = Interpreter({FILE: read_source(FILE, text)}, unbounded_knowledge(proof))
    try:
        check_sample_steps(run, proof)
    except (Located, Refusal):
        return False
    return True


def assignments(text: str) -> list[int]:
    return [number for number, line in enumerate(text.split("\n")) if LINE.match(line)]


def with_line(text: str, number: int, line: str) -> str:
    lines = text.split("\n")
    assert lines[number] != line
    lines[number] = line
    return "\n".join(lines)


def test_most_entries_are_read_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    text = package(NETWORK).files[FILE]
    counted = {"read": 0, "put in": 0}
    run_group, put_in = Interpreter.run_group, AlikeEntries._put_in

    def read(*given):
        counted["read"] += 1
        return run_group(*given)

    def repeated(*given):
        counted["put in"] += 1
        return put_in(*given)

    monkeypatch.setattr(Interpreter, "run_group", read)
    monkeypatch.setattr(AlikeEntries, "_put_in", repeated)
    assert holds(text)
    assert counted["put in"] > 4 * counted["read"] > 0


@pytest.mark.parametrize("network", [NETWORK, "2-3:silu-3:silu-2:tanh", "3-3:tanh-3:tanh=2-3:tanh=2-1"])
def test_another_name_anywhere_in_any_entry_is_found(network: str) -> None:
    text = package(network).files[FILE]
    assert holds(text, network)
    chosen = random.Random(1)
    lines = assignments(text)
    names = sorted(
        {name for n in lines for name in re.findall(r"\b[a-zA-Z]+\d?_[\d_]+\b", text.split("\n")[n])}
    )
    for number in chosen.sample(lines, min(len(lines), 40)):
        line = text.split("\n")[number]
        found = list(re.finditer(r"\b[a-zA-Z]+\d?_[\d_]+\b", line.partition(" = ")[2].partition("#")[0]))
        if not found:
            continue
        at = chosen.choice(found)
        other = chosen.choice([name for name in names if name != at[0] and name[0] == at[0][0]])
        start = line.index(" = ") + 3
        wrong = line[: start + at.start()] + other + line[start + at.end() :]
        assert not holds(with_line(text, number, wrong), network), wrong


WRONG = [
    # two weights of a neuron exchanged, in the first and in a later one
    ("exp(W3_1_1*a2_1 + W3_1_2*a2_2", "exp(W3_1_2*a2_1 + W3_1_1*a2_2"),
    ("exp(W3_2_1*a2_1 + W3_2_2*a2_2", "exp(W3_2_2*a2_1 + W3_2_1*a2_2"),
    ("exp(W4_3_1*a3_1 + W4_3_2*a3_2", "exp(W4_3_2*a3_1 + W4_3_1*a3_2"),
    # a weight of another neuron, a product taken twice, one left out, another layer
    ("exp(W4_2_1*a3_1", "exp(W4_3_1*a3_1"),
    ("W4_2_1*a3_1 + W4_2_2*a3_2", "W4_2_1*a3_1 + W4_2_1*a3_1"),
    ("W4_2_1*a3_1 + W4_2_2*a3_2", "W4_2_1*a3_1"),
    ("W4_2_1*a3_1 + W4_2_2*a3_2", "W4_2_1*a2_1 + W4_2_2*a2_2"),
    # the transpose is not the matrix
    ("W4_1_2*d4_1 + W4_2_2*d4_2 + W4_3_2*d4_3", "W4_2_1*d4_1 + W4_2_2*d4_2 + W4_2_3*d4_3"),
    ("d3_2 = a3_2*(1.0 - a3_2)", "d3_2 = a3_2*(1.0 - a3_1)"),
    ("d3_2 = a3_2*(1.0 - a3_2)", "d3_2 = a3_2*(1 + a3_2)"),
    ("d3_2 = a3_2*(1.0 - a3_2)", "d3_2 = a3_1*(1.0 - a3_1)"),
    # a result under another's name, or of another neuron
    ("a3_2 = ", "a3_3 = "),
    ("a3_2 = t5/(t5 + 1.0)", "a3_2 = t4/(t4 + 1.0)"),
    ("a3_2 = t5/(t5 + 1.0)", "a3_2 = t5/(t4 + 1.0)"),
    ("a3_2 = t5/(t5 + 1.0)", "a3_2 = t5/(t5 + 1.5)"),
    ("        t5 = ", "        t4 = "),
    ("t5 = exp(", "t5 = ("),
    ("t5 = exp(", "t5 = exp(2.0*"),
    # a parameter that does not move, moves twice, by another's slope, or the other way
    ("W4_2_3 = W4_2_3 - a3_3*d4_2", "W4_2_3 = W4_2_3"),
    ("W4_2_3 = W4_2_3 - a3_3*d4_2", "W4_2_3 = W4_2_2 - a3_3*d4_2"),
    ("W4_2_3 = W4_2_3 - a3_3*d4_2", "W4_2_3 = W4_2_3 - a3_2*d4_3"),
    ("W4_2_3 = W4_2_3 - a3_3*d4_2", "W4_2_3 = W4_2_3 + a3_3*d4_2"),
    ("W4_2_3 = W4_2_3 - a3_3*d4_2", "W4_2_2 = W4_2_3 - a3_3*d4_2"),
    ("b4_2 = b4_2 - d4_2", "b4_2 = b4_2 - d3_2"),
    ("W2_2_3 = W2_2_3 - X_3*d2_2", "W2_2_3 = W2_2_3 - X_2*d2_2"),
    ("W2_2_3 = W2_2_3 - X_3*d2_2", "W2_2_3 = W2_2_3 - Y_2*d2_2"),
    # a wrong number of an equation, and one that is read elsewhere
    ("d3_2 = a3_2", "d3_2 = eta*a3_2"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong"), WRONG)
def test_a_wrong_entry_among_many_that_are_alike_is_found(right: str, wrong: str) -> None:
    text = package(NETWORK).files[FILE]
    assert text.count(right) == 1, "the mutant no longer finds its line"
    assert not holds(text.replace(right, wrong))


def test_one_entry_in_the_place_of_another_is_found() -> None:
    text = package(NETWORK).files[FILE]
    lines = text.split("\n")
    pairs = [(n, n + 1) for n in assignments(text) if n + 1 in assignments(text)]
    for first, second in random.Random(2).sample(pairs, 30):
        assert not holds(with_line(text, second, lines[first])), lines[second]
        assert not holds("\n".join([*lines[:second], *lines[second + 1 :]])), lines[second]


def test_a_parameter_that_has_moved_is_not_what_it_was() -> None:
    text = package(NETWORK).files[FILE]
    lines = text.split("\n")
    moves = [n for n in assignments(text) if re.match(r" +W4_\d_\d = ", lines[n])]
    reads = [n for n in assignments(text) if re.match(r" +d3_\d = ", lines[n])]
    for move in moves:
        early = [*lines[: reads[0]], lines[move], *lines[reads[0] : move], *lines[move + 1 :]]
        assert not holds("\n".join(early)), lines[move]


def test_a_number_that_stands_in_the_place_of_a_letter_is_found() -> None:
    text = package(NETWORK).files[FILE]
    for right, wrong in (("a3_2*(1.0 - a3_2)", "a3_2*(1.0 - 0.5)"), ("- X_3*d2_2", "- 1.0*d2_2")):
        assert text.count(right) == 1
        assert not holds(text.replace(right, wrong))


def test_the_order_of_terms_may_differ_from_entry_to_entry() -> None:
    text = package(NETWORK).files[FILE]
    right = "W4_1_2*d4_1 + W4_2_2*d4_2 + W4_3_2*d4_3"
    assert text.count(right) == 1
    assert holds(text.replace(right, "W4_3_2*d4_3 + d4_1*W4_1_2 + W4_2_2*d4_2"))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("c = a - b", "f = d - e", True),
        ("c = a - b", "c = b - a", True),
        ("c = a - b", "c = a + b", False),
        ("c = a - b", "c = a - a", False),
        ("c = a - b", "a = a - b", False),
        ("c = 1.0*a", "c = 1*a", False),
        ("c = 2.0*a", "c = 3.0*a", False),
        ("t = a*b\nc = t*a", "t = a*b\nc = t*b", False),
        ("t = a*b\nc = t*a", "t = a*b\nc = a*t", False),
        ("c = f(a)", "c = f(a, a)", False),
        ("c = a if a < b else b", "c = a if a > b else b", False),
        ("c = a if a < b else b", "c = b if a < b else a", False),
        ("c = -a", "c = +a", False),
    ],
)
def test_assignments_are_told_but_for_names(one: str, other: str, alike: bool) -> None:
    first, second = (form_of(ast.parse(text).body) for text in (one, other))
    assert first is not None
    assert second is not None
    assert (first.told == second.told) is alike


@pytest.mark.parametrize("text", ["c = f(a=b)", "c += a", "c = d = a", "c = a[b]", "c = a.b", "c, d = a"])
def test_what_is_more_than_assignments_of_numbers_has_no_form(text: str) -> None:
    assert form_of(ast.parse(text).body) is None


J = Index("j", 2)
ONE, TWO, THREE = Integer(1), Integer(2), Integer(3)


def knows(*equations: tuple[str, Expr, Expr]) -> EntryKnowledge:
    """Return what is known of some equations of arrays, those of the neuron j entry by entry."""

    def written_out(right: Expr, places: dict[Index, Integer]) -> Expr:
        return right.xreplace(places)

    given = [
        Equation(number, left, right, written_out, lambda letter: letter) for number, left, right in equations
    ]
    return EntryKnowledge(package(NETWORK).proof, given)


def reads(known: EntryKnowledge, text: str, names: dict[str, Expr]) -> Frame:
    """Read entries of which each ends where no name t1, t2, ... is assigned, all under (1)."""
    body = "".join(f"    {line}\n" for line in text.split("\n"))
    source = read_source(FILE, f"def f():\n{body}")
    node = source.definitions["f"]
    assert isinstance(node, ast.FunctionDef)
    run = Interpreter({FILE: source}, known)
    frame = Frame(Function(source, node, "f"), dict(names), frozenset())
    run.frames.append(frame)
    run.traces[FILE, "f"] = Trace()
    entries = list(scalars._entries(node.body))
    alike = AlikeEntries(run, frame, entries)
    for at, entry in enumerate(entries):
        alike.read(at, Group(entry, "1"), ())
    return frame


def shapes(known: EntryKnowledge) -> list[tuple[object, ...]]:
    return [(item.number, item.shape) for item in known._alone.values() if item is not None]


def test_entries_of_one_function_have_one_shape() -> None:
    known = knows(("1", d[2, I, J], a[2, I, J] * w[2, J, 3]), ("1", d[3, I, J], a[3, I, J] * w[3, J, 4]))
    found = shapes(known)
    assert len(found) == 4
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("number", "right"),
    [
        ("2", a[3, I, J] * w[3, J, 3]),
        ("1", 2 * a[3, I, J] * w[3, J, 3]),
        ("1", a[3, I, J] + w[3, J, 3]),
        ("1", a[3, I, J] * z[3, J, 3]),
        ("1", a[3, I, J] * w[3, J, 3] * w[3, 1, 3]),
        ("1", a[3, I, J] * Exponential(w[3, J, 3])),
    ],
)
def test_another_function_of_letters_has_another_shape(number: str, right: Expr) -> None:
    known = knows(("1", d[2, I, J], a[2, I, J] * w[2, J, 3]), (number, d[3, I, J], right))
    first, second, *others = shapes(known)
    assert first == second
    assert others
    assert first not in others


def test_other_numbers_and_letters_without_indices_have_another_shape() -> None:
    rights = [factor * a[2, I, J] for factor in (Integer(3), Integer(5), eta, N)]
    known = knows(*((str(number), d[2, I, J], right) for number, right in enumerate(rights)))
    assert len({shape for _, shape in shapes(known)}) == len(rights)


def test_two_letters_that_are_one_have_another_shape() -> None:
    first, second = shapes(knows(("1", d[2, I, J], w[2, J, 1] * a[2, I, 1] + w[2, 1, J] * a[2, I, J])))
    assert first != second


def test_an_entry_is_asked_for_by_its_letters_only_if_no_other_has_them() -> None:
    letters = frozenset([a[2, I, ONE], w[2, ONE, THREE]])
    one, other = ("1", d[2, I, J], a[2, I, J] * w[2, J, 3]), ("1", d[3, I, J], a[2, I, J] + w[2, J, 3])
    assert knows(one).alone("1", letters) is not None
    assert knows(one).alone("2", letters) is None
    assert knows(one, other).alone("1", letters) is None


def test_letters_that_stand_for_others_are_left_out() -> None:
    known = knows(("1", a[2, I, J], z[2, I, J]), ("2", d[2, I, J], a[2, I, J] * w[2, J, 3]))
    assert known.alone("2", frozenset([a[2, I, ONE], w[2, ONE, THREE]])) is None


def test_what_rests_on_an_equation_of_one_layer_is_not_said_of_another() -> None:
    known = knows(
        ("1", z[2, I, J], w[2, J, 1] ** 2),
        ("1", z[3, I, J], w[3, J, 1] ** 4),
        ("1", d[2, I, J], z[2, I, J] * w[2, J, 1]),
        ("1", d[3, I, J], z[3, I, J] * w[3, J, 1]),
    )
    names = {f"W{layer}": w[layer, ONE, ONE] for layer in (2, 3)}
    names |= {f"Z{layer}": z[layer, I, ONE] for layer in (2, 3)}
    right = "t1 = W2*W2\nd2 = t1*W2 + (Z2 - Z2)"
    assert reads(known, right, names).names["d2"] == d[2, I, ONE]
    with pytest.raises(Located, match="does not follow"):
        reads(known, f"{right}\nt2 = W3*W3\nd3 = t2*W3 + (Z3 - Z3)", names)
    with pytest.raises(Located, match="does not follow"):
        reads(known, "t1 = W3*W3\nd3 = t1*W3 + (Z3 - Z3)", names)
