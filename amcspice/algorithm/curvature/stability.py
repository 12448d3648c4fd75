"""Whether a factor will be stable once it is written, foretold from matrix and cells.

With A the matrix that cells aim at (levels rounded) and E their errors, ``A + E`` is singular for
some draws where A^-1 E has the eigenvalue -1; these eigenvalues fill a disc of the radius

    rho = spectral radius of Var (A^-1 o A^-1) ^ 1/2,   which is  sigma ||A^-1||_F  for equal errors

(see `amcspice.engine.remedies`).  Unit diagonals have ``||A^-1||_F >= sqrt(n)``: where
sigma sqrt(n) is above one, no damping helps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy

from amcspice.circuit.base import Array
from amcspice.device import Cell

__all__ = ["SAFE", "Outlook", "damping_for", "outlook"]

SAFE = 0.75
"""Share of the limit up to which no draw was unstable."""

FIRST_DAMPING, GROWTH, MOST_STEPS = 0.05, 2.0, 7
"""Of what is added to a diagonal of ones until the share is safe."""

STEPS, CLOSE = 50, 1e-3
"""Of the power method, and how close it comes: entries are not negative, so it is monotone."""


class Outlook(NamedTuple):
    """What is foretold of a factor.

    Parameters
    ----------
    share : float
        sigma ||A^-1||_F: one is the limit; infinite where what the cells aim at is not positive
        definite.
    flops : float
        Digital operations that it took to tell.
    """

    share: float
    flops: float

    @property
    def safe(self) -> bool:
        """Whether no draw is expected to be unstable."""
        return self.share <= SAFE


def outlook(matrix: Array, device: Cell) -> Outlook:
    """Return how much of the limit of write noise a symmetric matrix uses.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
        Its largest entry stands at ``g_max``.
    device : Cell
    """
    n = len(matrix)
    scale = device.g_max / np.abs(matrix).max()
    aimed = device.quantise(np.abs(matrix) * scale)
    spread = np.broadcast_to(device.write_spread(aimed), aimed.shape) * (aimed > 0)
    values = np.sign(matrix) * aimed / device.g_max
    try:
        factor, _ = scipy.linalg.cho_factor(values, lower=True)
    except np.linalg.LinAlgError:
        return Outlook(np.inf, n**3 / 3)
    inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=True)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    return Outlook(_radius((spread / device.g_max) ** 2, inverse**2) ** 0.5, n**3)


def damping_for(matrix: Array, device: Cell) -> tuple[float | None, float]:
    """Return what to add to the diagonal of a factor to make it safe, and what it took to tell.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
    device : Cell

    Returns
    -------
    damping : float or None
        None where nothing does.
    flops : float
    """
    flops, damping = 0.0, FIRST_DAMPING
    size = float(matrix.diagonal().mean())
    for _ in range(MOST_STEPS):
        made = outlook(matrix + damping * size * np.eye(len(matrix)), device)
        flops += made.flops
        if made.safe:
            return damping * size, flops
        damping *= GROWTH
    return None, flops


def _radius(first: Array, second: Array) -> float:
    """Return the spectral radius of the product of two matrices that are not negative."""
    vector, radius = np.full(len(first), len(first) ** -0.5), 0.0
    for _ in range(STEPS):
        image = first @ (second @ vector)
        size = float(np.linalg.norm(image))
        if size == 0.0:
            return 0.0
        vector = image / size
        if abs(size - radius) <= CLOSE * size:
            return size
        radius = size
    return radius
