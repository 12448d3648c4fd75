"""The points of a sweep: every combination of its axes, complete, validated and with its key.

A plan keeps the keys only; the parameters of a point are made when they are needed, so that a
hundred thousand points fit into memory.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amcspice.errors import InputError, did_you_mean
from amcspice.settings.table import PARAMETERS, convert
from amcspice.sweep.outcome import Scalar, point_key
from amcspice.sweep.spec.defaults import fill_defaults
from amcspice.sweep.spec.ranges import axis_values, convert_at
from amcspice.sweep.spec.specification import Spec

__all__ = ["MOST_POINTS", "FillDefaults", "Grid", "GridAxis", "Plan", "make_grid", "make_plan"]

MOST_POINTS = 100_000
"""Largest size of a sweep that nobody confirmed."""

FillDefaults = Callable[[Mapping[str, Any]], dict[str, Scalar]]
"""Takes some parameters, returns all of them in SI units; raises `InputError`."""


@dataclass(frozen=True)
class GridAxis:
    """Values along one direction of the grid.

    Parameters
    ----------
    names : tuple of str
        The parameters that advance together.
    places : tuple of tuple
        Their values at each place, in SI units.
    """

    names: tuple[str, ...]
    places: tuple[tuple[Scalar, ...], ...]

    def __len__(self) -> int:
        return len(self.places)

    def at(self, place: int) -> dict[str, Scalar]:
        """Return the parameters at a place."""
        return dict(zip(self.names, self.places[place], strict=True))

    def columns(self) -> dict[str, tuple[Scalar, ...]]:
        """Return the values of each parameter."""
        return dict(zip(self.names, zip(*self.places, strict=True), strict=True))


@dataclass(frozen=True)
class Grid:
    """The product of axes, over a base; the last axis varies fastest.

    Parameters
    ----------
    spec : Spec
    axes : tuple of GridAxis
    """

    spec: Spec
    axes: tuple[GridAxis, ...]

    def __len__(self) -> int:
        return math.prod(len(axis) for axis in self.axes)

    def places(self, index: int) -> tuple[int, ...]:
        """Return the place of a point on each axis."""
        places = []
        for axis in reversed(self.axes):
            index, place = divmod(index, len(axis))
            places.append(place)
        return tuple(reversed(places))

    def index(self, places: Sequence[int]) -> int:
        """Return the number of a point."""
        number = 0
        for axis, place in zip(self.axes, places, strict=True):
            number = number * len(axis) + place
        return number

    def settings(self, places: Sequence[int]) -> dict[str, Scalar]:
        """Return the parameters that base and axes give to a point."""
        parameters = dict(self.spec.base)
        for axis, place in zip(self.axes, places, strict=True):
            parameters.update(zip(axis.names, axis.places[place], strict=True))
        return parameters

    def named(self) -> dict[str, list[Scalar]]:
        """Return the values of each axis by its name.

        Parameters that advance together are one axis, named for the first of them whose values
        all differ, or for all of them, joined by ``+``.
        """
        from amcspice.sweep.store.table import label

        axes: dict[str, list[Scalar]] = {}
        for axis in self.axes:
            for name, values in axis.columns().items():
                if len(set(values)) == len(values):
                    axes[name] = list(values)
                    break
            else:
                axes["+".join(axis.names)] = [label(place) for place in axis.places]
        return axes


@dataclass(frozen=True)
class Plan:
    """A validated sweep.

    Parameters
    ----------
    grid : Grid
    keys : tuple of str
        Key of every point, in order.
    fill_defaults : callable
        Fills in what the parameters of a point leave open.
    """

    grid: Grid
    keys: tuple[str, ...]
    fill_defaults: FillDefaults = field(repr=False)

    @property
    def name(self) -> str:
        """Name of the sweep."""
        return self.grid.spec.name

    def __len__(self) -> int:
        return len(self.keys)

    def parameters(self, index: int) -> dict[str, Scalar]:
        """Return all parameters of a point."""
        return self.fill_defaults(self.grid.settings(self.grid.places(index)))


def make_grid(spec: Spec) -> Grid:
    """Return the axes of a specification in SI units.

    Raises
    ------
    InputError
        If a name is unknown or a value cannot be.
    """
    for name, path in spec.paths().items():
        if name not in PARAMETERS:
            raise spec.error(path, f"unknown parameter; {did_you_mean(name, PARAMETERS)}")
    for name, value in spec.base.items():
        convert_at(spec, ["base", name], name, value)
    axes = []
    for spec_axis in spec.axes:
        columns: dict[str, tuple[Scalar, ...]] = {}
        for name, values in spec_axis.values.items():
            path = [*spec_axis.place, name]
            columns[name] = axis_values(spec, path, name, values)
            first, length = next(iter(columns.items()))
            if len(columns[name]) != len(length):
                raise spec.error(
                    path,
                    f"{len(columns[name])} values, but {first}, which advances with it, has "
                    f"{len(length)}",
                )
        places = tuple(zip(*columns.values(), strict=True))
        if len(set(places)) < len(places):
            twice = next(place for place in places if places.count(place) > 1)
            shown = ", ".join(
                f"{name} = {value}" for name, value in zip(columns, twice, strict=True)
            )
            raise spec.error([*spec_axis.place, next(iter(columns))], f"{shown} stands there twice")
        axes.append(GridAxis(tuple(columns), places))
    if spec.repeats > 1:
        seed = convert("seed", spec.base.get("seed", PARAMETERS["seed"].default))
        assert isinstance(seed, int)
        seeds = tuple((seed + number,) for number in range(spec.repeats))
        axes.append(GridAxis(("seed",), seeds))
    return Grid(spec, tuple(axes))


def make_plan(
    grid: Grid,
    *,
    fill_defaults: FillDefaults = fill_defaults,
    report: Callable[[float], None] | None = None,
) -> Plan:
    """Validate every point of a grid and return the plan.

    Parameters
    ----------
    grid : Grid
    fill_defaults : callable, optional
        Fills in and checks the parameters of a point; default: as `Experiment` does.
    report : callable, optional
        Told how many points were checked since the last call.

    Raises
    ------
    InputError
        If a combination is impossible, with the line of a parameter that takes part in it.
    """
    _check_every_value(grid, fill_defaults)
    keys: list[str] = []
    number_of: dict[str, int] = {}
    for number, places in enumerate(itertools.product(*(range(len(axis)) for axis in grid.axes))):
        key = point_key(_completed(grid, places, fill_defaults, ()))
        keys.append(key)
        if number_of.setdefault(key, number) != number:
            raise _same(grid, number_of[key], number)
        if report is not None and number % 1000 == 999:
            report(1000)
    return Plan(grid, tuple(keys), fill_defaults)


def _check_every_value(grid: Grid, fill_defaults: FillDefaults) -> None:
    """Try every value of every axis once, others at their first: blame is clearest here."""
    origin = [0] * len(grid.axes)
    _completed(grid, origin, fill_defaults, ())
    for number, axis in enumerate(grid.axes):
        for place in range(1, len(axis)):
            places = [*origin[:number], place, *origin[number + 1 :]]
            _completed(grid, places, fill_defaults, axis.names)


def _completed(
    grid: Grid, places: Sequence[int], fill_defaults: FillDefaults, names: Sequence[str]
) -> dict[str, Scalar]:
    settings = grid.settings(places)
    try:
        return fill_defaults(settings)
    except InputError as error:
        varied = [name for axis in grid.axes for name in axis.names]
        point = ", ".join(f"{name} = {settings[name]}" for name in varied)
        remark = f"(at the point {point})" if point else ""
        raise grid.spec.error_about(str(error), names, settings, remark) from None


def _same(grid: Grid, first: int, second: int) -> InputError:
    first_settings, second_settings = (
        grid.settings(grid.places(index)) for index in (first, second)
    )
    differing = [name for name in first_settings if first_settings[name] != second_settings[name]]
    shown = " and ".join(
        ", ".join(f"{name} = {point[name]}" for name in differing)
        for point in (first_settings, second_settings)
    )
    return grid.spec.error_about(f"two points are the same experiment: {shown}", differing, {})
