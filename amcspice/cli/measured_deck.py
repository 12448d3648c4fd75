"""What ``amcspice simulate`` shows of a deck: its nodes, or x where it says how to read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from amcspice.cli.quantity import si
from amcspice.engine.ngspice.simulator import Vectors
from amcspice.engine.ngspice.user_deck import UserDeck
from amcspice.errors import InputError
from amcspice.measure import Settling, measure_settling
from amcspice.measure.nodes import currents, node_voltages, settling_by_node, windows_of
from amcspice.netlist.listing_reader import Listing

__all__ = ["MeasuredDeck", "measure_deck", "plain_measured", "show"]

MOST_ROWS = 40
"""Rows shown in the table; files hold all of them."""

MOST_ENTRIES = 8
"""Entries of x shown in a row."""

TOLERANCE = 0.01
"""Of settling, where neither a deck nor an option says one."""


@dataclass(frozen=True, eq=False)
class MeasuredDeck:
    """A transient and how it settles.

    Parameters
    ----------
    shown : dict of str to ndarray
        The vectors that are shown, by name.
    start_time, stop_time : float
        First and last time of the record [s].
    tolerance : float
        Half-width of the settling band, as a fraction of the final value.
    starts : tuple of float
        Time of each input step [s].
    nodes : list of dict of str to Settling
        Each by itself, an entry a window.
    listing : Listing, optional
        How x is read.
    together : list of Settling
        Of all outputs of a listing, an entry a window.
    """

    shown: dict[str, NDArray[np.float64]]
    start_time: float
    stop_time: float
    tolerance: float
    starts: tuple[float, ...]
    nodes: list[dict[str, Settling]]
    listing: Listing | None
    together: list[Settling]

    def time_of(self, settling: Settling) -> float:
        """Return a settling time [s]; nan for what had settled before the record began."""
        unseen = self.start_time > 0 and settling.settled and settling.time == 0
        return float("nan") if unseen else settling.time


def measure_deck(deck: UserDeck, vectors: Vectors, tolerance: float | None) -> MeasuredDeck:
    """Measure how a transient settles.

    Parameters
    ----------
    deck : UserDeck
    vectors : dict of str to ndarray
        Of its transient.
    tolerance : float, optional
        None is that of a listing, else 1 %.

    Raises
    ------
    InputError
        If the deck saves no voltage and no current.
    """
    time, listing = vectors["time"], deck.listing
    volts = None if listing is None else listing.volts(vectors)
    if listing is None or volts is None:
        listing, volts = None, None
        shown = {**node_voltages(vectors), **currents(vectors, deck.saved)} or currents(vectors)
    else:
        shown = {name: vectors[name] for name in listing.outputs}
    if not shown:
        raise InputError(f"{deck.path}: it saves no voltage and no current: change .save")
    window = deck.window if listing is None else listing.window
    usual = TOLERANCE if listing is None else listing.settle_tolerance
    band = usual if tolerance is None else tolerance
    windows = windows_of(time, window)
    return MeasuredDeck(
        shown,
        float(time[0]),
        float(time[-1]),
        band,
        tuple(edge for _, edge in windows),
        settling_by_node(time, shown, band, window),
        listing,
        []
        if volts is None
        else [measure_settling(time[part] - edge, volts[part], band) for part, edge in windows],
    )


def plain_measured(measured: MeasuredDeck) -> dict[str, Any]:
    """Return what JSON holds of it."""
    content: dict[str, Any] = {
        "start_time_s": measured.start_time,
        "stop_time_s": measured.stop_time,
        "settle_tolerance": measured.tolerance,
        "windows": [
            {"start_s": start, "nodes": _nodes(measured, window)}
            for start, window in zip(measured.starts, measured.nodes, strict=True)
        ],
    }
    if measured.listing is not None:
        together = measured.together
        content["solution"] = [measured.listing.solution(one.final) for one in together]
        content["settled"] = [one.settled for one in together]
        content["settling_time_s"] = [one.time for one in together]
    return content


def _nodes(measured: MeasuredDeck, window: Mapping[str, Settling]) -> dict[str, dict[str, object]]:
    return {
        name: {
            f"final_{_unit(name).lower()}": node.final[0],
            "settled": node.settled,
            "settling_time_s": measured.time_of(node),
        }
        for name, node in window.items()
    }


def _unit(name: str) -> str:
    return "A" if name.endswith("#branch") or name.startswith("@") else "V"


def show(measured: MeasuredDeck) -> None:
    """Print a table of x, or of the nodes."""
    console = Console(highlight=False, markup=False)
    rows = _node_rows(measured) if measured.listing is None else _solution_rows(measured)
    title = f"settling to within {100 * measured.tolerance:g} %"
    if measured.listing is not None:
        title = f"{measured.listing.title}; {title}"
    several = len(measured.starts) > 1 or measured.listing is not None
    table = Table(title=title)
    if several:
        table.add_column("rhs", justify="right")
    if measured.listing is None:
        table.add_column("node")
        table.add_column("final value", justify="right")
    else:
        count = len(measured.listing.outputs)
        shown = f"x (first {MOST_ENTRIES} of {count})" if count > MOST_ENTRIES else "x"
        table.add_column(shown, justify="right")
    table.add_column("settling time", justify="right")
    for row in rows[:MOST_ROWS]:
        table.add_row(*(row if several else row[1:]))
    console.print(table)
    if len(rows) > MOST_ROWS:
        console.print(f"and {len(rows) - MOST_ROWS} more: see --json or --waveforms")


def _node_rows(measured: MeasuredDeck) -> list[tuple[str, ...]]:
    return [
        (str(k), _label(name), f"{node.final[0]:.6g} {_unit(name)}", _duration(measured, node))
        for k, window in enumerate(measured.nodes)
        for name, node in window.items()
    ]


def _label(name: str) -> str:
    return f"i({name.removesuffix('#branch')})" if name.endswith("#branch") else name


def _solution_rows(measured: MeasuredDeck) -> list[tuple[str, ...]]:
    assert measured.listing is not None
    rows: list[tuple[str, ...]] = []
    for k, one in enumerate(measured.together):
        x = measured.listing.solution(one.final)[:MOST_ENTRIES]
        entries = "  ".join(f"{value:.4g}" for value in x)
        rows.append((str(k), entries, _duration(measured, one)))
    return rows


def _duration(measured: MeasuredDeck, settling: Settling) -> str:
    if not settling.settled:
        return "not settled"
    duration = measured.time_of(settling)
    return f"before {si(measured.start_time, 's')}" if np.isnan(duration) else si(duration, "s")
