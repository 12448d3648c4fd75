"""What a half-step took: output currents, its sample in time, its account."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.records import FactorRecords
from amcspice.algorithm.alternating.reduced import Solved
from amcspice.engine import BACKENDS
from amcspice.system.ledger import Ledger
from amcspice.system.work import Estimate
from amcspice.workload.stored.sample import CONFIDENCE, Sample
from amcspice.workload.stored.task import Side, StoredTask

__all__ = ["STRONGEST", "account", "of_currents", "of_sample"]

Array = NDArray[np.float64]

STRONGEST = 0.19
"""Largest output current of all amplifier presets, the limit in the OPA690 data sheet [A]."""


def of_currents(solved: Solved) -> dict[str, Any]:
    """Return how many regressions ask for more current than any amplifier delivers."""
    current = solved.current[np.isfinite(solved.current)]
    if not current.size:
        return {"output_current_a": None}
    return {
        "output_current_a": {
            "median": float(np.median(current)),
            "largest": float(current.max()),
            "strongest_amplifier": STRONGEST,
            "share_beyond": float((current > STRONGEST).mean()),
        }
    }


def of_sample(
    sample: Sample, solved: Solved, values: Array, records: FactorRecords
) -> tuple[dict[str, Any], Estimate]:
    """Return what a sample says of time and energy, and how far its solutions are from dc."""
    measured = solved.measured
    settling = np.where(measured.settled, measured.settling_time, np.nan)
    spent = np.where(measured.settled, measured.energy, np.nan)
    difference = np.linalg.norm(solved.values - values[sample.numbers], axis=1)
    size = np.linalg.norm(values[sample.numbers], axis=1)
    deviation = difference / np.where(size > 0, size, 1.0)
    settled = int(measured.settled.sum())
    described = {
        "regressions": len(sample),
        "of": round(sample.total),
        "confidence": CONFIDENCE,
        "settled": settled,
        "largest_deviation_from_dc": float(np.nanmax(deviation)),
        "settling_time_s": sample.describe(settling),
        "energy_j": sample.describe(spent),
    }
    activity = records.programmed.activity
    assert activity is not None
    (time_mean, time_error), (mean, error) = sample.mean(settling), sample.mean(spent)
    amplifiers = activity.static_power * time_mean
    return described, Estimate(
        sampled=settled,
        settling=time_mean,
        amplifiers=amplifiers,
        array=mean - amplifiers,
        settling_error=time_error,
        energy_error=error,
        confidence=CONFIDENCE,
        unsettled=len(sample) - settled,
        total=round(sample.total),
    )


def account(
    records: FactorRecords,
    calibration: Ledger,
    solved: Solved,
    side: Side,
    counts: NDArray[np.int64],
    task: StoredTask,
) -> Ledger:
    """Return the account of a half-step: one writing, its operations, and scaling beside them."""
    ledger, held = Ledger(), records.programmed.activity
    assert held is not None
    ledger.write(ledger.activity(held))
    ledger.merge(calibration)
    entries = float(np.prod(held.shape))
    ledger.compute("scaling", 2.0 * entries + side.count * task.rank)
    choice = "reference" if task.analysis.range == "reference" else "fixed"
    choice = "predicted" if task.predicted else choice
    ledger.operate(
        ledger.activity(dataclasses.replace(held, range=choice)),
        solved.measured,
        solved.volts,
        sent=int(counts.sum()),
        cell_voltage=float(np.nanmax(solved.cell_voltage, initial=0.0)),
        in_time=BACKENDS[task.analysis.fidelity].in_time,
    )
    return ledger
