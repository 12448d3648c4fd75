"""The wired crossbar as an operator, against sparse LU and invariants."""

import time

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

import amcspice as amc
from amcspice.native import compiled
from amcspice.reduction import WiredCrossbar
from amcspice.reduction.conjugate_gradients import ROOM, parts
from amcspice.reduction.lines import slow_modes

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
def test_the_number_of_steps_does_not_grow_with_the_size(shape):
    """Wires as bad as these let word and bit lines float together over long distances."""
    draw = np.random.default_rng(5)
    conductance = np.where(draw.random(shape) < 0.5, 1e-3, 1e-5)
    crossbar = WiredCrossbar(conductance, amc.Wire(row=10.0, column=10.0))
    assert crossbar.solve(draw.random(shape[0])).iterations < 22


def test_what_does_not_converge_is_an_error(monkeypatch):
    monkeypatch.setattr("amcspice.reduction.conjugate_gradients.MAX_ITERATIONS", 2)
    with pytest.raises(amc.SimulationError, match="did not converge in 2 iterations"):
        WiredCrossbar(cells(9, 6), WIRES[1]) @ np.ones(9)


@pytest.mark.parametrize("voltages", [[np.nan, 1.0], [[np.inf], [0.0]], [1j, 0.0]])
def test_voltages_that_are_no_numbers_are_refused(voltages):
    with pytest.raises(amc.InputError, match="voltages"):
        WiredCrossbar(np.ones((2, 3)), WIRES[0]) @ np.array(voltages)


def test_lines_that_float_together_agree_with_sparse_lu():
    conductance, v = cells(40, 70) + 1e-6, np.random.default_rng(1).standard_normal(40)
    wire = amc.Wire(row=0.1, column=0.3, driver=200.0, termination=500.0)
    state = WiredCrossbar(conductance, wire).solve(v)
    word, bit = direct(conductance, wire, v)
    assert np.allclose(state.word_voltages[0], word, rtol=0, atol=1e-11)
    assert np.allclose(state.bit_voltages[0], bit, rtol=0, atol=1e-11)


@pytest.mark.parametrize("count", range(1, 10))
@pytest.mark.parametrize("shape", [(17, 27), (16, 32), (3, 2)])
def test_vectors_side_by_side_agree_with_sparse_lu(shape, count):
    """As many as there are lanes, more and fewer, in rows that fill whole registers or not."""
    conductance, v = (
        cells(*shape) + 1e-5,
        np.random.default_rng(6).standard_normal((shape[0], count)),
    )
    v[:, count // 2] *= 1e-6  # converges by itself
    wire = amc.Wire(row=5.0, column=8.0, driver=200.0, termination=500.0)
    crossbar = WiredCrossbar(conductance, wire)
    state, outputs = crossbar.solve(v), crossbar @ v
    for k in range(count):
        word, bit = direct(conductance, wire, v[:, k])
        scale = np.abs(word).max()
        assert np.allclose(state.word_voltages[k], word, rtol=0, atol=1e-10 * scale)
        assert np.allclose(state.bit_voltages[k], bit, rtol=0, atol=1e-10 * scale)
        assert np.allclose(outputs[:, k], bit[-1] / 508.0, rtol=0, atol=1e-10 * scale / 508.0)


def test_a_vector_of_zeros_beside_others_stays_zero():
    crossbar, v = WiredCrossbar(cells(9, 6), WIRES[0]), np.random.default_rng(4).random((9, 4))
    alone = crossbar @ v
    v[:, 2] = 0
    outputs = crossbar @ v
    assert np.array_equal(outputs[:, 2], np.zeros(6))
    assert np.array_equal(outputs[:, [0, 1, 3]], alone[:, [0, 1, 3]])


def test_as_many_vectors_at_once_as_there_is_room_for():
    for count, crossings in [(1, 9), (7, 9), (16, 500), (5, 1 << 17), (9, 1 << 23), (3, 1 << 26)]:
        sizes = [part.stop - part.start for part in parts(count, crossings)]
        assert np.array_equal(np.r_[tuple(parts(count, crossings))], np.arange(count))
        assert all(size & (size - 1) == 0 for size in sizes)
        assert max(sizes) <= compiled.CROSSBAR_LANES
        assert max(sizes) == 1 or max(sizes) * crossings <= ROOM


@pytest.mark.parametrize(
    ("side", "count", "most"),
    [
        (64, 16, 1.0),
        pytest.param(512, 8, 1.15, marks=pytest.mark.slow),
        pytest.param(600, 8, 1.15, marks=pytest.mark.slow),
        pytest.param(900, 8, 1.0, marks=pytest.mark.slow),
    ],
)
def test_vectors_at_once_cost_no_more_than_one_by_one(side, count, most):
    """In processor time; between sizes that fit into caches and larger ones both cost the same.

    Equal work differs by a tenth where other programs use the same caches.
    """
    crossbar = WiredCrossbar(np.full((side, side), 1e-4), WIRES[2])
    v = np.random.default_rng(7).random((side, count))
    runs = {"at once": lambda: crossbar @ v, "one by one": lambda: [crossbar @ u for u in v.T]}
    best = dict.fromkeys(runs, np.inf)
    for _ in range(3):
        for name, run in runs.items():
            begin = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - begin)
    assert best["at once"] < most * best["one by one"]


