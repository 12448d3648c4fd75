"""The points of a sweep as plots and report see them: a table, its axes, its units.

Nothing here knows how points are run or stored: the table is a pandas data frame, one row a
point, with a column for every parameter and every metric.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.ticker import EngFormatter
from numpy.typing import NDArray

from amcspice.errors import InputError, did_you_mean
from amcspice.extras import extra

with extra("sweep"):
    import pandas as pd

__all__ = ["REPEAT", "Points", "engineering", "label", "spacing"]

Values = NDArray[np.float64]

BOOKKEEPING = ("key", "status", "error", "deck", "seconds", "finished_at")
"""Columns that are neither parameter nor metric."""

REPEAT = "seed"
"""The axis along which a point is only repeated."""

HEADLINES = (
    "settling_time_median_s",
    "relative_error_median",
    "power_total_w",
    "energy_median_j",
)
"""Metrics that are shown first."""

LOG_FROM = 10.0
"""Two values that are this factor apart count as logarithmically spaced."""

_SUFFIXES = {"s": "s", "W": "w", "J": "j", "V": "v", "A": "a", "Hz": "hz"}


@dataclass(frozen=True, eq=False)
class Points:
    """The points of a sweep.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a point: ``key``, ``status`` ("done" or "failed"), ``error``, and a column for each
        parameter and metric, in SI units.
    axes : mapping of str to sequence
        The parameters that the sweep varies, with their values.
    units : mapping of str to str, optional
        Unit of a column; a column that is not in it has none.
    parameters : sequence of str, optional
        Columns that are parameters, beside the axes; every other column of numbers is a metric.
    """

    frame: pd.DataFrame
    axes: Mapping[str, Sequence[Any]]
    units: Mapping[str, str] = field(default_factory=dict)
    parameters: Sequence[str] = ()
    _values: dict[str, list[Any]] = field(default_factory=dict, init=False, repr=False)

    @functools.cached_property
    def axis_names(self) -> list[str]:
        """The axes, and behind one of parameters that advance together, ``a+b``, its parameters.

        Where one of them tells the places of the axis apart, it stands for the axis.
        """
        names: list[str] = []
        for axis in self.axes:
            parts = [part for part in axis.split("+") if part in self.frame]
            leads = [part for part in parts if all(self.follows(other, [part]) for other in parts)]
            names += [*leads, axis, *parts] if not leads else [*leads, *parts]
        return [name for name in dict.fromkeys(names) if name in self.frame]

    @property
    def failed(self) -> pd.DataFrame:
        """The points that failed."""
        return self.frame[self.frame["status"] == "failed"]

    @functools.cached_property
    def metrics(self) -> list[str]:
        """Columns of measured numbers, those that are shown first in front."""
        not_metrics = {*BOOKKEEPING, *self.parameters, *self.axes, *self.axis_names}
        numeric = [
            name for name in self.frame.columns if name not in not_metrics and self._counts(name)
        ]
        first = [name for name in HEADLINES if name in numeric]
        return first + [name for name in numeric if name not in first]

    @functools.cached_property
    def varied(self) -> dict[str, list[Any]]:
        """Axes, then other parameters, that have more than one value in the table."""
        names = dict.fromkeys([*self.axis_names, *self.parameters])
        values = {name: self.values(name) for name in names if name in self.frame}
        return {name: levels for name, levels in values.items() if len(levels) > 1}

    @functools.cached_property
    def leading(self) -> dict[str, list[Any]]:
        """What varies, without parameters that follow from the axes."""
        leading: dict[str, list[Any]] = {}
        axes: list[str] = []
        for name, values in self.varied.items():
            is_axis = name in self.axis_names
            followed = any(self.follows(name, [axis]) for axis in axes)
            if not (followed if is_axis else self.follows(name, axes)):
                leading[name] = values
                axes += [name] if is_axis else []
        return leading

    @functools.cached_property
    def constants(self) -> dict[str, Any]:
        """Parameters that have one value in the whole table."""
        names = dict.fromkeys([*self.axis_names, *self.parameters])
        column_values = {name: self.values(name) for name in names if name in self.frame}
        return {name: values[0] for name, values in column_values.items() if len(values) == 1}

    def values(self, name: str) -> list[Any]:
        """Return the values of a column, each once: numbers sorted, others as the axis has them.

        None stands last, for points that have no value where others have one.
        """
        if name not in self._values:
            self._values[name] = self._find_values(name)
        return self._values[name]

    def _find_values(self, name: str) -> list[Any]:
        column = self.frame[name]
        distinct = list(pd.unique(column.dropna()))
        if self.is_number(name):
            distinct = sorted(distinct)
        else:
            order = {value: k for k, value in enumerate(self.axes.get(name, ()))}
            distinct = sorted(distinct, key=lambda value: order.get(value, len(order)))
        return [*distinct, None] if distinct and column.isna().any() else distinct

    def places(self, name: str) -> list[Any]:
        """Return the values of a column that have a place on an axis."""
        return [value for value in self.values(name) if value is not None]

    def where(self, name: str, value: Any) -> NDArray[np.bool_]:
        """Return which points have a value; None: which have none."""
        column = self.frame[name]
        mask: NDArray[np.bool_] = (column.isna() if value is None else column == value).to_numpy()
        return mask

    def follows(self, name: str, others: Collection[str]) -> bool:
        """Return whether a parameter is fixed by others, as one that advances with them is."""
        if not others:
            return False
        groups = self.frame.groupby(sorted(others), dropna=False, observed=True)[name]
        return bool((groups.nunique(dropna=False) <= 1).all())

    def numbers(self, name: str) -> Values:
        """Return a column as floats; what failed or has no value is nan."""
        numbers: Values = pd.to_numeric(self.frame[name], errors="coerce").to_numpy(np.float64)
        return numbers

    def is_number(self, name: str) -> bool:
        """Return whether a column holds numbers, and not only yes and no."""
        present = self.frame[name].dropna()
        return not present.empty and all(
            isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
            for value in pd.unique(present)[:1000]
        )

    def unit(self, name: str) -> str:
        """Return the unit of a column."""
        return self.units.get(name, "")

    def check(self, name: str, *, number: bool = False) -> None:
        """Make sure that there is such a column.

        Raises
        ------
        InputError
            With the columns that there are.
        """
        columns = [item for item in self.frame.columns if item not in BOOKKEEPING]
        if name not in columns:
            raise InputError(
                f"there is no column {name!r}; {did_you_mean(name, columns)}\n"
                f"  parameters that vary: {', '.join(self.varied) or 'none'}\n"
                f"  metrics: {', '.join(self.metrics) or 'none'}"
            )
        if number and not self._counts(name):
            raise InputError(
                f"column {name!r} holds no numbers to draw; metrics are {', '.join(self.metrics)}"
            )

    def _counts(self, name: str) -> bool:
        """Whether a column can be drawn over another: numbers, yes and no too."""
        present = self.frame[name].dropna()
        return not present.empty and bool(pd.to_numeric(present, errors="coerce").notna().any())


def label(name: str, unit: str = "") -> str:
    """Return the name of a column as words, without the unit that a metric's name ends in."""
    suffix = _SUFFIXES.get(unit)
    words = name.removesuffix(f"_{suffix}") if suffix else name
    for statistic in ("median", "max"):
        words = words.replace(f"_{statistic}", f", {statistic}")
    return {"gbw": "GBW"}.get(words, words.replace("_", " "))


