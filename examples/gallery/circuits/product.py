"""
How many cells share a word line before a product becomes slow?
===============================================================

A product needs no loop through the array: every word line ends at an
amplifier, whose feedback competes with all cells of the line. So the time
grows with the length of the line, and falls with a larger feedback
conductance, which makes the outputs smaller.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(0)
sizes = np.array([4, 8, 16, 32, 64, 128])

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
for feedback in (1, 4, 16):
    times = []
    for size in sizes:
        circuit = amc.MVM(
            rng.random((size, size)),
            feedback=feedback,
            opamp="onchip-1g",
        )
        x = rng.random(size)
        run = amc.simulate(circuit, x, fidelity="behavioural")
        times.append(run.settling_time * 1e9)
    label = f"{feedback} x largest cell"
    axes.loglog(sizes, times, "o-", label=label)
    print(f"{label:>17}: {times[0]:.1f} to {times[-1]:.1f} ns")

axes.set_xlabel("cells of a word line")
axes.set_ylabel("settling time (ns)")
axes.set_xticks(sizes, sizes)
axes.set_yticks([1, 3, 10, 30], [1, 3, 10, 30])
axes.minorticks_off()
figure.legend(title="feedback", loc="outside right upper")
