"""Training of small networks: exact gradients, first- and second-order optimisers, fair comparison.

Second-order steps take inverses of curvature factors, exact or in arrays of a chip
(`amcspice.algorithm.curvature`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
