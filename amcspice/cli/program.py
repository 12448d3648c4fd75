"""``amcspice program``: write-verify of an array in ngspice, pulse by pulse."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.cli.parameter_options import (
    ParameterOption,
    config_options,
    decorate,
    given,
    refuse_overlap,
)
from amcspice.cli.progress import progress
from amcspice.cli.quantity import si
from amcspice.cli.quantity_type import QuantityType
from amcspice.device import CellTable, SwitchingCell, WriteVerify
from amcspice.device.draws import uniforms
from amcspice.errors import InputError, counted
from amcspice.files import replacing
from amcspice.pool import usable_cores
from amcspice.programming import Programmed, write_verify
from amcspice.schema import field_parameters
from amcspice.settings.experiment import OwnCell
from amcspice.settings.own_cells import own_table
from amcspice.workload.matrix_file import read_matrix

__all__ = ["program"]

Array = NDArray[np.float64]

LEVEL_SHARE = 2 / 3
"""Of half a level, that the tolerance is at most unless it is given."""

_OWN = {
    owner: tuple(parameter for parameter in field_parameters(owner) if parameter.name != "source")
    for owner in (WriteVerify, SwitchingCell, OwnCell)
}
"""Parameters of the schedule, of the cell, and of one of the user's own in its place."""


@click.command(epilog="Example: amcspice program --size 32 32 --levels 16 --out G.npy --plot G.png")
@click.option(
    "--target",
    metavar="FILE",
    help="Conductances [S]: .npy, .npz, .csv, .txt, .mtx, .mat; 0 is off.",
)
@click.option(
    "--size",
    nargs=2,
    type=click.IntRange(min=1),
    metavar="M N",
    help="Random levels in an array of M x N, in place of --target.",
)
@click.option(
    "--levels",
    type=click.IntRange(min=2),
    default=16,
    show_default=True,
    help="Levels, equally spaced from g-min to g-max.",
)
@click.option(
    "--g-min",
    type=QuantityType("S"),
    default=5e-6,
    show_default=True,
    metavar="S",
    help="Lowest level.",
)
@click.option(
    "--g-max",
    type=QuantityType("S"),
    default=100e-6,
    show_default=True,
    metavar="S",
    help="Highest level.",
)
@decorate(config_options()[:1])
@decorate([ParameterOption(of_it) for owner in _OWN for of_it in _OWN[owner]])
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the conductances [S], .npy: for --programmed of other commands.",
)
@click.option(
    "--errors",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the errors by level, JSON: for --write-errors of other commands.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw pulses, errors and energies: .png, .pdf or .svg.",
)
@click.option(
    "--simulator",
    type=click.Choice(["shared", "batch"]),
    help="ngspice as a library or as a process [default: shared where it works].",
)
@click.option("--timeout", type=QuantityType("s"), metavar="SECONDS", help="Of one simulation.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes [default: one a usable core].",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of targets, cells, pulses and reads.",
)
@json_option
@debug_option
def program(
    target: str | None,
    size: tuple[int, int] | None,
    levels: int,
    g_min: float,
    g_max: float,
    out: Path | None,
    errors: Path | None,
    plot: Path | None,
    simulator: str | None,
    timeout: float | None,
    jobs: int | None,
    seed: int,
    json_file: Path | None,
    **options: Any,
) -> None:
    """Program an array by write-verify: SET and RESET pulses, a read after each.

    Cells are 1T1R, or those of a sub-circuit of your own (--cell-lib), without a selector.
    """
    _check_files(out, errors, plot, json_file)
    refuse_overlap(
        {"target": target, "out": out, "errors": errors, "plot": plot, "json_file": json_file}
    )
    targets, half_level = _target(target, size, levels, g_min, g_max, seed)
    schedule: Any
    cell: Any
    schedule, cell = (
        owner(**given(options, [parameter.name for parameter in _OWN[owner]]))
        for owner in (WriteVerify, SwitchingCell)
    )
    cell = _own_cell(options) or cell
    schedule = _fitted(schedule, half_level, said=options["tolerance"] is not None)
    with progress(int((targets > 0).sum()), "cells") as advance:
        programmed = write_verify(
            targets,
            cell=cell,
            schedule=schedule,
            seed=seed,
            simulator=simulator,
            jobs=jobs or usable_cores(),
            timeout=timeout,
            progress=advance,
        )
    _write(programmed, out, errors, plot, half_level)
    content = {**programmed.summary(half_level), "provenance": programmed.provenance}
    if json_file is not None:
        write_json(json_file, content)
    if str(json_file) != "-":
        _show(programmed, content)
    missed = int((~programmed.converged).sum())
    if missed:
        click.echo(f"note: {counted(missed, 'cell')} ran out of pulses", err=True)


