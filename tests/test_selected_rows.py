"""Regressions on selected rows: their sums, exact answers and swings, against whole circuits."""

import numpy as np
import pytest
import scipy

import amcspice as amc
from amcspice.algorithm.alternating.analog import AnalogSolver
from amcspice.algorithm.alternating.data import RightHandSides
from amcspice.algorithm.alternating.records import FactorRecords, refuse_unrecorded
from amcspice.algorithm.alternating.reduced import ReducedSolver
from amcspice.algorithm.alternating.reduced_range import calibrated
from amcspice.algorithm.alternating.regression import HalfStep, Share
from amcspice.algorithm.alternating.selected_rows import (
    Known,
    padded_rows,
    reduce_rows,
    solve_known,
    squared_errors,
)
from amcspice.algorithm.alternating.selection import ProgrammedFactor
from amcspice.errors import InputError, UnsupportedError
from amcspice.reduction import reduce_to_ports

RIDGE = 0.05


def programmed(shape, seed=0, cycle=0, *, sparse=0.1, **parameters):
    """Return a factor in a circuit with noisy cells."""
    draw = np.random.default_rng(seed)
    factor = draw.uniform(0.05, 1.0, shape) * (draw.random(shape) > sparse)
    factor[0] = 1.0  # no column is without an entry
    device = amc.Memristor(write_noise=0.02, levels=64, seed=seed)
    return ProgrammedFactor.of(factor, cycle, None, {"device": device, **parameters})


def regressions(rows, counts, seed=1, lowest=0.0):
    """Return regressions with so many selected rows each."""
    draw = np.random.default_rng(seed)
    lines = [np.sort(draw.choice(rows, count, replace=False)) for count in counts]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Known(starts, np.concatenate(lines), draw.uniform(lowest, 1, starts[-1]))


def whole(factor, known, analysis):
    """Return the solutions of whole circuits."""
    rights = [
        RightHandSides(np.array([k]), part.values[None], part.indices, RIDGE * len(part.indices))
        for k, part in enumerate(known.part(k, k + 1) for k in range(len(known.counts)))
    ]
    (made,) = AnalogSolver(analysis).solve([Share(0, factor, tuple(rights), ())], lambda _: None)
    return made


def apart(values, others):
    """Return the largest deviation, relative to each row."""
    return (np.abs(values - others).max(axis=1) / np.abs(others).max(axis=1).clip(1e-9)).max()


@pytest.mark.parametrize("rank", [1, 3, 8, 9, 17])
@pytest.mark.parametrize("compensation", [True, False])
def test_sums_are_the_network_seen_from_its_lines(rank, compensation):
    factor = programmed((200, rank), compensation=compensation, sparse=0.1 * compensation)
    records, known = FactorRecords.of(factor), regressions(200, [1, 5, 63, 64, 65, 130, 200])
    ridges = np.zeros(len(known.counts))
    reduced = reduce_rows(records.array, rank, known, ridges)
    for k in range(len(known.counts)):
        part = known.part(k, k + 1)
        circuit = factor.circuit.select(part.indices, ridge=1e-30)
        model = reduce_to_ports(circuit.schematic)
        scale = np.abs(model.conductance).max()
        np.testing.assert_allclose(reduced.conductance[k], model.conductance, atol=1e-13 * scale)
        assert (reduced.conductance[k] == reduced.conductance[k].T).all()
        into = model.port_currents(part.values[None])[0]
        np.testing.assert_allclose(reduced.into[k], into, rtol=1e-12)
        local = model.local_power(part.values[None])[0]
        assert reduced.square[k] == pytest.approx(local, rel=1e-12)
        assert reduced.size[k] == pytest.approx(part.values @ part.values, rel=1e-13)
        assert reduced.largest[k] == part.values.max()


@pytest.mark.parametrize("rank", [2, 8, 11])
def test_exact_answers_are_those_of_scipy(rank):
    factor, known = programmed((150, rank)), regressions(150, [20, 64, 70, 150], lowest=-0.3)
    records, ridges = FactorRecords.of(factor), RIDGE * known.counts
    matrix = factor.circuit.matrix
    made = reduce_rows(records.array, rank, known, np.ldexp(ridges, -2 * records.exponent))
    answers, left = solve_known(padded_rows(matrix), rank, known, ridges)
    assert not (left.any())
    assert not (made.left.any())
    for k, ridge in enumerate(ridges):
        part = known.part(k, k + 1)
        tall = np.vstack([matrix[part.indices], np.sqrt(ridge) * np.eye(rank)])
        expected = scipy.optimize.nnls(tall, np.append(part.values, np.zeros(rank)))[0]
        np.testing.assert_allclose(answers[k], expected, atol=1e-13)
        own = np.ldexp(made.answers[k], -records.exponent)
        np.testing.assert_allclose(own, expected, atol=1e-13)
        residual = part.values - matrix[part.indices] @ expected
        scaled = residual / factor.circuit.arrays.largest
        assert made.least[k] == pytest.approx(scaled.min(), rel=1e-10, abs=1e-9 * scaled.max())
        assert made.most[k] == pytest.approx(scaled.max(), rel=1e-10)


