"""What an emitted package takes, what it refuses and in which words, and that it leaves its inputs alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sigmoid_2_2_3_2 as net
from emitted import module, problem

P, X, Y = problem(net)
Call = Callable[[Any, Any, Any], Any]

CALLS: dict[str, Call] = {
    "forward": lambda p, X, Y: net.forward(p, X),
    "cost": net.cost,
    "gradient": net.gradient,
    "cost_and_gradient": lambda p, X, Y: net.cost_and_gradient(p, X, Y)[1],
    "residual": net.residual,
    "jacobian": lambda p, X, Y: net.jacobian(p, X),
    "lm_step": lambda p, X, Y: net.lm_step(p, X, Y, 0.5),
    "lm_step_primal": lambda p, X, Y: net.lm_step_primal(p, X, Y, 0.5),
    "lm_step_dual": lambda p, X, Y: net.lm_step_dual(p, X, Y, 0.5),
    "gradient_descent": lambda p, X, Y: net.gradient_descent(p, X, Y, steps=3).p,
    "sgd": lambda p, X, Y: net.sgd(p, X, Y, steps=5, seed=0).p,
    "sgd in batches": lambda p, X, Y: net.sgd(p, X, Y, steps=5, batch=2, seed=0).p,
    "levenberg_marquardt": lambda p, X, Y: net.levenberg_marquardt(p, X, Y, steps=3).p,
}
IGNORE_Y = ("forward", "jacobian")
each_call = pytest.mark.parametrize("name", CALLS)


def spoiled(array: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    array = array.copy()
    array[place] = value
    return array


NAN, INF = float("nan"), float("inf")
REFUSED = [
    (ValueError, "p", P[:-1], "p: expected shape (23,), got (22,)"),
    (ValueError, "p", P[:, None], "p: expected shape (23,), got (23, 1)"),
    (ValueError, "p", 0.5, "p: expected shape (23,), got ()"),
    (ValueError, "p", [], "p: expected shape (23,), got (0,)"),
    (TypeError, "p", P + 0j, "p: expected real numbers, got dtype complex128"),
    (TypeError, "p", P.astype(object), "p: expected real numbers, got dtype object"),
    (TypeError, "p", None, "p: expected real numbers, got dtype object"),
    (TypeError, "p", [str(v) for v in P], "p: expected real numbers, got dtype <U"),
    (TypeError, "p", [10**400] * 23, "p: expected real numbers, got dtype object"),
    (ValueError, "p", spoiled(P, (7,), NAN), "p: expected finite numbers, got nan at [7]"),
    (ValueError, "p", spoiled(P, (0,), -INF), "p: expected finite numbers, got -inf at [0]"),
    (ValueError, "X", X[0], "X: expected shape (N, 2), got (2,)"),
    (ValueError, "X", X[:, :1], "X: expected shape (N, 2), got (7, 1)"),
    (ValueError, "X", X.T, "X: expected shape (N, 2), got (2, 7)"),
    (ValueError, "X", X[None], "X: expected shape (N, 2), got (1, 7, 2)"),
    (ValueError, "X", X[:0], "X: expected shape (N, 2), got (0, 2)"),
    (ValueError, "X", [[1.0, 2.0], [3.0]], "X: expected shape (N, 2), got rows of unequal length"),
    (TypeError, "X", X * 1j, "X: expected real numbers, got dtype complex128"),
    (TypeError, "X", [[None, 1.0]], "X: expected real numbers, got dtype object"),
    (TypeError, "X", np.array([["a", "b"]]), "X: expected real numbers, got dtype <U1"),
    (TypeError, "X", X.astype("datetime64[s]"), "X: expected real numbers, got dtype datetime64[s]"),
    (ValueError, "X", spoiled(X, (3, 1), INF), "X: expected finite numbers, got inf at [3, 1]"),
    (
        ValueError,
        "X",
        spoiled(X, (0, 0), NAN).astype(np.float32),
        "X: expected finite numbers, got nan at [0, 0]",
    ),
    (ValueError, "Y", Y[:-1], "Y: expected shape (7, 2), got (6, 2)"),
    (ValueError, "Y", Y[:1], "Y: expected shape (7, 2), got (1, 2)"),
    (ValueError, "Y", Y[:, :1], "Y: expected shape (7, 2), got (7, 1)"),
    (ValueError, "Y", Y[:, 0], "Y: expected shape (7, 2), got (7,)"),
    (ValueError, "Y", 0.0, "Y: expected shape (7, 2), got ()"),
    (TypeError, "Y", Y.astype(complex), "Y: expected real numbers, got dtype complex128"),
    (ValueError, "Y", spoiled(Y, (6, 0), NAN), "Y: expected finite numbers, got nan at [6, 0]"),
]


@each_call
@pytest.mark.parametrize(("error", "which", "value", "message"), REFUSED, ids=lambda item: str(item)[:40])
def test_bad_input_is_refused_in_one_line_that_says_what_was_expected_and_what_came(
    name: str, error: type[Exception], which: str, value: Any, message: str
) -> None:
    if which == "Y" and name in IGNORE_Y:
        return
    given = {"p": P, "X": X, "Y": Y} | {which: value}
    with pytest.raises(error, match=f"^{re.escape(message)}") as caught:
        CALLS[name](given["p"], given["X"], given["Y"])
    assert "\n" not in str(caught.value)


def _strided(array: np.ndarray) -> np.ndarray:
    wide = np.full([2 * n for n in array.shape], np.nan)
    view = wide[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def _backwards(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array[::-1])[::-1]


def _read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


class _Convertible:
    """Anything that NumPy can turn into an array."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.array


FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "nested lists": lambda array: array.tolist(),
    "tuples": lambda array: tuple(map(tuple, array.tolist())) if array.ndim > 1 else tuple(array.tolist()),
    "column-major": np.asfortranarray,
    "strided": _strided,
    "backwards": _backwards,
    "read-only": _read_only,
    "big-endian": lambda array: array.astype(">f8"),
    "extended precision": lambda array: array.astype(np.longdouble),
    "convertible": _Convertible,
}


@each_call
@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_the_same_numbers_gives_the_same_result(name: str, form: str) -> None:
    found = CALLS[name](*(FORMS[form](array) for array in (P, X, Y)))
    np.testing.assert_array_equal(found, CALLS[name](P, X, Y))


@each_call
@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint16, np.float16, np.float32])
def test_other_real_types_are_converted_to_float64(name: str, dtype: type) -> None:
    given = [np.abs(3 * array).astype(dtype) for array in (P, X, Y)]
    found = CALLS[name](*given)
    assert np.asarray(found).dtype == np.float64
    np.testing.assert_array_equal(found, CALLS[name](*(array.astype(np.float64) for array in given)))


@each_call
def test_inputs_are_never_modified(name: str) -> None:
    given = [array.copy() for array in (P, X, Y)]
    CALLS[name](*given)
    for array, original in zip(given, (P, X, Y), strict=True):
        np.testing.assert_array_equal(array, original)


@each_call
def test_results_are_the_callers_own(name: str) -> None:
    given = [array.copy() for array in (P, X, Y)]
    first = CALLS[name](*given)
    kept = np.array(first)
    CALLS[name](given[0] + 1, *given[1:])
    np.testing.assert_array_equal(first, kept)
    assert not any(np.shares_memory(first, array) for array in given)


RUNS: dict[str, Callable[..., Any]] = {
    "gradient_descent": net.gradient_descent,
    "sgd": net.sgd,
    "levenberg_marquardt": net.levenberg_marquardt,
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_of_no_steps_gives_back_its_own_copy_of_p(name: str) -> None:
    result = RUNS[name](P, X, Y, steps=0)
    np.testing.assert_array_equal(result.p, P)
    assert result.reason is net.StopReason.STEPS
    assert (result.steps, result.cost) == (0, net.cost(P, X, Y))
    assert not np.shares_memory(result.p, P)


@pytest.mark.parametrize("workspace", [net.ForwardWorkspace, net.GradientWorkspace, net.JacobianWorkspace])
@pytest.mark.parametrize(
    ("bad", "came"),
    [
        (P[:-1], "float64 of shape (22,)"),
        (P.astype(np.float32), "float32 of shape (23,)"),
        (np.repeat(P, 2)[::2], "float64 of shape (23,)"),
        (P[None], "float64 of shape (1, 23)"),
    ],
)
def test_workspaces_refuse_a_p_that_they_cannot_view(workspace: Any, bad: np.ndarray, came: str) -> None:
    work = workspace(len(X))
    call = getattr(work, "gradient", None) or getattr(work, "jacobian", None) or work.cost
    expected = f"expected a contiguous float64 vector of 23 parameters, got {came}"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        call(bad, X) if workspace is net.JacobianWorkspace else call(bad, X, Y)


def test_an_absurdly_large_jacobian_is_refused_before_memory_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = r"^expected a Jacobian of at most 8 GiB, got one of 342\.7 GiB; use fewer samples or raise"
    with pytest.raises(ValueError, match=message):
        net.JacobianWorkspace(10**9)
    monkeypatch.setattr(module(net, "lm_step"), "MAX_JACOBIAN_BYTES", 8 * 7 * 2 * 23 - 1)
    for name in ("jacobian", "lm_step_primal", "lm_step_dual"):
        with pytest.raises(ValueError, match=r"^expected a Jacobian of at most"):
            CALLS[name](P, X, Y)
    assert len(CALLS["jacobian"](P, X[:-1], Y)) == 12


@pytest.mark.parametrize(
    ("train", "setting"),
    [
        (net.gradient_descent, {"goal": float("nan")}),
        (net.gradient_descent, {"gtol": -1.0}),
        (net.gradient_descent, {"steps": True}),
        (net.sgd, {"eta": "0.1"}),
        (net.sgd, {"goal": float("inf")}),
        (net.levenberg_marquardt, {"mu": None}),
        (net.levenberg_marquardt, {"mu_min": 1.0, "mu_max": 0.5}),
        (net.levenberg_marquardt, {"mu": 2.0, "mu_max": 1.0}),
        (net.levenberg_marquardt, {"xtol": -1.0}),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_one_line(train: Any, setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^\w+: expected .*, got ") as caught:
        train(np.zeros(23), np.zeros((2, 2)), np.zeros((2, 2)), **setting)
    assert "\n" not in str(caught.value)


def test_huge_targets_end_the_run_without_a_warning() -> None:
    X, Y = np.ones((2, 2)), np.full((2, 2), 1e200)
    for train in (net.gradient_descent, net.sgd, net.levenberg_marquardt):
        assert train(np.zeros(23), X, Y).reason is net.StopReason.NON_FINITE
