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
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["activity", "progress"]

PATIENCE = 2.0
"""Seconds before anything is shown."""

LINE_INTERVAL = 15.0
"""Seconds between plain lines."""

SOONEST_ESTIMATE = 0.02
"""Fraction that must be done before the time left is estimated."""


@contextlib.contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[float], None]]:
    """Yield a function that is told how many were finished since the last call, in parts, too.

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


@contextlib.contextmanager
def _bar(total: int, what: str) -> Iterator[Callable[[float], None]]:
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task(what, total=total)
    started, shown, done = time.monotonic(), False, 0.0

    def advance(count: float) -> None:
        nonlocal shown, done
        if not shown and time.monotonic() - started > PATIENCE:
            bar.start()
            shown = True
        done += count
        bar.update(task, completed=round(done, 6))  # parts add up to what is whole

    try:
        yield advance
    finally:
        bar.stop()


@contextlib.contextmanager
def activity() -> Iterator[Callable[[str], None]]:
    """Yield a function that is told what begins, where nobody knows how much there is."""
    if not sys.stderr.isatty():
        yield _Told()
        return
    shown = Progress(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    task, started, running = shown.add_task(""), time.monotonic(), False

    def tell(what: str) -> None:
        nonlocal running
        shown.update(task, description=what)
        if not running and time.monotonic() - started > PATIENCE:
            shown.start()
            running = True

    try:
        yield tell
    finally:
        shown.stop()


class _Told:
    """What begins as lines of text, now and then."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.due, self.count = self.started + PATIENCE, 0

    def __call__(self, what: str) -> None:
        self.count += 1
        now = time.monotonic()
        if now >= self.due:
            self.due = now + LINE_INTERVAL
            text = f"step {self.count}: {what}, {now - self.started:.0f} s"
            print(text, file=sys.stderr, flush=True)


class _Lines:
    """Progress as lines of text."""

    def __init__(self, total: int, what: str) -> None:
        self.total, self.what, self.done = total, what, 0.0
        self.started = time.monotonic()
        self.due = self.started + PATIENCE

    def __call__(self, count: float) -> None:
        self.done += count
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + LINE_INTERVAL
        elapsed = now - self.started
        done = round(self.done, 6)  # parts add up to what is whole
        part = "" if done == int(done) else f" ({100 * done / self.total:.0f} %)"
        text = f"{self.what}: {int(done)} of {self.total}{part}, {elapsed:.0f} s"
        if self.done >= SOONEST_ESTIMATE * self.total:
            text += f", about {elapsed * (self.total / self.done - 1):.0f} s left"
        print(text, file=sys.stderr, flush=True)
