"""The Python target: a file that stands alone, agrees with NumPy's, and refuses what it cannot do."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from higham import REFERENCE, X, Y, drawn_samples, from_columns
from random_networks import draw, network

from derive import Architecture, Proof, prove
from derive.cli import main
from derive.errors import NotProvedError, UserError
from derive.generate import Package, drift, generate, write
from derive.package_python import MAX_PARAMETERS, render

ROOT = Path(__file__).parents[1]
KINDS = {
    "article": ("2-2-3-2", "quadratic", ()),
    "softmax": ("3-4:gelu-3:softmax", "cross-entropy", ()),
    "joined": ("3-3:tanh-3:selu+2-3:tanh=2-2:linear+W1", "quadratic", ()),
    "decoder": ("4-3:softplus-4:linear=W2T,no-bias", "sum:2*quadratic(1,2,3,4)", ()),
    "own": ("2-3:mish-1:linear", "poisson: exp(a) - y*a", ("mish: z*tanh(log(1+exp(z)))",)),
    "fractions": ("2-3:relu-1", "binary-cross-entropy", ()),
    "smallest": ("1-1", "quadratic", ()),
}


@pytest.fixture(scope="module")
def proofs() -> dict[str, Proof]:
    return {name: prove(Architecture.parse(*kind), brute_force=False) for name, kind in KINDS.items()}


_MADE: dict[tuple[str, str], Package] = {}


def made(proof: Proof, target: str = "python") -> Package:
    """Generate a package once."""
    key = (proof.architecture.package_name, target)
    if key not in _MADE:
        _MADE[key] = generate(proof, (), target)
    return _MADE[key]


def loaded(proof: Proof, folder: Path) -> ModuleType:
    """Write the file and import it, under a name that nothing else has."""
    path = write(made(proof), folder)
    spec = importlib.util.spec_from_file_location(f"tried_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def numpy_package(proof: Proof, folder: Path) -> Iterator[Any]:
    """Import the NumPy package for the same proof, and forget it again."""
    where = write(made(proof, "numpy"), folder)
    known = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == where.name}
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(where.name)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == where.name]:
            del sys.modules[name]
        sys.modules.update(known)


@pytest.fixture(scope="module")
def net(proofs: dict[str, Proof], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return loaded(proofs["article"], tmp_path_factory.mktemp("article"))


P = from_columns(REFERENCE["matlab_rng5000"]["p0"]).tolist()
XS, YS = X.tolist(), Y.tolist()


# -- standing alone --------------------------------------------------------------------------------------

LONELY = """
import sys
from runpy import run_path

class OutOfReach:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in sys.stdlib_module_names:
            raise ImportError(f"{name} is out of reach")

sys.meta_path.insert(0, OutOfReach())
run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_checks_itself_where_there_is_nothing_but_python(kind, proofs, tmp_path):
    path = write(made(proofs[kind]), tmp_path)
    command = [sys.executable, "-I", "-W", "error", "-c", LONELY, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 checks passed" in done.stdout
    assert not re.search(
        r"^(import|from) (?!__future__|collections|math|numbers|random|typing)", path.read_text("utf-8"), re.M
    )


def test_the_file_sees_a_wrong_gradient_and_a_wrong_step(proofs, tmp_path):
    path = write(made(proofs["article"]), tmp_path)
    text = path.read_text("utf-8")
    for right, wrong, caught in (
        ("gb4_1 = gb4_1 + d4_1", "gb4_1 = gb4_1 - d4_1", "gradient against"),
        ("b4_1 = b4_1 - d4_1", "b4_1 = b4_1 + d4_1", "descent step against"),
    ):
        assert text.count(right) == 1, "the sabotage no longer finds its line"
        path.write_text(text.replace(right, wrong), encoding="utf-8")
        done = subprocess.run([sys.executable, "-I", path], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert re.search(rf"^FAILED +{caught}", done.stdout, flags=re.MULTILINE), done.stdout


@pytest.mark.skipif(find_spec("ruff") is None, reason="ruff is not installed")
def test_the_file_passes_the_repositorys_linter(proofs, tmp_path):
    for proof in (proof for kind, proof in proofs.items() if kind != "decoder"):  # whose name fills a line
        write(made(proof), tmp_path)
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for path in tmp_path.glob("*.py"):
        text = path.read_text("utf-8")
        assert not re.search(r"noqa|type:\s*ignore|pylint|fmt:|mypy:", text)
        assert not re.search(r"[ \t]\n|\t|\r", text)
        assert text.endswith("\n")
        assert text.isascii()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_the_file_passes_the_strict_type_checker(proofs, tmp_path):
    for proof in proofs.values():
        write(made(proof), tmp_path)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        "",
        "--cache-dir",
        str(tmp_path / "c"),
    ]
    files = sorted(map(str, tmp_path.glob("*.py")))
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_bytes_do_not_depend_on_the_hash_seed(proofs, tmp_path):
    program = (
        "import sys; from derive import Architecture, prove; from derive.package_python import render; "
        "proof = prove(Architecture.parse('3-4:gelu-3:softmax', 'cross-entropy'), brute_force=False); "
        "sys.stdout.write(*render(proof).values())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)},
    )
    assert [done.stdout] == list(made(proofs["softmax"]).files.values())


# -- agreement -------------------------------------------------------------------------------------------


def close(found: Any, wanted: Any, tolerance: float = 1e-13) -> None:
    scale = max(1e-3, float(np.max(np.abs(wanted))))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * scale)


