"""Growth of run times with size, on logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from amcspice.bench.report import Series
from amcspice.errors import InputError
from amcspice.view.style import COLOURS, DASHES, MARKERS, legend, styled

__all__ = ["growth"]


@styled
def growth(series: Sequence[Series]) -> Figure:
    """Draw run times over size, a panel a comparison, with fitted exponents in the legend.

    Parameters
    ----------
    series : sequence of Series
        Run times over sizes, from `amcspice.bench.growth`.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no series.
    """
    names = list(dict.fromkeys(side_series.comparison for side_series in series))
    if not names:
        raise InputError("there is no growth series to draw")
    figure = Figure(figsize=(4.2 * len(names), 4.2), layout="constrained")
    for name, axis in zip(names, figure.subplots(1, len(names), squeeze=False)[0], strict=True):
        members = [side_series for side_series in series if side_series.comparison == name]
        for index, side_series in enumerate(members):
            label = (
                side_series.side
                if len(side_series.sizes) < 2
                else f"{side_series.side}, ∝ size$^{{{side_series.exponent:.1f}}}$"
            )
            axis.loglog(
                side_series.sizes,
                side_series.seconds,
                label=label,
                color=COLOURS[index],
                linestyle=DASHES[index % len(DASHES)],
                marker=MARKERS[index % len(MARKERS)],
                markersize=5,
            )
        axis.set_title(name, loc="left")
        axis.set_xlabel(members[0].axis)
        axis.set_ylabel("median time (s)")
        sizes = sorted({size for side_series in members for size in side_series.sizes})
        axis.set_xticks(sizes, [f"{size:g}" for size in sizes])
        axis.minorticks_off()
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axis.yaxis.set_major_formatter("{x:g}")
    legend(figure, place="under each", columns=1)
    return figure
