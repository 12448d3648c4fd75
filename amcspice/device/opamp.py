"""Amplifier parameters and presets; the sub-circuits themselves are ``models/opamp.lib``."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Self

from pydantic import Field

from amcspice.errors import InputError, parameters

__all__ = ["PRESETS", "OpAmp"]

Positive = Annotated[float, Field(gt=0)]
NonNegativeFloat = Annotated[float, Field(ge=0)]


@parameters
class OpAmp:
    """An operational amplifier: gain, bandwidth, limits and consumption.

    Parameters
    ----------
    gain : float
        Open-loop DC gain A0 [V/V].
    gbw : float
        Gain-bandwidth product [Hz].
    slew_rate : float, optional
        Slew rate [V/s]; None is no limit.
    second_pole : float, optional
        Frequency of the second pole [Hz]; None is a single-pole amplifier.
    offset : float
        Input offset voltage, in series with the non-inverting input [V].
    bias_current : float
        Current into each input [A].
    input_resistance : float, optional
        Differential input resistance [ohm]; None is infinite.
    input_capacitance : float
        Of each input to ground [F].
    output_resistance : float
        Open-loop output resistance [ohm].
    output_current_limit : float, optional
        Largest output current, both signs [A]; None is no limit.
    supply_positive, supply_negative : float
        Rails [V].
    headroom_positive, headroom_negative : float
        How close to the rail the output swings [V].
    quiescent_current : float
        From rail to rail [A].
    source : str
        Where the figures come from.
    """

    gain: Annotated[float, Field(gt=1)] = 1e6
    gbw: Positive = 100e6
    slew_rate: Positive | None = None
    second_pole: Positive | None = None
    offset: float = 0.0
    bias_current: float = 0.0
    input_resistance: Positive | None = None
    input_capacitance: NonNegativeFloat = 0.0
    output_resistance: Positive = 0.1
    output_current_limit: Positive | None = None
    supply_positive: Positive = 5.0
    supply_negative: Annotated[float, Field(lt=0)] = -5.0
    headroom_positive: NonNegativeFloat = 0.0
    headroom_negative: NonNegativeFloat = 0.0
    quiescent_current: NonNegativeFloat = 0.0
    source: str = "user"

    def __post_init__(self) -> None:
        """Refuse an amplifier without output range."""
        if self.highest_output <= 0 or self.lowest_output >= 0:
            raise ValueError("headroom leaves no output range on both sides of 0 V")

    @property
    def highest_output(self) -> float:
        """Upper end of the output range [V]."""
        return self.supply_positive - self.headroom_positive

    @property
    def lowest_output(self) -> float:
        """Lower end of the output range on the negative supply [V]."""
        return self.supply_negative + self.headroom_negative

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """Return a preset, with single parameters changed on request.

        Raises
        ------
        InputError
            If there is no preset of that name.
        """
        if name not in PRESETS:
            raise InputError(f"unknown amplifier preset {name!r}; choose from {', '.join(PRESETS)}")
        return dataclasses.replace(cls(**PRESETS[name]), **changes)


PRESETS: dict[str, dict[str, Any]] = {
    "ideal": {
        "source": "not a part: gain 1e6, GBW 100 MHz, no slew or current limit, +-5 V rail to rail"
    },
    "ad823": {
        "gain": 5e4,
        "gbw": 16e6,
        "slew_rate": 22e6,
        "quiescent_current": 2.6e-3,
        "headroom_positive": 0.05,
        "headroom_negative": 0.05,
        "source": "AD823 data sheet (GBW, slew rate, supply current, +-5 V, swing to within 50 mV "
        "of either rail); gain 5e4 and output resistance 0.1 ohm are assumptions",
    },
    "onchip-1g": {
        "gain": 1e4,
        "gbw": 1e9,
        "slew_rate": 1e9,
        "quiescent_current": 0.5e-3,
        "supply_positive": 0.6,
        "supply_negative": -0.6,
        "headroom_positive": 0.05,
        "headroom_negative": 0.05,
        "output_resistance": 10.0,
        "source": "assumed on-chip amplifier of the 1 GHz class on a 1.2 V supply; no real part",
    },
}
