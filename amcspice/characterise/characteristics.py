"""What a data sheet states of an amplifier: figures, responses and steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.characterise.fixture import AmplifierFixture
from amcspice.characterise.steps import Step
from amcspice.schema import to_text

__all__ = ["Array", "Characteristics", "Complex", "FrequencyResponse"]

Complex = NDArray[np.complex128]
Array = NDArray[np.float64]

RAIL_ERROR = 0.01
"""How far beyond a rail an output may be measured, as a fraction of the supply voltage."""


@dataclass(frozen=True, eq=False)
class FrequencyResponse:
    """Open-loop gain over frequency.

    Parameters
    ----------
    frequency : ndarray, shape (F,)
        [Hz].
    unloaded, loaded : ndarray of complex, shape (F,)
        Gain without load and with the stated one.
    output_impedance : ndarray of complex, shape (F,)
        Open-loop output impedance [ohm].
    input_admittance : ndarray of complex, shape (F,)
        Admittance of the inverting input [S].
    """

    frequency: Array
    unloaded: Complex
    loaded: Complex
    output_impedance: Complex
    input_admittance: Complex

    @property
    def useful(self) -> slice:
        """Samples up to where the gain falls below one half: beyond it, what feeds through."""
        return slice(0, int(np.argmax(np.abs(self.loaded) < 0.5)))


@dataclass(frozen=True, eq=False)
class Characteristics:
    """Figures of an amplifier, each under the fixture's supplies.

    Parameters
    ----------
    fixture : AmplifierFixture
    dc_gain, dc_gain_loaded : float
        Open-loop gain without and with load [V/V].
    gbw : float
        Gain times frequency where the gain falls by 20 dB a decade, without load [Hz].
    unity_gain_frequency : float
        Frequency at which the gain with load is one [Hz].
    phase_margin : float
        Phase margin of the follower with load [degrees].
    slew_rate_positive, slew_rate_negative : float or None
        Slope from 20 to 80 % of a step of the follower [V/s]; None where bandwidth limits it.
    offset : float
        Offset voltage at the input [V].
    bias_current_plus, bias_current_minus : float
        Currents into the inputs [A].
    input_resistance : float or None
        That of the inverting input at low frequency [ohm]; None above `LARGEST_RESISTANCE`.
    input_capacitance : float
        That of the inverting input at the unity-gain frequency [F].
    output_resistance : float
        Open-loop resistance at a tenth of the unity-gain frequency [ohm].
    highest_output, lowest_output : float
        Ends of the output range with load, overdriven [V].
    highest_output_unloaded, lowest_output_unloaded : float
        Ends of the output range without load, overdriven [V].
    source_current, sink_current : float
        Output currents into ground, overdriven [A].
    supply_share : float
        Part of the output current that comes out of the supply pins; 1 for all of it, 0 where the
        output stage stands on ground.
    quiescent_current : float
        Current from rail to rail, without load [A].
    quiescent_power : float
        That current times the supply voltage [W].
    input_noise : float
        Density at a tenth of the unity-gain frequency, white [V/sqrt(Hz)].
    response : FrequencyResponse
    steps : tuple of Step
        Steps of the follower with load: large up, large down, small up.
    """

    fixture: AmplifierFixture
    dc_gain: float
    dc_gain_loaded: float
    gbw: float
    unity_gain_frequency: float
    phase_margin: float
    slew_rate_positive: float | None
    slew_rate_negative: float | None
    offset: float
    bias_current_plus: float
    bias_current_minus: float
    input_resistance: float | None
    input_capacitance: float
    output_resistance: float
    highest_output: float
    lowest_output: float
    highest_output_unloaded: float
    lowest_output_unloaded: float
    source_current: float
    sink_current: float
    supply_share: float
    quiescent_current: float
    quiescent_power: float
    input_noise: float
    response: FrequencyResponse
    steps: tuple[Step, ...]

    @property
    def headroom_positive(self) -> float:
        """Distance from the highest output with load to its rail [V]."""
        return self.fixture.conditions.supply_positive - self.highest_output

    @property
    def headroom_negative(self) -> float:
        """Distance from the lowest output with load to its rail [V]."""
        return self.lowest_output - self.fixture.conditions.supply_negative

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the figures alone do not say, a sentence each."""
        conditions, said = self.fixture.conditions, []
        rails = (conditions.supply_negative, conditions.supply_positive)
        beyond = RAIL_ERROR * (rails[1] - rails[0])
        if self.highest_output > rails[1] + beyond or self.lowest_output < rails[0] - beyond:
            said.append(
                f"{self.fixture.label} ignores its rails: with load its output goes from "
                f"{to_text(self.lowest_output, 'V')} to {to_text(self.highest_output, 'V')} on "
                f"supplies of {rails[0]:g} and {rails[1]:g} V; only the macro-model stops there"
            )
        if self.supply_share != 1:
            said.append(
                f"{self.fixture.label} takes {self.supply_share:.0%} of its output current out of "
                "its supply pins; in the power of circuits the rest is added at the rail that it "
                "would come from"
            )
        return tuple(said)

    @property
    def overshoot(self) -> float:
        """Overshoot of the small step of the follower with load, as a fraction of it."""
        return self.steps[-1].overshoot
