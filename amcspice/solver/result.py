"""What a simulation is asked for (`Analysis`) and what it returns (`Run`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from amcspice.circuit.base import Array
from amcspice.engine import Waveforms
from amcspice.errors import parameters

__all__ = ["Analysis", "Run"]

Positive = Annotated[float, Field(gt=0)]


@parameters
class Analysis:
    """How a circuit is simulated and measured.

    Parameters
    ----------
    fidelity : {"flat", "reduced", "ideal"}
        Deck cell by cell, deck with the network exactly reduced to its ports, or the algebraic
        answer.
    simulator : {"shared", "batch"}, optional
        None takes shared where PySpice can drive the installed libngspice, else batch.
    settle_tolerance : float
        Half-width of the settling band, as a fraction of the largest final value.
    full_scale : float
        Largest solution voltage aimed at, as a fraction of the positive output range.
    window, max_step : float, optional
        Time for a right-hand side and largest time step [s]; None is chosen from the circuit.
    relative_tolerance : float
        Of the simulator.
    matrix_solver : {"sparse", "klu"}, optional
        None is chosen by deck and installation.
    timeout : float, optional
        Of one simulation [s].
    """

    fidelity: Literal["flat", "reduced", "ideal"] = "reduced"
    simulator: Literal["shared", "batch"] | None = None
    settle_tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.01
    full_scale: Annotated[float, Field(gt=0, le=1)] = 0.25
    window: Positive | None = None
    max_step: Positive | None = None
    relative_tolerance: Annotated[float, Field(gt=0, lt=0.1)] = 1e-4
    matrix_solver: Literal["sparse", "klu"] | None = None
    timeout: Positive | None = None


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
    """

    x: Array
    reference: Array
    relative_error: Array
    settled: Array
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

    @property
    def all_settled(self) -> bool:
        """Whether every right-hand side came to rest."""
        return bool(self.settled.all())
