"""Verification: some operations of a run again, one fidelity higher."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import BACKENDS, Analysis, Batch, get_backend
from amcspice.errors import InputError
from amcspice.problem import problem_of
from amcspice.simulation.once import drive_of, join_forecasts, run_once
from amcspice.simulation.result import Verification
from amcspice.simulation.run import Run
from amcspice.simulation.sample import Index, Sample

__all__ = ["Operation", "Verifier", "repeat"]

ZERO = 1e-6
"""Outputs below this fraction of what they can show count as zero."""


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
        Every output.
    settling_time : float
        [s].
    """

    circuit: Circuit
    vectors: Array
    volts_per_unit: float
    solution: Array
    settling_time: float

    @classmethod
    def of(cls, circuit: Circuit, vectors: Array, run: Run, at: int) -> Operation:
        """Return one operation of a run with right-hand sides (K, m)."""
        solutions = run.measurement.solution
        if run.conversion is not None:  # what is verified is the circuit between the converters
            vectors, solutions = run.conversion.sent, run.conversion.at_rest
        changes: dict[str, Any] = {}
        if run.feedback is not None and run.feedback.choice == "search":
            changes["eigenvalue"] = run.feedback.eigenvalue
        return cls(
            circuit=dataclasses.replace(circuit, **changes),  # without what was worked out already
            vectors=vectors[max(at - 1, 0) : at + 1].copy(),
            volts_per_unit=run.volts_per_unit,
            solution=solutions[at].copy(),
            settling_time=float(run.measurement.settling_time[at]),
        )

    def deviation(self, analysis: Analysis) -> tuple[float, float]:
        """Run it again in the same range, from where its predecessor ends.

        Returns
        -------
        solution, settling : float
            See `Verification`.
        """
        circuit, volts = self.circuit, self.volts_per_unit
        batch = Batch.of([circuit])
        prepared = get_backend(analysis).prepare(batch)
        drive, lead = drive_of(batch, [self.vectors], np.array([volts])), len(self.vectors) - 1
        forecast = join_forecasts(list(prepared.forecast(drive, lead)))
        measured = run_once(prepared, drive, analysis, lead=lead, forecast=forecast).measurement
        there = circuit.read_out(measured.outputs, volts)
        settling_time = float(measured.settling_time[0])
        settling = self.settling_time / settling_time - 1 if settling_time else float("nan")
        if self.settling_time == settling_time:  # both may be zero
            settling = 0.0
        apart = float(problem_of(circuit).deviation(self.solution[None], there)[0])
        if np.abs(measured.outputs).max() < ZERO * circuit.opamp.highest_output:
            # Both show zero: what they differ by is compared with the smallest voltage that counts.
            length = ZERO * circuit.opamp.highest_output / volts
            apart = float(np.linalg.norm(self.solution - there[0]) / length)
        return apart, settling


class Verifier:
    """Draws some of the operations it is shown and runs them again; see `Sample`.

    Parameters
    ----------
    count : int
        How many are drawn.
    analysis : Analysis
        Of the runs.
    seed : int
        Of the draw.

    Raises
    ------
    InputError
        If the count is negative, or nothing checks the fidelity.
    """

    def __init__(self, count: int, analysis: Analysis, seed: int) -> None:
        if not isinstance(count, int | np.integer) or count < 0:
            raise InputError(f"verify = {count!r} must be a whole number, zero or positive")
        if count and BACKENDS[analysis.fidelity].verified_by is None:
            raise InputError(
                f"there is nothing to verify the {analysis.fidelity} fidelity with: use "
                "reduced, behavioural or dc"
            )
        self.analysis = analysis
        self.sample: Sample[Operation] = Sample(count, seed)

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
        """Run what was drawn again; None if nothing was."""
        return repeat(self.sample, self.analysis)


def repeat(operations: Iterable[Operation], analysis: Analysis) -> Verification | None:
    """Run operations again, one fidelity higher than they were run; None if there is none."""
    operations = list(operations)
    if not operations:
        return None
    checks = BACKENDS[analysis.fidelity].verified_by
    higher = dataclasses.replace(analysis, fidelity=checks)
    deviations = np.array([operation.deviation(higher) for operation in operations])
    return Verification(higher.fidelity, deviations[:, 0], deviations[:, 1])
