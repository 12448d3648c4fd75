"""The curves of a plot of a sweep: medians and quartiles of repeated points, and their growth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.extras import extra
from amcspice.view.choice import Choice
from amcspice.view.points import Points, engineering

with extra("sweep"):
    import pandas as pd

__all__ = ["Curve", "PowerLaw", "curves"]

Values = NDArray[np.float64]

FEWEST_SIZES = 5
"""Below this the standard error of an exponent hangs on one or two degrees of freedom."""


@dataclass(frozen=True)
class PowerLaw:
    """A power law fitted to a curve.

    Parameters
    ----------
    exponent : float
        Of ``y`` proportional to ``x ** exponent``.
    error : float or None
        Standard error of the exponent; None below five different sizes, of which an error means
        nothing.
    """

    exponent: float
    error: float | None

    def __str__(self) -> str:
        """Return the exponent, with its error where there is one."""
        error = "" if self.error is None else f" ± {self.error:.2f}"
        return f"{self.exponent:.2f}{error}"

    @classmethod
    def of(cls, x: Values, y: Values) -> PowerLaw | None:
        """Fit by least squares of the logarithms; None below three points."""
        usable = (x > 0) & (y > 0)
        sizes = len(np.unique(x[usable]))
        if sizes < 3:
            return None
        fit, spread = np.polyfit(np.log(x[usable]), np.log(y[usable]), 1, cov=True)
        error = float(np.sqrt(spread[0, 0])) if sizes >= FEWEST_SIZES else None
        return cls(float(fit[0]), error)


@dataclass(frozen=True)
class Curve:
    """Medians and quartiles of repeated points.

    Parameters
    ----------
    value : object
        Value of the column that tells the curves apart.
    label : str
    x : list
        Values of the horizontal axis that have a point.
    median, low, high : numpy.ndarray, shape (len(x),)
        Median and quartiles of the values at each.
    count : numpy.ndarray of int, shape (len(x),)
    """

    value: Any
    label: str
    x: list[Any]
    median: Values
    low: Values
    high: Values
    count: NDArray[np.int64]

    @property
    def growth(self) -> PowerLaw | None:
        """The power law, where both axes are numbers."""
        if not all(isinstance(value, int | float | np.number) for value in self.x):
            return None
        return PowerLaw.of(np.asarray(self.x, dtype=np.float64), self.median)


def curves(points: Points, choice: Choice) -> Iterator[tuple[Any, list[Curve]]]:
    """Yield a panel's value and its curves, panel by panel.

    Without a column for panels there is one, with the value None.
    """
    frame = points.frame.assign(_y=points.numbers(choice.y))
    frame = frame[np.isfinite(frame["_y"])]
    for value, part in _split(points, frame, choice.panel):
        yield (
            value,
            [_curve(points, choice, of, rows) for of, rows in _split(points, part, choice.by)],
        )


def _split(
    points: Points, frame: pd.DataFrame, name: str | None
) -> Iterator[tuple[Any, pd.DataFrame]]:
    if name is None:
        yield None, frame
        return
    for value in points.values(name):
        part = frame[frame[name].isna() if value is None else frame[name] == value]
        if len(part):
            yield value, part


def _curve(points: Points, choice: Choice, value: Any, rows: pd.DataFrame) -> Curve:
    name = "" if choice.by is None else engineering(value, points.unit(choice.by))
    if choice.x is None:
        values = rows["_y"].to_numpy()
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75])[:, None]
        return Curve(value, name, [None], median, low, high, np.array([len(values)]))
    at = points.places(choice.x)
    grouped = rows.groupby(choice.x)["_y"]
    table = grouped.quantile([0.25, 0.5, 0.75]).unstack().reindex(at)
    present = table[0.5].notna().to_numpy()
    low, median, high = table[present].to_numpy(dtype=np.float64).T
    x = [value_of_x for value_of_x, has in zip(at, present, strict=True) if has]
    return Curve(value, name, x, median, low, high, grouped.size().reindex(x).to_numpy())
