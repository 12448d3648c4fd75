"""
Can a circuit find few entries from fewer equations than unknowns?
==================================================================

The locally competitive circuit has a soft threshold at every output: an entry
that does not help to explain the right-hand side is pushed to zero. Of 64
entries, four are not zero; 28 equations are enough to find them, a little too
small, as the L1 term asks.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(3)
A = rng.standard_normal((28, 64)) / np.sqrt(28)
x = np.zeros(64)
x[[5, 20, 33, 50]] = 1.0, -0.7, 0.5, -0.4

run = amc.solve(
    "lasso",
    A,
    A @ x,
    circuit="lca",
    lasso=0.03,
    levels=64,
    write_noise="0.5 %",
    gain=1e6,
    fidelity="behavioural",
)

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots(figsize=(7.5, 3.8))
axes.vlines(np.arange(64), 0, run.x)
axes.plot(run.x, "o", label="circuit")
axes.plot(np.flatnonzero(x), x[x != 0], "kx", ms=9, mew=2, label="sent")
axes.set_xlabel("entry")
axes.set_ylabel("value")
figure.legend(loc="outside right upper")

print("largest four:", sorted(np.argsort(-abs(run.x))[:4].tolist()))
print(f"settled after {run.settling_time * 1e9:.0f} ns")
