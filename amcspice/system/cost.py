"""`Cost`: what a workload takes on a chip, in time, energy, area and life, part by part.

    t_write = rows / rows_at_once * E[largest pulse count in a row] * slot
    e_write = cells * (pulse energy + read energy + pulses * verify energy)
    t_ops   = sum over operations (dac_time + settling + outputs / adcs * adc_time)
    e_ops   = settling * amplifiers + array + conversions + bytes (buffer + memory) + digital
    t       = max((t_write + t_ops) / macros, bytes / bandwidth)
    break-even right-hand sides a writing = t_write / (t_digital - t_op)

Settling, energies and counts come from a ledger; pulses and energies of writing from write-verify;
the rest from a technology.  Everything stands once with writing and once without.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from amcspice.errors import InputError
from amcspice.system.digital import Digital
from amcspice.system.technology import Technology
from amcspice.system.work import Operated, Work

__all__ = ["GROUPS", "Bar", "Cost", "Totals"]

GROUPS = {
    "writing": ("write", "write_pulses", "write_verify", "write_idle", "calibrate", "prepare"),
    "operations": ("dac", "settle", "adc", "amplifiers", "array"),
    "digital": ("digital",),
    "memory": ("wait_for_memory", "buffer", "memory"),
}
"""Parts of time and energy that belong together."""


@dataclass(frozen=True)
class Totals:
    """Time [s] and energy [J] of a workload."""

    time: float
    energy: float

    def to_json(self) -> dict[str, float]:
        """Return plain values."""
        return {"time_s": self.time, "energy_j": self.energy}


@dataclass(frozen=True)
class Bar:
    """One bar of a tornado: what a figure of the technology does at both ends of its range.

    Parameters
    ----------
    name : str
    low, high : float
        Time [s] or energy [J] with the figure at its low and its high end.
    """

    name: str
    low: float
    high: float

    @property
    def span(self) -> float:
        """Between both ends."""
        return abs(self.high - self.low)


@dataclass(frozen=True, eq=False)
class Cost:
    """What a workload costs in a technology.

    Parameters
    ----------
    work : Work
        What was done.
    technology : Technology
    digital : Digital, optional
        A right-hand side on one processor core, measured.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> chip = amc.Chip(opamp="onchip-1g", fidelity="behavioural")
    >>> x = chip.program([[1.0, 0.2], [0.3, 0.8]], "inv").solve(np.eye(2))
    >>> cost = chip.cost()
    >>> cost.counted.energy > cost.ignored.energy  # with writing, and without
    True
    """

    work: Work
    technology: Technology
    digital: Digital | None = None

    @cached_property
    def time(self) -> dict[str, float]:
        """Time by part [s]: they add up to that of the workload."""
        work, of = self.work, self.technology
        parts = {
            "write": self._writing_time(),
            "calibrate": sum(self._operating_time(work.calibrated).values()),
            **self._operating_time(work.operated),
            "prepare": work.prepared / of["flop_rate"],
            "digital": work.flops / of["flop_rate"],
        }
        parts = {name: seconds / of["macros"] for name, seconds in parts.items()}
        memory = self._bytes / of["bandwidth"]
        parts["wait_for_memory"] = max(memory - sum(parts.values()), 0.0)
        return parts

    @cached_property
    def energy(self) -> dict[str, float]:
        """Energy by part [J]: they add up to that of the workload."""
        work, of = self.work, self.technology
        power = of["amplifier_power_factor"]
        pulses = work.cells * of.writing.mean_pulses * of["pulse_factor"]
        per_cell = of.writing.pulse_energy + of.writing.read_energy
        return {
            "write_pulses": work.cells * per_cell * of["cell_energy_factor"] * of["pulse_factor"],
            "write_verify": pulses * of["verify_energy"],
            "write_idle": self._writing_time(powered=True) * of["idle_while_writing"] * power,
            "calibrate": sum(self._operating_energy(work.calibrated).values()),
            **self._operating_energy(work.operated),
            "buffer": self._bytes * of["buffer_energy"],
            "memory": self._bytes * of["dram_energy"],
            "prepare": work.prepared * of["flop_energy"],
            "digital": work.flops * of["flop_energy"],
        }

    @property
    def groups(self) -> dict[str, Totals]:
        """Writing with what prepares it, operations, digital work, memory: the whole cost."""
        return {
            name: Totals(
                sum(self.time.get(part, 0.0) for part in parts),
                sum(self.energy.get(part, 0.0) for part in parts),
            )
            for name, parts in GROUPS.items()
        }

    @property
    def writing_over_operations(self) -> tuple[float, float]:
        """Time and energy of all writing, over those of all operations; nan where there are none.

        Operations are those without digital work and memory.
        """
        writing, made = self.groups["writing"], self.groups["operations"]
        return (
            writing.time / made.time if made.time else math.nan,
            writing.energy / made.energy if made.energy else math.nan,
        )

    def _operating_time(self, made: Operated) -> dict[str, float]:
        of = self.technology
        return {
            "dac": made.goes * of["dac_time"],
            "settle": made.settling * of["settling_factor"],
            "adc": made.adc / of["adcs"] * of["adc_time"],
        }

    def _operating_energy(self, made: Operated) -> dict[str, float]:
        of = self.technology
        settling = of["settling_factor"]
        return {
            "amplifiers": made.amplifiers * settling * of["amplifier_power_factor"],
            "array": made.array * settling,
            "dac": made.dac * of["dac_energy"],
            "adc": made.adc * of["adc_energy"],
        }

    def _writing_time(self, *, powered: bool = False) -> float:
        """Return the time of all writing [s]; ``powered``: times the amplifiers' power [J]."""
        of = self.technology
        slot = of.writing.slot * of["slot_factor"] * of["pulse_factor"] / of["rows_at_once"]
        return sum(
            item.count
            * item.rows
            * of.writing.slowest_pulses(item.cells / item.rows)
            * slot
            * (item.static_power if powered else 1.0)
            for item in self.work.writings
        )

    @property
    def _bytes(self) -> float:
        """What moves: values sent, read and written, and what digital work states."""
        return self.work.values * self.technology["value_bytes"] + self.work.bytes

    @property
    def counted(self) -> Totals:
        """With writing."""
        return Totals(sum(self.time.values()), sum(self.energy.values()))

    @cached_property
    def without_writing(self) -> Cost:
        """The same work as if everything were programmed and calibrated already."""
        return Cost(self.work.without_writing, self.technology, self.digital)

    @property
    def ignored(self) -> Totals:
        """Without writing and calibration: what a claim states that leaves them out."""
        return self.without_writing.counted

    @cached_property
    def writing(self) -> Totals:
        """Of one writing with its calibration, mean of all, on one macro."""
        alone = self._alone
        whole, rest, count = alone.counted, alone.ignored, self.work.programmings
        return Totals(
            _share(whole.time - rest.time, count), _share(whole.energy - rest.energy, count)
        )

    @cached_property
    def operation(self) -> Totals:
        """Of one right-hand side, mean of all, on one macro, without writing."""
        rest, count = self._alone.ignored, self.work.operated.count
        return Totals(_share(rest.time, count), _share(rest.energy, count))

    @property
    def _alone(self) -> Cost:
        """The same on one macro."""
        return Cost(self.work, self.technology.varied("macros", 1.0))

    @property
    def area(self) -> dict[str, float]:
        """Area by part [m^2], of all macros."""
        work, of = self.work, self.technology
        return {
            "amplifiers": of["macros"] * work.amplifier_count * of["amplifier_area"],
            "cells": of["macros"] * work.cell_count * of["cell_area"],
            "dacs": of["macros"] * work.inputs * of["dac_area"],
            "adcs": of["macros"] * of["adcs"] * of["adc_area"],
        }

    @property
    def break_even(self) -> float:
        """Right-hand sides a writing from which on one macro is faster than one core.

        Infinite where an operation alone takes longer; nan where nothing digital was measured.
        """
        if self.digital is None:
            return math.nan
        gain = self.digital.time - self.operation.time
        return self.writing.time / gain if gain > 0 else math.inf

    @property
    def break_even_energy(self) -> float:
        """The same in energy, against the power of that core."""
        if self.digital is None:
            return math.nan
        gain = self.digital.time * self.technology["core_power"] - self.operation.energy
        return self.writing.energy / gain if gain > 0 else math.inf

    @property
    def endurance(self) -> tuple[float, float]:
        """Writings that the mean cell, and the slowest one of a row, survive."""
        of, work = self.technology, self.work
        width = max((item.cells / item.rows for item in work.writings), default=1.0)
        pulses = (of.writing.mean_pulses, of.writing.slowest_pulses(width))
        mean, slowest = (of["endurance"] / (count * of["pulse_factor"]) for count in pulses)
        return mean, slowest

    def tornado(self, what: str = "energy", *, writing: bool = True) -> list[Bar]:
        """Return what each figure of the technology does over its range, the widest first.

        Parameters
        ----------
        what : {"energy", "time"}
        writing : bool
            Whether writing counts.
        """
        if what not in ("energy", "time"):
            raise InputError(f"tornado of {what!r}: choose energy or time")
        bars = []
        for name, entry in self.technology.entries.items():
            ends = []
            for value in (entry.low, entry.high):
                cost = Cost(self.work, self.technology.varied(name, value))
                totals = cost.counted if writing else cost.ignored
                ends.append(getattr(totals, what))
            if ends[0] != ends[1]:
                bars.append(Bar(name, *ends))
        return sorted(bars, key=lambda bar: -bar.span)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the figures do not say by themselves, in sentences."""
        return (*self.work.cautions, *self._assumed())

    def _assumed(self) -> tuple[str, ...]:
        """Name the assumed figures that matter: those that move time or energy by a fifth."""
        matter = []
        for what in ("energy", "time"):
            total = getattr(self.counted, what)
            matter += [bar.name for bar in self.tornado(what) if bar.span > 0.2 * total]
        named = [name for name in dict.fromkeys(matter) if name in self.technology.assumed]
        if not named:
            return ()
        return (
            f"assumed figures of technology {self.technology.name} move time or energy by a fifth "
            f"or more: {', '.join(named)}; amcspice cost --tornado shows by how much",
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values, SI units in the names."""
        mean, slowest = self.endurance
        return {
            "technology": self.technology.name,
            "writing": self.writing.to_json(),
            "operation": self.operation.to_json(),
            "counted": self.counted.to_json(),
            "ignored": self.ignored.to_json(),
            "area_m2": sum(self.area.values()),
            "break_even_rhs": _plain(self.break_even),
            "break_even_rhs_energy": _plain(self.break_even_energy),
            "endurance_writings": {"mean": mean, "slowest": slowest},
            "digital": self.digital.to_json() if self.digital else {"time_s": None},
            "parts": {
                "time_s": self.time,
                "energy_j": self.energy,
                "area_m2": self.area,
            },
            "work": self.work.to_json(),
            "cautions": list(self.cautions),
        }

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def _share(total: float, count: float) -> float:
    return total / count if count else 0.0


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _lines(cost: Cost) -> list[str]:
    work = cost.work
    lines = [
        f"cost in technology {cost.technology.name}: {work.programmings} writings, "
        f"{work.operated.count} operations, {work.operated.repeats} repeats",
        f"  writing counted: {cost.counted.time:.3g} s, {cost.counted.energy:.3g} J",
        f"  writing ignored: {cost.ignored.time:.3g} s, {cost.ignored.energy:.3g} J",
        f"  one writing: {cost.writing.time:.3g} s, {cost.writing.energy:.3g} J",
        f"  one operation: {cost.operation.time:.3g} s, {cost.operation.energy:.3g} J",
        f"  area: {sum(cost.area.values()):.3g} m^2",
    ]
    if cost.digital is not None:
        lines.append(
            f"  digital: {cost.digital.time:.3g} s a right-hand side ({cost.digital.method}); "
            f"break-even {cost.break_even:.3g} right-hand sides a writing"
        )
    return lines + [f"  caution: {sentence}" for sentence in cost.cautions]
