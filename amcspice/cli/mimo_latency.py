"""``amcspice mimo latency``: how long a chain takes for a vector, and what writing it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import Settings, shared_options
from amcspice.cli.parameter_options import GroupedCommand, decorate, given, parameter_options
from amcspice.cli.progress import progress
from amcspice.cli.quantity import duration, si
from amcspice.cli.quantity_type import QuantityType
from amcspice.cli.waveform_options import check_waveform_targets, plot_option
from amcspice.errors import InputError, counted
from amcspice.schema import field_parameters
from amcspice.simulation.plain import plain_verification
from amcspice.simulation.provenance import versions_at
from amcspice.workload.wireless import Latency, LatencyStudy, Update, updates
from amcspice.workload.wireless.ageing import Aged, doppler, update_interval

__all__ = ["latency"]

PARAMETERS = tuple(field_parameters(LatencyStudy))
FIELDS = {each.name: each.fields[0][1] for each in PARAMETERS}

KMH = 1 / 3.6


@click.command(
    cls=GroupedCommand,
    problem=LatencyStudy.name,
    epilog="Example: amcspice mimo latency --channels 5 --opamp onchip-1g --speeds 3,30,120",
)
@decorate(parameter_options(PARAMETERS))
@click.option(
    "--speeds",
    default="3,30,120",
    show_default=True,
    metavar="KM/H",
    help="Of users, with commas: how often a channel must be written.",
)
@click.option(
    "--carrier",
    type=QuantityType("Hz"),
    default="3.5 GHz",
    show_default=True,
    help="Frequency of the carrier.",
)
@click.option(
    "--ageing-evm",
    type=QuantityType(""),
    default="3.35 %",
    show_default=True,
    help="EVM that the age of a channel may have just before it is written again.",
)
@click.option(
    "--aged",
    type=click.Choice(["all", "gram"]),
    default="all",
    show_default=True,
    help="What is as old as the writing: all matrices, or the Gram matrix alone, with a matched "
    "filter that follows.",
)
@plot_option
@shared_options
def latency(
    settings: Settings, speeds: str, carrier: float, ageing_evm: float, aged: Aged,
    plot: Path | None, **options: Any,
) -> None:  # fmt: skip
    """Let a chain of circuits settle, for many channels, and count what writing them takes.

    Behaviourally unless --fidelity says otherwise.  The first vector of a channel starts from rest,
    the others follow each other.  Ends with 1 if one of them does not settle.
    """
    chosen = given(options, FIELDS)
    study = LatencyStudy(**{FIELDS[name]: value for name, value in chosen.items()})
    moving = [speed * KMH for speed in _speeds(speeds)]
    if "fidelity" not in settings.given:
        settings = settings.at("behavioural")
    check_waveform_targets(None, plot)
    settings.check_surroundings()
    if settings.circuit is not None:
        raise InputError("--circuit: --chain says which one")
    own = {"speeds": speeds, "carrier": carrier, "ageing_evm": ageing_evm, "aged": aged}
    settings.write_config(own, problem=study.name, **chosen)
    source, chip = study.source(), settings.chip()
    for speed in moving:  # whether ageing ever has that EVM
        update_interval(doppler(speed, carrier), ageing_evm, source.users, source.antennas, aged)
    with progress(study.channels, "channels") as advance:
        made = study.run_on(
            chip, circuit=settings.circuit_options, seed=settings.seed, progress=advance
        )
    rows = updates(
        made.cost, moving, users=source.users, antennas=source.antennas, bits=made.bits,
        carrier=carrier, evm=ageing_evm, aged=aged,
    )  # fmt: skip
    verification = chip.verify(settings.verify) if settings.verify.count else None
    if str(settings.json) != "-":
        _show(study, made, rows)
    if plot is not None:
        from amcspice.view import save
        from amcspice.view.links import latencies

        save(latencies(made), plot)
    for caution in made.cautions:
        click.echo(f"note: {caution}", err=True)
    settings.write_json(
        made.to_json()
        | {"updates": [row.to_json() for row in rows], "carrier_hz": carrier}
        | plain_verification(verification)
        | {"provenance": {**versions_at(settings.analysis), "seed": settings.seed}}
    )
    if verification is not None and str(settings.json) != "-":
        click.echo(str(verification))
    settings.confirm(verification)
    if np.isnan(made.settling).any():
        click.get_current_context().exit(1)


def _speeds(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < speed < 1e5 for speed in found):
        raise InputError(f"--speeds {text}: give speeds in km/h with commas, such as 3,30,120")
    return found


def _extent(settling: NDArray[np.float64]) -> str:
    return f"median {si(float(np.median(settling)), 's')}, largest {si(settling.max(), 's')}"


def _show(study: LatencyStudy, made: Latency, rows: list[Update]) -> None:
    console, content = Console(highlight=False), made.to_json()
    writing, bit = content["writing"], content["writing"]["energy_per_bit_j"]
    console.print(
        f"chain-{study.chain}, {counted(study.channels, 'channel')}, "
        f"{counted(made.amplifiers, 'amplifier')}\n"
        f"settling from rest: {_extent(made.from_rest)}\n"
        f"slowest of {counted(writing['vectors'], 'vector')} in a row: {_extent(made.streamed)}\n"
        f"slowest mode {si(made.slowest_mode, 's')}, least damping {made.damping:.3g}\n"
        f"power {si(content['power_w'], 'W')}, energy of a vector {si(content['energy_j'], 'J')}, "
        f"with converters {si(content['operation']['energy_j'], 'J')} in "
        f"{si(content['operation']['time_s'], 's')}\n"
        f"writing a channel: {writing['cells']:.0f} cells, {writing['pulses']:.3g} pulses, "
        f"{si(writing['time_s'], 's')}, {si(writing['energy_j'], 'J')}, technology "
        f"{writing['technology']}\n"
        f"energy of a bit, {counted(writing['vectors'], 'vector')} a writing: "
        f"{si(bit['counted'], 'J')} with "
        f"writing, {si(bit['ignored'], 'J')} without"
    )
    table = Table(
        title="users who move, writing counted; bits of an array that is never idle, J of a block",
        title_justify="left",
    )
    for name in ("km/h", "coherent", "write every", "takes", "pulses/s", "life", "bit/s", "J/bit"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            f"{row.speed / KMH:.3g}", si(row.coherence, "s"), si(row.interval, "s"),
            f"{row.writing:.3g} x", f"{row.pulses_per_second:.2g}", duration(row.life),
            si(row.throughput, "") if row.fits else "too slow", f"{row.energy_per_bit:.2g}",
        )  # fmt: skip
    console.print(table)
