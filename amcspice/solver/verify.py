"""Verification: some regressions of a run again, one fidelity higher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.measure import relative_error
from amcspice.solver.attempt import Simulation
from amcspice.solver.result import Analysis, Run, Verification

__all__ = ["HIGHER", "Verifier"]

HIGHER: dict[str, Literal["flat", "reduced"]] = {"reduced": "flat", "behavioural": "reduced"}
"""The fidelity that checks each fidelity."""


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
        if count and analysis.fidelity not in HIGHER:
            raise InputError(
                f"there is nothing to verify the {analysis.fidelity} fidelity with: use "
                "reduced or behavioural"
            )
        self.count, self.analysis = count, analysis
        self._draw = np.random.default_rng(seed)
        self._seen = 0
        self._kept: list[_Regression] = []

    def offer(self, circuit: Circuit, vectors: Array, run: Run) -> None:
        """Show the regressions of a run; vectors are its right-hand sides, shape (K, m)."""
        if not self.count:
            return
        solutions = np.atleast_2d(run.x.T)
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
                    settling_time=float(run.settling_time[index]),
                )
            ]

    def verify(self) -> Verification | None:
        """Run what was drawn again; None if nothing was."""
        if not self._kept:
            return None
        higher = replace(self.analysis, fidelity=HIGHER[self.analysis.fidelity])
        deviations = np.array([_deviation(item, higher) for item in self._kept])
        return Verification(higher.fidelity, deviations[:, 0], deviations[:, 1])


def _deviation(regression: _Regression, analysis: Analysis) -> Sequence[float]:
    """Run a regression again in the same range, from where its predecessor ends."""
    circuit = regression.circuit
    found = Simulation(circuit, analysis).attempt(
        regression.vectors, regression.volts_per_unit, lead=len(regression.vectors) - 1
    )
    solution = found.outputs / regression.volts_per_unit * circuit.mapping.column_scale
    here, there = regression.settling_time, float(found.settling_time[0])
    apart = 0.0 if here == there else here / there - 1 if there else float("nan")
    return float(relative_error(regression.solution[None], solution)[0]), apart
