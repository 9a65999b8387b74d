"""Symmetric systems (S + mu I) x = b for one S and b and many mu, with NumPy alone."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

BLOCK = 64  # rows that are substituted at a time
SMALL = 192  # up to this order np.linalg.solve is as fast as a Cholesky factor
FACTORISED = 8  # about as many Cholesky factors cost what the eigenvectors cost: measured from 200 to 1,400


class ShiftedSystem:
    """Solves (S + mu I) x = b + factor also, S symmetric and mu > 0, for any number of mu and factors.

    The first ``FACTORISED`` solutions factorise, n^3/3 operations each; if still more are asked for, S is
    diagonalised once, and every further one costs 4 n^2.
    """

    def __init__(self) -> None:
        self.matrix: Array = np.empty((0, 0))
        self.diagonal: Array = np.empty(0)  # a view of the matrix
        self.right: Array = np.empty(0)
        self.also: Array | None = None
        self.turned: Array | None = None  # V^T also
        self.factorised = 0
        self.spectrum: tuple[Array, Array, Array] | None = None

    def at(self, S: Array, b: Array, also: Array | None = None) -> None:
        """Take float64 S (n, n), b and also (n,); all are kept, and S is as it was after every solution."""
        self.matrix, self.right, self.factorised, self.spectrum = S, b, 0, None
        self.diagonal = np.einsum("ii->i", S)
        self.also, self.turned = also, None

    def solve(self, mu: float, factor: float = 0.0) -> Array | None:
        """Return x, (n,), or None where S + mu I is not positive definite, or x not finite, in float64."""
        try:
            if self.spectrum is None and self.factorised < FACTORISED:
                x = self._by_factor(mu, _sum(self.right, self.also, factor))
            else:
                values, vectors, turned = self.diagonalise()
                shifted = values + mu
                if not shifted[0] > 0.0:
                    return None
                x = np.matmul(vectors, _sum(turned, self.turned, factor) / shifted)
        except np.linalg.LinAlgError:
            return None
        return x if bool(np.isfinite(x).all()) else None

    def diagonalise(self) -> tuple[Array, Array, Array]:
        """Return the eigenvalues of S, smallest first, its eigenvectors V as columns, and V^T b."""
        if self.spectrum is None:
            values, vectors = np.linalg.eigh(self.matrix)
            self.spectrum = (values, vectors, np.matmul(vectors.T, self.right))
            if self.also is not None:
                self.turned = np.matmul(vectors.T, self.also)
        return self.spectrum

    def _by_factor(self, mu: float, right: Array) -> Array:
        self.factorised += 1
        diagonal = self.diagonal
        kept = diagonal.copy()
        diagonal += mu
        try:
            if len(kept) <= SMALL:
                return np.linalg.solve(self.matrix, right)
            return substitute(np.linalg.cholesky(self.matrix), right)
        finally:
            diagonal[:] = kept

    def solve_other(self, mu: float, b: Array) -> Array | None:
        """Return x, (n,), for another right-hand side b (n,), which is not kept; None as ``solve`` does."""
        kept = self.right
        if self.spectrum is None and self.factorised < FACTORISED:
            self.right = b
            try:
                return self.solve(mu)
            finally:
                self.right = kept
        try:
            values, vectors, _ = self.diagonalise()
        except np.linalg.LinAlgError:
            return None
        shifted = values + mu
        if not shifted[0] > 0.0:
            return None
        x: Array = np.matmul(vectors, np.matmul(vectors.T, b) / shifted)
        return x if bool(np.isfinite(x).all()) else None


def _sum(b: Array, also: Array | None, factor: float) -> Array:
    return b if also is None else b + factor * also


def substitute(L: Array, b: Array) -> Array:
    """Return x with L L^T x = b for a lower triangular L, block by block."""
    n = len(b)
    x = b.copy()
    starts = range(0, n, BLOCK)
    for i in starts:
        j = min(i + BLOCK, n)
        x[i:j] -= np.matmul(L[i:j, :i], x[:i])
        x[i:j] = np.linalg.solve(L[i:j, i:j], x[i:j])
    for i in reversed(starts):
        j = min(i + BLOCK, n)
        x[i:j] -= np.matmul(L[j:, i:j].T, x[j:])
        x[i:j] = np.linalg.solve(L[i:j, i:j].T, x[i:j])
    return x
