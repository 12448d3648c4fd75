"""The values along an axis of a specification: lists as they are, ranges point by point."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from amcspice.errors import InputError
from amcspice.settings.table import PARAMETERS, convert
from amcspice.sweep.outcome import Scalar
from amcspice.sweep.spec.specification import Range, Spec, Values

__all__ = ["axis_values", "convert_at"]

MOST_ON_AXIS = 10_000_000


def axis_values(
    spec: Spec, path: Sequence[str | int], name: str, values: Values
) -> tuple[Scalar, ...]:
    """Return the values of a parameter along an axis, in SI units.

    Parameters
    ----------
    spec : Spec
    path : sequence of str or int
        Where the parameter stands in the file.
    name : str
        Name of the parameter.
    values : tuple or Range

    Raises
    ------
    InputError
        If a value cannot be, with its line.
    """
    if not isinstance(values, Range):
        return tuple(convert_at(spec, path, name, value) for value in values)
    if PARAMETERS[name].kind not in ("number", "integer"):
        raise spec.error(path, f"{name} is no number: give a list of its values")
    converted = [convert_at(spec, path, name, value) for value in _spaced(spec, path, name, values)]
    return tuple(dict.fromkeys(converted))  # whole numbers may fall together


def _spaced(spec: Spec, path: Sequence[str | int], name: str, limits: Range) -> Iterator[float]:
    """Yield the values of a range; the end is one of them if a step reaches it."""
    start = _number(spec, path, name, limits.start)
    end = _number(spec, path, name, limits.to)
    whole = PARAMETERS[name].kind == "integer"
    logarithmic = limits.scale == "log" or limits.factor is not None
    if not (0 < start < end if logarithmic else start < end):
        least = "0 < from < to" if logarithmic else "from < to"
        raise spec.error(path, f"from = {limits.start}, to = {limits.to}: a range needs {least}")
    if limits.points is not None:
        count, last = limits.points, limits.points - 1
        spacing = (end / start) ** (1 / last) if logarithmic else (end - start) / last
    elif limits.factor is not None:
        spacing = float(limits.factor)
        count = math.floor(math.log(end / start) / math.log(spacing) + 1e-9) + 1
        last = count
    else:
        spacing = _step(spec, path, name, limits.step)
        count = math.floor((end - start) / spacing + 1e-9) + 1
        last = count
    if count > MOST_ON_AXIS:
        raise spec.error(path, f"{count:,} values on one axis: at most {MOST_ON_AXIS:,}")
    for number in range(count):
        value = start * spacing**number if logarithmic else start + spacing * number
        value = end if number == last else float(f"{value:.12g}")
        yield round(value) if whole else value


def _step(spec: Spec, path: Sequence[str | int], name: str, raw: Any) -> float:
    step = float(raw) if isinstance(raw, int | float) else _number(spec, path, name, raw)
    if step <= 0:
        raise spec.error(path, f"step = {raw} must be above 0")
    return step


def _number(spec: Spec, path: Sequence[str | int], name: str, raw: Any) -> float:
    value = convert_at(spec, path, name, raw)
    if isinstance(value, str | bool) or value is None:
        raise spec.error(path, f"{raw!r} is no number")
    return float(value)


def convert_at(spec: Spec, path: Sequence[str | int], name: str, value: Any) -> Scalar:
    """Return a parameter's value in SI units; an error says in which line the value stands."""
    try:
        return convert(name, value)
    except InputError as error:
        raise spec.error(path, str(error).removeprefix(f"{name} = ")) from None
