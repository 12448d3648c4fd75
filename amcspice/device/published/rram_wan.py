"""Oxide cells of the NeuRRAM chip: W. Wan et al., Nature (2022), doi 10.1038/s41586-022-04992-8.

Deviations from the target 1 s, 1 day and 2 days after programming, by conductance: fits of aihwkit
(reram.py) to Extended Data Fig. 3.  CrossSim (RRAM_Wan.py) reads the first of these curves from the
same figure as up to twice as large.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from amcspice.device.cell_model import LargestConductance
from amcspice.device.programmable import SmallestConductance
from amcspice.device.published.cell import MICRO, PublishedCell
from amcspice.schema import parameters

__all__ = ["RRAMWan2022"]

Array = NDArray[np.float64]

_TIMES = (1.0, 86400.0, 172800.0)
_DEVIATIONS = (
    (-16.815, 45.393, -43.853, 16.030, 0.348),
    (-16.458, 47.095, -50.773, 22.086, 0.701),
    (-11.934, 37.062, -43.507, 20.274, 0.782),
)
"""Of g / 40 uS, that of the highest power first [uS], for each of the times [s]."""


@parameters
class RRAMWan2022(PublishedCell):
    """An oxide cell after write-verify; it relaxes.  ``drift_time`` counts seconds."""

    g_max: LargestConductance = 40e-6
    g_min: SmallestConductance = 1e-6

    name: ClassVar[str] = "rram-wan-2022"
    source: ClassVar[str] = (
        "W. Wan et al., Nature (2022), Extended Data Fig. 3, as aihwkit reads it"
    )
    measured_range: ClassVar[tuple[float, float]] = (1e-6, 40e-6)
    assumed: ClassVar[tuple[str, ...]] = (
        "between 1 s, 1 day and 2 days deviations follow the logarithm of time, after that they "
        "stay; what relaxation adds does not depend on the write error",
    )

    def write_spread(self, aimed: Array) -> Any:
        """Return the deviation 1 s after writing: a polynomial of the conductance [S]."""
        return self._deviation(aimed, 1.0)

    def relaxation(self, written: Array) -> tuple[Any, Any] | None:
        """Return what makes the deviation that of the table at this time; its mean is zero."""
        if self.drift_time == 1:
            return None
        later = self._deviation(written, self.drift_time) ** 2
        return 0.0, np.sqrt(np.maximum(later - self._deviation(written, 1.0) ** 2, 0.0))

    def _deviation(self, conductance: Array, time: float) -> Any:
        part = np.clip(conductance / self.measured_range[1], 0.0, 1.0)
        curves = [np.polyval(each, part) for each in _DEVIATIONS]
        position = np.interp(np.log(time), np.log(_TIMES), range(len(_TIMES)))
        before = min(int(position), len(_TIMES) - 2)
        weight = position - before
        return MICRO * ((1 - weight) * curves[before] + weight * curves[before + 1])
