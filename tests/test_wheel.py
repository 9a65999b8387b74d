"""The built wheel, installed where no checkout is in sight, generates the same packages."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.parent for path in (ROOT / "generated").glob("*/__init__.py"))


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of what it is made of, with the build backend that is at hand."""
    for needed in ("build", "hatchling"):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in ("derive", "templates"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", built, source, cwd=built)
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the scripts of a fresh environment with the wheel and, from here, only what it depends on."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    install = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps", "--no-index"]
    run(scripts / "python", *install, wheel, cwd=folder)
    # a path, not a site directory: an editable install of the checkout is not found through it
    lent = f"import sys; sys.path.append({sysconfig.get_path('purelib')!r})\n"
    where = run(
        scripts / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder
    )
    (Path(where.stdout.strip()) / "lent.pth").write_text(lent, encoding="utf-8")
    return scripts


def test_wheel_holds_the_package_with_its_templates_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    roots = {name.partition("/")[0] for name in names}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"derive"}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "derive").rglob("*.py")}
    templates = {f"derive/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "templates").rglob("*.j2")}
    assert {name for name in names if name.startswith("derive/")} == modules | templates | {"derive/py.typed"}
    assert len(names) == len(set(names))


def test_installed_package_is_not_the_checkout(environment: Path, tmp_path: Path) -> None:
    where = run(environment / "python", "-c", "import derive; print(derive.__file__)", cwd=tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(environment.parent)
    assert not Path(where.stdout.strip()).is_relative_to(ROOT)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_installed_command_writes_what_is_checked_in(
    environment: Path, tmp_path: Path, package: Path
) -> None:
    header = (package / "forward.py").read_text(encoding="utf-8").splitlines()
    again = shlex.split(header[2].removeprefix("# "))  # what makes it, as the header says
    run(environment / "derive", "generate", *again, "-o", tmp_path / "out", cwd=tmp_path)
    found = {path.name: path.read_bytes() for path in (tmp_path / "out" / package.name).iterdir()}
    assert found == {path.name: path.read_bytes() for path in package.glob("*.py")}
    run(environment / "derive", "generate", *again, "-o", tmp_path / "out", "--check", cwd=tmp_path)
    run(environment / "derive", "verify", tmp_path / "out" / package.name, cwd=tmp_path)
    done = run(environment / "python", "-m", package.name, cwd=tmp_path / "out")
    assert "checks passed" in done.stdout


def test_installed_command_prints_the_derivation(environment: Path, tmp_path: Path) -> None:
    done = run(environment / "derive", "latex", "2-2-3-2", cwd=tmp_path)
    assert done.stdout.startswith("%")
    assert r"\end{document}" in done.stdout
