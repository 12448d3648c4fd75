"""``amcspice report``: a store as one page."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import write_json
from amcspice.cli.progress import progress
from amcspice.cli.sweep_points import opened_points, sweep_option, where_option
from amcspice.errors import InputError, counted
from amcspice.extras import extra
from amcspice.files import replacing

__all__ = ["report"]


@click.command(epilog="Example: amcspice report runs.sqlite --out report.html")
@click.argument("store", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Where the page goes: .html.",
)
@click.option("--title", metavar="TEXT", help="[default: name of the sweep]")
@where_option
@sweep_option
@click.option(
    "--points",
    "most",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    metavar="N",
    help="Most points in the page; of more, evenly spaced ones are taken, and the page says so.",
)
@json_option
@debug_option
def report(
    store: Path,
    out: Path,
    title: str | None,
    where: tuple[str, ...],
    sweep: str | None,
    most: int,
    json_file: Path | None,
) -> None:
    """Write a store as one page that needs only a browser, and no network.

    It holds the plots, a table of all points that sorts and searches, the failures with their
    reasons, versions, and for each point the command line that repeats it.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out}: unknown type {out.suffix!r}; use .html")
    with extra("report"):
        from amcspice.view.report import report as write_report

    with opened_points(store, sweep, where, (out, json_file)) as (opened, stored_sweep, points):
        left = (
            0
            if stored_sweep is None or where
            else opened.counts(stored_sweep.number).get("left", 0)
        )
        with progress(min(len(points.frame), most), "points") as advance:

            def command(key: str) -> str:
                advance(1)
                return opened.command(key)

            page = write_report(
                points,
                title=title or (stored_sweep.name if stored_sweep else store.stem),
                command=command,
                provenance=opened.provenance,
                spec=stored_sweep.spec if stored_sweep else "",
                left=left,
                most=most,
                export=shlex.join(
                    ["amcspice", "sweep", "export", str(store), "--out", "points.csv"]
                ),
            )
    with replacing(out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    size = len(page.encode())
    if str(json_file) != "-":
        click.echo(f"{out}: {counted(len(points.frame), 'point')}, {size / 1e6:.1f} MB")
    if json_file is not None:
        content = {
            "store": store,
            "sweep": stored_sweep and stored_sweep.name,
            "out": out,
            "points": len(points.frame),
            "shown": min(len(points.frame), most),
            "left": left,
            "bytes": size,
        }
        write_json(json_file, content)
