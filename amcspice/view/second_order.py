"""Second-order training: what an update costs, and what may be gained over width and batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from amcspice.circuit.base import Array
from amcspice.system.cost import Totals
from amcspice.view.style import COLOURS, DASHES, MARKERS, legend, prefix, styled

__all__ = ["break_even", "gain_maps", "stability", "update_cost"]

_plain = FuncFormatter(lambda value, _: f"{value:,g}")

LEVELS = (1.0, 1.2, 1.5, 2.0, 3.0, 5.88, 10.0, 20.0)
"""Gains at which a map has lines; 5.88 is what was published."""


@styled
def update_cost(groups: Mapping[str, Mapping[str, Totals]], *, title: str = "") -> Figure:
    """Stack writing, operations, digital work and memory of updates, in time and in energy.

    Parameters
    ----------
    groups : mapping
        ``Cost.groups`` by name.
    title : str
    """
    figure = Figure(figsize=(4.0 + 1.4 * len(groups), 4.2), layout="constrained")
    figure.suptitle(title or "an update of all factors")
    for axes, (what, unit) in zip(
        figure.subplots(1, 2), (("time", "s"), ("energy", "J")), strict=True
    ):
        totals = [sum(getattr(part, what) for part in made.values()) for made in groups.values()]
        factor, letter = prefix(max(totals, default=1.0))
        bottom = np.zeros(len(groups))
        for number, part in enumerate(next(iter(groups.values()))):
            heights = factor * np.array([getattr(made[part], what) for made in groups.values()])
            axes.bar(list(groups), heights, bottom=bottom, width=0.6, label=part,
                     color=COLOURS[number])  # fmt: skip
            bottom += heights
        for place, (made, total) in enumerate(zip(groups.values(), totals, strict=True)):
            writing, operations = (getattr(made[name], what) for name in ("writing", "operations"))
            ratio = writing / operations if operations else math.nan
            axes.annotate(f"writing\n{ratio:.3g} x\noperations", (place, factor * total),
                          ha="center", va="bottom", fontsize=8)  # fmt: skip
        axes.set_ylabel(f"{what} ({letter}{unit})")
        axes.set_ylim(top=1.3 * factor * max(totals, default=1.0))
        axes.grid(visible=False, axis="x")
        axes.tick_params(axis="x", rotation=20 if len(groups) > 2 else 0)
    legend(figure, axes)
    return figure


@styled
def gain_maps(
    widths: Sequence[int], batches: Sequence[int], gains: Mapping[str, Array], *, title: str = ""
) -> Figure:
    """Draw how much faster a step gets, over the width of a layer and its batch.

    Parameters
    ----------
    widths, batches : sequence of int
    gains : mapping
        Maps by name, shape (len(batches), len(widths)).
    title : str
    """
    figure = Figure(figsize=(1.0 + 4.0 * len(gains), 4.2), layout="constrained")
    figure.suptitle(title or "speed of a training step over that of one core")
    panels = np.atleast_1d(figure.subplots(1, len(gains), sharey=True))
    limit = np.log(max(float(np.max(each)) for each in gains.values()))
    for axes, (name, values) in zip(panels, gains.items(), strict=True):
        shown = axes.pcolormesh(
            widths, batches, np.log(values), cmap="RdBu", vmin=-limit, vmax=limit, shading="gouraud"
        )
        if np.min(values) < np.max(values):
            thick = [1.8 if level == 1 else 0.9 for level in LEVELS]
            lines = axes.contour(
                widths, batches, values, levels=LEVELS, colors="0.1", linewidths=thick
            )
            axes.clabel(lines, fmt="%g", fontsize=8)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(_plain)
        axes.set_title(name)
        axes.set_xlabel("width of the layer")
        axes.grid(visible=False)
    panels[0].set_ylabel("examples times positions")
    ticks = [v for v in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if abs(np.log(v)) <= limit]
    bar = figure.colorbar(shown, ax=list(panels), ticks=np.log(ticks))
    bar.ax.set_yticklabels([f"{v:g}" for v in ticks])
    return figure


@styled
def break_even(widths: Sequence[int], times: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the time of an inverse over its width, on a core and on chips.

    Parameters
    ----------
    widths : sequence of int
    times : mapping
        By name [s].
    """
    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    axes = figure.subplots()
    for number, (name, values) in enumerate(times.items()):
        axes.loglog(widths, 1e3 * np.asarray(values), color=COLOURS[number],
                    linestyle=DASHES[number % len(DASHES)], label=name)  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_plain)
    axes.set_xlabel("width of the factor")
    axes.set_ylabel("time of an inverse (ms)")
    legend(figure)
    return figure


@styled
def stability(shares: Sequence[float], unstable: Mapping[str, Sequence[float]]) -> Figure:
    """Draw which part of the writings is unstable over what was foretold.

    Parameters
    ----------
    shares : sequence of float
        sigma ||M^-1||_F.
    unstable : mapping
        Fractions by name.
    """
    figure = Figure(figsize=(6.0, 3.8), layout="constrained")
    axes = figure.subplots()
    for number, (name, values) in enumerate(unstable.items()):
        axes.plot(shares, 100 * np.asarray(values), color=COLOURS[number % len(COLOURS)],
                  marker=MARKERS[number % len(MARKERS)], linestyle=DASHES[number % 4],
                  markersize=4, label=name)  # fmt: skip
    axes.axvline(1.0, color="0.3", linewidth=1, linestyle=":")
    axes.set_xlabel("foretold share of the limit, σ ‖M⁻¹‖")
    axes.set_ylabel("unstable writings (%)")
    legend(figure)
    return figure
