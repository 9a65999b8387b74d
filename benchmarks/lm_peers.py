"""One exact Levenberg-Marquardt step of an emitted package beside those of other libraries, in one run.

python benchmarks/lm_peers.py [ROW ... | all] [--peers NAME,...] [--threads K] [--limit SECONDS] [--json FILE]

Every step goes from the same p and samples to the h that minimises ||r - J h||^2 + mu ||h||^2, in float64,
and takes the cost at p + h. A peer's h must first agree with the emitted one, to 1e-6, or 1e-3 where it is
iterative; only then is it timed. SciPy's ``lm`` chooses mu by itself: its h must be such a step for some mu,
and it is timed up to the first that it accepts. Each peer has a process of its own with a time limit and a
bound on its memory; "peak" is the most that the process held, Python, the libraries and the data included, of
which "idle" was there before the step. The emitted step, the bare products that it needs (see lm_step.py) and
an emitted gradient share a process and are timed in turn. The first call of a peer, which compiles or
searches, is not counted, unless it takes more than 15 s and so is the only one. A peer that is not installed
is one line:

pip install jax scipy optimistix nlls-gram torch torch-levenberg-marquardt
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

QUICK = ("0", "2")
MU = 1.0  # what optimistix begins with
PINS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
ENOUGH, SECONDS = 9, 15.0  # timed calls of a peer, fewer once they have taken so long
DIRECT, ITERATIVE = 1e-6, 1e-3


class Task(NamedTuple):
    """What a step begins with: the package, p and the samples."""

    net: Any
    p: Any
    X: Any
    Y: Any

    @property
    def primal(self) -> bool:
        """Whether there are at least as many residuals as parameters."""
        return bool(self.Y.size >= self.p.size)


Step = Callable[[], Any]  # returns p + h


# -- peers: each returns a function that takes the step ----------------------------------------------------


def with_jax(task: Task) -> Step:
    """jax: rows of J by jacrev under vmap, then the smaller of both systems; compiled."""
    jax, jnp, residual, outputs = _jax(task)

    def step(p: Any, X: Any, Y: Any) -> Any:
        J = jax.vmap(jax.jacrev(outputs), (None, 0))(p, X).reshape(-1, p.size)
        r = residual(p, X, Y).ravel()
        if task.primal:
            h = jax.scipy.linalg.solve(J.T @ J + MU * jnp.eye(p.size), J.T @ r, assume_a="pos")
        else:
            h = J.T @ jax.scipy.linalg.solve(J @ J.T + MU * jnp.eye(r.size), r, assume_a="pos")
        return p + h, jnp.sum(residual(p + h, X, Y) ** 2)

    compiled, given = jax.jit(step), tuple(map(jnp.asarray, task[1:]))
    return lambda: jax.block_until_ready(compiled(*given))[0]


def with_optimistix(task: Task) -> Step:
    """optimistix: LevenbergMarquardt, QR where there are more residuals than parameters, else CG."""
    import lineax
    import optimistix

    jax, jnp, residual, _ = _jax(task)
    cg = lineax.Normal(lineax.CG(rtol=1e-5, atol=1e-10, max_steps=2000))
    solver = optimistix.LevenbergMarquardt(1e-8, 1e-8, linear_solver=lineax.QR() if task.primal else cg)

    def step(p: Any, X: Any, Y: Any) -> Any:
        def negative(q: Any, args: Any) -> Any:
            return -residual(q, X, Y), None

        shape = jax.ShapeDtypeStruct(Y.shape, Y.dtype)
        state = solver.init(negative, p, None, {}, shape, None, frozenset())
        _, state, _ = solver.step(negative, p, None, {}, state, frozenset())
        return state.y_eval, jnp.sum(residual(state.y_eval, X, Y) ** 2)

    compiled, given = jax.jit(step), tuple(map(jnp.asarray, task[1:]))
    return lambda: jax.block_until_ready(compiled(*given))[0]


def with_nlls_gram(task: Task) -> Step:
    """nlls-gram: LevenbergMarquardt, the dense factor of the smaller of both systems."""
    import nlls_gram

    jax, jnp, residual, _ = _jax(task)
    p, X, Y = map(jnp.asarray, task[1:])
    solver = nlls_gram.LevenbergMarquardt(
        lambda q, samples: -residual(q, *samples).ravel(), init_damping=MU, geodesic_acceleration=False
    )
    compiled = jax.jit(lambda q, samples: solver.update(q, solver.init(q, samples), samples)[0])
    return lambda: jax.block_until_ready(compiled(p, (X, Y)))


def _jax(task: Task) -> tuple[Any, ...]:
    """Return jax, jax.numpy, the residual of all samples and the outputs of one."""
    import jax

    jax.config.update("jax_enable_x64", True)
    shapes = [block.shape for block in task.net.unpack(task.p)]

    def outputs(p: Any, x: Any) -> Any:
        begin = 0
        for number, shape in enumerate(shapes):
            size = shape[0] * (shape[1] if len(shape) == 2 else 1)
            block = p[begin : begin + size].reshape(shape)
            begin += size
            x = x @ block.T if len(shape) == 2 else x + block
            if len(shape) == 1 and number + 1 < len(shapes):
                x = jax.numpy.tanh(x)
        return x

    return jax, jax.numpy, lambda p, X, Y: Y - outputs(p, X), outputs


def _module(task: Task) -> tuple[Any, Any, Any, Any]:
    """Return torch, the network as a module of layers with the parameters of the task, and its samples."""
    import torch

    torch.set_default_dtype(torch.float64)
    layers: list[Any] = []
    blocks = task.net.unpack(task.p)
    for W, b in zip(blocks[::2], blocks[1::2], strict=True):
        layer = torch.nn.Linear(W.shape[1], W.shape[0])
        layer.weight.data[:], layer.bias.data[:] = torch.from_numpy(W.copy()), torch.from_numpy(b.copy())
        layers += [layer, torch.nn.Tanh()]
    return torch, torch.nn.Sequential(*layers[:-1]), torch.from_numpy(task.X), torch.from_numpy(task.Y)


def with_torch(task: Task) -> Step:
    """torch: rows of J by torch.func.jacrev under vmap, then the smaller of both systems by Cholesky."""
    torch, module, X, Y = _module(task)
    parameters = {name: value.detach() for name, value in module.named_parameters()}
    p = torch.cat([value.flatten() for value in parameters.values()])

    def outputs(given: Any, x: Any) -> Any:
        return torch.func.functional_call(module, given, (x,))

    rows = torch.func.vmap(torch.func.jacrev(outputs), (None, 0))

    @torch.no_grad()
    def step() -> Any:
        blocks = rows(parameters, X)
        J = torch.cat([block.flatten(2) for block in blocks.values()], 2).flatten(0, 1)
        r = (Y - module(X)).reshape(-1, 1)
        system, right = (J.T @ J, J.T @ r) if task.primal else (J @ J.T, r)
        system.diagonal().add_(MU)
        h = torch.cholesky_solve(right, torch.linalg.cholesky(system))
        moved = p + (h if task.primal else J.T @ h).flatten()
        parts = moved.split([value.numel() for value in parameters.values()])
        there = {k: part.view_as(v) for (k, v), part in zip(parameters.items(), parts, strict=True)}
        torch.sum((Y - outputs(there, X)) ** 2)
        return moved.numpy()

    return step


def with_torch_lm(task: Task) -> Step:
    """torch-levenberg-marquardt: training_step with Cholesky; it divides J^T J by the number of samples."""
    import torch_levenberg_marquardt as lm

    torch, module, X, Y = _module(task)
    training = lm.training.LevenbergMarquardtModule(module, attempts_per_step=1, solve_method="cholesky")
    start = training.flat_params.clone()

    def step() -> Any:
        training.flat_params.copy_(start)
        training.backup_parameters()
        training.damping_strategy.damping_factor = torch.tensor(MU / len(X))
        training.training_step(X, Y)
        return training.flat_params.numpy()

    return step


def with_lsmr(task: Task) -> Step:
    """SciPy: lsmr with J as a LinearOperator, its products by the package's own passes (--with products)."""
    import numpy as np
    from scipy.sparse.linalg import LinearOperator, lsmr

    net, p, X, Y = task
    along, back = net.JacobianProductWorkspace(len(X)), net.TransposedProductWorkspace(len(X))
    J = LinearOperator(
        (Y.size, p.size),
        matvec=lambda v: along.product(p, X, np.ascontiguousarray(v).ravel()).ravel().copy(),
        rmatvec=lambda u: back.product(p, X, np.ascontiguousarray(u).reshape(Y.shape)).copy(),
        dtype=float,
    )
    forward = net.ForwardWorkspace(len(X))

    def step() -> Any:
        r = net.residual(p, X, Y)
        moved = p + lsmr(J, r, damp=MU**0.5, atol=1e-7, btol=1e-7, maxiter=2000)[0]
        forward.cost(moved, X, Y)
        return moved

    return step


