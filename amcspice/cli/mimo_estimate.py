"""``amcspice mimo estimate``: sparse channels from few pilots, on a chip."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import Settings, shared_options
from amcspice.cli.mimo_ber import read_ratios
from amcspice.cli.parameter_options import GroupedCommand, decorate, given, parameter_options
from amcspice.cli.progress import progress
from amcspice.cli.quantity import si
from amcspice.cli.waveform_options import check_waveform_targets, plot_option
from amcspice.errors import counted
from amcspice.schema import field_parameters
from amcspice.simulation.provenance import versions_at
from amcspice.workload.wireless.estimation import EstimationStudy
from amcspice.workload.wireless.sparse_channel import PEERS

__all__ = ["estimate"]

OWN = [each for each in field_parameters(EstimationStudy) if each.name != "pilot_snr"]
FIELDS = {each.name: each.fields[0][1] for each in OWN}


@click.command(
    cls=GroupedCommand,
    problem=EstimationStudy.name,
    several=("snr", "pilot_snr"),
    epilog="Example: amcspice mimo estimate --snr 10,25 --levels 16 --write-noise 0.02 --gain 1e6",
)
@click.option(
    "--snr",
    "--pilot-snr",
    "snr",
    default="25",
    show_default=True,
    metavar="LOW:HIGH:STEP",
    help="Signal-to-noise ratios of a received pilot in dB, or several with commas.",
)
@decorate(parameter_options(OWN))
@plot_option
@shared_options
def estimate(snr: str, plot: Path | None, settings: Settings, **options: Any) -> None:
    """Estimate channels of few paths from fewer pilots than beams, beside digital peers.

    Pilots are programmed once for every ratio, and channels are right-hand sides.  The circuit
    finds the paths, a digital least squares on these takes the bias of its L1 term out.  Circuits
    run at dc unless --fidelity says otherwise.
    """
    started = time.perf_counter()
    ratios, chosen = read_ratios(snr), given(options, FIELDS)
    study = EstimationStudy(**{FIELDS[name]: value for name, value in chosen.items()})
    settings = settings if "fidelity" in settings.given else settings.at("dc")
    check_waveform_targets(None, plot)
    settings.check_surroundings()
    settings.write_config(problem=EstimationStudy.name, pilot_snr=snr, **chosen)
    chip, figures, cautions = settings.chip(), [], []
    # In time one estimate of 64 beams takes as long as dozens at rest.
    chip.cost_sample = max(1, settings.verify.count)
    own = {} if settings.circuit is None else {"circuit": settings.circuit}
    with progress(len(ratios), "ratios") as advance:
        for ratio in ratios:
            made = study.estimate(
                chip, ratio, circuit=own | settings.circuit_options, seed=settings.seed
            )
            figures.append(made.figures())
            cautions += [f"{ratio:g} dB: {said}" for said in made.cautions]
            advance(1)
    verification = chip.verify(settings.verify) if settings.verify.count else None
    cost = chip.cost()
    cautions += cost.cautions
    if str(settings.json) != "-":
        _show(study, ratios, figures)
        Console(highlight=False).print(
            f"one writing: {si(cost.writing.time, 's')}, {si(cost.writing.energy, 'J')}; one "
            f"estimate: {si(cost.operation.time, 's')}, {si(cost.operation.energy, 'J')}, "
            f"technology {cost.technology.name}"
        )
        for sentence in cautions:
            click.echo(f"note: {sentence}", err=True)
    if plot is not None:
        from amcspice.view import save
        from amcspice.view.links import estimation_errors

        save(estimation_errors(ratios, figures), plot)
    settings.write_json(
        {
            "snr_db": ratios,
            **{name: [each[name] for each in figures] for name in figures[0]},
            "writing": cost.writing.to_json(),
            "operation": cost.operation.to_json(),
            "counted": cost.counted.to_json(),
            "ignored": cost.ignored.to_json(),
            "cautions": cautions,
            "ledger": chip.ledger.to_json(),
            "provenance": {
                **versions_at(settings.analysis),
                "seed": settings.seed,
                "wall_time_s": time.perf_counter() - started,
            },
        }
    )
    settings.confirm(verification)


def _show(study: EstimationStudy, ratios: list[float], figures: list[dict[str, float]]) -> None:
    title = (
        f"{counted(study.paths, 'path')} in {counted(study.beams, 'beam')} from "
        f"{counted(study.pilots, 'pilot')}, "
        f"{counted(study.estimates, 'channel')}, {study.recovery}: errors in dB"
    )
    table = Table(title=title, title_justify="left")
    for name in ("SNR, dB", "chip", "before debiasing", "all paths found", *PEERS):
        table.add_column(name, justify="right")
    for ratio, made in zip(ratios, figures, strict=True):
        table.add_row(
            f"{ratio:g}", f"{made['nmse_db']:.1f}", f"{made['biased_nmse_db']:.1f}",
            f"{made['paths_found']:.0%}", *(f"{made[f'{name}_nmse_db']:.1f}" for name in PEERS),
        )  # fmt: skip
    Console(highlight=False).print(table)
