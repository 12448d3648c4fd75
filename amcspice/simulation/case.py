"""`Case`: a circuit with its right-hand sides, and what can be said before anything runs."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array, Swing
from amcspice.engine import Analysis, Backend
from amcspice.errors import AccuracyWarning, InputError
from amcspice.problem import problem_of
from amcspice.simulation.cell_states import set_cells, with_tangents
from amcspice.simulation.conversion import Inputs
from amcspice.simulation.feedback import set_feedback
from amcspice.simulation.result import Feedback

__all__ = ["Case"]

FLOORS = 20
"""A largest output below so many times the floor of a constraint is warned about."""

ABOVE_FLOOR = 1.05
"""A wanted output this many times the floor above ground can be read."""


@dataclass(frozen=True, eq=False)
class Case:
    """A circuit with its right-hand sides, and where its answers should be."""

    circuit: Circuit
    vectors: Array
    single: bool
    answers: Array
    inputs: Inputs
    feedback: Feedback | None = None
    predicted: float | None = None

    @classmethod
    def of(
        cls, circuit: Circuit, b: ArrayLike, backend: Backend, predicted: float | None = None
    ) -> Case:
        """Check `b` for `circuit`, compute its reference answers, and set its feedback.

        Where a range was predicted it comes before that of the reference.
        """
        if not isinstance(circuit, Circuit):
            raise InputError(
                f"circuit: {type(circuit).__name__} is no circuit; make one, such as "
                "amcspice.CompactGINV(matrix), or use amcspice.solve"
            )
        vectors = circuit.vectors(b)
        answers = problem_of(circuit).answer(circuit, vectors)
        feedback = None
        if backend.simulates:
            circuit, feedback = set_feedback(circuit)
        inputs, single = Inputs(circuit, vectors), np.ndim(b) == 1
        case = cls(circuit, vectors, single, answers, inputs, feedback, predicted)
        curved = circuit.device.curve is not None
        if not (backend.simulates and (circuit.range_sets_limits or curved)):
            return case
        volts = case.volts_per_unit(backend.analysis)
        circuit = circuit.in_range(volts)
        inputs = Inputs(circuit, vectors)
        sent = inputs.at(volts)
        circuit = set_cells(circuit, sent, volts)
        if curved and backend.in_time and not backend.holds_cells:
            backend.check(circuit)
            circuit = with_tangents(circuit, sent, volts)
        return replace(case, circuit=circuit, inputs=inputs)

    def volts_per_unit(self, analysis: Analysis) -> float:
        """Return the first range that is tried."""
        if analysis.range != "reference":
            return float(analysis.range)
        if self.predicted is not None:
            return self.predicted
        return self.circuit.range_of(self._swing, analysis.read_voltage)

    def smaller_range(self, volts: float) -> float:
        """Return the next range to try where one is too large; the same where there is none.

        It is half as large, or as large as keeps above the floor what stands above it now: to trade
        a wrong answer for one that cannot be read is no gain.
        """
        if self.circuit.range_sets_limits:  # another range is another circuit
            return volts
        if self.predicted is not None:  # nothing is known of the outputs
            return volts / 2
        floor = ABOVE_FLOOR * self.circuit.floor
        if not floor > 0:
            return volts / 2
        outputs = self._outputs(volts)
        kept = outputs[outputs > floor]
        if not kept.size:  # where all stand at the floor a smaller range changes nothing
            return volts
        return volts * max(0.5, floor / float(kept.min()))

    def cell_voltage(self, volts: float) -> float:
        """Return the largest voltage across a cell that a range asks for [V]."""
        return self.circuit.cell_voltage(self._swing, volts)

    @cached_property
    def _swing(self) -> Swing:
        return self.circuit.swing(self.vectors, self.answers)

    def warn_of_floor(self, volts: float, *, fixed: bool) -> None:
        """Say how much of the largest output the floor is, where a constraint stops above zero."""
        floor, circuit = self.circuit.floor, self.circuit
        if not floor > 0:
            return
        largest = float(self._outputs(volts).max())
        if not 0 < largest < FLOORS * floor * (1 - 1e-9):
            return
        factor = FLOORS * floor / largest
        needed = self.cell_voltage(volts) * factor
        makes = f"makes that {1 / FLOORS:.0%}"
        advice = f"a read_voltage of {_rounded_up(needed)} V {makes}, if the cells bear it"
        if needed > circuit.opamp.highest_output:
            advice = "the amplifier reaches no voltage that makes it small: take another"
        elif fixed:
            advice = f"a range of {_rounded_up(volts * factor)} V {makes}, if the cells bear it"
        warnings.warn(
            f"{circuit.name} with this amplifier: entries that should be zero read as "
            f"{floor / largest:.1%} of the largest output, {1e3 * floor:g} mV of "
            f"{1e3 * largest:.3g} mV; {advice}{self._advice_on_lost(volts)}",
            AccuracyWarning,
            stacklevel=2,
        )

    def _advice_on_lost(self, volts: float) -> str:
        """Say what it takes to lift every right-hand side above the floor, if some are below."""
        floor, largest = ABOVE_FLOOR * self.circuit.floor, self._outputs(volts).max(axis=1)
        lost = largest[(largest > 0) & (largest <= floor)]
        if not lost.size:
            return ""
        needed = self.cell_voltage(volts) * floor / float(lost.min())
        lifts = f"to lift all takes a read_voltage of more than {_rounded_up(needed)} V"
        if needed > self.circuit.opamp.highest_output:
            lifts = "no read_voltage lifts all"
        return (
            f"; {lost.size} of {len(largest)} right-hand sides have no output above the floor, so "
            f"that nothing of them can be read: {lifts}"
        )

    def _outputs(self, volts: float) -> Array:
        """Return the magnitudes of the outputs in a range, by the reference, shape (K, n) [V]."""
        return np.abs(self.answers / self.circuit.output_scale) * volts


def _rounded_up(value: float) -> float:
    """Return a number with two digits that is no smaller."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / unit - 1e-9) * unit:.3g}")
