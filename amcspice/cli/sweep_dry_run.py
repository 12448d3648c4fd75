"""What a sweep would take: the answer of ``amcspice sweep run --dry-run``."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from amcspice.cli.output import write_json
from amcspice.cli.quantity import duration, size
from amcspice.errors import counted

if TYPE_CHECKING:
    from amcspice.sweep.execute.estimate import Estimate
    from amcspice.sweep.spec.plan import Grid, Plan
    from amcspice.sweep.store.store import Store

__all__ = ["RunOptions", "show_dry_run", "too_many"]

QUICK_ESTIMATE = 15.0
"""Seconds for the estimate of a sweep that is refused for its size."""


@dataclass(frozen=True)
class RunOptions:
    """The options of ``amcspice sweep run``."""

    spec: Path
    store: Path
    jobs: int
    executor: str
    scheduler: str | None
    timeout: float | None
    retry_failed: bool
    live: bool
    watch: str
    json: Path | None


def too_many(grid: Grid, jobs: int) -> str:
    """Return why a sweep is refused for its size: its points, and what they would take."""
    from amcspice.sweep.spec.plan import MOST_POINTS

    sizes = " x ".join(f"{len(axis)} {'+'.join(axis.names)}" for axis in grid.axes)
    estimate = _estimate(grid, range(len(grid)), QUICK_ESTIMATE)
    return (
        f"{grid.spec.source}: {counted(len(grid), 'point', ',')} ({sizes}), about "
        f"{duration(estimate.wall_time(jobs))} with {jobs} jobs and {size(estimate.size)} on disk; "
        f"more than {MOST_POINTS:,} points need --yes"
    )


def _estimate(grid: Grid, indices: Any, most_seconds: float) -> Estimate:
    from amcspice.sweep.execute.estimate import estimate
    from amcspice.sweep.point import run_point

    return estimate(grid, indices, run_point, most_seconds=most_seconds)


def show_dry_run(plan: Plan, options: RunOptions) -> None:
    """Print what a run would take; probes are kept where there is a store."""
    from amcspice.sweep.execute.estimate import MOST_SECONDS
    from amcspice.sweep.store.store import Store

    store: Store | None = None
    with contextlib.ExitStack() as stack:
        if options.store.exists():
            store = stack.enter_context(Store.open(options.store, own=True))
        stored_keys = store.finished(failed=not options.retry_failed) if store else set()
        missing = [index for index, key in enumerate(plan.keys) if key not in stored_keys]
        estimate = _estimate(plan.grid, missing, MOST_SECONDS) if missing else None
        if store is not None and estimate is not None:
            store.write(estimate.outcomes)
    content = {
        "sweep": plan.name,
        "points": len(plan),
        "in_store": len(plan) - len(missing),
        "to_run": len(missing),
        "jobs": options.jobs,
        "probes": len(estimate.outcomes) if estimate else 0,
        "wall_time_s": estimate.wall_time(options.jobs) if estimate else 0.0,
        "disk_bytes": round(estimate.size) if estimate else 0,
        "axes": plan.grid.named(),
    }
    if str(options.json) != "-":
        _show(content, options, estimate)
    if options.json is not None:
        write_json(options.json, content)


def _show(content: dict[str, Any], options: RunOptions, estimate: Estimate | None) -> None:
    console = Console(highlight=False, markup=False)
    table = Table(title=f"{content['sweep']}: nothing is run", title_justify="left")
    for name in ("axis", "values"):
        table.add_column(name)
    table.add_column("", justify="right")
    for name, values in content["axes"].items():
        shown = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values[:8])
        table.add_row(name, shown + (", ..." if len(values) > 8 else ""), str(len(values)))
    table.add_section()
    table.add_row("points", "", f"{content['points']:,}")
    table.add_row("already in the store", str(options.store), f"{content['in_store']:,}")
    table.add_row("to run", "", f"{content['to_run']:,}")
    if estimate is not None:
        how = f"{content['jobs']} jobs; from {content['probes']} probes"
        at_least = "" if estimate.complete else "more than "
        table.add_row("time", how, f"{at_least}about {duration(content['wall_time_s'])}")
        table.add_row("disk", "", f"about {size(content['disk_bytes'])}")
    console.print(table)
    failed = [probe for probe in estimate.outcomes if probe.status == "failed"] if estimate else []
    if failed:
        click.echo(f"note: {len(failed)} probes failed; the first: {failed[0].error}", err=True)
