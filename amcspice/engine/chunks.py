"""Cutting right-hand sides into chunks that start where the last one ended."""

from __future__ import annotations

from collections.abc import Iterator

from amcspice.errors import InputError

__all__ = ["check_chunk", "chunks"]


def check_chunk(chunk: int) -> None:
    """Refuse a chunk of less than one right-hand side.

    Raises
    ------
    InputError
        If it is one.
    """
    if chunk < 1:
        raise InputError(f"chunk = {chunk} must be at least 1")


def chunks(count: int, chunk: int, lead: int) -> Iterator[tuple[slice, int]]:
    """Yield the rows of chunks of right-hand sides; the predecessor of each leads in.

    So chunks do not change where a segment starts.

    Parameters
    ----------
    count : int
        Rows, lead + K.
    chunk : int
        Right-hand sides in a chunk.
    lead : {0, 1}
        Whether the first row only leads in.

    Yields
    ------
    rows : slice
        Rows of a chunk: before + chunk of them, or fewer.
    before : {0, 1}
        Number of them that only lead in.
    """
    for first in range(lead, count, chunk):
        before = min(first, 1)
        yield slice(first - before, min(first + chunk, count)), before
