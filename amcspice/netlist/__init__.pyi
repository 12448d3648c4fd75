from .deck import Deck, write_deck
from .pyspice import to_pyspice
from .testbench import (
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
