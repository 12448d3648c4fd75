"""What a simulation says beside its measurement: range, judgement, conversion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.measure import Measurement
from amcspice.problem import problem_of

__all__ = ["Conversion", "Feedback", "Judgement", "Range", "judge"]


@dataclass(frozen=True)
class Range:
    """How a solution was mapped to volts.

    Parameters
    ----------
    choice : {"reference", "fixed", "predicted"}
        Chosen with the ideal answer, which no hardware knows; given; or predicted without it.
    volts_per_unit : float
        Volts for one unit of the column-scaled solution.
    repeats : int
        How often it was halved and run again because an amplifier came near a limit; by less than
        half where the floor of a constraint stands in the way.
    cell_voltage : float
        Largest voltage across a cell that the ideal answer asks for [V]; where outputs end at
        the rails by design, that of the rails; nan where there are no volts.
    read_voltage : float
        Largest voltage across a cell that was aimed at [V]; nan as above.
    """

    choice: str
    volts_per_unit: float
    repeats: int
    cell_voltage: float = float("nan")
    read_voltage: float = float("nan")


@dataclass(frozen=True)
class Feedback:
    """How the feedback of an eigenvector circuit was set.

    Parameters
    ----------
    choice : {"reference", "fixed", "search"}
        By the largest eigenvalue of the matrix, which no hardware knows; by a number that was
        given; or by what was found on the circuit.
    eigenvalue : float
        That it was set by, before the detuning.
    trials : int
        How often a search looked whether outputs grow.
    """

    choice: str
    eigenvalue: float
    trials: int

    def __str__(self) -> str:
        how = {"reference": "of the matrix, an oracle", "fixed": "given"}
        said = how.get(self.choice, f"found in {self.trials} trials")
        return f"set by the eigenvalue {self.eigenvalue:.4g} ({said})"


@dataclass(frozen=True, eq=False)
class Judgement:
    """How solutions fulfil what was asked, whatever the reference is; K right-hand sides.

    Parameters
    ----------
    residual, reference_residual : ndarray, shape (K,)
        ``|A x - b| / |b|`` of the solution and of the ideal answer (selected rows only).
    unique : ndarray of bool, shape (K,)
        Whether the ideal answer is the only one; where it is not, the error of x says little.
    """

    residual: Array
    reference_residual: Array
    unique: NDArray[np.bool_]


def judge(circuit: Circuit, vectors: Array, measurement: Measurement, form: Any) -> Judgement:
    """Return how the solutions of a circuit fulfil what was asked."""
    problem = problem_of(circuit)
    is_unique = problem.is_unique
    if form is not None and form.is_unique is not None:
        is_unique = form.is_unique
    answers = measurement.answer
    return Judgement(
        residual=problem.residual(circuit, vectors, measurement.solution),
        reference_residual=problem.residual(circuit, vectors, answers),
        unique=is_unique(circuit, vectors, answers),
    )


@dataclass(frozen=True, eq=False)
class Conversion:
    """What converters did to K right-hand sides, and whose share of the error is whose.

    The difference between solution and reference is the sum of four: ideal answer to what was
    sent, minus reference (input); outputs at rest, minus that (analog); as sampled, minus that
    (sampling); as rounded, minus that (output).  Each is given as its 2-norm over that of the
    reference, so the total is at most their sum.

    Parameters
    ----------
    input_error, analog_error, sampling_error, output_error : ndarray, shape (K,)
    input_saturated, output_saturated : ndarray of int, shape (K,)
        Values that ended at full scale, or at zero where there are no negative codes.
    input_full_scale, input_step : float
        [A], or [V] where the circuit drives its inputs; nan without converters.
    output_full_scale, output_step : float
        [V]; nan without rounding.
    sent : ndarray, shape (K, m)
        Right-hand sides as the circuit got them.
    at_rest : ndarray, shape (K, n)
        Solutions as they were before sampling and rounding.
    """

    input_error: Array
    analog_error: Array
    sampling_error: Array
    output_error: Array
    input_saturated: NDArray[np.intp]
    output_saturated: NDArray[np.intp]
    input_full_scale: float
    input_step: float
    output_full_scale: float
    output_step: float
    sent: Array
    at_rest: Array
