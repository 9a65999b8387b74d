"""Verification of a folder of the C target."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from derive.package_c import render
from derive.proof import Proof, prove
from derive.verification.c_files import verify_c
from derive.verification.report import Report
from derive.verification.verify import made_from, read_files


def verify_c_directory(directory: Path, note: Callable[[Proof], None] | None = None) -> Report:
    """Read a folder of the C target, prove its lemma and verify the source; nothing is compiled.

    Raises:
        UserError: if a file cannot be read, or the headers name no architecture.
    """
    files = read_files(directory, ("*.c", "*.h", "*.py"))
    heads = {name: _as_python(text) for name, text in files.items()}
    architecture, _ = made_from(heads, directory)
    proof = prove(architecture, brute_force=False)
    if note is not None:
        note(proof)
    return verify_c(files, proof, render(proof))


def _as_python(text: str) -> str:
    """Return the head of a file with the comment signs of Python."""
    lines = text.splitlines(keepends=True)[:6]
    return "".join(f"#{line.removeprefix('//')}" if line.startswith("//") else line for line in lines)
