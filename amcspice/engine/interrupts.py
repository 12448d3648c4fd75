"""Holding signals back while a foreign library calls into Python.

An exception that a signal handler raises inside such a call is printed and lost: Ctrl-C would
do nothing.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

__all__ = ["signals_deferred"]


@contextlib.contextmanager
def signals_deferred() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in the list that is yielded; deliver them after the block.

    Signals without a Python handler keep their action.  Outside the main thread, where no
    handler runs, nothing is done.
    """
    pending: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield pending
        return
    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        if callable(signal.getsignal(number)):
            previous[number] = signal.signal(number, lambda n, _frame: pending.append(n))
    try:
        yield pending
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        for arrived in dict.fromkeys(pending):
            signal.raise_signal(arrived)
