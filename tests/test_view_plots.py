"""Plots: what is drawn is what was measured."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

import amcspice as amc
from amcspice import view
from amcspice.engine import Segment, Waveforms
from amcspice.measure import Measurement, measure_settling
from amcspice.simulation import Judgement, Range, Run
from amcspice.view.style import prefix

TAU = 20e-9


def exponential_run():
    """Return a run of two outputs that approach 1.5 V and 0.75 V with one time constant."""
    time = np.linspace(0, 20 * TAU, 2001)
    outputs = (1 - np.exp(-time / TAU))[:, None] * [1.5, 0.75]
    segment = Segment(time, np.hstack([outputs, outputs * 0]), np.zeros((len(time), 2)))
    settled = measure_settling(time, outputs)
    measurement = replace(
        Measurement.ideal(np.ones((1, 2))),
        settled=np.ones(1, bool),
        settling_time=np.array([settled.time]),
        energy=np.zeros(1),
    )
    certain = Judgement(np.zeros(1), np.zeros(1), np.ones(1, bool))
    return Run(
        problem="lstsq",
        circuit="ginv-compact",
        fidelity="behavioural",
        measurement=measurement,
        single=True,
        range=Range("reference", 1.0, 0),
        amplifiers=2,
        cells=4,
        waveforms=Waveforms(("x0", "x1", "c0", "c1"), (segment,), (0, 1)),
        provenance={},
        judgement=lambda: certain,
    )


def test_settling_marks_the_time_and_the_band():
    run = exponential_run()
    axes = view.settling(run).axes[0]
    curves = {line.get_label(): line for line in axes.lines}
    assert {"x0", "x1"} <= set(curves)
    assert axes.get_xlabel() == "time after the input step (ns)"
    assert axes.get_ylabel() == "amplifier output (V)"
    marks = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2]
    # An exponential enters its 1 % band after ln(100) time constants.
    assert marks == [pytest.approx(np.log(100) * 20, rel=1e-3)]
    bands = sorted((patch.get_y(), patch.get_height()) for patch in axes.patches)
    np.testing.assert_allclose(bands, [(0.735, 0.03), (1.485, 0.03)], atol=1e-6)


def test_settling_says_when_nothing_settled():
    time = np.linspace(0, 1e-6, 101)
    run = exponential_run()
    segment = Segment(time, np.outer(time * 1e6, [1, 0.5, 0, 0]), np.zeros((101, 2)))
    waveforms = Waveforms(run.waveforms.names, (segment,), (0, 1))
    object.__setattr__(run, "waveforms", waveforms)
    assert "not settled" in view.settling(run).axes[0].get_title(loc="left")


def test_settling_without_waveforms_is_refused():
    run = exponential_run()
    object.__setattr__(run, "waveforms", None)
    with pytest.raises(amc.InputError, match="no waveforms"):
        view.settling(run)


def test_convergence_draws_both_histories():
    axes = view.convergence([0.3, 0.2, 0.1], [0.3, 0.19, 0.09]).axes[0]
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert drawn["analog circuit"] == [0.3, 0.2, 0.1]
    assert drawn["digital twin"] == [0.3, 0.19, 0.09]
    assert axes.get_yscale() == "linear"
    assert view.convergence([0.3, 1e-3], [0.3, 1e-3]).axes[0].get_yscale() == "log"


@pytest.mark.parametrize("channels", [1, 3])
def test_reconstruction_shows_the_pictures_their_psnr_and_the_error(channels):
    original = np.random.default_rng(0).random((6, 9, channels))
    figure = view.reconstruction(
        original, original * 0.9, original * 0.8, analog_psnr=31.25, digital_psnr=32.5
    )
    titles = [axes.get_title() for axes in figure.axes[:4]]
    assert titles[0] == "original, 9 × 6 pixels"
    assert "31.25 dB" in titles[1]
    assert "32.50 dB" in titles[2]
    error = figure.axes[3].images[0].get_array()
    np.testing.assert_allclose(error, 0.1 * original.mean(axis=2), atol=1e-12)


@pytest.mark.parametrize(
    "hardware",
    [{"levels": 32, "write_noise": 0.01, "wire_resistance": 0.5, "gain": 1e4}, {"gain": 3e3}],
    ids=["several effects", "one effect"],
)
def test_errors_of_a_budget_are_labelled_and_apart(hardware):
    A = np.random.default_rng(0).random((8, 3))
    circuit = amc.CompactGINV(A, **hardware)
    figure = view.budget_bars(amc.error_budget(circuit, A.sum(axis=1), seeds=2))
    figure.canvas.draw()
    right = figure.axes[1].xaxis
    labels = [each for each in right.get_ticklabels(which="both") if each.get_text()]
    low, high = right.get_view_interval()
    values = [float(each.get_text().replace("\N{MINUS SIGN}", "-")) for each in labels]
    shown = [each for each, value in zip(labels, values, strict=True) if low <= value <= high]
    boxes = [each.get_window_extent() for each in shown]
    assert len(shown) >= 2
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(sorted(boxes, key=lambda box: box.x0)))


def test_figure_is_written_whole_and_nothing_else(tmp_path):
    view.save(view.convergence([0.3, 0.2], [0.3, 0.2]), tmp_path / "c.png")
    assert [path.name for path in tmp_path.iterdir()] == ["c.png"]
    assert matplotlib.image.imread(tmp_path / "c.png").shape == (600, 900, 4)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3.2e-9, (1e9, "n")), (1e-6, (1e6, "µ")), (0.25, (1e3, "m")), (4.0, (1, "")), (0, (1, ""))],
)
def test_prefix_makes_numbers_readable(value, expected):
    factor, sign = prefix(value)
    assert (pytest.approx(factor), sign) == expected


def test_pyplot_is_not_needed():
    code = (
        "import sys; from amcspice import view; view.convergence([1.0], [1.0]);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
