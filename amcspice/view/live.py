"""A running sweep in the terminal: how far it is, how fast, best and worst point, failures.

Where standard error is no terminal, a plain line now and then says the same.
"""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from amcspice.view.points import engineering, label

__all__ = ["LiveView", "Result", "live_view"]

PATIENCE = 2.0
"""Seconds before the first plain line."""

LINE_INTERVAL = 15.0
"""Seconds between plain lines."""

RATE_OVER, RATE_POINTS = 30.0, 20
"""The rate is measured over so many seconds, or so many points where that takes longer."""

SHORTEST = 0.5
"""Seconds over which a rate means anything."""

SHOWN_FAILURES = 4
"""Failures shown in the terminal; as many are plain lines."""

REDRAWS = 4
"""Redraws a second."""


class Result(Protocol):
    """A point that came back."""

    @property
    def key(self) -> str:
        """Key of the point."""
        ...

    @property
    def status(self) -> str:
        """Either ``done`` or ``failed``."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Parameters of the point, in SI units."""
        ...

    @property
    def metrics(self) -> Mapping[str, Any]:
        """What was measured."""
        ...

    @property
    def error(self) -> str | None:
        """Why it failed."""
        ...


class LiveView:
    """What is known of a running sweep, and how it looks; an observer of `run_sweep`.

    Parameters
    ----------
    watch : str
        Metric that the best and the worst point are judged by.
    axes : sequence of str
        Parameters that name a point.
    units : mapping of str to str
        Units of parameters and metrics.
    clock : callable
        Returns the time [s].
    higher_is_better : bool
        Whether the best point has the largest value of the metric, not the least.
    """

    def __init__(
        self,
        watch: str = "relative_error_median",
        axes: Sequence[str] = (),
        units: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        higher_is_better: bool = False,
    ) -> None:
        self.watch, self.units, self._clock = watch, units or {}, clock
        self._sign = -1 if higher_is_better else 1
        self._axes = [part for name in axes for part in name.split("+")]
        self.total = self.before = self.running = self.done = self.failed = 0
        self.best: Result | None = None
        self.worst: Result | None = None
        self.failures: deque[Result] = deque(maxlen=SHOWN_FAILURES)
        self._since: float | None = None
        self._times: deque[float] = deque()

    def on_start(self, total: int, done: int) -> None:
        """Hear how many points there are, and how many were finished before."""
        self.total, self.before = total, done

    def on_running(self, count: int) -> None:
        """Hear how many points are being run."""
        self.running = count

    def on_result(self, result: Result) -> None:
        """Hear of a finished or failed point."""
        # The time to the first result is that of starting processes.
        if self._since is None:
            self._since = self._clock()
        else:
            self._times.append(self._clock())
        if result.status == "failed":
            self.failed += 1
            self.failures.append(result)
            return
        self.done += 1
        if not math.isfinite(self._value(result)):
            return
        if self.best is None or self._rank(result) < self._rank(self.best):
            self.best = result
        if self.worst is None or self._rank(result) > self._rank(self.worst):
            self.worst = result

    @property
    def finished(self) -> int:
        """Points that need not run any more, failed ones too."""
        return self.before + self.done + self.failed

    @property
    def rate(self) -> float:
        """Points a second of late; zero before the second one."""
        if self._since is None:
            return 0.0
        now = self._clock()
        while len(self._times) > RATE_POINTS and self._times[0] < now - RATE_OVER:
            self._since = self._times.popleft()
        return len(self._times) / max(now - self._since, SHORTEST)

    @property
    def left(self) -> float:
        """Time until all points are finished at this rate [s]; infinite where there is none."""
        rest = self.total - self.finished
        return rest / self.rate if self.rate else math.inf if rest else 0.0

    def line(self) -> str:
        """Return the state as one line of text."""
        text = f"points: {self.finished} of {self.total}"
        if self.failed:
            text += f", {self.failed} failed"
        text += f", {_rate(self.rate)}, {_left(self.left)}"
        if self.best is not None and self.worst is not None:
            text += f"; {self._watched()} {self._text(self.best)} to {self._text(self.worst)}"
        return text

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = [self._bar()]
        if self.best is not None and self.worst is not None:
            parts.append(self._extremes(self.best, self.worst))
        parts += [self._failure(result) for result in self.failures]
        hidden = self.failed - len(self.failures)
        if hidden:
            parts.append(Text(f"  and {hidden} more failed before", style="dim"))
        return Group(*parts)

    def _bar(self) -> RenderableType:
        grid = Table.grid(padding=(0, 2))
        done = self.before + self.done
        grid.add_row(
            ProgressBar(total=max(self.total, 1), completed=self.finished, width=20),
            Text(f"{done} of {self.total} done", style="bold"),
            Text(f"{self.running} running"),
            Text(f"{self.failed} failed", style="bold red" if self.failed else "dim"),
            Text(_rate(self.rate)),
            Text(_left(self.left), style="cyan"),
        )
        return grid

    def _extremes(self, best: Result, worst: Result) -> RenderableType:
        grid = Table.grid(padding=(0, 2))
        for name, result, style in (("best", best, "green"), ("worst", worst, "yellow")):
            grid.add_row(
                Text(f"  {name}", style=style),
                Text(f"{self._watched()} {self._text(result)}"),
                Text(self._place(result), style="dim", overflow="ellipsis", no_wrap=True),
            )
        return grid

    def _failure(self, result: Result) -> Text:
        reason = (result.error or "no reason given").splitlines()[0]
        text = Text("  failed  ", style="red", overflow="ellipsis", no_wrap=True)
        text.append(self._place(result), style="dim")
        text.append(f"  {reason}", style="default")
        return text

    def _place(self, result: Result) -> str:
        shown = [name for name in self._axes if name in result.parameters]
        if not shown:
            return result.key[:12]
        return ", ".join(
            f"{label(name)} {engineering(result.parameters[name], self.units.get(name, ''))}"
            for name in shown
        )

    def _watched(self) -> str:
        return label(self.watch, self.units.get(self.watch, ""))

    def _text(self, result: Result) -> str:
        return engineering(self._value(result), self.units.get(self.watch, ""))

    def _value(self, result: Result) -> float:
        value = result.metrics.get(self.watch)
        return math.nan if value is None else float(value)

    def _rank(self, result: Result) -> float:
        return self._sign * self._value(result)


