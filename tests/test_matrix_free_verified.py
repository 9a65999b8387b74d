"""The modules of steps without any matrix, read back: proved as they are, refused when a line is changed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from derive.architecture import Architecture
from derive.errors import NotProvedError
from derive.package import render
from derive.proof import Proof, prove
from derive.theorems import matrix_free as theory
from derive.verification.further import Further, FurtherEntries
from derive.verification.interpreter import Interpreter
from derive.verification.objects import Located, Skipped
from derive.verification.source import read_source
from derive.verification.sweeps import IterationEntries, SweepEntries
from derive.verification.values import Refusal
from derive.verification.verify import verify_files

EXTRAS = ("products", "matrix-free")


@cache
def proof_of(text: str) -> Proof:
    return prove(Architecture.parse(text), brute_force=False)


@cache
def files_of(text: str) -> dict[str, str]:
    return render(proof_of(text), EXTRAS)


def test_every_part_of_the_theorem_is_replayed_and_none_with_another_right_side() -> None:
    for proved in theory.matrix_free().parts:
        assert proved.holds, proved.equation.number
        wrong = replace(proved, equation=replace(proved.equation, rhs=2 * proved.equation.rhs))
        assert not wrong.holds, proved.equation.number


def test_nothing_is_emitted_if_a_part_of_the_theorem_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theory, "predicted", lambda: theory.alpha)
    with pytest.raises(NotProvedError, match=r"\(5\.33\).*nothing is emitted"):
        render(proof_of("2-3:tanh-2:linear"), EXTRAS)


CHANGES = [
    ("products.py", "np.add(Ra3, t3, out=Ra3)", "np.subtract(Ra3, t3, out=Ra3)"),  # the sweep of J v
    ("products.py", "np.subtract(1.0, a2, out=t4)", "np.subtract(1.0, a2, out=a2)"),  # what is kept
    ("products.py", "    _, _, W3, _ = weights\n    a2, _", "    _, _, _, W3 = weights\n    a2, _"),
    ("products.py", "carve(memory[3], n_samples, 3),  # t1", "carve(memory[2], n_samples, 3),  # t1"),
    ("products.py", "return self.work[3]", "return self.work[0]"),
    ("products.py", ".reshape(-1).copy()", ".reshape(-1)[::-1]"),
    ("products.py", "unpack(g))\n        return g", "unpack(g))\n        return u"),
    ("products.py", "JacobianOperator(as_parameters(p).copy(),", "JacobianOperator(as_inputs(X),"),
    ("matrix_free.py", "np.multiply(E, t, out=c)", "np.copyto(c, E)"),  # t is dropped
    ("matrix_free.py", "np.multiply(p, ridge, out=t1)", "np.multiply(p, mu, out=t1)"),
    ("matrix_free.py", "np.multiply(h, mu + ridge, out=t2)", "np.multiply(h, mu, out=t2)"),
    ("matrix_free.py", "t1*(mu + ridge) + t2", "t1*mu + t2"),
    ("matrix_free.py", "np.subtract(E, c, out=E)", "np.add(E, c, out=E)"),
    ("matrix_free.py", "np.add(h_new, h, out=h_new)", "np.copyto(h_new, h)"),
    ("matrix_free.py", "np.add(d, f, out=d)", "np.subtract(d, f, out=d)"),
    ("matrix_free.py", "np.add(t1, f, out=t1)  # (5.33)", "np.subtract(t1, f, out=t1)  # (5.33)"),
    ("matrix_free.py", "np.multiply(h, mu - nu, out=f_new)", "np.multiply(h, mu + nu, out=f_new)"),
    ("matrix_free.py", "np.subtract(r, E, out=c)", "np.subtract(E, r, out=c)"),
    ("matrix_free.py", "np.add(g, part_g, out=g)", "np.subtract(g, part_g, out=g)"),
    ("matrix_free.py", "work = (self.spare, self.spare)", "work = (self.spare, self.h)"),
    ("matrix_free.py", "mu=mu, ridge=self.ridge)\n\n    def bend", "mu=mu, ridge=0.0)\n\n    def bend"),
    ("matrix_free.py", "curvature(c=self.c, d=d, mu=mu", "curvature(c=self.c, d=self.d, mu=mu"),
]


@cache
def further() -> Further:
    return Further(proof_of("2-3:tanh-2:linear"), "products")


@cache
def refused(file: str, text: str) -> list[str]:
    """Return what is found wrong with one of the two modules; nothing else of the package is looked at."""
    proof = proof_of("2-3:tanh-2:linear")
    files = files_of("2-3:tanh-2:linear") | {file: text}
    sources = {name: read_source(name, text) for name, text in files.items()}
    found, iteration = [], IterationEntries(sources, proof)
    entries = FurtherEntries(Interpreter(sources, further().knowledge), further(), proof)
    runs = SweepEntries(entries).all() if file == "products.py" else iteration.all()
    for _, _, run in runs:
        try:
            run()
        except (Located, Refusal, Skipped) as refusal:
            found.append(str(refusal))
    return found


def test_the_modules_are_proved() -> None:
    report = verify_files(files_of("2-3:tanh-2:linear"), proof_of("2-3:tanh-2:linear"), EXTRAS)
    assert report.holds
    proved = {(item.file, item.name): item.numbers for item in report.proved}
    assert proved["products.py", "push_forward"] == ("7.1", "7.2")
    assert proved["matrix_free.py", "on_ray"] == ("5.39",)
    assert ("products.py", "JacobianOperator.rmatvec") in proved


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [pytest.param(*change, marks=[pytest.mark.slow] if k % 3 else []) for k, change in enumerate(CHANGES)],
)
def test_a_changed_line_is_found(file: str, old: str, new: str) -> None:
    files = files_of("2-3:tanh-2:linear")
    text = files[file]
    at = text.rindex(old)  # the functions over kept activations come last
    changed = text[:at] + new + text[at + len(old) :]
    assert not refused(file, text)
    assert refused(file, changed)
