"""Word lines of programmed arrays: selected, split over blocks, and solved with."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
from oracles import nnls

import amcspice as amc
from amcspice.algorithm.alternating.analog import AnalogSolver
from amcspice.algorithm.alternating.block import solve
from amcspice.algorithm.alternating.data import stored_rows
from amcspice.algorithm.alternating.regression import (
    DigitalSolver,
    HalfStep,
    Solution,
)
from amcspice.algorithm.alternating.selection import check_selection, read_out
from amcspice.errors import InputError, UnsupportedError
from amcspice.pool import Pool
from amcspice.reduction import reduce_to_ports

DRAW = np.random.default_rng(3)
MATRIX = DRAW.random((12, 3))
NOISY = amc.Memristor(levels=16, write_noise=0.05, seed=4)
GOOD = {"opamp": amc.OpAmp(gain=1e7)}
BEHAVIOURAL = amc.Analysis(fidelity="behavioural")
TWIN = DigitalSolver()
WIRED = amc.Wire(row=2.0, column=3.0)


def known(count=7, share=0.5, rows=12, seed=0):
    """Return right-hand sides of which some entries are known; the first has none."""
    draw = np.random.default_rng(seed)
    V = draw.random((count, 3)) @ MATRIX[:rows].T
    mask = draw.random(V.shape) < share
    mask[0] = False
    mask[1] = True
    V[2] = 0.0
    at, to = np.nonzero(mask)
    return sp.csr_array((V[mask], (at, to)), shape=V.shape), mask


def solved(
    V, *, solver=None, matrix=MATRIX, ridge=0.1, cycle=0, jobs=1, progress=None, **parameters
) -> Solution:
    """Return a half-step over the stored entries; the default solver is behavioural."""
    regressions = HalfStep(matrix, stored_rows(V, ridge), V.shape[0], cycle, parameters=parameters)
    with Pool(jobs) as pool:
        (solution,) = solve(
            [regressions], solver or AnalogSolver(BEHAVIOURAL), pool, progress=progress
        )
    return solution


def circuit(**options):
    return amc.CompactGINV(MATRIX, constraint=amc.NonNegative(), scaling="columns", **options)


def test_selected_lines_keep_what_was_programmed():
    whole = circuit(device=NOISY)
    part = whole.select([1, 4, 9], ridge=0.3)
    both = whole.schematic.crossbars[0].cells
    np.testing.assert_array_equal(part.schematic.crossbars[0].cells, both[[1, 4, 9]])
    np.testing.assert_array_equal(
        part.schematic.crossbars[0].row_ground, whole.schematic.crossbars[0].row_ground[[1, 4, 9]]
    )
    assert part.mapping.scale == whole.mapping.scale
    np.testing.assert_array_equal(part.mapping.column_scale, whole.mapping.column_scale)
    assert part.schematic.cells == whole.schematic.cells
    # Selecting again counts from the rows that were selected.
    again = part.select([0, 2], [1, 2], ridge=0.3)
    np.testing.assert_array_equal(
        again.schematic.crossbars[0].cells, both[np.ix_([1, 9], [1, 2, 4, 5])]
    )


@pytest.mark.parametrize(
    "fidelity", ["behavioural", pytest.param("flat", marks=pytest.mark.ngspice)]
)
@pytest.mark.parametrize("wire", [amc.Wire(), WIRED], ids=["ideal", "wired"])
def test_selection_solves_the_rows_that_are_left(fidelity, wire):
    rows = [0, 3, 4, 7, 11]
    b = np.random.default_rng(1).random(5)
    part = circuit(wire=wire, **GOOD).select(rows, ridge=0.2)
    run = amc.simulate(part, b, fidelity=fidelity)
    expected = nnls(np.vstack([MATRIX[rows], np.sqrt(0.2) * np.eye(3)]), np.append(b, np.zeros(3)))
    np.testing.assert_allclose(run.reference, expected, atol=1e-12)
    # Wires of a few ohms at cells of 10 kohm and more cost some per cent.
    np.testing.assert_allclose(run.x, expected, atol=(0.05 if wire.row else 1e-4) * expected.max())


def test_line_that_is_off_keeps_its_wire_only():
    """With bit-line wires the distance to the amplifiers counts, without them it does not."""
    for wire, equal in ((amc.Wire(row=2.0), True), (WIRED, False)):
        far, near = (
            reduce_to_ports(
                amc.CompactGINV(
                    np.vstack([MATRIX[:1] if first else MATRIX[:0], MATRIX[:6], MATRIX[:1]]),
                    wire=wire, constraint=amc.NonNegative(),
                ).select(np.arange(6) + first).schematic
            ).conductance
            for first in (1, 0)
        )  # fmt: skip
        assert np.allclose(far, near, rtol=1e-9, atol=0) == equal


@pytest.mark.parametrize("rows", [None, [0, 5, 6, 7]])
def test_blocks_are_one_array_where_bit_lines_are_ideal(rows):
    options = {"wire": amc.Wire(row=2.0, driver=5.0), "device": NOISY, "ridge": 0.1}
    models = []
    for array_rows in (None, 5):
        made = circuit(array_rows=array_rows, **options)
        made = made if rows is None else made.select(rows)
        models.append(reduce_to_ports(made.schematic))
    assert len(made.schematic.crossbars) == (3 if rows is None else 2)
    # A lead at each block's column splits in parallel; without leads the network is the same.
    bare = []
    for array_rows in (None, 5):
        wire = amc.Wire(row=2.0, driver=array_rows and 1e-3)
        made = circuit(array_rows=array_rows, **{**options, "wire": wire})
        made = made if rows is None else made.select(rows)
        bare.append(reduce_to_ports(made.schematic))
    assert len(made.schematic.crossbars) == (3 if rows is None else 2)
    np.testing.assert_allclose(bare[0].conductance, bare[1].conductance, rtol=1e-5, atol=1e-11)
    np.testing.assert_allclose(bare[0].transfer, bare[1].transfer, rtol=1e-5, atol=1e-6)
    assert len(circuit(array_rows=5).schematic.crossbars) == 1  # nothing keeps blocks apart
    assert models[0].conductance.shape == models[1].conductance.shape


def test_blocks_shorten_the_bit_lines():
    b = np.random.default_rng(1).random(12)
    errors = [
        amc.simulate(
            circuit(wire=amc.Wire(column=20.0), array_rows=n), b, fidelity="behavioural"
        ).relative_error
        for n in (None, 4)
    ]
    assert errors[1] < errors[0]


@pytest.mark.ngspice
def test_blocks_reduce_to_what_the_flat_deck_gives():
    made = circuit(wire=WIRED, array_rows=5, device=NOISY).select([0, 6, 7, 8], ridge=0.1)
    assert len(made.schematic.crossbars) == 2  # nothing is selected in the third block
    b = np.random.default_rng(1).random(4)
    flat, reduced = (amc.simulate(made, b, fidelity=f) for f in ("flat", "reduced"))
    np.testing.assert_allclose(flat.x, reduced.x, atol=1e-5 * reduced.x.max())


def test_bad_array_rows_and_foreign_cells_are_refused():
    with pytest.raises(InputError, match=r"CompactGINV\.array_rows = 0: input should be greater"):
        circuit(array_rows=0)
    with pytest.raises(InputError, match="pair does not fit the matrix"):
        amc.CompactGINV(MATRIX[:4], pair=circuit().arrays)


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_twin_is_nnls_on_the_known_rows(ridge):
    V, mask = known()
    values = solved(V, solver=TWIN, ridge=ridge).values
    for x, v, rows in zip(values, V.toarray(), mask, strict=True):
        if v[rows].any():
            tall = np.vstack([MATRIX[rows], np.sqrt(ridge * rows.sum()) * np.eye(3)])
            np.testing.assert_allclose(x, nnls(tall, np.append(v[rows], np.zeros(3))), atol=1e-10)
    assert not values[0].any()  # nothing is known
    assert not values[2].any()  # known to be zero


@pytest.mark.parametrize(
    "analysis",
    [BEHAVIOURAL, pytest.param(amc.Analysis(), marks=pytest.mark.ngspice)],
    ids=["behavioural", "reduced"],
)
def test_circuit_agrees_with_its_twin(analysis):
    V, _ = known()
    reports = []
    solution = solved(V, solver=AnalogSolver(analysis), progress=reports.append, **GOOD)
    expected = solved(V, solver=TWIN).values
    np.testing.assert_allclose(solution.values, expected, atol=2e-4 * expected.max())
    assert len(solution.measured.settled) == 6
    assert sum(reports) == 7  # of one nothing is known
    assert solution.measured.settled.all()
    assert solution.provenance["simulator"] is not None


def test_number_of_jobs_changes_no_bit():
    V, _ = known(80)
    one, two = (solved(V, cycle=3, jobs=jobs, device=NOISY) for jobs in (1, 2))
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(one.measured.energy, two.measured.energy)


def test_noise_belongs_to_the_cycle_and_not_to_the_regression():
    """Two users with the same ratings get the same factor, whatever else is solved."""
    V, _ = known()
    twice = sp.csr_array(sp.vstack([V, V[[4]]]))
    values = solved(twice, device=NOISY).values
    np.testing.assert_array_equal(values[4], values[-1])
    assert np.abs(solved(twice, cycle=1, device=NOISY).values[4] - values[4]).max() > 1e-4


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_column_without_entry_in_the_selected_rows_is_zero(ridge):
    matrix = MATRIX.copy()
    matrix[:6, 1] = 0
    V = sp.csr_array((np.ones(5), ([0] * 3 + [1] * 2, [0, 2, 5, 3, 8])), shape=(2, 12))
    expected = solved(V, solver=TWIN, matrix=matrix, ridge=ridge).values
    values = solved(V, matrix=matrix, ridge=ridge, **GOOD).values
    np.testing.assert_allclose(values, expected, atol=1e-3 * expected.max())
    assert values[0, 1] == 0


def test_row_of_zeros_and_matrix_of_zeros_give_zeros():
    matrix = MATRIX.copy()
    matrix[4] = 0
    V = sp.csr_array((np.ones(2), ([0, 1], [4, 5])), shape=(2, 12))
    solution = solved(V, matrix=matrix)
    assert not solution.values[0].any()
    assert solution.values[1].any()
    assert len(solution.measured.settled) == 1
    assert not solved(V[[0]], matrix=matrix).values.any()
    assert not solved(V, matrix=np.zeros((12, 3))).values.any()


def test_sparse_input_may_lie_on_disk(tmp_path):
    V, _ = known(40)
    parts = []
    for name in ("data", "indices", "indptr"):
        np.save(tmp_path / name, getattr(V, name))
        parts.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    mapped = sp.csr_array(tuple(parts), shape=V.shape, copy=False)
    assert np.shares_memory(mapped.data, parts[0])  # nothing was read into memory
    values, expected = (solved(one, solver=TWIN).values for one in (mapped, V))
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("solver", [TWIN, AnalogSolver(BEHAVIOURAL)], ids=["twin", "analog"])
def test_entries_may_be_stored_in_any_order(solver):
    V, _ = known(10)
    draw = np.random.default_rng(1)
    bounds = zip(V.indptr[:-1], V.indptr[1:], strict=True)
    order = np.concatenate([draw.permutation(np.arange(first, last)) for first, last in bounds])
    mixed = sp.csr_array((V.data[order], V.indices[order], V.indptr), shape=V.shape)
    values, expected = (solved(one, solver=solver).values for one in (mixed, V))
    np.testing.assert_array_equal(values, expected)


def test_a_regression_of_a_block_is_that_of_the_whole_array():
    """A block holds the word lines that it needs; nothing of the others is missed."""
    V, mask = known()
    solution = solved(V, cycle=5, device=NOISY)
    whole = circuit(device=NOISY, cycle=5)
    rows = np.flatnonzero(mask[3])
    run = amc.simulate(
        whole.select(rows, ridge=0.1 * len(rows)), V.toarray()[3][rows], analysis=BEHAVIOURAL
    )
    np.testing.assert_array_equal(run.x, solution.values[3])


def test_classic_circuit_is_refused():
    with pytest.raises(UnsupportedError, match=r"ginv-classic .* use ginv-compact"):
        check_selection("ginv-classic", {})
    check_selection(None, {"array_rows": 5})


def test_the_l1_term_of_the_twin_counts_on_selected_lines():
    """It moves the right-hand side by what pulls every entry down by as much."""
    V, lasso, ridge = known()[0][[3]], 0.2, 0.1
    lines = V.indices
    assert len(lines) < len(MATRIX)
    tall = np.vstack([MATRIX[lines], np.sqrt(ridge * len(lines)) * np.eye(3)])
    shift = tall @ np.linalg.solve(tall.T @ tall, np.full(3, lasso))
    expected = nnls(tall, np.append(V.data, np.zeros(3)) - shift)
    found = solved(V, solver=TWIN, ridge=ridge, lasso=lasso).values[0]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("scaling", ["columns", "matrix"])
def test_outputs_that_are_no_component_are_read_as_zero(scaling):
    """Below 1e-5 of the output range, whatever unit the entry of its column has."""
    matrix = MATRIX * [1.0, 1e-3, 0.1]
    array = amc.CompactGINV(matrix, constraint=amc.NonNegative(), scaling=scaling)
    run = amc.simulate(array, matrix @ np.ones((3, 2)), analysis=BEHAVIOURAL)
    least = 1e-5 * array.opamp.highest_output
    volts = least * np.array([[0.9, 1.1, -2.0], [1.1, 0.9, 1.1]])
    solution = array.read_out(volts, run.volts_per_unit)
    solution *= np.sign(solution[0, 0])
    measurement = dataclasses.replace(run.measurement, solution=solution)
    found = read_out(array, dataclasses.replace(run, measurement=measurement))
    np.testing.assert_array_equal(found, np.where(volts > least, solution, 0.0))


@pytest.mark.parametrize("circuit", ["ginv-classic", "ginv-compact"])
def test_a_column_without_entries_leaves_the_others_where_they_are(circuit):
    matrix, (V, mask) = MATRIX.copy(), known(6, share=0.7)
    matrix[:, 0] = 0.0
    half_step = HalfStep(matrix, stored_rows(V, 0.0), V.shape[0], 0, circuit, GOOD)
    with Pool(1) as pool:
        (found,) = solve([half_step], AnalogSolver(BEHAVIOURAL), pool)
    assert not found.values[:, 0].any()
    for values, rows, vector in zip(found.values, mask, V.toarray(), strict=True):
        if rows.sum() > 3 and vector.any():
            expected = nnls(matrix[rows, 1:], vector[rows])
            np.testing.assert_allclose(values[1:], expected, atol=1e-4 * expected.max())