def agree(other: Any, package: Any, architecture: Architecture, seed: int) -> None:
    """Compare everything that both targets have."""
    p, inputs, targets = draw(architecture, package, seed)
    q, xs, ys = p.tolist(), inputs.tolist(), targets.tolist()
    close([other.forward(q, x) for x in xs], package.forward(p, inputs))
    close(other.cost(q, xs, ys), package.cost(p, inputs, targets))
    close(other.gradient(q, xs, ys), package.gradient(p, inputs, targets))
    order = [0, 1, 1, 0, 1]
    other.sgd(q, xs, ys, eta=0.1, indices=order)
    close(q, package.sgd(p, inputs, targets, eta=0.1, indices=order).p, 1e-12)
    assert (xs, ys) == (inputs.tolist(), targets.tolist())


CHECKED_IN = (
    ("2-2-3-2", "quadratic", ()),
    ("1-20:tanh-1:linear", "quadratic", ()),
    ("4-16:relu-3:softmax", "cross-entropy", ()),
    ("2-8:swoosh-8:swoosh+2-1:linear", "quadratic", ("swoosh: z*tanh(log(1+exp(z)))",)),
)


@pytest.mark.parametrize("kind", CHECKED_IN, ids=[kind[0] for kind in CHECKED_IN])
def test_both_targets_compute_the_same_to_rounding(kind, tmp_path):
    proof = prove(Architecture.parse(*kind), brute_force=False)
    package = importlib.import_module(proof.architecture.package_name)  # from generated/
    other = loaded(proof, tmp_path)
    for seed in range(5):
        agree(other, package, proof.architecture, seed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_both_targets_compute_the_same_for_other_kinds(kind, proofs, tmp_path):
    with numpy_package(proofs[kind], tmp_path) as package:
        agree(loaded(proofs[kind], tmp_path), package, proofs[kind].architecture, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_both_targets_compute_the_same_for_random_networks(seed, tmp_path):
    proof = prove(network(seed), brute_force=False)
    with numpy_package(proof, tmp_path) as package:
        agree(loaded(proof, tmp_path), package, proof.architecture, seed)


def test_the_articles_steps_end_where_numpy_ends(net):
    import sigmoid_2_2_3_2

    order = drawn_samples()[:5_000]
    p = P.copy()
    net.sgd(p, XS, YS, eta=0.05, indices=order.tolist())
    wanted = sigmoid_2_2_3_2.sgd(P, X, Y, eta=0.05, indices=order, record_every=len(order)).p
    np.testing.assert_allclose(p, wanted, rtol=0, atol=1e-12)


class AllBytes:
    """Gives every byte once."""

    def randbytes(self, most: int) -> bytes:
        return bytes(range(most))


@pytest.mark.parametrize("count", [1, 2, 10, 129, 255, 256])
def test_few_samples_are_drawn_by_bytes_one_as_often_as_another(net, count):
    drawn = list(net._drawing(AllBytes(), count)(256))
    assert {drawn.count(k) for k in range(count)} == {256 // count}
    assert len(drawn) == 256 // count * count


@pytest.mark.parametrize("count", [3, 200, 257, 1000])
def test_no_more_samples_are_drawn_than_asked_for_and_all_are_met(net, count):
    draw = net._drawing(random.Random(1), count)
    blocks = [list(draw(50)) for _ in range(600)]
    assert max(map(len, blocks)) <= 50
    assert set().union(*blocks) == set(range(count))


def test_training_lowers_the_cost_and_a_seed_repeats_it(net):
    p, again, other = net.initial_parameters(3), net.initial_parameters(3), net.initial_parameters(3)
    assert p == again
    before = net.cost(p, XS, YS)
    net.sgd(p, XS, YS, eta=1.0, steps=2500, seed=1)
    net.sgd(again, XS, YS, eta=1.0, steps=2500, seed=1)
    net.sgd(other, XS, YS, eta=1.0, steps=2500, seed=2)
    assert p == again != other
    assert net.cost(p, XS, YS) < 0.6 * before
    one, many = P.copy(), P.copy()
    for i in (4, 0, 4):
        net.sgd_step(one, XS[i], YS[i], 0.3)
    net.sgd(many, XS, YS, eta=0.3, indices=[4, 0, 4])
    assert one == many


# -- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda net: net.forward(P[:-1], XS[0]), ValueError, "p: expected 23 numbers, got 22"),
        (lambda net: net.forward(P, [0.1]), ValueError, "x: expected 2 numbers, got 1"),
        (lambda net: net.forward(P, 0.1), TypeError, "x: expected a list of 2 numbers, got float"),
        (lambda net: net.forward(P, "ab"), TypeError, "x: expected a list of 2 numbers, got str"),
        (lambda net: net.forward(P, [0.1, "b"]), TypeError, r"x\[1\]: expected a real number, got 'b'"),
        (lambda net: net.forward(P, [0.1, 1j]), TypeError, r"x\[1\]: expected a real number, got 1j"),
        (
            lambda net: net.forward(P, [0.1, float("nan")]),
            ValueError,
            r"x\[1\]: expected a finite number, got nan",
        ),
        (lambda net: net.forward(P, [0.1, 10**400]), ValueError, r"x\[1\]: expected a finite number"),
        (lambda net: net.cost(P, XS, YS[:-1]), ValueError, "expected as many rows in X and Y, got 10 and 9"),
        (lambda net: net.cost(P, [], []), ValueError, "X: expected at least one row, got none"),
        (
            lambda net: net.cost(P, XS, [0.0] * 10),
            TypeError,
            r"Y\[0\]: expected a list of 2 numbers, got float",
        ),
        (lambda net: net.gradient(P, [[1, 2, 3]], YS[:1]), ValueError, r"X\[0\]: expected 2 numbers, got 3"),
        (lambda net: net.sgd(tuple(P), XS, YS), TypeError, "p: expected a list, .* got tuple"),
        (lambda net: net.sgd(P.copy(), XS, YS, eta=0), ValueError, "eta: expected a positive number, got 0"),
        (
            lambda net: net.sgd(P.copy(), XS, YS, steps=-1),
            ValueError,
            "steps: expected a whole number from 0, got -1",
        ),
        (
            lambda net: net.sgd(P.copy(), XS, YS, steps=2.0),
            ValueError,
            "steps: expected a whole number from 0",
        ),
        (
            lambda net: net.sgd(P.copy(), XS, YS, indices=[0, 10]),
            ValueError,
            r"indices\[1\]: expected 0 to 9, got 10",
        ),
        (
            lambda net: net.sgd(P.copy(), XS, YS, indices=[0.0]),
            TypeError,
            r"indices\[0\]: expected a whole number",
        ),
    ],
)
def test_what_is_no_input_of_the_network_is_refused(call, kind, said, net):
    with pytest.raises(kind, match=said):
        call(net)


def test_targets_that_make_no_sense_are_refused(proofs, tmp_path):
    shares = loaded(proofs["softmax"], tmp_path)
    p = shares.initial_parameters(0)
    with pytest.raises(ValueError, match=r"Y\[0\]: expected targets from 0 that add up to 1"):
        shares.cost(p, [[0, 0, 0]], [[1, 1, 0]])
    fractions = loaded(proofs["fractions"], tmp_path)
    with pytest.raises(ValueError, match=r"Y\[0\]: expected targets between 0 and 1"):
        fractions.cost(fractions.initial_parameters(0), [[0, 0]], [[1.5]])


def test_steps_that_leave_the_finite_numbers_are_said_and_p_stays(proofs, tmp_path):
    kept = loaded(proofs["joined"], tmp_path)
    p = kept.initial_parameters(0)
    before = p.copy()
    with pytest.raises(ArithmeticError, match=r"take a smaller eta|too large for a float"):
        kept.sgd(p, [[1e150, 1.0, 1.0]], [[1.0, 1.0]], eta=1e200, steps=9)
    assert p == before


def test_no_input_is_too_large_for_the_logistic(net):
    for size in (1e3, 1e300):
        for sign in (1.0, -1.0):
            assert all(0.0 <= each <= 1.0 for each in net.forward([sign * size] * 23, [1.0, 1.0]))
            assert np.isfinite(net.gradient([sign * size] * 23, XS, YS)).all()


@pytest.mark.slow
def test_an_activation_that_raises_falls_back_to_the_arrays_in_the_numpy_package(tmp_path):
    proof = prove(Architecture.parse("1-1:sin-1:linear"), brute_force=False)
    with numpy_package(proof, tmp_path) as package:
        found = package.sgd(np.ones(4), [[1e20]], [[1e20]], eta=1e300, steps=20, record_every=20)
        assert (found.steps, found.reason.name) == (20, "NON_FINITE")
        np.testing.assert_array_equal(found.p, np.ones(4))  # the last that had a finite cost


# -- writing ---------------------------------------------------------------------------------------------


def test_check_sees_a_changed_file_and_nothing_else_is_touched(proofs, tmp_path):
    package = made(proofs["article"])
    (tmp_path / "mine.py").write_text("mine = 1\n", encoding="utf-8")
    path = write(package, tmp_path)
    assert path.name == "sigmoid_2_2_3_2_scalar.py"
    assert package.trial == "python sigmoid_2_2_3_2_scalar.py"
    assert drift(package, tmp_path) == ""
    path.write_text(path.read_text("utf-8").replace("share*", "2.0*share*"), encoding="utf-8")
    assert "+        d4_1 = " in drift(package, tmp_path)
    write(package, tmp_path)
    assert drift(package, tmp_path) == ""
    assert sorted(each.name for each in tmp_path.iterdir()) == ["mine.py", path.name]
    path.write_text("# by hand\n", encoding="utf-8")
    with pytest.raises(UserError, match="was not generated by this tool"):
        write(package, tmp_path)
    write(package, tmp_path, force=True)
    assert drift(package, tmp_path) == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["40-40-1"], f"expected at most {MAX_PARAMETERS} parameters for --target python"),
        (["784-1000-1000-10"], "take --target numpy or c"),
        (["2-2-3-2", "--with", "hessian"], "expected --with for the NumPy target alone, got hessian"),
    ],
)
def test_what_the_target_cannot_do_is_refused_in_one_line(arguments, said, tmp_path, monkeypatch, capfd):
    command = ["derive", "generate", *arguments, "--target", "python", "-o", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert said in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_emitted_for_what_is_not_proved(proofs):
    proof = proofs["article"]
    wrong = replace(proof, verdicts=(replace(proof.verdicts[0], holds=False), *proof.verdicts[1:]))
    with pytest.raises(NotProvedError, match="nothing is emitted"):
        render(wrong)
    with pytest.raises(NotProvedError, match="the deltas of eta C and of the cost differ"):
        render(replace(proof, scaled=proof.sample))


# -- documentation ---------------------------------------------------------------------------------------

PAGE = ROOT / "docs" / "python.md"


def test_the_page_shows_lines_that_the_generator_writes(proofs):
    (shown,) = re.findall(r"```python\n( {8}.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    assert shown in next(iter(made(proofs["article"]).files.values()))


def test_the_pages_python_runs(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sigmoid_2_2_3_2_scalar", raising=False)
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, globs={"FOLDER": tmp_path})
    sys.modules.pop("sigmoid_2_2_3_2_scalar", None)
    assert tried > 5
    assert failed == 0
