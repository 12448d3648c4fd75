"""Progress on standard error, for whatever takes longer than two seconds.

A terminal gets a bar with the time left; anything else gets a plain line now and then.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["cumulative", "progress"]

PATIENCE = 2.0
"""Seconds before anything is shown."""

LINE_INTERVAL = 15.0
"""Seconds between plain lines."""

SOONEST_ESTIMATE = 0.02
"""Fraction that must be done before the time left is estimated."""


@contextlib.contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how many were finished since the last call.

    Parameters
    ----------
    total : int
        How many there are.
    what : str
        What they are, in the plural.
    """
    if sys.stderr.isatty():
        with _bar(total, what) as advance:
            yield advance
    else:
        yield _Lines(total, what)


def cumulative(advance: Callable[[int], None]) -> Callable[[int], None]:
    """Return a function that is told how many were finished so far; it may start again."""
    finished = 0

    def report(count: int) -> None:
        nonlocal finished
        advance(max(count - finished, 0))
        finished = max(count, finished)

    return report


@contextlib.contextmanager
def _bar(total: int, what: str) -> Iterator[Callable[[int], None]]:
    bar = Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task(what, total=total)
    started, shown = time.monotonic(), False

    def advance(count: int) -> None:
        nonlocal shown
        if not shown and time.monotonic() - started > PATIENCE:
            bar.start()
            shown = True
        bar.advance(task, count)

    try:
        yield advance
    finally:
        bar.stop()


class _Lines:
    """Progress as lines of text."""

    def __init__(self, total: int, what: str) -> None:
        self.total, self.what, self.done = total, what, 0
        self.started = time.monotonic()
        self.due = self.started + PATIENCE

    def __call__(self, count: int) -> None:
        self.done += count
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + LINE_INTERVAL
        elapsed = now - self.started
        text = f"{self.what}: {self.done} of {self.total}, {elapsed:.0f} s"
        if self.done >= SOONEST_ESTIMATE * self.total:
            text += f", about {elapsed * (self.total / self.done - 1):.0f} s left"
        print(text, file=sys.stderr, flush=True)
