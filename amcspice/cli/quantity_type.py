"""Positive quantities on the command line that are no parameters of an experiment."""

from __future__ import annotations

from typing import Any

import click

from amcspice.errors import InputError
from amcspice.schema import Parameter, Quantity

__all__ = ["QuantityType"]


class QuantityType(click.ParamType):  # type: ignore[type-arg]
    """A number above zero, alone or with its unit.

    Parameters
    ----------
    unit : str
    """

    name = "quantity"

    def __init__(self, unit: str) -> None:
        self.parameter = Parameter(
            "value", unit=unit, lowest=0.0, above=True, quantity=Quantity(unit)
        )

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        """Return the number in SI units, or fail with a message."""
        try:
            return self.parameter.convert(value)  # type: ignore[return-value]
        except InputError as error:
            self.fail(str(error).removeprefix("value = "), param, ctx)
