"""What of a sweep is drawn: which columns on which axis, and the curves that follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from amcspice.errors import InputError
from amcspice.view.points import REPEAT, Points, engineering, label

__all__ = ["KINDS", "Choice", "Curve", "Growth", "choose", "curves"]

Values = NDArray[np.float64]

KINDS = ("line", "heat", "hist", "ecdf")

MOST_CURVES = 24
MOST_PANELS = 16
MOST_DEFAULT_CURVES = 12
"""An axis with more values than this is not chosen for the curves unless it is asked for."""


@dataclass(frozen=True)
class Choice:
    """The columns of a plot.

    Parameters
    ----------
    y : str
        Column of numbers that is shown.
    x : str, optional
        Horizontal axis of lines and heat maps; distributions have none.
    by : str, optional
        One curve a value; the vertical axis of a heat map.
    panel : str, optional
        One panel a value.
    kind : str
        ``line``, ``heat``, ``hist`` or ``ecdf``.
    """

    y: str
    x: str | None = None
    by: str | None = None
    panel: str | None = None
    kind: str = "line"

    def __str__(self) -> str:
        parts = [self.kind, f"y {self.y}"]
        parts += [
            f"{role} {name}"
            for role, name in (("x", self.x), ("by", self.by), ("panel", self.panel))
            if name is not None
        ]
        return ", ".join(parts)

    @property
    def shown(self) -> set[str]:
        """The columns that are told apart in the plot."""
        return {name for name in (self.x, self.by, self.panel) if name is not None}

    def over(self, points: Points) -> dict[str, int]:
        """Return what varies but is not told apart, with its number of values."""
        return {
            name: len(values)
            for name, values in points.leading.items()
            if name not in self.shown and not points.follows(name, self.shown)
        }


@dataclass(frozen=True)
class Growth:
    """A power law fitted to a curve.

    Parameters
    ----------
    exponent, error : float
        Of ``y`` proportional to ``x ** exponent``; its standard error.
    """

    exponent: float
    error: float

    @classmethod
    def of(cls, x: Values, y: Values) -> Growth | None:
        """Fit by least squares of the logarithms; None below three points."""
        usable = (x > 0) & (y > 0)
        if len(np.unique(x[usable])) < 3:
            return None
        fit, spread = np.polyfit(np.log(x[usable]), np.log(y[usable]), 1, cov=True)
        return cls(float(fit[0]), float(np.sqrt(spread[0, 0])))


@dataclass(frozen=True)
class Curve:
    """Medians and quartiles of repeated points.

    Parameters
    ----------
    value : object
        Of the column that tells the curves apart.
    label : str
    x : list
        Values of the horizontal axis that have a point.
    median, low, high : numpy.ndarray, shape (len(x),)
        Of the values at each; quartiles.
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
    def growth(self) -> Growth | None:
        """The power law, where both axes are numbers."""
        if not all(isinstance(value, int | float | np.number) for value in self.x):
            return None
        return Growth.of(np.asarray(self.x, dtype=np.float64), self.median)


def choose(
    points: Points,
    *,
    x: str | None = None,
    y: str | None = None,
    by: str | None = None,
    panel: str | None = None,
    kind: str = "line",
) -> Choice:
    """Fill in what was not asked for from the axes of the sweep.

    The horizontal axis is the axis of numbers with the most values, the curves the next one,
    panels what is left; repeats are never chosen while there is another axis.

    Raises
    ------
    InputError
        If a column does not exist, holds nothing to draw, or has too many values.
    """
    if kind not in KINDS:
        raise InputError(f"there is no kind {kind!r}; use {', '.join(KINDS)}")
    flat = kind in ("hist", "ecdf")
    if flat and x is not None:
        raise InputError(f"a {kind} shows how y is distributed and takes no x; leave --x out")
    for name in (x, by, panel):
        if name is not None:
            points.check(name)
    if y is not None:
        points.check(y, number=True)
    elif not points.metrics:
        raise InputError("no point has a measured number to draw; see the errors of the points")
    free = [name for name in _candidates(points, flat) if name not in (x, y, by, panel)]
    if x is None and not flat:
        x = _take(free, points) or _last_resort(points, by, panel)
    if by is None:
        by = _take(free, points, most=None if kind == "heat" else MOST_DEFAULT_CURVES)
    if panel is None:
        panel = _take(free, points, most=MOST_PANELS)
    made = Choice(y or points.metrics[0], x, by, panel, kind)
    if kind == "heat" and made.by is None:
        raise InputError("a heat map takes two axes; this sweep varies one: use --kind line")
    _check_sizes(points, made)
    return made


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
    held = table[0.5].notna().to_numpy()
    low, median, high = table[held].to_numpy(dtype=np.float64).T
    x = [item for item, has in zip(at, held, strict=True) if has]
    return Curve(value, name, x, median, low, high, grouped.size().reindex(x).to_numpy())


def _candidates(points: Points, names_first: bool) -> list[str]:
    """Axes that vary: those of numbers before or after those of names, repeats last."""
    varied = points.leading
    axes = [name for name in points.axis_names if name in varied] or list(varied)
    return sorted(
        axes,
        key=lambda name: (
            name == REPEAT,
            points.is_number(name) == names_first,
            -len(varied[name]),
        ),
    )


def _take(free: list[str], points: Points, most: int | None = None) -> str | None:
    for name in free:
        if name != REPEAT and (most is None or len(points.values(name)) <= most):
            free.remove(name)
            return name
    return None


def _last_resort(points: Points, *taken: str | None) -> str:
    for name in (*points.varied, *points.axis_names, *points.parameters):
        if name in points.frame and name not in taken:
            return name
    raise InputError("the sweep has no parameter to draw over; name one with --x")


def _check_sizes(points: Points, choice: Choice) -> None:
    for name, most, option in (
        (choice.by, MOST_CURVES, "by"),
        (choice.panel, MOST_PANELS, "panel"),
    ):
        if name is None or (choice.kind == "heat" and option == "by"):
            continue
        count = len(points.values(name))
        if count > most:
            raise InputError(
                f"{label(name)} has {count} values and --{option} shows at most {most}; "
                "narrow it with --where, or use --kind heat"
            )
