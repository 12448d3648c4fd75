"""
How much input capacitance does a loop bear?
============================================

The classic circuit has two amplifiers in its loop. The capacitance of their
inputs takes phase from it: the outputs overshoot, then ring ever longer, and
from some capacitance on they would grow, which is refused. The margin is found
by bisection, with the modes of the circuit at rest.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc
from amcspice.design.margin import stability_margin

rng = np.random.default_rng(0)
A = rng.random((8, 3))
b = A @ [0.7, 0.2, 0.5]

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots(figsize=(7.5, 4.2))
for femto in (0, 100, 200, 300):
    circuit = amc.ClassicGINV(
        A, gbw="50 MHz", input_capacitance=femto * 1e-15
    )
    run = amc.simulate(circuit, b, fidelity="behavioural")
    time, outputs = run.waveforms.solution()
    if femto == 0:
        margin = stability_margin(circuit, b, run)
    label = f"{femto} fF"
    axes.plot(time * 1e9, outputs[:, 0] * 1e3, label=label)
    print(f"{label}: settled after {run.settling_time * 1e9:.0f} ns")
print(f"bears {margin.input_capacitance * 1e15:.0f} fF")
axes.set_xlim(0, 400)
axes.set_xlabel("time (ns)")
axes.set_ylabel("first output (mV)")
figure.legend(title="input capacitance", loc="outside right upper")
