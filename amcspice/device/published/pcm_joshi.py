"""Phase-change cells of V. Joshi et al., Nature Communications 11, 2473 (2020).

The write error is the quadratic fit that CrossSim (PCM_Joshi.py) reads from Fig. 3(b), of cells
read about 27 s after they were written.  Drift and read noise are not of that paper, but those of
cells of the same laboratory (S. R. Nandakumar et al., ICECS 2019), as aihwkit (pcm.py) has them.
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

__all__ = ["PCMJoshi2020"]

Array = NDArray[np.float64]


@parameters
class PCMJoshi2020(PublishedCell):
    """A phase-change cell, programmed iteratively; ``drift_time`` counts in 20 s."""

    g_max: LargestConductance = 25e-6
    g_min: SmallestConductance = 0.25e-6

    name: ClassVar[str] = "pcm-joshi-2020"
    source: ClassVar[str] = (
        "V. Joshi et al., Nat. Commun. 11, 2473 (2020), Fig. 3(b), as CrossSim reads it"
    )
    measured_range: ClassVar[tuple[float, float]] = (0.25e-6, 25e-6)
    assumed: ClassVar[tuple[str, ...]] = (
        "drift and read noise are those of Nandakumar et al., ICECS 2019, as aihwkit has them, "
        "which measured other cells of the same kind",
    )
    drift_unit: ClassVar[float] = 20.0

    def write_spread(self, aimed: Array) -> Any:
        """Return the deviation that writing leaves: a polynomial of the conductance [S]."""
        return MICRO * np.polyval((-0.00178767, 0.07585724, 0.28638599), aimed / MICRO)

    def drift_exponents(self, written: Array) -> tuple[Any, Any]:
        """Return mean and deviation of the exponent, which falls with the conductance."""
        log = np.log(np.maximum(written / self.measured_range[1], 1e-7))
        mean = np.clip(-0.0155 * log + 0.0244, 0.049, 0.1)
        return mean, np.clip(-0.0125 * log - 0.0059, 0.008, 0.045)

    def read_spread(self, written: Array) -> Any:
        """Return the relative deviation of a read of 250 ns."""
        part = np.maximum((written / self.measured_range[1]) ** 0.65, 1e-3)
        return flicker(np.minimum(0.0088 / part, 0.2), self.drift_time * self.drift_unit, 250e-9)
