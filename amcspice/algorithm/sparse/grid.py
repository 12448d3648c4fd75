"""Rectangular grids: boxes of their unknowns, and interpolation from coarser ones."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.errors import InputError

__all__ = ["boxes", "coarsened", "interpolation"]


def boxes(shape: tuple[int, ...], width: int, overlap: int = 0) -> list[NDArray[np.intp]]:
    """Return the unknowns of boxes that cover a grid, in row-major order.

    Parameters
    ----------
    shape : tuple of int
        Of the grid.
    width : int
        Unknowns of a box along each axis, at most.
    overlap : int
        Rows that a box takes from each of its neighbours, beside ``width - 2 overlap`` of its own.

    Raises
    ------
    InputError
        If nothing is left for a box of its own.
    """
    step = width - 2 * overlap
    if step < 1 or overlap < 0:
        raise InputError(f"boxes of width {width} with overlap {overlap} have no rows of their own")
    numbers = np.arange(np.prod(shape)).reshape(shape)
    starts = itertools.product(*(range(0, length, step) for length in shape))
    return [
        numbers[tuple(slice(max(at - overlap, 0), at + step + overlap) for at in corner)].ravel()
        for corner in starts
    ]


def coarsened(shape: tuple[int, ...], factor: int) -> tuple[int, ...]:
    """Return the shape of a grid that has each factor-th line; axes of one box stay."""
    return tuple(length // factor if length > factor else length for length in shape)


def interpolation(shape: tuple[int, ...], factor: int) -> scipy.sparse.csr_array:
    """Return linear interpolation from a coarser grid, with values of zero around it.

    Parameters
    ----------
    shape : tuple of int
        Of the fine grid; the coarse one is `coarsened`.
    factor : int

    Returns
    -------
    csr_array, shape (fine unknowns, coarse unknowns)
    """
    coarse = coarsened(shape, factor)
    axes: list[Any] = [
        scipy.sparse.eye_array(fine) if fine == few else _along(fine, few, factor)
        for fine, few in zip(shape, coarse, strict=True)
    ]
    kron: Any = functools.partial(scipy.sparse.kron, format="csr")  # others store zeros
    return scipy.sparse.csr_array(functools.reduce(kron, axes))


def _along(fine: int, few: int, factor: int) -> scipy.sparse.csr_array:
    """Return hats at every factor-th point of a line."""
    nodes = np.concatenate([[-1], np.arange(1, few + 1) * factor - 1, [fine]])
    hats = np.eye(few + 2)[1:-1]
    values = np.array([np.interp(np.arange(fine), nodes, hat) for hat in hats])
    return scipy.sparse.csr_array(values.T)
