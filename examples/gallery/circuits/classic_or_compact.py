"""
Is an amplifier at every line worth it for least squares?
=========================================================

The classic circuit has amplifiers at word lines and columns; it is fast, and
goes beyond its answer before it settles. The compact one has amplifiers for
the columns alone; it creeps up to the answer, as slow as its slowest mode.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(1)
A = rng.standard_normal((24, 4))
b = A @ [1, -0.5, 0.25, 0.75]
circuits = {
    "ginv-classic": amc.ClassicGINV(A, gbw="50 MHz"),
    "ginv-compact": amc.CompactGINV(A, gbw="50 MHz"),
}

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots(
    1, 2, figsize=(9, 3.8), sharey=True, layout="constrained"
)
for axis, (name, circuit) in zip(axes, circuits.items(), strict=True):
    run = amc.simulate(circuit, b, fidelity="behavioural")
    time, outputs = run.waveforms.solution()
    axis.plot(time * 1e9, outputs / run.volts_per_unit)
    settled = run.settling_time * 1e9
    axis.axvline(settled, color="0.3", linestyle="--")
    axis.set_xlim(0, 1.6 * settled)
    axis.set_xlabel("time (ns)")
    axis.set_title(f"{name}, settled after {settled:.0f} ns (dashed)")
    amplifiers = circuit.amplifier_count
    print(f"{name}: {amplifiers} amplifiers, {settled:.0f} ns")
axes[0].set_ylabel("outputs, in units of x")
