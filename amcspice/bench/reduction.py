"""Exact reduction of two wired arrays to their ports: row by row, and by a general sparse LU.

The sparse LU is scipy's ``splu`` with the ordering that suits it best, MMD_AT_PLUS_A.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import amcspice as amc
from amcspice.bench.row import Row
from amcspice.bench.timing import side_by_side
from amcspice.reduction import PortModel, reduce_to_ports

__all__ = ["compare", "rows"]

NAME = "reduction"
OURS, PEER = "row by row", "sparse LU"
TOLERANCE = 1e-10
"""Deviation of port conductances and transfers: both are exact but for rounding."""

HEADLINE, WANTED_RATIO = (1024, 64), 15.0
SERIES = [(m, 32) for m in (512, 1024, 2048, 4096, 8192)]
QUICK_HEADLINE = (128, 16)
QUICK_SERIES = [(m, 8) for m in (64, 128, 256, 512)]


def rows(quick: bool) -> Iterator[Row]:
    """Yield the headline, then growth with the number of rows."""
    compare(8, 4, quick=True)  # warm-up
    if quick:
        yield compare(*QUICK_HEADLINE, quick=True, headline=True)
    else:
        yield compare(*HEADLINE, headline=True, wanted_ratio=WANTED_RATIO)
    for m, n in QUICK_SERIES if quick else SERIES:
        yield compare(m, n, quick=quick, size=float(m))


def compare(m: int, n: int, *, quick: bool = False, **more: object) -> Row:
    """Reduce one schematic both ways; its network is built before the clock starts."""
    matrix = np.random.default_rng(0).random((m, n))
    schematic = amc.CompactGINV(matrix, wire=amc.Wire(row=1.0, column=1.5)).schematic
    nodes = len(schematic.network)
    measured = side_by_side(
        {
            OURS: lambda: reduce_to_ports(schematic, method="rows"),
            PEER: lambda: reduce_to_ports(schematic, method="lu"),
        },
        quick=quick,
    )
    return Row.of(
        NAME,
        f"two arrays of {m} x {n}",
        measured,
        ours=OURS,
        peer=PEER,
        deviation=_deviation(measured[OURS].answer, measured[PEER].answer),
        tolerance=TOLERANCE,
        note=f"{nodes} nodes",
        **more,
    )


def _deviation(ours: PortModel, peer: PortModel) -> float:
    conductance = np.abs(ours.conductance - peer.conductance).max()
    transfer = np.abs(ours.transfer - peer.transfer).max()
    return float(
        max(
            conductance / np.abs(peer.conductance).max(),
            transfer / np.abs(peer.transfer).max(),
        )
    )
