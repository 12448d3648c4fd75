"""Circuits: networks of conductances with amplifiers, and their deck text."""

from amcspice.circuit.base import Amplifiers, Circuit, Schematic, as_matrix, as_vectors
from amcspice.circuit.constraint import Constraint, NonNegative, Unconstrained
from amcspice.circuit.deck import Deck, Stimulus, Transient, write_deck
from amcspice.circuit.drawing import Drawing, PortNetwork, draw
from amcspice.circuit.eigen import Eigen
from amcspice.circuit.ginv_classic import ClassicGINV
from amcspice.circuit.ginv_compact import CompactGINV
from amcspice.circuit.inverse import INV, CompensatedINV, InverterINV
from amcspice.circuit.least_squares import LeastSquares
from amcspice.circuit.macro import Macro, MacroEigen, MacroGINV, MacroINV, MacroMVM
from amcspice.circuit.mvm import MVM
from amcspice.circuit.network import GROUND, Network
from amcspice.circuit.switches import Switches

CIRCUITS: dict[str, type[Circuit]] = {
    circuit.name: circuit
    for circuit in (
        MVM,
        INV,
        CompensatedINV,
        InverterINV,
        ClassicGINV,
        CompactGINV,
        Eigen,
        MacroMVM,
        MacroINV,
        MacroGINV,
        MacroEigen,
    )
}
"""Every topology by its name on the command line."""

__all__ = [
    "CIRCUITS",
    "GROUND",
    "INV",
    "MVM",
    "Amplifiers",
    "Circuit",
    "ClassicGINV",
    "CompactGINV",
    "CompensatedINV",
    "Constraint",
    "Deck",
    "Drawing",
    "Eigen",
    "InverterINV",
    "LeastSquares",
    "Macro",
    "MacroEigen",
    "MacroGINV",
    "MacroINV",
    "MacroMVM",
    "Network",
    "NonNegative",
    "PortNetwork",
    "Schematic",
    "Stimulus",
    "Switches",
    "Transient",
    "Unconstrained",
    "as_matrix",
    "as_vectors",
    "draw",
    "write_deck",
]
