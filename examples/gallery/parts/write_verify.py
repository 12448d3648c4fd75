"""
How many pulses does an array take until every cell is right?
=============================================================

Cells are written by pulses and read in between, until each is within its
tolerance: 18 pulses in the mean, 29 for the last one, for which its whole row
waits. All errors are then far below half a level. Every pulse is simulated in
ngspice, with a transistor at each cell.
"""

import numpy as np

import amcspice as amc
from amcspice.view.programming import programming

rng = np.random.default_rng(0)
levels = np.linspace(5e-6, 100e-6, 16)
target = rng.choice(levels, (12, 12))
array = amc.write_verify(target, seed=1)
figure = programming(array, half_level=(levels[1] - levels[0]) / 2)

print(f"mean {array.pulses.mean():.1f} pulses, most {array.pulses.max()}")
print(f"energy of the array {array.energy.sum() * 1e9:.1f} nJ")