def with_scipy_lm(task: Task) -> Step:
    """SciPy: least_squares(method="lm"), stopped after the first step that it accepts; it chooses mu."""
    from scipy.optimize import least_squares

    net, p, X, Y = task
    if not task.primal:
        raise NotImplementedError("needs as many residuals as parameters")

    def step(trials: int) -> Any:
        return least_squares(
            lambda q: net.residual(q, X, Y),
            p,
            jac=lambda q: -net.jacobian(q, X),
            method="lm",
            x_scale=1.0,
            max_nfev=1 + trials,
        ).x

    needed: list[int] = []

    def accepted() -> Any:
        if not needed:
            needed.append(next((trials for trials in range(1, 20) if (step(trials) != p).any()), 20))
        return step(needed[0])

    return accepted


class Peer(NamedTuple):
    """A way to take the step, the distributions that it needs, and how well it must agree."""

    take: Callable[[Task], Step]
    needs: tuple[str, ...]
    tolerance: float


PEERS = {
    "torch-lm": Peer(with_torch_lm, ("torch-levenberg-marquardt", "torch"), DIRECT),
    "jax": Peer(with_jax, ("jax",), DIRECT),
    "torch": Peer(with_torch, ("torch",), DIRECT),
    "optimistix": Peer(with_optimistix, ("optimistix", "lineax", "jax"), ITERATIVE),
    "nlls-gram": Peer(with_nlls_gram, ("nlls-gram", "jax"), DIRECT),
    "lsmr": Peer(with_lsmr, ("scipy",), ITERATIVE),
    "scipy-lm": Peer(with_scipy_lm, ("scipy",), DIRECT),
}


