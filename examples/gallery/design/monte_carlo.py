"""
How often is the answer good enough?
====================================

No two arrays are the same. A hundred of them, each with cells and amplifiers
of its own, give distributions of error and settling time: what most chips do,
and what one in twenty does worse than.
"""

import numpy as np

import amcspice as amc
from amcspice.view import distributions

rng = np.random.default_rng(0)
A = rng.random((32, 8))
b = A @ rng.random(8)
circuit = amc.CompactGINV(
    A,
    constraint=amc.NonNegative(hold=True),
    levels=16,
    write_noise=0.02,
    gbw="1 GHz",
    offset_sigma="0.2 mV",
)
trials = amc.monte_carlo(
    circuit, b, trials=100, seed=0, fidelity="behavioural"
)
figure = distributions(trials)

for name, unit, factor in (
    ("relative_error", "%", 100),
    ("settling_time", "ns", 1e9),
):
    found = trials.distributions()[name]
    middle, high = found.median * factor, found.high * factor
    print(f"{name}: median {middle:.3g} {unit}, 95 % below {high:.3g}")
