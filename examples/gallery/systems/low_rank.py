"""
When is a product better in two steps of low rank?
==================================================

Two thin factors have fewer entries than their product, so that several copies
of each fit into the same cells, and means of copies have less noise. What the
rank leaves out is lost. So it pays for noisy cells, here from 1.4 % write noise
on, and the more noise, the smaller the best rank.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

k = np.arange(64)
A = np.exp(-abs(k[:, None] - k) / 20)
noises = np.geomspace(0.003, 0.3, 9)
plans = [amc.LowRank(A, write_noise=noise).plan() for noise in noises]

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
one = [100 * plan.baseline_error for plan in plans]
two = [100 * plan.error for plan in plans]
axes.loglog(100 * noises, one, "o-", label="one array")
axes.loglog(100 * noises, two, "o-", label="two steps")
for k in range(0, 9, 2):
    place = {"xytext": (5, -10), "textcoords": "offset points"}
    point = (100 * noises[k], two[k])
    axes.annotate(f"rank {plans[k].rank}", point, **place)
axes.set_xlabel("write noise (% of g_max)")
axes.set_ylabel("relative error (%)")
axes.set_xticks([0.3, 1, 3, 10, 30], [0.3, 1, 3, 10, 30])
axes.set_yticks([1, 3, 10, 30], [1, 3, 10, 30])
axes.minorticks_off()
figure.legend(loc="outside right upper")
print(f"helps from {100 * plans[0].break_even_write_noise:.2f} % on")
