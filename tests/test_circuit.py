"""How the topologies are wired up, judged by the equations of section 3."""

import dataclasses
import json

import numpy as np
import pytest
from oracles import random_problem

import amcspice as amc
from amcspice.circuit import CIRCUITS, GROUND, as_vectors
from amcspice.errors import InputError

A, B = random_problem(0, rows=6, columns=3)
TYPES = [amc.ClassicGINV, amc.CompactGINV]


def conductance_between(circuit, first, second):
    """Total conductance between two nodes given by name [S]."""
    network = circuit.schematic.network
    a, b, value = network.elements
    names = np.array(network.names)
    at = (names[a] == first) & (names[b] == second) | (names[a] == second) & (names[b] == first)
    return value[at].sum()


def test_names_are_unique():
    assert all(CIRCUITS[name].name == name for name in CIRCUITS)


def test_classic_cells_stand_where_they_belong():
    circuit = amc.ClassicGINV(A, feedback=0.5)
    G = 1e-4 * A / A.max()
    for i in range(6):
        assert conductance_between(circuit, f"s{i}", f"r{i}") == pytest.approx(0.5e-4)
        for j in range(3):
            assert conductance_between(circuit, f"s{i}", f"x{j}") == pytest.approx(G[i, j])
            assert conductance_between(circuit, f"r{i}", f"c{j}") == pytest.approx(G[i, j])
    assert circuit.amplifier_count == 9
    assert circuit.schematic.cells == 36


def test_compact_rows_are_equalised():
    circuit = amc.CompactGINV(A)
    G = 1e-4 * A / A.max()
    network = circuit.schematic.network
    totals = network.laplacian().diagonal()
    rows = [totals[network.names.index(f"r{i}") - 1] for i in range(6)]
    np.testing.assert_allclose(rows, 2 * G.sum(axis=1).max(), rtol=1e-12)
    for i in range(6):
        for j in range(3):
            assert conductance_between(circuit, f"r{i}", f"x{j}") == pytest.approx(G[i, j])
            assert conductance_between(circuit, f"r{i}", f"c{j}") == pytest.approx(G[i, j])
    assert circuit.amplifier_count == 3


def test_compact_without_compensation_has_no_grounded_cells():
    circuit = amc.CompactGINV(A, compensation=False)
    grounded = [conductance_between(circuit, f"r{i}", "0") for i in range(6)]
    np.testing.assert_array_equal(grounded, 0)
    assert circuit.schematic.cells == 36


def test_compensation_is_made_of_programmable_cells():
    """Each part is one cell at most, with the device's own levels."""
    device = amc.Memristor(levels=5)
    circuit = amc.CompactGINV(A, device=device)
    step = 1e-4 / 4
    for i in range(6):
        grounded = conductance_between(circuit, f"r{i}", "0")
        assert grounded / step == pytest.approx(round(grounded / step), abs=1e-9)


def test_column_load_is_a_multiple_of_the_largest_column():
    circuit = amc.CompactGINV(A, column_load=2.0)
    expected = 2 * (1e-4 * A / A.max()).sum(axis=0).max()
    assert conductance_between(circuit, "c1", "0") == pytest.approx(expected)


def test_ridge_conductance_of_the_compact_circuit():
    """g_r = ridge * scale^2 / S, section 4."""
    circuit = amc.CompactGINV(A, ridge=0.3)
    G = 1e-4 * A / A.max()
    expected = 0.3 * (1e-4 / A.max()) ** 2 / (2 * G.sum(axis=1).max())
    for j in range(3):
        assert conductance_between(circuit, f"x{j}", f"c{j}") == pytest.approx(expected)


def test_ridge_rows_of_the_classic_circuit():
    circuit = amc.ClassicGINV(A, ridge=0.25)
    for j in range(3):
        expected = 0.5 * circuit.mapping.scale
        assert conductance_between(circuit, f"s{6 + j}", f"x{j}") == pytest.approx(expected)
        assert conductance_between(circuit, f"s{6 + j}", f"x{(j + 1) % 3}") == 0
    assert circuit.amplifier_count == 6 + 3 + 3


