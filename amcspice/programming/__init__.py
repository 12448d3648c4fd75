"""Programming arrays pulse by pulse: write-verify of 1T1R cells in ngspice."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
