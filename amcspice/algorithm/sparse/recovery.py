"""Sparse vectors from few equations: what is digital beside a circuit, and its peers.

The L1 term of a circuit chooses entries and pulls them towards zero, and cells err.  With the
entries known, least squares on these few columns takes both out (`debiased`).  Peers are orthogonal
matching pursuit (Y. Pati et al., Asilomar 1993; J. Tropp, A. Gilbert, IEEE Trans. Inf. Theory 53,
4655 (2007)) and FISTA (A. Beck, M. Teboulle, SIAM J. Imaging Sci. 2, 183 (2009)), both of real and
of complex numbers; the penalty of FISTA is on magnitudes.  What scikit-learn has of them is for
real numbers only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import InputError

__all__ = ["debiased", "debiasing_flops", "fista", "least_squares_on", "matching_pursuit"]

Numbers = NDArray[Any]
"""Real or complex."""

ROUNDS = 2000
"""Steps of FISTA, at most."""

STILL = 1e-9
"""Step, as a fraction of the solution, at which FISTA ends."""


def least_squares_on(matrix: Numbers, vector: Numbers, entries: NDArray[np.intp]) -> Numbers:
    """Return the least-squares solution that is zero outside some entries, shape (n,).

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    vector : ndarray, shape (m,)
    entries : ndarray of int, shape (s,)
    """
    solution = np.zeros(matrix.shape[1], np.result_type(matrix, vector))
    solution[entries] = np.linalg.lstsq(matrix[:, entries], vector, rcond=None)[0]
    return solution


def debiased(matrix: Numbers, vectors: Numbers, solutions: Numbers, entries: int) -> Numbers:
    """Return solutions by least squares on the largest entries of others, shape (n, K).

    Cells err: a weak entry may be smaller than one that should be zero.  So half as many as there
    are rows are taken first, and of these the largest again.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    vectors : ndarray, shape (m, K)
    solutions : ndarray, shape (n, K)
        Whose largest magnitudes tell the entries.
    entries : int
        Largest number of entries that are not zero; those that are zero are not taken.

    Raises
    ------
    InputError
        If there are more entries than rows.
    """
    _check(matrix, entries)
    made = solutions
    for most in (_candidates(matrix.shape[0], entries), entries):
        made = np.stack(
            [
                least_squares_on(matrix, vector, _largest(found, most))
                for vector, found in zip(vectors.T, made.T, strict=True)
            ],
            axis=1,
        )
    return made


def debiasing_flops(rows: int, entries: int, *, is_complex: bool) -> float:
    """Return multiplications and additions of one debiasing: QR decompositions of the columns."""
    real = 0.0
    for most in (_candidates(rows, entries), entries):
        real += 2.0 * rows * most**2 - 2.0 * most**3 / 3 + 4.0 * rows * most
    return 4.0 * real if is_complex else real


def _candidates(rows: int, entries: int) -> int:
    return max(entries, rows // 2)


def _largest(vector: Numbers, most: int) -> NDArray[np.intp]:
    """Return the places of the largest entries, of those that are not zero."""
    chosen = np.argsort(-np.abs(vector))[:most]
    kept: NDArray[np.intp] = chosen[vector[chosen] != 0]
    return kept


def matching_pursuit(matrix: Numbers, vectors: Numbers, entries: int) -> Numbers:
    """Return solutions of orthogonal matching pursuit, shape (n, K).

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
        Columns count by their directions.
    vectors : ndarray, shape (m, K)
    entries : int
        That are taken up, one after the other: the column nearest to what is left.

    Raises
    ------
    InputError
        If there are more entries than rows.
    """
    _check(matrix, entries)
    lengths = np.linalg.norm(matrix, axis=0)
    directions = matrix / np.where(lengths > 0, lengths, 1.0)
    return np.stack([_pursued(matrix, directions, each, entries) for each in vectors.T], axis=1)


def _pursued(matrix: Numbers, directions: Numbers, vector: Numbers, entries: int) -> Numbers:
    chosen: list[int] = []
    solution = np.zeros(matrix.shape[1], np.result_type(matrix, vector))
    for _ in range(entries):
        pull = np.abs(directions.conj().T @ (vector - matrix @ solution))
        pull[chosen] = -1.0
        chosen.append(int(np.argmax(pull)))
        solution = least_squares_on(matrix, vector, np.array(chosen))
    return solution


def fista(matrix: Numbers, vectors: Numbers, penalty: float) -> Numbers:
    """Minimise ``|A x - b|^2 / 2 + penalty sum(|x|)`` with magnitudes |x|, shape (n, K).

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    vectors : ndarray, shape (m, K)
    penalty : float
    """
    steepest = float(np.linalg.norm(matrix, 2)) ** 2
    x = np.zeros((matrix.shape[1], vectors.shape[1]), np.result_type(matrix, vectors))
    ahead, momentum = x, 1.0
    for _ in range(ROUNDS):
        moved = ahead + matrix.conj().T @ (vectors - matrix @ ahead) / steepest
        size = np.abs(moved)
        after = moved * np.maximum(1 - penalty / steepest / np.where(size > 0, size, 1.0), 0.0)
        after_momentum = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        step = after - x
        ahead = after + (momentum - 1) / after_momentum * step
        x, momentum = after, after_momentum
        if np.abs(step).max() <= STILL * np.abs(x).max():
            break
    return x


def _check(matrix: Numbers, entries: int) -> None:
    if not 1 <= entries <= min(matrix.shape):
        raise InputError(
            f"entries = {entries}: there must be one or more, and no more than rows or columns of "
            f"a matrix of {matrix.shape}"
        )
