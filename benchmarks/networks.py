"""Emitted packages and the problems that they are measured on: the same in every process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

SUFFIXES = {"c": "c", "python": "scalar"}  # of the names of their packages


class Row(NamedTuple):
    """A network and so many samples; ``apart`` where peers are so large that each is measured by itself."""

    network: str
    samples: int
    apart: bool = False

    def __str__(self) -> str:
        """Return the row as it stands in tables."""
        return f"{self.network}, {self.samples:,} sample{'s' * (self.samples != 1)}"


class Given(NamedTuple):
    """Where a process finds the package of a row, and how many samples it takes."""

    folder: str
    package: str
    activations: tuple[str, ...]
    samples: int


class Task(NamedTuple):
    """A package, the activations of its layers, parameters and samples."""

    net: Any
    p: Any
    X: Any
    Y: Any
    activations: tuple[str, ...]

    @property
    def primal(self) -> bool:
        """Whether there are at least as many residuals as parameters."""
        return bool(self.Y.size >= self.p.size)

    @property
    def layers(self) -> list[tuple[Any, Any]]:
        """W and b of every layer, copied."""
        blocks = [block.copy() for block in self.net.unpack(self.p)]
        return list(zip(blocks[::2], blocks[1::2], strict=True))

    def other(self, target: str) -> Any:
        """Return the package of another target, "c" or "python".

        Raises:
            NotImplementedError: if this version does not make it, or not for this network.
        """
        try:
            return importlib.import_module(f"{self.net.__name__}_{SUFFIXES[target]}")
        except ModuleNotFoundError as error:
            raise NotImplementedError(f"there is no --target {target} of this network") from error


def emit(folder: str, row: Row, targets: Sequence[str] = (), extras: Sequence[str] = ()) -> Given:
    """Write the packages of a network, for NumPy and for those targets that take it."""
    from derive import Architecture, generate, write
    from derive.errors import UserError
    from derive.generate import TARGETS

    shape = Architecture.parse(row.network)
    name = write(generate(shape, extras), Path(folder)).name
    for target in targets:
        if target not in TARGETS:
            continue
        with suppress(UserError):  # not for this network: whoever asks for it will say so
            write(generate(shape, target=target), Path(folder))
    return Given(folder, name, shape.activations, row.samples)


def imported(folder: str, name: str) -> Any:
    """Return a package from a folder."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    return importlib.import_module(name)


def task_of(given: Given) -> Task:
    """Return the problem of a row."""
    import numpy as np

    net = imported(given.folder, given.package)
    rng = np.random.default_rng(0)
    p = net.initial_parameters(rng)
    X = rng.standard_normal((given.samples, net.SIZES[0]))
    return Task(net, p, X, rng.random((given.samples, net.SIZES[-1])), given.activations)
