"""Derives backpropagation, proves it, and writes the code from the proof.

    Architecture -> Network -> Derivation -> Program -> text

>>> from derive import Architecture, generate, prove
>>> proof = prove(Architecture.parse("2-2-3-2"))
>>> proof.holds
True
>>> package = generate(proof)
>>> package.name
'sigmoid_2_2_3_2'
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from derive.architecture import Architecture
    from derive.errors import NotProvedError, UserError
    from derive.generate import Package, drift, generate, write
    from derive.latex_document import latex_document
    from derive.network import Network, mean_cost, output, sample_cost
    from derive.proof import Proof, Verdict, prove
    from derive.theorems.backpropagation import backpropagation
    from derive.theorems.lemma1 import derive_in_general

__all__ = [
    "Architecture",
    "Network",
    "NotProvedError",
    "Package",
    "Proof",
    "UserError",
    "Verdict",
    "backpropagation",
    "derive_in_general",
    "drift",
    "generate",
    "latex_document",
    "mean_cost",
    "output",
    "prove",
    "sample_cost",
    "write",
]

_PLACES = {
    "architecture": ("Architecture",),
    "errors": ("NotProvedError", "UserError"),
    "generate": ("Package", "drift", "generate", "write"),
    "latex_document": ("latex_document",),
    "network": ("Network", "mean_cost", "output", "sample_cost"),
    "proof": ("Proof", "Verdict", "prove"),
    "theorems.backpropagation": ("backpropagation",),
    "theorems.lemma1": ("derive_in_general",),
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}


class _Lazy(ModuleType):
    """The package: a public name is imported when it is asked for, as SymPy takes its time to import."""

    def __getattr__(self, name: str) -> Any:
        if name not in _PLACE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{_PLACE_OF[name]}"), name)
        super().__setattr__(name, found)
        return found

    def __setattr__(self, name: str, value: object) -> None:
        # What is imported is put here as well, but ``generate`` is the function, not the module of that name.
        if not (name in _PLACE_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_PLACE_OF})


sys.modules[__name__].__class__ = _Lazy
