"""What is emitted for float32, whose exp overflows above 88.7: no warning, and right to float32's places."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from activation_code import arrays
from test_activations_accuracy import BY_HAND, FROM_A_BOUND, GUARDED, wanted_at

from derive.activations import activation
from derive.architecture import Architecture
from derive.package import render
from derive.package_c import render as render_c
from derive.proof import Proof, prove

EPS = 2.0**-23
NORMAL = 2.0**-126
SIZES = [1e-30, 1e-20, 1e-3, 0.1, 1, 5, 10, 29, 40, 60, 87, 87.9, 88.3, 88.7, 88.75, 90, 103, 104, 200, 354]
SIZES += [708, 710, 1e3, 1e4, 1e10, 2.0**126]  # 3 z has its float32, too
POINTS = [float(np.float32(z)) for z in sorted({0.0, *SIZES, *(-s for s in SIZES)})]
GROWS = {"exp": 1, "one_minus_exp": -1}  # beyond 88 their values are no numbers of float32


@pytest.mark.parametrize("name", BY_HAND)
def test_activations_are_right_in_float32_and_neither_overflow_nor_warn(name: str, tmp_path: Path) -> None:
    run = arrays(activation(name), tmp_path, np.float32)
    with np.errstate(all="raise", under="ignore"):
        values, slopes = run(np.array(POINTS, np.float32))
    for z, *found in zip(POINTS, values, slopes, strict=True):
        for kind, got in enumerate(found):
            assert got.dtype == np.float32
            assert np.isfinite(got), (name, kind, z)
            if GROWS.get(name, 0) * z <= 88:
                check(name, kind, z, float(got))


def check(name: str, kind: int, z: float, got: float) -> None:
    wanted, sensitivity = wanted_at(name, kind, z, 150)
    with mpmath.workdps(50):
        error = abs(mpmath.mpf(got) - wanted)
        allowed = 4 * EPS * (1 + sensitivity) * abs(wanted) + NORMAL * (1 + sensitivity) * EPS * 4
        if kind and name in FROM_A_BOUND:
            allowed = 8 * EPS * max(1, abs(wanted))
        if name in GUARDED:
            allowed += NORMAL  # a is 1 / (1 + exp(88)) at least
        assert error <= allowed, (name, kind, z, got, mpmath.nstr(wanted, 9), mpmath.nstr(error / allowed, 5))


# -- whole packages --------------------------------------------------------------------------------------

NETWORKS = {
    "wide": ("1-33:sigmoid-2:sigmoid", "quadratic"),
    "swish": ("1-2:silu-1:softplus", "quadratic"),
    "exp": ("1-2:one_minus_exp-1:exp", "quadratic"),
    "fractions": ("1-2:sigmoid-2:sigmoid", "binary-cross-entropy"),
    "shares": ("1-2:sigmoid-3:softmax", "cross-entropy"),
    "log-cosh": ("1-2:linear", "log-cosh"),
    "huber": ("1-2:softplus", "huber"),
    "own cost": ("1-2:linear", "grown: exp(a-y)-a+y"),
}
INPUTS = [0.0, 0.5, -0.5, 3.0, -3.0, 40.0, -40.0, 87.9, -87.9, 88.8, -88.8, 104.0, -104.0, 710.0, -710.0]
INPUTS += [1e4, -1e4]

GROWING = {"exp": 40.0, "own cost": 80.0}  # beyond, squares or the cost itself have no float32
NO_STEP = {"own cost"}  # exp(80) and 1 on the diagonal of H: the system is not solved


@cache
def proved(kind: str) -> Proof:
    return prove(Architecture.parse(*NETWORKS[kind]), brute_force=False)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Import a package of a kind."""
    folder = tmp_path_factory.mktemp("float32")
    sys.path.insert(0, str(folder))

    @cache
    def imported(kind: str) -> Any:
        name = f"for_float32_{kind.replace(' ', '_').replace('-', '_')}"
        (folder / name).mkdir()
        for file, text in render(proved(kind)).items():
            (folder / name / file).write_text(text, encoding="utf-8")
        return importlib.import_module(name)

    yield imported
    sys.path.remove(str(folder))


