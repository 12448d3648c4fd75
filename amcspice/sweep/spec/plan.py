"""The points of a sweep: every combination of its axes, complete, validated and with its key.

A plan keeps the keys only; the parameters of a point are made when they are needed, so that a
hundred thousand points fit into memory.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amcspice.errors import InputError, did_you_mean
from amcspice.sweep.outcome import Scalar, point_key
from amcspice.sweep.spec.experiment import Experiment
from amcspice.sweep.spec.parameters import PARAMETERS, convert
from amcspice.sweep.spec.specification import Range, Spec, Values

__all__ = ["MOST_POINTS", "Axis", "Grid", "Plan", "complete", "make_grid", "make_plan"]

MOST_POINTS = 100_000
"""Of a sweep that nobody confirmed."""

MOST_ON_AXIS = 10_000_000

Complete = Callable[[Mapping[str, Any]], dict[str, Scalar]]
"""Takes given parameters, returns all of them in SI units; raises `InputError`."""


@dataclass(frozen=True)
class Axis:
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
    axes : tuple of Axis
    """

    spec: Spec
    axes: tuple[Axis, ...]

    def __len__(self) -> int:
        return math.prod(len(axis) for axis in self.axes)

    def places(self, index: int) -> tuple[int, ...]:
        """Return the place of a point on each axis."""
        found = []
        for axis in reversed(self.axes):
            index, place = divmod(index, len(axis))
            found.append(place)
        return tuple(reversed(found))

    def index(self, places: Sequence[int]) -> int:
        """Return the number of a point."""
        number = 0
        for axis, place in zip(self.axes, places, strict=True):
            number = number * len(axis) + place
        return number

    def given(self, places: Sequence[int]) -> dict[str, Scalar]:
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

        found: dict[str, list[Scalar]] = {}
        for axis in self.axes:
            for name, values in axis.columns().items():
                if len(set(values)) == len(values):
                    found[name] = list(values)
                    break
            else:
                found["+".join(axis.names)] = [label(place) for place in axis.places]
        return found


@dataclass(frozen=True)
class Plan:
    """A validated sweep.

    Parameters
    ----------
    grid : Grid
    keys : tuple of str
        Of every point, in order.
    complete : callable
        Completes parameters.
    """

    grid: Grid
    keys: tuple[str, ...]
    complete: Complete = field(repr=False)

    @property
    def name(self) -> str:
        """Of the sweep."""
        return self.grid.spec.name

    def __len__(self) -> int:
        return len(self.keys)

    def parameters(self, index: int) -> dict[str, Scalar]:
        """Return all parameters of a point."""
        return self.complete(self.grid.given(self.grid.places(index)))


