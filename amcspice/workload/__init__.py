"""Workloads: what the circuits are used for, from files to figures of merit."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
