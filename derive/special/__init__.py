"""Functions that NumPy lacks, as a module that is tested here and copied into the packages that need it."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from derive.special.functions import erf, normal_cdf

__all__ = ["definite_source", "erf", "general_source", "normal_cdf", "source"]


def source() -> str:
    """Return the text of the module, docstring first; an emitted package carries it as ``special.py``."""
    return files("derive.special").joinpath("functions.py").read_text(encoding="utf-8")


def definite_source() -> str:
    """Return the text of the module of symmetric systems; packages carry it as ``definite.py``."""
    return files("derive.special").joinpath("definite.py").read_text(encoding="utf-8")


def general_source() -> str:
    """Return the text of the module of other systems; packages carry it as ``general.py``."""
    return files("derive.special").joinpath("general.py").read_text(encoding="utf-8")


def __getattr__(name: str) -> Any:
    """Return a function of the module, which imports NumPy; the texts do not need it."""
    if name not in ("erf", "normal_cdf"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from derive.special import functions

    return getattr(functions, name)