def complete(given: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return all parameters of the point that some describe; see `Experiment.of`."""
    return Experiment.of(given).parameters()


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
        _convert(spec, ["base", name], name, value)
    axes = []
    for given in spec.axes:
        columns: dict[str, tuple[Scalar, ...]] = {}
        for name, values in given.values.items():
            path = [*given.place, name]
            columns[name] = _expand(spec, path, name, values)
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
            raise spec.error([*given.place, next(iter(columns))], f"{shown} stands there twice")
        axes.append(Axis(tuple(columns), places))
    if spec.repeats > 1:
        seed = convert("seed", spec.base.get("seed", PARAMETERS["seed"].default))
        assert isinstance(seed, int)
        seeds = tuple((seed + number,) for number in range(spec.repeats))
        axes.append(Axis(("seed",), seeds))
    return Grid(spec, tuple(axes))


def make_plan(
    grid: Grid, *, complete: Complete = complete, report: Callable[[int], None] | None = None
) -> Plan:
    """Validate every point of a grid and return the plan.

    Parameters
    ----------
    grid : Grid
    complete : callable, optional
        Completes and checks the parameters of a point; default: `Experiment`.
    report : callable, optional
        Told how many points were checked since the last call.

    Raises
    ------
    InputError
        If a combination is impossible, with the line of a parameter that takes part in it.
    """
    _check_each_value(grid, complete)
    keys: list[str] = []
    seen: dict[str, int] = {}
    for number, places in enumerate(itertools.product(*(range(len(axis)) for axis in grid.axes))):
        key = point_key(_completed(grid, places, complete, ()))
        keys.append(key)
        if seen.setdefault(key, number) != number:
            raise _same(grid, seen[key], number)
        if report is not None and number % 1000 == 999:
            report(1000)
    return Plan(grid, tuple(keys), complete)


def _check_each_value(grid: Grid, complete: Complete) -> None:
    """Try every value of every axis once, others at their first: blame is clearest here."""
    origin = [0] * len(grid.axes)
    _completed(grid, origin, complete, ())
    for number, axis in enumerate(grid.axes):
        for place in range(1, len(axis)):
            places = [*origin[:number], place, *origin[number + 1 :]]
            _completed(grid, places, complete, axis.names)


def _completed(
    grid: Grid, places: Sequence[int], complete: Complete, names: Sequence[str]
) -> dict[str, Scalar]:
    given = grid.given(places)
    try:
        return complete(given)
    except InputError as error:
        varied = [name for axis in grid.axes for name in axis.names]
        point = ", ".join(f"{name} = {given[name]}" for name in varied)
        remark = f"(at the point {point})" if point else ""
        raise grid.spec.error_about(str(error), names, given, remark) from None


def _same(grid: Grid, first: int, second: int) -> InputError:
    one, other = (grid.given(grid.places(index)) for index in (first, second))
    differing = [name for name in one if one[name] != other[name]]
    shown = " and ".join(
        ", ".join(f"{name} = {point[name]}" for name in differing) for point in (one, other)
    )
    return grid.spec.error_about(f"two points are the same experiment: {shown}", differing, {})


def _expand(spec: Spec, path: Sequence[str | int], name: str, values: Values) -> tuple[Scalar, ...]:
    if not isinstance(values, Range):
        return tuple(_convert(spec, path, name, value) for value in values)
    if PARAMETERS[name].kind not in ("number", "integer"):
        raise spec.error(path, f"{name} is no number: give a list of its values")
    found = [_convert(spec, path, name, value) for value in _spaced(spec, path, name, values)]
    return tuple(dict.fromkeys(found))  # whole numbers may fall together


def _spaced(spec: Spec, path: Sequence[str | int], name: str, given: Range) -> Iterator[float]:
    """Yield the values of a range; the end is one of them if a step reaches it."""
    start = _number(spec, path, name, given.start)
    end = _number(spec, path, name, given.to)
    whole = PARAMETERS[name].kind == "integer"
    logarithmic = given.scale == "log" or given.factor is not None
    if not (0 < start < end if logarithmic else start < end):
        least = "0 < from < to" if logarithmic else "from < to"
        raise spec.error(path, f"from = {given.start}, to = {given.to}: a range needs {least}")
    if given.points is not None:
        count, last = given.points, given.points - 1
        spacing = (end / start) ** (1 / last) if logarithmic else (end - start) / last
    elif given.factor is not None:
        spacing = float(given.factor)
        count = math.floor(math.log(end / start) / math.log(spacing) + 1e-9) + 1
        last = count
    else:
        spacing = _step(spec, path, name, given.step)
        count = math.floor((end - start) / spacing + 1e-9) + 1
        last = count
    if count > MOST_ON_AXIS:
        raise spec.error(path, f"{count:,} values on one axis: at most {MOST_ON_AXIS:,}")
    for number in range(count):
        value = start * spacing**number if logarithmic else start + spacing * number
        value = end if number == last else float(f"{value:.12g}")
        yield round(value) if whole else value


def _step(spec: Spec, path: Sequence[str | int], name: str, given: Any) -> float:
    step = float(given) if isinstance(given, int | float) else _number(spec, path, name, given)
    if step <= 0:
        raise spec.error(path, f"step = {given} must be above 0")
    return step


def _number(spec: Spec, path: Sequence[str | int], name: str, given: Any) -> float:
    value = _convert(spec, path, name, given)
    if isinstance(value, str | bool) or value is None:
        raise spec.error(path, f"{given!r} is no number")
    return float(value)


def _convert(spec: Spec, path: Sequence[str | int], name: str, value: Any) -> Scalar:
    try:
        return convert(name, value)
    except InputError as error:
        raise spec.error(path, str(error).removeprefix(f"{name} = ")) from None