ROW, COLUMN = np.indices((192, 192))
PATTERNS = {
    "sparse": np.random.default_rng(0).random(ROW.shape) < 0.05,
    "every 16th row": ROW % 16 == 0,
    "blocks": (ROW // 24 + COLUMN // 24) % 2 == 1,
}


@pytest.mark.parametrize("name", PATTERNS)
def test_uneven_arrays_take_at_most_a_hundred_steps(name):
    """With r g N^2 = 1e4, where hardly anything arrives at the outputs."""
    ohm = 1e4 / (1e-4 * len(ROW) ** 2)
    crossbar = WiredCrossbar(1e-4 * PATTERNS[name], amc.Wire(row=ohm, column=ohm))
    state = crossbar.solve(np.random.default_rng(8).random(len(ROW)))
    assert state.iterations <= 100
    onward = np.pad(state.word_currents[0], ((0, 0), (0, 1)))
    lost = -np.diff(onward, axis=1) - state.cell_currents[0]
    assert np.abs(lost).max() < 1e-10 * np.abs(state.word_currents).max()
    below = np.diff(np.pad(state.bit_currents[0], ((1, 0), (0, 0))), axis=0)
    assert np.abs(below - state.cell_currents[0]).max() < 1e-10 * np.abs(state.word_currents).max()


@pytest.mark.parametrize("length", [1, 2, 9])
def test_slow_modes_of_a_line_that_ends_at_ground(length):
    """A chain with one free end: sines that meet zero one segment beyond the other."""
    angles = (2 * np.arange(1, length + 1) - 1) * np.pi / (2 * length + 1)
    conductance, modes = slow_modes(length, 2.0, 3.0, first=0.0, last=2.0)
    expected = 4.0 * (1 - np.cos(angles))
    assert np.allclose(conductance, expected[expected < 3.0], rtol=1e-12)
    shapes = np.cos(np.outer(np.arange(length) + 0.5, angles))[:, : len(conductance)]
    assert np.allclose(
        np.abs(shapes.T @ modes / np.linalg.norm(shapes, axis=0)[:, None]),
        np.eye(len(conductance)),
        atol=1e-12,
    )


def test_current_is_conserved_at_every_crossing():
    state = WiredCrossbar(cells(9, 6), WIRES[1]).solve(np.random.default_rng(2).random((9, 3)))
    onward = np.concatenate([state.word_currents[:, :, 1:], np.zeros((3, 9, 1))], axis=2)
    assert np.allclose(state.word_currents - onward, state.cell_currents, atol=1e-13)
    above = np.concatenate([np.zeros((3, 1, 6)), state.bit_currents[:, :-1]], axis=1)
    assert np.allclose(state.bit_currents - above, state.cell_currents, atol=1e-13)
    assert np.allclose(state.cell_currents.sum(axis=(1, 2)), state.outputs.sum(axis=1), rtol=1e-9)


@pytest.mark.parametrize("shape", [(9, 6), (24, 40)])
def test_the_transpose_drives_the_columns(shape):
    crossbar = WiredCrossbar(cells(*shape), WIRES[1])
    dense, transposed = crossbar @ np.eye(shape[0]), crossbar.rmatmat(np.eye(shape[1]))
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
