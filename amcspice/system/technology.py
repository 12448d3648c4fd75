"""`Technology`: what a chip is made in, figure by figure, each with its range, unit and source.

What amcspice measures itself is no figure of a technology: settling and amplifiers come from the
ledger, pulses and energies of writing from write-verify.  Of these a technology says by what factor
another design may differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amcspice.errors import InputError, did_you_mean
from amcspice.model_files import models_folder
from amcspice.programming import WriteStatistics
from amcspice.schema import to_number
from amcspice.system.entries import Entry, EntryReader, fault_of

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

MAY_BE_ZERO = ("idle_while_writing", "dram_energy", "buffer_energy", "verify_energy")


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
            fault = fault_of(value, may_be_zero=name in MAY_BE_ZERO)
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

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values; see `from_json`."""
        return {
            "name": self.name,
            "entries": {name: dataclasses.asdict(entry) for name, entry in self.entries.items()},
            "writing": dataclasses.asdict(self.writing),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Technology:
        """Return the technology that `to_json` gave."""
        writing = {**values["writing"], "pulses": tuple(values["writing"]["pulses"])}
        entries = {name: Entry(**values["entries"][name]) for name in ENTRIES}
        return cls(values["name"], entries, WriteStatistics(**writing))

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
        if not isinstance(name, str | Path):
            raise InputError(f"technology = {name!r}: must be a name or the path of a .toml file")
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
        reader = EntryReader(path, {name: unit for name, (unit, _) in ENTRIES.items()}, MAY_BE_ZERO)
        statistics = folder / "write-verify.json"
        given = reader.content.pop("writing", None)
        if given is not None:
            if not isinstance(given, str):
                reader.refuse("writing", None, "must be the name of a file of write statistics")
            statistics = path.parent / given
        return cls(path.stem, reader.read(), WriteStatistics.load(statistics))
