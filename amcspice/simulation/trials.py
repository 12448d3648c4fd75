"""What trials of a circuit give (`Trials`), and what is left of many values (`Distribution`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit.base import Array
from amcspice.extras import extra
from amcspice.measure import Measurement
from amcspice.problem import CircuitForm
from amcspice.simulation.cautions import below_floor, saddle
from amcspice.simulation.verification import Verification

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
    measurement : Measurement
        Of T K right-hand sides, trial after trial; not a number in trials that failed.
    single : bool
        Whether the right-hand side was a vector.
    answer : ndarray, shape (K, n)
        Ideal answers.
    seeds : ndarray of int, shape (T,)
        Of each trial.
    failures : dict of int to str
        Trials without a result, and why.
    amplifiers, cells : int
        Hardware used.
    provenance : dict
        Of the first trial that ran, with the seed of all.
    verification : Verification, optional
        If some were run again at a higher fidelity.
    form : CircuitForm, optional
        Where the circuit solved another form of the problem.

    Examples
    --------
    >>> import amcspice as amc
    >>> circuit = amc.INV([[2.0, 1.0], [1.0, 3.0]], write_noise=0.02)
    >>> trials = amc.monte_carlo(circuit, [3.0, 5.0], trials=20, fidelity="dc")
    >>> trials.relative_error.shape
    (20, 1)
    """

    measurement: Measurement
    single: bool
    answer: Array
    seeds: NDArray[np.int64]
    failures: dict[int, str]
    amplifiers: int
    cells: int
    provenance: dict[str, Any]
    verification: Verification | None = None
    form: CircuitForm | None = None

    def _by_trial(self, values: Any) -> Any:
        return values.reshape(len(self), -1, *values.shape[1:])

    def _restored(self, values: Array) -> Any:
        return values if self.form is None else self.form.restore(values)

    @property
    def x(self) -> Any:
        """Solutions, shape (T, n) or (T, n, K)."""
        solutions = self._by_trial(self._restored(self.measurement.solution))
        return solutions[:, 0] if self.single else np.swapaxes(solutions, 1, 2)

    @property
    def reference(self) -> Any:
        """Ideal answer, shape (n,) or (n, K)."""
        answers = self._restored(self.answer)
        return answers[0] if self.single else answers.T

    @property
    def relative_error(self) -> Array:
        """Errors, shape (T, K)."""
        errors = self.measurement.relative_error
        if self.form is not None and self.form.error is not None:
            answers = np.tile(self.answer, (len(self), 1))
            solutions = self._restored(self.measurement.solution)
            errors = self.form.error(solutions, self._restored(answers))
        by_trial: Array = self._by_trial(errors)
        return by_trial

    @property
    def settled(self) -> NDArray[np.bool_]:
        """Whether the outputs came to rest, shape (T, K)."""
        settled: NDArray[np.bool_] = self._by_trial(self.measurement.settled)
        return settled

    @property
    def saddle(self) -> NDArray[np.bool_]:
        """Whether they stand at an equilibrium from which modes grow, shape (T, K)."""
        saddle: NDArray[np.bool_] = self._by_trial(self.measurement.saddle)
        return saddle

    @property
    def below_floor(self) -> NDArray[np.bool_]:
        """Whether every output stands at a floor above ground, shape (T, K)."""
        below: NDArray[np.bool_] = self._by_trial(self.measurement.below_floor)
        return below

    @property
    def settling_time(self) -> Array:
        """Settling times, shape (T, K) [s]."""
        times: Array = self._by_trial(self.measurement.settling_time)
        return times

    @property
    def energy(self) -> Array:
        """Energies until settled, shape (T, K) [J]."""
        energies: Array = self._by_trial(self.measurement.energy)
        return energies

    @property
    def power(self) -> dict[str, Array]:
        """Power by part, each shape (T, K) [W]."""
        return {name: self._by_trial(watts) for name, watts in self.measurement.power.items()}

    @property
    def near_limit(self) -> NDArray[np.bool_]:
        """Trials in which an amplifier rests near a limit, shape (T,)."""
        near: NDArray[np.bool_] = self._by_trial(self.measurement.near_limit).any(axis=1)
        return near

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

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the distributions do not say by themselves; see `Run.cautions`."""
        count, near = len(self), int(self.near_limit.sum())
        said = []
        if self.not_settled.size:
            said.append(
                f"{self.not_settled.size} of {count} trials did not settle; settling times and "
                "energies are those of the others"
            )
        said += filter(None, (saddle(self.measurement), below_floor(self.measurement)))
        if near:
            said.append(
                f"in {near} of {count} trials an amplifier ends at a limit, so that x is wrong"
            )
        if self.failures:
            said.append(f"{len(self.failures)} of {count} trials failed")
        if self.verification is not None and self.verification.caution:
            said.append(self.verification.caution)
        return tuple(said)

    def __repr__(self) -> str:
        """Return the distributions in a few lines."""
        lines = [f"{len(self)} trials of {self.settled.shape[1]} right-hand sides"]
        for name, values in self.distributions().items():
            if values.count:
                lines.append(
                    f"  {name}: {values.median:.3g} ({values.low:.3g} to {values.high:.3g}), "
                    f"{values.count} values"
                )
        if self.verification is not None:
            lines.append(f"  {self.verification}")
        lines += [f"  caution: {sentence}" for sentence in self.cautions]
        return "\n".join(lines)

    def to_pandas(self) -> pandas.DataFrame:
        """Return every value as a table indexed by trial and right-hand side."""
        with extra("sweep"):
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
