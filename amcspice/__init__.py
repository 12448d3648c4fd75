"""amcspice: analog matrix computing circuits, simulated with ngspice."""

__version__ = "0.1.0"

from amcspice.circuit import (
    CIRCUITS,
    Circuit,
    ClassicGINV,
    CompactGINV,
    NonNegative,
    Unconstrained,
)
from amcspice.device import Memristor, OpAmp, Wire
from amcspice.errors import AmcspiceError, InputError, SimulationError, UnsupportedError
from amcspice.solver import Analysis, Factorisation, Run, make_circuit, nmf, simulate, solve

__all__ = [
    "CIRCUITS",
    "AmcspiceError",
    "Analysis",
    "Circuit",
    "ClassicGINV",
    "CompactGINV",
    "Factorisation",
    "InputError",
    "Memristor",
    "NonNegative",
    "OpAmp",
    "Run",
    "SimulationError",
    "Unconstrained",
    "UnsupportedError",
    "Wire",
    "make_circuit",
    "nmf",
    "simulate",
    "solve",
]
