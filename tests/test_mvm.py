"""The wired crossbar as an operator, against sparse LU and invariants."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

import amcspice as amc
from amcspice.reduction import WiredCrossbar

WIRES = [
    amc.Wire(row=1.0, column=2.5),
    amc.Wire(row=2.5, column=1.0, driver=3.0, termination=7.0),
    amc.Wire(row=10.0, column=10.0),
]


def cells(m, n, seed=0):
    """Return conductances between 10 uS and 1 mS, some of them off."""
    draw = np.random.default_rng(seed)
    return 10 ** draw.uniform(-5, -3, (m, n)) * (draw.random((m, n)) > 0.1)


def direct(conductance, wire, voltages):
    """Solve the whole network by sparse LU; return word and bit voltages, shape (m, n)."""
    m, n = conductance.shape
    word, bit = np.arange(m * n).reshape(m, n), m * n + np.arange(m * n).reshape(m, n)
    pairs = [
        (word, bit, conductance),
        (word[:, :-1], word[:, 1:], np.full((m, n - 1), 1 / wire.row)),
        (bit[:-1], bit[1:], np.full((m - 1, n), 1 / wire.column)),
    ]
    a, b, g = (np.concatenate([np.ravel(pair[k]) for pair in pairs]) for k in range(3))
    size = 2 * m * n
    matrix = sp.coo_array(
        (np.concatenate([g, g, -g, -g]), (np.r_[a, b, a, b], np.r_[a, b, b, a])), (size, size)
    ).tolil()
    right = np.zeros(size)
    drive = 1 / (wire.row + (wire.driver or 0))
    for i in range(m):
        matrix[word[i, 0], word[i, 0]] += drive
        right[word[i, 0]] = drive * voltages[i]
    for j in range(n):
        matrix[bit[-1, j], bit[-1, j]] += 1 / (wire.column + (wire.termination or 0))
    solved = spsolve(matrix.tocsc(), right)
    return solved[: m * n].reshape(m, n), solved[m * n :].reshape(m, n)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("shape", [(12, 7), (7, 12), (1, 5), (5, 1)])
def test_voltages_and_currents_agree_with_sparse_lu(wire, shape):
    conductance, v = cells(*shape) + 1e-6, np.random.default_rng(1).standard_normal(shape[0])
    state = WiredCrossbar(conductance, wire).solve(v)
    word, bit = direct(conductance, wire, v)
    assert np.allclose(state.word_voltages[0], word, rtol=0, atol=1e-11)
    assert np.allclose(state.bit_voltages[0], bit, rtol=0, atol=1e-11)
    outputs = bit[-1] / (wire.column + (wire.termination or 0))
    assert np.allclose(state.outputs[0], outputs, rtol=1e-9, atol=1e-16)
    assert np.allclose(WiredCrossbar(conductance, wire) @ v, outputs, rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize("shape", [(60, 60), (240, 240), (60, 480)])
def test_the_number_of_steps_does_not_grow_with_the_size(shape, monkeypatch):
    """Wires as bad as these let word and bit lines float together over long distances."""
    monkeypatch.setattr("amcspice.reduction.conjugate_gradients.MAX_ITERATIONS", 22)
    draw = np.random.default_rng(5)
    conductance = np.where(draw.random(shape) < 0.5, 1e-3, 1e-5)
    crossbar, v = WiredCrossbar(conductance, amc.Wire(row=10.0, column=10.0)), draw.random(shape[0])
    crossbar @ v


def test_lines_that_float_together_agree_with_sparse_lu():
    conductance, v = cells(40, 70) + 1e-6, np.random.default_rng(1).standard_normal(40)
    wire = amc.Wire(row=0.1, column=0.3, driver=200.0, termination=500.0)
    state = WiredCrossbar(conductance, wire).solve(v)
    word, bit = direct(conductance, wire, v)
    assert np.allclose(state.word_voltages[0], word, rtol=0, atol=1e-11)
    assert np.allclose(state.bit_voltages[0], bit, rtol=0, atol=1e-11)


def test_current_is_conserved_at_every_crossing():
    state = WiredCrossbar(cells(9, 6), WIRES[1]).solve(np.random.default_rng(2).random((9, 3)))
    onward = np.concatenate([state.word_currents[:, :, 1:], np.zeros((3, 9, 1))], axis=2)
    assert np.allclose(state.word_currents - onward, state.cell_currents, atol=1e-13)
    above = np.concatenate([np.zeros((3, 1, 6)), state.bit_currents[:, :-1]], axis=1)
    assert np.allclose(state.bit_currents - above, state.cell_currents, atol=1e-13)
    assert np.allclose(state.cell_currents.sum(axis=(1, 2)), state.outputs.sum(axis=1), rtol=1e-9)


def test_the_transpose_drives_the_columns():
    crossbar = WiredCrossbar(cells(9, 6), WIRES[1])
    dense, transposed = crossbar @ np.eye(9), crossbar.rmatmat(np.eye(6))
    # The tolerance of the iteration is a fraction of the whole current.
    assert np.abs(dense.T - transposed).max() < 1e-12 * np.abs(dense).max()


def test_thin_wires_approach_the_ideal_product():
    conductance, v = cells(8, 5), np.random.default_rng(3).random(8)
    ideal = conductance.T @ v
    errors = [
        np.abs(WiredCrossbar(conductance, amc.Wire(row=r, column=r)) @ v / ideal - 1).max()
        for r in (1e-1, 1e-2, 1e-3)
    ]
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(10, rel=0.1)
    assert errors[2] < 1e-4


def test_swapping_row_and_column_resistance_matters():
    conductance, v = cells(8, 5), np.ones(8)
    currents = WiredCrossbar(conductance, amc.Wire(row=1.0, column=20.0)) @ v
    swapped = WiredCrossbar(conductance, amc.Wire(row=20.0, column=1.0)) @ v
    assert np.abs(currents / swapped - 1).max() > 1e-3


def test_many_inputs_equal_single_ones():
    crossbar, inputs = WiredCrossbar(cells(9, 6), WIRES[0]), np.random.default_rng(4).random((9, 5))
    single = np.stack([crossbar @ column for column in inputs.T], axis=1)
    assert np.allclose(crossbar @ inputs, single, rtol=1e-10, atol=1e-17)
    assert np.array_equal(crossbar @ np.zeros(9), np.zeros(6))


@pytest.mark.parametrize(
    ("conductance", "wire", "words"),
    [
        ([[1e-4, -1e-4]], amc.Wire(row=1.0, column=1.0), "negative"),
        ([[1e-4]], amc.Wire(row=1.0), "row and column"),
        ([[np.nan]], amc.Wire(row=1.0, column=1.0), "not finite"),
    ],
)
def test_bad_input_is_refused(conductance, wire, words):
    with pytest.raises(amc.InputError, match=words):
        WiredCrossbar(conductance, wire)


@pytest.mark.ngspice
@pytest.mark.parametrize("wire", [amc.Wire(), amc.Wire(row=1.0, column=2.0)])
@pytest.mark.parametrize("fidelity", ["dc", "behavioural", "reduced", "flat"])
def test_an_input_without_a_cell_drives_nothing(wire, fidelity):
    """Banded matrices have such columns; their inputs are driven, so nothing floats."""
    matrix = np.array([[1.0, 0.0, 0.3], [0.5, 0.0, -0.2]])
    run = amc.solve("mvm", matrix, [1.0, 1.0, 0.5], fidelity=fidelity, wire=wire)
    without = amc.solve("mvm", matrix[:, ::2], [1.0, 0.5], fidelity=fidelity)
    np.testing.assert_allclose(run.x, [1.15, 0.4], rtol=1e-3)
    if wire.ideal:
        np.testing.assert_allclose(run.x, without.x, rtol=1e-6)


def test_a_crossbar_of_one_cell_is_three_resistors_in_a_row():
    wire = amc.Wire(row=1.0, column=2.0, driver=5.0)
    crossbar = WiredCrossbar(np.array([[1e-4]]), wire)
    assert crossbar @ np.ones(1) == pytest.approx(1 / (5 + 1 + 1e4 + 2), rel=1e-12)
