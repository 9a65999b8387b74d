"""Symmetric systems by factors and by eigenvectors, against np.linalg.solve of the shifted matrix."""

from __future__ import annotations

import numpy as np
import pytest

from derive.special import definite
from derive.special.definite import BLOCK, FACTORISED, SMALL, ShiftedSystem, substitute


def matrix(n: int, rank: int) -> np.ndarray:
    root = np.random.default_rng(n).standard_normal((n, rank))
    return root @ root.T


@pytest.mark.parametrize("n", [1, 2, SMALL, SMALL + 1, 3 * BLOCK + 7, 5 * BLOCK])
def test_every_solution_is_that_of_the_shifted_matrix_which_is_left_as_it_was(n: int) -> None:
    S, b = matrix(n, n + 3), np.random.default_rng(0).standard_normal(n)
    before = S.copy()
    system = ShiftedSystem()
    system.at(S, b)
    for k in range(FACTORISED + 3):
        mu = 10.0 ** (k - 2)
        expected = np.linalg.solve(before + mu * np.eye(n), b)
        found = system.solve(mu)
        assert found is not None
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.max(np.abs(expected)))
        np.testing.assert_array_equal(S, before)
        assert (system.spectrum is not None) == (k >= FACTORISED)


@pytest.mark.parametrize("n", [10, SMALL + 30])
@pytest.mark.parametrize("diagonal", [False, True])
def test_a_matrix_that_is_not_definite_gives_none(n: int, diagonal: bool) -> None:
    S = -np.eye(n)
    system = ShiftedSystem()
    system.at(S, np.ones(n))
    if diagonal:
        system.diagonalise()
    if diagonal or n > SMALL:
        assert system.solve(0.5) is None
    S[:] = np.nan
    system.at(S, np.ones(n))
    assert system.solve(0.5) is None


def test_a_new_matrix_forgets_the_old_one() -> None:
    system = ShiftedSystem()
    system.at(np.diag([1.0, 2.0]), np.ones(2))
    system.diagonalise()
    system.at(np.diag([3.0, 4.0]), np.ones(2))
    np.testing.assert_allclose(system.solve(1.0), [1 / 4, 1 / 5])


@pytest.mark.parametrize("n", [1, 20, SMALL + 9])
def test_another_right_side_is_solved_for_and_the_system_keeps_its_own(n: int) -> None:
    S, rng = matrix(n, n + 3), np.random.default_rng(4)
    b, other = rng.standard_normal((2, n))
    system = ShiftedSystem()
    system.at(S, b)
    for k in range(FACTORISED + 2):  # first by factors, at last by eigenvectors that are found while asked
        shifted = S + 10.0 ** (k - 2) * np.eye(n)
        for right, solve in ((b, system.solve), (other, lambda mu: system.solve_other(mu, other))):
            expected, found = np.linalg.solve(shifted, right), solve(10.0 ** (k - 2))
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.max(np.abs(expected)))
    assert system.spectrum is not None
    assert system.right is b


@pytest.mark.parametrize("diagonal", [False, True])
def test_another_right_side_has_no_solution_where_the_matrix_is_not_definite(diagonal: bool) -> None:
    S = -np.eye(SMALL + 2)
    system = ShiftedSystem()
    system.at(S, np.ones(len(S)))
    if diagonal:
        system.diagonalise()
    assert system.solve_other(0.5, np.ones(len(S))) is None
    S[:] = np.nan
    system.at(S, np.ones(len(S)))
    system.factorised = FACTORISED
    assert system.solve_other(0.5, np.ones(len(S))) is None
    assert len(system.right) == len(S)


@pytest.mark.parametrize("n", [1, BLOCK, BLOCK + 1, 2 * BLOCK + 5])
def test_substitution_undoes_a_factor(n: int) -> None:
    L = np.tril(np.random.default_rng(1).standard_normal((n, n))) + 5 * np.eye(n)
    x = np.random.default_rng(2).standard_normal(n)
    np.testing.assert_allclose(substitute(L, L @ (L.T @ x)), x, rtol=1e-8)


def test_the_subtractive_form_is_never_emitted() -> None:
    """(1/mu)(I - J^T (J J^T + mu I)^-1 J) loses all digits for small mu: no package divides by mu."""
    from derive.architecture import Architecture
    from derive.package import render
    from derive.proof import prove

    files = render(prove(Architecture.parse("2-3:tanh-1:linear"), brute_force=False))
    assert not [line for text in files.values() for line in text.splitlines() if "/ mu" in line]
    assert "np.divide" not in files["gram_step.py"]
    assert definite.__doc__
