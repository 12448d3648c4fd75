"""What a simulation is asked for (`Analysis`) and what it returns (`Run`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.circuit.base import Array
from amcspice.device import ADC, DAC
from amcspice.engine import Waveforms
from amcspice.errors import parameters

__all__ = ["Analysis", "Conversion", "Run", "Verification"]

Positive = Annotated[float, Field(gt=0)]


@parameters
class Analysis:
    """How a circuit is simulated and measured.

    Parameters
    ----------
    fidelity : {"flat", "reduced", "behavioural", "ideal"}
        Deck cell by cell, deck with the network exactly reduced to its ports, amplifier
        equations on the reduced network without ngspice, or the algebraic answer.
    simulator : {"shared", "batch"}, optional
        None takes shared where PySpice can drive the installed libngspice, else batch.
    settle_tolerance : float
        Half-width of the settling band, as a fraction of the largest final value.
    full_scale : float
        Largest solution voltage aimed at, as a fraction of the positive output range.
    window, max_step : float, optional
        Time for a right-hand side and largest time step [s]; None is chosen from the circuit,
        and the time ends when a forecast by its equations says that it is at rest.
    relative_tolerance : float
        Of the simulator; behavioural, of a step while an amplifier slews.
    matrix_solver : {"sparse", "klu"}, optional
        None is chosen by deck and installation.
    amplifiers : {"elements", "subcircuits"}
        Decks hold amplifiers as the fewest elements that give the same waveforms, and supply
        currents follow from what the outputs deliver; or as the sub-circuits of
        ``models/opamp.lib`` with their supply pins, which takes two to three times as long.
    timeout : float, optional
        Of one simulation [s].
    allow_unstable : bool
        Simulate circuits without a stable operating point, too, instead of refusing them: they
        end at the rails (``near_limit``) or never settle.  Their range is not halved.
    dac : DAC, optional
        Converters of the inputs; None sends what the problem says.
    adc : ADC, optional
        Converters of the outputs; None reads them at rest, without rounding.
    """

    fidelity: Literal["flat", "reduced", "behavioural", "ideal"] = "reduced"
    simulator: Literal["shared", "batch"] | None = None
    settle_tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.01
    full_scale: Annotated[float, Field(gt=0, le=1)] = 0.25
    window: Positive | None = None
    max_step: Positive | None = None
    relative_tolerance: Annotated[float, Field(gt=0, lt=0.1)] = 1e-4
    matrix_solver: Literal["sparse", "klu"] | None = None
    amplifiers: Literal["elements", "subcircuits"] = "elements"
    timeout: Positive | None = None
    allow_unstable: bool = False
    dac: DAC | None = None
    adc: ADC | None = None

    @property
    def converts(self) -> bool:
        """Whether there are converters."""
        return self.dac is not None or self.adc is not None


@dataclass(frozen=True, eq=False)
class Verification:
    """Some regressions run again at a higher fidelity.

    Parameters
    ----------
    fidelity : str
        That they were run again with.
    solution_deviation : ndarray, shape (N,)
        2-norm of the difference over that of the solution at the higher fidelity.
    settling_deviation : ndarray, shape (N,)
        Difference over the settling time at the higher fidelity; nan where one did not settle.
    """

    fidelity: str
    solution_deviation: Array
    settling_deviation: Array

    @property
    def largest_solution_deviation(self) -> float:
        """Of all that were checked."""
        return float(self.solution_deviation.max())

    @property
    def largest_settling_deviation(self) -> float:
        """Magnitude, of those that settled both times; nan if there are none."""
        known = self.settling_deviation[np.isfinite(self.settling_deviation)]
        return float(np.abs(known).max()) if known.size else float("nan")

    @classmethod
    def join(cls, parts: Sequence[Verification]) -> Verification | None:
        """Return several as one; None if there is none."""
        if not parts:
            return None
        return cls(
            fidelity=parts[0].fidelity,
            solution_deviation=np.concatenate([part.solution_deviation for part in parts]),
            settling_deviation=np.concatenate([part.settling_deviation for part in parts]),
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


@dataclass(frozen=True, eq=False)
class Run:
    """Result of a simulation; K right-hand sides.

    Parameters
    ----------
    x : ndarray, shape (n,) or (n, K)
        Solution as read from the outputs, shaped as the right-hand side was.
    reference : ndarray
        Ideal answer, same shape.
    relative_error : ndarray, shape (K,)
        2-norm.
    settled : ndarray of bool, shape (K,)
        False: the outputs were still moving at the end of the longest window.
    settling_time : ndarray, shape (K,)
        [s]; nan where not settled or not simulated.
    power : dict of str to ndarray, each shape (K,)
        At the end of the window [W]; see `amcspice.measure.Power`.
    energy : ndarray, shape (K,)
        From all sources until settled [J].
    waveforms : Waveforms, optional
        None for the ideal fidelity, or if they were not kept.
    volts_per_unit : float
        Volts for one unit of the column-scaled solution.
    range_halvings : int
        How often auto-range halved it.
    near_limit : bool
        Whether an amplifier rests near a rail or its current limit in every range tried: the
        solution is what the saturated circuit shows.
    amplifiers, cells : int
        Hardware used.
    provenance : dict
        Versions, options, hash of the deck, seed, wall time.
    verification : Verification, optional
        If some were run again at a higher fidelity.
    conversion : Conversion, optional
        If there are converters; ``x`` is what they give then.
    """

    x: Array
    reference: Array
    relative_error: Array
    settled: NDArray[np.bool_]
    settling_time: Array
    power: dict[str, Array]
    energy: Array
    waveforms: Waveforms | None
    volts_per_unit: float
    range_halvings: int
    near_limit: bool
    amplifiers: int
    cells: int
    provenance: dict[str, Any]
    verification: Verification | None = None
    conversion: Conversion | None = None

    @property
    def all_settled(self) -> bool:
        """Whether every right-hand side came to rest."""
        return bool(self.settled.all())
