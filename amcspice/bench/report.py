"""Rows as tables, and growth series with their fitted exponents."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from amcspice.bench.registry import COMPARISONS
from amcspice.bench.row import Row

__all__ = ["Series", "growth", "highlights", "limit_of", "markdown", "sentence"]

SMALL = "small sizes (`--quick`)"


@dataclass(frozen=True)
class Series:
    """Times of one side over sizes.

    Parameters
    ----------
    comparison : str
    axis : str
        What grows.
    side : str
        What was run.
    ours : bool
    sizes : tuple of float
        Ascending.
    seconds : tuple of float
        Medians [s].
    """

    comparison: str
    axis: str
    side: str
    ours: bool
    sizes: tuple[float, ...]
    seconds: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """Exponent of the power law that fits best; nan below two sizes."""
        if len(self.sizes) < 2:
            return float("nan")
        return float(np.polyfit(np.log(self.sizes), np.log(self.seconds), 1)[0])


def growth(rows: Iterable[Row]) -> list[Series]:
    """Return the series in the rows, ours first in each comparison."""
    points: dict[tuple[str, bool, str], dict[float, float]] = {}
    for row in rows:
        if row.size is None:
            continue
        for ours, side, seconds in ((True, row.ours, row.ours_s), (False, row.peer, row.peer_s)):
            if seconds is not None:
                points.setdefault((row.comparison, ours, side), {})[row.size] = seconds
    order = sorted(points, key=lambda key: (list(COMPARISONS).index(key[0]), not key[1]))
    return [
        Series(
            comparison=key[0],
            axis=COMPARISONS[key[0]].axis,
            side=key[2],
            ours=key[1],
            sizes=tuple(sorted(points[key])),
            seconds=tuple(points[key][size] for size in sorted(points[key])),
        )
        for key in order
    ]


def sentence(row: Row) -> str:
    """Return a row as one line."""
    text = row.case
    if row.peer:
        text += f": {row.ours} against {row.peer}"
    if row.status in ("not run", "failed"):
        return f"{text}: {row.status}: {row.note}"
    times = [_time(row.ours_s, row.ours_runs), _time(row.peer_s, row.peer_runs)]
    text += ": " + " against ".join(time for time in times if time)
    if row.ratio is not None:
        text += f", ratio {_ratio(row)}"
    if row.missed:
        text += f" (wanted: {row.limit})"
    text += f", deviation {row.deviation:.0e}"
    if row.note:
        text += f" ({row.note})"
    if row.status == "answers differ":
        text += f": ANSWERS DIFFER, tolerance {row.tolerance:.0e}"
    return text


HIGHLIGHTS = ("wired-circuit", "crossbar", "streaming")
"""Comparisons whose first headline stands for all: a wired circuit, a large array, many inputs."""


def highlights(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that README shows; a comparison that is not there has none."""
    headlines = [row for row in rows if row.headline]
    first = {row.comparison: row for row in reversed(headlines)}
    return [first[name] for name in HIGHLIGHTS if name in first]


def markdown(rows: Sequence[Row], *, everything: bool = False) -> str:
    """Return rows as a Markdown table with what is the same for all of them below it.

    Parameters
    ----------
    rows : sequence of Row
    everything : bool
        All rows with spreads, tolerances and notes, and the exponents; otherwise the headlines.
    """
    table_rows = [row for row in rows if everything or row.headline]
    head = ["problem", "amcspice", "peer", "peer / amcspice", "limit", "deviation"]
    if everything:
        head += ["tolerance", "spread", "note"]
    lines = [head, ["---"] * len(head), *(_cells(row, everything) for row in table_rows)]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
    if everything:
        text += "\n" + _exponents(rows)
    return text + "\n" + _circumstances(rows)


def _cells(row: Row, everything: bool) -> list[str]:
    ours = " ".join(filter(None, (row.ours, _time(row.ours_s, row.ours_runs))))
    peer = " ".join(filter(None, (row.peer, _time(row.peer_s, row.peer_runs))))
    outcome = _ratio(row) if row.status == "ok" else row.status
    if row.status in ("not run", "failed") and not everything:
        outcome += f": {row.note}"
    cells = [row.case, ours, peer, outcome, limit_of(row), _number(row.deviation)]
    if everything:
        spreads = [s for s in (row.ours_spread, row.peer_spread) if s is not None]
        cells += [_number(row.tolerance), ", ".join(f"{s:.0%}" for s in spreads), row.note]
    return [cell.replace("|", "\\|") for cell in cells]


def limit_of(row: Row) -> str:
    """Return which figure of a row is held to what, and whether it is missed."""
    return f"{row.limit}: missed" if row.missed else row.limit


def _exponents(rows: Sequence[Row]) -> str:
    """Say how times grow, a line a comparison."""
    lines = []
    for name, members in itertools.groupby(growth(rows), key=lambda series: series.comparison):
        series = list(members)
        fitted = "; ".join(f"{member.side}: {member.exponent:.2f}" for member in series)
        lines.append(f"- {name}, exponent of growth with {series[0].axis}: {fitted}.\n")
    return "".join(lines)


def _circumstances(rows: Sequence[Row]) -> str:
    versions = dict.fromkeys(part for row in rows for part in row.versions.split(", ") if part)
    cores = sorted({row.cores for row in rows})
    sizes = f"{SMALL}; " if any(row.quick for row in rows) else ""
    return (
        f"Medians of interleaved runs, a benchmark in one go (number of runs in brackets); {sizes}"
        f"{'/'.join(map(str, cores))} cores, one thread a process; {', '.join(versions)}."
    )


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2g}" if row.ratio < 10 else f"{row.ratio:.0f}"


def _time(seconds: float | None, runs: int) -> str:
    return "" if seconds is None else f"{seconds:.3g} s ({runs})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0e}"
