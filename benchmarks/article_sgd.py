"""One stochastic step at a time: the article's program, line by line in NumPy, beside the emitted ``sgd``.

The inner loop of ``netbp.m`` (Higham & Higham, arXiv 1801.05894, section 6) is written here as it stands
there, with NumPy in the place of MATLAB: forward pass, deltas, gradient step, one sample at a time. The
article's program also takes the cost after every step; here neither side does. Both start at the article's
start, take the article's samples in the article's order, and must end at the same parameters.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

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


def main() -> None:
    import sigmoid_2_2_3_2 as net
    from higham import REFERENCE, X, Y, drawn_samples, from_columns

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=20_000, help="steps a repeat (default 20000)")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of each, in turn (default 5)")
    options = parser.parse_args()
    if not (1 <= options.steps <= 1_000_000 and options.repeats >= 1):
        parser.error("expected 1 to 1000000 steps and at least 1 repeat")

    start = from_columns(REFERENCE["matlab_rng5000"]["p0"])
    samples = drawn_samples()[: options.steps]
    columns = [block if block.ndim == 2 else block[:, None] for block in net.unpack(start)]
    points, targets = np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T)

    article: list[float] = []
    emitted: list[float] = []
    for _ in range(options.repeats):
        begin = perf_counter()
        blocks = netbp(columns, points, targets, samples)
        article.append(perf_counter() - begin)
        begin = perf_counter()
        result = net.sgd(start, X, Y, eta=ETA, indices=samples, record_every=options.steps)
        emitted.append(perf_counter() - begin)
        p = net.pack(
            *(block.reshape(view.shape) for block, view in zip(blocks, net.unpack(start), strict=True))
        )
        deviation = float(np.max(np.abs(result.p - p)))
        if not deviation < 1e-9:
            sys.exit(f"the two ended {deviation:.1e} apart")

    by_article, by_emitted = (1e6 * median(times) / options.steps for times in (article, emitted))
    print(
        f"{options.steps} steps on 2-2-3-2, one sample each; median of {options.repeats} alternating repeats"
    )
    print(f"  the article's loop in NumPy  {by_article:8.2f} us a step")
    print(f"  the emitted sgd              {by_emitted:8.2f} us a step")
    print(f"  ratio                        {by_article / by_emitted:8.1f}")
    print(f"both end at the same parameters, largest difference {deviation:.1e}")


if __name__ == "__main__":
    main()
