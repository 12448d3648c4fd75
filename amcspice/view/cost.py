"""What a workload costs: its parts, with writing and without, and what moves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from amcspice.system import Bar, Cost, Phase
from amcspice.system.ledger import CALIBRATION
from amcspice.view.style import COLOURS, legend, prefix, styled

__all__ = ["cost", "timeline"]

LEAST_PART, LEAST_SPAN = 0.002, 0.02
"""Parts and bars below this fraction of the whole are left out."""

MOST_BARS = 10
"""Figures of the technology in a tornado."""

TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)

MOST_PHASES = 400
"""Phases in a timeline."""


@styled
def cost(made: Cost, *, title: str = "") -> Figure:
    """Draw the parts of time and energy, and a tornado of each.

    Parameters
    ----------
    made : Cost
    title : str

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(11.0, 7.5), layout="constrained")
    axes = figure.subplots(2, 2, width_ratios=(2, 3))
    work = made.work
    figure.suptitle(
        title
        or f"{_several(work.programmings, 'writing')}, "
        f"{_several(work.operated.count, 'operation')}, technology {made.technology.name}"
    )
    for row, (name, unit) in zip(axes, (("time", "s"), ("energy", "J")), strict=True):
        parts: tuple[Mapping[str, float], ...] = (
            getattr(made, name), getattr(made.without_writing, name),
        )  # fmt: skip
        total = getattr(made.counted, name)
        bars = [bar for bar in made.tornado(name) if bar.span > LEAST_SPAN * total]
        _draw_parts(row[0], parts, name, unit)
        _draw_tornado(row[1], bars[:MOST_BARS], total, name, unit)
    legend(figure, axes[0, 1])
    return figure


def _several(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _draw_parts(axes: Axes, parts: tuple[Mapping[str, float], ...], name: str, unit: str) -> None:
    """Stack the parts: with writing, and without it."""
    totals = [sum(each.values()) for each in parts]
    factor, letter = prefix(totals[0])
    shown = [part for part, value in parts[0].items() if value > LEAST_PART * totals[0]]
    bottoms = np.zeros(2)
    for number, part in enumerate(shown):
        heights = factor * np.array([each[part] for each in parts])
        colour = (*COLOURS, "0.35", "0.6", "0.8")[number % (len(COLOURS) + 3)]
        axes.bar(
            [0, 1], heights, bottom=bottoms, width=0.6, label=part.replace("_", " "), color=colour
        )
        bottoms += heights
    axes.set_xticks([0, 1], ["writing\ncounted", "writing\nignored"])
    axes.set_xlim(-0.5, 2.6)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel(f"{name} ({letter}{unit})")
    if totals[1]:
        axes.annotate(
            f"1/{totals[0] / totals[1]:.3g}", (1, factor * totals[1]),
            textcoords="offset points", xytext=(0, 4), ha="center",
        )  # fmt: skip
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="upper right")


def _draw_tornado(axes: Axes, bars: list[Bar], total: float, name: str, unit: str) -> None:
    """Draw what each figure does over its range, as a multiple of what is taken, the widest up."""
    for place, bar in enumerate(reversed(bars)):
        for end, colour in ((bar.low, COLOURS[5]), (bar.high, COLOURS[4])):
            ratio = end / total
            axes.barh(place, ratio - 1, left=1, height=0.65, color=colour)
    axes.set_yticks(range(len(bars)), [bar.name.replace("_", " ") for bar in reversed(bars)])
    axes.axvline(1.0, color="0.2", linewidth=1)
    axes.set_xscale("log")
    ends = [end / total for bar in bars for end in (bar.low, bar.high)]
    low, high = min(ends, default=1.0), max(ends, default=1.0)
    ticks = [tick for tick in TICKS if low / 2 < tick < 2 * high]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(visible=False, axis="y")
    factor, letter = prefix(total)
    axes.set_xlabel(f"{name} over {factor * total:.3g} {letter}{unit}, writing counted")
    for colour, label in ((COLOURS[5], "low end"), (COLOURS[4], "high end")):
        axes.bar(0, 0, color=colour, label=label)


@styled
def timeline(phases: Sequence[Phase], *, title: str = "") -> Figure:
    """Draw what a chip did, one phase after the other, each on the arrays that it happens on.

    Parameters
    ----------
    phases : sequence of Phase
        By `amcspice.Chip.schedule`; the first `MOST_PHASES` are drawn.
    title : str

    Returns
    -------
    Figure
    """
    drawn = list(phases[:MOST_PHASES])
    labels = list(dict.fromkeys(phase.label for phase in drawn))
    figure = Figure(figsize=(10.0, 1.6 + 0.45 * len(labels)), layout="constrained")
    axes = figure.subplots()
    last = max((phase.start + phase.duration for phase in drawn), default=1.0)
    factor, letter = prefix(last)
    colours = {"writing": COLOURS[1], "operation": COLOURS[0], "digital": COLOURS[2]}
    for kind, colour in (*colours.items(), ("calibration", COLOURS[5]), ("waiting", "0.8")):
        chosen = [phase for phase in drawn if _kind(phase) == kind]
        if chosen:
            axes.barh(
                [labels.index(phase.label) for phase in chosen],
                [factor * phase.duration for phase in chosen],
                left=[factor * phase.start for phase in chosen],
                height=0.6, color=colour, edgecolor=colour, linewidth=0.8, label=kind,
            )  # fmt: skip
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"time ({letter}s)")
    left = f", the first {len(drawn)} of {len(phases)} phases" if len(drawn) < len(phases) else ""
    axes.set_title(f"{title or 'phases'}{left}")
    legend(figure, place="beside")
    return figure


def _kind(phase: Phase) -> str:
    return "calibration" if phase.what.startswith(CALIBRATION) else phase.entry
