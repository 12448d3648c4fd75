"""
What does write noise do to a factorised picture?
=================================================

A picture is a non-negative matrix; a product of two thin ones comes close to
it. Every column of both factors is a regression on a circuit. The digital twin
makes the same steps exactly: the edges are lost by the rank, and cells that
are 2 % off take a tenth of a decibel more.
"""

import numpy as np

import amcspice as amc
from amcspice.view import reconstruction

rng = np.random.default_rng(3)
row, column = np.mgrid[0:1:64j, 0:1:64j]
V = 0.2 + 0.2 * row  # a sky, and bubbles in it
for _ in range(12):
    y, x, size, grey = rng.random(4)
    distance = np.hypot(row - y, column - x)
    inside = distance < 0.05 + 0.15 * size
    V[inside] = 0.3 + 0.7 * grey - distance[inside]
V = np.clip(V, 0, 1)

cells = amc.Memristor(levels=64, write_noise="2 %", seed=1)
found = amc.nmf(V, rank=12, iterations=8, fidelity="dc", device=cells)
circuit, twin = found.W @ found.H, found.digital_W @ found.digital_H


def psnr(picture):
    return -10 * np.log10(np.mean((np.clip(picture, 0, 1) - V) ** 2))


figure = reconstruction(
    V[..., None],
    circuit[..., None],
    twin[..., None],
    analog_psnr=psnr(circuit),
    digital_psnr=psnr(twin),
)
print(f"circuit {psnr(circuit):.1f} dB, twin {psnr(twin):.1f} dB")
