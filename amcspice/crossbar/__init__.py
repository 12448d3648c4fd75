"""One wired crossbar: its structure, and its exact reduction to its terminals."""

from amcspice.crossbar.reduction import CrossbarReduction, reduction_flops
from amcspice.crossbar.structure import Array, Crossbar

__all__ = ["Array", "Crossbar", "CrossbarReduction", "reduction_flops"]
