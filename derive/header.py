"""What the head of a generated file says: from what it was made, by which derivation and templates."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment

from derive.costs import QUADRATIC
from derive.printers.text import equation_text
from derive.proof import Proof
from derive.version import MARKER, tool_version


def header(
    proof: Proof, environment: Environment, contexts: Mapping[str, Any], extras: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what a header template is given; the digest covers derivation, program and templates."""
    digest = hashlib.sha256()
    for derived in (*proof.sample, *proof.mean, *proof.output):
        digest.update(equation_text(derived.equation).encode())
    loader = environment.loader
    assert loader is not None
    for name in sorted(loader.list_templates()):
        digest.update(loader.get_source(environment, name)[0].encode())
    digest.update(repr(sorted(contexts.items())).encode())
    architecture = proof.architecture
    return {
        "marker": MARKER,
        "version": tool_version(),
        "architecture": str(architecture),
        "own": architecture.own,
        "cost": "" if architecture.cost == QUADRATIC else shlex.quote(architecture.cost),
        "extras": ",".join(extras),
        "label": architecture.label,
        "digest": digest.hexdigest(),
    }
