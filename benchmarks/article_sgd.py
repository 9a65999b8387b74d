"""One stochastic step at a time: the article's program beside the emitted code, and beside scalars by hand.

The inner loop of ``netbp.m`` (Higham & Higham, arXiv 1801.05894, section 6) is written here as it stands
there, with NumPy in the place of MATLAB: forward pass, deltas, gradient step, one sample at a time. The
article's program also takes the cost after every step; here nobody does. ``by_hand`` is what a person would
write in plain Python to be fast: every number a local name, no guard against overflow. All start at the
article's start, take the article's samples in the article's order, and must end at the same parameters.
Times are CPU times of one process, in turn; on a machine that others use, compare the ratios.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import median
from time import process_time
from types import ModuleType

import numpy as np

from derive import generate, write

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "generated"), str(ROOT / "tests")]
ETA = 0.05


def activate(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-(W @ x + b)))


def netbp(
    blocks: list[np.ndarray], points: np.ndarray, y: np.ndarray, samples: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Train by the article's loop; columns of ``points`` and ``y`` are samples, vectors are columns."""
    W2, b2, W3, b3, W4, b4 = blocks
    for k in samples.tolist():
        x = points[:, k : k + 1]
        # forward pass
        a2 = activate(x, W2, b2)
        a3 = activate(a2, W3, b3)
        a4 = activate(a3, W4, b4)
        # backward pass
        delta4 = a4 * (1 - a4) * (a4 - y[:, k : k + 1])
        delta3 = a3 * (1 - a3) * (W4.T @ delta4)
        delta2 = a2 * (1 - a2) * (W3.T @ delta3)
        # gradient step
        W2 = W2 - ETA * delta2 @ x.T
        W3 = W3 - ETA * delta3 @ a2.T
        W4 = W4 - ETA * delta4 @ a3.T
        b2 = b2 - ETA * delta2
        b3 = b3 - ETA * delta3
        b4 = b4 - ETA * delta4
    return W2, b2, W3, b3, W4, b4


def by_hand(p: list[float], X: list[list[float]], Y: list[list[float]], order: list[int]) -> list[float]:
    """Train by scalars as a person writes them."""
    exp, eta = math.exp, ETA
    a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, q, r, s, t, u, v, w, x = p  # noqa: E741
    for sample in order:
        x1, x2 = X[sample]
        y1, y2 = Y[sample]
        p1 = 1.0 / (1.0 + exp(-(a * x1 + b * x2 + e)))
        p2 = 1.0 / (1.0 + exp(-(c * x1 + d * x2 + f)))
        q1 = 1.0 / (1.0 + exp(-(g * p1 + h * p2 + m)))
        q2 = 1.0 / (1.0 + exp(-(i * p1 + j * p2 + n)))
        q3 = 1.0 / (1.0 + exp(-(k * p1 + l * p2 + o)))
        r1 = 1.0 / (1.0 + exp(-(q * q1 + r * q2 + s * q3 + w)))
        r2 = 1.0 / (1.0 + exp(-(t * q1 + u * q2 + v * q3 + x)))
        d41 = eta * (r1 - y1) * r1 * (1.0 - r1)
        d42 = eta * (r2 - y2) * r2 * (1.0 - r2)
        d31 = (q * d41 + t * d42) * q1 * (1.0 - q1)
        d32 = (r * d41 + u * d42) * q2 * (1.0 - q2)
        d33 = (s * d41 + v * d42) * q3 * (1.0 - q3)
        d21 = (g * d31 + i * d32 + k * d33) * p1 * (1.0 - p1)
        d22 = (h * d31 + j * d32 + l * d33) * p2 * (1.0 - p2)
        q -= d41 * q1
        r -= d41 * q2
        s -= d41 * q3
        t -= d42 * q1
        u -= d42 * q2
        v -= d42 * q3
        w -= d41
        x -= d42
        g -= d31 * p1
        h -= d31 * p2
        i -= d32 * p1
        j -= d32 * p2
        k -= d33 * p1
        l -= d33 * p2  # noqa: E741
        m -= d31
        n -= d32
        o -= d33
        a -= d21 * x1
        b -= d21 * x2
        c -= d22 * x1
        d -= d22 * x2
        e -= d21
        f -= d22
    return [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, q, r, s, t, u, v, w, x]


def scalar_module() -> ModuleType:
    """Return the file that ``derive generate 2-2-3-2 --target python`` writes, imported."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(generate("2-2-3-2", target="python"), Path(folder))
        spec = spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def main() -> None:
    import sigmoid_2_2_3_2 as net
    from higham import REFERENCE, X, Y, drawn_samples, from_columns

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=20_000, help="steps a repeat (default 20000)")
    parser.add_argument("--repeats", type=int, default=7, help="repeats of each, in turn (default 7)")
    options = parser.parse_args()
    if not (1 <= options.steps <= 1_000_000 and options.repeats >= 1):
        parser.error("expected 1 to 1000000 steps and at least 1 repeat")

    scalar = scalar_module()
    start = from_columns(REFERENCE["matlab_rng5000"]["p0"])
    samples = drawn_samples()[: options.steps]
    columns = [block if block.ndim == 2 else block[:, None] for block in net.unpack(start)]
    points, targets = np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T)
    rows, wanted, order = X.tolist(), Y.tolist(), samples.tolist()

    def article() -> np.ndarray:
        blocks = netbp(columns, points, targets, samples)
        views = net.unpack(start)
        return net.pack(*(block.reshape(view.shape) for block, view in zip(blocks, views, strict=True)))

    def package() -> np.ndarray:
        return net.sgd(start, X, Y, eta=ETA, indices=samples, record_every=options.steps).p

    def module() -> np.ndarray:
        p = start.tolist()
        scalar.sgd(p, rows, wanted, eta=ETA, indices=order)
        return np.array(p)

    def person() -> np.ndarray:
        return np.array(by_hand(start.tolist(), rows, wanted, order))

    runs = {
        "the article's loop in NumPy": article,
        "the emitted sgd of the NumPy package": package,
        "the emitted sgd of --target python": module,
        "scalars by hand, without a guard": person,
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    ends: dict[str, np.ndarray] = {}
    for _ in range(options.repeats):
        for name, run in runs.items():
            begin = process_time()
            ends[name] = run()
            times[name].append(1e6 * (process_time() - begin) / options.steps)
    first, *others = ends.values()
    deviation = max(float(np.max(np.abs(end - first))) for end in others)
    if not deviation < 1e-9:
        sys.exit(f"they ended {deviation:.1e} apart")

    print(f"{options.steps} steps on 2-2-3-2, one sample each; {options.repeats} repeats in turn, us a step")
    print(f"  {'':38s}    least   median   by hand = 1")
    least = min(times["scalars by hand, without a guard"])
    for name, found in times.items():
        print(f"  {name:38s} {min(found):8.2f} {median(found):8.2f} {min(found) / least:10.2f}")
    print(f"all end at the same parameters, largest difference {deviation:.1e}")


if __name__ == "__main__":
    main()
