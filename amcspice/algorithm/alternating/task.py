"""What is factorised (`Problem`), on which circuit and for how long."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from amcspice.algorithm.alternating.data import Data, RightHandSides
from amcspice.algorithm.alternating.factorisation import Iteration, Scores
from amcspice.algorithm.alternating.regression import HalfStep
from amcspice.circuit.base import Array
from amcspice.engine import Analysis
from amcspice.errors import InputError
from amcspice.system.prediction import CALIBRATIONS

__all__ = ["FactorisationTask"]


@dataclass(frozen=True, eq=False, kw_only=True)
class FactorisationTask:
    """What is factorised, on which circuit and for how long.

    Parameters
    ----------
    data : Data
        Such as `DenseData` or `SparseData`.
    rank : int
        Columns of W; at most min(m, n).
    iterations : int
        Largest number of iterations.
    tolerance : float
        Stop once the relative residual falls by less than this fraction in an iteration;
        0 runs all iterations.
    seed : int
        Of the initial factors.
    circuit : str, optional
    parameters : mapping
        Of the circuit, see `amcspice.make_circuit`, but for the ridge, which the data hold;
        ``lasso`` is the digital twin's, too.
    score : callable, optional
        Takes W (m, rank) and H' (n, rank) after an iteration; returns figures to keep.
    checkpoint : Path, optional
        File that is replaced after an iteration, at most once a second, and at the end.
    resume : bool
        Continue from the checkpoint if there is one.
    on_iteration : callable, optional
        Called with the number of the iteration (from 1) and its figures.
    predicted : bool
        Predict ranges from the first regressions of every half-step, without the answers.
    number : int
        Tells it from others whose regressions are verified together.

    Raises
    ------
    InputError
        If a value does not fit.
    """

    data: Data
    rank: int
    iterations: int
    tolerance: float
    seed: int
    circuit: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    score: Callable[[Array, Array], Scores] | None = None
    checkpoint: Path | None = None
    resume: bool = False
    on_iteration: Callable[[int, Iteration], None] | None = None
    predicted: bool = False
    number: int = 0

    def __post_init__(self) -> None:
        """Validate."""
        shape = self.data.shape
        for name in ("rank", "iterations", "seed"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 0:
                raise InputError(f"{name} = {value!r} must be a whole number, not negative")
        if not isinstance(self.tolerance, int | float | np.number):
            raise InputError(f"tolerance = {self.tolerance!r} must be a number")
        if not 1 <= self.rank <= min(shape):
            raise InputError(f"rank = {self.rank} must be from 1 to {min(shape)} (V is {shape})")
        if self.iterations < 1:
            raise InputError(f"iterations = {self.iterations} must be at least 1")
        if not 0 <= self.tolerance < 1:
            raise InputError(f"tolerance = {self.tolerance} must be from 0 to below 1")
        if "ridge" in self.parameters:
            raise InputError("ridge is no parameter of the circuit here: give it to the data")

    def identity(self, analysis: Analysis) -> list[Any]:
        """Return everything that the state after an iteration depends on."""
        return [
            *self.data.identity, self.rank, self.tolerance, self.seed, self.circuit,
            repr(sorted(self.parameters.items())), repr(analysis),
            *(["predicted"] if self.predicted else []),
        ]  # fmt: skip

    def half_step(self, factor: Array, cycle: int) -> HalfStep:
        """Return the regressions on a factor; those of even cycles are for H."""
        m, n = self.data.shape
        transpose = cycle % 2 == 0
        return HalfStep(
            factor=factor,
            right_hand_sides=self.data.right_hand_sides(transpose=transpose),
            count=n if transpose else m,
            cycle=cycle,
            circuit=self.circuit,
            parameters={**self.parameters, **self.data.array_parameters},
            index=(self.number, cycle),
            calibration=self._calibration(transpose=transpose) if self.predicted else (),
            separate=self.data.separate,
        )

    def _calibration(self, *, transpose: bool) -> tuple[RightHandSides, ...]:
        """Return the first regressions, `CALIBRATIONS` of them at most."""
        found: list[RightHandSides] = []
        left = CALIBRATIONS
        for right in self.data.right_hand_sides(transpose=transpose):
            found.append(
                dataclasses.replace(right, numbers=right.numbers[:left], values=right.values[:left])
            )
            left -= len(found[-1].values)
            if left <= 0:
                break
        return tuple(found)

    def scores(self, W: Array, H: Array) -> tuple[Scores, ...]:
        """Return the figures of merit of a pair of factors, if there are any."""
        return () if self.score is None else (self.score(W, H),)
