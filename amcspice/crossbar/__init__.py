"""One wired crossbar: its structure, and its exact reduction to its terminals."""

from amcspice.crossbar.reduction import CrossbarReduction
from amcspice.crossbar.structure import Array, Crossbar

__all__ = ["Array", "Crossbar", "CrossbarReduction"]
