"""
How many levels must cells have for a factorisation?
====================================================

Every regression of the factorisation runs on a circuit whose cells hold one
factor. Rounding to few levels leaves a residual above that of exact arithmetic
from the same start. From 32 levels on next to nothing is left of that, and 2 %
write noise adds little.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(0)
V = rng.random((40, 4)) @ rng.random((4, 30))
V += 0.1 * rng.random(V.shape)  # so that no product is exact
levels = (4, 8, 16, 32, 64, 128)

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
for noise in (0, 0.01, 0.02):
    residuals = []
    for count in levels:
        device = amc.Memristor(levels=count, write_noise=noise)
        found = amc.nmf(
            V,
            rank=4,
            iterations=8,
            tolerance=0,
            fidelity="dc",
            device=device,
        )
        last = found.history[-1]
        residuals.append(100 * last.relative_residual)
    label = f"{100 * noise:g} % write noise"
    axes.loglog(levels, residuals, "o-", label=label)
    print(f"16 levels, {label}: residual {residuals[2]:.2f} %")

twin = 100 * last.digital_relative_residual
axes.axhline(twin, color="k", linestyle="--", label="exact arithmetic")
axes.set_xlabel("levels")
axes.set_ylabel("relative residual (%)")
axes.set_xticks(levels, levels)
axes.set_yticks([2, 2.5, 3, 3.5], [2, 2.5, 3, 3.5])
axes.minorticks_off()
figure.legend(loc="outside right upper")
