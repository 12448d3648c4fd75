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
from amcspice.engine.dc.backend import PreparedRest
from amcspice.errors import InputError
from amcspice.measure import Measurement
from amcspice.pool import Pool
from amcspice.problem import problem_of
from amcspice.simulation.conversion import HEADROOM, Inputs, expected_full_scale, read
from amcspice.simulation.feedback import set_feedback
from amcspice.simulation.noise import output_covariance
from amcspice.simulation.once import drive_of, join_forecasts
from amcspice.simulation.shared import run_shared
from amcspice.system.prediction import Prediction, calibrate
from amcspice.threads import one_thread

__all__ = ["MAX_REPEATS", "Attempts", "Mode", "Operations"]

AT_ONCE = 50_000
"""Operations without time that are in memory at once."""

HELD = 1e-3
"""Outputs below this fraction of the largest count as held at zero."""

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
    largest_reading : float
        Of any output [V].
    step : float
        Of output converters [V]; 0 where there are none.
    """

    measurement: Measurement
    saturated: NDArray[np.intp]
    cell_voltage: float
    largest_reading: float
    step: float


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


class Noise:
    """Fluctuations of a circuit's outputs at rest, drawn anew for every reading.

    They are those of the linear circuit, with every amplifier in its range; an output that is held
    at zero stays there.

    Parameters
    ----------
    factor : ndarray, shape (n, n)
        Of the covariance: factor factor' [V].
    held : bool
        Whether outputs are held at or above zero.
    seed : tuple of int
    """

    def __init__(self, factor: Array, *, held: bool, seed: tuple[int, ...]) -> None:
        self.factor, self.held = factor, held
        self._draw = np.random.default_rng(seed)

    @classmethod
    def of(cls, circuit: Circuit, seed: tuple[int, ...]) -> Noise:
        """Return that of a circuit.

        Raises
        ------
        InputError
            If nothing in it is noisy.
        """
        kelvin = circuit.device.temperature if circuit.device.thermal_noise else 0.0
        if not (circuit.opamp.input_noise or kelvin):
            raise InputError(
                "noise: neither amplifiers nor cells have any; give input_noise or thermal_noise"
            )
        values, vectors = np.linalg.eigh(output_covariance(circuit, kelvin))
        factor = vectors * np.sqrt(np.maximum(values, 0.0))
        return cls(factor, held=circuit.non_negative, seed=seed)

    def on(self, volts: Array) -> Array:
        """Return voltages (K, n) as they are read."""
        noise = self._draw.standard_normal(volts.shape) @ self.factor.T
        if self.held:
            noise = np.where(volts > HELD * np.abs(volts).max(axis=1, keepdims=True), noise, 0.0)
        return volts + noise


@dataclass(frozen=True, eq=False)
class Mode:
    """A circuit made ready.

    Parameters
    ----------
    circuit : Circuit
    analysis : Analysis
        Its range is not used.
    noise : Noise, optional
        Drawn into every reading.
    """

    circuit: Circuit
    analysis: Analysis
    noise: Noise | None = None

    @classmethod
    def of(
        cls, circuit: Circuit, analysis: Analysis, noise_seed: tuple[int, ...] | None = None
    ) -> Mode:
        """Set the feedback of a circuit that needs it, and check that it can be run.

        Parameters
        ----------
        circuit : Circuit
        analysis : Analysis
        noise_seed : tuple of int, optional
            Readings fluctuate as the circuit's outputs do.

        Raises
        ------
        UnsupportedError, UnstableError
            See `Backend.prepare`.
        """
        backend = get_backend(analysis)
        if backend.simulates:
            circuit, _ = set_feedback(circuit)
        noise = None if noise_seed is None else Noise.of(circuit, noise_seed)
        mode = cls(circuit, analysis, noise)
        if backend.simulates:
            assert mode.prepared is not None
        else:
            backend.check(circuit)
        return mode

    @cached_property
    def prepared(self) -> Prepared:
        """Reduced to its ports and checked."""
        made = get_backend(self.analysis).prepare(Batch.of([self.circuit]))
        if isinstance(made, PreparedRest) and not self.circuit.bounded:
            # Where exactly outputs stand at their rails is nothing that a range depends on.
            made.solver.follows = False
        return made

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

        made = calibrate(self.circuit, vectors, attempt, self.analysis.read_voltage)
        return replace(made, full_scale=self._full_scale(made, vectors, note))

    def _full_scale(
        self, made: Prediction, vectors: Array, note: Callable[[Attempts, Array], None]
    ) -> float:
        """Return a full scale of output converters, one bit above what calibrations read.

        It follows the outputs where no cell sees them, so that nothing else says how large they
        are.  What is below a step is looked for in a smaller scale.
        """
        circuit, adc = self.circuit, self.circuit.adc
        if adc is None or adc.bits is None or adc.full_scale or circuit.outputs_drive_cells:
            return 0.0
        scale, volts = expected_full_scale(circuit, self.analysis), made.volts(vectors)
        for _ in range(MAX_REPEATS):
            _, attempts = self._go(vectors, volts, None, scale)
            note(attempts, volts)
            wanted = HEADROOM * max(attempts.largest_reading, attempts.step)
            if wanted >= scale:
                break
            scale = wanted
        return scale

    def run(
        self,
        vectors: Array,
        volts: Array,
        *,
        repeat: bool,
        note: Callable[[Attempts, Array], None],
        pool: Pool | None = None,
        full_scale: float = 0.0,
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
        full_scale : float
            Of output converters, see `Prediction` [V].
        """
        solutions, attempts = self._go(vectors, volts, pool, full_scale)
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
                again, attempts = self._go(vectors[waiting], volts[waiting], pool, full_scale)
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

    def _go(self, vectors: Array, volts: Array, pool: Pool | None, full_scale: float = 0.0) -> _Go:
        """Run right-hand sides (K, m) in ranges (K,), once."""
        with one_thread():
            return self._go_in_parts(vectors, volts, pool, full_scale)

    def _go_in_parts(
        self, vectors: Array, volts: Array, pool: Pool | None, full_scale: float
    ) -> _Go:
        if self.in_time or len(vectors) <= AT_ONCE:  # in time each follows the one before it
            return self._go_at_once(vectors, volts, pool, full_scale)
        parts = [
            self._go_at_once(
                vectors[first : first + AT_ONCE], volts[first : first + AT_ONCE], pool, full_scale
            )
            for first in range(0, len(vectors), AT_ONCE)
        ]
        attempts = [part.attempts for part in parts]
        return _Go(
            np.concatenate([part.solutions for part in parts]),
            Attempts(
                Measurement.join([each.measurement for each in attempts]),
                np.concatenate([each.saturated for each in attempts]),
                max(each.cell_voltage for each in attempts),
                max(each.largest_reading for each in attempts),
                attempts[0].step,
            ),
        )

    def _go_at_once(
        self, vectors: Array, volts: Array, pool: Pool | None, full_scale: float
    ) -> _Go:
        circuit = self.circuit
        sent = Inputs(circuit, vectors).at_each(volts)
        if not self.simulates:
            answers = problem_of(circuit).answer(circuit, sent)
            outputs = answers / circuit.output_scale * volts[:, None]
            measurement = replace(Measurement.ideal(answers), outputs=outputs, sampled=outputs)
        else:
            prepared = self.prepared
            drive = drive_of(prepared.batch, [sent], [volts], prepared)
            forecast = join_forecasts(list(prepared.forecast(drive)))
            outcome = run_shared(prepared, drive, self.analysis, pool, forecast=forecast)
            measurement = outcome.measurement
        if self.noise is not None:
            measurement = replace(measurement, sampled=self.noise.on(measurement.sampled))
        read_volts, beyond, steps = read(circuit, measurement.sampled, self.analysis, full_scale)
        # A solution that is held at zero and reads a little below has not saturated.
        if steps is not None:
            beyond &= np.abs(read_volts) >= (1 - 1e-9) * steps.full_scale
        lost = np.isnan(measurement.sampled).any(axis=1)  # somewhere at the rails
        saturated = beyond.sum(axis=1) + (measurement.near_limit | lost)
        scale = volts[:, None]
        solutions = circuit.read_out(read_volts, scale)
        swing = circuit.swing(vectors * scale, solutions * scale)  # in volts both: one for all
        return _Go(
            solutions,
            Attempts(
                measurement, saturated, circuit.cell_voltage(swing, 1.0),
                float(np.abs(read_volts).max(initial=0.0)), steps.step if steps else 0.0,
            ),
        )  # fmt: skip
