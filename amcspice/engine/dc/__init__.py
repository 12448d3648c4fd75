"""The rest (equilibrium) that a circuit's behavioural equations come to, without time."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
