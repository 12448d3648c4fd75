"""
What does it save to leave out converters between two steps?
============================================================

Precoding is an inverse, then a product. On two circuits each result is read,
converted and sent on. In a chain the outputs of the first circuit drive the
second one, and both settle together: it takes little more than the slower of
the two.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(0)
H = rng.standard_normal((16, 4))
b = np.array([1.0, -1.0, 1.0, 1.0])
gram = H.T @ H
fast = {"opamp": "onchip-1g", "fidelity": "behavioural"}
inverse = amc.solve("inv", gram, b, circuit="inv-compensated", **fast)
product = amc.solve("mvm", H, inverse.x, **fast)
chain = amc.solve("precode", H, b, circuit="chain-precoder", **fast)

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots(
    3, 1, figsize=(7.5, 6), sharex=True, layout="constrained"
)
runs = {"inverse": inverse, "product": product, "chain": chain}
for axis, (name, run) in zip(axes, runs.items(), strict=True):
    time, outputs = run.waveforms.solution()
    settled = run.settling_time * 1e9
    axis.plot(time * 1e9, outputs * 1e3)
    axis.axvline(settled, color="0.3", linestyle="--")
    axis.set_title(f"{name}: settled after {settled:.1f} ns (dashed)")
    axis.set_ylabel("outputs (mV)")
    print(f"{name}: {settled:.1f} ns")
axes[-1].set_xlim(0, 2.2 * chain.settling_time * 1e9)
axes[-1].set_xlabel("time (ns)")
sent = H.T @ chain.x
print(f"largest error at a user: {abs(sent - b).max():.1e}")