def test_no_regression_depends_on_what_stands_beside_it():
    factor, known = programmed((300, 5)), regressions(300, [200, 7, 90, 64, 1, 150])
    records, solver = FactorRecords.of(factor), ReducedSolver(amc.Analysis(fidelity="dc"))
    together = solver.solve(records, known, RIDGE * known.counts)
    for k in range(len(known.counts)):
        alone = solver.solve(records, known.part(k, k + 1), RIDGE * known.counts[k : k + 1])
        np.testing.assert_array_equal(alone.values[0], together.values[k])
        assert alone.volts[0] == together.volts[k]


def test_squared_errors_of_a_product_and_of_one_that_is_cut():
    draw = np.random.default_rng(3)
    factor, solutions = draw.random((40, 3)), 3 * draw.random((2, 3))
    known = regressions(40, [10, 25])
    errors = squared_errors(factor, known, solutions, (0.5, 1.0))
    for k in range(2):
        part = known.part(k, k + 1)
        product = factor[part.indices] @ solutions[k]
        assert errors[k, 0] == pytest.approx(((product - part.values) ** 2).sum())
        cut = np.clip(product, 0.5, 1.0) - part.values
        assert errors[k, 1] == pytest.approx((cut**2).sum())


def amplifier(draw):
    """Return some amplifier."""
    choices = {
        "gain": [1e3, 1e4, 1e5], "output_resistance": [0.1, 10.0], "offset": [0.0, 1e-4, -1e-4],
        "offset_sigma": [0.0, 1e-3], "gain_sigma": [0.0, 0.1], "input_resistance": [None, 1e6],
        "bias_current": [0.0, 1e-8], "slew_rate": [None, 1e6],
    }  # fmt: skip
    chosen = {name: values[draw.integers(len(values))] for name, values in choices.items()}
    return amc.OpAmp(**chosen, mismatch_seed=int(draw.integers(100)))


@pytest.mark.parametrize("seed", range(30))
def test_rests_are_those_of_whole_circuits(seed):
    draw = np.random.default_rng(seed)
    rank, compensation = int(draw.integers(1, 13)), bool(draw.random() < 0.8)
    load, lowest = draw.choice([0.0, 0.5]), draw.choice([0.0, -0.2])
    analysis = amc.Analysis(fidelity="dc")
    factor = programmed(
        (60, rank), seed, column_load=float(load), compensation=compensation,
        sparse=0.1 * compensation,
        opamp=amplifier(draw),
    )  # fmt: skip
    known = regressions(60, [1, 3, 20, 60], seed, lowest)
    made = ReducedSolver(analysis).solve(FactorRecords.of(factor), known, RIDGE * known.counts)
    other = whole(factor, known, analysis)
    assert apart(made.values, other.values) < 1e-9
    assert (made.measured.settled == other.measured.settled).all()
    np.testing.assert_allclose(
        made.measured.power["total"], other.measured.power["total"], rtol=1e-7
    )
    np.testing.assert_allclose(
        made.measured.relative_error, other.measured.relative_error, rtol=1e-6, atol=1e-10
    )


def test_time_and_energy_are_those_of_whole_circuits():
    analysis = amc.Analysis(fidelity="behavioural")
    factor = programmed((60, 4), opamp=amc.OpAmp(gain=1e4, slew_rate=5e7))
    known = regressions(60, [3, 20, 60])
    made = ReducedSolver(analysis).solve(FactorRecords.of(factor), known, RIDGE * known.counts)
    other = whole(factor, known, analysis)
    assert apart(made.values, other.values) < 1e-9
    for name in ("settling_time", "energy"):
        np.testing.assert_allclose(
            getattr(made.measured, name), getattr(other.measured, name), rtol=1e-6
        )


def test_ranges_are_made_smaller_where_an_amplifier_comes_near_its_limit():
    # Much offset over few cells drives an output far beyond what the exact answer asks for.
    amplifier = amc.OpAmp(gain=1e5, supply_positive=1.2, offset=20e-3)
    factor = programmed((60, 3), opamp=amplifier)
    known = regressions(60, [2, 4, 60])
    analysis = amc.Analysis(fidelity="dc", read_voltage=1.19)
    made = ReducedSolver(analysis).solve(FactorRecords.of(factor), known, RIDGE * known.counts)
    other = whole(factor, known, analysis)
    ((_, row),) = other.ledger.sums("operation")
    assert row["lowest_range"] == pytest.approx(made.volts.min(), rel=1e-9)
    assert apart(made.values, other.values) < 1e-9
    np.testing.assert_array_equal(made.measured.near_limit, other.measured.near_limit)


def test_a_range_that_is_given_is_kept_and_may_saturate():
    factor, known = programmed((60, 3)), regressions(60, [5, 60])
    analysis = amc.Analysis(fidelity="dc", range=20.0)
    made = ReducedSolver(analysis).solve(FactorRecords.of(factor), known, RIDGE * known.counts)
    other = whole(factor, known, analysis)
    assert (made.volts == 20.0).all()
    assert made.measured.near_limit.any()
    assert apart(made.values, other.values) < 1e-9


