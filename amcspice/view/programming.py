"""What write-verify did to an array: pulses, errors and energies as histograms."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from amcspice.programming import Programmed
from amcspice.view.style import COLOURS, prefix, styled

__all__ = ["programming"]

BINS = 40


@styled
def programming(array: Programmed, *, half_level: float | None = None) -> Figure:
    """Draw the pulses, final errors and energies of the cells of an array.

    Parameters
    ----------
    array : Programmed
        An array with at least one cell that is not off.
    half_level : float, optional
        Half of the distance between levels, marked beside the errors [S].

    Returns
    -------
    Figure
    """
    on = array.selected
    figure = Figure(figsize=(10.0, 3.4), layout="constrained")
    pulses, errors, energies = figure.subplots(1, 3)
    counts = array.pulses[on]
    pulses.hist(counts, bins=np.arange(counts.max() + 2) - 0.5, color=COLOURS[0])
    pulses.xaxis.set_major_locator(MaxNLocator(integer=True))
    pulses.set_xlabel("SET and RESET pulses")
    pulses.set_ylabel("cells")
    pulses.set_title(f"mean {counts.mean():.3g} pulses", loc="left")

    error = array.error[on]
    factor, si = prefix(float(np.abs(error).max()))
    errors.hist(error * factor, bins=BINS, color=COLOURS[2])
    errors.set_xlabel(f"conductance − target ({si}S)")
    converged = array.converged[on].mean()
    errors.set_title(f"{100 * converged:.4g} % within tolerance", loc="left")
    if half_level is not None:
        for side in (-1, 1):
            errors.axvline(side * half_level * factor, color="0.2", linestyle=(0, (6, 3)))
        within = 100 * array.fraction_within(half_level)
        errors.set_title(f"{within:.4g} % within half a level (dashed)", loc="left")

    energy = array.energy[on]
    factor, si = prefix(float(energy.max()))
    energies.hist(energy * factor, bins=BINS, color=COLOURS[1])
    energies.set_xlabel(f"energy of a cell ({si}J)")
    energies.set_title(f"mean {energy.mean() * factor:.3g} {si}J", loc="left")
    return figure
