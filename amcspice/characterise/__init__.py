"""Amplifiers measured: any five-pin sub-circuit through ngspice, and the macro-model of it."""

from amcspice.characterise.bench import Bench, Conditions
from amcspice.characterise.figures import Characteristics, FrequencyResponse, characterise
from amcspice.characterise.fit import Fit, fit, measured_opamp
from amcspice.characterise.steps import Step

__all__ = [
    "Bench",
    "Characteristics",
    "Conditions",
    "Fit",
    "FrequencyResponse",
    "Step",
    "characterise",
    "fit",
    "measured_opamp",
]
