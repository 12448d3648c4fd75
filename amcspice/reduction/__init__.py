"""Exact reduction of linear networks to their ports, and products of one wired crossbar."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
