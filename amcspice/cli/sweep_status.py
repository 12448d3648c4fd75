"""``amcspice sweep status``: what a store holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.cli.quantity import si
from amcspice.errors import counted

if TYPE_CHECKING:
    from amcspice.sweep.store.store import Store

__all__ = ["status"]

MOST_REASONS = 8
WATCHED = "relative_error_median"


@click.command(epilog="Example: amcspice sweep status runs.sqlite --watch settling_time_median_s")
@click.argument("store", type=click.Path(path_type=Path))
@click.option(
    "--watch",
    metavar="METRIC",
    help="What the best and the worst point are judged by.  [default: relative_error_median, or "
    "the first metric that there is]",
)
@json_option
@debug_option
def status(store: Path, watch: str | None, json_file: Path | None) -> None:
    """Print how far the sweeps of STORE are, the best and the worst point, and what failed.

    The store may be in use.
    """
    from amcspice.sweep.store.lock import owner
    from amcspice.sweep.store.store import Store

    if json_file is not None:
        check_target(json_file)
    with Store.open(store, read_only=True) as opened:
        if watch is None:
            known = opened.metric_names()
            watch = WATCHED if WATCHED in known or not known else known[0]
        content = {
            "store": store,
            "running": owner(store),
            "points": opened.counts(),
            "sweeps": [
                {
                    "number": sweep.number,
                    "name": sweep.name,
                    **opened.counts(sweep.number),
                    "added_at": sweep.added_at,
                }
                for sweep in opened.sweeps()
            ],
            "watched": watch,
            **opened.extremes(watch),
            "failures": opened.failures(),
            "provenance": opened.provenance,
        }
        if str(json_file) != "-":
            _show(content, opened)
    if json_file is not None:
        write_json(json_file, content)


def _show(content: dict[str, Any], store: Store) -> None:
    console = Console(highlight=False, markup=False)
    table = Table(title=str(content["store"]), title_justify="left")
    for name in ("sweep", "name", "done", "failed", "left"):
        table.add_column(name, justify="left" if name == "name" else "right")
    for sweep in content["sweeps"]:
        cells = (sweep[name] for name in ("number", "name", "done", "failed", "left"))
        table.add_row(*map(str, cells))
    table.add_section()
    points = content["points"]
    table.add_row("", "all points", str(points["done"]), str(points["failed"]), "")
    console.print(table)
    if content["running"] is not None:
        console.print(f"running: process {content['running']}")
    watch, units = content["watched"], store.units
    for word in ("best", "worst"):
        if content[word] is not None:
            value = _in_words(content[word]["value"], units.get(watch))
            where = ", ".join(
                f"{name} = {_in_words(parameter_value, units.get(name))}"
                for name, parameter_value in content[word]["axes"].items()
            )
            line = f"{word} {watch}: {value} at {where} ({content[word]['key'][:12]})"
            console.print(line, soft_wrap=True)
    if content["failures"]:
        failures = Table(title="failures", title_justify="left")
        for name in ("points", "reason", "for example"):
            failures.add_column(name, justify="right" if name == "points" else "left")
        for failure in content["failures"][:MOST_REASONS]:
            failures.add_row(str(failure["points"]), failure["reason"], failure["key"][:12])
        console.print(failures)
        click.echo(f"look at one: amcspice sweep point {content['store']} KEY", err=True)
    for group in content["provenance"]:
        versions = ", ".join(
            f"{name} {group[name]}" for name in ("amcspice", "ngspice", "host") if group.get(name)
        )
        console.print(f"{counted(group['points'], 'point')} by {versions}", soft_wrap=True)


def _in_words(value: Any, unit: str | None) -> str:
    if isinstance(value, int | float) and unit:
        return si(value, unit)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
