"""Mutants of emitted source: every one that changes a number is refused, at the line that was changed.

Whether a mutant changes what is computed is decided by running it, which shares nothing with the verifier.
What survives must give the same bits: names that are never read, operands of a symmetric function swapped,
arrays that lie in the same memory, another way to count the samples.
"""

from __future__ import annotations

import importlib
import itertools
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from verification_mutants import Mutant, mutants

from derive.architecture import Architecture
from derive.package import render
from derive.proof import prove
from derive.verification.report import Finding
from derive.verification.verify import Verifier

ARRAYS = {
    "forward.py": ("propagate", "mean_cost", "subtract_output"),
    "gradient.py": ("backpropagate",),
    "lm_step.py": ("differentiate", "solve_primal", "solve_dual"),
    "train.py": ("descend",),
}
FRAMES = {
    "forward.py": ("ForwardWorkspace.__init__", "ForwardWorkspace.forward", "ForwardWorkspace.cost"),
    "gradient.py": ("GradientWorkspace.__init__", "GradientWorkspace.gradient"),
    "lm_step.py": ("JacobianWorkspace.__init__", "JacobianWorkspace.residual_and_jacobian"),
    "parameters.py": ("unpack", "carve", "allocate"),
}
LEAN = {
    "gram_step.py": (
        "gram_matrix",
        "pull_back",
        "predicted_decrease",
        "GramStep.__init__",
        "GramStep.at",
        "GramStep.trial",
        "weigh",
        "weigh_vector",
        "outputs_along",
        "Ahead.__init__",
        "Ahead.product",
        "GramStep.pull",
        "GramStep.product_with_p",
        "GramStep.slope",
        "GramStep.trial_with_ridge",
    ),
    "normal_step.py": (
        "columns",
        "normal_matrix",
        "accumulate",
        "predicted_decrease",
        "Columns.__init__",
        "Columns.sums",
        "NormalStep.trial",
        "NormalStep.begin",
        "NormalStep.slope",
        "NormalStep.scaled_trial",
        "weigh",
    ),
    "ridge.py": ("shifts", "slope_with_ridge", "step_with_ridge", "effective_parameters"),
    "scaling.py": (
        *("scales", "scaled_system", "unscaled", "Scaling.at", "Scaling.step", "mean_squares", "spread"),
    ),
    "layers.py": ("layer_squares", "scaled_step", "LayerSquares.__init__", "LayerSquares.at"),
    "damped.py": ("take", "step_by_normal_matrix", "step_by_gram_matrix", "_taken"),
}
_names = itertools.count()


@cache
def made(sizes: str) -> tuple[Verifier, dict[str, str]]:
    proof = prove(Architecture.parse(sizes), brute_force=False)
    return Verifier(proof), render(proof)


def numbers(files: dict[str, str], folder: Path) -> list[bytes]:
    """Run a package and return the bits of all that it computes."""
    name = f"mutant_{next(_names)}"
    (folder / name).mkdir()
    for file, text in files.items():
        (folder / name / file).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        net = importlib.import_module(name)
        train = importlib.import_module(f"{name}.train")
    finally:
        sys.path.remove(str(folder))
    rng = np.random.default_rng(3)
    p = rng.uniform(-1.5, 1.5, net.N_PARAMETERS)
    X, Y = rng.uniform(-2, 2, (7, net.SIZES[0])), rng.random((7, net.SIZES[-1]))
    t = rng.uniform(0.5, 2.0, Y.shape)
    X[0] *= 3000  # some weighted inputs beyond the guard
    work = net.GradientWorkspace(7)
    given = np.empty(net.N_PARAMETERS)
    g = net.gradient(p, X, Y)
    moved = p.copy()
    train.descend(moved, g.copy(), 0.3)
    found: list[Any] = [net.forward(p, X), net.cost(p, X, Y), g, net.residual(p, X, Y), net.jacobian(p, X)]
    found += [*net.cost_and_gradient(p, X, Y), work.gradient(p, X, Y, out=given), given, moved]
    found += [net.lm_step_primal(p, X, Y, 0.2), net.lm_step_dual(p, X, Y, 0.2), *net.unpack(p)]
    for work in (
        importlib.import_module(f"{name}.gram_step").GramStep(7),
        importlib.import_module(f"{name}.normal_step").NormalStep(7, 5000),
        importlib.import_module(f"{name}.normal_step").NormalStep(7, 5000, scaling="marquardt"),
    ):
        for factors, work.ridge in ((None, 0.0), (t, 0.0), (t, 0.3), (None, 0.3)):
            work.at(p, X, Y, factors)
            for mu in (0.2, 3.0):
                found += [work.trial(mu).copy(), work.decrease]
            found += [work.slope().copy(), work.effective_parameters(0.4)]
    for form in ("dual", "primal"):
        work = net.damped_step(7, form=form, scaling="layer")
        for factors in (None, t, t):
            work.at(p, X, Y, factors)
            found += [work.trial(0.2).copy(), work.decrease, work.slope().copy(), work.scaling.largest.copy()]
    damped = importlib.import_module(f"{name}.damped")
    found += [damped.step_by_gram_matrix(p, X, Y, 0.2), damped.step_by_normal_matrix(p, X, Y, 0.2)]
    found.append(net.lm_step(p, X, Y, 0.2))
    if hasattr(train, "sample_steps"):
        stepped = p.copy()
        train.sample_steps(stepped, X.tolist(), Y.tolist(), range(len(X)), 0.3)
        found.append(stepped)
    for module in [key for key in sys.modules if key.startswith(name)]:
        del sys.modules[module]
    return [np.asarray(value).tobytes() for value in found]