def test_what_sums_do_not_do_for_goes_the_way_of_whole_circuits():
    draw = np.random.default_rng(5)
    matrix = draw.random((30, 3))
    matrix[:, 2] = matrix[:, 1] * (1 + 1e-9)  # too nearly dependent without ridge
    factor = ProgrammedFactor.of(matrix, 0, None, {"opamp": amc.OpAmp(gain=1e4)})
    records, known = FactorRecords.of(factor), regressions(30, [10, 30])
    assert reduce_rows(records.array, 3, known, np.zeros(2)).left.all()
    analysis = amc.Analysis(fidelity="dc")
    made = ReducedSolver(analysis).solve(records, known, 1e-12 * known.counts)
    rights = tuple(
        RightHandSides(np.array([k]), part.values[None], part.indices, 1e-12 * len(part.indices))
        for k, part in enumerate(known.part(k, k + 1) for k in range(2))
    )
    (other,) = AnalogSolver(analysis).solve([Share(0, factor, rights, ())], lambda _: None)
    np.testing.assert_allclose(made.values, other.values, rtol=1e-6)
    np.testing.assert_array_equal(made.measured.settled, other.measured.settled)


def test_lines_without_an_entry_give_zero():
    matrix = np.zeros((6, 2))
    matrix[:3] = [[1.0, 0.2], [0.3, 0.8], [0.5, 0.5]]
    factor = ProgrammedFactor.of(matrix, 0, None, {})
    known = Known(np.array([0, 3, 6]), np.arange(6), np.ones(6))
    made = ReducedSolver(amc.Analysis(fidelity="dc")).solve(
        FactorRecords.of(factor), known, RIDGE * known.counts
    )
    assert made.values[0].all()
    assert not made.values[1].any()


def test_a_file_holds_what_memory_holds(tmp_path):
    factor = programmed((70, 5), cycle=3)
    here = FactorRecords.of(factor)
    there = FactorRecords.of(factor, tmp_path / "cells.npy")
    np.testing.assert_array_equal(here.array, there.array)
    lines = np.array([2, 40, 69])
    part, own = there.as_programmed(lines), factor.circuit.select(lines, ridge=1.0)
    np.testing.assert_array_equal(part.circuit.matrix, own.matrix)
    np.testing.assert_array_equal(part.circuit.arrays.cells, own.arrays.cells)
    np.testing.assert_array_equal(part.circuit.arrays.compensation, own.arrays.compensation)
    np.testing.assert_allclose(part.circuit.mapping.target, own.mapping.target, rtol=1e-15)
    again = FactorRecords.program(factor.circuit.matrix, 3, None, {"device": factor.circuit.device})
    np.testing.assert_array_equal(again.array, here.array)
    assert again.programmed.activity.shape == (70, 5)
    assert again.programmed.activity.array_cells == factor.activity.array_cells
    (tmp_path / "cells.npy").unlink()
    with pytest.raises(InputError, match=r"cannot be read.*under the same name"):
        _ = there.array


def test_predicted_ranges_are_those_of_whole_circuits():
    analysis, known = amc.Analysis(fidelity="dc"), regressions(60, [20, 5, 60, 33])
    factor = programmed((60, 4))
    rights = tuple(
        RightHandSides(np.array([k]), part.values[None], part.indices, RIDGE * len(part.indices))
        for k, part in enumerate(known.part(k, k + 1) for k in range(4))
    )
    half = HalfStep(
        factor.circuit.matrix, rights, 4, parameters={"device": factor.circuit.device},
        calibration=rights,
    )  # fmt: skip
    other = AnalogSolver(analysis).factor(half)
    records, ledger = calibrated(FactorRecords.of(other), known, RIDGE, analysis)
    assert records.programmed.prediction.by_size == pytest.approx(other.prediction.by_size)
    (_, mine), (_, theirs) = *ledger.sums("operation"), *other.calibrated.sums("operation")
    for name in ("count", "dac", "adc", "untimed"):
        assert mine[name] == theirs[name]
    for name in ("lowest_range", "highest_range", "cell_voltage"):
        assert mine[name] == pytest.approx(theirs[name], rel=1e-9)


@pytest.mark.parametrize(
    ("parameters", "fidelity", "message"),
    [
        ({"wire": amc.Wire(row=1.0)}, "dc", "do not know wires"),
        ({"lasso": 0.1}, "dc", "do not know lasso"),
        ({"hold": False}, "dc", "without hold devices"),
        ({"circuit": "ginv-classic"}, "dc", "use ginv-compact"),
        ({"adc": amc.ADC(bits=8)}, "dc", "do not know converters"),
        ({}, "flat", "do not know flat fidelity: use dc, behavioural or reduced"),
    ],
)
def test_what_is_not_known_is_refused(parameters, fidelity, message):
    circuit = amc.make_circuit("nnls", np.ones((2, 1)), **parameters)
    with pytest.raises(UnsupportedError, match=message):
        refuse_unrecorded(circuit, amc.Analysis(fidelity=fidelity))