# -- in a process of its own -----------------------------------------------------------------------------


def held() -> float:
    """Return the most megabytes that this process has held; Linux counts them."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def task_of(folder: str, name: str, n: int) -> Task:
    """Return the problem of a row, the same in every process."""
    import numpy as np

    sys.path.insert(0, folder)
    net: Any = importlib.import_module(name)
    rng = np.random.default_rng(0)
    p = net.initial_parameters(rng)
    return Task(net, p, rng.standard_normal((n, net.SIZES[0])), rng.random((n, net.SIZES[-1])))


def bounded() -> None:
    """Let an allocation beyond what the machine has fail here, before the machine ends some process."""
    try:
        import resource

        (line,) = (x for x in Path("/proc/meminfo").read_text().splitlines() if x.startswith("MemAvailable"))
        most = int(int(line.split()[1]) * 1024 * 0.85)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    except (ImportError, OSError, ValueError):
        pass


def in_turn(functions: list[Step], uncounted: int = 1) -> list[float]:
    """Return the median milliseconds of each function, called in turn; the first rounds may not count."""
    times: list[list[float]] = [[] for _ in functions]
    begin = perf_counter()
    for turn in range(uncounted + ENOUGH):
        for function, found in zip(functions, times, strict=True):
            start = perf_counter()
            function()
            found.append((perf_counter() - start) * 1e3)
        if turn >= uncounted and perf_counter() - begin > SECONDS:
            break
    return [median(found[uncounted:]) for found in times]


def ours(folder: str, name: str, n: int) -> dict[str, Any]:
    """Measure the emitted step and its bare products, and leave p + h for the peers."""
    import numpy as np

    task = task_of(folder, name, n)
    net, p, X, Y = task
    step, forward, moved = net.damped_step(n), net.ForwardWorkspace(n), np.empty_like(p)
    idle = held()

    def take() -> None:
        step.at(p, X, Y)
        np.add(p, step.trial(MU), out=moved)
        forward.cost(moved, X, Y)

    take()
    peak = held()
    np.save(Path(folder, name + ".npy"), moved)
    sys.path.insert(0, str(Path(__file__).parent))
    from lm_step import bare_gram, bare_normal

    bare = (bare_normal if task.primal else bare_gram)(net.SIZES, n, np.random.default_rng(0))
    slope = net.GradientWorkspace(n)
    ms, products, gradient = in_turn([take, bare, lambda: slope.gradient(p, X, Y)])
    return {"ms": ms, "bare": products, "gradient": gradient, "idle": idle, "peak": peak}


def peer(which: str, folder: str, name: str, n: int) -> dict[str, Any]:
    """Take the step with a peer, compare it with the emitted one, and only then measure it."""
    import numpy as np

    bounded()
    peer = PEERS[which]
    task = task_of(folder, name, n)
    try:
        step = peer.take(task)
    except NotImplementedError as error:
        return {"problem": str(error)}
    idle, begin = held(), perf_counter()
    h = np.array(step()) - task.p
    first, peak = (perf_counter() - begin) * 1e3, held()
    if which == "scipy-lm":
        off = apart_from_any(task, h)
    else:
        wanted = np.load(Path(folder, name + ".npy")) - task.p
        off = float(np.linalg.norm(h - wanted) / np.linalg.norm(wanted))
    if not off <= peer.tolerance:
        return {"problem": f"not timed: its step is {off:.1e} from the emitted one"}
    (ms,) = in_turn([step], 0) if first < SECONDS * 1e3 else (first,)
    return {"ms": ms, "first": first, "idle": idle, "peak": max(peak, held()), "off": off}


def apart_from_any(task: Task, h: Any) -> float:
    """Return how far (J^T J + mu I) h is from J^T r for the mu that fits best."""
    import numpy as np

    J = task.net.jacobian(task.p, task.X)
    g = J.T @ task.net.residual(task.p, task.X, task.Y)
    rest = g - J.T @ (J @ h)
    mu = max(float(h @ rest / (h @ h)), 0.0)
    return float(np.linalg.norm(rest - mu * h) / np.linalg.norm(g))


# -- the table ---------------------------------------------------------------------------------------------


def lacking(peer: Peer) -> str:
    """Name the first distribution that a peer needs and that is not installed, or nothing."""
    for name in peer.needs:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return name
    return ""


def versions(chosen: list[str]) -> str:
    """Return the versions of what the peers need."""
    names = sorted({name for which in chosen for name in PEERS[which].needs if not lacking(PEERS[which])})
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names) or "none"


def processor() -> str:
    """Return the processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def surroundings() -> dict[str, Any]:
    """Return what the times depend on: versions, BLAS, threads, processor."""
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    blas = config["Build Dependencies"]["blas"]
    found = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "cpu": processor(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "pins": {name: value for name, value in os.environ.items() if name in PINS or "OPENBLAS" in name},
    }
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return found
    pools = [f"{pool['internal_api']} {pool['num_threads']}" for pool in threadpool_info()]
    return found | {"threads": ", ".join(pools)}


