"""Running a plan: what is not in the store is sent out, what comes back is written.

Points go out in batches as long as a fifth of a second, so that short ones cost little, and only
as many as there are places for; one whose points turn out to be longer comes back early.  What
came back is written every half second in one transaction; whatever stops the run, the next one
goes on from there.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

from amcspice.errors import AmcspiceError
from amcspice.sweep.execute.dispatcher import Dispatcher
from amcspice.sweep.execute.executors import Executor, Local
from amcspice.sweep.execute.outcome_writer import Observer, OutcomeWriter
from amcspice.sweep.execute.worker import Function
from amcspice.sweep.spec.plan import Plan
from amcspice.sweep.store.connection import FullError, LockedError
from amcspice.sweep.store.store import Store

__all__ = ["Summary", "run_sweep"]


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Parameters
    ----------
    total : int
        Points of the plan.
    before : int
        Points of the plan that need not run.
    done, failed : int
        Points that were run now.
    seconds : float
        Wall time of the run.
    """

    total: int
    before: int
    done: int
    failed: int
    seconds: float


def run_sweep(
    plan: Plan,
    store: Store,
    *,
    function: Function | None = None,
    executor: Executor | None = None,
    jobs: int = 1,
    timeout: float | None = None,
    retry_failed: bool = False,
    observer: Observer | None = None,
) -> Summary:
    """Run the points of a plan that a store does not hold.

    Parameters
    ----------
    plan : Plan
    store : Store
        Opened as owner.
    function : callable, optional
        Runs a point; importable by name.  Default: `amcspice.sweep.point.run_point`.
    executor : Executor, optional
        Closed at the end.  Default: processes on this machine.
    jobs : int
        Their number.
    timeout : float, optional
        Time for each point, after which it is stopped and stored as failed [s].
    retry_failed : bool
        Run those again that failed before.
    observer : Observer, optional

    Raises
    ------
    FullError
        If the disk is full.
    LockedError
        If another process keeps the store locked.
    AmcspiceError
        If no point can be run any more.
    """
    if function is None:
        from amcspice.sweep.point import run_point

        function = run_point
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        if executor is not None:
            stack.callback(executor.close)
        finished = store.finished(failed=not retry_failed)
        missing = [index for index, key in enumerate(plan.keys) if key not in finished]
        before = len(plan) - len(missing)
        if observer is not None:
            observer.on_start(len(plan), before)
        dispatcher, writer = Dispatcher(plan, missing, timeout), OutcomeWriter(store, observer)
        if missing:
            if executor is None:
                executor = Local(function, min(jobs, len(missing)))
                stack.callback(executor.close)
            _run_and_write(dispatcher, writer, executor, observer)
    return Summary(len(plan), before, writer.done, writer.failed, time.monotonic() - started)


def _run_and_write(
    dispatcher: Dispatcher, writer: OutcomeWriter, executor: Executor, observer: Observer | None
) -> None:
    writable = True
    try:
        _run(dispatcher, writer, executor, observer)
    except (FullError, LockedError):
        writable = False  # a second try would wait as long, and fail as well
        raise
    finally:
        if writable:
            _collect(dispatcher, writer, executor)
            writer.write()


def _run(
    dispatcher: Dispatcher, writer: OutcomeWriter, executor: Executor, observer: Observer | None
) -> None:
    while dispatcher.waiting or dispatcher.out:
        for _ in range(executor.room()):
            batch = dispatcher.next_batch()
            if batch is None:
                break
            executor.submit(batch)
        if observer is not None:
            observer.on_running(dispatcher.out)
        batch_and_result = executor.receive(writer.due_in())
        if batch_and_result is not None:
            writer.add(dispatcher.settle(*batch_and_result))
        if writer.due_in() <= 0:
            writer.write()


def _collect(dispatcher: Dispatcher, writer: OutcomeWriter, executor: Executor) -> None:
    """Note what has come back meanwhile; on the way out of a run, whatever the reason."""
    with contextlib.suppress(AmcspiceError):
        while dispatcher.out and (batch_and_result := executor.receive(0)) is not None:
            writer.add(dispatcher.settle(*batch_and_result))
