"""``amcspice lowrank``: whether and how a product in two steps of low rank helps."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from amcspice.algorithm.low_rank import LowRank, LowRankStudy, LowRankTrial
from amcspice.cli.common import Settings, shared_options
from amcspice.cli.output import check_target
from amcspice.cli.parameter_options import GroupedCommand, decorate, given, parameter_options
from amcspice.cli.quantity import si
from amcspice.device.hardware import PARTS
from amcspice.errors import UnsupportedError, counted
from amcspice.schema import field_parameters
from amcspice.settings.assemble import hardware_of
from amcspice.settings.table import PARAMETERS
from amcspice.workload.matrix_file import read_numbers

__all__ = ["lowrank"]

NAMES = tuple(parameter.name for parameter in field_parameters(LowRankStudy))


@click.command(
    cls=GroupedCommand,
    problem=LowRankStudy.name,
    epilog="Example: amcspice lowrank A.npy --write-noise 0.05 --simulate",
)
@click.argument("matrix", type=click.Path(path_type=Path))
@decorate(parameter_options(PARAMETERS[name] for name in NAMES))
@shared_options
def lowrank(matrix: Path, settings: Settings, **options: Any) -> None:
    """Say whether MATRIX is better multiplied with in two steps, and how.

    The factors' copies take the cells that one array would take.  Errors are over white inputs and
    all draws of the cells: write noise, levels, variation, drift and read noise of them count.
    Circuits run at dc unless --fidelity says otherwise.
    """
    chosen = given(options, NAMES)
    study = LowRankStudy(**chosen)
    _check(settings)
    values: Any = read_numbers(matrix)
    low = study.of(values, hardware_of(settings.given))
    settings.write_config(problem=study.name, matrix=str(matrix), **chosen)
    plan = low.plan()
    trial = _simulate(low, study.inputs, settings) if study.simulate else None
    content = plan.to_json() | {"seed": settings.seed}
    drawn = None if study.draws is None else low.draw(study.draws, seed=settings.seed).to_json()
    if drawn is not None:
        content["monte_carlo"] = drawn
    if trial is not None:
        content["simulated"] = trial.to_json()
    cautions = [] if trial is not None else list(plan.cautions)
    if trial is not None:
        cautions += [*trial.two_steps.cautions, *trial.one_array.cautions]
        if trial.helps is not plan.helps:
            cautions.append("circuits and plan do not agree on whether it helps")
    if str(settings.json) != "-":
        click.echo(str(plan))
        if drawn is not None:
            click.echo(
                f"{counted(study.draws or 0, 'draw')} of the cells: {drawn['error']:.3g} +- "
                f"{drawn['error_standard_error']:.1g} in two steps, {drawn['baseline_error']:.3g} "
                f"+- {drawn['baseline_error_standard_error']:.1g} in one array"
            )
        if trial is not None:
            _show(trial)
    for caution in dict.fromkeys(cautions):
        click.echo(f"note: {caution}", err=True)
    settings.write_json(content)


def _check(settings: Settings) -> None:
    """Refuse what does not fit together, before any work."""
    if settings.circuit not in (None, "mvm"):
        raise UnsupportedError(f"--circuit {settings.circuit}: products are made by mvm")
    others = settings.parameters.keys() - PARTS.keys() - {"cycle"}
    if others:
        name = sorted(others)[0].replace("_", "-")
        raise UnsupportedError(f"--{name}: a low-rank product sets it itself")
    if settings.verify.count:
        raise UnsupportedError("--verify: give --simulate --fidelity NAME instead")
    if settings.json is not None:
        check_target(settings.json)


def _simulate(low: LowRank, inputs: int | None, settings: Settings) -> LowRankTrial:
    analysis = settings.analysis
    if "fidelity" not in settings.given:
        analysis = dataclasses.replace(analysis, fidelity="dc", simulator=None)
    fields = dict(vars(analysis))
    volts = fields.pop("range")
    return low.simulate(
        inputs, seed=settings.seed, jobs=settings.jobs,
        range="predicted" if volts == "reference" else volts, **fields,
    )  # fmt: skip


def _show(trial: LowRankTrial) -> None:
    table = Table(title=f"{trial.inputs} inputs, {trial.fidelity}", title_justify="left")
    for name in ("", "relative error", "settling", "amplifiers", "cells"):
        table.add_column(name, justify="right" if name else "left")
    for name, way in (("two steps", trial.two_steps), ("one array", trial.one_array)):
        table.add_row(
            name, f"{way.error:.3g}", si(way.settling_time, "s"), str(way.amplifiers),
            str(way.cells),
        )  # fmt: skip
    Console().print(table)