def alone(which: str, folder: str, name: str, n: int, limit: float, threads: int) -> dict[str, Any]:
    """Run one measurement in a process of its own, with its time limit."""
    command = [sys.executable, __file__, "--alone", which, folder, name, str(n)]
    env = os.environ | ({pin: str(threads) for pin in PINS} if threads else {}) | {"JAX_PLATFORMS": "cpu"}

    def pinned() -> None:
        if threads and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:threads]))

    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=env, preexec_fn=pinned, check=False
        )
    except subprocess.TimeoutExpired:
        return {"problem": f"not done within {limit:.0f} s"}
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return {"problem": f"failed, status {done.returncode}: {(said or ['no message'])[-1][:120]}"}


def show(which: str, found: dict[str, Any], own: float) -> None:
    """Print the line of one measurement."""
    if "problem" in found:
        print(f"  {which:12s} {found['problem']}", flush=True)
        return
    memory = f"{found['peak']:9.0f} {found['idle']:7.0f}"
    off = f"{found['off']:9.1e}" if "off" in found else " " * 9
    times = f"{found['ms']:10.1f} {found['ms'] / own:8.2f}"
    print(
        f"  {which:12s} {times} {memory} {off}{' (its only call)' * (found.get('first') == found['ms'])}",
        flush=True,
    )


