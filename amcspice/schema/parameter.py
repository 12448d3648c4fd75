"""`Parameter`: a field of a dataclass as the command line, sweeps and files know it.

Unit, range, help and default stand on the field itself, in ``Annotated``; a parameter is read
from there, so that a new field is an option, an axis and a line of the tables at once.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import numbers
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, get_args, get_origin

from pydantic.fields import FieldInfo

from amcspice.errors import InputError, did_you_mean
from amcspice.schema.lost_fields import refuse_lost_fields
from amcspice.schema.quantity import Name, Quantity

__all__ = ["NOTHING", "Parameter", "Scalar", "annotations_of", "field_parameters"]

Scalar = str | int | float | bool | None
"""A value of a parameter."""

NOTHING = ("none", "default")
"""Texts that stand for None: a table of TOML and a command line have no word for it."""

LARGEST_WHOLE = 2**53
"""Whole numbers are below it: floating-point numbers, and every reader of JSON, keep them."""

PLAIN, UNNAMED = Quantity(), Name()

TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Parameters
    ----------
    name : str
    description : str
        One or two sentences.
    kind : {"number", "integer", "flag", "text", "file"}
    unit : str
        "" if none.
    default : scalar
        None: not given, or chosen by other parameters.
    lowest, highest : float
        Limits of a number; ``above`` and ``below`` exclude them.
    above, below : bool
    choices : tuple of str
        Texts that are allowed in the place of a number, or at all; empty for any.
    optional : bool
        Whether None is a value of its own.
    group : str
        What it belongs to: problem, circuit, device, wires, amplifier, converters, run.
    fields : tuple of (type, str)
        The fields that it sets.
    quantity : Quantity
        What reads a number.
    together : str
        Parameter that sets this one and others.
    made_of : tuple of str
        Parameters to give in its place; see `Name`.
    number : bool
        Whether a number may stand in the place of a file.
    """

    name: str
    description: str = ""
    kind: Literal["number", "integer", "flag", "text", "file"] = "number"
    unit: str = ""
    default: Scalar = None
    lowest: float = -math.inf
    highest: float = math.inf
    above: bool = False
    below: bool = False
    choices: tuple[str, ...] = ()
    optional: bool = False
    group: str = ""
    fields: tuple[tuple[type, str], ...] = ()
    quantity: Quantity = PLAIN
    together: str = ""
    made_of: tuple[str, ...] = ()
    number: bool = False

    def convert(self, raw: Any) -> Scalar:
        """Return a value in SI units.

        Raises
        ------
        InputError
            If it is none, has the wrong unit or lies outside the limits.
        """
        if raw is None:
            return None
        if isinstance(raw, str) and raw.strip().lower() in NOTHING:
            self._check_nothing(raw)
            return None
        if isinstance(raw, list | tuple) and self.kind == "file" and raw:
            if not all(isinstance(name, str | Path) for name in raw):
                self.refuse(raw, "names of files are needed")
            raw = ",".join(map(str, raw))
        if isinstance(raw, list | tuple | dict):
            self.refuse(raw, "one value is needed; several values are an axis")
        value: Scalar = _KINDS[self.kind](self, raw)
        return value

    def _check_nothing(self, raw: str) -> None:
        """Refuse a word for None where it could mean two things."""
        preset = self.group in ("device", "amplifier")
        if raw.strip().lower() == "none" and preset and not self.optional:
            self.refuse(raw, "it takes no none; leave it out for what the preset says")
        if raw.strip().lower() == "default" and preset and self.optional:
            self.refuse(raw, "leave it out for what the preset says; none is no value at all")

    def refuse(self, raw: Any, reason: str) -> NoReturn:
        """Raise `InputError` for a value."""
        raise InputError(f"{self.name} = {raw!r}: {reason}")

    @property
    def limits(self) -> str:
        """What values it takes, in words; "" if any."""
        if self.kind == "flag":
            return "true, false"
        words = ", ".join(self.choices)
        if self.kind in ("text", "file"):
            return words
        found = [words] if words else []
        if math.isfinite(self.lowest):
            found.append(f"{'above' if self.above else 'from'} {self.lowest:g}")
        if math.isfinite(self.highest):
            found.append(f"{'below' if self.below else 'to'} {self.highest:g}")
        return " ".join(found)

    def _check(self, raw: Any, value: float) -> None:
        """Refuse a number outside the limits."""
        if not math.isfinite(value):
            self.refuse(raw, "must be finite")
        if value < self.lowest or (self.above and value == self.lowest):
            relation = "above" if self.above else "at least"
            self.refuse(raw, f"must be {relation} {self.lowest:g} {self.unit}".rstrip())
        if value > self.highest or (self.below and value == self.highest):
            relation = "below" if self.below else "at most"
            self.refuse(raw, f"must be {relation} {self.highest:g} {self.unit}".rstrip())


def _number(parameter: Parameter, raw: Any) -> float | str:
    if isinstance(raw, str) and raw in parameter.choices:
        return raw
    if not isinstance(raw, str) and (isinstance(raw, bool) or not isinstance(raw, numbers.Real)):
        parameter.refuse(raw, "not a number")
    try:
        value = float(parameter.quantity.check(float(parameter.quantity.read(raw))))
    except ValueError as error:
        words = f"{', '.join(parameter.choices)}, or a number: " if parameter.choices else ""
        parameter.refuse(raw, f"{words}{error}")
    parameter._check(raw, value)
    return value


