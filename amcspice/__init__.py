"""Analog matrix computing with memristor crossbars, simulated with ngspice."""

__version__ = "0.1.0"
