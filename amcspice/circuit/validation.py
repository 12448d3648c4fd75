"""What circuits are made with: values that fit their fields, names of presets made into objects."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Annotated, Any, Literal, get_args, get_origin

import pydantic

from amcspice.circuit.parts.constraint import NonNegative, Unconstrained
from amcspice.device import DEVICES, PRESETS, Cell, MeasuredArray, Memristor, OpAmp, as_cell
from amcspice.errors import InputError, did_you_mean
from amcspice.schema.parameter import annotations_of

__all__ = ["validate_fields"]

_FINITE = pydantic.ConfigDict(allow_inf_nan=False)
_SCALARS = (bool, int, float, str)

_CONSTRAINTS = {
    "nonnegative": NonNegative,
    "non-negative": NonNegative,
    "unconstrained": Unconstrained,
}

_NAMED: dict[type, tuple[str, Any, Any]] = {
    OpAmp: ("an OpAmp or the name of a preset", PRESETS, OpAmp.preset),
    Cell: ("a Memristor or the name of a preset", DEVICES, Memristor.preset),
    NonNegative: (
        "a constraint such as amcspice.NonNegative() or its name",
        _CONSTRAINTS,
        lambda name: _CONSTRAINTS[name](),
    ),
}
"""Types whose values may be given by name: what is needed, the names, and what makes one."""


@dataclasses.dataclass(frozen=True)
class _Field:
    """What a field takes: values of these types, or words, as they are; others if they fit."""

    name: str
    exact: tuple[type, ...]
    words: tuple[str, ...]
    adapter: Any
    named: tuple[str, Any, Any] | None
    bounded: bool
    """Whether more is said of it than its type: a unit, a range."""
    scalar: bool


def validate_fields(circuit: Any) -> None:
    """Make the values of a frozen dataclass fit the types of its fields.

    Text that is a number becomes one where a number is needed, and a preset's name the preset.

    Parameters
    ----------
    circuit : dataclass
        Its fields without a type (``Any``) are left alone.

    Raises
    ------
    InputError
        If a value cannot be used; names the field, with the nearest name where one was meant.
    """
    owner: Any = type(circuit)
    for item in _fields(owner):
        value = getattr(circuit, item.name)
        if value is None and type(None) in item.exact:
            continue
        fits = type(value) in item.exact or (type(value) is str and value in item.words)
        fits = fits or (not item.scalar and isinstance(value, item.exact))
        if fits and (not item.bounded or _was_fine(owner, item.name, type(value), value)):
            continue
        object.__setattr__(circuit, item.name, _fitted(circuit, item, value))


def _was_fine(owner: Any, name: str, kind: type, value: Any) -> bool:
    """Return whether a plain value stays as it is; circuits by the thousand share theirs."""
    return kind in _SCALARS and _stays(owner, name, kind, value)


@functools.lru_cache(maxsize=4096)
def _stays(owner: Any, name: str, kind: type, value: Any) -> bool:
    (item,) = (item for item in _fields(owner) if item.name == name)
    try:
        fitted = item.adapter.validate_python(value)
    except pydantic.ValidationError:
        return False
    return type(fitted) is kind and bool(fitted == value)


def _fitted(circuit: Any, item: _Field, value: Any) -> Any:
    where = f"{type(circuit).__name__}.{item.name} = {value!r}"
    if isinstance(value, MeasuredArray) and Cell in item.exact:
        return as_cell(value)
    if item.named is not None and isinstance(value, str):
        _, names, make = item.named
        if value not in names:
            raise InputError(f"{where}: {did_you_mean(value, list(names))}")
        return make(value)
    if item.words and isinstance(value, str):
        raise InputError(f"{where}: {did_you_mean(value, item.words)}")
    if isinstance(value, item.exact) and not isinstance(value, bool) and not item.bounded:
        return value
    if item.adapter is not None:
        try:
            return item.adapter.validate_python(value)
        except pydantic.ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise InputError(f"{where}: {reason[:1].lower()}{reason[1:]}") from None
    wanted = " or ".join(sorted(kind.__name__ for kind in item.exact if kind is not type(None)))
    needed = item.named[0] if item.named else f"a {wanted}"
    raise InputError(f"{where}: it must be {needed}")


@functools.cache
def _fields(owner: Any) -> tuple[_Field, ...]:
    hints = annotations_of(owner)
    taken = (_field(item.name, hints[item.name]) for item in dataclasses.fields(owner))
    return tuple(item for item in taken if item is not None)


def _field(name: str, annotated: Any) -> _Field | None:
    bounded = get_origin(annotated) is Annotated
    hint = get_args(annotated)[0] if bounded else annotated
    is_union = get_origin(hint) in (typing.Union, types.UnionType)
    parts = get_args(hint) if is_union else (hint,)
    if any(part is Any for part in parts):
        return None
    plain = [part for part in parts if isinstance(part, type)]
    words = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
    scalar = bool(words) or any(part in _SCALARS for part in plain)
    exact = [part for part in plain if not (words and part is str)]
    if float in exact:
        exact.append(int)
    named = next((_NAMED[part] for part in plain if part in _NAMED), None)
    adapter = pydantic.TypeAdapter(annotated, config=_FINITE) if scalar else None
    checked = bounded and scalar and not words
    return _Field(name, tuple(exact), tuple(words), adapter, named, checked, scalar)
