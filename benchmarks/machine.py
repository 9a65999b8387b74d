"""What figures depend on beside the code: processor, BLAS, threads, versions, and pins in the environment."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Variables that bind a BLAS, OpenMP or a peer to a kind of processor or a number of threads. One that names
# an older processor, OPENBLAS_CORETYPE=Haswell say, costs NumPy a third of its speed, and JAX nothing.
PINS = (
    "BLIS_",
    "GOMP_",
    "GOTO_",
    "KMP_",
    "MKL_",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "NUMBA_",
    "NUMEXPR_",
    "NVPL_",
    "OMP_",
    "OPENBLAS_",
    "VECLIB_",
    "XLA_FLAGS",
)
REMOVED = "BACKPROOF_BENCH_PINS"  # holds the pins that were taken away, for the report of the new process
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def pins(environment: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the variables of an environment that pin something."""
    return {name: value for name, value in sorted(environment) if name.startswith(PINS)}


def without_pins(environment: dict[str, str]) -> dict[str, str]:
    """Return an environment without pins, which remembers what they were."""
    found = pins(environment.items())
    kept = {name: value for name, value in environment.items() if name not in found}
    return kept | {REMOVED: json.dumps(found)}


def unpin() -> dict[str, str]:
    """Start this program anew without pins, unless there are none; return those that were taken away.

    Libraries read them when they are loaded, so it is too late to change them in this process.
    """
    if REMOVED in os.environ:
        found: dict[str, str] = json.loads(os.environ[REMOVED])
        return found
    if pins(os.environ.items()):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], without_pins(dict(os.environ)))
    return {}


def bind(threads: int) -> None:
    """Give libraries that are not loaded yet, here and in child processes, so many threads and processors."""
    os.environ.update({name: str(threads) for name in THREADS})
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:threads]))


def processor() -> str:
    """Return the processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def blas() -> str:
    """Return NumPy's BLAS and, where they can be asked for, the kind of processor and threads it chose."""
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    built = config["Build Dependencies"]["blas"]
    name = f"{built['name']} {built['version']}"
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return f"{name}, threads not known (threadpoolctl is not installed)"
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    said = [f"{pool.get('architecture', 'any')} kernels, {pool['num_threads']} threads" for pool in pools]
    return ", ".join([name, *said])


def surroundings(removed: dict[str, str], threads: int = 0) -> dict[str, Any]:
    """Return what the times depend on."""
    import numpy as np

    there = pins(os.environ.items())  # before threadpoolctl adds one
    return {
        "cpu": processor(),
        "cpus": processors(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": blas(),
        "bound_to": threads,
        "pins_removed": removed,
        "pins": there,
    }


def lacking(needs: Iterable[str]) -> str:
    """Name the first distribution that is not installed, or nothing."""
    for name in needs:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return name
    return ""


def versions(needs: Iterable[str]) -> dict[str, str]:
    """Return the versions of those distributions that are installed."""
    return {name: importlib.metadata.version(name) for name in sorted(set(needs)) if not lacking([name])}


def held() -> float:
    """Return the most megabytes held since the last call of ``forget``; NaN where Linux does not count."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def forget() -> float:
    """Take what is held now as the most held, and return it."""
    cleared = Path("/proc/self/clear_refs")
    if cleared.exists():
        cleared.write_text("5")
    return held()


def bounded() -> None:
    """Let an allocation beyond what the machine has fail here, before the machine ends some process."""
    try:
        import resource

        (line,) = (x for x in Path("/proc/meminfo").read_text().splitlines() if x.startswith("MemAvailable"))
        most = int(int(line.split()[1]) * 1024 * 0.85)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    except (ImportError, OSError, ValueError):
        pass
