"""Deck text: elements, amplifiers, noise sources, PySpice export and decks that stand alone."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
