"""Sharing tasks out over processes that end with their parent, whatever ends it.

Each process serves one task after another, so it holds one simulator.  Interrupts are the
parent's business: children are started with SIGINT blocked and are told to stop by SIGTERM,
which lets them end a simulator of their own first.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Self, TypeVar

from amcspice.errors import AccuracyWarning, AmcspiceError, InputError, SimulationError
from amcspice.signals import terminable
from amcspice.threads import one_thread

__all__ = [
    "Pool",
    "Report",
    "as_pool",
    "cumulative",
    "end_with_parent",
    "interrupts_blocked",
    "leave_if_imported",
    "map_tasks",
    "refuse_unguarded",
    "usable_cores",
]

T = TypeVar("T")
R = TypeVar("R")

Report = Callable[[float], None]
"""Told how much was finished since the last call; parts of one count, too."""

START = 1.0
"""Seconds that processes take to start and to load what they need."""

_PATIENCE = 5.0
"""Seconds that a process gets to end by itself."""

_UNGUARDED = 113
"""Exit code of a process whose script would start processes while it is imported."""


class Pool:
    """A number of processes, started when they are first needed; a context manager.

    A script that uses more than one needs the ``if __name__ == "__main__"`` guard, as with all
    of Python's multiprocessing.

    Parameters
    ----------
    jobs : int
        Number of processes; 1 runs everything in this one.
    retries : int
        How often a task is given to another process whose own one died.

    Raises
    ------
    InputError
        If ``jobs`` is no such number; when tasks are given, if the guard is missing.
    """

    def __init__(self, jobs: int = 1, retries: int = 0) -> None:
        if not isinstance(jobs, int) or jobs < 1:
            raise InputError(f"jobs = {jobs!r} must be a whole number, at least 1")
        if jobs > 1:
            leave_if_imported()
        self.jobs, self._retries = jobs, retries
        self._workers: dict[Connection, SpawnProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failed: object) -> None:
        self._close(failed[0] is not None)

    def start(self) -> None:
        """Start the processes now, so that they load while the caller prepares."""
        if self.jobs > 1:
            self._start(self.jobs)

    def map(
        self,
        function: Callable[[T, Report], R],
        tasks: Iterable[T],
        report: Callable[[Any], None] | None = None,
        *,
        short: bool = False,
        here: Callable[[T, Report], R] | None = None,
    ) -> list[R]:
        """Apply a function to every task and return the results in order.

        Every task runs with one BLAS thread, so that the number of jobs changes no result.

        Parameters
        ----------
        function : callable
            Importable by name; called with a task and a function that takes reports of progress.
        tasks : iterable
        report : callable, optional
            Receives the reports of all tasks.
        short : bool
            Tasks take less than a process takes to start: they run here as long as what is left,
            at the pace of those before, would end no sooner in processes.
        here : callable, optional
            Takes the place of the function in this process, where it has something at hand.

        Raises
        ------
        SimulationError
            If a process dies, more often for one task than there are retries.
        InputError
            If a script without the guard uses more than one process.
        Exception
            Whatever the function raises first; the other tasks are given up.
        """
        queue = list(tasks)
        progress = report or (lambda _count: None)
        results: list[R] = []
        pace = 0.0
        with one_thread():
            while len(results) < len(queue):
                left = len(queue) - len(results)
                if min(self.jobs, left) > 1 and not (short and self._not_worth(left * pace)):
                    break
                begun = time.process_time()
                results.append((here or function)(queue[len(results)], progress))
                if len(results) > 1:  # the first one loads what all need
                    pace = max(pace, time.process_time() - begun)
        if len(results) == len(queue):
            return results
        left_over = queue[len(results) :]
        try:
            self._start(min(self.jobs, len(left_over)))
            return results + self._dispatch(function, left_over, progress)
        except BaseException:
            self._close(failed=True)
            raise

    def _not_worth(self, seconds: float) -> bool:
        """Return whether work is done here before processes have started and shared it."""
        return not self._workers and seconds * (1 - 1 / self.jobs) < START

    def _dispatch(
        self, function: Callable[[Any, Report], Any], tasks: list[Any], report: Report
    ) -> list[Any]:
        workers, waiting = self._workers, deque(enumerate(tasks))
        results: list[Any] = [None] * len(tasks)
        busy: dict[Connection, int] = {}
        lost = [0] * len(tasks)

        def give(worker: Connection) -> None:
            if waiting:
                index, task = waiting.popleft()
                try:
                    worker.send((function, task))
                except (BrokenPipeError, ConnectionResetError):
                    lose(worker, index, _death(workers[worker]))
                else:
                    busy[worker] = index

        def lose(worker: Connection, index: int, death: AmcspiceError) -> None:
            lost[index] += 1
            if not isinstance(death, SimulationError) or lost[index] > self._retries:
                raise death from None
            waiting.appendleft((index, tasks[index]))
            give(self._replace(worker))

        for worker in list(workers):
            give(worker)
        while busy:
            ready = connection.wait(list(busy))
            for worker in [worker for worker in workers if worker in ready]:
                try:
                    kind, content = _receive(worker, workers[worker])
                except SimulationError as death:
                    lose(worker, busy.pop(worker), death)
                    continue
                if kind == "progress":
                    report(content)
                elif kind == "failed":
                    raise content
                else:
                    results[busy.pop(worker)] = content
                    give(worker)
        return results

    def _replace(self, worker: Connection) -> Connection:
        """Start a process in the place of one that died."""
        del self._workers[worker]
        worker.close()
        self._start(len(self._workers) + 1)
        return list(self._workers)[-1]

    def _start(self, count: int) -> None:
        """Start processes up to a number."""
        context = multiprocessing.get_context("spawn")
        resource_tracker.ensure_running()  # it would unblock SIGINT if it started below
        with interrupts_blocked():
            for _ in range(count - len(self._workers)):
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs,), daemon=True)
                process.start()
                theirs.close()
                self._workers[ours] = process

    def _close(self, failed: bool) -> None:
        """End all processes; those that work on something are stopped."""
        workers, self._workers = self._workers, {}
        for worker in workers:
            worker.close()
        if not failed:
            for process in workers.values():
                process.join(_PATIENCE)
        _end(workers.values())


def cumulative(report: Report) -> Report:
    """Return a function that is told how many were finished so far; it may start again."""
    finished: float = 0

    def follow(count: float) -> None:
        nonlocal finished
        report(max(count - finished, 0))
        finished = max(count, finished)

    return follow


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_tasks(
    function: Callable[[T, Report], R],
    tasks: Iterable[T],
    jobs: int | Pool,
    report: Callable[[Any], None] | None = None,
    *,
    short: bool = False,
) -> list[R]:
    """Apply a function to every task in a pool of its own, or a given one; see `Pool.map`."""
    with as_pool(jobs) as pool:
        return pool.map(function, tasks, report, short=short)


@contextlib.contextmanager
def as_pool(jobs: int | Pool) -> Iterator[Pool]:
    """Yield a pool: the given one, or one of its own for the length of the block."""
    if isinstance(jobs, Pool):
        yield jobs
        return
    with Pool(jobs) as pool:
        yield pool


def _receive(worker: Connection, process: SpawnProcess) -> tuple[str, Any]:
    try:
        message: tuple[str, Any] = worker.recv()
    except (EOFError, ConnectionResetError):
        raise _death(process) from None
    return message


def _death(process: SpawnProcess) -> AmcspiceError:
    """Return the error that says why a process is gone."""
    process.join(_PATIENCE)
    code = process.exitcode
    refuse_unguarded(code)
    if code == 1:  # what a task raises comes back, so it did not come as far as a task
        return InputError(
            "a worker process could not begin: it imports the script that starts it, and that "
            "failed, as is printed above; more than one job needs a script that stands in a file "
            "and can be imported. Or use one job"
        )
    if code == -signal.SIGKILL:
        return SimulationError(
            f"a worker process was killed (exit code {code}), most often because memory ran out: "
            "try fewer jobs"
        )
    return SimulationError(f"a worker process died (exit code {code}): try one job")


def leave_if_imported() -> None:
    """End a process that imports a script which starts processes as it is imported.

    Each of those would start processes in turn, so Python refuses; `refuse_unguarded` says it,
    once, where the exit code arrives.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(_UNGUARDED)


