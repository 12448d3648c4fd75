"""Plots, as Matplotlib figures; nothing is computed here."""

from amcspice.view.curves import convergence, settling
from amcspice.view.picture import reconstruction
from amcspice.view.style import save
from amcspice.view.trials import distributions

__all__ = ["convergence", "distributions", "reconstruction", "save", "settling"]
