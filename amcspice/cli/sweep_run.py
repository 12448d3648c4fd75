"""``amcspice sweep run``: run a sweep, resume it, or say what it would take."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.cli.progress import progress
from amcspice.cli.quantity import duration
from amcspice.cli.quantity_type import QuantityType
from amcspice.cli.sweep_dry_run import RunOptions, show_dry_run, too_many
from amcspice.errors import InputError
from amcspice.pool import usable_cores
from amcspice.signals import Terminated

if TYPE_CHECKING:
    from amcspice.sweep.execute.executors import Executor
    from amcspice.sweep.execute.outcome_writer import Observer
    from amcspice.sweep.execute.run import Summary
    from amcspice.sweep.spec.plan import Plan

__all__ = ["run"]


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
    type=QuantityType("s"),
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
    spec: Path, dry_run: bool, yes: bool, jobs: int | None, json_file: Path | None, **settings: Any
) -> int:
    """Run every point of SPEC, a TOML file, that the store does not hold yet.

    A point that fails is stored with its error and does not stop the others. Interrupted at any
    moment, the same command goes on with what is left.
    """
    options = RunOptions(spec=spec, jobs=jobs or usable_cores(), json=json_file, **settings)
    if json_file is not None:
        check_target(json_file)
    if (options.executor == "dask") != (options.scheduler is not None):
        raise InputError("--executor dask and --scheduler tcp://HOST:PORT go together")
    # The machinery of sweeps takes a second to import: --help does not wait for it.
    from amcspice.sweep.metrics import metric_units
    from amcspice.sweep.spec.plan import MOST_POINTS, make_grid, make_plan
    from amcspice.sweep.spec.specification import read_spec

    if options.watch not in (known := metric_units()):
        raise InputError(f"--watch {options.watch}: choose from {', '.join(known)}")
    grid = make_grid(read_spec(spec))
    if len(grid) > MOST_POINTS and not (yes or dry_run):
        raise InputError(too_many(grid, options.jobs))
    with progress(len(grid), "points checked") as report:
        plan = make_plan(grid, report=report)
    if dry_run:
        show_dry_run(plan, options)
        return 0
    return _run(plan, options)


def _run(plan: Plan, options: RunOptions) -> int:
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
                    plan,
                    store,
                    executor=executor,
                    jobs=options.jobs,
                    timeout=options.timeout,
                    retry_failed=options.retry_failed,
                    observer=observer,
                )
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


def _report(plan: Plan, summary: Summary, counts: dict[str, int], options: RunOptions) -> None:
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
            "sweep": plan.name,
            "store": options.store,
            "points": len(plan),
            **counts,
            "run": {
                "before": summary.before,
                "done": summary.done,
                "failed": summary.failed,
                "wall_time_s": summary.seconds,
            },
        }
        write_json(options.json, content)


def _executor(options: RunOptions) -> Executor | None:
    if options.scheduler is None:
        return None
    from amcspice.sweep.execute.cluster import Dask
    from amcspice.sweep.point import run_point

    return Dask(run_point, options.scheduler)


@contextlib.contextmanager
def _observer(plan: Plan, options: RunOptions) -> Iterator[Observer]:
    from amcspice.sweep.metrics import higher_is_better
    from amcspice.sweep.point import units
    from amcspice.view.live import live_view

    if options.live:
        higher = higher_is_better(options.watch)
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
