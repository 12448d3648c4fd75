"""
What does a circuit become with cells of my own?
================================================

A memristor that exists as a SPICE sub-circuit is measured once; from then on
its current-voltage curves stand at every crossing. These bend, so a cell is
only at one voltage what it was programmed to be: the larger the read voltage,
the larger the error.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc
from amcspice.model_files import models_folder

library = models_folder() / "cells.lib"
model = amc.CellModel(file=library, name="amc_gap", low=0.2, high=1.7)
cells = amc.measured_cell(model, set_at=0.0)
rng = np.random.default_rng(0)
A = rng.random((16, 4))
b = A @ rng.random(4)

plt.style.use("amcspice.view.amcspice")
figure, (curves, answers) = plt.subplots(
    1, 2, figsize=(9, 3.8), layout="constrained"
)
volts = np.linspace(-0.3, 0.3, 120)
g = np.full(volts.shape, 50e-6)  # programmed at 0 V [S]
current = cells.table.current(g, volts)
curves.plot(volts, current * 1e6)
curves.plot(volts, g * volts * 1e6, "--")
curves.set_xlabel("voltage of a cell (V)")
curves.set_ylabel("current of a cell (µA)")
curves.set_title("50 µS (dashed: a resistor)")
reads = (0.02, 0.05, 0.1, 0.2, 0.3)
errors = []
for read in reads:
    run = amc.solve(
        "nnls", A, b, device=cells, read_voltage=read, fidelity="dc"
    )
    errors.append(100 * run.relative_error)
answers.plot(reads, errors, "o-")
answers.set_xlabel("read voltage (V)")
answers.set_ylabel("relative error (%)")
print(f"at 0.2 V: {errors[3]:.1f} %")
