"""`Columns`: a table that grows row by row, in blocks of numpy memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns"]

BLOCK = 1024
"""Rows that are made room for at once."""


class Columns:
    """Rows of one structured type, in the order in which they were appended.

    Parameters
    ----------
    dtype : numpy.dtype
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self._blocks: list[NDArray[Any]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, row: Any) -> None:
        """Take in a row, a scalar of the type."""
        at = self._count % BLOCK
        if at == 0:
            self._blocks.append(np.zeros(BLOCK, self.dtype))
        self._blocks[-1][at] = row
        self._count += 1

    def last(self) -> Any:
        """Return the last row, to be changed in place; None if there is none."""
        return self._blocks[-1][(self._count - 1) % BLOCK] if self._count else None

    def rows(self) -> NDArray[Any]:
        """Return a copy of all rows."""
        if not self._blocks:
            return np.zeros(0, self.dtype)
        return np.concatenate(self._blocks)[: self._count]
