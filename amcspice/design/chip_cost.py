"""What a circuit takes on a chip: writing it once, and a right-hand side with converters."""

from __future__ import annotations

import numpy as np

from amcspice.circuit import Circuit
from amcspice.measure import Measurement
from amcspice.system import Cost, Ledger, Technology, Work
from amcspice.system.cost import Totals
from amcspice.system.ledger import Activity

__all__ = ["TECHNOLOGY", "chip_cost"]

TECHNOLOGY = "typical"
"""In which writing and converters are counted."""


def chip_cost(circuit: Circuit, measured: Measurement) -> tuple[Totals, Totals]:
    """Return what a writing takes, and the mean of right-hand sides with converters.

    Parameters
    ----------
    circuit : Circuit
    measured : Measurement
        In time; where a right-hand side did not settle its totals are nan.
    """
    ledger = Ledger()
    activity = ledger.activity(Activity.of("A", circuit.problem, circuit))
    for label, flops in circuit.digital_work.items():
        ledger.compute(label, flops, prepares=True)
    ledger.write(activity)
    ledger.operate(activity, measured)
    groups = Cost(Work.of(ledger), Technology.load(TECHNOLOGY)).groups
    made, count = groups["operations"], len(measured)
    operation = Totals(made.time / count, made.energy / count)
    settles = bool(np.isfinite(measured.settling_time).all())
    return groups["writing"], operation if settles else Totals(np.nan, np.nan)
