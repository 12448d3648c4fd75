"""
What would the array that I measured compute?
=============================================

Reads of a real chip take the place of everything that writing does to drawn
cells. Here they are invented: each cell is off by 3 % of its conductance. Two
cells that failed stay open; both stand in the column of x5, but least squares
spread the error over most of the solution.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(0)
A = rng.uniform(0.2, 1, (24, 6))
B = A @ rng.random((6, 20))
target = 25e-6 * A / A.max()  # what the chip was programmed to [S]
reads = target * (1 + 0.03 * rng.standard_normal(A.shape))
failed = np.zeros(A.shape, bool)
failed[[3, 15], [4, 4]] = True

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
for label, broken in (("all cells", None), ("two failed", failed)):
    cells = amc.MeasuredArray(reads, failed=broken)
    device = amc.Memristor(g_max="25 uS", measured=cells)
    run = amc.solve("lstsq", A, B, device=device, fidelity="dc")
    off = np.sqrt(np.mean((run.x - run.reference) ** 2, axis=1))
    place = np.arange(6) + (0.2 if broken is not None else -0.2)
    axes.bar(place, off, 0.4, label=label)
    print(f"{label}: error {np.median(run.relative_error):.3f}")
axes.set_xticks(range(6), [f"x{k + 1}" for k in range(6)])
axes.set_ylabel("error, rms of 20 right-hand sides")
figure.legend(loc="outside right upper")
