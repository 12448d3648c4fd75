"""The operations of a chip that are kept as a sample: to be verified, and to be run in time.

At dc there is no time: what operations take is estimated from a few of each matrix, drawn by hash,
that are run behaviourally on the same cells, each from where the one before it left the outputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import Analysis, Batch, Prepared, get_backend
from amcspice.measure import Measurement
from amcspice.simulation.conversion import Inputs
from amcspice.simulation.once import drive_of, join_forecasts, run_once
from amcspice.simulation.sample import Sample, priorities, priority
from amcspice.simulation.verify import Operation
from amcspice.system.operation import Operations
from amcspice.system.work import Estimate

__all__ = ["CONFIDENCE", "Drawn", "estimate", "keep"]

CONFIDENCE = 0.99
"""Of the intervals of estimates."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """An operation of a sample.

    Parameters
    ----------
    circuit : Circuit
    sent : ndarray, shape (1, m) or (2, m)
        Right-hand side as converters sent it; before it the one that it followed in its call.
    volts : ndarray, shape (1,) or (2,)
        Their ranges.
    solution : ndarray, shape (n,)
        Every output at rest, read out.
    measured : Measurement
        Of this operation alone.
    """

    circuit: Circuit
    sent: Array
    volts: Array
    solution: Array
    measured: Measurement

    def run(self, prepared: Prepared, analysis: Analysis) -> Measurement:
        """Run it again, on its circuit made ready."""
        drive = drive_of(prepared.batch, [self.sent], [self.volts], prepared)
        lead = len(self.sent) - 1
        forecast = join_forecasts(list(prepared.forecast(drive, lead)))
        return run_once(prepared, drive, analysis, lead=lead, forecast=forecast).measurement

    @property
    def operation(self) -> Operation:
        """As `amcspice.simulation` verifies it: the predecessor in the same range."""
        volts = float(self.volts[-1])
        vectors = self.sent * (self.volts / volts)[:, None]
        return Operation(self.circuit, vectors, volts, self.solution, self.measured)


def keep(sample: Sample[Drawn], index: tuple[int, ...], first: int, made: Operations) -> None:
    """Draw from the operations of a call.

    Parameters
    ----------
    sample : Sample
    index : tuple of int
        What the operations of a matrix have in common.
    first : int
        Number of the first of them, at this matrix.
    made : Operations
    """
    if not sample.count:
        return
    if len(made.vectors) == 1 and priority(sample.seed, *index, first) > sample.limit:
        return  # the usual case, without arrays
    numbers = first + np.arange(len(made.vectors))
    ranks = priorities(sample.seed, *index, numbers)
    taken = np.flatnonzero(ranks <= sample.limit)
    if taken.size > sample.count:
        taken = taken[np.argpartition(ranks[taken], sample.count)[: sample.count]]
    for at in np.sort(taken).tolist():
        rows = slice(max(at - 1, 0), at + 1)
        volts = made.volts_per_unit[rows]
        measured = made.measurement.take([at])
        rest = made.circuit.read_out(measured.outputs, float(volts[-1]))[0]
        sent = Inputs(made.circuit, made.vectors[rows]).at_each(volts)
        sample.offer((*index, first + at), Drawn(made.circuit, sent, volts.copy(), rest, measured))


def estimate(drawn: Iterable[Drawn], total: int, analysis: Analysis, static: float) -> Estimate:
    """Return what the operations take that a sample stands for.

    Parameters
    ----------
    drawn : iterable of Drawn
    total : int
        Operations that it stands for.
    analysis : Analysis
        As they were run, without time; the sample is run behaviourally.
    static : float
        Power of the amplifiers at rest [W].
    """
    timed = replace(analysis, fidelity="behavioural")
    ready: dict[int, Prepared] = {}
    settling, energy, lost = [], [], 0
    for each in drawn:
        place = id(each.circuit)
        if place not in ready:
            ready[place] = get_backend(timed).prepare(Batch.of([each.circuit]))
        measured = each.run(ready[place], timed)
        if math.isfinite(measured.settling_time[0]):
            settling.append(float(measured.settling_time[0]))
            energy.append(float(measured.energy[0]))
        else:
            lost += 1
    count = len(settling)
    if not count:
        return Estimate(0, 0.0, 0.0, 0.0, math.inf, math.inf, CONFIDENCE, lost, total)
    seconds, joules = np.array(settling), np.array(energy)
    amplifiers = static * seconds.mean()
    return Estimate(
        count, float(seconds.mean()), float(amplifiers), float(joules.mean() - amplifiers),
        _half_interval(seconds, total), _half_interval(joules, total), CONFIDENCE, lost, total,
    )  # fmt: skip


def _half_interval(values: Any, total: int) -> float:
    """Return half of the interval of a mean, by Student's t; a whole population leaves none."""
    count = len(values)
    if count >= total:
        return 0.0
    if count < 2:
        return math.inf
    factor = float(scipy.special.stdtrit(count - 1, (1 + CONFIDENCE) / 2))
    left = math.sqrt(1 - count / total)
    return factor * float(np.std(values, ddof=1)) / math.sqrt(count) * left
