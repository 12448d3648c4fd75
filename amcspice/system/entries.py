"""Figures in files: each with its range, its unit and its source, and refused without."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from amcspice.errors import InputError, did_you_mean
from amcspice.schema import to_number
from amcspice.toml_lines import line_of

__all__ = ["Entry", "EntryReader", "fault_of"]

KEYS = ("value", "low", "high", "unit", "source", "assumed")


@dataclass(frozen=True)
class Entry:
    """One figure.

    Parameters
    ----------
    value, low, high : float
        As it is taken, and between what it plausibly lies, in SI units.
    unit : str
        SI unit.
    source : str
        Where it was read.
    assumed : bool
        Whether nothing was read: the source says what stands behind it.
    """

    value: float
    low: float
    high: float
    unit: str
    source: str
    assumed: bool = False


class EntryReader:
    """Reads a file of figures and says in which line it is wrong.

    Parameters
    ----------
    path : Path
        A table of TOML a figure: value, low, high, unit, source, and whether it is assumed.
    units : mapping of str to str
        The figures that must be there, and the SI unit of each.
    may_be_zero : collection of str
        Of these zero is a value; all others are above it.

    Raises
    ------
    InputError
        If the file cannot be read.
    """

    def __init__(
        self, path: Path, units: Mapping[str, str], may_be_zero: Collection[str] = ()
    ) -> None:
        self.path, self.units, self.may_be_zero = path, units, may_be_zero
        try:
            self.text = path.read_text(encoding="utf-8")
            self.content: dict[str, Any] = tomllib.loads(self.text)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from None
        except ValueError as error:  # of TOML, which tells the line, and of UTF-8
            raise InputError(f"{path}: no TOML file ({error})") from None

    def read(self) -> dict[str, Entry]:
        """Return every figure.

        Raises
        ------
        InputError
            If one is missing, unknown or without source; the line is told.
        """
        for name in self.content:
            if name not in self.units:
                self.refuse(name, None, did_you_mean(name, list(self.units)))
        missing = [name for name in self.units if name not in self.content]
        if missing:
            raise InputError(f"{self.path}: {', '.join(missing)} missing")
        return {name: self._entry(name, self.content[name]) for name in self.units}

    def _entry(self, name: str, table: Any) -> Entry:
        if not isinstance(table, dict):
            self.refuse(name, None, "must be a table of value, low, high, unit and source")
        for key in table:
            if key not in KEYS:
                self.refuse(name, key, f"unknown; {did_you_mean(key, list(KEYS))}")
        for key in KEYS[:5]:
            if key not in table:
                self.refuse(name, None, f"{key} is missing")
        for key in ("unit", "source"):
            if not isinstance(table[key], str) or (key == "source" and not table[key].strip()):
                self.refuse(name, key, "must be a text" + " that is not empty" * (key == "source"))
        if not isinstance(table.get("assumed", False), bool):
            self.refuse(name, "assumed", "must be true or false")
        values = {key: self._number(name, key, table) for key in KEYS[:3]}
        if not values["low"] <= values["value"] <= values["high"]:
            self.refuse(name, "value", "must lie between low and high")
        return Entry(
            **values, unit=self.units[name], source=table["source"],
            assumed=table.get("assumed", False),
        )  # fmt: skip

    def _number(self, name: str, key: str, table: dict[str, Any]) -> float:
        raw, unit = table[key], table["unit"]
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            self.refuse(name, key, "must be a number")
        try:
            value = to_number(f"{raw!r} {unit}".strip(), self.units[name])
        except ValueError as error:
            self.refuse(name, "unit", str(error))
        fault = fault_of(value, may_be_zero=name in self.may_be_zero)
        if fault:
            self.refuse(name, key, fault)
        return value

    def refuse(self, name: str, key: str | None, reason: str) -> NoReturn:
        """Raise `InputError` with the line of a figure, or of a key of it."""
        line = line_of(self.text, [name] if key is None else [name, key])
        where = f"{self.path}, line {line}: " if line else f"{self.path}: "
        raise InputError(f"{where}{name}{f'.{key}' if key else ''}: {reason}")


def fault_of(value: float, *, may_be_zero: bool) -> str | None:
    """Say what is wrong with a value in SI units; None if nothing is."""
    if not math.isfinite(value) or value < 0:
        return "must be a finite number, not negative"
    if value == 0 and not may_be_zero:
        return "must be above zero"
    return None
