from .analysis import Analysis, choose_analysis, split_options
from .backend import Backend, Forecast, Origin, Prepared, Response, Tolerance
from .backends import get_backend
from .batch import Batch, Drive, have_equal_wiring
from .behavioural.backend import Behavioural, Integrator
from .dc.backend import DC
from .equations.linear import LinearModel
from .equations.piecewise import PiecewiseLinear
from .equations.pins import Pins
from .fidelities import BACKENDS
from .ngspice.choice import get_simulator
from .ngspice.decks import Decks
from .ngspice.installation import Installation, find_installation
from .ngspice.process import BatchSimulator
from .ngspice.shared import SharedSimulator
from .ngspice.simulator import Simulator
from .ngspice.streamer import Streamer
from .supply import supply_currents
from .timing import choose_transient
from .waveforms import Segment, Stream, Waveforms

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
