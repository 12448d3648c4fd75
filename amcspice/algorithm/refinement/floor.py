"""Floors: bits of a solution that a product, or the digits of the matrix, do not let pass.

A product with P in the place of A converges to ``P^-1 b``, and one whose outputs deviate by eps to
``A^-1 eps`` of the solution.  All of it follows from the matrix and from what was read of the
arrays; no right-hand side or answer has a part in it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from amcspice.algorithm.refinement.products import (
    MOST_SLICES,
    deviation_of,
    held_by,
    real_matrix,
)
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.system import Ledger

__all__ = ["MARGIN", "digit_bits", "floor_flops", "floor_of", "product_bits", "slices_for"]

MARGIN = 1.0
"""Bits that a chosen number of slices leaves: floors are medians over right-hand sides."""


def product_bits(matrix: Array, held: Array, deviation: float = 0.0) -> float:
    """Return the bits of a solution that a product lets pass; infinite for an exact one.

    Parameters
    ----------
    matrix, held : ndarray, shape (n, n)
        A, and P, which the product holds.
    deviation : float
        Rms error of an output for a random vector of length one, beyond P.

    Notes
    -----
    The median of the relative error over random solutions is near ``|I - P^-1 A|_F / sqrt(n)``;
    independent errors of the outputs add ``deviation |A^-1|_F``.
    """
    try:
        missed = scipy.linalg.norm(np.eye(len(matrix)) - np.linalg.solve(held, matrix))
        beyond = deviation * scipy.linalg.norm(np.linalg.inv(matrix)) if deviation else 0.0
    except np.linalg.LinAlgError:
        return 0.0
    left = math.hypot(missed / math.sqrt(len(matrix)), beyond)
    return -math.log2(left) if left else math.inf


def digit_bits(matrix: Array) -> float:
    """Return the bits of a solution that the 53 bits of the entries of a matrix let pass."""
    return float(53 - np.log2(np.linalg.cond(matrix)))


def floor_of(matrix: Array, product: Any, ledger: Ledger) -> tuple[str, float]:
    """Return the part that sets the floor of a refinement, and the bits of x that it lets pass.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
    product : Product or None
        None is exact.
    ledger : Ledger
        Takes the digital work.

    Returns
    -------
    part : str
        ``product``: what it holds; ``sums`` that round wrongly, ``steps`` of its converters or
        ``noise`` in time, where these alone would be above what it holds; ``digits`` of the matrix.
    bits : float
    """
    parts = [(digit_bits(matrix), "digits")]
    if product is not None:
        held = held_by(product, matrix)
        deviation, kind = deviation_of(product, held, ledger)
        bits, of_matrix = product_bits(matrix, held, deviation), product_bits(matrix, held)
        parts.append((bits, "product" if of_matrix - bits < 0.5 else kind))
    ledger.compute("floor", len(parts) * floor_flops(len(matrix)))
    bits, part = min(parts)
    return part, bits


def floor_flops(n: int) -> float:
    """Return what a floor takes digitally: a decomposition and n solutions."""
    return 2 / 3 * n**3 + 2.0 * n**3


def slices_for(
    matrix: ArrayLike, bits: float, cell_bits: int = 3, *, ledger: Ledger | None = None
) -> int:
    """Return how many slices of rounded digits give a solution of so many bits.

    Parameters
    ----------
    matrix : array_like, shape (n, n)
        Complex too, by its real form.
    bits : float
        Of the solution with the matrix as it is given.
    cell_bits : int
    ledger : Ledger, optional
        Takes the digital work.

    Raises
    ------
    InputError
        If the matrix is singular, or no number of slices is enough.

    Notes
    -----
    Entries rounded to s slices of m bits leave a relative error of
    ``max|A| 2^-(m s) |A^-1|_F / sqrt(12)``, the median over random right-hand sides: digits that
    are cut off have a variance of a twelfth.  The number leaves `MARGIN`.
    """
    A = real_matrix(matrix)
    if A.shape[0] != A.shape[1]:
        raise InputError(f"matrix: {A.shape}: a linear system needs a square one")
    try:
        spread = np.abs(A).max() * scipy.linalg.norm(np.linalg.inv(A)) / math.sqrt(12)
    except np.linalg.LinAlgError:
        raise InputError("matrix: singular, no product gives it a solution") from None
    if ledger is not None:
        ledger.compute("number of slices", floor_flops(len(A)), prepares=True)
    slices = max(math.ceil((bits + MARGIN + math.log2(spread)) / cell_bits), 1)
    if slices > MOST_SLICES:
        raise InputError(
            f"{bits:g} bits need {slices} slices of {cell_bits} bits: at most {MOST_SLICES}"
        )
    return slices
