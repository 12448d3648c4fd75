"""Running a plan: what is not in the store is sent out, what comes back is written.

Points go out in batches as long as a fifth of a second, so that short ones cost little, and only
as many as there are places for; one whose points turn out to be longer comes back early.  What
came back is written every half second in one transaction; whatever stops the run, the next one
goes on from there.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import amcspice
from amcspice.errors import AmcspiceError
from amcspice.files import replacing, writable_folder
from amcspice.sweep.execute.executors import Answer, Batch, Executor, Local, Lost
from amcspice.sweep.execute.worker import LONGEST, Function, Task
from amcspice.sweep.outcome import Outcome
from amcspice.sweep.spec.plan import Plan
from amcspice.sweep.store.connection import FullError
from amcspice.sweep.store.store import Store

__all__ = ["Observer", "Summary", "run_sweep"]

WRITE_EVERY = 0.5
"""Seconds between transactions."""

BATCH_SECONDS = 0.2
MOST_IN_BATCH = 64

GRACE = 2 * LONGEST
"""Seconds that a batch gets above the limit of one of its points."""


class Observer(Protocol):
    """Is told how a sweep goes on."""

    def on_start(self, total: int, done: int) -> None:
        """Hear how many points there are, and how many were finished before."""
        ...

    def on_running(self, count: int) -> None:
        """Hear how many points are being run."""
        ...

    def on_result(self, result: Outcome) -> None:
        """Hear of a finished or failed point."""
        ...


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Parameters
    ----------
    total : int
        Points of the plan.
    before : int
        Of them, those that need not run.
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
        desk, book = _Desk(plan, missing, timeout), _Book(store, observer)
        if missing:
            if executor is None:
                executor = Local(function, min(jobs, len(missing)))
                stack.callback(executor.close)
            _run_and_write(desk, book, executor, observer)
    return Summary(len(plan), before, book.done, book.failed, time.monotonic() - started)


def _run_and_write(desk: _Desk, book: _Book, executor: Executor, observer: Observer | None) -> None:
    try:
        _run(desk, book, executor, observer)
    except FullError:
        book.outcomes.clear()
        raise
    finally:
        _collect(desk, book, executor)
        book.write()


def _run(desk: _Desk, book: _Book, executor: Executor, observer: Observer | None) -> None:
    while desk.waiting or desk.out:
        for _ in range(executor.room()):
            batch = desk.next_batch()
            if batch is None:
                break
            executor.submit(batch)
        if observer is not None:
            observer.on_running(desk.out)
        received = executor.receive(book.due_in())
        if received is not None:
            book.take(desk.settle(*received))
        if book.due_in() <= 0:
            book.write()


def _collect(desk: _Desk, book: _Book, executor: Executor) -> None:
    """Note what has come back meanwhile; on the way out of a run, whatever the reason."""
    with contextlib.suppress(AmcspiceError):
        while desk.out and (received := executor.receive(0)) is not None:
            book.take(desk.settle(*received))


class _Desk:
    """Hands batches out and settles what comes back."""

    def __init__(self, plan: Plan, missing: Sequence[int], timeout: float | None) -> None:
        self._plan, self._timeout = plan, timeout
        self._missing = deque(missing)
        self._returned: deque[Task] = deque()
        self._alone: deque[Task] = deque()
        self._seconds: float | None = None
        self.out = 0

    @property
    def waiting(self) -> bool:
        """Whether there are points that are to be sent out."""
        return bool(self._missing or self._returned or self._alone)

    def next_batch(self) -> Batch | None:
        """Return points to send out, as many as fit into the time of a batch."""
        if self._alone:
            tasks = [self._alone.popleft()]
        else:
            tasks = [task for _ in range(self._size()) if (task := self._next()) is not None]
        if not tasks:
            return None
        self.out += len(tasks)
        grace = GRACE if len(tasks) > 1 else 0.0
        return Batch(tuple(tasks), None if self._timeout is None else self._timeout + grace)

    def settle(self, batch: Batch, answer: Answer) -> list[Outcome]:
        """Return the outcomes of a batch; one that was lost is tried again point by point."""
        self.out -= len(batch.tasks)
        if isinstance(answer, Lost):
            if len(batch.tasks) > 1:
                self._alone.extend(batch.tasks)
                return []
            ((key, parameters),) = batch.tasks
            where = {"amcspice": amcspice.__version__}
            seconds = batch.limit or 0.0
            return [Outcome(key, parameters, "failed", {}, where, answer.reason, seconds=seconds)]
        self._returned.extend(batch.tasks[len(answer) :])
        mean = sum(outcome.seconds for outcome in answer) / len(answer)
        self._seconds = mean if self._seconds is None else 0.5 * (self._seconds + mean)
        return answer

    def _next(self) -> Task | None:
        if self._returned:
            return self._returned.popleft()
        if self._missing:
            index = self._missing.popleft()
            return self._plan.keys[index], self._plan.parameters(index)
        return None

    def _size(self) -> int:
        if self._seconds is None:
            return 1
        return max(1, min(MOST_IN_BATCH, int(BATCH_SECONDS / max(self._seconds, 1e-6))))


class _Book:
    """Collects outcomes and writes them now and then."""

    def __init__(self, store: Store, observer: Observer | None) -> None:
        self._store, self._observer = store, observer
        self._due = time.monotonic() + WRITE_EVERY
        self.outcomes: list[Outcome] = []
        self.done = self.failed = 0

    def due_in(self) -> float:
        """Return the time until the next transaction [s]."""
        return max(self._due - time.monotonic(), 0.0)

    def take(self, outcomes: Sequence[Outcome]) -> None:
        """Note outcomes and pass them on."""
        for outcome in outcomes:
            kept = _keep_deck(self._store, outcome) if outcome.deck is not None else outcome
            self.outcomes.append(kept)
            if kept.status == "done":
                self.done += 1
            else:
                self.failed += 1
            if self._observer is not None:
                self._observer.on_result(kept)

    def write(self) -> None:
        """Write what was noted."""
        if self.outcomes:
            self._store.write(self.outcomes)
            self.outcomes.clear()
        self._due = time.monotonic() + WRITE_EVERY


def _keep_deck(store: Store, outcome: Outcome) -> Outcome:
    """Put the deck of a failed point beside the store."""
    assert outcome.deck is not None
    folder = writable_folder(store.path.with_name(f"{store.path.name}.failed"))
    path = folder / f"{outcome.key}.cir"
    with replacing(path) as temporary:
        temporary.write_text(outcome.deck)
    return replace(outcome, deck=str(path))
