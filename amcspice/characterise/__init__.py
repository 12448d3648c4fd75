"""Amplifiers measured: any five-pin sub-circuit through ngspice, and the macro-model of it."""

from amcspice.characterise.cell import measured_cell, measured_table
from amcspice.characterise.characteristics import Characteristics, FrequencyResponse
from amcspice.characterise.figures import characterise
from amcspice.characterise.fit import Fit, fit, measured_opamp
from amcspice.characterise.fixture import AmplifierFixture, Conditions
from amcspice.characterise.steps import Step

__all__ = [
    "AmplifierFixture",
    "Characteristics",
    "Conditions",
    "Fit",
    "FrequencyResponse",
    "Step",
    "characterise",
    "fit",
    "measured_cell",
    "measured_opamp",
    "measured_table",
]
