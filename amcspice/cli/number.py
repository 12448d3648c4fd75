"""Numbers on the command line."""

from __future__ import annotations

import math
from typing import Any

import click

__all__ = ["ABOVE_ZERO", "FROM_ZERO", "Number", "Range"]


class Number(click.ParamType):  # type: ignore[type-arg]
    """A finite number with a lower limit.

    Parameters
    ----------
    lowest : float
        Limit.
    included : bool
        Whether the limit itself is allowed.
    reason : str
        Why, added to the message.
    """

    name = "number"

    def __init__(self, lowest: float = 0.0, *, included: bool = False, reason: str = "") -> None:
        self.lowest, self.included, self.reason = lowest, included, reason

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or fail with a message."""
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number", param, ctx)
        inside = number >= self.lowest if self.included else number > self.lowest
        if not (math.isfinite(number) and inside):
            relation = "at least" if self.included else "above"
            text = f"{value} must be a finite number {relation} {self.lowest:g}"
            self.fail(f"{text}; {self.reason}" if self.reason else text, param, ctx)
        return number


class Range(Number):
    """A number of volts above zero, or the word ``reference``."""

    name = "range"

    def convert(  # type: ignore[override]
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        """Return the number or the word, or fail with a message."""
        return "reference" if value == "reference" else super().convert(value, param, ctx)


ABOVE_ZERO = Number()
FROM_ZERO = Number(included=True)
