"""`Mode`: one circuit of a programmed matrix, made ready once, that runs any number of operations.

An operation is a right-hand side in a range of its own.  Those of one call follow each other on the
circuit; each call starts from rest at zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import Analysis, Batch, Prepared, get_backend
from amcspice.measure import Measurement
from amcspice.pool import Pool
from amcspice.problem import problem_of
from amcspice.simulation.conversion import Inputs, read
from amcspice.simulation.feedback import set_feedback
from amcspice.simulation.once import drive_of, join_forecasts
from amcspice.simulation.shared import run_shared
from amcspice.system.prediction import Prediction, calibrate

__all__ = ["MAX_REPEATS", "Attempts", "Mode", "Operations"]

MAX_REPEATS = 12
"""How often an operation that saturates is repeated in half its range."""


@dataclass(frozen=True, eq=False)
class Attempts:
    """Figures of one go at some operations, for the ledger.

    Parameters
    ----------
    measurement : Measurement
    saturated : ndarray of int, shape (K,)
        Outputs that ended beyond the converters, or amplifiers at a limit.
    cell_voltage : float
        Largest voltage across a cell that these right-hand sides and solutions ask for [V].
    """

    measurement: Measurement
    saturated: NDArray[np.intp]
    cell_voltage: float


@dataclass(frozen=True, eq=False)
class Operations:
    """What K operations gave.

    Parameters
    ----------
    circuit : Circuit
    vectors : ndarray, shape (K, m)
        Right-hand sides.
    solutions : ndarray, shape (K, n)
        As read.
    measurement : Measurement
        Of the last go at each.
    volts_per_unit : ndarray, shape (K,)
        Ranges in the end.
    repeats : ndarray of int, shape (K,)
        How often each was repeated because something saturated.
    saturated : ndarray of int, shape (K,)
        Outputs that saturate even so.
    """

    circuit: Circuit
    vectors: Array
    solutions: Array
    measurement: Measurement
    volts_per_unit: Array
    repeats: NDArray[np.intp]
    saturated: NDArray[np.intp]

    @cached_property
    def reference(self) -> Array:
        """Ideal answers, shape (K, n): for studies, no chip knows them."""
        answers = problem_of(self.circuit).answer(self.circuit, self.vectors)
        return problem_of(self.circuit).align(self.circuit, answers, self.solutions)

    @cached_property
    def relative_error(self) -> Array:
        """Relative errors against the ideal answers, shape (K,)."""
        problem = problem_of(self.circuit)
        return problem.error(self.circuit, self.solutions, self.reference)


class _Go(NamedTuple):
    solutions: Array
    attempts: Attempts


@dataclass(frozen=True, eq=False)
class Mode:
    """A circuit made ready.

    Parameters
    ----------
    circuit : Circuit
    analysis : Analysis
        Its range is not used.
    """

    circuit: Circuit
    analysis: Analysis

    @classmethod
    def of(cls, circuit: Circuit, analysis: Analysis) -> Mode:
        """Set the feedback of a circuit that needs it, and check that it can be run.

        Raises
        ------
        UnsupportedError, UnstableError
            See `Backend.prepare`.
        """
        backend = get_backend(analysis)
        if backend.simulates:
            circuit, _ = set_feedback(circuit)
        mode = cls(circuit, analysis)
        if backend.simulates:
            assert mode.prepared is not None
        else:
            backend.check(circuit)
        return mode

    @cached_property
    def prepared(self) -> Prepared:
        """Reduced to its ports and checked."""
        return get_backend(self.analysis).prepare(Batch.of([self.circuit]))

    @property
    def in_time(self) -> bool:
        """Whether settling times and energies are known."""
        return get_backend(self.analysis).in_time

    @property
    def simulates(self) -> bool:
        """Whether there is a circuit behind it, not the algebraic answer alone."""
        return get_backend(self.analysis).simulates

    def calibrate(self, vectors: Array, note: Callable[[Attempts, Array], None]) -> Prediction:
        """Return what calibration vectors (K, m) say of ranges.

        Parameters
        ----------
        vectors : ndarray, shape (K, m)
        note : callable
            Takes every attempt and its ranges.
        """

        def attempt(rows: Array, volts: Array) -> tuple[Array, NDArray[np.bool_]]:
            solutions, attempts = self._go(rows, volts, None)
            note(attempts, volts)
            return solutions, attempts.saturated > 0

        return calibrate(self.circuit, vectors, attempt, self.analysis.read_voltage)

    def run(
        self,
        vectors: Array,
        volts: Array,
        *,
        repeat: bool,
        note: Callable[[Attempts, Array], None],
        pool: Pool | None = None,
    ) -> Operations:
        """Run operations.

        Parameters
        ----------
        vectors : ndarray, shape (K, m)
        volts : ndarray, shape (K,)
            Volts per unit to begin with.
        repeat : bool
            Whether one that saturates is repeated in half the range.
        note : callable
            Takes the figures of every attempt and its ranges.
        pool : Pool, optional
            Processes that share right-hand sides.
        """
        solutions, attempts = self._go(vectors, volts, pool)
        note(attempts, volts)
        count, volts = len(vectors), volts.copy()
        repeats = np.zeros(count, np.intp)
        saturated, measurement = attempts.saturated, attempts.measurement
        waiting = np.flatnonzero(saturated) if repeat else np.empty(0, np.intp)
        if waiting.size:
            parts, latest = [measurement], np.arange(count)
            solutions, saturated, total = solutions.copy(), saturated.copy(), count
            for _ in range(MAX_REPEATS):
                volts[waiting] /= 2
                repeats[waiting] += 1
                again, attempts = self._go(vectors[waiting], volts[waiting], pool)
                note(attempts, volts[waiting])
                solutions[waiting], saturated[waiting] = again, attempts.saturated
                parts.append(attempts.measurement)
                latest[waiting] = total + np.arange(waiting.size)
                total += waiting.size
                waiting = waiting[attempts.saturated > 0]
                if not waiting.size:
                    break
            measurement = Measurement.join(parts).take(latest)
        measurement = replace(measurement, solution=solutions)
        return Operations(self.circuit, vectors, solutions, measurement, volts, repeats, saturated)

    def _go(self, vectors: Array, volts: Array, pool: Pool | None) -> _Go:
        """Run right-hand sides (K, m) in ranges (K,), once."""
        circuit = self.circuit
        sent = Inputs(circuit, vectors).at_each(volts)
        if not self.simulates:
            answers = problem_of(circuit).answer(circuit, sent)
            outputs = answers / circuit.output_scale * volts[:, None]
            measurement = replace(Measurement.ideal(answers), outputs=outputs, sampled=outputs)
        else:
            prepared = self.prepared
            drive = drive_of(prepared.batch, [sent], [volts])
            forecast = join_forecasts(list(prepared.forecast(drive)))
            outcome = run_shared(prepared, drive, self.analysis, pool, forecast=forecast)
            measurement = outcome.measurement
        read_volts, beyond, steps = read(circuit, measurement.sampled, self.analysis)
        # A solution that is held at zero and reads a little below has not saturated.
        if steps is not None:
            beyond &= np.abs(read_volts) >= (1 - 1e-9) * steps.full_scale
        saturated = beyond.sum(axis=1) + measurement.near_limit
        scale = volts[:, None]
        solutions = circuit.read_out(read_volts, scale)
        # In volts both, so that one range serves all.
        highest = circuit.cell_voltage(vectors * scale, solutions * scale, 1.0)
        return _Go(solutions, Attempts(measurement, saturated, highest))
