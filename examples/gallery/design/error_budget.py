"""
What is the error made of?
==========================

Levels of the cells, write noise, wires and finite gain act at once. The error
budget gives each its share, so that the next improvement goes where it helps.
"""

import numpy as np

import amcspice as amc
from amcspice.view import budget_bars

rng = np.random.default_rng(0)
A = rng.random((32, 8))
B = A @ rng.random((8, 4))

circuit = amc.CompactGINV(
    A,
    levels=32,
    write_noise=0.01,
    wire_resistance=0.5,
    gain=1e4,
)
budget = amc.error_budget(circuit, B)
figure = budget_bars(budget)

print(budget)
