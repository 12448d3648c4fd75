"""Draw the figures of docs/monte-carlo.md and docs/converters.md into docs/images.

Arguments name single figures: ``scripts/accuracy_figures.py trials``.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import amcspice as amc
from amcspice import view
from amcspice.pool import usable_cores
from amcspice.view.style import COLOURS, DASHES, legend, styled

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"


def trials_figure():
    """Draw 100 draws of a 128 x 32 problem on cells of 16 levels with 1 ohm wires."""
    draw = np.random.default_rng(0)
    A = draw.random((128, 32))
    b = A @ np.maximum(draw.normal(size=32), 0) + 0.1 * draw.normal(size=128)
    cells = amc.Memristor(g_max=10e-6, levels=16, write_noise=0.02)
    circuit = amc.make_circuit(
        "nnls", A, device=cells, wire=amc.Wire(row=1.0, column=1.0), opamp=amc.OpAmp.preset("ad823")
    )
    trials = amc.monte_carlo(circuit, b, trials=100, jobs=usable_cores(), fidelity="behavioural")
    return view.distributions(trials)


def regression():
    """Return a 64 x 16 problem on ideal cells, 20 right-hand sides, and its amplifier."""
    draw = np.random.default_rng(0)
    A = draw.random((64, 16))
    b = A @ np.maximum(draw.normal(size=(16, 20)), 0) + 0.1 * draw.normal(size=(64, 20))
    return amc.make_circuit("nnls", A, opamp=amc.OpAmp.preset("ad823", gain=1e6)), b


def shares_of(dac, adc):
    """Return the median share of each part, and the median of the total."""
    circuit, b = regression()
    circuit = dataclasses.replace(circuit, dac=dac, adc=adc)
    run = amc.simulate(circuit, b, fidelity="behavioural", keep_waveforms=False)
    found = {name: np.median(getattr(run.conversion, f"{name}_error")) for name in PARTS}
    return {**found, "total": np.median(run.relative_error)}, run


PARTS = ("input", "analog", "sampling", "output")


def converters_figure():
    """Draw the shares of the error over bits, and over the time of sampling."""
    bits = np.arange(4, 15)
    by_bits = [shares_of(amc.DAC(bits=int(n)), amc.ADC(bits=int(n)))[0] for n in bits]
    _, run = shares_of(None, amc.ADC(bits=10))
    settled = float(np.median(run.settling_time))
    times = np.linspace(0.1, 3, 30) * settled
    by_time = [
        shares_of(amc.DAC(bits=10), amc.ADC(bits=10, sample_time=float(at)))[0] for at in times
    ]
    return draw_shares(bits, by_bits, times / settled, by_time)


@styled
def draw_shares(bits, by_bits, times, by_time):
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axis, places, found in ((left, bits, by_bits), (right, times, by_time)):
        for index, name in enumerate((*PARTS, "total")):
            values = np.array([one[name] for one in found])
            if values.any():
                shown = np.where(values > 0, values, np.nan)
                axis.plot(places, shown, DASHES[index % 4], color=COLOURS[index], label=name)
        axis.set_yscale("log")
    left.set_xlabel("bits of both converters, outputs read at rest")
    left.set_ylabel("relative error (median)")
    right.set_xlabel("sample time / settling time (1 %), 10 bits")
    legend(figure, columns=5)
    return figure


FIGURES = {"trials": trials_figure, "converters": converters_figure}


def main(names):
    for name in names or FIGURES:
        view.save(FIGURES[name](), IMAGES / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