def row(number: int, chosen: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Measure one row and print it."""
    from lm_step import ROWS

    from derive import Architecture, generate, write

    text, n = ROWS[number]
    with tempfile.TemporaryDirectory() as folder:
        package = generate(Architecture.parse(text), extras=("products",))
        name = write(package, Path(folder)).name
        own = alone("ours", folder, name, n, options.limit, options.threads)
        print(f"\nrow {number}: {text}, {n} samples, mu = {MU:g}")
        if "problem" in own:
            sys.exit(f"the emitted step {own['problem']}")
        print(f"  {'':12s} {'ms':>10s} {'/emitted':>8s} {'peak MB':>9s} {'idle':>7s} {'agrees to':>9s}")
        show("emitted", own, own["ms"])
        print(f"  {'bare':12s} {own['bare']:10.1f} {own['bare'] / own['ms']:8.2f}")
        print(f"  {'a gradient':12s} {own['gradient']:10.1f} {own['gradient'] / own['ms']:8.2f}", flush=True)
        found = {"network": text, "samples": n, "emitted": own}
        for which in chosen:
            if not lacking(PEERS[which]):
                found[which] = alone(which, folder, name, n, options.limit, options.threads)
                show(which, found[which], own["ms"])
        return found


def main() -> None:
    """Print a table for each row that was asked for, and keep it if asked to."""
    if sys.argv[1:2] == ["--alone"]:
        which, folder, name, n = sys.argv[2:]
        print(
            json.dumps(ours(folder, name, int(n)) if which == "ours" else peer(which, folder, name, int(n)))
        )
        return
    from lm_step import ROWS

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    numbers = [str(number) for number in range(len(ROWS))]
    parser.add_argument("rows", nargs="*", help=f"0 to {numbers[-1]}, or all; default {' '.join(QUICK)}")
    parser.add_argument("--peers", default=",".join(PEERS), help=f"of {','.join(PEERS)}, or none")
    parser.add_argument("--threads", type=int, default=0, help="bind every process to so many processors")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for each process (default 120)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    chosen = [which for which in options.peers.split(",") if which not in ("", "none")]
    unknown = [which for which in chosen if which not in PEERS]
    rows = numbers if options.rows == ["all"] else options.rows or QUICK
    if unknown or not set(rows) <= set(numbers):
        parser.error(f"expected rows of {' '.join(numbers)}, or all, and peers of {', '.join(PEERS)}")
    around = surroundings()
    print(
        f"{around['cpu']}, {around['cpus']} CPUs; Python {around['python']}, NumPy {around['numpy']}", end=""
    )
    print(
        f" with {around['blas']}; threads: {around.get('threads', 'threadpoolctl is not installed')}", end=""
    )
    pins = " ".join(f"{name}={value}" for name, value in around["pins"].items())
    print(f"; pins: {pins or 'none'}; processes bound to: {options.threads or 'all'} CPUs")
    print(f"peers: {versions(chosen)}")
    for which in chosen:
        if lacking(PEERS[which]):
            print(f"{which}: not installed ({lacking(PEERS[which])})")
    results = [row(int(number), chosen, options) for number in rows]
    if options.json:
        kept = {"surroundings": around | {"bound_to": options.threads}, "mu": MU, "rows": results}
        options.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
