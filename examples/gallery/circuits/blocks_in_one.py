"""
Does a matrix in four blocks settle sooner than its blocks in turn?
===================================================================

Block elimination is five steps: three inverses and two products. One bank of
amplifiers takes them one after the other, and the times add up. In a circuit
of all five, each drives the next: it settles in half to a third of that time,
about as soon as one array for the whole matrix.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import toeplitz

import amcspice as amc
from amcspice.algorithm import BlockInverse

rng = np.random.default_rng(0)
sizes = [4, 8, 16, 32]
times = {"one array": [], "blocks in turn": [], "inv-blocks": []}
for size in sizes:
    A = toeplitz(1 / (1 + np.arange(size)))
    b = rng.standard_normal(size)
    hardware = {"opamp": "onchip-1g", "fidelity": "behavioural"}
    one = amc.solve("inv", A, b, circuit="inv", **hardware)
    five = amc.solve("inv", A, b, circuit="inv-blocks", **hardware)
    times["one array"].append(one.settling_time * 1e9)
    times["inv-blocks"].append(five.settling_time * 1e9)
    chip = amc.Chip(**hardware)
    blocks = BlockInverse(chip, A, stages=1)
    blocks.solve(b)
    phases = blocks.schedule()
    times["blocks in turn"].append(phases.settling_time * 1e9)

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
for name, values in times.items():
    axes.loglog(sizes, values, "o-", label=name)
    print(f"{name:15}", *(f"{value:6.1f}" for value in values), "ns")
axes.set_xlabel("unknowns")
axes.set_ylabel("settling time (ns)")
axes.set_xticks(sizes, sizes)
axes.set_yticks([5, 10, 20], [5, 10, 20])
axes.minorticks_off()
figure.legend(loc="outside right upper")