def test_a_large_ridge_still_fits_into_the_conductance_range():
    circuit = amc.ClassicGINV(A, ridge=1e6)
    assert conductance_between(circuit, "s6", "x0") == pytest.approx(1e-4)
    _, _, value = circuit.schematic.network.elements
    assert value.max() <= 1e-4 * (1 + 1e-12)


@pytest.mark.parametrize("circuit_type", TYPES)
def test_masked_rows_have_no_cells_and_no_input(circuit_type):
    rows = np.array([True, False, True, True, True, True])
    circuit = circuit_type(A, rows=rows)
    for j in range(3):
        for terminal in ("s1", "r1"):
            assert conductance_between(circuit, terminal, f"x{j}") == 0
            assert conductance_between(circuit, terminal, f"c{j}") == 0
    assert circuit.schematic.input_gain[1] == 0


def test_masked_rows_do_not_count_for_the_scale():
    large = A.copy()
    large[1] *= 100
    rows = np.arange(6) != 1
    np.testing.assert_allclose(
        amc.CompactGINV(large, rows=rows).mapping.scale,
        amc.CompactGINV(A[rows]).mapping.scale,
    )


HEADROOM = amc.OpAmp.preset("onchip-1g")
SIGNED = A - A.mean()


@pytest.mark.parametrize(
    ("circuit_type", "matrix", "hold"),
    [
        (amc.ClassicGINV, A, None),
        (amc.ClassicGINV, SIGNED, None),
        (amc.CompactGINV, A, False),
        (amc.CompactGINV, SIGNED, None),
    ],
)
def test_outputs_that_cannot_show_zero_are_warned_of(circuit_type, matrix, hold):
    constraint = amc.NonNegative(hold=hold)
    message = rf"{circuit_type.name} .* outputs stop 50 mV above ground .* ginv-compact with hold"
    with pytest.warns(amc.AccuracyWarning, match=message) as warnings:
        circuit_type(matrix, opamp=HEADROOM, constraint=constraint)
    assert len(warnings) == 1


def test_outputs_that_show_zero_are_not_warned_of():
    """Warnings are errors here."""
    rail_to_ground = dataclasses.replace(HEADROOM, headroom_negative=0.0)
    for circuit_type in TYPES:
        circuit_type(A, opamp=HEADROOM)
        circuit_type(A, opamp=rail_to_ground, constraint=amc.NonNegative(hold=False))
    amc.CompactGINV(A, opamp=HEADROOM, constraint=amc.NonNegative())


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
def test_the_warning_is_right():
    """What should be zero rests at the headroom, whatever the range."""
    vectors = -A.sum(axis=1)
    options = {"fidelity": "behavioural", "keep_waveforms": False}
    for read_voltage in (0.275, 0.055):
        circuit = amc.ClassicGINV(A, opamp=HEADROOM, constraint=amc.NonNegative())
        run = amc.simulate(circuit, vectors, read_voltage=read_voltage, **options)
        volts = run.x * run.volts_per_unit
        np.testing.assert_allclose(volts, HEADROOM.headroom_negative, rtol=0.02)
    circuit = amc.CompactGINV(A, opamp=HEADROOM, constraint=amc.NonNegative())
    run = amc.simulate(circuit, vectors, **options)
    assert (run.x * run.volts_per_unit).max() < 1e-3


@pytest.mark.parametrize("circuit_type", TYPES)
def test_constraint_decides_the_rails(circuit_type):
    def outputs(**options):
        return circuit_type(A, **options).schematic.amplifiers[-1]

    assert not outputs().floor_at_ground
    assert outputs().hold is None
    floor = outputs(constraint=amc.NonNegative(hold=False))
    assert floor.floor_at_ground
    default = outputs(constraint=amc.NonNegative())
    if circuit_type is amc.CompactGINV:
        assert default.hold == 0.1
        assert not default.floor_at_ground
    else:
        assert default.floor_at_ground
        assert default.hold is None


