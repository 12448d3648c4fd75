"""
Which circuit should I build for this problem?
==============================================

Every circuit that takes the problem is run on the same cells and amplifiers:
error, settling time and energy side by side. No other circuit is better in all
three than one with a filled mark. The advice takes one of them and says why;
it knows stability margins, too.
"""

import numpy as np

import amcspice as amc
from amcspice.view import pareto_plot

rng = np.random.default_rng(0)
A = rng.standard_normal((16, 4))
B = A @ rng.random((4, 3))

comparison = amc.compare(
    "lstsq",
    A,
    B,
    levels=32,
    write_noise=0.01,
    wire_resistance=0.5,
    gbw="50 MHz",
    seeds=4,
)
figure = pareto_plot(comparison)

print(comparison.advice)
