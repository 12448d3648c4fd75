"""Alternating least squares: one loop over dense, masked and sparse data, regressions on a chip."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
