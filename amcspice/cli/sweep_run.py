"""``amcspice sweep run``: run a sweep, resume it, or say what it would take."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.number import ABOVE_ZERO
from amcspice.cli.output import check_target, write_json
from amcspice.cli.progress import progress
from amcspice.cli.quantity import duration, size
from amcspice.errors import InputError
from amcspice.pool import usable_cores
from amcspice.signals import Terminated

if TYPE_CHECKING:
    from amcspice.sweep.execute.estimate import Estimate
    from amcspice.sweep.execute.executors import Executor
    from amcspice.sweep.execute.outcome_writer import Observer
    from amcspice.sweep.execute.run import Summary
    from amcspice.sweep.spec.plan import Grid, Plan
    from amcspice.sweep.store.store import Store

__all__ = ["run"]

QUICK_ESTIMATE = 15.0
"""Seconds for the estimate of a sweep that is refused for its size."""


@dataclass(frozen=True)
class _Options:
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


@click.command(
    epilog="Example: amcspice sweep run sweep.toml --store runs.sqlite --jobs 4; run it again to "
    "go on after an interruption"
)
@click.argument("spec", type=click.Path(path_type=Path))
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    default="runs.sqlite",
    show_default=True,
    metavar="FILE",
    help="Where results go; made if need be, shared by any number of sweeps.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes on this machine [default: one a usable core].",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "dask"]),
    default="local",
    show_default=True,
    help="Processes on this machine, or the workers of a cluster.",
)
@click.option(
    "--scheduler", metavar="ADDRESS", help="Of the Dask cluster, such as tcp://host:8786."
)
@click.option(
    "--timeout",
    type=ABOVE_ZERO,
    metavar="SECONDS",
    help="Of a point: it is stopped then and stored as failed [default: none].",
)
@click.option("--retry-failed", is_flag=True, help="Run points again that failed before.")
@click.option(
    "--dry-run", is_flag=True, help="Run nothing but a few probes: print points, time and disk."
)
@click.option("--yes", is_flag=True, help="More than 100,000 points are meant.")
@click.option(
    "--live/--no-live", default=True, show_default=True, help="Live view in a terminal; else a bar."
)
@click.option(
    "--watch",
    metavar="METRIC",
    default="relative_error_median",
    show_default=True,
    help="What the best and the worst point of the live view are judged by.",
)
@json_option
@debug_option
def run(
    spec: Path, dry_run: bool, yes: bool, jobs: int | None, json_file: Path | None, **given: Any
) -> int:
    """Run every point of SPEC, a TOML file, that the store does not hold yet.

    A point that fails is stored with its error and does not stop the others. Interrupted at any
    moment, the same command goes on with what is left.
    """
    options = _Options(spec=spec, jobs=jobs or usable_cores(), json=json_file, **given)
    if json_file is not None:
        check_target(json_file)
    if (options.executor == "dask") != (options.scheduler is not None):
        raise InputError("--executor dask and --scheduler tcp://HOST:PORT go together")
    # The machinery of sweeps takes a second to import: --help does not wait for it.
    from amcspice.sweep.metrics import METRICS
    from amcspice.sweep.spec.plan import MOST_POINTS, make_grid, make_plan
    from amcspice.sweep.spec.specification import read_spec

    if options.watch not in METRICS:
        raise InputError(f"--watch {options.watch}: choose from {', '.join(METRICS)}")
    grid = make_grid(read_spec(spec))
    if len(grid) > MOST_POINTS and not (yes or dry_run):
        raise InputError(_too_many(grid, options.jobs))
    with progress(len(grid), "points checked") as report:
        plan = make_plan(grid, report=report)
    if dry_run:
        _dry_run(plan, options)
        return 0
    return _run(plan, options)


def _run(plan: Plan, options: _Options) -> int:
    from amcspice.sweep.execute.run import run_sweep
    from amcspice.sweep.point import units
    from amcspice.sweep.store.store import Store

    with contextlib.ExitStack() as stack:
        store = stack.enter_context(Store.open(options.store, create=True, own=True))
        executor = _executor(options)
        if executor is not None:
            stack.callback(executor.close)
        spec = plan.grid.spec
        number = store.add_sweep(
            plan.name, spec.text, plan.grid.named(), keys=plan.keys, units=units()
        )
        try:
            with _observer(plan, options) as observer:
                summary = run_sweep(
                    plan, store, executor=executor, jobs=options.jobs, timeout=options.timeout,
                    retry_failed=options.retry_failed, observer=observer,
                )  # fmt: skip
        except (KeyboardInterrupt, Terminated):
            left = store.counts(number)["left"]
            click.echo(
                f"{len(plan) - left} of {len(plan)} points are in {options.store}; "
                "the same command goes on with the rest",
                err=True,
            )
            raise
        counts = store.counts(number)
    _report(plan, summary, counts, options)
    return 1 if summary.failed and not summary.done else 0


def _report(plan: Plan, summary: Summary, counts: dict[str, int], options: _Options) -> None:
    if str(options.json) != "-":
        failed = f", {counts['failed']} failed" if counts["failed"] else ""
        click.echo(
            f"{plan.name}: {counts['done']} of {len(plan)} points done{failed}; "
            f"{summary.done + summary.failed} run now in {duration(summary.seconds)}, "
            f"{summary.before} before; results in {options.store}"
        )
    if counts["failed"]:
        click.echo(
            f"note: why points failed: amcspice sweep status {options.store}; "
            "run them again with --retry-failed",
            err=True,
        )
    if options.json is not None:
        content = {
            "sweep": plan.name, "store": options.store, "points": len(plan), **counts,
            "run": {"before": summary.before, "done": summary.done, "failed": summary.failed,
                    "wall_time_s": summary.seconds},
        }  # fmt: skip
        write_json(options.json, content)


def _executor(options: _Options) -> Executor | None:
    if options.scheduler is None:
        return None
    from amcspice.sweep.execute.cluster import Dask
    from amcspice.sweep.point import run_point

    return Dask(run_point, options.scheduler)


@contextlib.contextmanager
def _observer(plan: Plan, options: _Options) -> Iterator[Observer]:
    from amcspice.sweep.metrics import HIGHER_IS_BETTER
    from amcspice.sweep.point import units
    from amcspice.view.live import live_view

    if options.live:
        higher = options.watch in HIGHER_IS_BETTER
        axes = list(plan.grid.named())
        with live_view(options.watch, axes, units(), higher_is_better=higher) as view:
            yield view
    else:
        with contextlib.ExitStack() as stack:
            yield _Bar(stack)


class _Bar:
    """The progress bar of all commands, as an observer."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack

    def on_start(self, total: int, done: int) -> None:
        """Open the bar for what is left."""
        self._advance = self._stack.enter_context(progress(total - done, "points"))

    def on_running(self, count: int) -> None:
        """Ignore it."""

    def on_result(self, result: Any) -> None:
        """Advance."""
        self._advance(1)


