"""
Can arrays of eight levels solve to 24 bits?
============================================

An inverse that is a few percent off corrects its own answer, if the residual
is known: by products in slices, each of which holds what those before it miss.
How far it goes depends on the slices: four end at twelve bits. How fast, on
the method: plain corrections crawl, GCR takes two bits and more a step.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc
from amcspice.algorithm import BlockInverse, CompensatedProduct, refine

rng = np.random.default_rng(0)
X = rng.standard_normal((16, 64))
A, b = X @ X.T / 64, np.ones(16)

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
for method, slices in (("plain", 8), ("gcr", 4), ("gcr", 8)):
    chip = amc.Chip(levels=8, write_noise=0.01, seed=1)
    inverse = BlockInverse(chip, A, stages=1)
    found = refine(
        inverse,
        A,
        b,
        product=CompensatedProduct(chip, A, slices=slices),
        ledger=chip.ledger,
        method=method,
        bits=24,
    )
    label = f"{method}, {slices} slices"
    bits = [step.bits for step in found.steps]
    axes.plot(range(1, 1 + len(bits)), bits, "o-", ms=4, label=label)
    print(f"{label}: {found.bits:.1f} bits, {found.reason}")
axes.axhline(24, color="0.4", linestyle="--", label="24 bits")
axes.set_xlabel("iteration")
axes.set_ylabel("bits of x that are right")
figure.legend(loc="outside right upper")
