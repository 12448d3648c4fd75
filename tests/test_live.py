"""The live view of a running sweep: what it counts, what it shows, what it says to a file."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import pytest
from rich.console import Console

from amcspice.view.live import LiveView, live_view

UNITS = {"gbw": "Hz", "settling_time_median_s": "s"}


@dataclass
class Point:
    error_value: float | None = 1e-3
    columns: int = 8
    status: str = "done"
    error: str | None = None
    key: str = "0123456789abcdef"
    metrics: dict = field(default_factory=dict)

    def __post_init__(self):
        self.metrics = {"relative_error_median": self.error_value, "settled": self.error_value}
        self.parameters = {"columns": self.columns, "gbw": 1e8, "circuit": "inv"}


def failed(columns, error="simulation failed: timestep too small\n  deck kept: k.cir"):
    return Point(None, columns, "failed", error)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def view(clock):
    live = LiveView("relative_error_median", ["columns", "gbw"], UNITS, clock)
    live.on_start(100, 40)
    return live


def text(view, width=120):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(view)
    return console.file.getvalue()


def test_counts(view):
    view.on_running(2)
    for _ in range(5):
        view.on_result(Point())
    view.on_result(failed(16))
    shown = text(view)
    assert "45 of 100 done" in shown
    assert "2 running" in shown
    assert "1 failed" in shown
    assert view.finished == 46


def test_best_and_worst_point_are_named_by_their_axes(view):
    for value, columns in ((2e-3, 8), (5e-4, 16), (7e-3, 32), (float("nan"), 64), (None, 128)):
        view.on_result(Point(value, columns))
    lines = text(view).splitlines()
    best = next(line for line in lines if "best" in line)
    worst = next(line for line in lines if "worst" in line)
    assert "relative error, median 0.0005" in best
    assert "columns 16, GBW 100 MHz" in best
    assert "0.007" in worst
    assert "columns 32" in worst


def test_more_settled_is_better(clock):
    view = LiveView("settled", ["columns"], {}, clock, higher_is_better=True)
    view.on_start(2, 0)
    view.on_result(Point(0.5, 8))
    view.on_result(Point(1.0, 16))
    assert view.best.columns == 16
    assert view.worst.columns == 8


def test_rate_and_time_left_are_of_late(view, clock):
    assert "time left unknown" in text(view)
    for second in range(1, 11):
        clock.now = second
        view.on_result(Point())
    assert view.rate == pytest.approx(1.0)
    assert view.left == pytest.approx(50.0)
    assert "0:00:50 left" in text(view)
    clock.now = 100.0  # a slow one
    assert view.rate == pytest.approx(9 / 99)
    for second in range(101, 141):
        clock.now = second
        view.on_result(failed(8))
    assert view.rate == pytest.approx(1.0, rel=0.05)  # what was before has left the window
    for _ in range(10):
        view.on_result(Point())
    assert view.left == 0


def test_last_failures_are_shown_with_their_reason_only(view):
    for columns in (1, 2, 3, 4, 5, 6):
        view.on_result(failed(columns))
    shown = text(view)
    assert "columns 6, GBW 100 MHz  simulation failed: timestep too small" in shown
    assert "columns 2," not in shown
    assert "deck kept" not in shown
    assert "and 2 more failed before" in shown


def test_it_fits_a_narrow_terminal(view):
    view.on_result(failed(8, "a very long reason " * 20))
    view.on_result(Point())
    assert all(len(line) <= 80 for line in text(view, 80).splitlines())


def test_terminal_shows_the_view_and_cleans_up():
    console = Console(file=io.StringIO(), force_terminal=True, width=100, legacy_windows=False)
    with live_view("relative_error_median", ["columns"], UNITS, console) as view:
        view.on_start(2, 0)
        view.on_result(Point())
    written = console.file.getvalue()
    assert "1 of 2 done" in written
    assert written.endswith(("\x1b[2K", "\x1b[?25h"))


def test_no_terminal_gets_plain_lines(capsys, monkeypatch):
    monkeypatch.setattr("amcspice.view.live.PATIENCE", 0.0)
    console = Console(file=io.StringIO(), force_terminal=False)
    with live_view("relative_error_median", ["columns"], UNITS, console) as view:
        view.on_start(30, 10)
        view.on_running(2)
        for _ in range(10):
            view.on_result(failed(16))
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines.count("failed  columns 16  simulation failed: timestep too small") == 4
    progress = [line for line in lines if line.startswith("points: ")]
    assert len(progress) == 1  # the next one is due later
    assert progress[0].startswith("points: 11 of 30, 1 failed")
    assert "\x1b" not in said.err


def test_a_name_of_two_parameters_is_split(clock):
    view = LiveView("relative_error_median", ["columns+gbw"], UNITS, clock)
    view.on_start(1, 0)
    view.on_result(Point())
    assert "columns 8, GBW 100 MHz" in text(view)
