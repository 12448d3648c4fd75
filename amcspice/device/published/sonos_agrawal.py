"""Charge-trapping SONOS cells of V. Agrawal et al., IEDM 2022, 21.7.

The tables are the fits of CrossSim (SONOS.py) to Fig. 10 and 11 of that paper: drain currents by
the current that was programmed, when written and 1 to 5 days later.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from amcspice.device.cell_model import LargestConductance
from amcspice.device.programmable import SmallestConductance
from amcspice.device.published.cell import PublishedCell
from amcspice.schema import parameters

__all__ = ["SONOSAgrawal2022"]

Array = NDArray[np.float64]

_NANOAMPERE = 1e-8
"""Conductance that a current of 1 nA stands for: 16 uS is 1600 nA [S]."""

_DAY = 86400.0

_SHIFT = (
    (1.72684e-01, 5.72552e-02, -6.85715e-04, 3.50271e-06, -9.37682e-09, 1.40575e-11,
     -1.19803e-14, 5.41293e-18, -8.85448e-22, -1.66869e-25, 5.95180e-29),
    (2.50712e-01, 6.62195e-02, -6.83218e-04, 2.99442e-06, -6.78255e-09, 7.70482e-12,
     -3.04983e-15, -2.15919e-18, 2.94617e-21, -1.23359e-24, 1.85329e-28),
    (-1.75300e-02, 9.76883e-02, -9.63791e-04, 4.55551e-06, -1.22391e-08, 1.93786e-11,
     -1.85899e-14, 1.07659e-17, -3.58211e-21, 5.96785e-25, -3.30410e-29),
    (4.03338e-02, 1.03111e-01, -1.04740e-03, 4.83961e-06, -1.28132e-08, 1.99484e-11,
     -1.85139e-14, 1.00008e-17, -2.84944e-21, 3.01008e-25, 1.18747e-29),
    (3.19927e-01, 1.06596e-01, -1.04054e-03, 4.50290e-06, -1.10352e-08, 1.56477e-11,
     -1.27592e-14, 5.45513e-18, -7.26841e-22, -2.43893e-25, 7.14608e-29),
)  # fmt: skip
"""Change of the current after 1 to 5 days: coefficients of its powers, the constant first [nA]."""

_SPREAD = (
    (19.88665, 176.3115), (25.59102, 186.85544), (28.72753, 193.56834),
    (31.04318, 198.90332), (33.76214, 204.77023), (34.57909, 207.34309),
)  # fmt: skip
"""Deviation A (1 - exp(-I / B)) of the current after 0 to 5 days: A and B [nA]."""

_NOISE = (12.58037, 215.36557)
"""The same of single reads [nA]."""


@parameters
class SONOSAgrawal2022(PublishedCell):
    """A 40 nm SONOS cell; ``drift_time`` counts seconds."""

    g_max: LargestConductance = 16e-6
    g_min: SmallestConductance = 0.0

    name: ClassVar[str] = "sonos-agrawal-2022"
    source: ClassVar[str] = "V. Agrawal et al., IEDM 2022, Fig. 10 and 11, as CrossSim reads them"
    measured_range: ClassVar[tuple[float, float]] = (0.0, 16e-6)
    assumed: ClassVar[tuple[str, ...]] = (
        "16 uS stand for 1600 nA, and a cell is a resistor; between days figures follow time, "
        "after five days they stay; what retention adds does not depend on the write error",
    )

    def write_spread(self, aimed: Array) -> Any:
        """Return the deviation that writing leaves: an exponential that saturates [S]."""
        return self._deviation(aimed, 0.0)

    def relaxation(self, written: Array) -> tuple[Any, Any] | None:
        """Return the change of the mean, and what makes the deviation that of this time."""
        days = self._days
        if not days:
            return None
        later, first = self._deviation(written, days) ** 2, self._deviation(written, 0.0) ** 2
        return self._shift(written, days), np.sqrt(np.maximum(later - first, 0.0))

    def read_spread(self, written: Array) -> Any:
        """Return the relative deviation of a read."""
        deviation = _saturating(written / _NANOAMPERE, *_NOISE) * _NANOAMPERE
        return deviation / np.where(written > 0, written, 1.0)

    @property
    def _days(self) -> float:
        return min((self.drift_time - 1) * self.drift_unit / _DAY, len(_SHIFT))

    def _shift(self, conductance: Array, days: float) -> Any:
        current = np.minimum(conductance, self.measured_range[1]) / _NANOAMPERE
        shifts = [np.zeros(current.shape), *(np.polyval(each[::-1], current) for each in _SHIFT)]
        return _between(shifts, days) * _NANOAMPERE

    def _deviation(self, conductance: Array, days: float) -> Any:
        current = conductance / _NANOAMPERE
        strength, scale = (_between(values, days) for values in np.transpose(_SPREAD))
        return _saturating(current, strength, scale) * _NANOAMPERE


def _between(values: Any, position: float) -> Any:
    """Return what lies between two neighbours of a table."""
    before = min(int(position), len(values) - 2)
    weight = position - before
    return (1 - weight) * values[before] + weight * values[before + 1]


def _saturating(current: Array, strength: float, scale: float) -> Any:
    return strength * -np.expm1(-current / scale)
