"""amcspice: analog matrix computing circuits, simulated with ngspice.

The names below are imported when they are first used, so that ``import amcspice`` and
``amcspice --help`` do not wait for numpy and scipy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amcspice.algorithm import Factorisation, LowRank, nmf
    from amcspice.characterise import measured_cell, measured_opamp
    from amcspice.circuit import (
        CIRCUITS,
        INV,
        LCA,
        MVM,
        Circuit,
        ClassicGINV,
        CompactGINV,
        CompensatedINV,
        DetectorChain,
        Eigen,
        InverterINV,
        LeastSquares,
        Macro,
        NonNegative,
        PrecoderChain,
        ProjectorChain,
        RightGINV,
        Switches,
        Unconstrained,
        UnrolledBlockINV,
    )
    from amcspice.design import (
        CircuitComparison,
        ErrorBudget,
        Requirements,
        compare,
        error_budget,
        program_budget,
        require,
    )
    from amcspice.device import (
        ADC,
        DAC,
        Cell,
        CellModel,
        Hardware,
        MeasuredArray,
        Memristor,
        OpAmp,
        Subcircuit,
        SwitchingCell,
        Wire,
        WriteErrors,
        WriteVerify,
        cell,
    )
    from amcspice.engine import BACKENDS, Analysis, Backend
    from amcspice.errors import (
        AccuracyWarning,
        AmcspiceError,
        CautionWarning,
        ImplausibleWarning,
        InputError,
        SimulationError,
        UnsupportedError,
    )
    from amcspice.estimator import AnalogNMF
    from amcspice.netlist import to_pyspice
    from amcspice.problem import PROBLEMS, Problem, make_circuit
    from amcspice.programming import Programmed, write_verify
    from amcspice.simulation import (
        Run,
        Trials,
        Verify,
        monte_carlo,
        noise_transient,
        output_noise,
        simulate,
        solve,
    )
    from amcspice.system import Chip, Cost, Ledger, ProgrammedMatrix, Technology
    from amcspice.workload import wireless

__version__ = "0.2.0"

__all__ = [
    "ADC",
    "BACKENDS",
    "CIRCUITS",
    "DAC",
    "INV",
    "LCA",
    "MVM",
    "PROBLEMS",
    "AccuracyWarning",
    "AmcspiceError",
    "AnalogNMF",
    "Analysis",
    "Backend",
    "CautionWarning",
    "Cell",
    "CellModel",
    "Chip",
    "Circuit",
    "CircuitComparison",
    "ClassicGINV",
    "CompactGINV",
    "CompensatedINV",
    "Cost",
    "DetectorChain",
    "Eigen",
    "ErrorBudget",
    "Factorisation",
    "Hardware",
    "ImplausibleWarning",
    "InputError",
    "InverterINV",
    "LeastSquares",
    "Ledger",
    "LowRank",
    "Macro",
    "MeasuredArray",
    "Memristor",
    "NonNegative",
    "OpAmp",
    "PrecoderChain",
    "Problem",
    "Programmed",
    "ProgrammedMatrix",
    "ProjectorChain",
    "Requirements",
    "RightGINV",
    "Run",
    "SimulationError",
    "Subcircuit",
    "Switches",
    "SwitchingCell",
    "Technology",
    "Trials",
    "Unconstrained",
    "UnrolledBlockINV",
    "UnsupportedError",
    "Verify",
    "Wire",
    "WriteErrors",
    "WriteVerify",
    "cell",
    "compare",
    "error_budget",
    "make_circuit",
    "measured_cell",
    "measured_opamp",
    "monte_carlo",
    "nmf",
    "noise_transient",
    "output_noise",
    "program_budget",
    "require",
    "simulate",
    "solve",
    "to_pyspice",
    "wireless",
    "write_verify",
]

_ROOMS = (
    "errors",
    "device",
    "circuit",
    "netlist",
    "problem",
    "engine",
    "programming",
    "simulation",
    "system",
    "algorithm",
    "design",
    "characterise",
    "estimator",
)


_MODULES = {"wireless": "amcspice.workload.wireless"}


def __getattr__(name: str) -> Any:
    """Import a public name from the room that holds it."""
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name in __all__:
        for room in _ROOMS:
            module = importlib.import_module(f"amcspice.{room}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'amcspice' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted({*globals(), *__all__})
