"""What the head of a generated file says: from what it was made, by which derivation and templates."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment

from derive.architecture import Architecture
from derive.costs import QUADRATIC
from derive.printers.text import equation_text
from derive.proof import Proof
from derive.version import MARKER, tool_version

FOLDER = "head"  # the folder of its template


def header(
    proof: Proof,
    environment: Environment,
    contexts: Mapping[str, Any],
    extras: Sequence[str] = (),
    target: str = "",
) -> list[str]:
    """Return the lines of a head, not yet comments; the digest covers derivation, program and templates."""
    digest = hashlib.sha256()
    for derived in (*proof.sample, *proof.mean, *proof.output):
        digest.update(equation_text(derived.equation).encode())
    loader = environment.loader
    assert loader is not None
    for name in sorted(environment.list_templates(extensions=["j2"])):  # not what is kept beside them
        digest.update(loader.get_source(environment, name)[0].encode())
    digest.update(repr(sorted(contexts.items())).encode())
    said = {
        "marker": MARKER,
        "version": tool_version(),
        "label": proof.architecture.label,
        "command": _command(proof.architecture, extras, target),
        "digest": digest.hexdigest(),
    }
    return environment.get_template("header.j2").render(said).splitlines()


def commented(lines: Sequence[str], sign: str = "#") -> str:
    """Return lines as comments."""
    return "\n".join(f"{sign} {line}" for line in lines)


def _command(architecture: Architecture, extras: Sequence[str], target: str) -> str:
    """Return an architecture with the options that make the file again."""
    words = [str(architecture)]
    if architecture.cost != QUADRATIC:
        words += ["--cost", shlex.quote(architecture.cost)]
    for formula in architecture.own:
        words += ["--activation", f"'{formula}'"]
    if target:
        words += ["--target", target]
    if extras:
        words += ["--with", ",".join(extras)]
    return " ".join(words)
