"""The mapping between a problem matrix and conductances, voltages and currents.

With A the problem matrix, ``G_ij = scale * row_scale_i * A_ij * column_scale_j`` [S].  A solution
voltage ``v`` of a circuit that solves for x reads back as
``x = column_scale * v / volts_per_unit``: it is never fitted to a reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.schema import Quantity

__all__ = ["LargestEntry", "Mapping", "Scaling", "map_matrix"]

Scaling = Literal["matrix", "columns"]

LargestEntry = Annotated[
    float,
    Field(
        ge=0,
        description="Entry that g_max stands for, where it is larger than every one of the "
        "matrix: blocks of one matrix share it, so that all have the wires of the whole.",
    ),
    Quantity(),
]


@dataclass(frozen=True, eq=False)
class Mapping:
    """How one matrix stands in an array.

    Parameters
    ----------
    target : ndarray, shape (m, n)
        Wanted conductances; of two arrays' difference where they are negative [S].
    scale : float
        Siemens for one unit of the column-scaled matrix.
    column_scale : ndarray, shape (n,)
        Factor of each column before it was mapped; the solution is multiplied by it.
    row_scale : ndarray, shape (m,), or 1.0
        Factor of each row; the circuit's gain of the row makes up for it.
    """

    target: NDArray[np.float64]
    scale: float
    column_scale: NDArray[np.float64]
    row_scale: NDArray[np.float64] | float = 1.0


def map_matrix(
    matrix: NDArray[np.float64],
    g_max: float,
    scaling: Scaling | Literal["rows"] = "matrix",
    largest: float = 0.0,
) -> Mapping:
    """Map a matrix onto conductances of magnitude 0 to ``g_max``; signs are kept.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
        Not all zero.
    g_max : float
        Conductance of the largest entry [S].
    scaling : {"matrix", "columns", "rows"}
        One factor for the whole matrix; or one a column, so that every column uses the full
        range (exact for non-negative least squares: x is un-scaled afterwards); or one a row
        (exact for products).
    largest : float
        Another entry, of the scaled matrix, that must fit into the range too.

    Returns
    -------
    Mapping
    """
    peak = np.abs(matrix).max(axis=0)
    column_scale = np.ones(matrix.shape[1])
    if scaling == "columns":
        column_scale = peak.max() / np.where(peak > 0, peak, peak.max())
    scaled = matrix * column_scale
    top = max(float(np.abs(scaled).max()), largest)
    scale = g_max / top
    if scaling == "rows":
        peak = np.abs(matrix).max(axis=1)
        row_scale = top / np.where(peak > 0, peak, top)
        return Mapping(scaled * row_scale[:, None] * scale, scale, column_scale, row_scale)
    return Mapping(target=scaled * scale, scale=scale, column_scale=column_scale)
