"""Tasks on a Dask cluster: the same as `amcspice.pool.Pool.map`, on other machines.

A task is a pure function of what it is given.  One whose worker dies is run again on another, up
to `RETRIES` times; what others have done stays done.  Results come in the order of their tasks,
whatever order they end in.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import importlib
import logging
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar

from amcspice.errors import AmcspiceError, InputError, SimulationError
from amcspice.extras import extra
from amcspice.pool import Report

__all__ = ["DaskPool", "connect", "dask"]

T = TypeVar("T")
R = TypeVar("R")

CONNECT_PATIENCE = 10.0
"""Seconds to wait for a scheduler."""

WORKERS_WANTED = 60.0
"""Seconds to wait for the first worker of a cluster."""

RETRIES = 3
"""How often a task is run again that failed with its worker."""


def dask() -> Any:
    """Return the package of clusters, which the workers need, too."""
    with extra("dask"):
        return importlib.import_module("distributed")


def connect(scheduler: str) -> Any:
    """Return a client of a Dask cluster.

    Parameters
    ----------
    scheduler : str
        Address, such as ``tcp://host:8786``.

    Raises
    ------
    MissingExtraError
        If distributed is not installed.
    InputError
        If nothing answers there.
    """
    distributed = dask()
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler} ({error}): start one with "
            "dask scheduler, and workers with dask worker ADDRESS"
        ) from None
    for name in ("distributed", "distributed.client"):  # what matters is said by our errors
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return client


class DaskPool:
    """The workers of a Dask cluster; a context manager.

    Parameters
    ----------
    scheduler : str
        Address, such as ``tcp://host:8786``.

    Raises
    ------
    InputError
        See `connect`.
    """

    def __init__(self, scheduler: str) -> None:
        self._scheduler, self._client = scheduler, connect(scheduler)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failed: object) -> None:
        with contextlib.suppress(Exception):
            self._client.close(timeout=5)

    def _wait_for_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=WORKERS_WANTED)
        except (TimeoutError, concurrent.futures.TimeoutError):
            raise AmcspiceError(
                f"the Dask scheduler at {self._scheduler} has had no workers for "
                f"{WORKERS_WANTED:g} s: start some with dask worker {self._scheduler}"
            ) from None

    def map(
        self,
        function: Callable[[T, Report], R],
        tasks: Iterable[T],
        report: Callable[[Any], None] | None = None,
    ) -> list[R]:
        """Apply a function to every task and return the results in order; see `Pool.map`.

        Reports of progress come when a task is done.

        Raises
        ------
        SimulationError
            If a task takes every worker with it that runs it.
        AmcspiceError
            If the cluster has no workers, or its scheduler is gone.
        Exception
            Whatever the function raises first; the other tasks are given up.
        """
        distributed = dask()
        self._wait_for_workers()
        name, queue = f"amcspice-{uuid.uuid4()}", list(tasks)
        futures = [
            self._client.submit(
                _run, function, task, key=f"{name}-{number}", pure=False, retries=RETRIES
            )
            for number, task in enumerate(queue)
        ]
        number_of = {future.key: number for number, future in enumerate(futures)}
        results: list[Any] = [None] * len(queue)
        try:
            for future in distributed.as_completed(futures, loop=self._client.loop):
                number = number_of[future.key]
                results[number], reported = self._result(future)
                futures[number] = None  # what was fetched may go
                if report is not None and reported:
                    report(reported)
        except BaseException:
            with contextlib.suppress(Exception):
                self._client.cancel([future for future in futures if future is not None])
            raise
        return results

    def _result(self, future: Any) -> Any:
        distributed = dask()
        try:
            return future.result(timeout=60)
        except ImportError as error:
            raise InputError(
                f"a Dask worker cannot run tasks ({error}): install amcspice there"
            ) from None
        except distributed.scheduler.KilledWorker:
            raise SimulationError(
                "every Dask worker that ran a task died, most often because memory ran out: give "
                "workers more, or cut the work into more blocks"
            ) from None
        except (
            OSError,
            concurrent.futures.TimeoutError,
            concurrent.futures.CancelledError,
            distributed.client.FutureCancelledError,
        ):
            raise AmcspiceError(
                f"the Dask scheduler at {self._scheduler} does not answer any more"
            ) from None


def _run(function: Callable[[Any, Report], Any], task: Any) -> tuple[Any, float]:
    """Run a task on a worker; return its result, and how much it reported."""
    from threadpoolctl import threadpool_limits

    reported: list[float] = []
    with threadpool_limits(1):
        return function(task, reported.append), sum(reported)
