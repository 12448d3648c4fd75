"""`Case`: a circuit with its right-hand sides, and what can be said before anything runs."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import Analysis
from amcspice.errors import AccuracyWarning, InputError
from amcspice.problem import problem_of
from amcspice.simulation.conversion import Inputs

__all__ = ["Case"]

FLOORS = 20
"""A largest output below so many times the floor of a constraint is warned about."""


@dataclass(frozen=True, eq=False)
class Case:
    """A circuit with its right-hand sides, and where its answers should be."""

    circuit: Circuit
    vectors: Array
    single: bool
    answers: Array
    inputs: Inputs

    @classmethod
    def of(cls, circuit: Circuit, b: ArrayLike, analysis: Analysis) -> Case:
        """Check `b` for `circuit` and compute its reference answers."""
        if not isinstance(circuit, Circuit):
            raise InputError(
                f"circuit: {type(circuit).__name__} is no circuit; make one, such as "
                "amcspice.CompactGINV(matrix), or use amcspice.solve"
            )
        vectors = circuit.vectors(b)
        answers = problem_of(circuit).answer(circuit, vectors)
        return cls(circuit, vectors, np.ndim(b) == 1, answers, Inputs(circuit, vectors))

    def volts_per_unit(self, analysis: Analysis) -> float:
        """Return the first range that is tried."""
        if analysis.range != "reference":
            return float(analysis.range)
        return self.circuit.volts_per_unit(self.vectors, self.answers, analysis.read_voltage)

    def cell_voltage(self, volts: float) -> float:
        """Return the largest voltage across a cell that a range asks for [V]."""
        return self.circuit.cell_voltage(self.vectors, self.answers, volts)

    def warn_of_floor(self, volts: float, *, fixed: bool) -> None:
        """Say how much of the largest output the floor is, where a constraint stops above zero."""
        floor, circuit = self.circuit.floor, self.circuit
        largest = float(np.abs(self.answers / circuit.output_scale).max()) * volts
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
            f"{1e3 * largest:.3g} mV; {advice}",
            AccuracyWarning,
            stacklevel=2,
        )


def _rounded_up(value: float) -> float:
    """Return a number with two digits that is no smaller."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / unit - 1e-9) * unit:.3g}")
