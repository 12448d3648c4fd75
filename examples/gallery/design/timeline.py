"""
What does a chip do, and when?
==============================

Every writing, every operation and every digital step of a program stands in
the ledger of its chip, with its time. The picture shows a linear system that
is solved and then refined: writing takes far longer than all operations after
it.
"""

import numpy as np

import amcspice as amc
from amcspice.view import timeline

rng = np.random.default_rng(0)
A = rng.random((8, 8)) + 3 * np.eye(8)
B = rng.standard_normal((8, 20))

chip = amc.Chip(
    opamp="onchip-1g",
    write_noise=0.01,
    fidelity="behavioural",
    seed=1,
)
inverse = chip.program(A, "inv")
product = chip.program(A, "mvm")
X = inverse.solve(B)
for _ in range(2):
    X = X + inverse.solve(B - product @ X)
figure = timeline(chip.schedule())

columns = ["label", "activity", "count"]
print(chip.ledger.table()[columns].to_string(index=False))
