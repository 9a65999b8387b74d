"""Where scalars beat arrays: descent steps on one sample, by ``sample_steps.py`` and by the array code.

Each architecture gets a package with scalar code whatever its size; both ways start at one point, take the
same samples and must end at the same parameters. Times are CPU times of one process, in turn. The line that
the generator draws, ``MAX_PARAMETERS`` in ``derive/program/scalars.py``, rests on this table.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from derive import Architecture, prove
from derive.package import render
from derive.program import scalars

ARCHITECTURES = (
    *("2-2-3-2", "1-10-1", "2-16-1", "1-20:tanh-1:linear", "4-8-8-2", "8-16-2", "20-10", "30-8"),
    *("8-8-8-8-4", "12-16-4", "8-16-8", "10-20-5", "16-20-4", "20-25-5"),
)
STEPS = 40_000  # of all parameters together


def package(text: str, folder: Path) -> Any:
    """Write a package with scalar code, import it, and return its training."""
    shape = Architecture.parse(text)
    target = folder / shape.package_name
    target.mkdir()
    for name, source in render(prove(shape, brute_force=False)).items():
        (target / name).write_text(source, encoding="utf-8")
    return importlib.import_module(f"{shape.package_name}.train")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("architectures", nargs="*", help="others than those of the table")
    parser.add_argument("--repeats", type=int, default=15, help="repeats of each, in turn (default 15)")
    options = parser.parse_args()
    scalars.MAX_PARAMETERS = 10**6
    print(f"{'':20s}  parameters   scalars    arrays   us a step, the least of {options.repeats}")
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        for text in options.architectures or ARCHITECTURES:
            train = package(text, Path(folder))
            sizes, size = Architecture.parse(text).sizes, Architecture.parse(text).n_parameters
            rng = np.random.default_rng(0)
            X, Y = rng.random((50, sizes[0])), rng.random((50, sizes[-1]))
            start = rng.standard_normal(size)
            drawn = rng.integers(50, size=(max(200, STEPS // size), 1))
            unrolled, arrays = train._Batches(X, Y, 1), train._Batches(X, Y, 1)
            arrays.batch = 0  # neither one sample nor any other number: the array code, on one sample
            times: list[list[float]] = [[], []]
            for _ in range(options.repeats):
                ends = []
                for way, found in zip((unrolled, arrays), times, strict=True):
                    p = start.copy()
                    begin = process_time()
                    way.descend(p, drawn, 0.01)
                    found.append(1e6 * (process_time() - begin) / len(drawn))
                    ends.append(p)
                np.testing.assert_allclose(*ends, rtol=1e-9)
            one, other = map(min, times)
            print(
                f"{text:20s} {size:11d} {one:9.2f} {other:9.2f}   {other / one:6.2f} times as fast",
                flush=True,
            )


if __name__ == "__main__":
    main()