def refuse_unguarded(code: int | None) -> None:
    """Raise the error of a missing guard if a process ended with the exit code for it.

    Raises
    ------
    InputError
        That says what to write.
    """
    if code == _UNGUARDED:
        raise InputError(
            "the script starts processes while it is imported, and each of them imports it: put "
            'what the script does under `if __name__ == "__main__":`, or use one job'
        )


@contextlib.contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Hold SIGINT back; processes started meanwhile never see it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(processes: Iterable[SpawnProcess]) -> None:
    running = [process for process in processes if process.is_alive()]
    for process in running:
        process.terminate()
    for process in running:
        process.join(_PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()


def _serve(parent: Connection) -> None:
    """Serve tasks until the parent closes the connection, asks for an end or is gone."""
    end_with_parent()
    warnings.simplefilter("ignore", AccuracyWarning)  # the parent has given it
    with terminable(), one_thread(), contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            function, task = parent.recv()
            parent.send(_answer(parent, function, task))


def _answer(
    parent: Connection, function: Callable[[Any, Report], Any], task: Any
) -> tuple[str, Any]:
    try:
        return "done", function(task, lambda count: parent.send(("progress", count)))
    except BrokenPipeError:
        raise
    except Exception as error:
        with contextlib.suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return "failed", error
        return "failed", RuntimeError(f"{type(error).__name__}: {error}")


def end_with_parent() -> None:
    """Let this process ask itself to stop when its parent is gone, and insist after a while."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_PATIENCE)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
