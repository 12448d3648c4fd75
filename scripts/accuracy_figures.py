"""Draw the figures of docs/monte-carlo.md into docs/images.

Arguments name single figures: ``scripts/accuracy_figures.py trials``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import amcspice as amc
from amcspice import view
from amcspice.pool import usable_cores

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


FIGURES = {"trials": trials_figure}


def main(names):
    for name in names or FIGURES:
        view.save(FIGURES[name](), IMAGES / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
