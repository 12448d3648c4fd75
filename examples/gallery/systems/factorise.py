"""
How many levels must cells have for a factorisation?
====================================================

Every regression of the factorisation runs on a circuit whose cells hold one
factor. The residual falls until the rounding of that factor to the levels of
the cells stops it; exact arithmetic from the same start goes on.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(0)
V = rng.random((40, 4)) @ rng.random((4, 30))

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
for levels in (8, 32, 128):
    found = amc.nmf(
        V,
        rank=4,
        iterations=15,
        tolerance=0,
        fidelity="dc",
        levels=levels,
    )
    residuals = [step.relative_residual for step in found.history]
    axes.semilogy(range(1, 16), residuals, label=f"{levels} levels")
    print(f"{levels:4} levels: residual {residuals[-1]:.1e}")

twin = [step.digital_relative_residual for step in found.history]
axes.semilogy(range(1, 16), twin, "k--", label="exact arithmetic")
axes.set_xlabel("iteration")
axes.set_ylabel("relative residual")
figure.legend(loc="outside right upper")
