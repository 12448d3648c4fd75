"""Wireless links: modulation, channels, detection and precoding by analog matrix operations.

Examples
--------
>>> import amcspice as amc
>>> set(amc.wireless.__all__) >= {"BitErrorStudy", "Channel"}
True
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
