"""`StoredSweep`: what a store knows of one sweep."""

from __future__ import annotations

from dataclasses import dataclass

from amcspice.sweep.outcome import Scalar

__all__ = ["StoredSweep"]


@dataclass(frozen=True)
class StoredSweep:
    """One sweep of a store.

    Parameters
    ----------
    number : int
        Its number, in the order in which sweeps were added, from 1.
    name : str
    spec : str
        The text of its specification.
    axes : dict of str to list
        Values of each axis in the order of the specification.
    added_at : str
        UTC, ISO 8601.
    """

    number: int
    name: str
    spec: str
    axes: dict[str, list[Scalar]]
    added_at: str
