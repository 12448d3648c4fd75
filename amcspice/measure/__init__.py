"""Measurements: pure functions of waveforms."""

from amcspice.measure.accuracy import relative_error
from amcspice.measure.power import Power, energy, measure_power
from amcspice.measure.settling import Settling, measure_settling

__all__ = ["Power", "Settling", "energy", "measure_power", "measure_settling", "relative_error"]