def test_residual_amplifiers_keep_both_rails():
    bank = amc.ClassicGINV(A, constraint=amc.NonNegative()).schematic.amplifiers[0]
    assert bank.name == "r"
    assert not bank.floor_at_ground
    assert (bank.plus == GROUND).all()


@pytest.mark.parametrize("circuit_type", TYPES)
def test_range_follows_the_largest_output(circuit_type):
    circuit = circuit_type(A)
    # Right-hand sides that fit: no residual stands across a cell.
    narrow, wide = (
        circuit.volts_per_unit(x * A.sum(axis=1)[None], x * np.ones((1, 3)), 0.5)
        for x in (50.0, 100.0)
    )
    assert narrow == pytest.approx(2 * wide)
    started = circuit_type is amc.ClassicGINV  # residual amplifiers start at b
    largest = A.sum(axis=1).max() * circuit.mapping.scale / 1e-4 if started else 1.0
    assert narrow == pytest.approx(0.5 / (50 * max(largest, 1.0)))


def test_classic_range_counts_the_residual_amplifiers():
    circuit = amc.ClassicGINV(A)
    volts = circuit.volts_per_unit(B[None], np.full((1, 3), 1e-6), 0.5)
    residual = np.abs(B).max() * circuit.mapping.scale / 1e-4
    assert volts == pytest.approx(0.5 / residual)


def test_zero_solution_has_a_range():
    assert amc.CompactGINV(A).volts_per_unit(0 * B[None], np.zeros((1, 3)), 0.5) == 0.5


@pytest.mark.parametrize("circuit_type", TYPES)
def test_programming_cycles_and_arrays_draw_apart(circuit_type):
    device = amc.Memristor(write_noise=0.05, seed=2)

    def cells(cycle):
        crossbars = circuit_type(A, device=device, cycle=cycle).schematic.crossbars
        return np.hstack([crossbar.cells for crossbar in crossbars])

    np.testing.assert_array_equal(cells(0), cells(0))
    assert (cells(0) != cells(1)).mean() > 0.9
    first, second = np.hsplit(cells(0), 2)
    assert (first != second).mean() > 0.9


@pytest.mark.parametrize("circuit_type", TYPES)
def test_description_is_plain(circuit_type):
    circuit = circuit_type(A, device=amc.Memristor(seed=9), constraint=amc.NonNegative())
    told = json.loads(json.dumps(circuit.describe()))
    assert told["name"] == circuit_type.name
    assert told["shape"] == [6, 3]
    assert told["device"]["seed"] == 9
    assert told["constraint"]["type"] == "NonNegative"
    assert set(told) == {"name", "shape"} | {
        field.name for field in dataclasses.fields(circuit_type)
    } - {"matrix", "rows", "pair", "zero_bias", "tangent"}


def test_vectors_are_columns():
    vectors = as_vectors(np.arange(6.0).reshape(3, 2), 3)
    np.testing.assert_array_equal(vectors, [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(as_vectors([1, 2, 3], 3), [[1, 2, 3]])
    with pytest.raises(InputError, match="2 rows, but the matrix has 3"):
        as_vectors([1, 2], 3)
    with pytest.raises(InputError, match="b has shape 1 x 3: did you mean its transpose, 3 x 1"):
        as_vectors([[1, 2, 3]], 3)


def test_currents_are_scaled_by_the_range():
    schematic = amc.CompactGINV(A, constraint=amc.NonNegative(), lasso=0.5).schematic
    half, full = (schematic.currents(B[None], volts) for volts in (0.5, 1.0))
    np.testing.assert_allclose(full, 2 * half)
    assert half.shape == (1, 6 + 3)
    np.testing.assert_allclose(half[0, :6], -0.5 * 1e-4 / A.max() * B)
    assert (half[0, 6:] > 0).all()
