"""Analog filamentary CMO/HfOx cells: D. F. Falcone et al., arXiv 2502.04524 (2025).

Write error by the acceptance range of write-verify, relaxation and read noise are the fits that
aihwkit (reram.py) has of these cells.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.device.cell_model import LargestConductance
from amcspice.device.programmable import SmallestConductance
from amcspice.device.published.cell import MICRO, PublishedCell
from amcspice.schema import parameters

__all__ = ["CMOFalcone2025"]

Array = NDArray[np.float64]

_WRITE_ERROR = {
    "0.2 %": (0.00106879, 0.00081107),
    "2 %": (0.01129027418, 0.0112185391),
}
"""Lines of the conductance in uS [uS]."""

_READ_TIME = 1e-6


@parameters
class CMOFalcone2025(PublishedCell):
    """A CMO/HfOx cell after write-verify; it relaxes.  ``drift_time`` counts seconds."""

    g_max: LargestConductance = 88.2e-6
    g_min: SmallestConductance = 9e-6
    acceptance: Annotated[
        Literal["0.2 %", "2 %"],
        Field(description="Distance from the target at which write-verify stops."),
    ] = "2 %"

    name: ClassVar[str] = "cmo-falcone-2025"
    source: ClassVar[str] = (
        "D. F. Falcone et al., arXiv 2502.04524 (2025), fits and range of aihwkit"
    )
    measured_range: ClassVar[tuple[float, float]] = (9e-6, 88.2e-6)
    assumed: ClassVar[tuple[str, ...]] = (
        "relaxation is in full 1 s after writing and normal, the same at every conductance",
    )

    def write_spread(self, aimed: Array) -> Any:
        """Return the deviation that writing leaves: it grows with the conductance [S]."""
        return MICRO * np.polyval(_WRITE_ERROR[self.acceptance], aimed / MICRO)

    def relaxation(self, written: Array) -> tuple[Any, Any] | None:
        """Return mean and deviation of what is lost: lines of the logarithm of time."""
        log = float(np.log(self.drift_time))
        return -0.08900206 * MICRO * log, (0.04201137 * log + 0.41183342) * MICRO

    def read_spread(self, written: Array) -> Any:
        """Return the relative deviation of a read: K log10(g) sqrt(ln((t + tr) / (2 tr))) / g."""
        micro = np.maximum(written / MICRO, 1.0)
        growth = np.sqrt(np.log((self.drift_time + _READ_TIME) / (2 * _READ_TIME)))
        return 0.0277316483 * np.log10(micro) * growth / micro
