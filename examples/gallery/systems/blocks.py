"""
Do blocks make a large array better?
====================================

Wires disturb a small array less than a large one. A matrix cut into four
blocks, or into sixteen, is inverted by steps on small arrays. Against wires
that helps much, against finite gain a little, against write noise not.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import toeplitz

import amcspice as amc
from amcspice.algorithm import BlockInverse

size = 64
A = toeplitz(1 / (1 + np.arange(size)))
B = np.random.default_rng(0).standard_normal((size, 8))
exact = np.linalg.solve(A, B)
effects = {
    "wires, 1 ohm": {"wire_resistance": 1.0},
    "gain 10 000": {"gain": 1e4},
    "write noise, 1 %": {"write_noise": 0.01},
}

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
for k, (name, hardware) in enumerate(effects.items()):
    errors = []
    for stages in range(3):
        chip = amc.Chip(seed=1, **hardware)
        x = BlockInverse(chip, A, stages=stages).solve(B)
        off = np.linalg.norm(x - exact, axis=0)
        errors.append(100 * np.median(off / np.linalg.norm(exact, axis=0)))
    axes.bar(np.arange(3) + 0.27 * (k - 1), errors, 0.25, label=name)
    print(f"{name}:", ", ".join(f"{e:.2f} %" for e in errors))
axes.set_yscale("log")
axes.set_yticks([0.1, 1, 10], [0.1, 1, 10])
axes.minorticks_off()
axes.set_xticks(range(3), ["one array", "2 x 2 blocks", "4 x 4 blocks"])
axes.set_ylabel("relative error, median (%)")
figure.legend(loc="outside right upper")
