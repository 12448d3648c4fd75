"""Ratings on disk, by user and by item, for tables that do not fit into memory.

A folder holds both orders as compressed sparse rows in NumPy files, which are mapped into memory:
a half-step reads them batch after batch, and what was read can be dropped again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.errors import InputError

__all__ = ["open_rating_store", "write_rating_store"]

PARTS = ("data", "indices", "indptr")
ORDERS = ("by_user", "by_item")


def write_rating_store(
    folder: Path, blocks: Iterable[scipy.sparse.csr_array], shape: tuple[int, int]
) -> None:
    """Write ratings that come block after block; only one block is in memory at a time.

    Parameters
    ----------
    folder : Path
        Exists.
    blocks : iterable of csr_array, shape (k, n)
        Rows of consecutive users.  It is gone through twice: give a sequence, or an object that
        can be iterated anew.
    shape : tuple of int
        Users and items.

    Raises
    ------
    InputError
        If the blocks do not make up the shape.
    """
    users, items = shape
    per_user, per_item = np.zeros(users, np.int64), np.zeros(items, np.int64)
    first = 0
    for block in blocks:
        last = first + block.shape[0]
        if last > users or block.shape[1] != items:
            raise InputError(f"a block of shape {block.shape} does not fit into {shape} ratings")
        per_user[first:last] = np.diff(block.indptr)
        per_item += np.bincount(block.indices, minlength=items)
        first = last
    if first != users:
        raise InputError(f"the blocks hold {first} users, not {users}")
    by_user = _create(folder / ORDERS[0], per_user)
    by_item = _create(folder / ORDERS[1], per_item)
    place = by_item["indptr"][:-1].astype(np.int64)
    first = at = 0
    for block in blocks:
        end = at + block.nnz
        by_user["data"][at:end], by_user["indices"][at:end] = block.data, block.indices
        rows = first + np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
        # Users of one item follow one another, so each item's share keeps their order.
        order = np.argsort(block.indices, kind="stable")
        counts = np.bincount(block.indices, minlength=items)
        within = np.arange(block.nnz) - np.repeat(np.cumsum(counts) - counts, counts)
        target = np.repeat(place, counts) + within
        by_item["data"][target], by_item["indices"][target] = block.data[order], rows[order]
        place += counts
        first, at = first + block.shape[0], end
    for part in (*by_user.values(), *by_item.values()):
        part.flush()


def _create(folder: Path, counts: NDArray[np.int64]) -> dict[str, Any]:
    """Create the files of one order; ``indptr`` is complete, the rest is to be filled in."""
    folder.mkdir(exist_ok=True)
    total = int(counts.sum())
    index = np.int32 if max(total, len(counts)) < 2**31 else np.int64
    sizes = {
        "data": (np.float32, total),
        "indices": (index, total),
        "indptr": (index, len(counts) + 1),
    }
    files = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype=kind, shape=(size,))
        for name, (kind, size) in sizes.items()
    }
    files["indptr"][0] = 0
    files["indptr"][1:] = np.cumsum(counts)
    return files


def open_rating_store(folder: Path) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
    """Map ratings on disk into memory.

    Returns
    -------
    by_user : csr_array, shape (m, n)
    by_item : csr_array, shape (n, m)
        Its transpose.

    Raises
    ------
    InputError
        If the folder holds no ratings.
    """
    parts = []
    for order in ORDERS:
        try:
            parts.append([np.load(folder / order / f"{p}.npy", mmap_mode="r") for p in PARTS])
        except (OSError, ValueError) as error:
            raise InputError(f"{folder}: holds no ratings ({error})") from None
    users, items = (len(part[2]) - 1 for part in parts)
    by_user = scipy.sparse.csr_array(tuple(parts[0]), shape=(users, items), copy=False)
    return by_user, scipy.sparse.csr_array(tuple(parts[1]), shape=(items, users), copy=False)