def _too_many(grid: Grid, jobs: int) -> str:
    from amcspice.sweep.spec.plan import MOST_POINTS

    sizes = " x ".join(f"{len(axis)} {'+'.join(axis.names)}" for axis in grid.axes)
    found = _estimate(grid, range(len(grid)), QUICK_ESTIMATE)
    return (
        f"{grid.spec.source}: {len(grid):,} points ({sizes}), about "
        f"{duration(found.wall_time(jobs))} with {jobs} jobs and {size(found.size)} on disk; "
        f"more than {MOST_POINTS:,} points need --yes"
    )


def _estimate(grid: Grid, indices: Any, most_seconds: float) -> Estimate:
    from amcspice.sweep.execute.estimate import estimate
    from amcspice.sweep.point import run_point

    return estimate(grid, indices, run_point, most_seconds=most_seconds)


def _dry_run(plan: Plan, options: _Options) -> None:
    """Print what a run would take; probes are kept where there is a store."""
    from amcspice.sweep.execute.estimate import MOST_SECONDS
    from amcspice.sweep.store.store import Store

    store: Store | None = None
    with contextlib.ExitStack() as stack:
        if options.store.exists():
            store = stack.enter_context(Store.open(options.store, own=True))
        held = store.finished(failed=not options.retry_failed) if store else set()
        missing = [index for index, key in enumerate(plan.keys) if key not in held]
        found = _estimate(plan.grid, missing, MOST_SECONDS) if missing else None
        if store is not None and found is not None:
            store.write(found.outcomes)
    content = {
        "sweep": plan.name, "points": len(plan), "in_store": len(plan) - len(missing),
        "to_run": len(missing), "jobs": options.jobs,
        "probes": len(found.outcomes) if found else 0,
        "wall_time_s": found.wall_time(options.jobs) if found else 0.0,
        "disk_bytes": round(found.size) if found else 0,
        "axes": plan.grid.named(),
    }  # fmt: skip
    if str(options.json) != "-":
        _show(content, options, found)
    if options.json is not None:
        write_json(options.json, content)


def _show(content: dict[str, Any], options: _Options, found: Estimate | None) -> None:
    console = Console(highlight=False)
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
    if found is not None:
        how = f"{content['jobs']} jobs; from {content['probes']} probes"
        at_least = "" if found.complete else "more than "
        table.add_row("time", how, f"{at_least}about {duration(content['wall_time_s'])}")
        table.add_row("disk", "", f"about {size(content['disk_bytes'])}")
    console.print(table)
    failed = [one for one in found.outcomes if one.status == "failed"] if found else []
    if failed:
        click.echo(f"note: {len(failed)} probes failed; the first: {failed[0].error}", err=True)
