"""
How large may an array be with these wires?
===========================================

A segment of wire between two cells has some resistance. What it adds to the
error grows with the size of the array; conductances that are corrected for it
before they are written bring most of it back.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import toeplitz

import amcspice as amc

sizes = [8, 16, 32, 64]
lines = {"as they are": 0, "corrected once": 1, "corrected twice": 2}
plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
for label, steps in lines.items():
    errors = []
    for size in sizes:
        A = toeplitz(1 / (1 + np.arange(size)))
        wire = amc.Wire(row=1.0, column=1.0, predistort=steps)
        circuit = amc.INV(A, wire=wire, opamp=amc.OpAmp(gain=1e9))
        run = amc.simulate(circuit, np.ones(size), fidelity="dc")
        errors.append(run.relative_error)
    axes.loglog(sizes, errors, "o-", label=label)
axes.set_xlabel("lines of the array")
axes.set_ylabel("relative error")
axes.set_xticks(sizes, sizes)
axes.minorticks_off()
figure.legend(title="conductances", loc="outside right upper")
