"""
Which circuit should solve a linear system?
===========================================

A matrix without signs takes one array. One with signs takes two, and either
cells that make both lines of a row equal (inv-compensated) or an inverter
behind every output (inv-inverters). The inverters double power and time; the
cells cost neither, but there are more of them.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(0)
size = 8
positive = rng.random((size, size)) + size * np.eye(size)
signed = rng.uniform(-1, 1, (size, size)) + 3 * np.eye(size)
b = rng.uniform(-1, 1, size)
opamp = amc.OpAmp.preset("onchip-1g")
circuits = {
    "inv": amc.INV(positive, opamp=opamp),
    "inv-compensated": amc.CompensatedINV(signed, opamp=opamp),
    "inv-inverters": amc.InverterINV(signed, opamp=opamp),
}

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
for name, circuit in circuits.items():
    run = amc.simulate(circuit, b, fidelity="behavioural")
    time, outputs = run.waveforms.solution()
    apart = abs(outputs - outputs[-1]).max(axis=1)
    axes.semilogy(time * 1e9, apart / abs(outputs[-1]).max(), label=name)
    power = run.power["total"] * 1e3
    settled, cells = run.settling_time * 1e9, circuit.schematic.cells
    print(f"{name:16}{settled:4.1f} ns,{power:3.0f} mW, {cells} cells")

axes.axhline(0.01, color="0.4", linestyle="--", label="settled to 1 %")
axes.set_xlim(0, 7)
axes.set_ylim(1e-4, 2)
axes.set_xlabel("time (ns)")
axes.set_ylabel("farthest output / largest output")
figure.legend(loc="outside right upper")
