"""What a link took on its chip, with writing and without: never one without the other."""

from __future__ import annotations

from typing import Any

from amcspice.system import Cost
from amcspice.workload.wireless.curve import Curve

__all__ = ["link_costs"]


def link_costs(curve: Curve, cost: Cost) -> dict[str, Any]:
    """Return writing, and time and energy of a bit, as plain values in SI units.

    Parameters
    ----------
    curve : Curve
    cost : Cost
        Of its chip.

    Returns
    -------
    dict
        ``time_s`` and ``energy_j`` are those of one writing, ranges calibrated; ``operation`` those
        of one right-hand side.  ``counted`` has writing in it, ``ignored`` does not.
    """
    pulses = cost.technology.writing.mean_pulses * cost.technology["pulse_factor"]
    work, bits = cost.work, sum(sum(point.analog.bits) for point in curve.points)
    written = max(work.programmings, 1)
    ways = {"counted": cost.counted, "ignored": cost.ignored}
    return {
        **cost.writing.to_json(),
        "writings": work.programmings,
        "cells": work.cells / written,
        "pulses": work.cells / written * pulses,
        "operations_a_writing": work.operated.count / written,
        "bits_a_writing": bits / written,
        "operation": cost.operation.to_json(),
        **{name: totals.to_json() for name, totals in ways.items()},
        "energy_per_bit_j": {
            name: totals.energy / bits if bits else None for name, totals in ways.items()
        },
        "bits_per_second": {
            name: bits / totals.time if totals.time else None for name, totals in ways.items()
        },
        "technology": cost.technology.name,
    }
