"""Oxide cells of V. Milo et al., IEEE International Reliability Physics Symposium 2021.

The write error is the line that CrossSim (RRAM_Milo.py) reads from Fig. 4 (algorithm IGVVA-100),
the curve of current over voltage its fit to four curves of Fig. 1.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.device.cell_model import LargestConductance
from amcspice.device.curve import Curve, Polynomial
from amcspice.device.programmable import SmallestConductance
from amcspice.device.published.cell import MICRO, PublishedCell
from amcspice.schema import parameters

__all__ = ["RRAMMilo2021"]

Array = NDArray[np.float64]

_CURVE = Polynomial(
    second=(0.0001388, 0.001541, 0.005711, 0.007063),
    third=(8.8710e-05, 6.7919e-04, 1.2968e-03),
    lowest=50e-6,
    highest=225e-6,
    reach=0.5,
)


@parameters
class RRAMMilo2021(PublishedCell):
    """An oxide cell after write-verify."""

    g_max: LargestConductance = 225e-6
    g_min: SmallestConductance = 50e-6
    nonlinear: Annotated[
        bool,
        Field(description="Cells have the published curve of current over voltage."),
    ] = False

    name: ClassVar[str] = "rram-milo-2021"
    source: ClassVar[str] = "V. Milo et al., IRPS 2021, Fig. 1 and 4, as CrossSim reads them"
    measured_range: ClassVar[tuple[float, float]] = (50e-6, 225e-6)

    assumed: ClassVar[tuple[str, ...]] = ("nothing drifts and reads have no noise",)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What figures of these cells stand on, a sentence each."""
        curve = (
            f"cells {self.name}: curves were measured from 62.5 to 110 uS, up to 0.5 V; assumed: "
            "225 uS is a straight line, beyond 0.5 V curves go on as their tangents, and the word "
            "line is the positive electrode"
        )
        return (*super().cautions, *((curve,) if self.nonlinear else ()))

    @property
    def curve(self) -> Curve | None:
        """Current over voltage; None is a straight line."""
        return _CURVE if self.nonlinear else None

    def write_spread(self, aimed: Array) -> Any:
        """Return the deviation that writing leaves: it falls with the conductance [S]."""
        return MICRO * np.polyval((-0.009107, 4.782321), aimed / MICRO)
