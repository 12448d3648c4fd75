"""One run in one range, here or shared out over processes, which changes no bit."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from amcspice.circuit import Circuit
from amcspice.engine import Analysis, Batch, Drive, Forecast, Prepared, get_backend
from amcspice.pool import Pool, Report
from amcspice.simulation.once import Outcome, run_once

__all__ = ["run_shared"]

PARTS_PER_JOB = 4
"""Parts that each process gets of a run, so that none waits long for the last one; short ones
four times as many, so that the first of them tell whether processes pay."""


@dataclass(frozen=True, eq=False)
class _Part:
    """Some right-hand sides of a circuit, for a process of its own."""

    circuit: Circuit
    analysis: Analysis
    drive: Drive
    lead: int
    forecast: Forecast | None
    keep: bool
    give_up: bool


def _run_part(part: _Part, report: Report, prepared: Prepared | None = None) -> Outcome:
    """Run a part, of a circuit that is prepared here unless it was before."""
    prepared = prepared or get_backend(part.analysis).prepare(Batch.of([part.circuit]))
    return run_once(
        prepared,
        part.drive,
        part.analysis,
        lead=part.lead,
        forecast=part.forecast,
        keep=part.keep,
        give_up=part.give_up,
        report=report,
    )


def run_shared(
    prepared: Prepared,
    drive: Drive,
    analysis: Analysis,
    pool: Pool | None = None,
    *,
    forecast: Forecast | None = None,
    keep: bool = False,
    give_up: bool = False,
    report: Callable[[float], None] | None = None,
) -> Outcome:
    """Run right-hand sides in the ranges of a drive; those of a single circuit may be shared out.

    Parameters
    ----------
    pool : Pool, optional
        Processes.
    prepared, drive, analysis, forecast, keep, give_up, report
        See `amcspice.simulation.once.run_once`.
    """
    count, chunk = len(drive), prepared.chunk
    chunks = -(-count // chunk)
    if pool is None or pool.jobs == 1 or chunks == 1 or len(prepared.batch) > 1:
        return run_once(
            prepared, drive, analysis, forecast=forecast, keep=keep, give_up=give_up, report=report
        )
    # Parts are whole chunks: where a chunk begins never depends on the number of jobs.
    short = not get_backend(analysis).uses_ngspice
    size = chunk * max(1, chunks // ((4 if short else 1) * PARTS_PER_JOB * pool.jobs))
    parts = [
        _Part(
            prepared.batch.circuit, analysis,
            drive.take(slice(max(first - 1, 0), first + size)), min(first, 1),
            _take_windows(forecast, slice(first // chunk, (first + size) // chunk)),
            keep, give_up,
        )
        for first in range(0, count, size)
    ]  # fmt: skip
    here = functools.partial(_run_part, prepared=prepared)
    return Outcome.join(pool.map(_run_part, parts, report, short=short, here=here))


def _take_windows(forecast: Forecast | None, chunks: slice) -> Forecast | None:
    if forecast is None:
        return None
    none = forecast.final[:, :0]
    return Forecast(forecast.windows[chunks], none, none)
