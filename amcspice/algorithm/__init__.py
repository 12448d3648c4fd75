"""Algorithms: programs on a chip, and alternating least squares over dense and sparse data."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
