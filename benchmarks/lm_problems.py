"""What Levenberg-Marquardt training reaches, problem by problem, with the settings as they come.

python benchmarks/lm_problems.py [ROW ... | all]

0  45120-300-3, 13.5 million parameters, to an MSE of 1e-6: seconds, steps, and the most memory held
1  4-16-16-1 with 10,000 and with a million samples: memory beside the samples
2  sin(2 pi x), 1-5-1, 41 points, to an MSE of 0.002, from 30 seeds
3  sinc(10 x), 1-20-1, 2,000 points, to an MSE of 1e-8 within 200 steps, from 10 seeds, three kinds of start
4  the article's example and its eleventh point, to a sum of squares of 1e-6, or which minimum was met
5  NIST's certified problems, as rows for docs/levenberg-marquardt.md

Without a row 1, 2 and 4 are run. Rows 0 and 1 are measured in processes of their own; memory is what Linux
counts, and "idle" is Python, NumPy and the samples.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from machine import forget, held
from networks import imported

ROOT = Path(__file__).resolve().parents[1]
QUICK = ("1", "2", "4")
RULES = ("marquardt", "nielsen")


def emitted(folder: str, text: str, own: tuple[str, ...] = ()) -> str:
    """Write the package of a network to a folder and return its name."""
    from derive import Architecture, generate, write

    return write(generate(Architecture.parse(text, own=own)), Path(folder)).name


def in_its_own_process(function: Callable[..., Any], *given: Any) -> Any:
    """Call a function in a fresh process, so that what it holds is its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *given).result()


def uniform(net: Any, seed: int) -> np.ndarray:
    """Return a start as PyTorch draws it: W and b of a layer within 1/sqrt(neurons before it)."""
    rng = np.random.default_rng(seed)
    blocks = net.unpack(np.zeros(net.N_PARAMETERS))
    bounds = [1 / np.sqrt(W.shape[1]) for W in blocks[::2] for _ in range(2)]
    drawn = [rng.uniform(-u, u, block.shape) for u, block in zip(bounds, blocks, strict=True)]
    return np.asarray(net.pack(*drawn))


# -- a wide network ----------------------------------------------------------------------------------------


def wide(folder: str) -> None:
    """Train 13.5 million parameters."""
    # Outputs are linear, so that targets of any size can be met; the hidden layer is logistic, as in the
    # report that this repeats. Glorot's start: with weights of size 1 all its neurons would be saturated.
    name = emitted(folder, "45120-300-3:linear")
    idle, peak, seconds, mse, said = in_its_own_process(_wide, folder, name)
    print(f"45120-300-3, 38 samples: {said}")
    print(f"  MSE {mse:.1e} after {seconds:.1f} s; peak {peak:.0f} MB, of which idle {idle:.0f}")


def _wide(folder: str, name: str) -> tuple[float, float, float, float, str]:
    net = imported(folder, name)
    rng = np.random.default_rng(0)
    X, Y = rng.random((38, 45120)), rng.random((38, 3))
    idle = forget()
    p = net.initial_parameters(0, "glorot")
    begin = perf_counter()
    result = net.levenberg_marquardt(p, X, Y, goal=1e-6 * 3 / 2)
    seconds = perf_counter() - begin
    said = f"{result.reason.name} after {result.steps} steps, {result.evaluations} evaluations"
    return idle, held(), seconds, 2 * result.cost / 3, said


# -- many samples ------------------------------------------------------------------------------------------


def samples(folder: str) -> None:
    """Take steps with 10,000 and with a million samples."""
    name = emitted(folder, "4-16:tanh-16:tanh-1:linear")
    print(f"{'4-16-16-1':10s} {'samples':>9s} {'their MB':>8s}", end="")
    print(f" {'beside them: at, trial':>24s} {'a step of training':>18s}")
    for n in (10_000, 1_000_000):
        given, alone = in_its_own_process(_one_step, folder, name, n, False)
        _, training = in_its_own_process(_one_step, folder, name, n, True)
        print(f"{'':10s} {n:9d} {given:8.1f} {alone:24.1f} {training:18.1f}", flush=True)


def _one_step(folder: str, name: str, n: int, train: bool) -> tuple[float, float]:
    net = imported(folder, name)
    rng = np.random.default_rng(0)
    p, X, Y = net.initial_parameters(0), rng.random((n, 4)), rng.random((n, 1))
    idle = forget()
    if train:
        net.levenberg_marquardt(p, X, Y, steps=1)
    else:
        work = net.damped_step(n)
        work.at(p, X, Y)
        work.trial(1.0)
    return (X.nbytes + Y.nbytes) / 1e6, held() - idle


# -- curves ------------------------------------------------------------------------------------------------


def from_many_starts(net: Any, x: np.ndarray, y: np.ndarray, mse: float, seeds: int) -> None:
    """Print how many seeds reach a mean square error, for each kind of start and each rule."""
    starts = {
        "nguyen-widrow": lambda seed: net.initial_parameters(seed, "nguyen-widrow"),
        "as it comes": net.initial_parameters,
        "as PyTorch's": lambda seed: uniform(net, seed),
    }
    for kind, start in starts.items():
        for rule in RULES:
            begin = perf_counter()
            runs = [
                net.levenberg_marquardt(start(seed), x, y, goal=mse / 2, damping=rule)
                for seed in range(seeds)
            ]
            seconds = (perf_counter() - begin) / seeds
            met = [run for run in runs if run.reason.name == "GOAL"]
            steps = [run.steps for run in met]
            spread = f", steps {min(steps)} to {max(steps)}, mean {np.mean(steps):.1f}" if met else ""
            others = sorted({run.reason.name for run in runs} - {"GOAL"})
            worst = max(2 * run.cost for run in runs)
            print(f"  {kind:14s} {rule:10s} {len(met):2d} of {seeds}{spread}", end="")
            print(f"; {seconds:.2f} s each; worst MSE {worst:.1e}", end="")
            print(f"; {', '.join(others)}" if others else "", flush=True)


