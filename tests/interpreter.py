"""Runs array statements with NumPy: an oracle for the passes that knows neither printers nor templates.

Arrays lie in memory of the test's choosing. A statement that reads and writes overlapping memory must do so
entry for entry, and nothing may read what was never written: both are checked at every statement.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any

import numpy as np
from sympy import lambdify

from derive.program.statements import ELEMENTWISE, Axes, Operand, Scalar, Statement, View

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda u, v: u + v,
    "subtract": lambda u, v: u - v,
    "multiply": lambda u, v: u * v,
    "divide": lambda u, v: u / v,
    "negative": lambda u: -u,
    "exp": np.exp,
    "minimum": lambda u, v: np.where(u < v, u, v),
    "cap": lambda u, v: np.where(u < v, u, v),
    "maximum": lambda u, v: np.where(u > v, u, v),
    "greater": lambda u, v: np.where(u > v, 1.0, 0.0),
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "sin": np.sin,
    "cos": np.cos,
    "arctan": np.arctan,
    "erf": np.vectorize(math.erf),
    "normal_cdf": np.vectorize(lambda u: math.erfc(-u / math.sqrt(2)) / 2),
    "matmul": lambda u, v: np.tensordot(u, v, 1),
    "dot": lambda u, v: np.tensordot(u, v, 1),
    "copyto": lambda u: u,
    "fill": lambda u: u,
    "vdot": lambda u, v: np.sum(u * v),
    "solve": lambda u, v: np.linalg.inv(u) @ v,
    "scalar": lambda u: u,
}


def shape(axes: Axes, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sizes[size] if isinstance(size, str) else size for size in axes)


def separate(axes: Mapping[str, Axes], sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Give every array memory of its own."""
    return {name: np.full(shape(own, sizes), np.nan) for name, own in axes.items()}


def shared(
    axes: Mapping[str, Axes], sizes: Mapping[str, int], slots: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """Let the arrays of a slot begin at the same place, as an emitted workspace does."""
    arrays = separate(axes, sizes)
    for slot in set(slots.values()):
        members = [name for name, own in slots.items() if own == slot]
        memory = np.full(max(arrays[name].size for name in members), np.nan)
        for name in members:
            arrays[name] = memory[: prod(arrays[name].shape)].reshape(arrays[name].shape)
    return arrays


def run(statements: Iterable[Statement], arrays: dict[str, np.ndarray], numbers: Mapping[str, float]) -> None:
    """Execute the statements; ``numbers`` are n, mu and the like."""
    for statement in statements:
        target = _view(arrays, statement.target)
        values = [_value(arrays, numbers, operand) for operand in statement.operands]
        _check_overlap(statement, target, values)
        if statement.operation == "sum":
            result = np.sum(values[0], axis=statement.axis)
        else:
            result = FUNCTIONS[statement.operation](*values)
        assert not any(np.isnan(value).any() for value in values), f"{statement} reads what was never written"
        assert np.broadcast_shapes(np.shape(result), target.shape) == target.shape, str(statement)
        target[...] = result


def _check_overlap(statement: Statement, target: np.ndarray, values: list[Any]) -> None:
    for value in values:
        if isinstance(value, np.ndarray) and np.shares_memory(target, value):
            same = value.shape == target.shape and value.strides == target.strides
            same &= value.__array_interface__["data"] == target.__array_interface__["data"]
            assert statement.operation in ELEMENTWISE | {"cap"}, (
                f"{statement} writes over what it still reads"
            )
            assert same, f"{statement} writes over what it still reads"


def _value(arrays: dict[str, np.ndarray], numbers: Mapping[str, float], operand: Operand) -> Any:
    if isinstance(operand, View):
        return _view(arrays, operand)
    return _number(arrays, numbers, operand)


def _number(arrays: dict[str, np.ndarray], numbers: Mapping[str, float], scalar: Scalar) -> float:
    symbols = sorted(scalar.value.free_symbols, key=str)
    known = [numbers[s.name] if s.name in numbers else arrays[s.name][()] for s in symbols]
    return float(lambdify(symbols, scalar.value, "math")(*known))


def _view(arrays: dict[str, np.ndarray], view: View) -> np.ndarray:
    array = arrays[view.array]
    if view.diagonal:
        letters = "".join(dict.fromkeys(view.diagonal))
        return np.einsum(f"{view.diagonal}->{letters}", array)
    if view.flat:
        array = array.reshape(-1, array.shape[-1])
    if view.tail:
        array = array.reshape(array.shape[0], -1)
    if view.rows:
        array = array.reshape(prod(array.shape[: view.rows]), -1)
    array = array.T if view.transpose else array
    array = array.transpose(view.order) if view.order else array
    return np.expand_dims(array, view.insert)
