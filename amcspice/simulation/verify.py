"""Verification: some regressions of a run again, one fidelity higher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import BACKENDS, Analysis, Batch, get_backend
from amcspice.errors import InputError
from amcspice.problem import problem_of
from amcspice.simulation.once import drive_of, join_forecasts, run_once
from amcspice.simulation.result import Run, Verification

__all__ = ["Verifier"]


@dataclass(frozen=True, eq=False)
class _Regression:
    """One regression as it was run, with the right-hand side before it where there is one."""

    circuit: Circuit
    vectors: Array
    volts_per_unit: float
    solution: Array
    settling_time: float


class Verifier:
    """Draws some of the regressions it is shown and runs them again.

    Every regression has the same chance, however many come (reservoir sampling).

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
        if count < 0:
            raise InputError(f"verify = {count} must be zero or positive")
        if count and BACKENDS[analysis.fidelity].verified_by is None:
            raise InputError(
                f"there is nothing to verify the {analysis.fidelity} fidelity with: use "
                "reduced, behavioural or dc"
            )
        self.count, self.analysis = count, analysis
        self._draw = np.random.default_rng(seed)
        self._seen = 0
        self._kept: list[_Regression] = []

    def offer(self, circuit: Circuit, vectors: Array, run: Run) -> None:
        """Show the regressions of a run; vectors are its right-hand sides, shape (K, m)."""
        if not self.count:
            return
        solutions = run.measurement.solution
        if run.conversion is not None:  # what is verified is the circuit between the converters
            vectors, solutions = run.conversion.sent, run.conversion.at_rest
        for index in range(len(vectors)):
            self._seen += 1
            place = len(self._kept)
            if place == self.count:
                place = int(self._draw.integers(self._seen))
                if place >= self.count:
                    continue
            self._kept[place : place + 1] = [
                _Regression(
                    circuit=circuit,
                    vectors=vectors[max(index - 1, 0) : index + 1].copy(),
                    volts_per_unit=run.volts_per_unit,
                    solution=solutions[index],
                    settling_time=float(run.measurement.settling_time[index]),
                )
            ]

    def verify(self) -> Verification | None:
        """Run what was drawn again; None if nothing was."""
        if not self._kept:
            return None
        fidelity = BACKENDS[self.analysis.fidelity].verified_by
        higher = replace(self.analysis, fidelity=fidelity, range="reference")
        deviations = np.array([_deviation(item, higher) for item in self._kept])
        return Verification(higher.fidelity, deviations[:, 0], deviations[:, 1])


def _deviation(regression: _Regression, analysis: Analysis) -> Sequence[float]:
    """Run a regression again in the same range, from where its predecessor ends."""
    circuit, volts = regression.circuit, regression.volts_per_unit
    batch = Batch.of([circuit])
    prepared = get_backend(analysis).prepare(batch)
    drive = drive_of(batch, [regression.vectors], np.array([volts]))
    lead = len(regression.vectors) - 1
    forecast = join_forecasts(list(prepared.forecast(drive, lead)))
    measurement = run_once(prepared, drive, analysis, lead=lead, forecast=forecast).measurement
    solution = circuit.read_out(measurement.outputs, volts)
    problem = problem_of(circuit)
    here, there = regression.settling_time, float(measurement.settling_time[0])
    apart = 0.0 if here == there else here / there - 1 if there else float("nan")
    return float(problem.error(circuit, regression.solution[None], solution)[0]), apart
