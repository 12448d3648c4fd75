"""Batches of points on a Dask cluster.

Each thread of a Dask worker has one process of its own for its batches, so that time limits and
crashes are handled there as on one machine.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import multiprocessing.util
import queue
import threading
import time
import uuid
from typing import Any

from amcspice.cluster import WORKERS_WANTED, connect, dask
from amcspice.errors import AmcspiceError, InputError
from amcspice.sweep.execute.executors import (
    BatchResult,
    LostBatch,
    PointBatch,
    WorkerProcess,
    batch_result,
    lost_process,
)
from amcspice.sweep.execute.worker import Function
from amcspice.sweep.outcome import surroundings

__all__ = ["Dask", "run_in_process"]

COUNT_EVERY = 1.0
"""Seconds between questions how large a cluster is."""

AHEAD = 2
"""Batches for each thread of a cluster, so that none waits for its next one."""


class Dask:
    """The workers of a Dask cluster.

    Parameters
    ----------
    function : callable
        See `amcspice.sweep.execute.worker.Function`; importable by name on the workers.
    scheduler : str
        Address, such as ``tcp://host:8786``.

    Raises
    ------
    MissingExtraError
        If distributed is not installed.
    InputError
        If nothing answers there.
    """

    def __init__(self, function: Function, scheduler: str) -> None:
        self._function, self._scheduler = function, scheduler
        self._client: Any = connect(scheduler)
        self._names = (f"amcspice-{uuid.uuid4()}-{number}" for number in itertools.count())
        self._futures: dict[str, tuple[PointBatch, Any]] = {}
        self._results: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._threads, self._counted_at = 0, 0.0
        self._lonely_since = time.monotonic()

    def room(self) -> int:
        """Return how many more batches keep every thread of the cluster busy."""
        now = time.monotonic()
        if now - self._counted_at > COUNT_EVERY:
            self._threads, self._counted_at = self._count_threads(), now
        if self._threads:
            self._lonely_since = now
        return max(AHEAD * self._threads - len(self._futures), 0)

    def submit(self, batch: PointBatch) -> None:
        """Send a batch to the scheduler."""
        name = next(self._names)
        future = self._client.submit(
            run_in_process, self._function, batch, surroundings(), key=name, pure=False
        )
        self._futures[name] = batch, future
        future.add_done_callback(lambda finished: self._results.put(finished.key))

    def receive(self, patience: float) -> tuple[PointBatch, BatchResult] | None:
        """Return the next result; see `Executor`."""
        if time.monotonic() - self._lonely_since > WORKERS_WANTED:
            raise AmcspiceError(
                f"the Dask scheduler at {self._scheduler} has had no workers for "
                f"{WORKERS_WANTED:g} s: start some with dask worker {self._scheduler}"
            )
        try:
            name = self._results.get(timeout=patience)
        except queue.Empty:
            if self._client.status != "running":
                raise self._gone() from None
            return None
        batch, future = self._futures.pop(name)
        return batch, self._result(future)

    def close(self) -> None:
        """Cancel what was not begun and leave the cluster."""
        for _, future in self._futures.values():
            with contextlib.suppress(Exception):
                future.cancel()
        with contextlib.suppress(Exception):
            self._client.close(timeout=5)

    def _result(self, future: Any) -> BatchResult:
        distributed = dask()
        try:
            result: BatchResult = future.result(timeout=60)
            return result
        except ImportError as error:
            raise InputError(
                f"a Dask worker cannot run points ({error}): install amcspice there"
            ) from None
        except distributed.scheduler.KilledWorker:
            return LostBatch("every Dask worker that ran it died")
        except (concurrent.futures.CancelledError, distributed.client.FutureCancelledError):
            raise self._gone() from None
        except (OSError, concurrent.futures.TimeoutError):
            raise self._gone() from None

    def _count_threads(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        except (OSError, concurrent.futures.TimeoutError):
            raise self._gone() from None

    def _gone(self) -> AmcspiceError:
        return AmcspiceError(f"the Dask scheduler at {self._scheduler} does not answer any more")


_thread = threading.local()
"""What a thread of a Dask worker keeps: its one process."""


def run_in_process(function: Function, batch: PointBatch, expected: str) -> BatchResult:
    """Run a batch in the process of this thread and wait for it."""
    process: WorkerProcess | None = getattr(_thread, "process", None)
    if process is None:
        process = _thread.process = WorkerProcess()
        # A Dask worker waits for its children before it ends, and they would for it.
        multiprocessing.util.Finalize(None, process.close, exitpriority=100)
    future = process.submit(function, batch, expected)
    while not concurrent.futures.wait([future], timeout=1).done:
        if process.broken:
            return lost_process()
    return batch_result(future, batch.limit)
