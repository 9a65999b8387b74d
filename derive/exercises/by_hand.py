"""Compute by hand: a delta or a gradient of a small network with small numbers, as exact fractions."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from derive.activations import ACTIVATIONS
from derive.architecture import Architecture
from derive.claims.activations import ACTIVATIONS as STAND_INS
from derive.claims.activations import StandIn
from derive.errors import UserError
from derive.exercises.blocks import Block, Code, Prose, Row, Rows, spelled_equation
from derive.exercises.exercise import Exercise
from derive.exercises.grade import Grade, malformed, right, wrong
from derive.exercises.numbers import Matrix, read_matrix, written
from derive.exercises.values import Numbers, Pass
from derive.numbered import activation_equation
from derive.theorems.lemma1 import derive_in_general

SIZES = ((1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2), (2, 2, 1), (2, 1, 2), (1, 2, 2), (1, 1, 1, 1), (2, 2))
LARGEST = 200  # of any numerator or denominator on the way
_SIGMAS: tuple[StandIn | None, ...] = (
    STAND_INS["any"].stand_ins[0],
    STAND_INS["affine"].stand_ins[0],
    None,
    None,
)
_WHOLE = tuple(map(Fraction, (-2, -1, 1, 2, 3)))
_INPUTS = tuple(map(Fraction, (-2, -1, 0, 1)))
_INSIDE = tuple(Fraction(p, q) for q in (2, 3, 4, 5) for p in range(1, q))
_ENDS = (Fraction(0), Fraction(1))
_SAID = {"delta": "delta[{}]", "db": "dC/db[{}]", "dw": "dC/dW[{}]"}
_NEEDS = {"delta": ("1.1", "1.2"), "db": ("1.1", "1.2", "1.3"), "dw": ("1.1", "1.2", "1.4")}


def compute_by_hand(seed: int) -> Exercise:
    """Draw a network whose numbers stay small, and what is asked of it."""
    random = Random(f"delta {seed}")
    done = _draw(random)
    depth = len(done.sizes)
    letter = random.choice(("delta", "delta", "dw", "db"))
    layer = random.choice([*range(2, depth + 1), *range(2, depth)])  # rather one before the last
    asked = _SAID[letter].format(layer)
    matrix = done.matrix(letter, layer)
    rows, columns = len(matrix), len(matrix[0])
    answer = written(matrix)

    def check(text: str) -> Grade:
        return _grade(text.removeprefix(f"{asked} ="), matrix)

    shape = "one number" if rows == columns == 1 else _shape(rows, columns)
    equations = [derived.equation for derived in derive_in_general()]
    wanted = [eq for eq in equations if eq.number in _NEEDS[letter] and (layer < depth or eq.number != "1.2")]
    return Exercise(
        "delta",
        seed,
        "Compute by hand",
        (
            Prose(
                f"A network {'-'.join(map(str, done.sizes))} with z[l] = W[l] a[l-1] + b[l], a[l] = "
                f"sigma(z[l]) "
                "and the cost C = 1/2 ||y - a[L]||^2 of one sample. Layer 1 is the input; a vector "
                "is written as "
                "a list, a matrix as a list of rows."
            ),
            *_given(done),
            Prose(
                f"Compute `{asked}` exactly"
                + (f", which is dC/dz[{layer}]." if letter == "delta" else ".")
                + f" Answer with {shape}; numbers are whole or fractions such as `-3/4`."
            ),
        ),
        (
            (Prose(_nudge(layer, depth)),),
            (Prose("Use"), Rows(tuple(Row(f"({eq.number})", spelled_equation(eq)) for eq in wanted))),
            (Prose("On the way there:"), Code(_work(done, layer)[: None if letter == "dw" else -1])),
        ),
        answer,
        (
            Prose("Forward and then backward, layer by layer:"),
            Code((*_work(done, layer), *([] if letter == "delta" else [f"{asked} = {answer}"]))),
        ),
        check,
    )


def _draw(random: Random) -> Pass:
    sizes, stand_in = random.choice(SIZES), random.choice(_SIGMAS)
    while True:
        numbers = _numbers(random, sizes, stand_in)
        done = Pass(Architecture.parse("-".join(map(str, sizes))), numbers, stand_in)
        small = all(max(abs(v.numerator), v.denominator) <= LARGEST for v in done.known.values())
        telling = all(value for (letter, _), value in done.known.items() if letter in ("delta", "dw"))
        if small and telling:
            return done


def _numbers(random: Random, sizes: tuple[int, ...], stand_in: StandIn | None) -> Numbers:
    """Draw small parameters; for the logistic function its values too, as fractions.

    With a stand-in the weighted inputs are drawn and the biases made to fit, or numbers would soon be large.
    """
    numbers: Numbers = {}
    below = {k: random.choice(_WHOLE) for k in range(1, sizes[0] + 1)}
    numbers |= {("x", (k,)): value for k, value in below.items()}
    numbers |= {("a", (1, k)): v for k, v in below.items()}
    for layer in range(2, len(sizes) + 1):
        here = {}
        for j in range(1, sizes[layer - 1] + 1):
            weights = {k: random.choice(_WHOLE) for k in below}
            numbers |= {("w", (layer, j, k)): value for k, value in weights.items()}
            z = random.choice(_INPUTS)
            numbers["b", (layer, j)] = z - sum(weights[k] * below[k] for k in below)
            here[j] = random.choice(_INSIDE) if stand_in is None else stand_in.value(z)
            numbers["a", (layer, j)] = here[j]
        below = here
    targets = _ENDS if stand_in is None else _WHOLE
    return numbers | {("y", (j,)): random.choice(targets) for j in range(1, sizes[-1] + 1)}


def _given(done: Pass) -> tuple[Block, ...]:
    depth = len(done.sizes)
    layers = range(2, depth + 1)
    if done.stand_in is None:
        lines = [f"a[1] = {written(done.matrix('a', 1))}"]
        for n in layers:  # the first weights and all biases no longer matter
            weights = f"W[{n}] = {written(done.matrix('w', n))}    " if n > 2 else ""
            lines.append(f"{weights}a[{n}] = {written(done.matrix('a', n))}")
        sigmoid = Row("", spelled_equation(activation_equation(ACTIVATIONS["sigmoid"])))
        said = (
            "sigma is the logistic function, and the forward pass is done (its values are "
            "rounded, take them as exact):"
        )
        return (
            Prose(said),
            Code((*lines, f"y = {written(done.matrix('y', depth))}")),
            Prose("Recall"),
            Rows((sigmoid,)),
        )
    lines = [f"x = {written(done.matrix('x', 1))}"]
    for n in layers:
        lines.append(f"W[{n}] = {written(done.matrix('w', n))}    b[{n}] = {written(done.matrix('b', n))}")
    lines.append(f"y = {written(done.matrix('y', depth))}")
    return (
        Prose(f"The activation is `sigma(z) = {done.stand_in.name}` in every layer, and"),
        Code(tuple(lines)),
    )


def _work(done: Pass, layer: int) -> tuple[str, ...]:
    """Return the values on the way to a delta of a layer, one line each."""
    depth = len(done.sizes)
    lines = []
    for n in range(2, depth + 1):
        if done.stand_in is not None:
            lines.append(
                f"z[{n}] = {written(done.matrix('z', n))}    a[{n}] = {written(done.matrix('a', n))}"
            )
    for n in range(depth, layer - 1, -1):
        lines.append(f"sigma'(z[{n}]) = {written(done.slope(n))}")
        lines.append(f"delta[{n}] = {written(done.matrix('delta', n))}")
    return tuple(lines)


def _nudge(layer: int, depth: int) -> str:
    if layer == depth:
        return (
            "Only one layer is needed: the delta of the output comes from the difference of "
            "output and target."
        )
    return "Begin with the delta of the output layer, and go back layer by layer."


def _shape(rows: int, columns: int) -> str:
    if columns == 1:
        return f"a list of {rows}, such as `[{', '.join(map(str, range(1, rows + 1)))}]`"
    example = f"[{', '.join('[' + ', '.join('1' * columns) + ']' for _ in range(rows))}]"
    return f"{rows} row{'s' * (rows > 1)} of {columns}, such as `{example}`"


def _grade(text: str, wanted: Matrix) -> Grade:
    rows, columns = len(wanted), len(wanted[0])
    try:
        found = read_matrix(text, rows, columns)
    except UserError as problem:
        return malformed(str(problem))
    if found == wanted:
        return right("every entry is exact")
    if found == [[-entry for entry in row] for row in wanted]:
        return wrong("every sign is the wrong way round: is it a - y, or y - a?")
    places = [(r + 1, c + 1) for r in range(rows) for c in range(columns) if found[r][c] != wanted[r][c]]
    if rows == columns == 1:
        return wrong(f"it is not {found[0][0]}")
    where = ", ".join(f"{r}" if columns == 1 else f"{r},{c}" for r, c in places)
    return wrong(f"not right: entry {where}")
