"""
What is left of a fast settling once writing is counted?
========================================================

A chip writes its matrix once and is then asked many times. Parts of time and
energy stand with writing and without it; beside them, what moves the totals
most when a figure of the technology goes from one end of its range to the
other. Here writing is nine tenths of the time, and memory most of the energy.
"""

import numpy as np

import amcspice as amc
from amcspice.view import cost

rng = np.random.default_rng(0)
A = rng.random((32, 8))
B = A @ rng.random((8, 200))

chip = amc.Chip(
    opamp="onchip-1g",
    levels=32,
    write_noise=0.01,
    fidelity="behavioural",
    seed=1,
)
chip.program(A, "nnls").solve(B)
found = chip.cost()
figure = cost(found)

for name, totals in (
    ("counted", found.counted),
    ("ignored", found.ignored),
):
    print(f"writing {name}: {totals.time * 1e6:.0f} µs")