def _integer(parameter: Parameter, raw: Any) -> int:
    try:
        value = float("nan" if isinstance(raw, bool) else raw)
    except OverflowError:
        value = float(LARGEST_WHOLE)
    except (TypeError, ValueError):
        value = math.nan
    if not value.is_integer():
        parameter.refuse(raw, "not a whole number")
    parameter._check(raw, value)
    if abs(value) >= LARGEST_WHOLE:
        parameter.refuse(raw, f"a whole number below {LARGEST_WHOLE:,} is needed")
    return int(value)


def _flag(parameter: Parameter, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if not isinstance(raw, str) or raw.lower() not in TRUTHS:
        parameter.refuse(raw, "neither true nor false")
    return TRUTHS[raw.lower()]


def _text(parameter: Parameter, raw: Any) -> str:
    if not isinstance(raw, str | Path):
        parameter.refuse(raw, "not a text")
    text = str(raw)
    if parameter.choices and text not in parameter.choices:
        parameter.refuse(raw, did_you_mean(text, parameter.choices))
    return text


def _file(parameter: Parameter, raw: Any) -> str | float:
    """Return the names of files as one text, or the number that stands in their place."""
    if isinstance(raw, str | Path):
        if not parameter.number:
            return str(raw)
        try:
            raw = parameter.quantity.read(str(raw))
        except ValueError:
            return str(raw)
    if not parameter.number or isinstance(raw, bool) or not isinstance(raw, numbers.Real):
        parameter.refuse(raw, "not the name of a file")
    return float(raw)


_KINDS: dict[str, Any] = {
    "number": _number,
    "integer": _integer,
    "flag": _flag,
    "text": _text,
    "file": _file,
}


@dataclass
class _Facts:
    """What an annotation says."""

    kinds: list[str] = dataclasses.field(default_factory=list)
    words: list[str] = dataclasses.field(default_factory=list)
    optional: bool = False
    description: str = ""
    quantity: Quantity = PLAIN
    name: Name = UNNAMED
    limits: dict[str, float] = dataclasses.field(default_factory=dict)


_TYPES = {float: "number", int: "integer", bool: "flag", str: "text"}


def _look_at(hint: Any, facts: _Facts) -> None:
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *metadata = get_args(hint)
        _look_at(inner, facts)
        for item in metadata:
            _take(item, facts)
    elif origin in (typing.Union, types.UnionType):
        for part in get_args(hint):
            _look_at(part, facts)
    elif origin is Literal:
        facts.words += [word for word in get_args(hint) if isinstance(word, str)]
    elif hint is type(None):
        facts.optional = True
    elif hint in _TYPES:
        facts.kinds.append(_TYPES[hint])


def _take(item: Any, facts: _Facts) -> None:
    if isinstance(item, FieldInfo):
        facts.description = item.description or facts.description
        for limit in item.metadata:
            _take(limit, facts)
    elif isinstance(item, Quantity):
        facts.quantity = item
    elif isinstance(item, Name):
        facts.name = item
    else:
        for sign in ("gt", "ge", "lt", "le"):
            if hasattr(item, sign):
                facts.limits[sign] = float(getattr(item, sign))


@functools.cache
def _own_hints(owner: type) -> dict[str, Any]:
    """Return what a class itself annotates: its bases are evaluated once for all."""
    return inspect.get_annotations(owner, eval_str=True)


def annotations_of(owner: type) -> dict[str, Any]:
    """Return what a class and its bases annotate, with all that is said in ``Annotated``.

    A field that is written again with its plain type keeps what its base says of it.
    """
    hints: dict[str, Any] = {}
    for each in owner.__mro__[::-1]:
        for name, hint in _own_hints(each).items():
            said = hints.get(name)
            kept = get_origin(said) is Annotated and get_args(said)[0] == hint
            hints[name] = said if kept else hint
    return hints


def field_parameters(owner: Any, group: str = "") -> Iterator[Parameter]:
    """Yield the parameters of a dataclass, in the order of its fields.

    Parameters
    ----------
    owner : type
        Its fields may carry `Quantity`, `Name` and ``pydantic.Field`` in ``Annotated``.
    group : str
        What they belong to.

    Raises
    ------
    InputError
        If the class has fields that no dataclass knows.

    Notes
    -----
    A field that is no number, truth value, text or file, and is not made of others, is none.
    """
    refuse_lost_fields(owner)
    hints = annotations_of(owner)
    for item in dataclasses.fields(owner):
        facts = _Facts()
        _look_at(hints[item.name], facts)
        name, limits = facts.name, facts.limits
        kind = "file" if name.file else next(iter(facts.kinds), "text" if facts.words else "")
        if not (kind or name.made_of):
            continue
        default = None if item.default is dataclasses.MISSING else item.default
        yield Parameter(
            name=name.name or item.name,
            description=facts.description,
            kind=kind or "text",  # type: ignore[arg-type]
            unit=facts.quantity.unit,
            default=default if isinstance(default, str | int | float | bool) else None,
            lowest=limits.get("gt", limits.get("ge", -math.inf)),
            highest=limits.get("lt", limits.get("le", math.inf)),
            above="gt" in limits,
            below="lt" in limits,
            choices=tuple(facts.words),
            optional=facts.optional,
            group=group,
            fields=((owner, item.name),),
            quantity=facts.quantity,
            together=name.together,
            made_of=name.made_of,
            number=name.number,
        )
