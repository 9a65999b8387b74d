"""Writing a package to disk, or comparing what is there with what would be written.

Everything is rendered in memory first, behind the proof gate; files then go to a temporary folder beside the
target, which takes the target's place whole, so that nothing half-written is left behind. What makes and
reads C or plain Python is imported where it is asked for.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from derive.architecture import Architecture
from derive.errors import UserError
from derive.extras import checked
from derive.package import render
from derive.proof import Proof, prove
from derive.verification import verify_files
from derive.verification.verify import made_from, read_package
from derive.version import MARKER
from derive.writing import write_text

TARGETS = ("numpy", "c", "python")
TARGET_NAMES = "numpy, c or python"
_SOURCES = ("*.py", "*.c", "*.h")


@dataclass(frozen=True)
class Package:
    """The files of an emitted package by name, and the proof that they rest on."""

    proof: Proof
    files: dict[str, str]
    extras: tuple[str, ...] = ()
    target: str = "numpy"

    @property
    def name(self) -> str:
        """Its name, an identifier: ``sigmoid_2_2_3_2``, with ``_c`` or ``_scalar`` for the other targets."""
        return package_name(self.proof.architecture, self.target)

    @property
    def trial(self) -> str:
        """The command that has the package check itself."""
        if self.target == "numpy":
            return f"python -m {self.name}"
        if self.target == "python":
            return f"python {self.name}.py"
        base = self.proof.architecture.package_name
        return f"cc -std=c99 -O2 {self.name}/*.c -lm -o {base}_test && ./{base}_test"


def package_name(architecture: Architecture, target: str) -> str:
    """Return the name of the folder that a package goes to, or of the module that it is."""
    if target == "python":
        from derive.package_python import file_name

        return file_name(architecture).removesuffix(".py")
    return architecture.package_name + ("_c" if target == "c" else "")


def generate(
    source: Architecture | Proof | str, extras: Sequence[str] = (), target: str = "numpy"
) -> Package:
    """Return the package for an architecture, proved first; nothing is written.

    ``target`` is "numpy", "c" or "python". ``extras`` are further modules of the NumPy package, such as
    ``("hessian", "products")``: see ``derive.extras``.

    Raises:
        UserError: if the architecture makes no sense, or an extra is not known.
        NotProvedError: if Lemma 1 or anything that follows from it is not proved, or if the code, read back,
            does not compute what was proved.
    """
    if isinstance(source, str):
        source = Architecture.parse(source)
    chosen = checked([extras] if isinstance(extras, str) else extras)
    if target not in TARGETS:
        raise UserError(f"expected --target {TARGET_NAMES}, got {target!r}")
    if target != "numpy" and chosen:
        raise UserError(
            f"expected --with for the NumPy target alone, got {','.join(chosen)} with --target {target}"
        )
    if target == "python":
        from derive.package_python import require_small

        require_small(source.architecture if isinstance(source, Proof) else source)
    proof = source if isinstance(source, Proof) else prove(source, brute_force=False)
    proof.require()
    if target == "python":
        from derive.package_python import render as render_python
        from derive.verification.python_file import verify_python

        files = render_python(proof)
        verify_python(files, proof, files).require()
        return Package(proof, files, (), target)
    if target == "c":
        from derive.package_c import render as render_c
        from derive.verification.c_files import verify_c

        files = render_c(proof)
        verify_c(files, proof, files).require()
        return Package(proof, files, (), target)
    files = render(proof, chosen)
    verify_files(files, proof, chosen).require()
    return Package(proof, files, chosen)


def write(package: Package, directory: Path, *, force: bool = False) -> Path:
    """Write the package below ``directory`` and return its folder, or the file that it is.

    Files that an earlier run generated are replaced, and removed if they are no longer part of it.

    Raises:
        UserError: if a file is in the way that was not generated, unless ``force``.
    """
    if directory.exists() and not directory.is_dir():
        raise UserError(f"expected a folder for -o, got the file {directory}")
    if package.target == "python":
        ((name, text),) = package.files.items()
        write_text(directory / name, text, force=force)
        return directory / name
    target = directory / package.name
    kept = _kept(target, package.files, force)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix=f".{package.name}-") as held:
            fresh, old = Path(held, "fresh"), Path(held, "old")
            fresh.mkdir()
            for path in kept:
                copy = shutil.copytree if path.is_dir() else shutil.copy2
                copy(path, fresh / path.name)
            for name, text in package.files.items():
                (fresh / name).write_text(text, encoding="utf-8", newline="\n")
            _swap(fresh, target, old)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from None
    return target


def _swap(fresh: Path, target: Path, old: Path) -> None:
    """Put a whole folder in the place of another; if that fails, the other is put back."""
    try:
        if target.exists():
            target.replace(old)
        fresh.replace(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.replace(target)
        raise


def drift(package: Package, directory: Path) -> str:
    """Return a unified diff from what is on disk to what would be generated; empty if they agree."""
    alone = package.target == "python"
    target = directory if alone else directory / package.name
    there = [path for kind in _SOURCES for path in target.glob(kind)] if target.is_dir() and not alone else []
    on_disk = {path.name for path in there if _ours(path)}
    lines: list[str] = []
    for name in sorted(on_disk | set(package.files)):
        path = target / name
        try:
            old = path.read_bytes().decode("utf-8", errors="replace") if path.is_file() else ""
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}") from None
        new = package.files.get(name, "")
        before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
        lines += unified_diff(before, after, str(path), f"{name} as generated")
    return "".join(lines)


def extras_on_disk(target: Path) -> tuple[str, ...]:
    """Return the further modules that the headers in a folder name; none if they do not say or disagree."""
    try:
        return made_from(read_package(target), target)[1]
    except UserError:
        return ()


def _kept(target: Path, files: dict[str, str], force: bool) -> list[Path]:
    """Return what a person keeps in the package's folder; refuse to overwrite any of it."""
    if target.exists() and not target.is_dir():
        raise UserError(f"expected a folder or nothing at {target}, got a file; choose another -o")
    kept = []
    for path in sorted(target.iterdir()) if target.is_dir() else []:
        ours = _ours(path)
        if not ours and path.name in files and not force:
            raise UserError(f"{path} was not generated by this tool; use --force to overwrite it")
        if not ours and path.name not in (*files, "__pycache__"):
            kept.append(path)
    return kept


def _ours(path: Path) -> bool:
    """Say whether this tool wrote a file, by its first line."""
    starts = tuple(f"{sign} {MARKER}".encode() for sign in ("#", "//"))
    return path.is_file() and path.read_bytes().startswith(starts)
