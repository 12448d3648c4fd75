"""Circuits: networks of conductances with amplifiers, and their deck text."""

from amcspice.circuit.base import Amplifiers, Circuit, Schematic, as_matrix, as_vectors
from amcspice.circuit.constraint import Constraint, NonNegative, Unconstrained
from amcspice.circuit.deck import Deck, Stimulus, Transient, write_deck
from amcspice.circuit.drawing import Drawing, PortNetwork, draw
from amcspice.circuit.ginv_classic import ClassicGINV
from amcspice.circuit.ginv_compact import CompactGINV
from amcspice.circuit.network import GROUND, Network

CIRCUITS: dict[str, type[Circuit]] = {
    circuit.name: circuit for circuit in (ClassicGINV, CompactGINV)
}
"""Every topology by its name on the command line."""

__all__ = [
    "CIRCUITS",
    "GROUND",
    "Amplifiers",
    "Circuit",
    "ClassicGINV",
    "CompactGINV",
    "Constraint",
    "Deck",
    "Drawing",
    "Network",
    "NonNegative",
    "PortNetwork",
    "Schematic",
    "Stimulus",
    "Transient",
    "Unconstrained",
    "as_matrix",
    "as_vectors",
    "draw",
    "write_deck",
]
