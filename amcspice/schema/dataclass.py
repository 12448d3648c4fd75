"""`parameters`: the decorator of dataclasses that hold what a user may set."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import textwrap
import typing
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, dataclass_transform

import pydantic
from pydantic.dataclasses import dataclass as _validated_dataclass

from amcspice.errors import ImplausibleWarning, InputError, did_you_mean
from amcspice.schema.lost_fields import refuse_lost_fields
from amcspice.schema.parameter import annotations_of, field_parameters
from amcspice.schema.quantity import Quantity

__all__ = ["document", "parameters", "plain_signature", "warn_of_implausible"]

T = TypeVar("T")

_INDENTED: Any = {"initial_indent": "    ", "subsequent_indent": "    "}


@dataclass_transform(frozen_default=True, kw_only_default=True)
def parameters(cls: type[T]) -> type[T]:
    """Make ``cls`` a frozen, keyword-only dataclass validated by pydantic.

    A value that does not fit raises `InputError` with class, field and reason; one that no real
    part has warns with `ImplausibleWarning`.  The fields say what they are, see
    `amcspice.schema.Parameter`; the section Parameters of the docstring is written from them.

    A field that a subclass writes again with its plain type, such as ``g_max: float = 4e-5``, keeps
    unit, limits and description.

    A class may have ``MOVED``, a mapping of names that it took once to where they went.
    """
    _keep_what_is_said(cls)
    config = pydantic.ConfigDict(extra="forbid", allow_inf_nan=False)
    made: Any = _validated_dataclass(frozen=True, kw_only=True, config=config)(cls)
    validated_init: Callable[..., None] = made.__init__
    moved: Mapping[str, str] = getattr(cls, "MOVED", {})

    @functools.wraps(validated_init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        kind: Any = type(self)
        refuse_lost_fields(kind)
        if args:
            first = next(iter(made.__dataclass_fields__))
            raise InputError(f"{cls.__name__} takes keywords only, such as {first}={args[0]!r}")
        for name in moved.keys() & kwargs.keys():
            raise InputError(f"{cls.__name__}.{name}: {moved[name]}")
        try:
            validated_init(self, **kwargs)
        except pydantic.ValidationError as error:
            raise InputError(_reasons(made, error.errors())) from None
        warn_of_implausible(self, kwargs)

    made.__signature__ = _WhenAsked(plain_signature)
    made.__init__ = __init__
    return document(made)  # type: ignore[no-any-return]


def _keep_what_is_said(cls: type) -> None:
    """Annotate a field that is written again as its base does, where the type is the same."""
    known = {name for base in cls.__bases__ for name in annotations_of(base)}
    again = known & inspect.get_annotations(cls).keys()
    if again:
        hints = annotations_of(cls)
        cls.__annotations__.update({name: hints[name] for name in again})


def document(owner: Any) -> Any:
    """Let the docstring of a dataclass be written, when it is read, from what its fields say."""
    owner.__doc__ = _WhenAsked(functools.partial(described, text=owner.__doc__))
    return owner


class _WhenAsked:
    """An attribute of a class that is made when it is read: few are, and it takes long.

    Parameters
    ----------
    make : callable
        From the class.
    """

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = functools.cache(make)

    def __get__(self, instance: object, owner: type) -> Any:
        return self._make(owner)


def warn_of_implausible(made: Any, given: Mapping[str, Any]) -> None:
    """Warn of values that were given and that no real part has."""
    owner: Any = type(made)
    for name, quantity in _quantities(owner):
        if name in given:
            remark = quantity.remark(getattr(made, name))
            if remark is not None:
                warnings.warn(
                    f"{type(made).__name__}.{name}: {remark}; is the unit right?",
                    ImplausibleWarning,
                    stacklevel=3,
                )


@functools.cache
def _quantities(owner: Any) -> tuple[tuple[str, Quantity], ...]:
    return tuple(
        (name, parameter.quantity)
        for parameter in field_parameters(owner)
        for _, name in parameter.fields
        if parameter.quantity.plausible is not None
    )


def described(owner: Any, text: str | None) -> str | None:
    """Return the docstring ``text`` of a dataclass with what its fields say of themselves."""
    text = inspect.cleandoc(text or "")
    by_field = {parameter.fields[0][1]: parameter for parameter in field_parameters(owner)}
    hints = typing.get_type_hints(owner)
    lines = []
    for item in dataclasses.fields(owner):
        parameter = by_field.get(item.name)
        if parameter is None or not parameter.description:
            continue
        unit = f" [{parameter.unit}]" if parameter.unit else ""
        optional = ", optional" if item.default is not dataclasses.MISSING else ""
        what, mark, more = parameter.description.rstrip(".").partition(";")
        lines += [
            f"{item.name} : {_spelled(hints[item.name])}{optional}",
            *textwrap.wrap(f"{what}{unit}{mark}{more}.", 92, **_INDENTED),
        ]
    if not lines or "\nParameters\n" in text:
        return text or None
    head, mark, rest = text.partition("\n\nExamples\n")
    section = "\n".join(["", "", "Parameters", "----------", *lines])
    return f"{head}{section}{mark}{rest}"


def plain_signature(owner: Any, *more: inspect.Parameter) -> inspect.Signature:
    """Return what a dataclass takes, as people read it: types without what is said of them."""
    hints = typing.get_type_hints(owner)
    taken = []
    for item in dataclasses.fields(owner):
        default = item.default
        if default is dataclasses.MISSING and item.default_factory is not dataclasses.MISSING:
            default = item.default_factory
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        kind = kinds[bool(item.kw_only)]
        absent = default is dataclasses.MISSING
        taken.append(
            inspect.Parameter(
                item.name,
                kind,
                default=inspect.Parameter.empty if absent else default,
                annotation=hints[item.name],
            )
        )
    return inspect.Signature([*taken, *more])


def _spelled(kind: Any) -> str:
    hint = str(kind)
    for noise in ("typing.", "amcspice.", "<class '", "'>", " | None"):
        hint = hint.replace(noise, "")
    return hint.rpartition("device.")[2] if hint.startswith("device.") else hint


def _reasons(cls: Any, items: Sequence[Any]) -> str:
    """Return what is wrong as one line, the branches of a union together."""
    reasons: dict[str, list[str]] = {}
    owner = cls.__name__
    for item in items:
        # pydantic names the branch of a union, such as literal['reference'], as a part of its own.
        parts = [str(k) for k in item["loc"] if isinstance(k, int) or k.isidentifier()]
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "value_error" and not parts:
            reasons.setdefault(owner, []).append(message)
        elif item["type"] == "missing":
            reasons.setdefault(".".join([owner, *parts]), []).append("it is needed")
        elif item["type"] == "unexpected_keyword_argument":
            known = did_you_mean(parts[0], [field.name for field in dataclasses.fields(cls)])
            reasons.setdefault(".".join([owner, *parts]), []).append(f"no such parameter; {known}")
        else:
            place = f"{'.'.join([owner, *parts])} = {item['input']!r}"
            own = isinstance(item.get("ctx", {}).get("error"), InputError)  # may name a file
            reasons.setdefault(place, []).append(
                message if own else f"{message[:1].lower()}{message[1:]}"
            )
    return "; ".join(f"{place}: {' or '.join(why)}" for place, why in reasons.items())