def engineering(value: Any, unit: str = "") -> str:
    """Return a value as people write it: ``10 MHz``; a number without unit as it is."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if not isinstance(value, int | float | np.number):
        return str(value)
    number = float(value)
    if not math.isfinite(number):
        return "-"
    if unit:
        return EngFormatter({"ohm": "Ω"}.get(unit, unit))(float(f"{number:.4g}"))
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e6 else f"{number:.4g}"


def spacing(values: Sequence[float] | Values) -> str:
    """Return how the values of an axis are spaced.

    Returns
    -------
    str
        ``log``, ``symlog`` (logarithmic, and zero) or ``linear``.
    """
    levels = np.unique(np.asarray(values, dtype=np.float64))
    levels = levels[np.isfinite(levels)]
    if levels.size < 2 or levels[0] < 0:
        return "linear"
    if levels[0] == 0:
        return "symlog" if levels.size > 3 and spacing(levels[1:]) == "log" else "linear"
    if levels.size == 2:
        return "log" if levels[1] >= LOG_FROM * levels[0] else "linear"
    ratios, steps = np.diff(np.log(levels)), np.diff(levels)
    even = ratios.std() / ratios.mean() < steps.std() / steps.mean()
    return "log" if even and levels[-1] >= 4 * levels[0] else "linear"
