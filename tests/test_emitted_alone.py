"""Emitted packages stand alone: they import NumPy and nothing else, and check themselves on the spot."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from derive.verification.verify import architecture_of, read_package

GENERATED = Path(__file__).parents[1] / "generated"
PACKAGES = sorted(path.parent.name for path in GENERATED.glob("*/__init__.py"))
each_package = pytest.mark.parametrize("package", PACKAGES)

LONELY = """
import sys
from runpy import run_module

class OutOfReach:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in known:
            raise ImportError(f"{name} is out of reach")

known = sys.stdlib_module_names | {"numpy", sys.argv[2]}
assert not {"sympy", "jinja2", "derive"} & set(sys.modules)
sys.meta_path.insert(0, OutOfReach())
sys.path.insert(0, sys.argv[1])
run_module(sys.argv[2], run_name="__main__")
"""


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_there_are_checked_in_packages_to_look_at() -> None:
    assert {"sigmoid_2_2_3_2", "sigmoid_4_8_8_2"} <= set(PACKAGES)


@each_package
def test_self_check_passes(package: str) -> None:
    done = run("-m", package, cwd=GENERATED)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, summary = done.stdout.splitlines()
    assert len(lines) >= 5
    assert all(line.startswith("ok ") for line in lines)
    assert f"{len(lines)} of {len(lines)} checks passed" in summary


SABOTAGE = [
    (
        "gradient.py",
        "np.subtract(a4, Y, d4)",
        "np.subtract(Y, a4, d4)",
        "gradient against complex step",
    ),
    ("gradient.py", "np.divide(d4, n, d4)", "np.divide(d4, 1, d4)", "gradient against central"),
    (
        "gradient.py",
        "np.dot(d3.T, a2, gW3)",
        "np.dot(d3.T, d2, gW3)",
        "gradient against complex step",
    ),
    (
        "lm_step.py",
        "np.matmul(d4.reshape(-1, 2), W4,",
        "np.matmul(-d4.reshape(-1, 2), W4,",
        "Jacobian against complex",
    ),
    ("lm_step.py", "np.copyto(Jb4, d4)", "np.copyto(Jb4, 2 * d4)", "Jacobian against central"),
    ("lm_step.py", "np.linalg.solve(A, g)", "np.linalg.solve(A, -g)", "primal against dual step"),
    (
        "forward.py",
        "np.dot(t1.ravel(), t1.ravel())",
        "np.dot(t1.ravel(), t1.ravel()) * 2",
        "gradient against complex",
    ),
]


@pytest.mark.parametrize(("file", "right", "wrong", "caught_by"), SABOTAGE)
def test_self_check_fails_on_a_wrong_formula(
    tmp_path: Path, file: str, right: str, wrong: str, caught_by: str
) -> None:
    copy = shutil.copytree(GENERATED / "sigmoid_2_2_3_2", tmp_path / "sigmoid_2_2_3_2")
    text = (copy / file).read_text(encoding="utf-8")
    assert text.count(right) == 1, "the sabotage no longer finds its line"
    (copy / file).write_text(text.replace(right, wrong), encoding="utf-8")
    done = run("-m", copy.name, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert any(caught_by in line for line in failed), done.stdout


def test_self_check_fails_on_a_wrong_scalar_step(tmp_path: Path) -> None:
    copy = shutil.copytree(GENERATED / "sigmoid_2_2_3_2", tmp_path / "sigmoid_2_2_3_2")
    path = copy / "sample_steps.py"
    text = path.read_text(encoding="utf-8")
    assert text.count("b4_1 - d4_1") == 1, "the sabotage no longer finds its line"
    path.write_text(text.replace("b4_1 - d4_1", "b4_1 + d4_1"), encoding="utf-8")
    done = run("-m", copy.name, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr


@each_package
def test_package_runs_where_the_generator_and_its_libraries_are_out_of_reach(package: str) -> None:
    done = run("-c", LONELY, str(GENERATED), package, cwd=GENERATED.parent)
    assert done.returncode == 0, done.stderr
    assert "checks passed" in done.stdout


@each_package
def test_package_imports_numpy_the_standard_library_and_itself_only(package: str) -> None:
    for path in sorted((GENERATED / package).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            roots = {name.partition(".")[0] for name in names}
            assert roots <= sys.stdlib_module_names | {"numpy"}, f"{path.name}: {roots}"


@each_package
def test_files_begin_with_what_they_were_made_from(package: str) -> None:
    headers = {
        tuple(path.read_text(encoding="utf-8").splitlines()[:6])
        for path in (GENERATED / package).glob("*.py")
    }
    (header,) = headers
    assert header[0].startswith("# Generated by backproof ")
    text = "\n".join(header)
    assert architecture_of(read_package(GENERATED / package), GENERATED).package_name == package
    assert "derive generate" in text
    assert "sha256" in text
    assert "licence" in text


@each_package
def test_every_public_function_says_what_it_does(package: str) -> None:
    for path in sorted((GENERATED / package).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path.name
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                hidden = isinstance(node, ast.FunctionDef) and node.name == "record"
                assert hidden or ast.get_docstring(node), f"{path.name}: {node.name}"
