"""`Measurement`: what was measured of many right-hand sides, one struct of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.analysis import Analysis
from amcspice.engine.backend import Response
from amcspice.engine.batch import Batch, Drive
from amcspice.engine.cell_record import SWITCHED, CellRecord
from amcspice.engine.dc.stability import saddles
from amcspice.measure.limits import below_floor, near_limits
from amcspice.measure.power import energy, measure_power, source_power
from amcspice.measure.sampling import sample
from amcspice.measure.settling import measure_settlings
from amcspice.problem import problem_of

__all__ = ["Measurement", "measure"]

BAND_ERROR = 0.02
"""Part of the settling band by which peaks of sampled waveforms may be off."""

EXACT = 1e-6
"""What a settling time is worth that was found on the trajectory itself."""

FIGURES = (
    "relative_error", "settled", "settling_time", "energy", "near_limit", "saddle", "below_floor",
)  # fmt: skip
"""Fields of a `Measurement` that are one number each, power beside them."""

STATES = ("saddle", "below_floor")
"""Figures that files of earlier versions have not: it was never so there, as far as is known."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """What was measured of N right-hand sides, one entry each.

    Parameters
    ----------
    outputs : ndarray, shape (N, n)
        Solution voltages at rest, or at the end [V].
    sampled : ndarray, shape (N, n)
        What converters see: the same, or the outputs at a fixed time [V].
    solution, answer : ndarray, shape (N, n)
        Read out of the outputs, and the ideal one; see `read_out`.
    relative_error : ndarray, shape (N,)
    settled : ndarray of bool, shape (N,)
        Whether the outputs came to rest, and not at a saddle.
    settling_time : ndarray, shape (N,)
        Settling time [s]; nan where they did not, where they end below the floor, or where there
        is no time.
    settling_error : ndarray, shape (N,)
        About what the settling time is worth, as a fraction of it; nan as above.
    energy : ndarray, shape (N,)
        Energy from all sources until settled [J]; nan as above.
    power : dict of str to ndarray, each shape (N,)
        Power at rest, or at the end [W]; see `Power`.
    near_limit : ndarray of bool, shape (N,)
        Whether an amplifier rests near a limit that is no constraint.
    saddle : ndarray of bool, shape (N,)
        Whether they stand at an equilibrium from which modes grow, only because nothing pushes.
    below_floor : ndarray of bool, shape (N,)
        Whether every output stands at a floor above ground, so that the answer cannot be read.
    cell_voltage, conductance_drift : ndarray, shape (N,)
        Largest voltage across a cell [V], and largest change of a cell's conductance as a
        fraction; known of cells that stand in decks as sub-circuits, else nan.
    """

    outputs: Array
    sampled: Array
    solution: Array
    answer: Array
    relative_error: Array
    settled: NDArray[np.bool_]
    settling_time: Array
    settling_error: Array
    energy: Array
    power: dict[str, Array]
    near_limit: NDArray[np.bool_]
    saddle: NDArray[np.bool_]
    below_floor: NDArray[np.bool_]
    cell_voltage: Array
    conductance_drift: Array

    def __len__(self) -> int:
        return len(self.settled)

    @classmethod
    def blank(cls, count: int = 0, width: int = 0) -> Measurement:
        """Return one of which nothing is known: not a number, not settled."""
        unknown, blank = np.full(count, np.nan), np.full((count, width), np.nan)
        never = np.zeros(count, bool)
        return cls(
            blank, blank, blank, blank, unknown, never, unknown, unknown, unknown,
            {"total": unknown}, never, never, never, unknown, unknown,
        )  # fmt: skip

    @classmethod
    def ideal(cls, answers: Array) -> Measurement:
        """Return that of ideal answers (N, n): right, at once, and nothing known beside."""
        blank = cls.blank(*answers.shape)
        return replace(
            blank,
            solution=answers,
            answer=answers,
            relative_error=np.zeros(len(answers)),
            settled=np.ones(len(answers), bool),
            power={},
        )

    @classmethod
    def join(cls, parts: Sequence[Measurement]) -> Measurement:
        """Return several as one, in order; those with as many outputs each."""
        parts = [part for part in parts if len(part)] or list(parts[:1])
        if len(parts) <= 1:
            return parts[0] if parts else cls.blank()
        joined: dict[str, Any] = {
            item.name: np.concatenate([getattr(part, item.name) for part in parts])
            for item in fields(cls)
            if item.name != "power"
        }
        names = set.intersection(*(set(part.power) for part in parts))
        joined["power"] = {
            name: np.concatenate([part.power[name] for part in parts])
            for name in parts[0].power
            if name in names
        }
        return cls(**joined)

    @property
    def rests_near_limit(self) -> NDArray[np.bool_]:
        """Where an amplifier is near a limit for good, shape (N,): one that swings is not."""
        return self.near_limit & (self.settled | self.saddle)

    @property
    def switched(self) -> NDArray[np.bool_]:
        """Where a cell became another one while it was used, shape (N,)."""
        return self.conductance_drift > SWITCHED

    def take(self, rows: Any) -> Measurement:
        """Return some of the right-hand sides: a slice, or their numbers."""
        taken: dict[str, Any] = {
            item.name: getattr(self, item.name)[rows]
            for item in fields(self)
            if item.name != "power"
        }
        taken["power"] = {name: watts[rows] for name, watts in self.power.items()}
        return Measurement(**taken)

    def figures(self) -> Measurement:
        """Return it without outputs and solutions: what statistics over many circuits keep."""
        none = np.empty((len(self), 0))
        total = self.power.get("total", np.full(len(self), np.nan))
        return replace(
            self, outputs=none, sampled=none, solution=none, answer=none, power={"total": total}
        )

    def to_arrays(self) -> dict[str, Array]:
        """Return its figures as arrays by name, for files; see `from_arrays`."""
        return {name: getattr(self, name) for name in FIGURES} | {"power": self.power["total"]}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Measurement:
        """Return the figures that `to_arrays` gave."""
        blank = cls.blank(len(arrays["settled"]))
        figures: dict[str, Any] = {
            name: arrays[name] for name in FIGURES if name in arrays or name not in STATES
        }
        return replace(blank, power={"total": arrays["power"]}, **figures)

    def read_out(
        self,
        circuit: Circuit,
        volts_per_unit: float | Array,
        answers: Array,
        volts: Array | None = None,
    ) -> Measurement:
        """Return it with solutions read out of the outputs: the only way from volts to answers.

        Parameters
        ----------
        circuit : Circuit
        volts_per_unit : float or ndarray, shape (N, 1)
        answers : ndarray, shape (N, n)
            Ideal answers.
        volts : ndarray, shape (N, n), optional
            What was read, such as by converters; None is the outputs themselves [V].
        """
        solution = circuit.read_out(self.outputs if volts is None else volts, volts_per_unit)
        problem = problem_of(circuit)
        return replace(
            self,
            solution=solution,
            answer=problem.align(circuit, answers, solution),
            relative_error=problem.error(circuit, solution, answers),
        )


def measure(batch: Batch, response: Response, drive: Drive, analysis: Analysis) -> Measurement:
    """Measure the response of a batch; solutions are not read out yet.

    Parameters
    ----------
    batch : Batch
        Batch of C circuits.
    response : Response
    drive : Drive
        K right-hand sides of each circuit.
    analysis : Analysis

    Returns
    -------
    Measurement
        Figures of C K right-hand sides, circuit after circuit.
    """
    exact, last = response.exact, response.starts[1:] - 1
    if exact is None:
        final, supply = response.voltages[last], response.supply[last]
    else:
        final, supply = exact.final, exact.supply
    outputs = sampled = final[:, batch.outputs]
    into = drive.into.reshape(final.shape)
    delivered = batch.delivered(final, into)
    power = measure_power(batch, final, supply, drive, delivered).by_name()
    settled, at_saddle = response.at_rest, np.zeros(len(last), bool)
    if batch.circuit.bounded or analysis.allow_unstable:
        at_saddle = saddles(batch, final, into, settled)
        settled = settled & ~at_saddle
    settling_time = settling_error = spent = np.full(len(last), np.nan)
    adc = batch.circuit.adc
    if exact is not None:
        settling_time, spent = exact.settling_time, exact.energy
        settling_error = np.where(np.isnan(settling_time), np.nan, EXACT)
        if exact.sampled is not None:
            sampled = exact.sampled[:, batch.outputs]
    elif not response.timeless:
        waveforms = response.voltages[:, batch.outputs]
        settling, *others = (
            measure_settlings(
                response.time, waveforms, response.starts, part * analysis.settle_tolerance,
                response.at_rest,
            )
            for part in (1.0, 1 - BAND_ERROR, 1 + BAND_ERROR)
        )  # fmt: skip
        settling_time = settling.time
        settling_error = settling.error(others, response.rate_error)
        total = source_power(batch, response, drive)
        spent = energy(response.time, total, settling_time, response.starts)
        if adc is not None and adc.sample_time is not None:
            sampled = sample(response.time, waveforms, response.starts, adc.sample_time, settled)
    if batch.circuit.device.fluctuates:
        # Voltages inside the array, and so what the inputs deliver, are known from the reduced
        # network only, whose cells do not fluctuate.
        unknown = np.full(len(final), np.nan)
        outside = ("supply", "amplifier_static")
        power = {name: part if name in outside else unknown for name, part in power.items()}
        spent = unknown
    below = settled & below_floor(batch, final, delivered)
    if (at_saddle | below).any():  # what came to no answer took no time to come to it
        nowhere = at_saddle | below
        settling_time, settling_error, spent = (
            np.where(nowhere, np.nan, figure) for figure in (settling_time, settling_error, spent)
        )
    unread, unknown = outputs[:, :0], np.full(len(outputs), np.nan)
    cells: CellRecord | None = getattr(response, "cells", None)
    return Measurement(
        outputs=outputs,
        sampled=sampled,
        solution=unread,
        answer=unread,
        relative_error=unknown,
        settled=settled,
        settling_time=settling_time,
        settling_error=settling_error,
        energy=spent,
        power=power,
        near_limit=near_limits(batch, final, delivered),
        saddle=at_saddle,
        below_floor=below,
        cell_voltage=unknown if cells is None else cells.voltage,
        conductance_drift=unknown if cells is None else cells.drift,
    )
