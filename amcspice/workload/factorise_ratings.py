"""Factorising a table of ratings on the simulated circuit, and how good its predictions are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm import Factorisation, complete
from amcspice.algorithm.alternating.data import inner_products
from amcspice.algorithm.alternating.factorisation import Scores
from amcspice.errors import InputError
from amcspice.measure import Measurement
from amcspice.workload.ratings import Ratings, RatingTable
from amcspice.workload.recommend import Recommender

__all__ = [
    "ErrorByCount",
    "RatingFactorisation",
    "distributions",
    "error_by_count",
    "factorise_ratings",
    "rating_regressions",
]

Array = NDArray[np.float64]

QUANTILES = {"p05": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}


@dataclass(frozen=True, eq=False)
class RatingFactorisation:
    """Result of `factorise_ratings`.

    Parameters
    ----------
    ratings : Ratings
    held_out : RatingTable, optional
    factorisation : Factorisation
    """

    ratings: Ratings
    held_out: RatingTable | None
    factorisation: Factorisation

    @cached_property
    def analog(self) -> Recommender:
        """With the circuit's factors."""
        return Recommender(self.ratings, self.factorisation.W, self.factorisation.H)

    @cached_property
    def digital(self) -> Recommender:
        """With the digital twin's factors."""
        return Recommender(self.ratings, self.factorisation.digital_W, self.factorisation.digital_H)

    @property
    def coverage(self) -> float:
        """Held-out ratings whose user and item both have training ratings, as a fraction."""
        if self.held_out is None:
            return float("nan")
        return float(self.analog.predict(self.held_out)[1].mean())


def factorise_ratings(
    ratings: Ratings, held_out: RatingTable | None = None, *, rank: int = 8, **options: Any
) -> RatingFactorisation:
    """Factorise ratings; every regression leaves out what is missing.

    Parameters
    ----------
    ratings : Ratings
        For training.
    held_out : RatingTable, optional
        To be predicted after each iteration.
    rank : int
        Columns of the factors.
    **options
        See `amcspice.algorithm.complete`: ``iterations``, ``ridge`` (for each rating of
        a regression), ``analysis``, ``jobs``, ``checkpoint``, the circuit's parameters, ...

    Raises
    ------
    InputError
        If the input does not fit, or a checkpoint is of another run.
    SimulationError
        If a simulation fails.
    """
    if held_out is not None and not len(held_out):
        raise InputError("there are no held-out ratings")
    low, high = ratings.scale
    if low == high:
        raise InputError(
            f"all {ratings.matrix.nnz} ratings are {low:g}: every prediction would be cut to that, "
            "with an error of 0 whatever the circuit does; give ratings that differ"
        )

    def score(W: Array, H: Array) -> Scores:
        return _scores(ratings, held_out, W, H)

    return RatingFactorisation(
        ratings, held_out, complete(ratings.matrix, rank, score=score, **options)
    )


def rating_regressions(ratings: Ratings, iterations: int) -> int:
    """Return the number of regressions of a factorisation that does not stop early."""
    m, n = ratings.matrix.shape
    return iterations * (m + n)


def _scores(ratings: Ratings, held_out: RatingTable | None, W: Array, H: Array) -> Scores:
    matrix = ratings.matrix
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    fitted = np.clip(inner_products(W, H, rows, matrix.indices), *ratings.scale)
    scores = {"rmse_train": _rmse(fitted - matrix.data)}
    if held_out is not None:
        error = Recommender(ratings, W, H.T).predict(held_out)[0] - held_out.values
        scores |= {"rmse_test": _rmse(error), "mae_test": float(np.abs(error).mean())}
    return scores


def _rmse(error: Array) -> float:
    return float(np.sqrt(np.mean(error**2)))


@dataclass(frozen=True, eq=False)
class ErrorByCount:
    """Error of predictions against the number of training ratings behind them.

    Parameters
    ----------
    lowest, highest : ndarray of int, shape (B,)
        Training ratings in each bin.
    number : ndarray of int, shape (B,)
        Held-out ratings.
    rmse : ndarray, shape (B,)
    """

    lowest: NDArray[np.intp]
    highest: NDArray[np.intp]
    number: NDArray[np.intp]
    rmse: Array


def error_by_count(recommender: Recommender, held_out: RatingTable, axis: str) -> ErrorByCount:
    """Group held-out errors by the training ratings of the item, or of the user.

    Parameters
    ----------
    recommender : Recommender
    held_out : RatingTable
    axis : {"user", "item"}

    Returns
    -------
    ErrorByCount
        Bins 0, 1, 2 to 3, 4 to 7, ...; those without held-out ratings are left out.
    """
    matrix = recommender.ratings.matrix
    rows, columns = recommender.ratings.places(held_out)
    places, counts = rows, np.diff(matrix.indptr)
    if axis == "item":
        places, counts = columns, np.bincount(matrix.indices, minlength=matrix.shape[1])
    trained = np.where(places >= 0, counts[places], 0)
    error = recommender.predict(held_out)[0] - held_out.values
    bins = np.where(trained > 0, np.floor(np.log2(np.maximum(trained, 1))).astype(int) + 1, 0)
    number = np.bincount(bins)
    used = np.flatnonzero(number)
    lowest = np.where(used > 0, 2 ** np.maximum(used - 1, 0), 0)
    return ErrorByCount(
        lowest=lowest,
        highest=np.where(used > 0, 2 * lowest - 1, 0),
        number=number[used],
        rmse=np.sqrt(np.bincount(bins, error**2)[used] / number[used]),
    )


def distributions(measured: Measurement) -> dict[str, dict[str, float]]:
    """Return quantiles of settling time and energy over all regressions, units in the names."""
    return {
        "settling_time_s": _quantiles(measured.settling_time[measured.settled]),
        "energy_j": _quantiles(measured.energy),
    }


def _quantiles(values: Array) -> dict[str, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return dict.fromkeys(QUANTILES, float("nan"))
    levels = np.quantile(finite, list(QUANTILES.values()))
    return dict(zip(QUANTILES, levels.tolist(), strict=True))
