"""Measurements: pure functions of waveforms."""

from amcspice.measure.accuracy import relative_error, relative_size
from amcspice.measure.power import Ports, Power, energy, measure_power, source_power
from amcspice.measure.sampling import sample
from amcspice.measure.settling import Settling, Settlings, measure_settling, measure_settlings

__all__ = [
    "Ports",
    "Power",
    "Settling",
    "Settlings",
    "energy",
    "measure_power",
    "measure_settling",
    "measure_settlings",
    "relative_error",
    "relative_size",
    "sample",
    "source_power",
]
