"""``blas_threads``: how many threads the BLAS may use, set only where someone asks for it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import sigmoid_4_8_8_2 as net
import threadpoolctl
from emitted import problem


def threads() -> set[int]:
    """Return how many threads the loaded BLAS libraries may use now."""
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Begin with two threads, whatever the machine and its variables say."""
    if not threads():
        pytest.skip("threadpoolctl knows no BLAS here")
    with threadpoolctl.threadpool_limits(limits=2, user_api="blas"):
        assert threads() == {2}
        yield


@pytest.mark.usefixtures("two_threads")
def test_the_number_holds_inside_and_is_put_back() -> None:
    with net.blas_threads(1):
        assert threads() == {1}
    assert threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_the_number_is_put_back_after_an_error() -> None:
    with pytest.raises(KeyError), net.blas_threads(1):
        raise KeyError
    assert threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_a_function_may_be_decorated_and_called_twice() -> None:
    seen = net.blas_threads(1)(threads)
    assert [seen(), seen(), threads()] == [{1}, {1}, {2}]


@pytest.mark.usefixtures("two_threads")
def test_training_is_the_same_run_inside() -> None:
    p, X, Y = problem(net)
    outside = net.levenberg_marquardt(p, X, Y, steps=5)
    with net.blas_threads(np.int64(1)):
        inside = net.levenberg_marquardt(p, X, Y, steps=5)
    np.testing.assert_allclose(inside.p, outside.p, rtol=1e-6)


@pytest.mark.usefixtures("two_threads")
def test_a_package_touches_no_threads_unless_asked() -> None:
    p, X, Y = problem(net)
    started = threading.active_count()
    net.levenberg_marquardt(p, X, Y, steps=2)
    net.sgd(p, X, Y, steps=2, batch=3)
    with net.blas_threads(None):
        assert threads() == {2}
    assert threads() == {2}
    assert threading.active_count() == started


@pytest.mark.parametrize("count", [0, -1, True, 1.0, "2"])
def test_a_number_that_makes_no_sense_is_refused_in_one_line(count: int | None) -> None:
    refused = pytest.raises(ValueError, match=r"^count: expected a whole number of threads from 1, or None, ")
    with refused, net.blas_threads(count):
        pass


def test_without_threadpoolctl_it_says_what_to_install_and_none_needs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with net.blas_threads(None):
        pass
    missing = pytest.raises(ImportError, match=r"pip install threadpoolctl, or set OPENBLAS_NUM_THREADS=3 be")
    with missing, net.blas_threads(3):
        pass
