"""Life signs within one transient: what simulators tell, and what a bar shows of it."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
from cli_helpers import run

import amcspice as amc
from amcspice.cli import progress
from amcspice.cli.progress import _bar
from amcspice.engine import get_simulator
from amcspice.engine.headway import heard_by, tell, translated, windows_done
from amcspice.netlist.deck import Deck
from amcspice.pool import cumulative

STEPS = 400_000
LONG = f"""\
a sine that takes a second
V1 in 0 sin(0 1 1e6)
R1 in out 1k
C1 out 0 1n
.tran 1n {STEPS}n 0 1n
.save v(out)
.end
"""


@pytest.mark.ngspice
@pytest.mark.parametrize("name", ["batch", "shared"])
def test_simulators_tell_how_far_they_are(name):
    told = []
    deck = Deck(LONG, ("out",), STEPS * 1e-9)
    with heard_by(lambda fraction: told.append((time.perf_counter(), fraction))):
        started = time.perf_counter()
        get_simulator(name).run(deck)
        ended = time.perf_counter()
    when, fractions = np.array(told).T
    assert np.all(np.diff(fractions) >= 0)
    assert len(set(fractions)) >= 3
    assert 0.5 < fractions[-1] <= 1
    # Steps of equal length: simulated time goes on as the clock does.  What is told again is old.
    fractions, first = np.unique(fractions, return_index=True)
    when = when[first]
    middle = np.flatnonzero((fractions > 0.3) & (fractions < 0.9))
    assert len(middle)
    passed = (when[middle] - started) / (ended - started)
    np.testing.assert_allclose(fractions[middle], passed, atol=0.4)


def test_nobody_need_listen_and_the_inner_one_is_heard():
    tell(0.5)
    outer, inner = [], []
    with heard_by(outer.append):
        with translated(lambda fraction: fraction / 2):
            tell(0.5)
        with heard_by(inner.append):
            tell(2.0)
        with heard_by(None), translated(lambda fraction: fraction):
            tell(0.3)
        tell(-1.0)
    tell(0.7)
    assert (outer, inner) == ([0.25, 0.0], [1.0])


def test_windows_go_by_one_after_the_other():
    edges = np.array([0.0, 1.0, 3.0, 4.0])
    assert [windows_done(time, edges) for time in edges] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    times = np.linspace(0, 4, 500)
    done = [windows_done(time, edges) for time in times]
    assert np.all(np.diff(done) > 0)


@pytest.mark.ngspice
@pytest.mark.parametrize(("m", "n"), [(12, 4), (48, 12)])
def test_steps_of_a_window_are_foretold_by_its_time(m, n):
    """Oracle: the time points that ngspice took; without the decades, some are off by 0.4."""
    rng = np.random.default_rng(0)
    A = rng.random((m, n))
    result = amc.solve("nnls", A, A @ rng.random(n), fidelity="reduced")
    (segment,) = result.waveforms.segments
    points = segment.time
    edges = np.array([0.0, points[-1]])
    foretold = np.array([windows_done(time, edges) for time in points])
    behind = np.arange(len(points)) / (len(points) - 1)
    assert np.abs(foretold - behind).max() < 0.15
    assert np.abs(points / points[-1] - behind).max() > 0.4


@pytest.mark.ngspice
@pytest.mark.parametrize("simulator", ["batch", "shared"])
def test_right_hand_sides_go_by_in_parts(simulator):
    rng = np.random.default_rng(0)
    A = rng.random((6, 3))
    finished = []
    amc.solve(
        "nnls", A, A @ rng.random((3, 35)), fidelity="reduced", simulator=simulator,
        max_step="0.1 ns", keep_waveforms=False, progress=finished.append,
    )  # fmt: skip
    assert any(0 < count < 32 for count in finished)  # within the first chunk
    assert np.all(np.diff(finished) >= 0)
    assert np.isclose(finished, 32).any()
    assert finished[-1] == pytest.approx(35)


def test_a_report_of_a_count_that_begins_again_never_goes_back():
    heard = []
    follow = cumulative(heard.append)
    for count in (1, 2.5, 0, 1, 2.5, 4):
        follow(count)
    assert heard == [1, 1.5, 0, 0, 0, 1.5]


def test_lines_show_parts_and_an_estimate(monkeypatch, capsys):
    clock = iter([0.0, 10.0, 20.0, 40.0, 41.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(progress, "LINE_INTERVAL", 5.0)
    with progress.progress(2, "right-hand sides") as advance:
        advance(0)
        advance(0.5)
        advance(0.1 + 0.2 + 0.2)
        advance(0)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "right-hand sides: 0 of 2, 10 s",
        "right-hand sides: 0 of 2 (25 %), 20 s, about 60 s left",
        "right-hand sides: 1 of 2, 40 s, about 40 s left",
    ]


@pytest.mark.ngspice
def test_a_deck_of_the_user_shows_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.3)
    monkeypatch.setattr(progress, "LINE_INTERVAL", 0.3)
    path = tmp_path / "long.cir"
    path.write_text(LONG)
    result = run("simulate", path)
    assert result.exit_code == 0, result.output
    told = [line for line in result.stderr.splitlines() if line.startswith("% of long.cir: ")]
    assert any("s left" in line for line in told), result.stderr


def test_a_bar_shows_names_with_braces_and_brackets_as_they_are(monkeypatch, capsys):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("amcspice.cli.progress.PATIENCE", -1)
    with _bar(2, "% of {a}[bold][/red].cir") as advance:
        advance(1)
    assert "{a}[bold][/red].cir" in "".join(capsys.readouterr().err.split())


def test_programs_of_unknown_length_say_what_begins(monkeypatch, capsys):
    clock = iter([0.0, 1.0, 2.5, 3.0, 18.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with progress.activity() as say:
        for what in ("A1, writing", "A1, inv", "S, writing", "S, inv"):
            say(what)
    assert capsys.readouterr().err == "step 2: A1, inv, 2 s\nstep 4: S, inv, 18 s\n"


def test_a_chip_tells_what_begins():
    said: list[str] = []
    chip = amc.Chip(write_noise=0.01)
    chip.watch = said.append
    chip.program(np.eye(2) + 0.1, "inv", label="B").solve(np.ones((2, 3)))
    chip.cost()
    assert said == [
        "B, writing", "B, inv of 3 right-hand sides", "B, 3 operations of a sample in time",
    ]  # fmt: skip
