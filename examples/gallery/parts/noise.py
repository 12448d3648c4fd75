"""
How much do outputs fluctuate once they have settled?
=====================================================

Amplifiers have noise, and the loop passes it on to the outputs. The linear
model tells how much of it, without a transient; one in ngspice, with noise at
the input of every amplifier, stays within two of its standard deviations most
of the time.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(0)
A = rng.random((12, 4))
b = A @ [0.6, 0.2, 0.9, 0.4]
circuit = amc.CompactGINV(A, opamp="onchip-1g")
run = amc.simulate(circuit, b, fidelity="dc")
time, outputs = amc.noise_transient(
    circuit,
    b,
    volts_per_unit=run.volts_per_unit,
    duration=200e-9,
    seed=1,
)
rms = amc.output_noise(circuit)

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots(figsize=(7.5, 4))
for k in range(4):
    rest = outputs[:, k].mean()
    (line,) = axes.plot(
        time * 1e9, outputs[:, k] * 1e3, lw=0.8, label=f"x{k + 1}"
    )
    low, high = (rest + sign * 2 * rms[k] for sign in (-1, 1))
    axes.axhspan(
        low * 1e3, high * 1e3, color=line.get_color(), alpha=0.2, lw=0
    )
    within = 100 * np.mean(abs(outputs[:, k] - rest) < 2 * rms[k])
    drawn = outputs[:, k].std()
    print(f"x{k + 1}: {rms[k] * 1e6:.0f} µV rms, drawn {drawn * 1e6:.0f}")
axes.set_xlabel("time (ns)")
axes.set_ylabel("outputs (mV)")
axes.set_title("bands: two standard deviations of the model", loc="left")
figure.legend(loc="outside right upper")
