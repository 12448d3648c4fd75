"""
How long does an array remember its matrix?
===========================================

Phase-change cells lose conductance from the moment they are written, each at
its own pace. What is common to all of them scales the answer, and one factor
takes it out; the spread from cell to cell is left. Of the oxide cells here
both are smaller.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(0)
A = rng.random((24, 24))
x = rng.random((24, 10))
y = A @ x
waits = {"written": 0, "1 min": 60, "1 h": 3.5e3, "1 day": 8.3e4}
waits["1 year"] = 3.15e7

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
for name in ("pcm-joshi-2020", "cmo-falcone-2025"):
    chip = amc.Chip(device=amc.cell(name))
    product = chip.program(A, "mvm", calibration=x)
    plain, scaled = [], []
    for seconds in waits.values():
        if seconds:
            chip.wait(seconds)
        found = product @ x
        factor = np.sum(found * y) / np.sum(found**2)
        for kept, given in ((plain, found), (scaled, factor * found)):
            off = np.linalg.norm(given - y) / np.linalg.norm(y)
            kept.append(100 * off)
    (line,) = axes.semilogy(list(waits), plain, "o-", label=name)
    colour = line.get_color()
    label = "times one factor"
    axes.plot(list(waits), scaled, "o--", color=colour, label=label)
    print(f"{name}: {plain[-1]:.1f} %, {scaled[-1]:.1f} % scaled")
axes.set_ylabel("error of a product (%)")
axes.set_yticks([1, 3, 10, 30], [1, 3, 10, 30])
axes.minorticks_off()
figure.legend(loc="outside right upper")
