"""Sparse systems by a preconditioned Krylov method, and sparse vectors from few equations."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
