"""The topology passes what every circuit must; and its answer is the algebraic one."""

import numpy as np
import pytest

import amcspice as amc
from amcspice.contract import check_circuit

draw = np.random.default_rng(0)
A, B = draw.random((5, 5)) + 2 * np.eye(5), draw.uniform(-1, 1, (5, 3))
WIRES = {"ideal wires": amc.Wire(), "wires": amc.Wire(row=1.0, column=2.5, driver=3.0)}


@pytest.mark.parametrize("wire", WIRES)
def test_it_passes_what_every_circuit_must(wire):
    circuit = amc.CIRCUITS["loaded-inv"](A, wire=WIRES[wire], opamp=amc.OpAmp(gain=1e5))
    check_circuit(circuit, B)


def test_it_loads_the_diagonal():
    run = amc.simulate(amc.CIRCUITS["loaded-inv"](A, loading=0.7), B, fidelity="dc")
    np.testing.assert_allclose(run.x, np.linalg.solve(A + 0.7 * np.eye(5), B), atol=1e-3)
