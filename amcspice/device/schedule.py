"""The schedule of write-verify: which pulse follows what was read."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.schema import Quantity, parameters

__all__ = ["WriteVerify"]

Array = NDArray[np.float64]


@parameters
class WriteVerify:
    """Incremental-step pulse programming of 1T1R cells with a verify read after every pulse.

    A cell below its target gets a SET pulse, one above it a RESET pulse.  The first pulse of a
    train has the start voltage, each further one of the same polarity a step more, up to the
    largest; a change of polarity starts a new train.  A cell is left alone once it reads within
    the tolerance.

    Examples
    --------
    >>> import amcspice as amc
    >>> schedule = amc.WriteVerify(tolerance="2 uS", max_pulses=50)
    >>> array = amc.write_verify([[20e-6, 60e-6]], schedule=schedule)
    >>> bool(abs(array.conductance - array.target).max() < 3e-6)
    True
    """

    set_voltage: Annotated[
        float,
        Field(gt=0, description="First pulse of a SET train, bit line against source line."),
        Quantity("V", (1e-3, 100)),
    ] = 0.9
    set_step: Annotated[
        float,
        Field(ge=0, description="Added by each further SET pulse."),
        Quantity("V", (1e-3, 100)),
    ] = 0.02
    set_limit: Annotated[
        float, Field(gt=0, description="Largest SET pulse."), Quantity("V", (1e-3, 100))
    ] = 2.0
    reset_voltage: Annotated[
        float,
        Field(gt=0, description="First pulse of a RESET train, source line against bit line."),
        Quantity("V", (1e-3, 100)),
    ] = 0.9
    reset_step: Annotated[
        float,
        Field(ge=0, description="Added by each further RESET pulse."),
        Quantity("V", (1e-3, 100)),
    ] = 0.02
    reset_limit: Annotated[
        float, Field(gt=0, description="Largest RESET pulse."), Quantity("V", (1e-3, 100))
    ] = 2.0
    set_width: Annotated[
        float, Field(gt=0, description="Flat top of a SET pulse."), Quantity("s", (1e-12, 1))
    ] = 100e-9
    reset_width: Annotated[
        float, Field(gt=0, description="Flat top of a RESET pulse."), Quantity("s", (1e-12, 1))
    ] = 100e-9
    set_gate: Annotated[
        float, Field(gt=0, description="Word line during SET."), Quantity("V", (1e-3, 100))
    ] = 3.0
    reset_gate: Annotated[
        float, Field(gt=0, description="Word line during RESET."), Quantity("V", (1e-3, 100))
    ] = 3.0
    read_gate: Annotated[
        float, Field(gt=0, description="Word line during verify."), Quantity("V", (1e-3, 100))
    ] = 3.0
    edge: Annotated[
        float,
        Field(gt=0, description="Rise and fall time, and the pause between pulse and read."),
        Quantity("s", (1e-12, 1)),
    ] = 5e-9
    read_voltage: Annotated[
        float, Field(gt=0, description="Bit line during verify."), Quantity("V", (1e-3, 100))
    ] = 0.2
    read_width: Annotated[
        float, Field(gt=0, description="Flat top of the read pulse."), Quantity("s", (1e-12, 1))
    ] = 40e-9
    read_noise: Annotated[
        float,
        Field(
            ge=0,
            description="Standard deviation of a verify read, as a fraction of the conductance.",
        ),
        Quantity("", (0, 1)),
    ] = 0.0
    tolerance: Annotated[
        float,
        Field(
            gt=0,
            description="Accepted distance from the target; the command makes it "
            "smaller where levels are closer than that.",
        ),
        Quantity("S", (1e-12, 0.1)),
    ] = 1e-6
    max_pulses: Annotated[
        int, Field(ge=1, description="SET and RESET pulses a cell gets at most.")
    ] = 100

    def __post_init__(self) -> None:
        """Check that the trains can run."""
        for name in ("set", "reset"):
            start, limit = getattr(self, f"{name}_voltage"), getattr(self, f"{name}_limit")
            if limit < start:
                raise ValueError(f"{name}_limit = {limit} is below {name}_voltage = {start}")

    @property
    def read_start(self) -> float:
        """Time after the start of a pulse at which its verify read begins [s]."""
        return max(self.set_width, self.reset_width) + 4 * self.edge

    @property
    def slot(self) -> float:
        """Time of a pulse with its verify read [s]."""
        return self.read_start + self.read_width + 3 * self.edge

    def amplitude(self, direction: NDArray[np.int_], train: NDArray[np.int_]) -> Array:
        """Return the voltage of the next pulse, positive for SET, negative for RESET [V].

        Parameters
        ----------
        direction : ndarray of int
            1 for SET, -1 for RESET.
        train : ndarray of int
            Pulses of the same polarity before this one.
        """
        up = np.minimum(self.set_voltage + train * self.set_step, self.set_limit)
        down = np.minimum(self.reset_voltage + train * self.reset_step, self.reset_limit)
        amplitude: Array = np.where(direction > 0, up, -down)
        return amplitude
