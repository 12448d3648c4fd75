"""`Figures`: a view of what was measured, as the problem asked it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amcspice.circuit.base import Array
from amcspice.engine import Waveforms
from amcspice.measure import Measurement
from amcspice.problem import CircuitForm
from amcspice.problem.accuracy import absolute_error
from amcspice.simulation import cautions
from amcspice.simulation.result import Conversion, Feedback, Judgement, Range
from amcspice.simulation.verification import Verification

__all__ = ["Figures"]


@dataclass(frozen=True, eq=False)
class Figures:
    """Figures of a simulation, as the problem asked them; K right-hand sides.

    They have one entry for each right-hand side; of a single one, given as a vector, they are
    scalars.

    Parameters
    ----------
    problem, circuit, fidelity : str
        What was solved, by what, and how it was simulated.
    measurement : Measurement
        Everything that was measured; the properties below are views of it.
    single : bool
        Whether the right-hand side was a vector.
    range : Range
    amplifiers, cells : int
        Hardware used.
    waveforms : Waveforms, optional
        None where there are none, or if they were not kept.
    provenance : dict
        Versions, options, hash of the deck, seed, wall time.
    judgement : callable
        Returns the `Judgement`; it is worked out when it is asked for.
    form : CircuitForm, optional
        Where the circuit solved another form of the problem.
    verification : Verification, optional
        If some were run again at a higher fidelity.
    conversion : Conversion, optional
        If there are converters; ``x`` is what they give then.
    runs_away : bool
        Whether the circuit is unstable and nothing holds it, which was allowed.
    feedback : Feedback, optional
        How that of an eigenvector circuit was set.
    zero_bias : ndarray, optional
        What the cells of the circuit were set to, see `Circuit`.
    notes : tuple of str
        What the figures alone do not say of the circuit.
    assumptions : callable
        Returns what the figures stand on that the amplifiers leave open; worked out when asked for.
    """

    problem: str
    circuit: str
    fidelity: str
    measurement: Measurement
    single: bool
    range: Range
    amplifiers: int
    cells: int
    waveforms: Waveforms | None
    provenance: dict[str, Any]
    judgement: Callable[[], Judgement] = field(repr=False)
    form: CircuitForm | None = None
    verification: Verification | None = None
    conversion: Conversion | None = None
    runs_away: bool = False
    feedback: Feedback | None = None
    zero_bias: Any = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    assumptions: Callable[[], tuple[str, ...]] = field(default=tuple, repr=False)

    def __len__(self) -> int:
        """Return the number of right-hand sides."""
        return len(self.measurement)

    def _figure(self, values: Any) -> Any:
        return values[0] if self.single else values

    def _vectors(self, values: Array) -> Any:
        restored = values if self.form is None else self.form.restore(values)
        return restored[0] if self.single else restored.T

    @property
    def x(self) -> Any:
        """Solution as read from the outputs, shape (n,) or (n, K) as the right-hand side was."""
        return self._vectors(self.measurement.solution)

    @property
    def reference(self) -> Any:
        """Ideal answer, same shape."""
        return self._vectors(self.measurement.answer)

    @functools.cached_property
    def relative_error(self) -> Any:
        """Distance of the solution from the reference over its size, 2-norm, shape (K,).

        Infinite where the reference is zero and the solution is not (null in JSON): no fraction of
        zero says how far it is, `absolute_error` does.
        """
        measured = self.measurement
        if self.form is None or self.form.error is None:
            return self._figure(measured.relative_error)
        restore = self.form.restore
        errors = self.form.error(restore(measured.solution), restore(measured.answer))
        return self._figure(errors)

    @property
    def absolute_error(self) -> Any:
        """Distance of the solution from the reference in the unit of x, 2-norm, shape (K,)."""
        x, reference = (np.atleast_2d(values.T) for values in (self.x, self.reference))
        return self._figure(absolute_error(x, reference))

    @property
    def settled(self) -> Any:
        """Whether the outputs came to rest within the longest window, shape (K,).

        Not so at a saddle, where they stand only because nothing pushes them.
        """
        return self._figure(self.measurement.settled)

    @property
    def saddle(self) -> Any:
        """Whether they stand at an equilibrium from which modes grow, shape (K,)."""
        return self._figure(self.measurement.saddle)

    @property
    def below_floor(self) -> Any:
        """Whether every output stands at a floor above ground, shape (K,): x cannot be read."""
        return self._figure(self.measurement.below_floor)

    @property
    def cell_voltage(self) -> Any:
        """Largest voltage across a cell, shape (K,) [V]; see `conductance_drift`."""
        return self._figure(self.measurement.cell_voltage)

    @property
    def conductance_drift(self) -> Any:
        """Largest change of a cell's conductance, shape (K,), as a fraction.

        By the end of the right-hand side, from the start of its simulation on, which are cells as
        they were programmed.  Known of cells whose sub-circuits stand in flat decks, else nan.
        """
        return self._figure(self.measurement.conductance_drift)

    @property
    def settling_time(self) -> Any:
        """Time until every output stays in its band, shape (K,) [s].

        nan where it never does, where there is no time, and where there is no answer to come to:
        at a saddle, or below the floor.
        """
        return self._figure(self.measurement.settling_time)

    @property
    def settling_error(self) -> Any:
        """About what the settling time is worth, as a fraction of it, shape (K,).

        Modes decay too fast or too slowly in a simulator's steps, by 1 % where these were chosen
        for them; and where a peak just leaves the settling band or does not, the time hangs on
        that: it is measured with bands 2 % narrower and wider, too.  Exact trajectories are right
        to 1e-6.
        """
        return self._figure(self.measurement.settling_error)

    @property
    def energy(self) -> Any:
        """Energy from all sources until settled, shape (K,) [J]."""
        return self._figure(self.measurement.energy)

    @property
    def power(self) -> dict[str, Any]:
        """Power at the end by part, each shape (K,) [W]; see `amcspice.measure.Power`."""
        return {name: self._figure(watts) for name, watts in self.measurement.power.items()}

    @functools.cached_property
    def _judgement(self) -> Judgement:
        return self.judgement()

    @property
    def unique(self) -> Any:
        """Whether the reference is the only answer, shape (K,); see `Judgement`."""
        return self._figure(self._judgement.unique)

    @property
    def residual(self) -> Any:
        """Relative residual of the solution, shape (K,); see `Judgement`."""
        return self._figure(self._judgement.residual)

    @property
    def reference_residual(self) -> Any:
        """Relative residual of the reference, shape (K,); see `Judgement`."""
        return self._figure(self._judgement.reference_residual)

    @property
    def volts_per_unit(self) -> float:
        """Volts for one unit of the column-scaled solution."""
        return self.range.volts_per_unit

    @property
    def range_halvings(self) -> int:
        """How often the range was halved."""
        return self.range.repeats

    @property
    def near_limit(self) -> bool:
        """Whether an amplifier rests near a limit that is no constraint, in every range tried.

        The solution is what the saturated circuit shows then.
        """
        return bool(self.measurement.near_limit.any())

    @property
    def all_settled(self) -> bool:
        """Whether every right-hand side came to rest."""
        return bool(self.measurement.settled.all())

    @functools.cached_property
    def alarms(self) -> tuple[str, ...]:
        """Those of the `cautions` that say that x cannot be taken as it is, whatever is known.

        They are warned of, except in circuits that were allowed to be unstable.
        """
        measured = self.measurement
        wrong = cautions.limit(measured, self.range) if self.near_limit else ""
        moved = cautions.drift(measured) if measured.switched.any() else ""
        return _said(wrong, moved, cautions.saddle(measured), cautions.rest(measured))

    @functools.cached_property
    def cautions(self) -> tuple[str, ...]:
        """What the figures do not say by themselves, in sentences; empty where all is well.

        Amplifiers at a limit, ranges that were halved, voltages that cells may not bear, wires that
        could not be corrected for, answers that are not the only ones, or zero, what did not
        settle, stands at a saddle or a floor, or is unstable, settling times that are worth little,
        what stood for a sub-circuit, assumed figures of real parts that matter, and what a
        verification did not confirm.
        """
        measured = self.measurement
        return _said(
            cautions.stand_in(self.fidelity, self.provenance),
            cautions.unstable(self.runs_away),
            cautions.limit(measured, self.range),
            cautions.voltage(self.range),
            cautions.drift(measured),
            cautions.predistortion(self.provenance),
            cautions.ambiguity(self._judgement),
            cautions.zero_reference(
                *map(np.atleast_1d, (self.relative_error, self.absolute_error))
            ),
            cautions.settling_worth(measured),
            *self.notes,
            *self.assumptions(),
            cautions.saddle(measured),
            cautions.below_floor(measured),
            cautions.rest(measured),
            "" if self.verification is None else self.verification.caution,
        )


def _said(*sentences: str) -> tuple[str, ...]:
    return tuple(sentence for sentence in sentences if sentence)
