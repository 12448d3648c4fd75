"""Sparse matrices, which become dense ones where they fit."""

from __future__ import annotations

import math
from typing import Any

import scipy

from amcspice.files import check_memory

__all__ = ["as_dense", "check_dense"]


def as_dense(values: Any, what: str) -> Any:
    """Return a sparse matrix as an array, anything else as it is.

    Every entry is a cell of an array, zeros too, so nothing is gained by keeping it sparse.

    Raises
    ------
    InputError
        If it does not fit into memory.
    """
    if not (hasattr(values, "toarray") and scipy.sparse.issparse(values)):
        return values
    sparse: Any = values
    check_dense(sparse.shape, what, sparse.dtype.itemsize)
    return sparse.toarray()


def check_dense(shape: tuple[int, ...], what: str, size: int = 8) -> None:
    """Refuse a matrix whose dense form, of ``size`` bytes an entry, does not fit into memory.

    Raises
    ------
    InputError
        If it does not.
    """
    needed = max(size, 8) * math.prod(int(length) for length in shape)
    check_memory(needed, f"{what}: {' x '.join(map(str, shape))} as a dense matrix")
