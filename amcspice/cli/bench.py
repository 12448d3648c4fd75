"""``amcspice bench``: the benchmarks of the README, as ratios measured in one run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from amcspice.bench import COMPARISONS, Comparison, Row, choose, growth, measure, sentence
from amcspice.bench.report import limit_of
from amcspice.bench.row import read_rows, write_rows
from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.errors import InputError, counted

__all__ = ["bench"]

_WIDTH = 200
"""Characters of a line that goes to a file: a row of the table is one line."""


@click.command(epilog="Example: amcspice bench --quick --only crossbar --only reduction")
@click.option("--quick", is_flag=True, help="Small sizes, at most two minutes.")
@click.option(
    "--only",
    "names",
    multiple=True,
    metavar="NAME",
    help="Measure this one; may be repeated, or name several with commas.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write every row there as CSV."
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the growth series: .svg, .png or .pdf.",
)
@click.option(
    "--merge", is_flag=True, help="Rows of other benchmarks that stand in FILE of --out stay there."
)
@click.option("--list", "show_list", is_flag=True, help="List the benchmarks and stop.")
@json_option
@debug_option
def bench(
    quick: bool,
    names: tuple[str, ...],
    out: Path | None,
    plot: Path | None,
    merge: bool,
    show_list: bool,
    json_file: Path | None,
) -> int:
    """Time amcspice and its peers side by side, and check that their answers are equal.

    The exit code is 1 if answers differ or a measurement failed.  What cannot be run here is
    reported with the reason.  Interrupted, it keeps the rows that are complete.
    """
    comparisons = choose([name for group in names for name in group.split(",") if name])
    if show_list:
        for comparison in comparisons:
            click.echo(f"{comparison.name:16}{comparison.summary}")
        return 0
    _check(comparisons, out, plot, json_file)
    if merge and out is None:
        raise InputError("--merge: of the file that --out names, which is not given")
    before = read_rows(out) if merge and out is not None and out.exists() else []
    if quick:
        click.echo("note: --quick measures small sizes: its ratios are smaller too", err=True)
    rows: list[Row] = []
    with _kept(rows, out, before):
        for comparison in comparisons:
            click.echo(f"{comparison.name}: {comparison.summary}", err=True)
            for row in measure(comparison, quick=quick):
                rows.append(row)
                click.echo(f"  {sentence(row)}", err=True)
    if str(json_file) != "-":
        _show(rows, quick)
    if plot is not None:
        _draw(rows, plot)
    if json_file is not None:
        write_json(json_file, _content(rows, quick))
    return 1 if any(row.wrong for row in rows) else 0


def _check(
    comparisons: Sequence[Comparison], out: Path | None, plot: Path | None, json_file: Path | None
) -> None:
    """Refuse what cannot be written before anything is measured."""
    if plot is not None:
        if plot.suffix.lower() not in (".svg", ".png", ".pdf"):
            raise InputError(f"{plot}: unknown type {plot.suffix!r}; use .svg, .png, .pdf")
        if not any(comparison.axis for comparison in comparisons):
            growing = ", ".join(item.name for item in COMPARISONS.values() if item.axis)
            raise InputError(f"nothing to plot: only {growing} have a growth series")
    for path in (out, plot, json_file):
        if path is not None:
            check_target(path)


@contextmanager
def _kept(rows: list[Row], out: Path | None, before: Sequence[Row]) -> Iterator[None]:
    """Write the rows at the end of the block, however it ends, in the place of those before."""
    try:
        yield
    finally:
        if out is not None and rows:
            measured = {row.comparison for row in rows}
            every = [*(row for row in before if row.comparison not in measured), *rows]
            order = list(COMPARISONS)
            write_rows(out, sorted(every, key=lambda row: order.index(row.comparison)))
            click.echo(f"{counted(len(rows), 'row')} written to {out}", err=True)


def _show(rows: Sequence[Row], quick: bool) -> None:
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _WIDTH)
    table = Table(title="small sizes (--quick)" if quick else None, box=SIMPLE)
    for name in ("problem", "peer"):
        table.add_column(name)
    for name in ("amcspice, s", "peer, s", "ratio", "limit", "deviation"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.case or row.comparison,
            row.peer,
            *("" if value is None else f"{value:.3g}" for value in (row.ours_s, row.peer_s)),
            row.status if row.status != "ok" else "" if row.ratio is None else f"{row.ratio:.3g}",
            limit_of(row),
            "" if row.deviation is None else f"{row.deviation:.0e}",
        )
    console.print(table)
    for reason in dict.fromkeys(row.note for row in rows if row.status in ("not run", "failed")):
        console.print(f"not measured: {reason}", soft_wrap=True)
    for series in growth(rows):
        if len(series.sizes) > 1:
            console.print(
                f"{series.comparison}, {series.side}: grows with {series.axis} "
                f"to the power {series.exponent:.2f}"
            )


def _draw(rows: Sequence[Row], plot: Path) -> None:
    from amcspice.bench.growth_plot import growth as draw
    from amcspice.view.style import save

    series = growth(rows)
    if not series:
        click.echo(f"note: no growth series was measured; {plot} is not written", err=True)
        return
    save(draw(series), plot)


def _content(rows: Sequence[Row], quick: bool) -> dict[str, object]:
    return {
        "quick": quick,
        "rows": [row.to_mapping() for row in rows],
        "growth": [
            {
                "comparison": series.comparison,
                "side": series.side,
                "axis": series.axis,
                "sizes": series.sizes,
                "median_s": series.seconds,
                "exponent": series.exponent,
            }
            for series in growth(rows)
        ],
    }
