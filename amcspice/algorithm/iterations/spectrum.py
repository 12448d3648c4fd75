"""Where the eigenvalues of a programmed matrix lie, found with its products alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.system import Ledger

__all__ = ["eigenvalue_bounds"]

BREAKDOWN = 1e-12
"""A new direction this much shorter than its product holds rounding alone."""


def eigenvalue_bounds(
    product: Any, size: int, *, products: int = 16, seed: int = 0, ledger: Ledger | None = None
) -> tuple[float, float]:
    """Return bounds of the eigenvalues of a nearly symmetric matrix.

    Parameters
    ----------
    product : Product
        The matrix as it was programmed, shape (size, size).
    size : int
    products : int
        At most.
    seed : int
        Of the vector that it begins with.
    ledger : Ledger, optional
        Takes the digital work.

    Returns
    -------
    lowest, highest : float

    Raises
    ------
    InputError
        If some eigenvalue is not positive.

    Notes
    -----
    They are Ritz values, the eigenvalues of the Hessenberg matrix of Arnoldi's method: programming
    breaks the symmetry that Lanczos' method needs.  The highest one is moved outwards by the length
    of what is left over, which makes it a safe bound in practice (Y. Zhou, R.-C. Li, Linear Algebra
    Appl. 435, 480 (2011)).  The lowest one is moved by no more than half: iterations stay
    convergent where an eigenvalue lies below, and become slower.
    """
    draw = np.random.default_rng(seed).standard_normal(size)
    basis: list[Array] = [draw / np.linalg.norm(draw)]
    most = min(products, size)
    hessenberg = np.zeros((most + 1, most))
    flops = 0.0
    for step in range(most):
        image = np.asarray(product @ basis[-1][:, None])[:, 0]
        length = float(np.linalg.norm(image))
        known = np.array(basis)
        shares = known @ image
        image = image - shares @ known
        again = known @ image  # a second time, for rounding
        image = image - again @ known
        hessenberg[: step + 1, step] = shares + again
        rest = float(np.linalg.norm(image))
        hessenberg[step + 1, step] = rest
        flops += 8.0 * size * (step + 1) + 4.0 * size
        if rest <= BREAKDOWN * length:
            most = step + 1
            break
        basis.append(image / rest)
    if ledger is not None:
        ledger.compute("eigenvalue bounds", flops)
    values, vectors = np.linalg.eig(hessenberg[:most, :most])
    left = hessenberg[most, most - 1] * np.abs(vectors[-1])
    low, high = int(values.real.argmin()), int(values.real.argmax())
    lowest, highest = float(values.real[low]), float(values.real[high] + left[high])
    if lowest <= 0:
        raise InputError(
            f"the matrix as it was programmed has an eigenvalue near {lowest:.3g}: Chebyshev and "
            "Richardson iterations need positive ones; take a better conditioned matrix, or cells "
            "with less error"
        )
    return max(lowest - float(left[low]), lowest / 2), highest
