"""When a chip did what: the phases of a ledger, one after the other, with their durations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amcspice.extras import extra
from amcspice.system.cost import Cost
from amcspice.system.ledger import KINDS, Ledger
from amcspice.system.technology import Technology
from amcspice.system.work import Estimates, Work

if TYPE_CHECKING:
    import pandas

__all__ = ["Phase", "account", "schedule"]


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
    estimates: Estimates | None = None,
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


def account(
    ledger: Ledger,
    technology: Technology,
    estimates: Estimates | None = None,
) -> pandas.DataFrame:
    """Return the sums of a ledger with pulses, times and energies; see `amcspice.Chip.table`.

    Parameters
    ----------
    ledger, technology, estimates
        See `schedule`.
    """
    with extra("sweep"):
        import pandas

    alone = technology.varied("macros", 1.0).varied("bandwidth", np.inf)
    pulses = alone.writing.mean_pulses * alone["pulse_factor"]
    rows = []
    for held, row, part in ledger.parts():
        cost = Cost(Work.of(part, estimates), alone)
        writes = KINDS[row["kind"]] == "writing"
        rows.append(
            {
                "label": held.label,
                "activity": held.kind,
                "entry": KINDS[row["kind"]],
                **{name: int(row[name]) for name in ("count", "repeats", "saturated", "unsettled")},
                "conversions": int(row["dac"] + row["adc"]),
                "cells": int(row["cells"]),
                "pulses": float(row["cells"]) * pulses if writes else 0.0,
                "time_s": float(row["wait"]) or cost.counted.time,
                "energy_j": cost.counted.energy,
            }
        )
    return pandas.DataFrame(rows)
