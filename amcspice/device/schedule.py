"""The schedule of write-verify: which pulse follows what was read."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.errors import parameters

__all__ = ["WriteVerify"]

Array = NDArray[np.float64]
Positive = Annotated[float, Field(gt=0)]
FromZero = Annotated[float, Field(ge=0)]


@parameters
class WriteVerify:
    """Incremental-step pulse programming of 1T1R cells with a verify read after every pulse.

    A cell below its target gets a SET pulse, one above it a RESET pulse.  The first pulse of a
    train has the start voltage, each further one of the same polarity a step more, up to the
    largest; a change of polarity starts a new train.  A cell is left alone once it reads within
    the tolerance.

    Parameters
    ----------
    set_voltage, set_step, set_limit : float
        Start, step and largest SET pulse, bit line against source line [V].
    reset_voltage, reset_step, reset_limit : float
        The same of RESET, source line against bit line [V].
    set_width, reset_width : float
        Flat top of a pulse [s].
    set_gate, reset_gate, read_gate : float
        Word line during SET, RESET and verify [V].
    edge : float
        Rise and fall time, and the pause between pulse and read [s].
    read_voltage : float
        Bit line during verify [V].
    read_width : float
        Flat top of the read pulse [s].
    read_noise : float
        Standard deviation of a verify read, as a fraction of the conductance.
    tolerance : float
        Accepted distance from the target [S].
    max_pulses : int
        SET and RESET pulses a cell gets at most.
    """

    set_voltage: Positive = 0.9
    set_step: FromZero = 0.02
    set_limit: Positive = 2.0
    reset_voltage: Positive = 0.9
    reset_step: FromZero = 0.02
    reset_limit: Positive = 2.0
    set_width: Positive = 100e-9
    reset_width: Positive = 100e-9
    set_gate: Positive = 3.0
    reset_gate: Positive = 3.0
    read_gate: Positive = 3.0
    edge: Positive = 5e-9
    read_voltage: Positive = 0.2
    read_width: Positive = 40e-9
    read_noise: FromZero = 0.0
    tolerance: Positive = 1e-6
    max_pulses: Annotated[int, Field(ge=1)] = 100

    def __post_init__(self) -> None:
        """Check that the trains can run."""
        for name in ("set", "reset"):
            start, limit = getattr(self, f"{name}_voltage"), getattr(self, f"{name}_limit")
            if limit < start:
                raise ValueError(f"{name}_limit = {limit} is below {name}_voltage = {start}")

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
