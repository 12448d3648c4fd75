"""
How good must the parts be for a given error?
=============================================

Asked the other way round: for errors from one percent to five, what is the
largest write noise, the largest wire resistance, the fewest levels and the
smallest gain, each with all others ideal? The answers tell which part is
hardest to get.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(0)
problems = []
for _ in range(3):
    A = rng.random((16, 4))
    problems.append((A, A @ rng.random(4)))

targets = (0.01, 0.02, 0.05)
names = {
    "write_noise": "largest write noise (of g_max)",
    "wire_resistance": "largest wire resistance (ohm)",
    "levels": "fewest levels",
    "gain": "smallest gain",
}
answers = {name: [] for name in names}
for target in targets:
    needs = amc.require("nnls", problems, error=target)
    for name in names:
        answers[name].append(needs.answers[name].value)

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots(2, 2, figsize=(8, 6), layout="constrained")
for axis, (name, label) in zip(axes.flat, names.items(), strict=True):
    axis.loglog([100 * t for t in targets], answers[name], "o-")
    axis.set_ylabel(label)
    axis.set_xlabel("error (%)")
    axis.set_xticks([1, 2, 5], [1, 2, 5])
    ticks = [f"{value:.4g}" for value in answers[name]]
    axis.set_yticks(answers[name], ticks)
    axis.minorticks_off()
    print(f"{label} for 1 %: {ticks[0]}")
