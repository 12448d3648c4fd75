"""Ratings on disk, by user and by item, for tables that do not fit into memory.

A folder holds both orders as compressed sparse rows in NumPy files: a half-step reads them batch
after batch, and what was read can be dropped again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.errors import InputError

__all__ = ["ORDERS", "open_rating_store", "write_rating_store"]

PARTS = ("data", "indices", "indptr")
ORDERS = ("by_user", "by_item")

SHARE, BY_ITEM = 1 << 23, 1 << 24
"""Ratings that are read at a time, and that are put in order of items at a time."""


def write_rating_store(
    folder: Path, blocks: Iterable[scipy.sparse.csr_array], shape: tuple[int, int]
) -> None:
    """Write ratings that come block after block; only one block is in memory at a time.

    Parameters
    ----------
    folder : Path
        Exists.
    blocks : iterable of csr_array, shape (k, n)
        Rows of consecutive users, gone through once.
    shape : tuple of int
        Users and items.

    Raises
    ------
    InputError
        If the blocks do not make up the shape.
    """
    users, items = shape
    per_user, per_item = np.zeros(users, np.int64), np.zeros(items, np.int64)
    target = folder / ORDERS[0]
    target.mkdir(exist_ok=True)
    loose = {name: target / f"{name}.part" for name in ("data", "indices")}
    index = _index(max(users, items))
    first = 0
    try:
        with loose["data"].open("wb") as data, loose["indices"].open("wb") as indices:
            for block in blocks:
                last = first + block.shape[0]
                if last > users or block.shape[1] != items:
                    raise InputError(
                        f"a block of shape {block.shape} does not fit into {shape} ratings"
                    )
                per_user[first:last] = np.diff(block.indptr)
                per_item += np.bincount(block.indices, minlength=items)
                np.asarray(block.data, np.float32).tofile(data)
                np.asarray(block.indices, index).tofile(indices)
                first = last
        if first != users:
            raise InputError(f"the blocks hold {first} users, not {users}")
        _write(target / "data.npy", np.float32, int(per_user.sum()), _pieces(loose["data"], 4))
        size = np.dtype(index).itemsize
        _write(target / "indices.npy", index, int(per_user.sum()), _pieces(loose["indices"], size))
    finally:
        for path in loose.values():
            path.unlink(missing_ok=True)
    _write_starts(target, per_user)
    _write_by_item(folder, per_user, per_item)


def _write_by_item(folder: Path, per_user: NDArray[np.int64], per_item: NDArray[np.int64]) -> None:
    """Write the other order: some items after others, each time through all users."""
    target = folder / ORDERS[1]
    target.mkdir(exist_ok=True)
    kind = np.load(folder / ORDERS[0] / "indices.npy", mmap_mode="r").dtype
    starts, total = np.concatenate([[0], np.cumsum(per_item)]), int(per_item.sum())
    with (target / "data.npy").open("wb") as data, (target / "indices.npy").open("wb") as indices:
        _write_header(data, np.float32, total)
        _write_header(indices, kind, total)
        first = 0
        while first < len(per_item):
            last = int(np.searchsorted(starts, starts[first] + BY_ITEM, side="right")) - 1
            last = min(max(last, first + 1), len(per_item))
            values, users = _of_items(folder, per_user, starts, first, last)
            values.tofile(data)
            users.astype(kind, copy=False).tofile(indices)
            first = last
    _write_starts(target, per_item)


def _of_items(
    folder: Path, per_user: NDArray[np.int64], starts: NDArray[np.int64], first: int, last: int
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Return ratings and users of some items, item after item; users of one item ascend."""
    count = int(starts[last] - starts[first])
    values, users = np.empty(count, np.float32), np.empty(count, _index(len(per_user)))
    place = starts[first:last] - starts[first]
    edges = np.concatenate([[0], np.cumsum(per_user)])
    source = folder / ORDERS[0]
    begin = 0
    while begin < len(per_user):
        end = int(np.searchsorted(edges, edges[begin] + SHARE, side="right")) - 1
        end = min(max(end, begin + 1), len(per_user))
        # Mapped anew each time, so that what was read may go.
        data, indices = (
            np.load(source / f"{name}.npy", mmap_mode="r")[edges[begin] : edges[end]]
            for name in ("data", "indices")
        )
        chosen = np.flatnonzero((indices >= first) & (indices < last))
        items = indices[chosen] - first
        owners = np.searchsorted(edges, edges[begin] + chosen, side="right") - 1
        order = np.argsort(items, kind="stable")
        counts = np.bincount(items, minlength=last - first)
        within = np.arange(len(items)) - np.repeat(np.cumsum(counts) - counts, counts)
        at = np.repeat(place, counts) + within
        values[at], users[at] = data[chosen[order]], owners[order]
        place += counts
        begin = end
    return values, users


def _pieces(path: Path, size: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the bytes of a file, a bounded number at a time."""
    with path.open("rb") as stream:
        while len(piece := np.fromfile(stream, np.uint8, SHARE * size)):
            yield piece


def _write(path: Path, kind: Any, count: int, pieces: Iterable[NDArray[Any]]) -> None:
    with path.open("wb") as stream:
        _write_header(stream, kind, count)
        for piece in pieces:
            piece.tofile(stream)


def _write_header(stream: Any, kind: Any, count: int) -> None:
    descr = np.lib.format.dtype_to_descr(np.dtype(kind))
    header = {"descr": descr, "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(stream, header)


def _index(largest: int) -> Any:
    """Return the type of whole numbers up to one."""
    return np.int32 if largest < 2**31 else np.int64


def _write_starts(folder: Path, counts: NDArray[np.int64]) -> None:
    total = int(counts.sum())
    index = _index(max(total, len(counts)))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(index)
    _write(folder / "indptr.npy", index, len(starts), [starts])


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
