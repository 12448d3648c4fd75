"""When a chip did what: the phases of a ledger, one after the other, with their durations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from amcspice.system.cost import Cost
from amcspice.system.ledger import KINDS, Activity, Ledger
from amcspice.system.technology import Technology
from amcspice.system.work import Estimate, Work

__all__ = ["Phase", "schedule"]


@dataclass(frozen=True)
class Phase:
    """Entries of one activity that follow each other.

    Parameters
    ----------
    label, what, entry : str
        The matrix, what is done with it, and the kind of the entry.
    start, duration : float
        On one macro [s].
    count : int
    """

    label: str
    what: str
    entry: str
    start: float
    duration: float
    count: int


def schedule(
    ledger: Ledger,
    technology: Technology,
    estimates: Mapping[Activity, Estimate] | None = None,
) -> list[Phase]:
    """Return the phases of a ledger with the times that they take in a technology.

    Parameters
    ----------
    ledger : Ledger
    technology : Technology
    estimates : mapping, optional
        Of operations that were run without time; see `Work.of`.
    """
    alone = technology.varied("macros", 1.0).varied("bandwidth", np.inf)
    phases, now = [], 0.0
    for row, part in ledger.split():
        held = ledger.activities[row["activity"]]
        entry = KINDS[row["kind"]]
        waited = float(row["wait"])
        duration = waited or Cost(Work.of(part, estimates), alone).counted.time
        phases.append(Phase(held.label, held.kind, entry, now, duration, int(row["count"])))
        now += duration
    return phases
