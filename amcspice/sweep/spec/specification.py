"""The specification of a sweep: a TOML file with a base experiment and the axes it varies along.

What can be said about the file without knowing what a parameter means is checked here: its
syntax, its keys, ranges, lengths.  `amcspice.sweep.spec.plan` makes points of it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import pydantic

from amcspice.errors import InputError, did_you_mean
from amcspice.settings.file_names import counted_from
from amcspice.settings.files import read_experiment
from amcspice.sweep.outcome import Scalar
from amcspice.toml_lines import line_of

__all__ = ["Range", "Spec", "read_spec"]

CONFIG = "config"
"""Key of the base that names an experiment file."""

MOST_BYTES = 1 << 20
"""Largest size of a specification."""

Number = pydantic.StrictInt | pydantic.StrictFloat | pydantic.StrictStr


class Range(pydantic.BaseModel):
    """Values from one to another: a number of points, or a step, or a factor."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    start: Number = pydantic.Field(alias="from")
    to: Number
    points: pydantic.StrictInt | None = pydantic.Field(default=None, ge=2)
    step: Number | None = None
    factor: pydantic.StrictInt | pydantic.StrictFloat | None = pydantic.Field(default=None, gt=1)
    scale: Literal["linear", "log"] | None = None

    @pydantic.model_validator(mode="after")
    def _one_spacing(self) -> Self:
        spacings = [
            name for name in ("points", "step", "factor") if getattr(self, name) is not None
        ]
        if len(spacings) != 1:
            listed = " and ".join(spacings) or "none of them"
            raise ValueError(f"a range takes one of points, step and factor; here is {listed}")
        if self.scale is not None and spacings != ["points"]:
            raise ValueError("scale goes with points: a step is linear, a factor logarithmic")
        return self


Values = tuple[Scalar, ...] | Range


