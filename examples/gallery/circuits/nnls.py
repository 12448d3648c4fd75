"""
How do the outputs of a crossbar circuit find their answer?
===========================================================

The compact circuit solves a non-negative least-squares problem with one
amplifier a column. Its outputs start at rest and settle at once; the band
around each final value is the tolerance within which it counts as settled.
"""

import numpy as np

import amcspice as amc
from amcspice.view import settling

rng = np.random.default_rng(0)
A = rng.random((32, 6))
b = A @ [1, 0, 0.5, 0, 0.25, 0.8]

circuit = amc.CompactGINV(
    A,
    constraint=amc.NonNegative(hold=True),
    opamp="onchip-1g",
)
run = amc.simulate(circuit, b, fidelity="behavioural")
figure = settling(run)

print(f"settled after {run.settling_time * 1e9:.0f} ns")
print(f"relative error {run.relative_error:.1e}")
