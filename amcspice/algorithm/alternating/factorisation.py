"""Results of a factorisation: its factors and the figures of its iterations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amcspice.circuit.base import Array
from amcspice.errors import counted
from amcspice.measure import Measurement
from amcspice.simulation import Verification
from amcspice.system import Cost, Ledger, Technology, Work

__all__ = ["Factorisation", "Iteration", "Scores", "has_converged"]

Scores = dict[str, float]
"""Figures of merit of a pair of factors."""


@dataclass(frozen=True)
class Iteration:
    """Figures of one whole iteration.

    Parameters
    ----------
    relative_residual, digital_relative_residual : float
        Frobenius norm of V - W H over that of V, observed entries only.
    regressions : int
        Analog regressions in this iteration.
    settled : int
        How many of them came to rest.
    settling_time_median, settling_time_max : float
        [s].
    energy : float
        Of all of them [J].
    power_mean : float
        Total, at rest, of all sources [W].
    error_median, error_max : float
        Relative error of a regression against its reference.
    reseeded : int
        All-zero columns that were given a new random start.
    near_limit : int
        Regressions in which an amplifier ended at a limit that is no constraint, so that their
        solutions are wrong.
    below_floor : int
        Regressions whose outputs all stand at a floor above ground: times and energies leave
        them out.
    """

    relative_residual: float
    digital_relative_residual: float
    regressions: int
    settled: int
    settling_time_median: float
    settling_time_max: float
    energy: float
    power_mean: float
    error_median: float
    error_max: float
    reseeded: int
    near_limit: int
    below_floor: int = 0

    @classmethod
    def of(
        cls,
        measured: Measurement,
        *,
        relative_residual: float,
        digital_relative_residual: float,
        reseeded: int,
    ) -> Iteration:
        """Return the figures of an iteration from what was measured over its regressions."""
        times = measured.settling_time[measured.settled]
        errors = measured.relative_error[np.isfinite(measured.relative_error)]
        return cls(
            relative_residual=relative_residual,
            digital_relative_residual=digital_relative_residual,
            regressions=len(measured.settled),
            settled=int(measured.settled.sum()),
            settling_time_median=_reduce(np.nanmedian, times),
            settling_time_max=_reduce(np.nanmax, times),
            energy=_reduce(np.nansum, measured.energy),
            power_mean=_reduce(np.nanmean, measured.power["total"]),
            error_median=_reduce(np.median, errors),
            error_max=_reduce(np.max, errors),
            reseeded=reseeded,
            near_limit=int(measured.near_limit.sum()),
            below_floor=int(measured.below_floor.sum()),
        )


@dataclass(frozen=True, eq=False)
class Factorisation:
    """Result of `nmf` and `complete`.

    Parameters
    ----------
    W : ndarray, shape (m, rank)
    H : ndarray, shape (rank, n)
        Factors found by the circuit.
    digital_W, digital_H : ndarray
        Factors found by the digital twin.
    history : tuple of Iteration
    provenance : dict
        Of the last run.
    verification : Verification, optional
        If some regressions were run again at a higher fidelity.
    measured : Measurement
        Of every regression of every iteration.
    scores, digital_scores : tuple of dict
        What the scoring function gave after each iteration, where there is one.
    ledger : Ledger
        Every writing and operation, without the digital twin.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> V = np.outer([1.0, 2.0, 3.0], [1.0, 0.5, 0.25, 1.0])
    >>> found = amc.nmf(V, rank=1, iterations=2, fidelity="dc")
    >>> (found.W @ found.H).round(2)[1], found.history[-1].regressions
    (array([2. , 1. , 0.5, 2. ]), 7)
    """

    W: Array
    H: Array
    digital_W: Array
    digital_H: Array
    history: tuple[Iteration, ...]
    provenance: dict[str, Any] = field(default_factory=dict)
    verification: Verification | None = None
    measured: Measurement = field(default_factory=Measurement.blank)
    scores: tuple[Scores, ...] = ()
    digital_scores: tuple[Scores, ...] = ()
    ledger: Ledger = field(default_factory=Ledger)

    def cost(self, technology: str | Technology = "typical", **changes: Any) -> Cost:
        """Return what it costs in a technology, with writing and without.

        Parameters
        ----------
        technology : Technology or str or path
        **changes
            Single figures of it, such as ``macros=64``.
        """
        return Cost(Work.of(self.ledger), Technology.load(technology).changed(**changes))

    @property
    def approximation(self) -> Array:
        """W H, shape (m, n)."""
        return self.W @ self.H

    @property
    def digital_approximation(self) -> Array:
        """W H of the digital twin, shape (m, n)."""
        return self.digital_W @ self.digital_H

    def __repr__(self) -> str:
        """Return its figures in a few lines; `W`, `H` and `history` hold what is behind them."""
        (m, rank), n = self.W.shape, self.H.shape[1]
        lines = [f"{m} x {n} by rank {rank}: {counted(len(self.history), 'iteration')}"]
        if self.history:
            last, regressions = self.history[-1], sum(item.regressions for item in self.history)
            settled, near = (
                sum(getattr(item, name) for item in self.history)
                for name in ("settled", "near_limit")
            )
            lines.append(
                f"  relative residual: {last.relative_residual:.4g}, "
                f"of the digital twin {last.digital_relative_residual:.4g}"
            )
            lines.append(f"  regressions: {regressions}, settled {settled}, at a limit {near}")
            below = sum(item.below_floor for item in self.history)
            if below:
                lines.append(f"  below the floor: {below}, whose solutions cannot be read")
            energy = sum(item.energy for item in self.history)
            if np.isfinite(energy):
                lines.append(f"  energy: {energy:.3g} J")
        if self.verification is not None:
            lines.append(f"  {self.verification}")
        return "\n".join(lines)


def has_converged(history: Sequence[Iteration], tolerance: float) -> bool:
    """Whether the last iteration lowered the residual by too little; never for tolerance 0."""
    if tolerance == 0 or len(history) < 2:
        return False
    before, after = (item.relative_residual for item in history[-2:])
    return before - after < tolerance * before


def _reduce(function: Callable[[Array], Any], values: Array) -> float:
    usable = values[~np.isnan(values)]
    return float(function(usable)) if usable.size else float("nan")
