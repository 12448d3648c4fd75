"""Properties that hold for every problem, checked on drawn ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import amcspice as amc
from amcspice.engine import LinearModel
from amcspice.reduction import WiredCrossbar, reduce_to_ports

OPAMP = amc.OpAmp(gain=1e5)
LINEAR = [amc.MVM, amc.CompensatedINV, amc.InverterINV, amc.ClassicGINV, amc.CompactGINV]
every_circuit = pytest.mark.parametrize("kind", LINEAR, ids=lambda kind: kind.name)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=15, deadline=None)


def problem(kind, seed, **more):
    """Return a circuit that is stable and a draw for right-hand sides."""
    draw = np.random.default_rng(seed)
    n = int(draw.integers(2, 6))
    if kind.square:
        Q = np.linalg.qr(draw.standard_normal((n, n)))[0]
        A = Q * draw.uniform(1, 3, n) @ Q.T
    else:
        A = draw.uniform(-1, 1, (n + 4, n)) + 0.1
    return kind(A, **{"opamp": OPAMP, **more}), draw


def dc(circuit, b, volts=0.1):
    """Return the DC answer with finite gain for one unit of ``volts``, shape (n,)."""
    model = reduce_to_ports(circuit.schematic)
    currents = model.port_currents(circuit.schematic.currents(b[None], volts))
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    rest = LinearModel.of(circuit, model).operating_point(currents)[:, outputs]
    return circuit.read_out(rest, volts)[0]


@every_circuit
@given(seed=seeds, factor=st.floats(1e-3, 1e3))
@few
def test_scaling_the_matrix_scales_the_solution(kind, seed, factor):
    """The same conductances hold factor * A; volts are those for a unit of what changed."""
    circuit, draw = problem(kind, seed)
    b = draw.uniform(-1, 1, circuit.input_size)
    scaled = kind(factor * circuit.matrix, opamp=OPAMP)
    power = 1 if kind is amc.MVM else -1
    np.testing.assert_allclose(dc(scaled, b), factor**power * dc(circuit, b), rtol=1e-6)


@every_circuit
@given(seed=seeds)
@few
def test_superposition(kind, seed):
    circuit, draw = problem(kind, seed, wire=amc.Wire(row=2.0, column=5.0))
    one, other = draw.uniform(-1, 1, (2, circuit.input_size))
    together = dc(circuit, one - 3 * other)
    expected = dc(circuit, one) - 3 * dc(circuit, other)
    np.testing.assert_allclose(together, expected, atol=1e-9 * np.abs(expected).max())


@every_circuit
@given(seed=seeds)
@few
def test_permutation(kind, seed):
    """Rows and inputs may change places, and columns and outputs, without wires."""
    circuit, draw = problem(kind, seed)
    A, b = circuit.matrix, draw.uniform(-1, 1, circuit.input_size)
    rows = draw.permutation(len(A))
    columns = rows if kind.square else draw.permutation(A.shape[1])
    shuffled = kind(A[rows][:, columns], opamp=OPAMP)
    into, out = (columns, rows) if kind is amc.MVM else (rows, columns)
    expected = dc(circuit, b)[out]
    np.testing.assert_allclose(dc(shuffled, b[into]), expected, atol=1e-8 * np.abs(expected).max())


@every_circuit
@given(seed=seeds)
@few
def test_wires_that_become_ideal(kind, seed):
    """The error of wires goes to zero in proportion to their resistance."""
    circuit, draw = problem(kind, seed)
    b = draw.uniform(-1, 1, circuit.input_size)
    ideal = dc(circuit, b)

    def error(ohm):
        wire = amc.Wire(row=ohm, column=2 * ohm, driver=ohm, termination=ohm)
        return np.abs(dc(kind(circuit.matrix, opamp=OPAMP, wire=wire), b) - ideal).max()

    scale = np.abs(ideal).max()
    assert error(1e-2) < 1e-3 * scale
    assert error(1e-3) < 0.11 * error(1e-2) + 1e-9 * scale


BADCROSSBAR = json.loads((Path(__file__).parent / "golden" / "badcrossbar.json").read_text())


@pytest.mark.parametrize("case", BADCROSSBAR["cases"], ids=lambda case: None)
def test_currents_of_badcrossbar(case):
    """Unequal lines, driven from either side; ``scripts/badcrossbar_reference.py`` wrote them."""
    G, voltages = np.array(case["conductance"]), np.array(case["voltages"])
    row, column = case["word_line_ohm"], case["bit_line_ohm"]
    expected = np.array(case["outputs"])
    peer = WiredCrossbar(G, amc.Wire(row=row, column=column))
    np.testing.assert_allclose(peer @ voltages, expected, rtol=1e-10)
    # mvm drives bit lines and reads word lines: the same array turned over.
    opamp = amc.OpAmp(gain=1e9, output_resistance=1e-6)
    # Its cells are G times g_max / max(G): wires in the same ratio to them give the same shares.
    scale = G.max() / amc.Memristor().g_max
    wire = amc.Wire(row=column * scale, column=row * scale)
    circuit = amc.MVM(G[::-1].T, opamp=opamp, wire=wire)
    for voltage, currents in zip(voltages.T, expected.T, strict=True):
        np.testing.assert_allclose(dc(circuit, voltage[::-1]), currents, rtol=1e-5)


@given(seed=seeds, row=st.floats(0.1, 20), column=st.floats(0.1, 20))
@few
def test_transposed_drive_is_the_transposed_array(seed, row, column):
    """Driving bit lines is driving the word lines of the transposed array, wires exchanged.

    Its outputs are at the far end of the bit lines, so the lines are numbered backwards.
    """
    draw = np.random.default_rng(seed)
    G = draw.uniform(1e-6, 1e-4, (5, 7))
    voltages = draw.uniform(-1, 1, 7)
    # mvm drives bit lines and reads word lines at virtual ground: currents per word line.
    circuit = amc.MVM(G, opamp=amc.OpAmp(gain=1e9, output_resistance=1e-6),
                      wire=amc.Wire(row=row, column=column))  # fmt: skip
    currents = dc(circuit, voltages)
    scale = circuit.device.g_max / G.max()
    peer = WiredCrossbar(scale * G.T[::-1], amc.Wire(row=column, column=row))
    np.testing.assert_allclose(currents, peer @ voltages[::-1] / scale, rtol=1e-5, atol=1e-12)


@given(seed=seeds)
@few
def test_currents_are_conserved(seed):
    """What inputs and amplifiers deliver flows to ground through the network, nowhere else."""
    kind = LINEAR[seed % len(LINEAR)]
    circuit, draw = problem(kind, seed, wire=amc.Wire(row=1.0, column=3.0))
    schematic = circuit.schematic
    network = schematic.network
    a, b, g = network.elements
    model = reduce_to_ports(schematic)
    voltages = draw.uniform(-1, 1, len(model.nodes))
    inputs = schematic.currents(draw.uniform(-1, 1, (1, circuit.input_size)), 0.1)
    delivered = model.conductance @ voltages - model.port_currents(inputs)[0]
    laplacian = network.laplacian()
    given_at = np.concatenate([model.nodes, schematic.inputs]) if schematic.driven else model.nodes
    values = np.concatenate([voltages, inputs[0]]) if schematic.driven else voltages
    free = np.setdiff1d(np.arange(1, len(network)), given_at)
    v, into = np.zeros(len(network)), np.zeros(len(network))
    v[given_at] = values
    if not schematic.driven:
        np.add.at(into, schematic.injected, inputs[0])
    if len(free):
        dense = laplacian.toarray()
        known = dense[np.ix_(free - 1, given_at - 1)] @ values
        v[free] = np.linalg.solve(dense[np.ix_(free - 1, free - 1)], into[free] - known)
    balance = laplacian @ v[1:] - into[1:]
    np.testing.assert_allclose(balance[model.nodes - 1], delivered, atol=1e-12)
    to_ground = (g * (v[a] - v[b]))[(a == 0) | (b == 0)]
    grounded = np.where((b == 0), 1.0, -1.0)[(a == 0) | (b == 0)] @ to_ground
    assert balance.sum() + into.sum() == pytest.approx(grounded, abs=1e-12)