def near(finding: Finding, mutant: Mutant) -> bool:
    """Say whether a finding points at a mutant: its line, its neighbour, or a later use of what it binds."""
    if finding.file != mutant.file:
        return False
    if any(
        finding.covers(mutant.line + k) for k in ((-1, 0, 1) if mutant.rule in ("dropped", "order") else (0,))
    ):
        return True
    bound = set(mutant.change.split(" -> ")[0].replace("(", " ").replace(")", " ").replace(",", " ").split())
    used = finding.statement.replace("(", " ").replace(")", " ").replace(",", " ").replace(".", " ").split()
    return bool(bound & set(used))


def examined(
    sizes: str, functions: dict[str, tuple[str, ...]], step: int, folder: Path, *, blame: bool = False
) -> Counter[str]:
    """Verify every step-th mutant; survivors must compute the same bits.

    With ``blame`` it is counted, too, how many are found at the line that was changed, which takes long.
    """
    verifier, files = made(sizes)
    expected = numbers(files, folder)
    count: Counter[str] = Counter()
    for file, wanted in functions.items():
        for position, mutant in enumerate(mutants(file, files[file], wanted.__contains__)):
            if position % step:
                continue
            changed = {**files, file: mutant.text}
            count["mutants"] += 1
            if verifier.holds(changed):
                try:
                    found = numbers(changed, folder)
                except (
                    ValueError,
                    TypeError,
                    AttributeError,
                ):  # a guard that was changed stops loudly; guards are not proved
                    count["stops"] += 1
                    continue
                count["same bits"] += 1
                assert found == expected, mutant.change
            else:
                count["refused"] += 1
                if blame:
                    findings = verifier.verify(changed).findings
                    count["at its line"] += any(near(finding, mutant) for finding in findings)
    return count


@pytest.mark.parametrize("sizes", ["2-2-3-2", pytest.param("3-3-3-3", marks=pytest.mark.slow)])
def test_every_mutant_that_changes_a_number_is_refused(sizes: str, tmp_path: Path) -> None:
    count = examined(sizes, ARRAYS, 1301, tmp_path, blame=True)
    assert count["mutants"] == count["refused"] + count["same bits"] + count["stops"]
    assert count["refused"] > 0.7 * count["mutants"] > 2, count
    assert count["at its line"] > 0.9 * count["refused"], count


@pytest.mark.parametrize("sizes", ["2-3:tanh-1:linear", pytest.param("2-2-3-2", marks=pytest.mark.slow)])
def test_every_mutant_of_a_step_without_the_jacobian_is_refused(sizes: str, tmp_path: Path) -> None:
    count = examined(sizes, LEAN, 397, tmp_path)
    assert count["mutants"] == count["refused"] + count["same bits"] + count["stops"]
    assert count["refused"] > 0.7 * count["mutants"] > 2, count


@pytest.mark.slow
def test_every_mutant_of_memory_and_frames_that_changes_a_number_is_refused(tmp_path: Path) -> None:
    count = examined("2-2-3-2", FRAMES, 61, tmp_path)
    assert count["mutants"] == count["refused"] + count["same bits"] + count["stops"]
    assert count["refused"] > 10, count


@pytest.mark.slow
def test_every_mutant_of_the_scalar_step_is_refused(tmp_path: Path) -> None:
    count = examined(
        "2-2-3-2", {"sample_steps.py": ("sample_steps", "_bounded_exp", "_descend")}, 1009, tmp_path
    )
    assert count["refused"] > 0.9 * count["mutants"] > 5, count


@pytest.mark.slow
@pytest.mark.parametrize("sizes", ["2-2-3-2", "3-3-3-3", "4-8-8-2"])
@pytest.mark.parametrize("functions", [ARRAYS, FRAMES], ids=["arrays", "frames"])
def test_all_mutants(sizes: str, functions: dict[str, tuple[str, ...]], tmp_path: Path) -> None:
    count = examined(sizes, functions, 7, tmp_path)
    print(sizes, dict(count))
    assert count["mutants"] == count["refused"] + count["same bits"] + count["stops"]
