"""Design answers: what errors are made of, which circuit to take, what its parts have to be."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
