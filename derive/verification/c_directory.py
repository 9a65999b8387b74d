"""Verification of a folder of the C target."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from derive.errors import UserError
from derive.package_c import render
from derive.proof import Proof, prove
from derive.verification.c_files import verify_c
from derive.verification.report import Report
from derive.verification.verify import MAX_BYTES, made_from


def verify_c_directory(directory: Path, note: Callable[[Proof], None] | None = None) -> Report:
    """Read a folder of the C target, prove its lemma and verify the source; nothing is compiled.

    Raises:
        UserError: if a file cannot be read, or the headers name no architecture.
    """
    files = {}
    try:
        for path in sorted(path for kind in ("*.c", "*.h", "*.py") for path in directory.glob(kind)):
            if path.stat().st_size > MAX_BYTES:
                raise UserError(f"{path} is larger than any generated file")
            files[path.name] = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UserError(f"expected {path} to be UTF-8 text") from None
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
