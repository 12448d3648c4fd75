"""Deck text: elements, amplifiers, noise sources, PySpice export and decks that stand alone."""

from amcspice.netlist.deck import Deck, write_deck
from amcspice.netlist.pyspice import to_pyspice
from amcspice.netlist.testbench import (
    PortNetwork,
    Stimulus,
    Testbench,
    Transient,
    make_testbench,
)

__all__ = [
    "Deck",
    "PortNetwork",
    "Stimulus",
    "Testbench",
    "Transient",
    "make_testbench",
    "to_pyspice",
    "write_deck",
]
