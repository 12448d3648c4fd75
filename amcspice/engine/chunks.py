"""Cutting right-hand sides into chunks that start where the last one ended."""

from __future__ import annotations

from collections.abc import Iterator

from amcspice.circuit.base import Array
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


def chunks(currents: Array, chunk: int, lead: int) -> Iterator[tuple[int, Array, int]]:
    """Yield chunks of injected currents; the predecessor of each leads in.

    So chunks do not change where a segment starts.

    Parameters
    ----------
    currents : ndarray, shape (lead + K, q)
        [A].
    chunk : int
        Right-hand sides in a chunk.
    lead : {0, 1}
        Whether the first row only leads in.

    Yields
    ------
    first : int
        Row of the first right-hand side that counts.
    block : ndarray, shape (before + chunk or fewer, q)
    before : {0, 1}
        Number of rows of the block that only lead in.
    """
    for first in range(lead, len(currents), chunk):
        before = min(first, 1)
        yield first, currents[first - before : first + chunk], before
