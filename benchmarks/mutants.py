"""Mutants of emitted modules: how many the proof refuses, and how many the numerical self-check alone.

python benchmarks/mutants.py [count]

A mutant has one change to what a function computes (an operator, a transpose, an index, a constant, an
array). One that is refused by neither, and gives the same numbers to the bit, changes nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

from derive import Architecture, generate
from derive.verification.verify import Verifier

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from verification_mutants import Mutant, mutants

NETWORKS = (
    Architecture.parse("2-2-3-2"),
    Architecture.parse("2-3:tanh-3:tanh+2-1:linear+W1"),
    Architecture.parse("3-3:softplus-3:softplus=2-2:softmax", "cross-entropy"),
)
PROVED = {
    "forward.py": ("propagate", "mean_cost", "subtract_output"),
    "gradient.py": ("backpropagate",),
    "lm_step.py": ("differentiate", "solve_primal", "solve_dual"),
    "train.py": ("descend",),
    "sample_steps.py": ("sample_steps", "_bounded_exp", "_descend"),
}
COUNT = 120
TIMEOUT = 60


def sample(files: dict[str, str], count: int) -> list[Mutant]:
    """Draw mutants of a package, the same in every run."""
    found = [
        mutant
        for file, names in PROVED.items()
        for mutant in (mutants(file, files[file], names.__contains__) if file in files else ())
    ]
    return Random(1).sample(found, min(count, len(found)))


def self_check_objects(files: dict[str, str]) -> bool:
    """Say whether ``python -m`` the package fails."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, "mutant")
        package.mkdir()
        for name, text in files.items():
            (package / name).write_text(text, encoding="utf-8")
        run = [sys.executable, "-W", "ignore", "-m", "mutant"]
        try:
            done = subprocess.run(run, cwd=folder, capture_output=True, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            return True
    return done.returncode != 0


def main() -> None:
    """Print a line for each network, and those that only one of the two refuses."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    print(f"{'network':45s} {'mutants':>8s} {'verify':>8s} {'self-check':>11s} {'neither':>8s}")
    for shape in NETWORKS:
        package = generate(shape)
        verifier = Verifier(package.proof)
        counted: Counter[str] = Counter()
        for mutant in sample(package.files, count // len(NETWORKS)):
            changed = {**package.files, mutant.file: mutant.text}
            refused = not verifier.holds(changed)
            objects = self_check_objects(changed)
            counted["mutants"] += 1
            counted["verify"] += refused
            counted["self-check"] += objects
            counted["neither"] += not (refused or objects)
            if not refused:
                print(f"  not refused: {mutant.file}:{mutant.line}: {mutant.change}")
        columns = zip(("mutants", "verify", "self-check", "neither"), (8, 8, 11, 8), strict=True)
        print(f"{shape!s:45s} " + " ".join(f"{counted[name]:{width}d}" for name, width in columns))


if __name__ == "__main__":
    main()
