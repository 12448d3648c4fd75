"""
Can I try a circuit that is not there yet?
==========================================

A topology is a short class: its nodes, its array, its amplifiers, and what
drives it. Fidelities, wires, noise and budgets follow. In this one, resistors
from the outputs to their own rows add d to the diagonal of the matrix: the
smallest eigenvalue grows, so it settles sooner, and answers a slightly
different question.
"""

from dataclasses import dataclass, field

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import toeplitz

import amcspice as amc
from amcspice.circuit import GROUND, Amplifiers, Network, Schematic
from amcspice.circuit.crossbar import Crossbar
from amcspice.device import map_matrix


@dataclass(frozen=True, eq=False)
class LoadedINV(amc.Circuit):
    name, problems, square = "loaded-inv", ("inv",), True
    loading: float = field(default=0.1, kw_only=True)

    @property
    def mapping(self):
        return map_matrix(self.matrix, self.device.g_max)

    def _wire_up(self):
        n, net, scale = len(self.matrix), Network(), self.mapping.scale
        x, row = net.nodes("x", n), net.nodes("r", n)
        net.connect(row, x, self.loading * scale)
        cells = self.device.program(self.mapping.target, 0, self.cycle)
        leads = {"row_lead": None, "column_leads": None}
        array = Crossbar.of(self.wire, cells, row, x, **leads)
        bank = Amplifiers("x", plus=np.full(n, GROUND), minus=row, out=x)
        into = np.full(n, -scale)
        return Schematic(net, (array,), (bank,), row, into, x, cells.size)


A = toeplitz(0.9 ** np.arange(8))
b = A @ np.random.default_rng(0).random(8)
loadings, times, errors = (0, 0.003, 0.01, 0.03, 0.1), [], []
for loading in loadings:
    circuit = LoadedINV(A, loading=loading)
    run = amc.simulate(circuit, b, fidelity="behavioural")
    times.append(run.settling_time * 1e9)
    errors.append(100 * run.relative_error)

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
axes.plot(times, errors, "o-")
for loading, *place in zip(loadings, times, errors, strict=True):
    axes.annotate(f"  d = {loading}", place)
axes.margins(x=0.15)
axes.set(xlabel="settling time (ns)", ylabel="away from A⁻¹ b (%)")
