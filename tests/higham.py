"""The reference data of the 2-2-3-2 example, in the order of parameters that the emitted packages use."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import sigmoid_2_2_3_2 as net

DATA = Path(__file__).parent / "data"
REFERENCE: dict[str, Any] = json.loads((DATA / "higham.json").read_text(encoding="utf-8"))

X = np.column_stack([REFERENCE["data"]["x1"], REFERENCE["data"]["x2"]])
Y = np.array(REFERENCE["data"]["y"], dtype=float).T


def from_columns(values: Any) -> np.ndarray:
    """Take a vector from the reference's order, W2(:) W3(:) W4(:) b2 b3 b4 by columns, to the package's."""
    v = np.asarray(values, dtype=float)
    W2, W3, W4 = (
        v[i:j].reshape(m, n, order="F") for i, j, m, n in [(0, 4, 2, 2), (4, 10, 3, 2), (10, 16, 2, 3)]
    )
    return net.pack(W2, v[16:18], W3, v[18:21], W4, v[21:23])


PERMUTATION = from_columns(np.arange(23)).astype(int)


def costsum(p: np.ndarray) -> float:
    """Return sum_i ||y_i - F(x_i)||^2, which the article's program prints: 2N times the cost."""
    return 2 * len(X) * net.cost(p, X, Y)


def drawn_samples() -> np.ndarray:
    """Return the samples of the article's million steps, 0-based."""
    with gzip.open(DATA / "matlab_rng5000_indices.u8.gz") as file:
        return np.frombuffer(file.read(), dtype=np.uint8).astype(np.intp) - 1
