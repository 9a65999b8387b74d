"""The two functions that NumPy lacks, against mpmath, to a few units in the last place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from derive.special import erf, normal_cdf, source

EPS = 2.0**-52
SMALL = np.logspace(-300, 1.5, 200)
PLACES = np.concatenate([np.linspace(-38, 9, 1500), -SMALL, SMALL, [0.0, 0.5, -0.5, 1e3, -1e3]])
CASES: dict[str, tuple[Callable[..., Any], Callable[[Any], Any]]] = {
    "erf": (erf, mpmath.erf),
    "normal_cdf": (normal_cdf, lambda z: mpmath.erfc(-z / mpmath.sqrt(2)) / 2),
}


@pytest.mark.parametrize("name", CASES)
def test_values_are_right_to_the_last_places(name: str) -> None:
    function, exact = CASES[name]
    with np.errstate(all="raise", under="ignore"):
        found = function(PLACES)
        np.testing.assert_array_equal(function(np.array([1e300, -1e300])), function(np.array([1e3, -1e3])))
    with mpmath.workdps(40):
        for z, value in zip(PLACES, found, strict=True):
            wanted = exact(mpmath.mpf(z))
            assert abs(mpmath.mpf(value) - wanted) <= 4 * EPS * abs(wanted) + 2e-323, (z, value)


@pytest.mark.parametrize("name", CASES)
def test_the_result_goes_where_it_is_told_and_may_lie_over_the_argument(name: str) -> None:
    function, _ = CASES[name]
    z = np.linspace(-3, 3, 12).reshape(4, 3)
    expected = function(z)
    assert function(z, out=z) is z
    np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize("name", CASES)
def test_a_complex_step_gives_the_derivative(name: str) -> None:
    function, exact = CASES[name]
    z = np.array([-6.2, -3.0, -0.3, 0.2, 0.7, 2.5])
    with mpmath.workdps(60):
        slopes = [float(mpmath.diff(exact, mpmath.mpf(place))) for place in z]
    np.testing.assert_allclose(function(z + 1e-40j).imag / 1e-40, slopes, rtol=1e-11)


def test_the_text_that_is_copied_imports_numpy_alone() -> None:
    lines = [line for line in source().splitlines() if line.startswith(("import ", "from "))]
    assert lines == ["from __future__ import annotations", "from typing import Any", "import numpy as np"]
