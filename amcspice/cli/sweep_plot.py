"""``amcspice sweep plot``: a figure of a store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import write_json
from amcspice.cli.sweep_points import opened_points, sweep_option, where_option
from amcspice.errors import InputError

__all__ = ["plot"]

SUFFIXES = (".svg", ".pdf", ".png")
KINDS = ("line", "heat", "hist", "ecdf")


@click.command(
    epilog="Example: amcspice sweep plot runs.sqlite --x columns --y settling_time_median_s "
    "--by gbw --out settling.svg"
)
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--x", metavar="COLUMN", help="Horizontal axis [default: the axis with most values].")
@click.option(
    "--y", metavar="COLUMN", help="What is shown [default: settling time, or the first metric]."
)
@click.option("--by", metavar="COLUMN", help="A curve for each value [default: the next axis].")
@click.option("--panel", metavar="COLUMN", help="A panel for each value [default: the next axis].")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="line",
    show_default=True,
    help="Medians with quartiles; a map of --x and --by; distributions.",
)
@click.option(
    "--log-y/--linear-y", default=None, help="Axis of what is shown [default: by the values]."
)
@where_option
@sweep_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Where the figure goes: .svg, .pdf or .png.",
)
@json_option
@debug_option
def plot(
    store: Path,
    x: str | None,
    y: str | None,
    by: str | None,
    panel: str | None,
    kind: str,
    log_y: bool | None,
    where: tuple[str, ...],
    sweep: str | None,
    out: Path,
    json_file: Path | None,
) -> None:
    """Draw the points of a store.

    Columns are parameters and metrics, as in ``amcspice sweep export``.  Axes that are left out
    are chosen from those of the sweep; the command says which.  The caption says how many points
    failed or have no value.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise InputError(f"{out}: unknown type {out.suffix!r}; use {', '.join(SUFFIXES)}")
    from amcspice.view.style import save
    from amcspice.view.sweep_plots import caption, choose, sweep_plot

    with opened_points(store, sweep, where, (out, json_file)) as (_, stored_sweep, points):
        choice = choose(points, x=x, y=y, by=by, panel=panel, kind=kind)
    save(sweep_plot(points, choice, log=log_y), out)
    text = caption(points, choice, log=log_y)
    if str(json_file) != "-":
        click.echo(f"{out}: {choice}\n{text}")
    if json_file is not None:
        content = {
            "store": store,
            "sweep": stored_sweep and stored_sweep.name,
            "out": out,
            "points": len(points.frame),
            **asdict(choice),
            "caption": text,
        }
        write_json(json_file, content)
