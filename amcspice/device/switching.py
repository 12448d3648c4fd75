"""A switching memristor behind a selector: parameters of ``models/memristor.lib``.

The equations and their source stand in that file.  Cells differ: thresholds, rates and the on
conductance of each are drawn once; rates once more for every pulse.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.device.draws import normals
from amcspice.schema import Quantity, parameters

__all__ = ["SELECTOR_THRESHOLD", "SELECTOR_TRANSCONDUCTANCE", "SwitchingCell"]

Array = NDArray[np.float64]

SELECTOR_THRESHOLD = 0.5
"""``vto`` of the card ``amc_nmos`` [V]."""

SELECTOR_TRANSCONDUCTANCE = 200e-6
"""``kp`` of the card ``amc_nmos`` [A/V^2]."""

_DRAWN = ("gon", "vset", "vreset", "kset", "kreset")
_SMALLEST = 0.1
"""A threshold or conductance of a drawn cell is at least this fraction of the nominal one."""


@parameters
class SwitchingCell:
    """A 1T1R cell with a threshold-type voltage-controlled memristor.

    Examples
    --------
    >>> import amcspice as amc
    >>> cell = amc.SwitchingCell(g_on="100 uS", threshold_spread=0.0)
    >>> array = amc.write_verify([[20e-6, 60e-6]], cell=cell)
    >>> bool(array.converged.all())
    True
    """

    g_on: Annotated[
        float,
        Field(gt=0, description="Conductance of the memristor at state 1."),
        Quantity("S", (1e-9, 0.1)),
    ] = 150e-6
    g_off: Annotated[
        float,
        Field(gt=0, description="Conductance of the memristor at state 0."),
        Quantity("S", (1e-9, 0.1)),
    ] = 1e-6
    set_threshold: Annotated[
        float, Field(gt=0, description="Of SET, across the memristor."), Quantity("V", (0.01, 10))
    ] = 0.7
    reset_threshold: Annotated[
        float, Field(gt=0, description="Magnitude of that of RESET."), Quantity("V", (0.01, 10))
    ] = 0.7
    set_rate: Annotated[
        float,
        Field(gt=0, description="Rate of the state at twice the threshold."),
        Quantity("1/s", (1e-3, 1e15)),
    ] = 2e6
    reset_rate: Annotated[
        float, Field(gt=0, description="The same of RESET."), Quantity("1/s", (1e-3, 1e15))
    ] = 2e6
    set_exponent: Annotated[
        float, Field(ge=1, description="Exponent of the overdrive."), Quantity()
    ] = 3.0
    reset_exponent: Annotated[float, Field(ge=1, description="The same of RESET."), Quantity()] = (
        3.0
    )
    window: Annotated[
        float, Field(ge=1, description="Exponent of the window functions."), Quantity()
    ] = 2.0
    initial_state: Annotated[
        float,
        Field(ge=0, le=1, description="State of every cell before the first pulse."),
        Quantity(),
    ] = 0.01
    selector_width: Annotated[
        float, Field(gt=0, description="Channel width over length."), Quantity()
    ] = 10.0
    threshold_spread: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            description="Standard deviation of thresholds from cell to cell, as a fraction.",
        ),
        Quantity(),
    ] = 0.05
    conductance_spread: Annotated[
        float,
        Field(
            ge=0, le=0.5, description="Standard deviation of g_on from cell to cell, as a fraction."
        ),
        Quantity(),
    ] = 0.05
    rate_spread: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            description="Standard deviation of the logarithm of the rates from cell to cell.",
        ),
        Quantity(),
    ] = 0.2
    pulse_spread: Annotated[
        float, Field(ge=0, le=0.5, description="The same from pulse to pulse."), Quantity()
    ] = 0.1
    source: Annotated[str, Field(description="Where the figures come from.")] = (
        "assumed filamentary oxide cell of 10 kohm; no measured part"
    )

    def __post_init__(self) -> None:
        """Check the conductances."""
        if self.g_off >= self.g_on:
            raise ValueError(f"g_off = {self.g_off} must be below g_on = {self.g_on}")

    def read_conductance(self, state: Any, gate: float) -> Any:
        """Return memristor and selector in series, for a small voltage [S].

        Parameters
        ----------
        state : array_like
            State of the memristors, from 0 to 1.
        gate : float
            Word-line voltage, above the threshold of the selector [V].
        """
        memristor = self.g_off + (self.g_on - self.g_off) * np.asarray(state)
        overdrive = gate - SELECTOR_THRESHOLD
        selector = SELECTOR_TRANSCONDUCTANCE * self.selector_width * overdrive
        return 1 / (1 / memristor + 1 / selector)

    def draw(self, shape: tuple[int, int], seed: int) -> dict[str, Array]:
        """Return the sub-circuit's parameters of every cell that vary, each of that shape."""
        standard = {
            name: normals(seed, "switching", shape, index) for index, name in enumerate(_DRAWN)
        }

        def near(nominal: float, spread: float, name: str) -> Array:
            return nominal * np.maximum(1 + spread * standard[name], _SMALLEST)

        return {
            "gon": np.maximum(near(self.g_on, self.conductance_spread, "gon"), 2 * self.g_off),
            "vset": near(self.set_threshold, self.threshold_spread, "vset"),
            "vreset": near(self.reset_threshold, self.threshold_spread, "vreset"),
            "kset": self.set_rate * np.exp(self.rate_spread * standard["kset"]),
            "kreset": self.reset_rate * np.exp(self.rate_spread * standard["kreset"]),
        }

    def pulse_factor(self, shape: tuple[int, int], seed: int, pulse: int) -> Array:
        """Return the factor of the rates of every cell during one pulse."""
        factor: Array = np.exp(self.pulse_spread * normals(seed, "pulse", shape, pulse))
        return factor
