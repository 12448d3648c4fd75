"""Errors and warnings that reach a user, and the decorator that validates parameters.

Every error of amcspice says what is wrong, where, and what to do.  ``exit_code`` is what the
command line returns: 2 when the input must change, 1 when a run failed.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar, dataclass_transform

import pydantic
from pydantic.dataclasses import dataclass as _validated_dataclass

__all__ = [
    "AccuracyWarning",
    "AmcspiceError",
    "InputError",
    "SimulationError",
    "UnstableError",
    "UnsupportedError",
    "did_you_mean",
    "parameters",
]

T = TypeVar("T")


class AmcspiceError(Exception):
    """Base of all errors of amcspice."""

    exit_code = 1


class InputError(AmcspiceError, ValueError):
    """The input cannot be used as it is; nothing has been run or written."""

    exit_code = 2


class UnsupportedError(InputError):
    """A combination that the support matrix excludes."""


class UnstableError(UnsupportedError):
    """A circuit, with the cells it was given, has no stable answer."""


class AccuracyWarning(UserWarning):
    """A circuit that runs, but is not able to show the solution; says what is."""


class SimulationError(AmcspiceError, RuntimeError):
    """A simulation failed.

    Parameters
    ----------
    cause : str
        What the simulator said, or what was missing from its result.
    deck : str, optional
        Path of the deck, kept for inspection.
    command : str, optional
        The shell command that runs the deck again.
    log : str, optional
        The simulator's complete output.
    """

    def __init__(
        self, cause: str, *, deck: str | None = None, command: str | None = None, log: str = ""
    ) -> None:
        self.cause, self.deck, self.command, self.log = cause, deck, command, log
        lines = [f"simulation failed: {cause}"]
        if deck is not None:
            lines.append(f"  deck kept: {deck}")
        if command is not None:
            lines.append(f"  run again: {command}")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the fields when the error crosses a process boundary."""
        rebuild = functools.partial(
            SimulationError, deck=self.deck, command=self.command, log=self.log
        )
        return rebuild, (self.cause,)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return a remark on an unknown word: the nearest known one, or all of them.

    >>> did_you_mean("colums", ["columns", "rows"]), did_you_mean("speed", ["columns", "rows"])
    ('did you mean columns?', 'choose from columns, rows')
    """
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"


@dataclass_transform(frozen_default=True, kw_only_default=True)
def parameters(cls: type[T]) -> type[T]:
    """Make ``cls`` a frozen, keyword-only dataclass validated by pydantic.

    A value that does not fit raises `InputError` with class, field and reason.
    """
    config = pydantic.ConfigDict(extra="forbid", allow_inf_nan=False)
    made: Any = _validated_dataclass(frozen=True, kw_only=True, config=config)(cls)
    validated_init: Callable[..., None] = made.__init__

    @functools.wraps(validated_init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        if args:
            first = next(iter(made.__dataclass_fields__))
            raise InputError(f"{cls.__name__} takes keywords only, such as {first}={args[0]!r}")
        try:
            validated_init(self, **kwargs)
        except pydantic.ValidationError as error:
            raise InputError(_reasons(cls.__name__, error.errors())) from None

    made.__init__ = __init__
    return made  # type: ignore[no-any-return]


def _reasons(owner: str, items: Sequence[Any]) -> str:
    """Return what is wrong as one line, the branches of a union together."""
    reasons: dict[str, list[str]] = {}
    for item in items:
        # pydantic names the branch of a union, such as literal['reference'], as a part of its own.
        parts = [str(k) for k in item["loc"] if isinstance(k, int) or k.isidentifier()]
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "value_error" and not parts:
            reasons.setdefault(owner, []).append(message)
        else:
            place = f"{'.'.join([owner, *parts])} = {item['input']!r}"
            reasons.setdefault(place, []).append(f"{message[:1].lower()}{message[1:]}")
    return "; ".join(f"{place}: {' or '.join(why)}" for place, why in reasons.items())
