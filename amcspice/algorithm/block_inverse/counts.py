"""`Counts`: the hardware that a solution in blocks needs, and its area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amcspice.circuit import Circuit
from amcspice.system.technology import Technology

__all__ = ["Counts"]


@dataclass(frozen=True)
class Counts:
    """The hardware of an arrangement of blocks.

    Parameters
    ----------
    amplifiers, cells : int
    dacs, adcs : int
        Lines that are driven, and read: converters, where each line has one.
    switches : int
        That connect the lines of every array with what all share; none where nothing is shared.
    sample_and_holds : int
        Values between phases that are held at once, where they stay analog on a shared bank.  None
        where each phase is converted, as a chip does, or where nothing is shared.
    phases : int
    """

    amplifiers: int
    cells: int
    dacs: int
    adcs: int
    switches: int
    sample_and_holds: int
    phases: int

    @classmethod
    def shared(cls, circuits: Sequence[Circuit], held: int, phases: int) -> Counts:
        """Return what arrays need that share one bank of amplifiers and its converters.

        Parameters
        ----------
        circuits : sequence of Circuit
            Of every array.
        held : int
            Values between phases at once.
        phases : int
        """
        lines = sum(
            2 * each.amplifier_count + each.input_size for each in circuits
        )  # inputs and outputs of amplifiers, and lines of sources
        return cls(
            amplifiers=max(each.amplifier_count for each in circuits),
            cells=sum(each.schematic.cells for each in circuits),
            dacs=max(each.input_size for each in circuits),
            adcs=max(len(each.schematic.outputs) for each in circuits),
            switches=lines if len(circuits) > 1 else 0,
            sample_and_holds=held,
            phases=phases,
        )

    @classmethod
    def unrolled(cls, circuits: Sequence[Circuit], size: int) -> Counts:
        """Return what arrays need of which each phase has its own.

        Parameters
        ----------
        circuits : sequence of Circuit
            One for each phase, in order; what is used twice stands there twice.
        size : int
            Rows of the whole system: its right-hand side is driven, its solution read.  The upper
            half of a system that is cut enters twice.
        """
        return cls(
            amplifiers=sum(each.amplifier_count for each in circuits),
            cells=sum(each.schematic.cells for each in circuits),
            dacs=size if len(circuits) == 1 else size + (size + 1) // 2,
            adcs=size,
            switches=0,
            sample_and_holds=0,
            phases=len(circuits),
        )

    def area(self, technology: Technology, *, adcs: float | None = None) -> dict[str, float]:
        """Return area by part [m^2]; switches and sample-and-holds have none in a technology.

        Parameters
        ----------
        technology : Technology
        adcs : float, optional
            Converters that read; None is one for every line that is read.
        """
        return {
            "amplifiers": self.amplifiers * technology["amplifier_area"],
            "cells": self.cells * technology["cell_area"],
            "dacs": self.dacs * technology["dac_area"],
            "adcs": (self.adcs if adcs is None else adcs) * technology["adc_area"],
        }
