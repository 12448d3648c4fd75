"""``amcspice ofdm evm``: what arrays that transform OFDM symbols do to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import Settings, shared_options
from amcspice.cli.parameter_options import GroupedCommand, decorate, given, parameter_options
from amcspice.cli.quantity import si
from amcspice.cli.waveform_options import check_waveform_targets, plot_option
from amcspice.errors import UnsupportedError, counted
from amcspice.schema import field_parameters
from amcspice.simulation.plain import plain_verification
from amcspice.simulation.provenance import versions_at
from amcspice.workload.wireless import Ofdm, OfdmStudy

__all__ = ["evm"]

PARAMETERS = tuple(field_parameters(OfdmStudy))
FIELDS = {each.name: each.fields[0][1] for each in PARAMETERS}


@click.command(
    cls=GroupedCommand,
    problem=OfdmStudy.name,
    epilog="Example: amcspice ofdm evm --points 1024 --radix 32x32 --write-noise 0.01",
)
@decorate(parameter_options(PARAMETERS))
@plot_option
@shared_options
def evm(plot: Path | None, settings: Settings, **options: Any) -> None:
    """Send OFDM symbols through transforms in arrays, and say how far they are off.

    There is no noise but that of the hardware.  The equaliser has one factor a subcarrier, from
    pilots.  Circuits run at dc unless --fidelity says otherwise.
    """
    chosen = given(options, FIELDS)
    study = OfdmStudy(**{FIELDS[name]: value for name, value in chosen.items()})
    if settings.circuit not in (None, "mvm"):
        raise UnsupportedError(f"--circuit {settings.circuit}: products are made by mvm")
    if "fidelity" not in settings.given:
        settings = settings.at("dc")
    check_waveform_targets(None, plot)
    settings.check_surroundings()
    settings.write_config(problem=study.name, **chosen)
    chip = settings.chip()
    made = study.run_on(chip, circuit=settings.circuit_options, seed=settings.seed)
    verification = chip.verify(settings.verify) if settings.verify.count else None
    content = made.to_json()
    if str(settings.json) != "-":
        _show(study, made, content)
    if plot is not None:
        from amcspice.view import save
        from amcspice.view.links import subcarrier_errors

        save(subcarrier_errors(made), plot)
    for caution in content["cautions"]:
        click.echo(f"note: {caution}", err=True)
    settings.write_json(
        content
        | plain_verification(verification)
        | {"provenance": {**versions_at(settings.analysis), "seed": settings.seed}}
    )
    if verification is not None and str(settings.json) != "-":
        click.echo(str(verification))
    settings.confirm(verification)


def _show(study: OfdmStudy, made: Ofdm, content: dict[str, Any]) -> None:
    console = Console(highlight=False)
    console.print(
        f"{counted(study.points, 'subcarrier')}, {study.transform} in arrays of "
        f"{' x '.join(map(str, made.radices))} points\n"
        f"EVM {made.evm:.3%}, equalised {made.evm_equalised:.3%}, worst subcarrier "
        f"{made.by_subcarrier.max():.3%}"
    )
    known = {name: value for name, value in made.law.items() if value}
    if known:
        console.print(
            "known of each alone: "
            + ", ".join(f"{name} {each:.3%}" for name, each in known.items())
        )
    if "symbol" in content:
        symbol, writing = content["symbol"], content["writing"]
        bit = writing["energy_per_bit_j"]
        console.print(
            f"an OFDM symbol: {si(symbol['time_s'], 's')}, {si(symbol['energy_j'], 'J')}; writing "
            f"the transform once: {si(writing['time_s'], 's')} an array, "
            f"{si(writing['energy_j'], 'J')}\n"
            f"energy of a bit: {si(bit['counted'], 'J')} with writing for {writing['symbols']} "
            f"symbols, {si(bit['ignored'], 'J')} without"
        )
    table = Table(title="limits of TS 38.104", title_justify="left")
    for name in ("", "EVM", "met"):
        table.add_column(name, justify="right" if name else "left")
    for name, (limit, met) in made.limits.items():
        table.add_row(name, f"{limit:.1%}", "yes" if met else "no")
    console.print(table)
