"""The C target: it compiles without a warning, agrees with other oracles, and refuses what it cannot do."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from higham import REFERENCE, X, Y, drawn_samples, from_columns
from random_networks import draw, network

from derive import Architecture, Proof, prove
from derive.cli import main
from derive.errors import NotProvedError, UserError
from derive.generate import Package, drift, generate, write

COMPILER = shutil.which(os.environ.get("CC", "cc"))
needs_compiler = pytest.mark.skipif(
    COMPILER is None, reason="needs a C compiler, cc or the one that CC names"
)
STRICT = (
    *(
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        "-Wconversion",
        "-Wdouble-promotion",
        "-Wshadow",
    ),
    *("-O1", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"),
)
KINDS = {
    "article": ("2-2-3-2", "quadratic"),
    "softmax": ("3-4:gelu-3:softmax", "cross-entropy"),
    "joined": ("3-3:tanh-3:selu+2-3:tanh=2-2:linear+W1", "quadratic"),
    "decoder": ("4-3:softplus-4:linear=W2T,no-bias", "sum:2*quadratic(1,2,3,4)"),
}


@pytest.fixture(scope="module")
def proofs() -> dict[str, Proof]:
    return {name: prove(Architecture.parse(*kind), brute_force=False) for name, kind in KINDS.items()}


_MADE: dict[tuple[str, str], Package] = {}


def made(proof: Proof, target: str = "c") -> Package:
    """Generate a package once."""
    key = (proof.architecture.package_name, target)
    if key not in _MADE:
        _MADE[key] = generate(proof, (), target)
    return _MADE[key]


@contextmanager
def loaded(proof: Proof, folder: Path, target: str) -> Iterator[Any]:
    """Import a package that is generated into a folder; what it compiles goes there, too."""
    where = write(made(proof, target), folder)
    known = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == where.name}
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(where.name)
    finally:
        sys.path.remove(str(folder))
        if before is None:
            del os.environ["XDG_CACHE_HOME"]
        else:
            os.environ["XDG_CACHE_HOME"] = before
        for name in [name for name in sys.modules if name.split(".")[0] == where.name]:
            del sys.modules[name]
        sys.modules.update(known)


def compiled(folder: Path, name: str, *flags: str) -> Path:
    """Compile source and self-test in a folder; warnings are errors."""
    assert COMPILER is not None
    sources = [str(folder / f"{name}.c"), str(folder / f"{name}_test.c")]
    done = subprocess.run(
        [COMPILER, *flags, *sources, "-lm", "-o", str(folder / "check")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "check"


# -- compiling -------------------------------------------------------------------------------------------


@needs_compiler
@pytest.mark.parametrize(
    ("kind", "width"), [*((kind, "double") for kind in KINDS), ("article", "float"), ("softmax", "float")]
)
def test_the_files_compile_without_a_warning_and_check_themselves_under_sanitizers(
    kind, width, proofs, tmp_path
):
    package = made(proofs[kind])
    folder = write(package, tmp_path)
    name = package.proof.architecture.package_name
    flags = [f"-D{name.upper()}_FLOAT"] if width == "float" else []
    done = subprocess.run(
        [compiled(folder, name, *STRICT, *flags)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gradient against central differences" in done.stdout
    assert ("normal" in done.stdout or "J^T J" in done.stdout) == proofs[kind].squares


@needs_compiler
def test_the_self_test_sees_a_wrong_gradient_and_a_wrong_step(proofs, tmp_path):
    package = made(proofs["article"])
    folder, name = write(package, tmp_path), "sigmoid_2_2_3_2"
    text = package.files[f"{name}.c"]
    mutants = (
        ("sum += W4[3*k + j]*d4[k];", "sum -= W4[3*k + j]*d4[k];"),
        ("(m == p ? mu : 0)", "(m == p ? 2*mu : 0)"),
    )
    for right, wrong in mutants:
        assert right in text
        (folder / f"{name}.c").write_text(text.replace(right, wrong, 1), encoding="utf-8")
        done = subprocess.run([compiled(folder, name)], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "FAILED" in done.stdout


# -- agreement -------------------------------------------------------------------------------------------


def close(found: Any, wanted: Any, tolerance: float = 1e-13) -> None:
    scale = max(1e-3, float(np.max(np.abs(wanted))))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * scale)


def agree(proof: Proof, folder: Path, seed: int) -> None:
    """Compare everything that both targets have."""
    with loaded(proof, folder, "numpy") as net, loaded(proof, folder, "c") as other:
        p, inputs, targets = draw(proof.architecture, net, seed)
        close(other.forward(p, inputs), net.forward(p, inputs))
        close(other.cost(p, inputs, targets), net.cost(p, inputs, targets))
        close(other.gradient(p, inputs, targets), net.gradient(p, inputs, targets))
        order = [0, 1, 1, 0, 1]
        steps = net.sgd(p, inputs, targets, eta=0.1, indices=order).p
        close(other.sgd(p, inputs, targets, eta=0.1, indices=order).p, steps, 1e-12)
        assert hasattr(other, "lm_step") == proof.squares
        if proof.squares:
            close(other.lm_step(p, inputs, targets, 0.3), net.lm_step(p, inputs, targets, 0.3), 1e-11)


@needs_compiler
@pytest.mark.parametrize("kind", KINDS)
def test_both_targets_compute_the_same_to_rounding(kind, proofs, tmp_path):
    agree(proofs[kind], tmp_path, 1)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_both_targets_compute_the_same_for_random_networks(seed, tmp_path):
    agree(prove(network(seed), brute_force=False), tmp_path, seed)


@needs_compiler
def test_the_article_s_steps_end_where_numpy_ends(proofs, tmp_path):
    import sigmoid_2_2_3_2 as net

    start = from_columns(REFERENCE["matlab_rng5000"]["p0"])
    order = drawn_samples()[:20_000]
    with loaded(proofs["article"], tmp_path, "c") as other:
        found = other.sgd(start, X, Y, eta=0.05, indices=order)
        wanted = net.sgd(start, X, Y, eta=0.05, indices=order, record_every=len(order))
        np.testing.assert_allclose(found.p, wanted.p, rtol=0, atol=1e-10)
        assert found.steps == 20_000
        np.testing.assert_allclose(found.cost, net.cost(found.p, X, Y), rtol=1e-12)


# -- training --------------------------------------------------------------------------------------------


@needs_compiler
def test_training_reaches_a_goal_and_says_why_it_stops(proofs, tmp_path):
    start = from_columns(REFERENCE["matlab_rng5000"]["p0"])
    with loaded(proofs["article"], tmp_path, "c") as net:
        goal = net.levenberg_marquardt(start, X, Y, goal=1e-6)
        assert goal.reason is net.StopReason.GOAL
        assert goal.cost <= 1e-6
        assert goal.cost == net.cost(goal.p, X, Y)
        few = net.levenberg_marquardt(start, X, Y, steps=3)
        assert few.reason is net.StopReason.STEPS
        assert few.steps == 3
        assert few.cost < net.cost(start, X, Y)
        still = net.levenberg_marquardt(few.p, X, Y, mu=1e12, mu_max=1e12, ftol=0.0)
        assert still.reason in (net.StopReason.DAMPING, net.StopReason.STEPS)
        torn = net.levenberg_marquardt(start, X[[0] * 10], Y, steps=500)
        assert torn.reason is net.StopReason.DECREASE  # one input with two targets
        np.testing.assert_allclose(torn.cost, 0.25, rtol=1e-12)
        lost = net.sgd(start * 1e200, X * 1e200, Y, eta=1e300, steps=10)
        assert lost.reason in (net.StopReason.NON_FINITE, net.StopReason.STEPS)
        drawn = net.sgd(start, X, Y, eta=0.5, steps=50_000, seed=3, goal=0.1)
        assert drawn.reason is net.StopReason.GOAL
        again = net.sgd(start, X, Y, eta=0.5, steps=50_000, seed=3)
        np.testing.assert_array_equal(drawn.p, again.p)


@needs_compiler
def test_the_loader_refuses_what_is_no_sample_of_the_network(proofs, tmp_path):
    with loaded(proofs["article"], tmp_path, "c") as net:
        p = np.zeros(23)
        for call, said in (
            (lambda: net.gradient(p[:-1], X, Y), r"p: expected shape \(23,\), got \(22,\)"),
            (lambda: net.forward(p, X[0]), r"X: expected shape \(N, 2\) with N >= 1, got \(2,\)"),
            (lambda: net.cost(p, X, Y[:-1]), "expected as many rows in X and Y, got 10 and 9"),
            (lambda: net.cost(p + np.nan, X, Y), "p: expected finite numbers"),
            (lambda: net.lm_step(p, X, Y, 0.0), "mu: expected a positive number, got 0.0"),
            (lambda: net.sgd(p, X, Y, indices=[0, 10]), "indices: expected 0 to 9, got 0 to 10"),
            (lambda: net.sgd(p, X, Y, steps=-1), "steps: expected a whole number from 0, got -1"),
        ):
            with pytest.raises(ValueError, match=said):
                call()
        with pytest.raises(TypeError, match="X: expected real numbers"):
            net.forward(p, [["a", "b"]])
        assert net.cost(p, X, Y == 1) == net.cost(p, X, Y)  # truth values are numbers


def test_the_loader_says_that_there_is_no_compiler(proofs, tmp_path, monkeypatch):
    write(made(proofs["article"]), tmp_path)
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ImportError, match=r"expected a C compiler .* got none named 'no-such-compiler'"):
        importlib.import_module("sigmoid_2_2_3_2_c")


# -- writing ---------------------------------------------------------------------------------------------


def test_width_adds_no_lines(proofs):
    def lines(text: str) -> int:
        package = generate(text, (), "c")
        return package.files[f"{package.proof.architecture.package_name}.c"].count("\n")

    assert lines("2-2-3-2") == lines("8-300-20-4")


def test_check_sees_a_changed_file_and_leaves_the_numpy_package_alone(proofs, tmp_path):
    numpy, package = made(proofs["article"], "numpy"), made(proofs["article"])
    write(numpy, tmp_path)
    folder = write(package, tmp_path)
    assert folder.name == "sigmoid_2_2_3_2_c"
    assert drift(package, tmp_path) == ""
    assert drift(numpy, tmp_path) == ""
    source = folder / "sigmoid_2_2_3_2.c"
    source.write_text(source.read_text("utf-8").replace("eta*", "2*eta*"), encoding="utf-8")
    assert "+        d4[j]" in drift(package, tmp_path)
    (folder / "old.h").write_text(source.read_text("utf-8"), encoding="utf-8")
    assert "old.h" in drift(package, tmp_path)
    write(package, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == sorted(package.files)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["2-2-3-2", "--target", "fortran"], "expected --target numpy, c or python, got 'fortran'"),
        (["2-2-3-2", "--target", "c", "--with", "hessian"], "expected --with for the NumPy target alone"),
    ],
)
def test_what_the_target_cannot_do_is_refused_in_one_line(arguments, said, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(sys, "argv", ["derive", "generate", *arguments, "-o", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert said in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_emitted_for_what_is_not_proved(proofs):
    from dataclasses import replace

    proof = proofs["article"]
    wrong = replace(proof, verdicts=(replace(proof.verdicts[0], holds=False), *proof.verdicts[1:]))
    with pytest.raises(NotProvedError, match="nothing is emitted"):
        generate(wrong, (), "c")
    with pytest.raises(NotProvedError, match="the deltas of eta C and of the cost differ"):
        generate(replace(proof, scaled=proof.sample), (), "c")
    with pytest.raises(UserError, match="expected --target"):
        generate(proof, (), "cobol")


# -- documentation ---------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[1] / "docs" / "c.md"


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)


def test_the_page_shows_loops_that_the_generator_writes(proofs):
    assert snippets("c")[0] in made(proofs["article"]).files["sigmoid_2_2_3_2.c"]


@needs_compiler
def test_the_page_s_program_compiles_and_prints_what_the_page_says(proofs, tmp_path):
    folder = write(made(proofs["article"]), tmp_path)
    (folder / "sigmoid_2_2_3_2_test.c").write_text(snippets("c")[1], encoding="utf-8")
    program = compiled(folder, "sigmoid_2_2_3_2", *STRICT)
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    assert done.stdout == snippets("text")[0]


@needs_compiler
def test_the_page_s_python_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sigmoid_2_2_3_2_c", raising=False)
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, globs={"FOLDER": tmp_path})
    sys.modules.pop("sigmoid_2_2_3_2_c", None)
    assert tried > 5
    assert failed == 0
