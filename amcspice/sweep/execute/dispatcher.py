"""Which points are sent out next, in batches of about equal length in time.

Short points go out together, so that each costs little; a batch that was lost is tried again point
by point, so that only the point that is to blame fails.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import amcspice
from amcspice.sweep.execute.executors import BatchResult, LostBatch, PointBatch
from amcspice.sweep.execute.worker import LONGEST, Task
from amcspice.sweep.outcome import Outcome
from amcspice.sweep.spec.plan import Plan

__all__ = ["Dispatcher"]

BATCH_SECONDS = 0.2
MOST_IN_BATCH = 64

GRACE = 2 * LONGEST
"""Seconds that a batch gets above the limit of one of its points."""


class Dispatcher:
    """Makes batches of the points that are missing and takes their results in.

    Parameters
    ----------
    plan : Plan
    missing : sequence of int
        Indices of the points that are to be run.
    timeout : float, optional
        Time for each point [s].

    Attributes
    ----------
    out : int
        Number of points that are being run.
    """

    def __init__(self, plan: Plan, missing: Sequence[int], timeout: float | None) -> None:
        self._plan, self._timeout = plan, timeout
        self._missing = deque(missing)
        self._unrun: deque[Task] = deque()
        self._single: deque[Task] = deque()
        self._seconds: float | None = None
        self.out = 0

    @property
    def waiting(self) -> bool:
        """Whether there are points that are to be sent out."""
        return bool(self._missing or self._unrun or self._single)

    def next_batch(self) -> PointBatch | None:
        """Return points to send out, as many as fit into the time of a batch."""
        if self._single:
            tasks = [self._single.popleft()]
        else:
            tasks = [task for _ in range(self._size()) if (task := self._next_task()) is not None]
        if not tasks:
            return None
        self.out += len(tasks)
        grace = GRACE if len(tasks) > 1 else 0.0
        return PointBatch(tuple(tasks), None if self._timeout is None else self._timeout + grace)

    def settle(self, batch: PointBatch, result: BatchResult) -> list[Outcome]:
        """Return the outcomes of a batch; one that was lost is tried again point by point."""
        self.out -= len(batch.tasks)
        if isinstance(result, LostBatch):
            if len(batch.tasks) > 1:
                self._single.extend(batch.tasks)
                return []
            ((key, parameters),) = batch.tasks
            provenance = {"amcspice": amcspice.__version__}
            seconds = batch.limit or 0.0
            return [
                Outcome(key, parameters, "failed", {}, provenance, result.reason, seconds=seconds)
            ]
        self._unrun.extend(batch.tasks[len(result) :])
        mean = sum(outcome.seconds for outcome in result) / len(result)
        self._seconds = mean if self._seconds is None else 0.5 * (self._seconds + mean)
        return result

    def _next_task(self) -> Task | None:
        if self._unrun:
            return self._unrun.popleft()
        if self._missing:
            index = self._missing.popleft()
            return self._plan.keys[index], self._plan.parameters(index)
        return None

    def _size(self) -> int:
        if self._seconds is None:
            return 1
        return max(1, min(MOST_IN_BATCH, int(BATCH_SECONDS / max(self._seconds, 1e-6))))
