"""``amcspice sweep export``: points for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.cli.sweep_points import chosen_sweep, conditions, sweep_option, where_option
from amcspice.errors import counted

__all__ = ["export"]


@click.command(
    epilog="Example: amcspice sweep export runs.sqlite --out runs.csv --where columns=32"
)
@click.argument("store", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The type follows from the name: .csv, .parquet or .nc (netCDF).",
)
@where_option
@sweep_option
@json_option
@debug_option
def export(
    store: Path, out: Path, where: tuple[str, ...], sweep: str | None, json_file: Path | None
) -> None:
    """Write the points of STORE to a file.

    CSV and Parquet hold every point of the store, or of the sweep that is named; netCDF holds one
    sweep, with its axes as dimensions. Numbers are in SI units.
    """
    from amcspice.sweep.store.export import check_format
    from amcspice.sweep.store.export import export as write
    from amcspice.sweep.store.store import Store

    check_format(out)
    for target in (out, json_file):
        if target is not None:
            check_target(target)
    with Store.open(store, read_only=True) as opened:
        stored_sweep = chosen_sweep(opened, sweep) if sweep else None
        count = write(opened, out, conditions(where) or None, stored_sweep)
    if str(json_file) != "-":
        click.echo(f"{out}: {counted(count, 'point', ',')}")
    if json_file is not None:
        name = None if stored_sweep is None else stored_sweep.name
        write_json(json_file, {"store": store, "sweep": name, "out": out, "points": count})
