"""`Technology`: what a chip is made in, figure by figure, each with its range, unit and source.

What amcspice measures itself is no figure of a technology: settling and amplifiers come from the
ledger, pulses and energies of writing from write-verify.  Of these a technology says by what factor
another design may differ.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from amcspice.errors import InputError, did_you_mean
from amcspice.model_files import models_folder
from amcspice.programming import WriteStatistics
from amcspice.schema import to_number
from amcspice.toml_lines import line_of

__all__ = ["ENTRIES", "Entry", "Technology"]

ENTRIES: Mapping[str, tuple[str, str]] = {
    "rows_at_once": ("", "Word lines written at once; below 1 a row takes several goes."),
    "slot_factor": ("", "Time of a pulse with its verify read, over that of write-verify."),
    "pulse_factor": ("", "Pulses of a cell, over those of write-verify."),
    "cell_energy_factor": ("", "Energy of a cell's pulses and reads, over that of write-verify."),
    "verify_energy": ("J", "Of the converter, a verify read."),
    "idle_while_writing": ("", "Share of the amplifiers' power that stays on while writing."),
    "endurance": ("", "Pulses that a cell survives."),
    "settling_factor": ("", "Settling time, over that in the ledger."),
    "amplifier_power_factor": ("", "Quiescent power of an amplifier, over that in the ledger."),
    "dac_energy": ("J", "Of one conversion."),
    "dac_time": ("s", "Of one conversion; all inputs convert at once."),
    "dac_area": ("m^2", "Of one converter."),
    "adc_energy": ("J", "Of one conversion."),
    "adc_time": ("s", "Of one conversion."),
    "adc_area": ("m^2", "Of one converter."),
    "adcs": ("", "Converters at the outputs of a macro, which take turns."),
    "value_bytes": ("", "Bytes of a value that is sent or read."),
    "buffer_energy": ("J", "Of a byte, to or from the buffer beside the arrays."),
    "dram_energy": ("J", "Of a byte, to or from memory."),
    "bandwidth": ("1/s", "Bytes a second, to or from memory."),
    "macros": ("", "Macros that work side by side."),
    "amplifier_area": ("m^2", "Of one amplifier."),
    "cell_area": ("m^2", "Of one cell."),
    "flop_energy": ("J", "Of one digital operation beside the arrays."),
    "flop_rate": ("1/s", "Digital operations a second beside the arrays."),
    "core_power": ("W", "Of the processor core that digital times are measured on."),
}
"""Every figure of a technology: its SI unit, and what it is."""

KEYS = ("value", "low", "high", "unit", "source", "assumed")

MAY_BE_ZERO = ("idle_while_writing", "dram_energy", "buffer_energy", "verify_energy")


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


@dataclass(frozen=True)
class Technology:
    """What a chip is made in.

    Parameters
    ----------
    name : str
    entries : mapping of str to Entry
        Every one of `ENTRIES`.
    writing : WriteStatistics
        What write-verify of its cells takes.

    Examples
    --------
    >>> import amcspice as amc
    >>> technology = amc.Technology.load("typical").changed(adc_energy="2.4 pJ")
    >>> technology["adc_energy"], technology["adc_time"]
    (2.4e-12, 8.33e-10)
    """

    name: str
    entries: Mapping[str, Entry]
    writing: WriteStatistics

    def __getitem__(self, name: str) -> float:
        return self.entries[name].value

    @property
    def assumed(self) -> tuple[str, ...]:
        """Names of the figures that nobody measured or published, as far as is known here."""
        return tuple(name for name, entry in self.entries.items() if entry.assumed)

    def changed(self, **values: Any) -> Technology:
        """Return it with single figures changed; their range moves so far that it holds them.

        Parameters
        ----------
        **values
            Numbers in SI units, or texts with a unit.

        Raises
        ------
        InputError
            If a name is unknown or a value does not fit.
        """
        entries = dict(self.entries)
        for name, raw in values.items():
            if name not in ENTRIES:
                raise InputError(f"technology: {did_you_mean(name, list(ENTRIES))}")
            entry = entries[name]
            try:
                value = to_number(raw, entry.unit) if isinstance(raw, str) else float(raw)
            except (TypeError, ValueError) as error:
                raise InputError(f"technology: {name} = {raw!r}: {error}") from None
            fault = _fault(name, value)
            if fault:
                raise InputError(f"technology: {name} = {raw!r}: {fault}")
            entries[name] = dataclasses.replace(
                entry, value=value, low=min(entry.low, value), high=max(entry.high, value),
                source="given", assumed=False,
            )  # fmt: skip
        return dataclasses.replace(self, entries=entries)

    def varied(self, name: str, value: float) -> Technology:
        """Return it with one figure at an end of its range."""
        entry = dataclasses.replace(self.entries[name], value=value)
        return dataclasses.replace(self, entries={**self.entries, name: entry})

    @classmethod
    def load(cls, name: str | Path | Technology) -> Technology:
        """Return a technology by the name of a file in ``models/technology``, or by its path.

        Raises
        ------
        InputError
            If there is none, or a figure in it is missing, unknown or without source; the line is
            told.
        """
        if isinstance(name, Technology):
            return name
        folder = models_folder() / "technology"
        path = Path(name)
        if path.suffix.lower() != ".toml":
            known = sorted(file.stem for file in folder.glob("*.toml"))
            if str(name) not in known:
                raise InputError(
                    f"unknown technology {str(name)!r}; {did_you_mean(str(name), known)}, or give "
                    "the path of a .toml file"
                )
            path = folder / f"{name}.toml"
        return _Reader(path).read(folder / "write-verify.json")


class _Reader:
    """Reads a technology file and says in which line it is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.text = path.read_text(encoding="utf-8")
            self.content: dict[str, Any] = tomllib.loads(self.text)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from None
        except ValueError as error:  # of TOML, which tells the line, and of UTF-8
            raise InputError(f"{path}: no TOML file ({error})") from None

    def read(self, statistics: Path) -> Technology:
        given = self.content.pop("writing", None)
        if given is not None:
            if not isinstance(given, str):
                self.refuse("writing", None, "must be the name of a file of write statistics")
            statistics = self.path.parent / given
        for name in self.content:
            if name not in ENTRIES:
                self.refuse(name, None, did_you_mean(name, list(ENTRIES)))
        missing = [name for name in ENTRIES if name not in self.content]
        if missing:
            raise InputError(f"{self.path}: {', '.join(missing)} missing")
        return Technology(
            self.path.stem,
            {name: self.entry(name, self.content[name]) for name in ENTRIES},
            WriteStatistics.load(statistics),
        )

    def entry(self, name: str, table: Any) -> Entry:
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
        values = {key: self.number(name, key, table) for key in KEYS[:3]}
        if not values["low"] <= values["value"] <= values["high"]:
            self.refuse(name, "value", "must lie between low and high")
        return Entry(
            **values, unit=ENTRIES[name][0], source=table["source"],
            assumed=table.get("assumed", False),
        )  # fmt: skip

    def number(self, name: str, key: str, table: dict[str, Any]) -> float:
        raw, unit = table[key], table["unit"]
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            self.refuse(name, key, "must be a number")
        try:
            value = to_number(f"{raw!r} {unit}".strip(), ENTRIES[name][0])
        except ValueError as error:
            self.refuse(name, "unit", str(error))
        fault = _fault(name, value)
        if fault:
            self.refuse(name, key, fault)
        return value

    def refuse(self, name: str, key: str | None, reason: str) -> NoReturn:
        """Raise `InputError` with the line of a figure, or of a key of it."""
        line = line_of(self.text, [name] if key is None else [name, key])
        where = f"{self.path}, line {line}: " if line else f"{self.path}: "
        raise InputError(f"{where}{name}{f'.{key}' if key else ''}: {reason}")


def _fault(name: str, value: float) -> str | None:
    """Say what is wrong with a value in SI units; None if nothing is."""
    if not math.isfinite(value) or value < 0:
        return "must be a finite number, not negative"
    if value == 0 and name not in MAY_BE_ZERO:
        return "must be above zero"
    return None