def sine(folder: str) -> None:
    """Fit a sine with five neurons."""
    net = imported(folder, emitted(folder, "1-5:tanh-1:linear"))
    x = np.linspace(-1, 1, 41)[:, None]
    print("sin(2 pi x), 1-5-1, 41 points, MSE 0.002")
    from_many_starts(net, x, np.sin(2 * np.pi * x), 0.002, 30)


def sinc(folder: str) -> None:
    """Fit sinc, by either definition, with twenty neurons."""
    net = imported(folder, emitted(folder, "1-20:tanh-1:linear"))
    x = np.linspace(-1, 1, 2000)[:, None]
    for written, y in (
        ("sin(10 x)/(10 x)", np.sinc(10 * x / np.pi)),
        ("sin(10 pi x)/(10 pi x)", np.sinc(10 * x)),
    ):
        print(f"sinc(10 x) as {written}, 1-20-1, 2,000 points, MSE 1e-8 within 200 steps")
        from_many_starts(net, x, y, 1e-8, 10)


# -- the article -------------------------------------------------------------------------------------------


def article(folder: str) -> None:
    """Train the article's network on its ten points, and with the eleventh."""
    sys.path[:0] = [str(ROOT / "generated"), str(ROOT / "tests")]
    import sigmoid_2_2_3_2 as net
    from higham import REFERENCE, X, Y, from_columns

    extra = REFERENCE["data"]["extra_point_Fig5_Fig9"]
    more = np.vstack([X, extra["x"]]), np.vstack([Y, extra["y"]])
    starts = {"p0": REFERENCE["p0"], "the article's start": REFERENCE["matlab_rng5000"]["p0"]}
    print("the article's example, sum of squares below 1e-6")
    for points in ((X, Y), more):
        n = len(points[0])
        for said, columns in starts.items():
            for rule in RULES:
                result = net.levenberg_marquardt(
                    from_columns(columns), *points, goal=1e-6 / (2 * n), damping=rule, steps=2000
                )
                squares = 2 * n * result.cost
                print(f"  {n} points from {said:20s} {rule:10s} {result.steps:4d} steps", end="")
                print(f" ({result.evaluations}), sum of squares {squares:.3g}: {result.reason.name}", end="")
                print("" if result.reason.name == "GOAL" else described(net, result, *points), flush=True)


def described(net: Any, result: Any, X: np.ndarray, Y: np.ndarray) -> str:
    """Say what was met in the place of the goal: how flat it is, and which samples are wrong."""
    off = np.sum((net.forward(result.p, X) - Y) ** 2, axis=1)
    wrong = [number + 1 for number in np.flatnonzero(off > 0.25)]
    J = net.jacobian(result.p, X)
    curvature = np.linalg.eigvalsh(J.T @ J)
    return (
        f", {'a local minimum' if result.success else 'not called a minimum'}"
        f"; |gradient| {result.gradient_norm:.0e}, samples off by more than 1/2: {wrong or 'none'}"
        f", J^T J from {curvature[0]:.0e} to {curvature[-1]:.0e}"
    )


# -- NIST --------------------------------------------------------------------------------------------------


def nist(folder: str) -> None:
    """Fit NIST's problems and print a row for each, as Markdown."""
    sys.path.insert(0, str(ROOT / "tests"))
    from nist import MODELS

    print(f"| problem | {' | '.join(f'{rule}, start 1 | start 2' for rule in RULES)} |")
    print(f"| --- {'| --- ' * 2 * len(RULES)}|")
    made: dict[tuple[str, tuple[str, ...]], Any] = {}
    for name, model in MODELS.items():
        key = model.architecture, model.own
        if key not in made:
            made[key] = imported(folder, emitted(folder, *key))
        net, problem = made[key], model.problem(name)
        cells = []
        for rule in RULES:
            for start in problem.starts:
                result = net.levenberg_marquardt(
                    model.to_network(start), problem.X, problem.Y, steps=2000, damping=rule
                )
                r = net.residual(result.p, problem.X, problem.Y)
                with np.errstate(all="ignore"):
                    off = float(np.max(np.abs(np.array(model.to_nist(result.p)) / problem.b - 1)))
                cell = f"{result.steps} ({result.evaluations})"
                if not result.success:
                    cell += f" {result.reason.name}"
                if abs(r @ r - problem.squares) > problem.resolved:
                    cell += f", {r @ r:.4g} for {problem.squares:.4g}"
                elif off > 1e-7:
                    cell += f", parameters to {off:.0e}"
                cells.append(cell)
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


ROWS = (wide, samples, sine, sinc, article, nist)


def main(chosen: list[str]) -> None:
    """Run the rows whose numbers are given."""
    numbers = [str(number) for number in range(len(ROWS))]
    rows = numbers if chosen == ["all"] else chosen or QUICK
    if not set(rows) <= set(numbers):
        sys.exit(f"expected rows of {' '.join(numbers)}, or all, got {' '.join(chosen)}\n{__doc__}")
    with tempfile.TemporaryDirectory() as folder:
        for row in rows:
            print(f"-- row {row}", flush=True)
            ROWS[int(row)](folder)


if __name__ == "__main__":
    main(sys.argv[1:])
