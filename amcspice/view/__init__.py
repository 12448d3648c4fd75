"""Plots, as Matplotlib figures; nothing is computed here."""

from amcspice.view.budget import budget_bars
from amcspice.view.comparison import pareto_plot
from amcspice.view.cost import cost, timeline
from amcspice.view.curves import convergence, settling
from amcspice.view.picture import reconstruction
from amcspice.view.style import legend, save, styled
from amcspice.view.trials import distributions

__all__ = [
    "budget_bars",
    "convergence",
    "cost",
    "distributions",
    "legend",
    "pareto_plot",
    "reconstruction",
    "save",
    "settling",
    "styled",
    "timeline",
]
