"""The checked-in packages, and random problems for them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import sigmoid_2_2_3_2
import sigmoid_4_8_8_2

NETS: list[Any] = [sigmoid_2_2_3_2, sigmoid_4_8_8_2]


def module(net: ModuleType, name: str) -> Any:
    """Return a module of a package; some are hidden behind the function of the same name."""
    return import_module(f"{net.__name__}.{name}")


def problem(net: Any, n_samples: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a random p, X and Y, contiguous float64."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(-1.5, 1.5, net.N_PARAMETERS)
    return p, rng.uniform(-2, 2, (n_samples, net.SIZES[0])), rng.random((n_samples, net.SIZES[-1]))
