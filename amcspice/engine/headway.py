"""How far ngspice is within one transient, for whoever listens.

A large deck runs for minutes, and the simulators say how far it is.  Callers many
calls away listen; nothing between them needs to know.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import numpy as np

from amcspice.circuit.base import Array

__all__ = ["Listener", "heard_by", "tell", "translated", "windows_done"]

Listener = Callable[[float], None]
"""Hears which fraction of the transient's time is simulated, several times a second."""

_EARLY = 0.6
"""Part of the steps of a window that are shared out over the decades of time, not over time."""

_START = 1e-5
"""Where the first of these decades begins, as a fraction of the window."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def heard_by(listener: Listener | None) -> Iterator[None]:
    """Let someone, or nobody, listen for the length of the block, in place of whoever did.

    Parameters
    ----------
    listener : callable or None
        A new transient begins again at 0.
    """
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


@contextlib.contextmanager
def translated(translate: Callable[[float], float]) -> Iterator[None]:
    """Let whoever listens hear another fraction, made of the one that is told, in the block."""
    listener = _listener.get()
    with heard_by(listener and (lambda fraction: listener(translate(fraction)))):
        yield


def windows_done(time: float, edges: Array) -> float:
    """Return which part of the time steps that windows take is behind a simulated time.

    Steps are short after an input step and grow from there on: half of those of a window lie in
    its first twentieth.

    Parameters
    ----------
    time : float
        Simulated time [s].
    edges : ndarray, shape (K + 1,)
        Input steps and end [s].

    Returns
    -------
    float
        From 0 to 1.
    """
    count = len(edges) - 1
    number = min(int(np.searchsorted(edges, time, "right")) - 1, count - 1)
    within = (time - edges[number]) / (edges[number + 1] - edges[number])
    decades = math.log1p(within / _START) / math.log1p(1 / _START)
    return float(number + _EARLY * decades + (1 - _EARLY) * within) / count


def tell(fraction: float) -> None:
    """Say which fraction of the running transient's time is simulated."""
    listener = _listener.get()
    if listener is not None:
        listener(min(max(fraction, 0.0), 1.0))