@contextlib.contextmanager
def live_view(
    watch: str = "relative_error_median",
    axes: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
    console: Console | None = None,
    *,
    higher_is_better: bool = False,
) -> Iterator[LiveView]:
    """Yield an observer of a sweep that shows itself on standard error.

    Parameters
    ----------
    watch, axes, units, higher_is_better
        See `LiveView`.
    console : rich.console.Console, optional
        Default: standard error.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(watch, axes, units, higher_is_better=higher_is_better)
        return
    view = LiveView(watch, axes, units, higher_is_better=higher_is_better)
    with Live(
        get_renderable=lambda: view, console=console, refresh_per_second=REDRAWS, transient=True
    ):
        yield view


class _Lines(LiveView):
    """The same as plain lines, for what is no terminal."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._due = self._clock() + PATIENCE

    def on_result(self, result: Result) -> None:
        """Hear of a point; say so now and then, and the first failures at once."""
        super().on_result(result)
        if result.status == "failed" and self.failed <= SHOWN_FAILURES:
            _print(self._failure(result).plain.strip())
        if self._clock() >= self._due:
            self._due = self._clock() + LINE_INTERVAL
            _print(self.line())


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _rate(rate: float) -> str:
    if not rate:
        return "-/s"
    return f"{rate:.3g}/s" if rate >= 1 else f"{60 * rate:.3g}/min"


def _left(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "time left unknown"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} left"
