"""What trials of a circuit give (`Trials`), and what is left of many values (`Distribution`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit.base import Array
from amcspice.solver.result import Verification

if TYPE_CHECKING:
    import pandas

__all__ = ["Distribution", "Trials"]

LOW, HIGH = 0.05, 0.95
"""Quantiles of a `Distribution` beside the median."""


@dataclass(frozen=True)
class Distribution:
    """What is left of many values; nan where there is none.

    Parameters
    ----------
    median, low, high : float
        Quantiles 0.5, 0.05 and 0.95 of the finite values, interpolated linearly.
    count : int
        Finite values.
    """

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: ArrayLike) -> Distribution:
        """Return the distribution of values of any shape."""
        given = np.asarray(values, dtype=float)
        finite = given[np.isfinite(given)]
        if not finite.size:
            return cls(np.nan, np.nan, np.nan, 0)
        low, median, high = np.quantile(finite, [LOW, 0.5, HIGH])
        return cls(float(median), float(low), float(high), finite.size)


@dataclass(frozen=True, eq=False)
class Trials:
    """Result of `monte_carlo`; T trials of K right-hand sides.

    Parameters
    ----------
    x : ndarray, shape (T, n) or (T, n, K)
        Solutions; nan in trials that failed, here and below.
    reference : ndarray, shape (n,) or (n, K)
        Ideal answer.
    relative_error : ndarray, shape (T, K)
        2-norm; of what did not settle, at the end of the longest window.
    settled : ndarray of bool, shape (T, K)
    settling_time : ndarray, shape (T, K)
        [s]; nan where not settled.
    power : dict of str to ndarray, each shape (T, K)
        At the end of the window [W]; see `amcspice.measure.Power`.
    energy : ndarray, shape (T, K)
        From all sources until settled [J].
    near_limit : ndarray of bool, shape (T,)
        Whether an amplifier rests near a limit in every range tried.
    seeds : ndarray of int, shape (T,)
        Seed of the cells and of the amplifiers of every trial.
    failures : dict of int to str
        Why trials failed: the cells drawn make the circuit unstable, or its simulation failed.
    amplifiers, cells : int
        Hardware used.
    provenance : dict
        As in `Run`, of all trials together.
    verification : Verification, optional
        If some were run again at a higher fidelity.
    """

    x: Array
    reference: Array
    relative_error: Array
    settled: NDArray[np.bool_]
    settling_time: Array
    power: dict[str, Array]
    energy: Array
    near_limit: NDArray[np.bool_]
    seeds: NDArray[np.int64]
    failures: dict[int, str]
    amplifiers: int
    cells: int
    provenance: dict[str, Any]
    verification: Verification | None = None

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def not_settled(self) -> NDArray[np.intp]:
        """Trials that ran and in which a right-hand side did not settle."""
        trials = np.flatnonzero(~self.settled.all(axis=1))
        return np.setdiff1d(trials, list(self.failures)).astype(np.intp)

    def distributions(self) -> dict[str, Distribution]:
        """Return the distribution of every quantity, over trials and right-hand sides.

        Names are those of the fields; power is ``power.total`` and so on.
        """
        return {name: Distribution.of(values) for name, values in self._quantities().items()}

    def to_pandas(self) -> pandas.DataFrame:
        """Return every value as a table indexed by trial and right-hand side."""
        import pandas

        index = pandas.MultiIndex.from_product(
            [range(len(self)), range(self.settled.shape[1])], names=["trial", "rhs"]
        )
        columns = {"settled": self.settled, **self._quantities()}
        return pandas.DataFrame(
            {name: values.ravel() for name, values in columns.items()}, index=index
        )

    def _quantities(self) -> dict[str, Array]:
        return {
            "relative_error": self.relative_error,
            "settling_time": self.settling_time,
            "energy": self.energy,
            **{f"power.{name}": values for name, values in self.power.items()},
        }