def module(net: Any, name: str) -> Any:
    return importlib.import_module(f"{net.__name__}.{name}")


def problem(net: Any, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return p for which the weighted inputs of the first layer are about x, and samples up to 1e4."""
    p = np.full(net.N_PARAMETERS, 0.25)
    blocks = net.unpack(p)
    blocks[0][...] = 1.0
    blocks[0][1::2] = -1.0
    X = np.array(INPUTS)[:, None]
    if kind in GROWING:
        X = X.clip(-GROWING[kind], GROWING[kind])
    Y = np.zeros((len(X), net.SIZES[-1]))
    if kind == "shares":
        Y[:, 0] = 1.0
    return p, X, Y


@pytest.mark.parametrize("kind", NETWORKS)
def test_float32_passes_and_steps_are_those_of_float64_without_a_warning(kind: str, packages: Any) -> None:
    net = packages(kind)
    narrow = [array.astype(np.float32) for array in problem(net, kind)]
    wide = [array.astype(np.float64) for array in narrow]
    found: dict[Any, list[Any]] = {}
    for dtype, (p, X, Y) in ((np.float32, narrow), (np.float64, wide)):
        forward = module(net, "forward").ForwardWorkspace(1, dtype)
        gradient = module(net, "gradient").GradientWorkspace(1, dtype)
        results = []
        for x, y in zip(X[:, None], Y[:, None], strict=True):
            with np.errstate(all="raise", under="ignore"):
                results += [forward.forward(p, x).copy(), forward.cost(p, x, y)]
                results.append(gradient.gradient(p, x, y).copy())
                results += [] if kind in NO_STEP else steps(net, dtype, p, x, y)
        found[dtype] = results
    for got, wanted in zip(found[np.float32], found[np.float64], strict=True):
        assert np.isfinite(got).all()
        largest = np.abs(wanted).max() + 1e-6
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5 * largest)


def steps(net: Any, dtype: Any, p: np.ndarray, x: np.ndarray, y: np.ndarray) -> list[Any]:
    """Return the Levenberg-Marquardt step of each form on one sample."""
    found = []
    for file, kind in (("normal_step", "NormalStep"), ("gram_step", "GramStep")):
        if (Path(str(net.__file__)).parent / f"{file}.py").exists():
            work = getattr(module(net, file), kind)(1, dtype=dtype)
            work.at(p, x, y)
            h = work.trial(1.0)
            assert h is not None
            found.append(h.copy())
    return found


# -- C ---------------------------------------------------------------------------------------------------

COMPILER = shutil.which("cc")
PROGRAM = """
#include "{name}.h"
#include <stdio.h>
int main(void)
{{
    static {name}_activations pass;
    const {name}_real inputs[] = {{ {inputs} }}, p[] = {{ {parameters} }};
    for (int k = 0; k < {count}; k++) {{
        printf("%.9g\\n", (double){name}_forward(&pass, p, inputs + k)[0]);
    }}
    return 0;
}}
"""


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
@pytest.mark.parametrize("name", ["sigmoid", "exp", "one_minus_exp", "silu", "softplus"])
def test_c_in_float_gives_finite_numbers_that_are_right(name: str, tmp_path: Path) -> None:
    proof = prove(Architecture.parse(f"1-1:{name}"), brute_force=False)
    package = proof.architecture.package_name
    for file, text in render_c(proof).items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    points = [z for z in POINTS if abs(z) < 1e30]
    (tmp_path / "main.c").write_text(
        PROGRAM.format(
            name=package, inputs=", ".join(f"{z!r}f" for z in points), parameters="1, 0", count=len(points)
        )
    )
    flags = ["-std=c99", f"-D{package.upper()}_FLOAT", "-O1"]
    sources = [str(tmp_path / f"{package}.c"), str(tmp_path / "main.c")]
    subprocess.run([str(COMPILER), *flags, *sources, "-lm", "-o", str(tmp_path / "main")], check=True)
    done = subprocess.run([str(tmp_path / "main")], capture_output=True, text=True, check=True)
    for z, got in zip(points, map(float, done.stdout.split()), strict=True):
        assert np.isfinite(got), (name, z)
        if GROWS.get(name, 0) * z <= 88:
            check(name, 0, z, got)
