"""Plots, as Matplotlib figures; nothing is computed here."""

from amcspice.view.curves import convergence, settling
from amcspice.view.picture import reconstruction
from amcspice.view.style import save

__all__ = ["convergence", "reconstruction", "save", "settling"]
