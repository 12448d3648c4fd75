"""Figures of an amplifier and parameters of a macro-model as rows of text."""

from __future__ import annotations

from collections.abc import Iterator

from amcspice.characterise.fit import Fit
from amcspice.device import OpAmp
from amcspice.schema import to_text

__all__ = ["measured_rows", "model_rows"]

_FIGURES = (
    ("dc_gain", "DC gain, without load", ""),
    ("dc_gain_loaded", "DC gain, with load", ""),
    ("gbw", "gain-bandwidth product, without load", "Hz"),
    ("unity_gain_frequency", "frequency of gain one, with load", "Hz"),
    ("phase_margin", "phase margin of a follower, with load", "degrees"),
    ("slew_rate_positive", "slew rate, rising", "V/s"),
    ("slew_rate_negative", "slew rate, falling", "V/s"),
    ("overshoot", "overshoot of a small step", ""),
    ("offset", "input offset", "V"),
    ("bias_current_plus", "current into in+", "A"),
    ("bias_current_minus", "current into in-", "A"),
    ("input_resistance", "input resistance", "ohm"),
    ("input_capacitance", "input capacitance", "F"),
    ("output_resistance", "output resistance, open loop", "ohm"),
    ("highest_output", "highest output, with load", "V"),
    ("lowest_output", "lowest output, with load", "V"),
    ("highest_output_unloaded", "highest output, without load", "V"),
    ("lowest_output_unloaded", "lowest output, without load", "V"),
    ("source_current", "current sourced into ground", "A"),
    ("sink_current", "current sunk from ground", "A"),
    ("supply_share", "output current from the supplies", ""),
    ("quiescent_current", "quiescent current", "A"),
    ("quiescent_power", "quiescent power", "W"),
    ("input_noise", "input noise, white", "V/√Hz"),
)

_PARAMETERS = (
    ("gain", ""),
    ("gbw", "Hz"),
    ("slew_rate", "V/s"),
    ("second_pole", "Hz"),
    ("offset", "V"),
    ("bias_current", "A"),
    ("input_resistance", "ohm"),
    ("input_capacitance", "F"),
    ("output_resistance", "ohm"),
    ("output_current_limit", "A"),
    ("supply_positive", "V"),
    ("supply_negative", "V"),
    ("headroom_positive", "V"),
    ("headroom_negative", "V"),
    ("quiescent_current", "A"),
    ("input_noise", "V/√Hz"),
)

NOISELESS = "input_noise"
"""The sub-circuit of the macro-model has no noise source; noise comes from the deck."""


def measured_rows(macro_fit: Fit) -> Iterator[tuple[str, str, str]]:
    """Yield name, measured value and the macro-model's own value of every figure."""
    for name, words, unit in _FIGURES:
        measured, modelled = (getattr(it, name) for it in (macro_fit.measured, macro_fit.model))
        if name == NOISELESS:
            modelled = macro_fit.opamp.input_noise
        yield words, _text(name, measured, unit), _text(name, modelled, unit)


def model_rows(opamp: OpAmp) -> Iterator[tuple[str, str]]:
    """Yield name and value of every parameter of a macro-model."""
    for name, unit in _PARAMETERS:
        yield name, _text(name, getattr(opamp, name), unit)


def _text(name: str, value: float | None, unit: str) -> str:
    """Return a figure as text; that there is no slew limit is a figure, too."""
    return "none" if value is None and name.startswith("slew_rate") else to_text(value, unit)
