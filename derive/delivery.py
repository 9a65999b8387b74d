"""What several commands share: from arguments to a proof, and how they hand over what they made."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from derive.stages import Stages

if TYPE_CHECKING:
    from derive.architecture import Architecture
    from derive.proof import Proof


def architecture_of(text: str, cost: str, own: Sequence[str]) -> Architecture:
    """Return the network that the arguments of a command describe."""
    from derive.architecture_file import read_architecture

    return read_architecture(text, cost, own)


def proved(
    text: str, cost: str, own: Sequence[str], stages: Stages | None = None, *, brute_force: bool = True
) -> Proof:
    """Return the proof for the network that the arguments of a command describe."""
    from derive.proof import prove

    return prove(architecture_of(text, cost, own), brute_force=brute_force, stages=stages)


def deliver(text: str, output: Path | None, force: bool) -> None:
    """Write a text to a file, or to standard output where none is named."""
    from derive.writing import write_text

    if output is None or str(output) == "-":
        print(text, end="", flush=True)
        return
    write_text(output, text, force=force)
    print(f"wrote {output}", file=sys.stderr)


def report(stages: Stages, verbose: bool) -> None:
    """Say how long each stage took, if that was asked for."""
    if verbose:
        from derive.show import show_stages
        from derive.terminal import Terminal

        show_stages(Terminal(stderr=True), stages)
