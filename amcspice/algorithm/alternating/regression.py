"""The regressions of a half-step, and what solves them: algebra here, circuits elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.data import RightHandSides
from amcspice.algorithm.alternating.selection import DigitalFactor
from amcspice.circuit.base import Array
from amcspice.measure import Measurement
from amcspice.pool import Pool, Report
from amcspice.simulation.sample import Index
from amcspice.simulation.verify import Verifier
from amcspice.system.ledger import Ledger

__all__ = ["STREAMS", "DigitalSolver", "HalfStep", "Share", "Solution", "Solver"]

STREAMS = 48
"""Streams of right-hand sides in a block, where nothing else is asked for."""


@dataclass(frozen=True, eq=False)
class HalfStep:
    """All regressions on one factor.

    Parameters
    ----------
    factor : ndarray, shape (m, rank)
        The one that is held fixed.
    right_hand_sides : iterable of RightHandSides
    count : int
        Number of regressions; of those without right-hand sides the solution is zero.
    cycle : int
        Number of the programming cycle.
    circuit, parameters
        See `amcspice.make_circuit`.
    index : tuple of int
        What the regressions have in common where some are drawn, see `Verifier`.
    calibration : tuple of RightHandSides
        The first of them, where ranges are predicted without the answers.
    separate : bool
        Whether every regression runs by itself, from rest: none depends on the one before.
    """

    factor: Array
    right_hand_sides: Iterable[RightHandSides]
    count: int
    cycle: int = 0
    circuit: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    index: Index = ()
    calibration: tuple[RightHandSides, ...] = ()
    separate: bool = False


@dataclass(frozen=True, eq=False)
class Solution:
    """Solutions of regressions on one factor, and what was measured.

    Parameters
    ----------
    numbers : ndarray of int, shape (K,)
        Of the regressions.
    values : ndarray, shape (K, rank)
    measured : Measurement
        Of those that were run.
    provenance : dict
        Of one of them.
    ledger : Ledger
        What it took.
    """

    numbers: NDArray[np.intp]
    values: Array
    measured: Measurement
    provenance: dict[str, Any]
    ledger: Ledger = field(default_factory=Ledger)

    @classmethod
    def join(
        cls, count: int, rank: int, parts: Sequence[Solution], ledger: Ledger | None = None
    ) -> Solution:
        """Put parts in their places, after what a ledger holds; what is in none of them is zero."""
        values = np.zeros((count, rank))
        for part in parts:
            values[part.numbers] = part.values
        provenance = [part.provenance for part in parts if part.provenance]
        ledger = Ledger() if ledger is None else ledger
        for part in parts:
            ledger.merge(part.ledger)
        return cls(
            numbers=np.arange(count),
            values=values,
            measured=Measurement.join([part.measured for part in parts]),
            provenance=provenance[-1] if provenance else {},
            ledger=ledger,
        )


@dataclass(frozen=True, eq=False)
class Share:
    """What is in a block of one half-step.

    Parameters
    ----------
    half_step : int
        Which one.
    factor : ProgrammedFactor, FactorRecords or DigitalFactor
        With the word lines that are needed.
    right_hand_sides : tuple of RightHandSides
    index : tuple of int
        See `HalfStep`.
    """

    half_step: int
    factor: Any
    right_hand_sides: tuple[RightHandSides, ...]
    index: Index

    @property
    def numbers(self) -> NDArray[np.intp]:
        """Of all regressions in order."""
        return np.concatenate([right.numbers for right in self.right_hand_sides])


class Solver(Protocol):
    """Solves non-negative regressions: on circuits, or as their digital twin."""

    @property
    def short(self) -> bool:
        """Whether blocks take less than a process takes to start."""
        ...

    @property
    def streams(self) -> int:
        """Streams of right-hand sides in a block."""
        ...

    def factor(self, half_step: HalfStep) -> Any:
        """Return the factor made ready for its regressions."""
        ...

    def write(
        self, ledger: Ledger, factor: Any, half_step: HalfStep, solutions: Sequence[Solution]
    ) -> None:
        """Enter into a ledger what it takes to make a factor ready for these solutions."""
        ...

    def solve(
        self,
        shares: Sequence[Share],
        report: Report,
        jobs: int | Pool = 1,
        verifier: Verifier | None = None,
    ) -> list[Solution]:
        """Solve the regressions of a block, those of every share in order.

        Parameters
        ----------
        shares : sequence of Share
        report : callable
            Called with the number of regressions finished since the last call.
        jobs : int or Pool
            Processes that may share a long stream.
        verifier : Verifier, optional
            Is shown every regression.
        """
        ...


@dataclass(frozen=True)
class DigitalSolver:
    """The digital twin: exact non-negative least squares."""

    short = True
    streams = STREAMS

    def factor(self, half_step: HalfStep) -> DigitalFactor:
        """See `Solver`."""
        return DigitalFactor(half_step.factor, half_step.parameters.get("lasso", 0.0))

    def write(
        self,
        ledger: Ledger,
        factor: DigitalFactor,
        half_step: HalfStep,
        solutions: Sequence[Solution],
    ) -> None:
        """See `Solver`: nothing is written."""

    def solve(
        self,
        shares: Sequence[Share],
        report: Report,
        jobs: int | Pool = 1,
        verifier: Verifier | None = None,
    ) -> list[Solution]:
        """See `Solver`."""
        nothing = Measurement.blank()
        return [
            Solution(
                share.numbers,
                share.factor.solve(share.right_hand_sides),
                nothing,
                {},
            )
            for share in shares
        ]
