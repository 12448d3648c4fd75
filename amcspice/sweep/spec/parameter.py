"""`Parameter`: one parameter of a point, and how raw values become plain ones in SI units."""

from __future__ import annotations

import functools
import math
import numbers
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from amcspice.errors import InputError, did_you_mean
from amcspice.sweep.outcome import Scalar

__all__ = ["Parameter"]

NOTHING = ("none", "default")
"""Texts that stand for None: a table of TOML and a command line have no word for it."""


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Parameters
    ----------
    name : str
    description : str
        One line.
    kind : {"number", "integer", "flag", "text"}
    unit : str
        "" if none.
    default : scalar
        None: not given, or chosen by other parameters.
    lowest, highest : float
        Limits of a number; ``above`` excludes the lower one.
    above : bool
    choices : tuple of str
        Texts that are allowed; empty for any.
    """

    name: str
    description: str
    kind: Literal["number", "integer", "flag", "text"] = "number"
    unit: str = ""
    default: Scalar = None
    lowest: float = -math.inf
    highest: float = math.inf
    above: bool = False
    choices: tuple[str, ...] = ()

    def convert(self, raw: Any) -> Scalar:
        """Return a value in SI units.

        Raises
        ------
        InputError
            If it is none, has the wrong unit or lies outside the limits.
        """
        if raw is None or (isinstance(raw, str) and raw.strip().lower() in NOTHING):
            return None
        if isinstance(raw, list | tuple | dict):
            self.refuse(raw, "one value is needed; several values are an axis")
        value: Scalar = _KINDS[self.kind](self, raw)
        return value

    def refuse(self, raw: Any, reason: str) -> NoReturn:
        """Raise `InputError` for a value."""
        raise InputError(f"{self.name} = {raw!r}: {reason}")

    def check(self, raw: Any, value: float) -> None:
        """Refuse a number outside the limits."""
        relation = "above" if self.above else "at least"
        inside = value > self.lowest if self.above else value >= self.lowest
        if not math.isfinite(value):
            self.refuse(raw, "must be finite")
        if not inside:
            self.refuse(raw, f"must be {relation} {self.lowest:g} {self.unit}".rstrip())
        if value > self.highest:
            self.refuse(raw, f"must be at most {self.highest:g} {self.unit}".rstrip())


def _number(parameter: Parameter, raw: Any) -> float:
    if isinstance(raw, str):
        value = _quantity(parameter, raw)
    elif isinstance(raw, bool) or not isinstance(raw, numbers.Real):
        parameter.refuse(raw, "not a number")
    else:
        value = float(raw)
    parameter.check(raw, value)
    return value


def _quantity(parameter: Parameter, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    # Pint takes half a second to import: only those who write units wait for it.
    import pint

    unit = parameter.unit
    try:
        quantity = _registry().Quantity(text)
        # "200 uS" is the same point as 2e-4: without the last digits of the conversion.
        value = float(f"{quantity.to(unit or 'dimensionless').magnitude:.15g}")
    except pint.DimensionalityError:
        expected = f"a quantity in {unit}" if unit else "a number without unit (or %)"
        parameter.refuse(text, f"{expected} is needed")
    except Exception:  # pint and the tokenizer below it have no common base of errors
        expected = f" in {unit}" if unit else ""
        parameter.refuse(text, f"neither a number nor a quantity{expected}")
    if unit == "Hz" and "radian" in str(quantity.units):
        parameter.refuse(text, "a frequency in Hz is needed, not an angular one")
    return value


@functools.cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


def _integer(parameter: Parameter, raw: Any) -> int:
    try:
        value = float("nan" if isinstance(raw, bool) else raw)
    except (TypeError, ValueError):
        value = math.nan
    if not value.is_integer():
        parameter.refuse(raw, "not a whole number")
    parameter.check(raw, value)
    return int(value)


def _flag(parameter: Parameter, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    truth_values = {
        "true": True,
        "yes": True,
        "on": True,
        "false": False,
        "no": False,
        "off": False,
    }
    if not isinstance(raw, str) or raw.lower() not in truth_values:
        parameter.refuse(raw, "neither true nor false")
    return truth_values[raw.lower()]


def _text(parameter: Parameter, raw: Any) -> str:
    if not isinstance(raw, str | Path):
        parameter.refuse(raw, "not a text")
    text = str(raw)
    if parameter.choices and text not in parameter.choices:
        parameter.refuse(raw, did_you_mean(text, parameter.choices))
    return text


_KINDS: dict[str, Any] = {
    "number": _number,
    "integer": _integer,
    "flag": _flag,
    "text": _text,
}
