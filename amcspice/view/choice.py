"""Which columns of a sweep are drawn on which axis of a plot."""

from __future__ import annotations

from dataclasses import dataclass

from amcspice.errors import InputError
from amcspice.view.points import REPEAT, Points, label

__all__ = ["KINDS", "Choice", "choose"]

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
    free_axes = [name for name in _candidates(points, flat) if name not in (x, y, by, panel)]
    if x is None and not flat:
        x = _take(free_axes, points) or _last_resort(points, by, panel)
    if by is None:
        by = _take(free_axes, points, most=None if kind == "heat" else MOST_DEFAULT_CURVES)
    if panel is None:
        panel = _take(free_axes, points, most=MOST_PANELS)
    choice = Choice(y or points.metrics[0], x, by, panel, kind)
    if kind == "heat" and choice.by is None:
        raise InputError("a heat map takes two axes; this sweep varies one: use --kind line")
    _check_sizes(points, choice)
    return choice


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


def _take(free_axes: list[str], points: Points, most: int | None = None) -> str | None:
    for name in free_axes:
        if name != REPEAT and (most is None or len(points.values(name)) <= most):
            free_axes.remove(name)
            return name
    return None


def _last_resort(points: Points, *used: str | None) -> str:
    for name in (*points.varied, *points.axis_names, *points.parameters):
        if name in points.frame and name not in used:
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
