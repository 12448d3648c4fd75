"""Plots, as Matplotlib figures; nothing is computed here."""

from amcspice.view.cost import cost, timeline
from amcspice.view.curves import convergence, settling
from amcspice.view.picture import reconstruction
from amcspice.view.style import save
from amcspice.view.trials import distributions

__all__ = [
    "convergence", "cost", "distributions", "reconstruction", "save", "settling", "timeline",
]  # fmt: skip
