"""``amcspice simulate``: any deck with a transient."""

from __future__ import annotations

import time
from pathlib import Path

import click

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.measured_deck import measure_deck, plain_measured, show
from amcspice.cli.output import check_target, write_json
from amcspice.cli.parameter_options import compat_option, refuse_included, refuse_overlap
from amcspice.cli.progress import progress
from amcspice.cli.quantity_type import QuantityType
from amcspice.cli.waveform_options import check_waveform_targets, waveform_options
from amcspice.device import Compatibility
from amcspice.engine import BatchSimulator
from amcspice.engine.headway import heard_by
from amcspice.engine.ngspice.simulator import Vectors
from amcspice.engine.ngspice.user_deck import read_deck, run_deck
from amcspice.engine.waveform_file import write_waveforms
from amcspice.pool import cumulative

__all__ = ["simulate"]


@click.command(epilog="Example: amcspice simulate deck.cir --waveforms waves.csv --plot waves.png")
@click.argument("deck", type=click.Path(path_type=Path))
@waveform_options
@click.option(
    "--settle-tolerance",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="FRACTION",
    help="Half-width of the settling band, as a fraction of a node's final value.  "
    "[default: 0.01, or what a deck of amcspice generate says]",
)
@click.option("--timeout", type=QuantityType("s"), metavar="SECONDS", help="[default: none]")
@compat_option
@json_option
@debug_option
def simulate(
    deck: Path,
    waveforms: Path | None,
    plot: Path | None,
    settle_tolerance: float | None,
    timeout: float | None,
    compat: Compatibility,
    json_file: Path | None,
) -> None:
    """Run a SPICE deck with a .tran card in ngspice and measure how its nodes settle.

    The settling time of a node runs from the start of the transient until its voltage stays
    within the tolerance of its final value.  Of a deck of ``amcspice generate`` it shows x and the
    settling time of all outputs together, from the input step of each right-hand side.  The deck
    runs in its own folder; commands (.control) are not run: what only prints is left out, what
    changes the circuit is refused.
    """
    check_waveform_targets(waveforms, plot)
    if json_file is not None:
        check_target(json_file)
    _refuse_overlap(deck, waveforms, plot, json_file)
    refuse_included(deck, waveforms, plot, json_file)
    user_deck = read_deck(deck, compat)
    simulator = BatchSimulator()
    for note in user_deck.notes:
        click.echo(f"note: {note}", err=True)
    started = time.perf_counter()
    with progress(100, f"% of {deck.name}") as advance:
        further = cumulative(advance)
        with heard_by(lambda fraction: further(100 * fraction)):
            run = run_deck(user_deck, simulator, timeout)
    elapsed = time.perf_counter() - started
    for warning in run.warnings:
        click.echo(f"warning of ngspice: {warning}", err=True)
    measured = measure_deck(user_deck, run.vectors, settle_tolerance)
    if str(json_file) != "-":
        show(measured)
    if waveforms is not None:
        write_waveforms(waveforms, _columns(run.vectors))
    if plot is not None:
        from amcspice.view.style import save
        from amcspice.view.transient import transient

        save(transient(run.vectors["time"], measured.shown, title=deck.name), plot)
    if json_file is not None:
        write_json(
            json_file,
            {
                "deck": deck,
                "ngspice": simulator.installation.version,
                **plain_measured(measured),
                "notes": user_deck.notes,
                "warnings": run.warnings,
                "wall_time_s": elapsed,
            },
        )


def _refuse_overlap(deck: Path, *targets: Path | None) -> None:
    """Refuse to write over the deck, or to one file twice."""
    names = dict(zip(("waveforms", "plot", "json_file"), targets, strict=True))
    refuse_overlap({"file": deck, **names})


def _columns(vectors: Vectors) -> Vectors:
    """Name the columns as SPICE does: v(node), i(source)."""
    columns = {"time_s": vectors["time"]}
    for name, values in vectors.items():
        if name.endswith("#branch"):
            columns[f"i({name.removesuffix('#branch')})"] = values
        elif name != "time":
            columns[name if name.startswith("@") else f"v({name})"] = values
    return columns