def _own_cell(options: dict[str, Any]) -> CellTable | None:
    """Return the table of a sub-circuit of the user's own; None without one."""
    own = given(options, [parameter.name for parameter in _OWN[OwnCell]])
    if not own:
        return None
    for name in given(options, [parameter.name for parameter in _OWN[SwitchingCell]]):
        raise InputError(f"{name}: of the 1T1R cell, which the sub-circuit of cell_lib replaces")
    for name in given(options, ["set_gate", "reset_gate", "read_gate"]):
        raise InputError(f"{name}: of a selector, which the sub-circuit of cell_lib stands without")
    return own_table(own)


def _check_files(
    out: Path | None, errors: Path | None, plot: Path | None, json_file: Path | None
) -> None:
    suffixes = {out: (".npy",), errors: (".json",), plot: (".png", ".pdf", ".svg"), json_file: ()}
    for path, allowed in suffixes.items():
        if path is None:
            continue
        if allowed and path.suffix.lower() not in allowed:
            raise InputError(f"{path}: unknown type {path.suffix!r}; use {', '.join(allowed)}")
        check_target(path)


def _fitted(schedule: WriteVerify, half_level: float | None, *, said: bool) -> WriteVerify:
    """Return the schedule with a tolerance that tells levels apart, or say that it does not."""
    if half_level is None or schedule.tolerance <= LEVEL_SHARE * half_level:
        return schedule
    if not said:
        return dataclasses.replace(schedule, tolerance=LEVEL_SHARE * half_level)
    if schedule.tolerance > half_level:
        click.echo(
            f"note: a tolerance of {si(schedule.tolerance, 'S')} is wider than half a level, "
            f"{si(half_level, 'S')}: cells that pass may read as another level",
            err=True,
        )
    return schedule


def _target(
    path: str | None,
    size: tuple[int, int] | None,
    levels: int,
    g_min: float,
    g_max: float,
    seed: int,
) -> tuple[Array, float | None]:
    """Return the target, and half of the distance between levels where there are any."""
    if (path is None) == (size is None):
        raise InputError("give either --target FILE or --size M N")
    if path is not None:
        return read_matrix(path), None
    if g_min >= g_max:
        raise InputError(f"--g-min {g_min:g} must be below --g-max {g_max:g}")
    assert size is not None
    grid = np.linspace(g_min, g_max, levels)
    levels_drawn = (uniforms(seed, "level", size) * levels).astype(int)
    return grid[levels_drawn], float(grid[1] - grid[0]) / 2


def _write(
    programmed: Programmed,
    out: Path | None,
    errors: Path | None,
    plot: Path | None,
    half_level: float | None,
) -> None:
    if out is not None:
        with replacing(out) as temporary:
            np.save(temporary, programmed.conductance)
    if errors is not None:
        write_errors = programmed.write_errors()
        write_json(errors, {"levels_s": write_errors.levels, "errors_s": write_errors.errors})
    if plot is not None:
        from amcspice.view.programming import programming
        from amcspice.view.style import save

        save(programming(programmed, half_level=half_level), plot)


def _show(programmed: Programmed, content: dict[str, Any]) -> None:
    m, n = programmed.target.shape
    console = Console(highlight=False, markup=False)
    table = Table(
        title=f"write-verify of {m} x {n} cells: {content['converged']} of "
        f"{content['programmed']} within the tolerance"
    )
    for name in ("a cell", "mean", "5 %", "median", "95 %", "largest"):
        table.add_column(name, justify="right")
    keys = ("mean", "p5", "median", "p95", "max")
    for label, key in (("SET pulses", "set_pulses"), ("RESET pulses", "reset_pulses")):
        table.add_row(label, *(f"{content[key][part]:.3g}" for part in keys))
    for label, key, unit in (("error", "error_s", "S"), ("energy", "energy_j", "J")):
        table.add_row(label, *(si(content[key][part], unit) for part in keys))
    console.print(table)
    if "within_half_level" in content:
        console.print(f"within half a level: {100 * content['within_half_level']:.4g} %")
