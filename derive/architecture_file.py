"""A network described in a small TOML or JSON file, for those that are long to type.

sizes = [8, 32, 1]
activations = ["mish", "linear"]      # one for each layer after the input; logistic without it
biases = [true, false]                # true without it
cost = "huber"                        # quadratic without it
wiring = ["", "+W1"]                  # what a layer adds or shares; see docs/architectures.md

[own]
mish = "z*tanh(log(1+exp(z)))"        # activations of one's own
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from derive.architecture import Architecture
from derive.costs import QUADRATIC
from derive.errors import UserError

MAX_BYTES = 2**20
_KEYS = ("sizes", "activations", "biases", "wiring", "cost", "own")


def read_architecture(text: str, cost: str = QUADRATIC, own: Sequence[str] = ()) -> Architecture:
    """Return the network of a text such as ``2-2-3-2``, or of a file that is named with .toml or .json.

    Raises:
        UserError: if the text, the file or what it says is not understood.
    """
    path = Path(text)
    if path.suffix not in (".toml", ".json"):
        return Architecture.parse(text, cost, own)
    if cost != QUADRATIC or own:
        raise UserError(f"expected the cost and own activations in {path}, not as options")
    return _architecture(_load(path), path)


def _load(path: Path) -> Any:
    import json
    import tomllib

    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"expected a file of at most {MAX_BYTES} bytes, got {path}")
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # of either parser, and of UTF-8
        reason = str(error).splitlines()[0] if str(error) else "too deeply nested"
        raise UserError(f"expected {path.suffix[1:].upper()} in {path}: {reason}") from None


def _architecture(data: Any, path: Path) -> Architecture:
    if not isinstance(data, dict) or "sizes" not in data:
        raise UserError(f"expected sizes = [input, ..., output] in {path}")
    if unknown := sorted(set(data) - set(_KEYS)):
        raise UserError(f"expected the keys {', '.join(_KEYS)} in {path}, got {unknown[0]!r}")
    for key in ("sizes", "activations", "biases", "wiring"):
        kind, said = {"sizes": (int, "whole numbers"), "biases": (bool, "true or false")}.get(
            key, (str, "names")
        )
        if not isinstance(data.get(key, []), list) or not all(isinstance(v, kind) for v in data.get(key, [])):
            raise UserError(f"expected {key} in {path} to be a list of {said}")
    own, cost = data.get("own", {}), data.get("cost", QUADRATIC)
    if not isinstance(own, dict) or not all(isinstance(formula, str) for formula in own.values()):
        raise UserError(f"expected own in {path} to be names with formulas in z")
    if not isinstance(cost, str):
        raise UserError(f"expected cost in {path} to be a name")
    names = [f"{name}: {own[name]}" if name in own else name for name in data.get("activations", [])]
    biases, wiring = tuple(data.get("biases", [])), tuple(data.get("wiring", []))
    return Architecture(tuple(data["sizes"]), tuple(names), biases, cost, wiring)
