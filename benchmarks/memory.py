"""The most memory that a gradient takes, beside the buffers that cannot be done without.

Counted are the bytes that Python and NumPy allocate, by ``tracemalloc``, from before the workspace is made to
the end of the first gradient; parameters and samples were there before. Libraries that allocate elsewhere
(JAX, PyTorch) are not counted that way, and are not here.

What liveness needs, in float64, is the gradient and, of every sample, the most that is alive at once: when
delta[l] = delta[l+1] W[l+1] is multiplied, for l = L-1, ..., 2, that is a[2], ..., a[l], delta[l+1] and
delta[l], for a product cannot be written over its operands, whereas everything else is elementwise.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from typing import Any

import machine
from contest import Effort, Worker
from gradient import QUICK, SUITES
from networks import Row, emit, task_of

ROWS = (*QUICK[:3], Row("4-16:tanh-16:tanh-1:linear", 100_000))
COUNTED = ("emitted", "plain NumPy", "autograd")


def needed(sizes: tuple[int, ...], samples: int, parameters: int) -> int:
    """Return the bytes of the gradient and of what is alive at once."""
    inner = range(2, len(sizes))  # l = 2..L-1; sizes[l - 1] is n_l
    alive = [sum(sizes[1 : layer + 1]) + sizes[layer - 1] for layer in inner]
    return 8 * (samples * max(alive, default=sizes[-1]) + parameters)


def measure(row: Row, chosen: Iterable[str], effort: Effort) -> dict[str, Any]:
    """Return the entries of a row, in bytes."""
    suite, entries = SUITES["gradient"], {}
    with tempfile.TemporaryDirectory() as folder:
        given = emit(folder, row)
        net = task_of(given).net
        entries["liveness"] = {"bytes": needed(net.SIZES, row.samples, net.N_PARAMETERS)}
        for name in COUNTED:
            if name not in chosen:
                continue
            peer = suite.peers[name]
            if missing := machine.lacking(peer.needs):
                entries[name] = {"problem": f"{missing} is not installed"}
                continue
            worker = Worker(peer.library, folder, effort.limit)
            try:
                entries[name] = worker.ask("traced", suite.module, suite.name, name, given)
            finally:
                worker.end()
    return {
        "suite": "memory",
        "work": str(row),
        "network": row.network,
        "samples": row.samples,
        "entries": entries,
    }
