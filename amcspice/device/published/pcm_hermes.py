"""Phase-change cells of the HERMES chip, one device a cell.

R. Khaddam-Aljameh et al., IEEE J. Solid-State Circuits (2022); M. Le Gallo et al., Nature
Electronics (2023), doi 10.1038/s41928-023-01010-1.  The formulas are the fits that aihwkit
(hermes.py) has of that chip.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from amcspice.device.cell_model import LargestConductance
from amcspice.device.programmable import SmallestConductance
from amcspice.device.published.cell import MICRO, PublishedCell
from amcspice.device.published.phase_change import flicker
from amcspice.schema import parameters

__all__ = ["PCMHermes2022"]

Array = NDArray[np.float64]


@parameters
class PCMHermes2022(PublishedCell):
    """One phase-change device of the chip; ``drift_time`` counts in 200 s."""

    g_max: LargestConductance = 10.35e-6
    g_min: SmallestConductance = 0.0

    name: ClassVar[str] = "pcm-hermes-2022"
    source: ClassVar[str] = (
        "R. Khaddam-Aljameh et al., JSSC (2022) and M. Le Gallo et al., Nat. Electron. (2023), "
        "fits of aihwkit to one device"
    )
    measured_range: ClassVar[tuple[float, float]] = (0.0, 10.35e-6)
    drift_unit: ClassVar[float] = 200.0

    def write_spread(self, aimed: Array) -> Any:
        """Return the deviation that writing leaves: a polynomial of the conductance [S]."""
        part = aimed / self.measured_range[1]
        return MICRO * np.polyval((0.68841818, -2.16310839, 2.32443916, 0.15781817), part)

    def drift_exponents(self, written: Array) -> tuple[Any, Any]:
        """Return mean and deviation of the exponent: logarithms at small, parabolas at large."""
        part = np.maximum(written / self.measured_range[1], 1e-7)
        log = np.log(part)
        mean = np.where(
            part < 0.0945,
            np.clip(-0.0387 * log - 0.0182, 0.0720, 0.13),
            -0.0436 * part**2 - 0.0126 * part + 0.0736,
        )
        spread = np.where(
            part < 0.3039,
            np.clip(-0.0120 * log - 0.0023, 0.0124, 0.04),
            -0.0165 * part**2 + 0.0116 * part + 0.0104,
        )
        return mean, np.maximum(spread, 0.0)

    def read_spread(self, written: Array) -> Any:
        """Return the relative deviation of a read of 512 ns."""
        part = np.maximum(written / self.measured_range[1], 1e-7)
        strength = np.where(
            part < 0.1591,
            np.clip(-0.0078 * np.log(part) + 0.0038, 0.0179, 0.04),
            np.polyval((0.0664, -0.1352, 0.0768, 0.0088), part),
        )
        return flicker(np.maximum(strength, 0), self.drift_time * self.drift_unit, 512e-9)
