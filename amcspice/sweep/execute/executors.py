"""Where batches of points run: here the processes of this machine.

A batch runs in a process of its own (`WorkerProcess`), which can be killed: a point that takes too
long or takes its process down is lost alone.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import multiprocessing.util
import queue
import signal
import threading
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Protocol

from amcspice.errors import InputError
from amcspice.extras import extra
from amcspice.pool import (
    end_with_parent,
    interrupts_blocked,
    leave_if_imported,
    refuse_unguarded,
)
from amcspice.sweep.execute.worker import Function, Task, run_batch
from amcspice.sweep.outcome import Outcome, surroundings

with extra("sweep"):
    import pebble

__all__ = [
    "BatchResult",
    "Executor",
    "Local",
    "LostBatch",
    "PointBatch",
    "WorkerProcess",
    "batch_result",
    "lost_process",
]


@dataclass(frozen=True)
class PointBatch:
    """Points that are sent out together.

    Parameters
    ----------
    tasks : tuple
        Keys and parameters.
    limit : float, optional
        Time for all of them, after which their process is killed [s].
    """

    tasks: tuple[Task, ...]
    limit: float | None = None


@dataclass(frozen=True)
class LostBatch:
    """A batch that gave no outcomes, and why."""

    reason: str


BatchResult = list[Outcome] | LostBatch


class Executor(Protocol):
    """Runs batches."""

    def room(self) -> int:
        """Return how many more batches should be sent out."""
        ...

    def submit(self, batch: PointBatch) -> None:
        """Send a batch out."""
        ...

    def receive(self, patience: float) -> tuple[PointBatch, BatchResult] | None:
        """Return the next result, or None if there is none within ``patience`` seconds.

        Raises
        ------
        AmcspiceError
            If no batch can be run any more.
        """
        ...

    def close(self) -> None:
        """End everything that still runs."""
        ...


class _Process(SpawnProcess):
    """A process that a daemonic one may start, which Python refuses: ours end with it anyway."""

    def start(self) -> None:
        """Start it."""
        settings: Any = multiprocessing.current_process()._config  # type: ignore[attr-defined]
        with _starting:
            daemonic = settings.pop("daemon", None)
            try:
                super().start()
            finally:
                if daemonic is not None:
                    settings["daemon"] = daemonic


class _Context(SpawnContext):
    """Makes such processes and remembers the last one."""

    last: _Process | None = None

    def Process(self, *args: Any, **kwargs: Any) -> _Process:  # type: ignore[override]  # noqa: N802
        self.last = _Process(*args, **kwargs)
        return self.last


_starting = threading.Lock()


class WorkerProcess:
    """One process that runs a batch at a time; when it dies or is killed there is a new one."""

    def __init__(self) -> None:
        self._pool: Any = None
        self._context = _Context()

    @property
    def broken(self) -> bool:
        """Whether no batch will ever come back from it."""
        return self._pool is not None and not self._pool.active

    def submit(self, function: Function, batch: PointBatch, expected: str) -> Any:
        """Start a batch and return its future."""
        if self.broken:
            self.close()
        leave_if_imported()
        resource_tracker.ensure_running()  # it would unblock SIGINT if it started below
        with interrupts_blocked():
            if self._pool is None:
                self._pool = pebble.ProcessPool(
                    1, initializer=end_with_parent, context=self._context
                )
            arguments = (function, batch.tasks, expected)
            return self._pool.schedule(run_batch, args=arguments, timeout=batch.limit)

    def refuse_unguarded(self) -> None:
        """Raise the error of a missing guard if that is why it ended.

        Raises
        ------
        InputError
            See `amcspice.pool.refuse_unguarded`.
        """
        if self._context.last is not None:
            refuse_unguarded(self._context.last.exitcode)

    def close(self) -> None:
        """End the process."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()
            pool.join()


def batch_result(future: Any, limit: float | None) -> BatchResult:
    """Return what became of a finished batch.

    Raises
    ------
    Exception
        Whatever is no fault of a point.
    """
    try:
        outcomes: list[Outcome] = future.result()
        return outcomes
    except concurrent.futures.TimeoutError:
        return LostBatch(f"it took longer than {limit:g} s and was stopped")
    except pebble.ProcessExpired as expired:
        return LostBatch(_death(expired.exitcode))
    except BrokenProcessPool:
        return lost_process()


class Local:
    """Processes on this machine.

    Parameters
    ----------
    function : callable
        See `amcspice.sweep.execute.worker.Function`; importable by name.
    jobs : int
        Number of processes.
    """

    def __init__(self, function: Function, jobs: int) -> None:
        if jobs < 1:
            raise InputError(f"jobs = {jobs} must be at least 1")
        self._function = function
        self._idle = [WorkerProcess() for _ in range(jobs)]
        self._all = tuple(self._idle)
        self._busy: dict[WorkerProcess, PointBatch] = {}
        self._results: queue.SimpleQueue[tuple[PointBatch, WorkerProcess, Any]] = (
            queue.SimpleQueue()
        )

    def room(self) -> int:
        """Return how many processes have nothing to do."""
        return len(self._idle)

    def submit(self, batch: PointBatch) -> None:
        """Give a batch to an idle process."""
        process = self._idle.pop()
        future = process.submit(self._function, batch, surroundings())
        self._busy[process] = batch
        future.add_done_callback(lambda finished: self._results.put((batch, process, finished)))

    def receive(self, patience: float) -> tuple[PointBatch, BatchResult] | None:
        """Return the next result; see `Executor`.

        Raises
        ------
        InputError
            If the script that runs the sweep has no guard.
        """
        try:
            batch, process, future = self._results.get(timeout=patience)
        except queue.Empty:
            broken = [process for process in self._busy if process.broken]
            if not broken:
                return None
            broken[0].refuse_unguarded()
            self._idle.append(broken[0])
            return self._busy.pop(broken[0]), lost_process()
        if self._busy.get(process) is not batch:  # it was given up as broken before it answered
            return None
        process.refuse_unguarded()
        del self._busy[process]
        self._idle.append(process)
        return batch, batch_result(future, batch.limit)

    def close(self) -> None:
        """End all processes, at the same time."""
        with concurrent.futures.ThreadPoolExecutor(len(self._all)) as threads:
            list(threads.map(WorkerProcess.close, self._all))


def lost_process() -> LostBatch:
    """Return what became of a batch whose process is gone, nobody knows how."""
    return LostBatch(_death(None))


def _death(code: int | None) -> str:
    if code is None:
        return "its process died"
    if code >= 0:
        return f"its process ended with exit code {code}"
    name = signal.Signals(-code).name
    hint = "; often memory ran out: try fewer --jobs" if -code == signal.SIGKILL else ""
    return f"its process was ended by {name}{hint}"
