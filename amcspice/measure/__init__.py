"""Measurements: pure functions of waveforms, and the struct of arrays they fill."""

from amcspice.measure.limits import below_floor, near_limits
from amcspice.measure.measurement import Measurement, measure
from amcspice.measure.power import Power, energy, measure_power, source_power
from amcspice.measure.sampling import sample
from amcspice.measure.settling import Settling, Settlings, measure_settling, measure_settlings
from amcspice.problem.accuracy import relative_error, relative_size

__all__ = [
    "Measurement",
    "Power",
    "Settling",
    "Settlings",
    "below_floor",
    "energy",
    "measure",
    "measure_power",
    "measure_settling",
    "measure_settlings",
    "near_limits",
    "relative_error",
    "relative_size",
    "sample",
    "source_power",
]
