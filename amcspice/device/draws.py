"""Random draws of cells: one seed, independent streams that have names.

Every purpose (write noise, stuck cells, ...) has a stream of its own, so that switching one
effect on changes no draw of another.  A cell's draw depends on its row and column, not on the
size of the array: a matrix with one more row meets the same cells.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Purpose", "normals", "uniforms"]

Array = NDArray[np.float64]
Purpose = Literal[
    "write",
    "cycle",
    "cell",
    "stuck",
    "drift",
    "read",
    "transient",
    "switching",
    "pulse",
    "level",
    "resistor",
]

# Part of the seed: never renumber, only append.
_NUMBER: dict[Purpose, int] = {
    "write": 0,
    "cycle": 1,
    "cell": 2,
    "stuck": 3,
    "drift": 4,
    "read": 5,
    "transient": 6,
    "switching": 7,
    "pulse": 8,
    "level": 9,
    "resistor": 10,
}
_BLOCK = 16
"""Columns that share a generator; its draws run along rows first."""


def normals(seed: int, purpose: Purpose, shape: tuple[int, ...], *stream: int) -> Array:
    """Return standard normal draws, one a cell.

    Parameters
    ----------
    seed : int
    purpose : Purpose
        Name of the stream.
    shape : tuple of int
        (m,) or (m, n).
    *stream : int
        Such as the index of the array and the programming cycle; a draw that belongs to the
        device and not to the cycle leaves the cycle out.
    """
    return _draw("standard_normal", seed, purpose, shape, stream)


def uniforms(seed: int, purpose: Purpose, shape: tuple[int, ...], *stream: int) -> Array:
    """Return draws that are uniform from 0 to 1, one a cell; see `normals`."""
    return _draw("random", seed, purpose, shape, stream)


def _draw(
    kind: str, seed: int, purpose: Purpose, shape: tuple[int, ...], stream: tuple[int, ...]
) -> Array:
    rows, columns = (*shape, 1)[:2]
    blocks = []
    for block in range(-(-columns // _BLOCK)):
        key = (_NUMBER[purpose], block, *stream)
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
        blocks.append(getattr(generator, kind)((rows, _BLOCK)))
    drawn: Array = np.hstack([np.empty((rows, 0)), *blocks])[:, :columns]
    return drawn.reshape(shape)
