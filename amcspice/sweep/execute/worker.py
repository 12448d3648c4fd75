"""What runs in a process of a sweep: batches of points, one outcome each.

Every executor comes here, so a point is the same wherever it runs.
"""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

import amcspice
from amcspice.errors import AccuracyWarning, AmcspiceError, InputError, SimulationError
from amcspice.signals import Terminated, terminable
from amcspice.sweep.outcome import Outcome, Scalar, surroundings

__all__ = ["LONGEST", "Function", "Task", "run_batch"]

Function = Callable[[dict[str, Any]], Any]
"""Takes the parameters of a point, returns something with ``metrics`` and ``provenance``."""

Task = tuple[str, dict[str, Scalar]]
"""Key and parameters of a point."""

LONGEST = 1.0
"""Seconds after which a batch ends early: its points are longer than those before them were."""

MOST_DECK = 64 << 20
"""Bytes of a failed deck that are sent to the store."""


def run_batch(function: Function, tasks: Sequence[Task], expected: str) -> list[Outcome]:
    """Run points one after the other; after `LONGEST` seconds return what there is.

    Parameters
    ----------
    function : callable
        See `Function`.
    tasks : sequence
        Keys and parameters.
    expected : str
        Version and models of whoever made the keys, see `surroundings`.

    Raises
    ------
    InputError
        If this process has another version of amcspice.
    """
    if surroundings() != expected:
        raise InputError(
            f"the worker on {platform.node()} has another amcspice or other models "
            f"({' '.join(surroundings().split())}) than this command "
            f"({' '.join(expected.split())}): install the same version there"
        )
    _use_one_thread()
    try:
        with terminable():
            outcomes: list[Outcome] = []
            until = time.monotonic() + LONGEST
            for key, parameters in tasks:
                outcomes.append(_run(function, key, parameters))
                if time.monotonic() > until:
                    break
            return outcomes
    except Terminated:  # whoever asked for it has given the batch up
        os._exit(143)


def _run(function: Function, key: str, parameters: Mapping[str, Scalar]) -> Outcome:
    started = time.perf_counter()
    result, error, deck = None, None, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AccuracyWarning)  # given once, with the plan
            result = function(dict(parameters))
    except SimulationError as failure:
        error, deck = _cause_and_log(failure), _take_deck(failure.deck)
    except AmcspiceError as failure:
        error = str(failure)
    except Exception:
        error = f"internal error: {traceback.format_exc().rstrip()}"
    seconds = time.perf_counter() - started
    if result is None:
        return Outcome(key, parameters, "failed", {}, _machine(), error, deck, seconds)
    provenance = {**_machine(), **result.provenance}
    return Outcome(key, parameters, "done", result.metrics, provenance, seconds=seconds)


@functools.cache
def _machine() -> dict[str, str]:
    return {
        "amcspice": amcspice.__version__,
        "platform": platform.platform(),
        "host": platform.node(),
    }


def _cause_and_log(error: SimulationError) -> str:
    """Return the cause and the end of the log; the deck goes to the store."""
    log = error.log.strip().splitlines()[-5:]
    return "\n".join([f"simulation failed: {error.cause}", *(f"  ngspice: {line}" for line in log)])


def _take_deck(deck: str | None) -> str | None:
    """Return the text of a deck and remove the file."""
    if deck is None:
        return None
    path = Path(deck)
    try:
        if path.stat().st_size > MOST_DECK:
            return None
        text = path.read_text()
    except OSError:
        return None
    with contextlib.suppress(OSError):
        path.unlink()
    return text


@functools.cache
def _use_one_thread() -> None:
    """Let BLAS use one thread, so that the number of jobs changes no result.

    What is loaded obeys the limit, what is loaded later the environment.
    """
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    threadpool_limits(1)
