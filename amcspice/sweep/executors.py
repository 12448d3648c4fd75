"""Where batches of points run: in processes of this machine, or on a Dask cluster.

Both run a batch in a process of its own kind (`Apart`), which can be killed: a point that takes
too long or takes its process down is lost alone.  On a cluster each thread of a Dask worker has
one such process, so that time limits hold there too.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import importlib
import itertools
import logging
import multiprocessing
import multiprocessing.util
import queue
import signal
import threading
import time
import uuid
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Protocol

import pebble

from amcspice.errors import AmcspiceError, InputError
from amcspice.pool import end_with_parent, interrupts_blocked
from amcspice.sweep.outcome import Outcome, surroundings
from amcspice.sweep.worker import Function, Task, run_batch

__all__ = ["Answer", "Batch", "Dask", "Executor", "Local", "Lost"]

CONNECT_PATIENCE = 10.0
"""Seconds to wait for a scheduler."""

WORKERS_WANTED = 60.0
"""Seconds to wait for the first worker of a cluster."""

ASK_EVERY = 1.0
"""Seconds between questions how large a cluster is."""

AHEAD = 2
"""Batches for each thread of a cluster, so that none waits for its next one."""


@dataclass(frozen=True)
class Batch:
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
class Lost:
    """A batch that gave no outcomes, and why."""

    reason: str


Answer = list[Outcome] | Lost


class Executor(Protocol):
    """Runs batches."""

    def room(self) -> int:
        """Return how many more batches should be sent out."""
        ...

    def submit(self, batch: Batch) -> None:
        """Send a batch out."""
        ...

    def receive(self, patience: float) -> tuple[Batch, Answer] | None:
        """Return the next answer, or None if there is none within ``patience`` seconds.

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
    Process = _Process


_starting = threading.Lock()


