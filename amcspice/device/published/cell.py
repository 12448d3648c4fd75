"""`PublishedCell`: a cell whose laws a publication states."""

from __future__ import annotations

from typing import ClassVar

from amcspice.device.programmable import ProgrammableCell
from amcspice.schema import parameters, to_text

__all__ = ["MICRO", "PublishedCell"]

MICRO = 1e-6
"""Microsiemens, in which publications write their polynomials [S]."""


@parameters
class PublishedCell(ProgrammableCell):
    """A cell whose laws are formulas of a publication, in the place of parameters.

    A subclass names its ``source``, the range of conductances that was measured, and what it
    assumes: every run says that.
    """

    name: ClassVar[str]
    """In the registry."""
    source: ClassVar[str]
    """The publication, and who read the formulas from its figures."""
    measured_range: ClassVar[tuple[float, float]]
    """Conductances that the publication has [S]."""
    assumed: ClassVar[tuple[str, ...]] = ()
    """What the publication does not say, in words that follow "assumed: "."""

    def __post_init__(self) -> None:
        """Refuse conductances that were not measured."""
        super().__post_init__()
        lowest, highest = self.measured_range
        for name, value in (("g_max", self.g_max), ("g_min", self.g_min)):
            if not lowest * (1 - 1e-9) <= value <= highest * (1 + 1e-9):
                raise ValueError(
                    f"{name} = {to_text(value, 'S')}: {self.name} was measured from "
                    f"{to_text(lowest, 'S')} to {to_text(highest, 'S')}"
                )

    @property
    def cautions(self) -> tuple[str, ...]:
        """What figures of these cells stand on, a sentence each."""
        assumed = (f"cells {self.name}: assumed: {what}" for what in self.assumed)
        return (*super().cautions, *assumed)
