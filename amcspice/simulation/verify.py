"""Verification: some operations of a run again, at a higher fidelity."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import Analysis, Batch, Tolerance, get_backend
from amcspice.errors import caution
from amcspice.measure import Measurement
from amcspice.problem import problem_of
from amcspice.simulation.once import drive_of, join_forecasts, run_once
from amcspice.simulation.run import Run
from amcspice.simulation.sample import Index, Sample
from amcspice.simulation.verification import FIGURES, TIMED, Verification, Verify

__all__ = ["Deviation", "Operation", "Verifier", "repeat", "warned"]

ZERO = 1e-6
"""Outputs below this fraction of what they can show count as zero."""

EDGE = 0.02
"""A settling band that is moved by this fraction and moves a settling time by more is a knife
edge."""


class Deviation(NamedTuple):
    """How far an operation is off; see `Verification`."""

    solution: float
    settling: float
    power: float
    energy: float
    knife_edge: bool = False

    def beyond(self, limits: dict[str, float]) -> bool:
        """Tell whether settling or energy is off by more, and known to both fidelities."""
        apart = [(abs(getattr(self, figure)), limits[figure]) for figure in TIMED]
        known = all(math.isfinite(value) for value, _ in apart)
        return known and any(value > limit for value, limit in apart)


@dataclass(frozen=True, eq=False)
class Operation:
    """One right-hand side as it was run.

    Parameters
    ----------
    circuit : Circuit
    vectors : ndarray, shape (1, m) or (2, m)
        The right-hand side; before it the one that it followed, where there is one.
    volts_per_unit : float
    solution : ndarray, shape (n,)
        Every output, read out.
    measured : Measurement
        Of this right-hand side alone.
    """

    circuit: Circuit
    vectors: Array
    volts_per_unit: float
    solution: Array
    measured: Measurement

    @classmethod
    def of(cls, circuit: Circuit, vectors: Array, run: Run, at: int) -> Operation:
        """Return one operation of a run with right-hand sides (K, m)."""
        solutions = run.measurement.solution
        if run.conversion is not None:  # what is verified is the circuit between the converters
            vectors, solutions = run.conversion.sent, run.conversion.at_rest
        changes: dict[str, Any] = {}
        if run.feedback is not None and run.feedback.choice == "search":
            changes["eigenvalue"] = run.feedback.eigenvalue
        if run.zero_bias is not None:
            changes["zero_bias"] = run.zero_bias
        return cls(
            # A new one, without what was worked out already.
            circuit=dataclasses.replace(circuit, **changes).in_range(run.volts_per_unit),
            vectors=vectors[max(at - 1, 0) : at + 1].copy(),
            volts_per_unit=run.volts_per_unit,
            solution=solutions[at].copy(),
            measured=run.measurement.take([at]),
        )

    def check(self, analysis: Analysis, higher: Analysis, limits: dict[str, float]) -> Deviation:
        """Return how far it is off, and whether that is a knife edge of the settling band.

        Parameters
        ----------
        analysis, higher : Analysis
            As it was run, and as it is run again.
        limits : dict of str to float
            Largest deviations by figure.
        """
        batch = Batch.of([self.circuit])
        theirs = self._run(batch, higher)
        deviation = self._deviation(batch, analysis, higher, theirs)
        if not deviation.beyond(limits):
            return deviation
        figures = np.array([_timed(self.measured), _timed(theirs)])
        moved = np.array([self._moved(batch, each) for each in (analysis, higher)])
        allowed = np.array([limits[figure] for figure in TIMED]) * figures[1]
        return deviation._replace(knife_edge=_is_knife_edge(figures, moved, allowed))

    def _run(self, batch: Batch, analysis: Analysis) -> Measurement:
        """Run it again in the same range, from where its predecessor ends."""
        prepared = get_backend(analysis).prepare(batch)
        drive = drive_of(batch, [self.vectors], np.array([self.volts_per_unit]), prepared)
        lead = len(self.vectors) - 1
        forecast = join_forecasts(list(prepared.forecast(drive, lead)))
        return run_once(prepared, drive, analysis, lead=lead, forecast=forecast).measurement

    def _moved(self, batch: Batch, analysis: Analysis) -> Array:
        """Return settling time [s] and energy [J] with a wider and a narrower band, (2, 2)."""
        bands = (min(analysis.settle_tolerance * (1 + moved), 0.99) for moved in (EDGE, -EDGE))
        runs = [
            self._run(batch, dataclasses.replace(analysis, settle_tolerance=band)) for band in bands
        ]
        return np.array([_timed(run) for run in runs])

    def _deviation(
        self, batch: Batch, analysis: Analysis, higher: Analysis, theirs: Measurement
    ) -> Deviation:
        ours, backends = self.measured, (get_backend(analysis), get_backend(higher))
        resolved = self._resolved(backends[0].tolerance.coarser(backends[1].tolerance))
        there = self.circuit.read_out(theirs.outputs, self.volts_per_unit)
        solution = float(problem_of(self.circuit).deviation(self.solution[None], there)[0])
        if np.abs(theirs.outputs).max() < resolved:
            # Next to nothing: the difference is compared with the smallest voltage that counts.
            solution = float(np.linalg.norm(ours.outputs - theirs.outputs)) / resolved
        timed = all(backend.in_time for backend in backends)
        timed = timed and bool(ours.settled[0] or theirs.settled[0])
        smallest = self._smallest_power(batch, resolved)
        # What supplies and inputs turn over may be more than the sum of what they deliver.
        parts = [theirs.power[name] for name in ("supply", "input") if name in theirs.power]
        watts = max(float(np.sum(np.abs(parts))), smallest)
        joules = smallest * float(theirs.settling_time[0])
        at_once = timed and not (ours.settling_time[0] or theirs.settling_time[0])
        return Deviation(
            solution if math.isfinite(solution) else math.inf,
            _apart(ours.settling_time, theirs.settling_time, expected=timed),
            _apart(ours.power["total"], theirs.power["total"], watts),
            0.0 if at_once else _apart(ours.energy, theirs.energy, joules, expected=timed),
        )

    def _resolved(self, tolerance: Tolerance) -> float:
        """Return the voltage below which errors are no fraction of it any more [V]."""
        zero = ZERO * self.circuit.opamp.highest_output
        return max(zero, tolerance.volts / tolerance.solution)

    def _smallest_power(self, batch: Batch, resolved: float) -> float:
        """Return what the smallest voltage that counts takes from the supplies [W]."""
        opamp = self.circuit.opamp
        rail = max(abs(opamp.supply_positive), abs(opamp.supply_negative))
        return rail * float(np.trace(batch.conductance[0])) * resolved


def _apart(ours: Array, theirs: Array, size: float = 0.0, *, expected: bool = True) -> float:
    """Return the difference of two figures over the second one, or over a size that is larger.

    What should be a number and is none at one of them, or at both, is infinitely far off; what
    nobody expects is not a number.
    """
    one, other = float(ours[0]), float(theirs[0])
    if not expected:
        return math.nan
    if not (math.isfinite(one) and math.isfinite(other)):
        return math.inf
    if one == other:
        return 0.0
    return (one - other) / (max(abs(other), size) or abs(one))


def _timed(measured: Measurement) -> tuple[float, float]:
    """Return settling time [s] and energy [J] of one right-hand side."""
    return float(measured.settling_time[0]), float(measured.energy[0])


def _is_knife_edge(figures: Array, moved: Array, allowed: Array) -> bool:
    """Tell whether a moved band explains how far settling times and energies are off.

    Parameters
    ----------
    figures : ndarray, shape (2, 2)
        Settling time [s] and energy [J] of both fidelities.
    moved : ndarray, shape (2, 2, 2)
        The same of both fidelities with a wider and a narrower band.
    allowed : ndarray, shape (2,)
        By how much they may differ.
    """
    if not (np.isfinite(figures).all() and np.isfinite(moved).all()):
        return False
    least, most = moved.min(axis=1), moved.max(axis=1)
    moves = most[:, 0] - least[:, 0] > EDGE * least[:, 0]
    meet = least.max(axis=0) - most.min(axis=0) <= allowed
    inside = (least - allowed <= figures) & (figures <= most + allowed)
    return bool(moves.any() and meet.all() and inside.all())


class Verifier:
    """Draws some of the operations it is shown and runs them again; see `Sample`.

    Parameters
    ----------
    verify : int or Verify
        How many are drawn, and what else is asked.
    analysis : Analysis
        Of the runs.
    seed : int
        Of the draw.

    Raises
    ------
    InputError
        If the count is negative, or nothing checks the fidelity.
    """

    def __init__(self, verify: int | Verify, analysis: Analysis, seed: int) -> None:
        self.asked = Verify.of(verify)
        if self.asked.count:
            self.asked.higher(analysis)
        self.analysis = analysis
        self.sample: Sample[Operation] = Sample(self.asked.count, seed)

    def part(self) -> Verifier:
        """Return one for some of the operations, such as those of another process."""
        part = Verifier(0, self.analysis, 0)
        part.sample = self.sample.part()
        return part

    def offer(
        self,
        circuit: Circuit,
        vectors: Array,
        run: Run,
        index: Index = (),
        numbers: NDArray[np.intp] | None = None,
    ) -> None:
        """Show the operations of a run.

        Parameters
        ----------
        circuit : Circuit
        vectors : ndarray, shape (K, m)
            Its right-hand sides.
        run : Run
        index : tuple of int
            What its operations have in common.
        numbers : ndarray of int, shape (K,), optional
            What follows in the index of each; None counts them.
        """
        if numbers is None:
            numbers = np.arange(len(vectors))
        for at in self.sample.admitted(*index, numbers).tolist():
            operation = Operation.of(circuit, vectors, run, at)
            self.sample.offer((*index, int(numbers[at])), operation)

    def merge(self, part: Verifier) -> None:
        """Take in what was drawn of other operations."""
        self.sample.merge(part.sample)

    def verify(self) -> Verification | None:
        """Run what was drawn again, and warn if it is not confirmed; None if nothing was drawn."""
        return warned(repeat(self.sample, self.analysis, self.asked))


def warned(verification: Verification | None) -> Verification | None:
    """Return a verification, with a `CautionWarning` if it did not pass."""
    if verification is not None and not verification.passed:
        caution(verification.caution)
    return verification


def repeat(
    operations: Iterable[Operation], analysis: Analysis, verify: int | Verify = 0
) -> Verification | None:
    """Run operations again, at a higher fidelity than they were run; None if there is none.

    Parameters
    ----------
    operations : iterable of Operation
    analysis : Analysis
        As they were run.
    verify : int or Verify
        The fidelity and the limits; the count is that of the operations.
    """
    operations, asked = list(operations), Verify.of(verify)
    if not operations:
        return None
    higher = dataclasses.replace(analysis, fidelity=asked.higher(analysis), most_steps=None)
    tolerance = get_backend(analysis).tolerance.coarser(get_backend(higher).tolerance)
    limits = asked.limits(tolerance)
    deviations = [operation.check(analysis, higher, limits) for operation in operations]
    columns = {
        f"{figure}_deviation": np.array([getattr(each, figure) for each in deviations])
        for figure in FIGURES
    }
    edges = np.array([each.knife_edge for each in deviations], bool)
    return Verification(higher.fidelity, knife_edge=edges, limits=limits, **columns)