class Apart:
    """One process that runs a batch at a time; when it dies or is killed there is a new one."""

    def __init__(self) -> None:
        self._pool: Any = None

    @property
    def broken(self) -> bool:
        """Whether no batch will ever come back from it."""
        return self._pool is not None and not self._pool.active

    def submit(self, function: Function, batch: Batch, expected: str) -> Any:
        """Start a batch and return its future."""
        if self.broken:
            self.close()
        resource_tracker.ensure_running()  # it would unblock SIGINT if it started below
        with interrupts_blocked():
            if self._pool is None:
                self._pool = pebble.ProcessPool(1, initializer=end_with_parent, context=_Context())
            arguments = (function, batch.tasks, expected)
            return self._pool.schedule(run_batch, args=arguments, timeout=batch.limit)

    def close(self) -> None:
        """End the process."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()
            pool.join()


def answer_of(future: Any, limit: float | None) -> Answer:
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
        return Lost(f"it took longer than {limit:g} s and was stopped")
    except pebble.ProcessExpired as expired:
        return Lost(_death(expired.exitcode))
    except BrokenProcessPool:
        return Lost(_death(None))


class Local:
    """Processes on this machine.

    Parameters
    ----------
    function : callable
        See `amcspice.sweep.worker.Function`; importable by name.
    jobs : int
        Number of processes.
    """

    def __init__(self, function: Function, jobs: int) -> None:
        if jobs < 1:
            raise InputError(f"jobs = {jobs} must be at least 1")
        self._function = function
        self._idle = [Apart() for _ in range(jobs)]
        self._all = tuple(self._idle)
        self._busy: dict[Apart, Batch] = {}
        self._answers: queue.SimpleQueue[tuple[Batch, Apart, Any]] = queue.SimpleQueue()

    def room(self) -> int:
        """Return how many processes have nothing to do."""
        return len(self._idle)

    def submit(self, batch: Batch) -> None:
        """Give a batch to an idle process."""
        apart = self._idle.pop()
        future = apart.submit(self._function, batch, surroundings())
        self._busy[apart] = batch
        future.add_done_callback(lambda done: self._answers.put((batch, apart, done)))

    def receive(self, patience: float) -> tuple[Batch, Answer] | None:
        """Return the next answer; see `Executor`."""
        try:
            batch, apart, future = self._answers.get(timeout=patience)
        except queue.Empty:
            broken = [apart for apart in self._busy if apart.broken]
            if not broken:
                return None
            self._idle.append(broken[0])
            return self._busy.pop(broken[0]), Lost(_death(None))
        if self._busy.get(apart) is not batch:  # it was given up as broken before it answered
            return None
        del self._busy[apart]
        self._idle.append(apart)
        return batch, answer_of(future, batch.limit)

    def close(self) -> None:
        """End all processes, at the same time."""
        with concurrent.futures.ThreadPoolExecutor(len(self._all)) as threads:
            list(threads.map(Apart.close, self._all))


class Dask:
    """The workers of a Dask cluster.

    Parameters
    ----------
    function : callable
        See `amcspice.sweep.worker.Function`; importable by name on the workers.
    scheduler : str
        Address, such as ``tcp://host:8786``.

    Raises
    ------
    InputError
        If distributed is not installed, or nothing answers there.
    """

    def __init__(self, function: Function, scheduler: str) -> None:
        try:
            distributed: Any = importlib.import_module("distributed")
        except ImportError:
            raise InputError(
                "dask is not installed: pip install 'amcspice[dask]', here and on the workers"
            ) from None
        self._function, self._scheduler = function, scheduler
        try:
            self._client: Any = distributed.Client(
                scheduler, timeout=CONNECT_PATIENCE, set_as_default=False
            )
        except (OSError, ValueError) as error:
            raise InputError(
                f"no Dask scheduler answers at {scheduler} ({error}): start one with "
                "dask scheduler, and workers with dask worker ADDRESS"
            ) from None
        for name in ("distributed", "distributed.client"):  # what matters is said by our errors
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._names = (f"amcspice-{uuid.uuid4()}-{number}" for number in itertools.count())
        self._out: dict[str, tuple[Batch, Any]] = {}
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._threads, self._asked = 0, 0.0
        self._lonely_since = time.monotonic()

    def room(self) -> int:
        """Return how many more batches keep every thread of the cluster busy."""
        now = time.monotonic()
        if now - self._asked > ASK_EVERY:
            self._threads, self._asked = self._count_threads(), now
        if self._threads:
            self._lonely_since = now
        return max(AHEAD * self._threads - len(self._out), 0)

    def submit(self, batch: Batch) -> None:
        """Send a batch to the scheduler."""
        name = next(self._names)
        future = self._client.submit(
            run_apart, self._function, batch, surroundings(), key=name, pure=False
        )
        self._out[name] = batch, future
        future.add_done_callback(lambda done: self._answers.put(done.key))

    def receive(self, patience: float) -> tuple[Batch, Answer] | None:
        """Return the next answer; see `Executor`."""
        if time.monotonic() - self._lonely_since > WORKERS_WANTED:
            raise AmcspiceError(
                f"the Dask scheduler at {self._scheduler} has had no workers for "
                f"{WORKERS_WANTED:g} s: start some with dask worker {self._scheduler}"
            )
        try:
            name = self._answers.get(timeout=patience)
        except queue.Empty:
            if self._client.status != "running":
                raise self._gone() from None
            return None
        batch, future = self._out.pop(name)
        return batch, self._answer(future)

    def close(self) -> None:
        """Cancel what was not begun and leave the cluster."""
        for _, future in self._out.values():
            with contextlib.suppress(Exception):
                future.cancel()
        with contextlib.suppress(Exception):
            self._client.close(timeout=5)

    def _answer(self, future: Any) -> Answer:
        distributed: Any = importlib.import_module("distributed")
        try:
            answer: Answer = future.result(timeout=60)
            return answer
        except ImportError as error:
            raise InputError(
                f"a Dask worker cannot run points ({error}): install amcspice there"
            ) from None
        except distributed.scheduler.KilledWorker:
            return Lost("every Dask worker that ran it died")
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


_of_thread = threading.local()
"""Of a Dask worker: each of its threads has one process."""


def run_apart(function: Function, batch: Batch, expected: str) -> Answer:
    """Run a batch in the process of this thread and wait for it."""
    apart: Apart | None = getattr(_of_thread, "apart", None)
    if apart is None:
        apart = _of_thread.apart = Apart()
        # A Dask worker waits for its children before it ends, and they would for it.
        multiprocessing.util.Finalize(None, apart.close, exitpriority=100)
    future = apart.submit(function, batch, expected)
    while not concurrent.futures.wait([future], timeout=1).done:
        if apart.broken:
            return Lost(_death(None))
    return answer_of(future, batch.limit)


def _death(code: int | None) -> str:
    if code is None:
        return "its process died"
    if code >= 0:
        return f"its process ended with exit code {code}"
    name = signal.Signals(-code).name
    hint = "; often memory ran out: try fewer --jobs" if -code == signal.SIGKILL else ""
    return f"its process was ended by {name}{hint}"