class _File(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: pydantic.StrictStr | None = None
    repeats: pydantic.StrictInt = pydantic.Field(default=1, ge=1)
    base: dict[str, Any] = {}
    axes: dict[str, Any] = {}
    zip: list[dict[str, Any]] = []


@dataclass(frozen=True)
class SpecAxis:
    """One axis as the file gives it.

    Parameters
    ----------
    place : tuple
        Table of the file that holds it: ``("axes",)`` or ``("zip", number)``.
    values : dict of str to tuple or Range
        Values of each parameter that advances along it.
    """

    place: tuple[str | int, ...]
    values: dict[str, Values]


@dataclass(frozen=True)
class Spec:
    """A sweep as its file describes it.

    Parameters
    ----------
    name : str
    base : dict of str to scalar
        Parameters of every point, unless an axis gives them.
    axes : tuple of SpecAxis
        The axes in order, the outermost first.
    repeats : int
        Seeds of each point.
    text : str
        Text of the file.
    source : str
        Name of the file.
    """

    name: str
    base: dict[str, Scalar]
    axes: tuple[SpecAxis, ...]
    repeats: int
    text: str
    source: str

    def paths(self) -> dict[str, list[str | int]]:
        """Return where each parameter stands in the file."""
        paths: dict[str, list[str | int]] = {name: ["base", name] for name in self.base}
        for axis in self.axes:
            paths |= {name: [*axis.place, name] for name in axis.values}
        return paths

    def error(self, path: Sequence[str | int], reason: str) -> InputError:
        """Return the error about a key, with its line."""
        return _error(self.text, self.source, path, reason)

    def error_about(
        self, reason: str, names: Collection[str], parameters: Mapping[str, Any], remark: str = ""
    ) -> InputError:
        """Return the error about a point, at a parameter that the reason names.

        Parameters
        ----------
        reason : str
        names : collection of str
            Parameters that are blamed before others, and at any rate if the reason names none.
        parameters : mapping
            The parameters of the point; one whose value the reason names is blamed, too.
        remark : str
            Added to the reason.
        """
        places = self.paths()
        words = re.findall(r"[\w-]+", reason)
        spoken = [word.replace("-", "_") for word in words]
        blamed = [name for name in spoken if name in places]
        blamed += [name for name in places if parameters.get(name) in words]
        blamed.sort(key=lambda name: (name not in names, places[name][0] == "base"))
        text = f"{reason} {remark}".rstrip()
        for name in (*blamed, *names):
            if name in places:
                return self.error(places[name], text)
        return InputError(f"{self.source}: {text}")


def read_spec(path: str | Path) -> Spec:
    """Read a specification; names of files in it count from its folder.

    Raises
    ------
    InputError
        If it cannot be used, with the line of the mistake.
    """
    source = str(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise InputError(f"{source} is no specification of a sweep: it has {len(content)} bytes")
    try:
        return parse_spec(content.decode(), source)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{source}, line {line}: this is not text in UTF-8") from None


def parse_spec(text: str, source: str = "sweep.toml") -> Spec:
    """Return the specification that a text describes; see `read_spec`."""
    text = text.replace("\r\n", "\n")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(text, source, error) from None
    try:
        file = _File.model_validate(tables)
    except pydantic.ValidationError as error:
        raise _error(text, source, *_first(error, tuple(_File.model_fields))) from None
    for name, value in file.base.items():
        if not isinstance(value, str | int | float | bool):
            reason = "a value of the base is one word, number or truth value; ranges go to [axes]"
            raise _error(text, source, ["base", name], reason)
    axes = [
        SpecAxis(("axes",), {name: _values(text, source, ["axes", name], values)})
        for name, values in file.axes.items()
    ]
    for number, table in enumerate(file.zip):
        if not table:
            raise _error(text, source, ["zip", number], "the table is empty: name parameters")
        zipped = {
            name: _values(text, source, ["zip", number, name], values)
            for name, values in table.items()
        }
        axes.append(SpecAxis(("zip", number), zipped))
    base = _base(file.base, text, source)
    spec = Spec(file.name or Path(source).stem, base, tuple(axes), file.repeats, text, source)
    _refuse_twice(spec)
    return spec


def _base(base: dict[str, Any], text: str, source: str) -> dict[str, Any]:
    """Return the base, with what an experiment file says behind what stands there itself."""
    own = {
        key: _in_place(text, source, ["base", key], key, value)
        for key, value in base.items()
        if key != CONFIG
    }
    if CONFIG not in base:
        return own
    name = base[CONFIG]
    if not isinstance(name, str):
        raise _error(text, source, ["base", CONFIG], f"{name!r} is no name of a file")
    try:
        read = read_experiment(Path(source).parent / name)
    except InputError as error:
        raise _error(text, source, ["base", CONFIG], str(error)) from None
    said = {key: "none" if value is None else value for key, value in read.items()}
    return {**said, **own}


def _in_place(text: str, source: str, path: list[str | int], name: str, value: Any) -> Any:
    """Return a value of which names of files count from the folder of the specification."""
    try:
        return counted_from(Path(source).parent, name, value)
    except InputError as error:
        raise _error(text, source, path, str(error)) from None


def _refuse_twice(spec: Spec) -> None:
    axis_by_name: dict[str, SpecAxis] = {}
    for axis in spec.axes:
        for name in axis.values:
            path = [*axis.place, name]
            if name in axis_by_name:
                first = line_of(spec.text, [*axis_by_name[name].place, name])
                raise spec.error(path, f"{name} varies already in line {first}: give it once")
            if name == "seed" and spec.repeats > 1:
                raise spec.error(path, "repeats vary the seed already: give repeats or this")
            axis_by_name[name] = axis


def _values(text: str, source: str, path: list[str | int], raw: Any) -> Values:
    if isinstance(raw, dict):
        try:
            return Range.model_validate(raw)
        except pydantic.ValidationError as error:
            where, reason = _first(error, ("from", "to", "points", "step", "factor", "scale"))
            raise _error(text, source, [*path, *where], reason) from None
    if not isinstance(raw, list):
        raise _error(
            text,
            source,
            path,
            f"an axis is a list such as [8, 16] or a range such as {{ from = 8, to = 64, "
            f"factor = 2 }}; a single value ({raw!r}) belongs to [base]",
        )
    if not raw:
        raise _error(text, source, path, "the axis is empty: give at least one value")
    for value in raw:
        if not isinstance(value, str | int | float | bool):
            raise _error(text, source, path, f"{value!r} is no word, number or truth value")
    return tuple(_in_place(text, source, path, str(path[-1]), value) for value in raw)


def _first(error: pydantic.ValidationError, keys: tuple[str, ...]) -> tuple[list[Any], str]:
    """Return place and reason of the first mistake that pydantic found."""
    mistake = error.errors()[0]
    path = list(mistake["loc"])
    if mistake["type"] == "extra_forbidden":
        return path, f"unknown key; {did_you_mean(str(path[-1]), keys)}"
    if mistake["type"] == "missing":
        return path[:-1], f"{path[-1]} is missing"
    if mistake["type"] == "literal_error":
        return path, f"{mistake['input']!r} must be {mistake['ctx']['expected']}"
    message = mistake["msg"].removeprefix("Value error, ")
    path = [part for part in path if part not in ("int", "float", "str")]
    return path, f"{message[:1].lower()}{message[1:]}"


def _error(text: str, source: str, path: Sequence[str | int], reason: str) -> InputError:
    """Return an error with the line of the deepest part of a path that is in the file."""
    line = None
    shown = ".".join(str(part) for part in path if not isinstance(part, int))
    while path and line is None:
        line = line_of(text, path)
        path = path[:-1]
    where = f"{source}, line {line}" if line else source
    return InputError(f"{where}: {shown}: {reason}" if shown else f"{where}: {reason}")


def _syntax_error(text: str, source: str, error: tomllib.TOMLDecodeError) -> InputError:
    message = str(error)
    position = re.search(r"\(at line (\d+), column (\d+)\)", message)
    last = f"line {len(text.splitlines())}"
    where = f"line {position[1]}, column {position[2]}" if position else last
    reason = message.split(" (at ")[0]
    return InputError(f"{source}, {where}: not valid TOML: {reason[:1].lower()}{reason[1:]}")
