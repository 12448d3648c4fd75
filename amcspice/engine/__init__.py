"""Backends: what circuits do, from decks in ngspice to equations at rest."""

from __future__ import annotations

from amcspice.engine.analysis import Analysis, choose_analysis, split_options
from amcspice.engine.backend import Backend, Forecast, Origin, Prepared, Response, Tolerance
from amcspice.engine.backends import get_backend
from amcspice.engine.batch import Batch, Drive, have_equal_wiring
from amcspice.engine.behavioural.backend import Behavioural, Integrator
from amcspice.engine.dc.backend import DC
from amcspice.engine.equations.linear import LinearModel
from amcspice.engine.equations.piecewise import PiecewiseLinear
from amcspice.engine.equations.pins import Pins
from amcspice.engine.fidelities import BACKENDS
from amcspice.engine.ngspice.choice import get_simulator
from amcspice.engine.ngspice.decks import Decks
from amcspice.engine.ngspice.installation import Installation, find_installation
from amcspice.engine.ngspice.process import BatchSimulator
from amcspice.engine.ngspice.shared import SharedSimulator
from amcspice.engine.ngspice.simulator import Simulator
from amcspice.engine.ngspice.streamer import Streamer
from amcspice.engine.supply import supply_currents
from amcspice.engine.timing import choose_transient
from amcspice.engine.waveforms import Segment, Stream, Waveforms

__all__ = [
    "BACKENDS",
    "DC",
    "Analysis",
    "Backend",
    "Batch",
    "BatchSimulator",
    "Behavioural",
    "Decks",
    "Drive",
    "Forecast",
    "Installation",
    "Integrator",
    "LinearModel",
    "Origin",
    "PiecewiseLinear",
    "Pins",
    "Prepared",
    "Response",
    "Segment",
    "SharedSimulator",
    "Simulator",
    "Stream",
    "Streamer",
    "Tolerance",
    "Waveforms",
    "choose_analysis",
    "choose_transient",
    "find_installation",
    "get_backend",
    "get_simulator",
    "have_equal_wiring",
    "split_options",
    "supply_currents",
]
