"""The text of emitted packages: templates are frames, every line cites its equation, checkers are content."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pytest
from jinja2 import meta, nodes

from derive import numbered
from derive.activations import SIGMOID
from derive.architecture import Architecture
from derive.extras import fitting
from derive.generate import Package, generate, write
from derive.network import Network
from derive.package import render
from derive.program.routines import Routine, Routines, assemble
from derive.proof import Proof, prove
from derive.templates_path import templates_directory
from derive.theorems.curved import stated

ROOT = Path(__file__).parents[1]
FOLDER = templates_directory() / "numpy"
HEAD = templates_directory() / "head"  # of every target
TEMPLATES = sorted(path.name for folder in (FOLDER, HEAD) for path in folder.glob("*.j2"))
PACKAGES = sorted(path.parent for path in (ROOT / "generated").glob("*/__init__.py"))
each_template = pytest.mark.parametrize("name", TEMPLATES)
each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)


@cache
def proof_of(sizes: str) -> Proof:
    return prove(Architecture.parse(*sizes.split(" ")), brute_force=False)


@cache
def package_of(sizes: str) -> Package:
    return generate(proof_of(sizes))


def template_source(name: str) -> str:
    folder = FOLDER if (FOLDER / name).exists() else HEAD
    return (folder / name).read_text(encoding="utf-8")


# -- templates -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", ["2-2-3-2", "3-20-20-2", "1-1", "2-3-2 sum:huber(1,2)"])
def test_templates_are_given_exactly_what_they_read(sizes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, set[str]] = {}
    original = jinja2.Template.render

    def watched(self: jinja2.Template, *arguments: Any, **more: Any) -> str:
        given[str(self.name)] = set(dict(*arguments, **more))
        return original(self, *arguments, **more)

    monkeypatch.setattr(jinja2.Template, "render", watched)
    render(proof_of(sizes), fitting(proof_of(sizes).squares))
    environment = jinja2.Environment()
    for name, variables in given.items():
        assert meta.find_undeclared_variables(environment.parse(template_source(name))) == variables, name
    sometimes = {"sample_steps.py.j2", "special.py.j2", "curved_step.py.j2", "normal_step.py.j2"}
    sometimes |= {
        "damped.py.j2",
        "gram_step.py.j2",
        "definite.py.j2",
        "ridge.py.j2",
        "scaling.py.j2",
        "layers.py.j2",
        "robust.py.j2",
        "matrix_free.py.j2",
        "acceleration.py.j2",
    }
    sometimes |= {"damped.py.j2", "gram_step.py.j2", "definite.py.j2", "general.py.j2", "model.py.j2"}
    sometimes |= {f"curved_{name}.py.j2" for name in ("damped", "gram_step", "normal_step")}
    assert set(given) | {"routine.j2", "routine_along.j2"} | sometimes == set(TEMPLATES)


@each_template
def test_template_holds_no_formula(name: str) -> None:
    text = re.sub(r"{#.*?#}", "", template_source(name), flags=re.DOTALL)
    calls = "dot|vdot|matmul|einsum|tensordot|outer|exp|log|tanh|square|multiply|add|subtract|divide|minimum"
    found = re.findall(rf"\bnp\.(?:{calls})\b|\bexp\(|\.T\b| @ |\bsigmoid\b|1 / \(1", text)
    assert found == []


@each_template
def test_template_does_no_arithmetic_and_tests_no_type(name: str) -> None:
    tree = jinja2.Environment().parse(template_source(name))
    for kind in (nodes.BinExpr, nodes.UnaryExpr, nodes.Test, nodes.Assign):
        assert not list(tree.find_all(kind)), f"{name}: {kind.__name__}"
    filters = {node.name for node in tree.find_all(nodes.Filter)}
    assert filters <= {"join", "length"}


def test_unknown_variable_in_a_template_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(FOLDER.parent, tmp_path / "templates")
    with (tmp_path / "templates" / "numpy" / "train.py.j2").open("a", encoding="utf-8") as file:
        file.write("# {{ nobody_gives_this }}\n")
    monkeypatch.setattr("derive.templating.templates_directory", lambda: tmp_path / "templates")
    with pytest.raises(jinja2.UndefinedError, match="nobody_gives_this"):
        render(proof_of("2-2-3-2"))


# -- statements ------------------------------------------------------------------------------------------


def shape_of(routines: Routines) -> dict[str, list[tuple[Any, ...]]]:
    return {
        name: [(s.operation, s.target, s.operands, s.equation.number) for s in routine.statements]
        for name, routine in vars(routines).items()
        if isinstance(routine, Routine)
    }


def test_width_adds_no_statement() -> None:
    narrow, wide = (shape_of(assemble(proof_of(sizes))) for sizes in ("2-2-3-2", "2-200-300-2"))
    assert narrow == wide


@pytest.mark.parametrize("pair", [("2-2-3-2", "2-20-30-2"), ("2-32-40-2", "2-200-300-2")])
def test_width_adds_no_call_to_the_array_code(pair: tuple[str, str]) -> None:
    """From 32 neurons a guard is looked at before it is taken; no other width makes a difference."""
    narrow, wide = (package_of(sizes).files for sizes in pair)
    for name in ("forward.py", "gradient.py", "lm_step.py"):
        assert narrow[name].count("np.") == wide[name].count("np."), name


def test_depth_adds_the_same_statements_for_every_layer() -> None:
    counts = [
        {name: len(found) for name, found in shape_of(assemble(proof_of("-".join("1" * depth)))).items()}
        for depth in (3, 4, 5)
    ]
    first, second = (
        {name: later[name] - earlier[name] for name in later} for earlier, later in pairwise(counts)
    )
    assert first == second
    assert not any(first[name] for name in ("mean_cost", "residual", "primal", "dual", "descend"))


def equation_numbers() -> set[str]:
    """Every number under which the derivation states an equation, (1.5) and (3.1) among them."""
    proof = proof_of("2-2-3-2")
    equations = [
        *numbered.forward_equations(Network()),
        *numbered.objective_equations(),
        *numbered.lemma_equations(),
        numbered.activation_equation(SIGMOID),
        *numbered.step_list(proof.step),
        *stated(None),
    ]
    return {equation.number for equation in equations} | {"3.1"}


COMPUTES = {
    "forward.py": {"propagate", "mean_cost", "subtract_output"},
    "gradient.py": {"backpropagate"},
    "lm_step.py": {"differentiate", "solve_primal", "solve_dual"},
    "train.py": {"descend"},
    "curved_step.py": {"bend", "differentiate_outputs", "multiply_rows", "solve_primal", "solve_dual"},
}


@each_package
def test_every_statement_that_computes_cites_an_equation(package: Path) -> None:
    known = equation_numbers()
    for file, functions in COMPUTES.items():
        if file == "curved_step.py" and not (package / file).exists():
            continue
        source = (package / file).read_text(encoding="utf-8")
        lines = source.splitlines()
        found = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
        squares = file != "lm_step.py" or "def solve_dual" in source
        wanted = {name for name in functions if squares or not name.startswith("solve_")}
        assert wanted <= set(found), file
        for name in wanted:
            cited = 0
            for statement in found[name].body:
                text = ast.unparse(statement)
                if isinstance(statement, ast.Return) or not re.search(r"\bnp\.|^cost =", text):
                    continue
                comment = re.search(r"  # \(([\d.]+)\)$", lines[statement.lineno - 1])
                assert comment, f"{file}: {text}"
                assert comment[1] in known, f"{file}: {text}"
                cited += 1
            assert cited, f"{file}: {name} computes nothing"


@each_package
def test_every_scalar_assignment_cites_its_equations(package: Path) -> None:
    known = equation_numbers()
    source = (package / "sample_steps.py").read_text(encoding="utf-8")
    (loop,) = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.For)]
    assert len(loop.body) > 20
    for statement in loop.body[2:]:  # the first two take a sample apart
        comment = re.search(r"  # \(([\d., ]+)\)$", source.splitlines()[statement.lineno - 1])
        assert comment, ast.unparse(statement)
        assert set(comment[1].split(", ")) <= known


# -- quality of what is emitted --------------------------------------------------------------------------


SMALL_AND_LARGE = ["1-1", "1-1-1", "2-2-3-2", "30-20-10", "3-20-20-2"]


def test_emitted_source_suppresses_no_checker() -> None:
    for sizes in SMALL_AND_LARGE:
        for name, text in package_of(sizes).files.items():
            assert not re.search(r"noqa|type:\s*ignore|pylint|fmt:|mypy:", text), name
            assert text.endswith("\n")
            assert not text.endswith("\n\n")
            assert not re.search(r"[ \t]\n|\t|\r", text), name
            assert text.isascii(), name


@pytest.mark.skipif(find_spec("ruff") is None, reason="ruff is not installed")
def test_emitted_source_passes_the_repositorys_linter(tmp_path: Path) -> None:
    for sizes in SMALL_AND_LARGE:
        write(package_of(sizes), tmp_path)
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
@pytest.mark.parametrize("sizes", ["2-2-3-2", "3-20-20-2"])
def test_emitted_source_passes_the_strict_type_checker(tmp_path: Path, sizes: str) -> None:
    target = write(package_of(sizes), tmp_path)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        "",
        "--cache-dir",
        str(tmp_path / "cache"),
    ]
    done = subprocess.run([*command, str(target)], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_hundred_layers_are_generated_and_check_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = write(generate("-".join(["3"] * 100)), tmp_path)
    assert target.name.isidentifier()
    assert len(target.name) <= 60
    monkeypatch.syspath_prepend(tmp_path)
    net = import_module(target.name)
    assert net.N_PARAMETERS == 99 * 12
    p = net.initial_parameters(0)
    X, Y = np.linspace(-1, 1, 6).reshape(2, 3), np.full((2, 3), 0.25)
    result = net.gradient_descent(p, X, Y, steps=3)
    assert result.cost < net.cost(p, X, Y)
