"""Simulation: circuits with their right-hand sides, many draws of a circuit, problems by name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
