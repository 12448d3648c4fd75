"""``amcspice simulate``: any deck with a transient."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.cli.progress import progress
from amcspice.cli.quantity import si
from amcspice.cli.quantity_type import QuantityType
from amcspice.cli.waveform_options import check_waveform_targets, waveform_options
from amcspice.engine import BatchSimulator
from amcspice.engine.headway import heard_by
from amcspice.engine.ngspice.simulator import Vectors
from amcspice.engine.ngspice.user_deck import read_deck, run_deck
from amcspice.engine.waveform_file import write_waveforms
from amcspice.measure import Settling
from amcspice.measure.nodes import node_voltages, settling_by_node
from amcspice.pool import cumulative

__all__ = ["simulate"]

MOST_ROWS = 40
"""Nodes shown in the table; files hold all of them."""


@click.command(epilog="Example: amcspice simulate deck.cir --waveforms waves.csv --plot waves.png")
@click.argument("deck", type=click.Path(path_type=Path))
@waveform_options
@click.option(
    "--settle-tolerance",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    metavar="FRACTION",
    help="Half-width of the settling band, as a fraction of a node's final value.",
)
@click.option("--timeout", type=QuantityType("s"), metavar="SECONDS", help="[default: none]")
@json_option
@debug_option
def simulate(
    deck: Path,
    waveforms: Path | None,
    plot: Path | None,
    settle_tolerance: float,
    timeout: float | None,
    json_file: Path | None,
) -> None:
    """Run a SPICE deck with a .tran card in ngspice and measure how its nodes settle.

    The settling time of a node runs from the start of the transient until its voltage stays
    within the tolerance of its final value; in a deck of ``amcspice generate``, from the input
    step of each right-hand side.
    """
    check_waveform_targets(waveforms, plot)
    if json_file is not None:
        check_target(json_file)
    user_deck = read_deck(deck)
    simulator = BatchSimulator()
    for note in user_deck.notes:
        click.echo(f"note: {note}", err=True)
    started = time.perf_counter()
    with progress(100, f"% of {deck.name}") as advance:
        further = cumulative(advance)
        with heard_by(lambda fraction: further(100 * fraction)):
            vectors, _ = run_deck(user_deck, simulator, timeout)
    elapsed = time.perf_counter() - started
    voltages = node_voltages(vectors)
    settling = settling_by_node(vectors["time"], voltages, settle_tolerance, user_deck.window)
    if str(json_file) != "-":
        _show(settling, settle_tolerance)
    if waveforms is not None:
        write_waveforms(waveforms, _columns(vectors))
    if plot is not None:
        from amcspice.view.style import save
        from amcspice.view.transient import transient

        save(transient(vectors["time"], voltages, title=deck.name), plot)
    if json_file is not None:
        write_json(
            json_file,
            {
                "deck": deck,
                "ngspice": simulator.installation.version,
                "stop_time_s": vectors["time"][-1],
                "settle_tolerance": settle_tolerance,
                "windows": [
                    {"start_s": k * (user_deck.window or 0.0), "nodes": _nodes(window)}
                    for k, window in enumerate(settling)
                ],
                "notes": user_deck.notes,
                "wall_time_s": elapsed,
            },
        )


def _nodes(window: Mapping[str, Settling]) -> dict[str, dict[str, object]]:
    return {
        name: {
            "final_v": node.final[0],
            "settled": node.settled,
            "settling_time_s": node.time,
        }
        for name, node in window.items()
    }


def _show(settling: Sequence[Mapping[str, Settling]], tolerance: float) -> None:
    table = Table(title=f"settling to within {100 * tolerance:g} %")
    if len(settling) > 1:
        table.add_column("rhs", justify="right")
    table.add_column("node")
    table.add_column("final value", justify="right")
    table.add_column("settling time", justify="right")
    rows = [(k, name, node) for k, window in enumerate(settling) for name, node in window.items()]
    for k, name, node in rows[:MOST_ROWS]:
        duration = si(node.time, "s") if node.settled else "not settled"
        row = (name, f"{node.final[0]:.6g} V", duration)
        table.add_row(*((str(k), *row) if len(settling) > 1 else row))
    console = Console(highlight=False)
    console.print(table)
    if len(rows) > MOST_ROWS:
        console.print(f"and {len(rows) - MOST_ROWS} more: see --json or --waveforms")


def _columns(vectors: Vectors) -> Vectors:
    """Name the columns as SPICE does: v(node), i(source)."""
    columns = {"time_s": vectors["time"]}
    for name, values in vectors.items():
        if name.endswith("#branch"):
            columns[f"i({name.removesuffix('#branch')})"] = values
        elif name != "time":
            columns[name if name.startswith("@") else f"v({name})"] = values
    return columns
