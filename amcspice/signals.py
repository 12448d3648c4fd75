"""Signals that end a run, even when Python would lose the exception they raise."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["Terminated", "terminable"]

_AGAIN_AFTER = 0.02  # [s]


class Terminated(SystemExit):
    """SIGTERM arrived."""

    def __init__(self) -> None:
        super().__init__(143)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Turn SIGTERM into `Terminated` for the length of the block.

    An exception that a signal raises while a finaliser runs is printed and dropped by Python;
    here the signal is sent again instead, SIGINT too, so neither is ever lost. Outside the main
    thread nothing is changed: whoever runs us handles signals.
    """
    owner = os.getpid()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if os.getpid() != owner:  # a child between fork and exec
            os._exit(143)
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:
        yield
        return
    hook = sys.unraisablehook

    def send_again(dropped: sys.UnraisableHookArgs) -> None:
        if isinstance(dropped.exc_value, Terminated):
            _later(signal.SIGTERM)
        elif isinstance(dropped.exc_value, KeyboardInterrupt):
            _later(signal.SIGINT)
        else:
            hook(dropped)

    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGTERM, before)


def _later(number: signal.Signals) -> None:
    timer = threading.Timer(_AGAIN_AFTER, os.kill, (os.getpid(), number))
    timer.daemon = True
    timer.start()
