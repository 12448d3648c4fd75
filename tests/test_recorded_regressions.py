"""Regressions of half-steps on the records of a factor, against each as a circuit of its own."""

import dataclasses
import warnings

import numpy as np
import pytest
import scipy.sparse as sp

import amcspice as amc
from amcspice.algorithm.alternating.analog import AnalogSolver, Recorded, _known_of
from amcspice.algorithm.alternating.block import solve
from amcspice.algorithm.alternating.data import stored_rows
from amcspice.algorithm.alternating.networks import Networks
from amcspice.algorithm.alternating.reduced import ReducedSolver, _forecast
from amcspice.algorithm.alternating.regression import HalfStep
from amcspice.algorithm.alternating.selected_rows import Known, reduce_rows
from amcspice.algorithm.alternating.selection import ProgrammedFactor
from amcspice.engine import Forecast
from amcspice.errors import AccuracyWarning, InputError, UnconnectedError, UnsupportedError
from amcspice.pool import Pool
from amcspice.simulation.verify import Verifier, repeat

NOISY = {"device": amc.Memristor(levels=16, write_noise=0.05, seed=4)}
FIDELITIES = [
    "dc",
    "behavioural",
    pytest.param("reduced", marks=pytest.mark.ngspice),
]
FIGURES = ("relative_error", "settling_time", "settling_error", "energy")


def factor(rows=24, columns=3):
    """Return a factor with a column that some rows lack, and rows without an entry."""
    draw = np.random.default_rng(5)
    made = draw.uniform(0.1, 1.0, (rows, columns))
    made[: rows // 2, 0] = 0
    made[-2:] = 0
    return made


def half_step(count=40, *, separate=True, ridge=0.1, parameters=NOISY, calibrated=False):
    draw = np.random.default_rng(1)
    V = np.where(draw.random((count, 24)) < 0.3, draw.uniform(0.2, 1, (count, 24)), 0.0)
    V[3] = 0  # nothing is known of it
    V[5] = 0
    V[5, -2:] = 1  # nothing hangs on its lines
    rights = list(stored_rows(sp.csr_array(V), ridge))
    return HalfStep(
        factor(), rights, count, 3, None, parameters, (2, 3), separate=separate,
        calibration=tuple(rights[:4]) if calibrated else (),
    )  # fmt: skip


def solved(step, fidelity="behavioural", jobs=1, verifier=None, **options):
    solver = AnalogSolver(amc.Analysis(fidelity=fidelity, **options))
    with Pool(jobs) as pool:
        (solution,) = solve([step], solver, pool, verifier=verifier)
    return solution


def operations(solution):
    return {
        (held.label, held.kind, held.range): row
        for held, row in solution.ledger.sums("operation")
    }  # fmt: skip


@pytest.mark.parametrize("fidelity", FIDELITIES)
@pytest.mark.parametrize("calibrated", [False, True], ids=["reference", "predicted"])
def test_they_give_what_circuits_of_their_own_give(fidelity, calibrated):
    made = solved(half_step(calibrated=calibrated), fidelity)
    other = solved(half_step(separate=False, calibrated=calibrated), fidelity)
    np.testing.assert_allclose(made.values, other.values, rtol=1e-9, atol=1e-12)
    assert not made.values[[3, 5]].any()
    assert len(made.measured) == len(other.measured) == 38
    np.testing.assert_array_equal(made.measured.settled, other.measured.settled)
    for name in FIGURES:
        np.testing.assert_allclose(
            getattr(made.measured, name), getattr(other.measured, name), rtol=2e-5, atol=1e-9
        )
    np.testing.assert_allclose(made.measured.power["total"], other.measured.power["total"])
    mine, theirs = operations(made), operations(other)
    assert mine.keys() == theirs.keys()
    for key, row in mine.items():
        for name in row.dtype.names:
            assert row[name] == pytest.approx(theirs[key][name], rel=2e-5, nan_ok=True), name
    for name in ("circuit", "simulator", "solver", "seed", "ngspice", "amplifier"):
        assert made.provenance[name] == other.provenance[name]


@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_a_range_that_is_too_large_is_halved_alike(fidelity):
    weak = {
        **NOISY,
        "opamp": amc.OpAmp(supply_positive=0.15, supply_negative=-0.15, headroom_positive=0.0),
    }
    steps = [half_step(separate=each, parameters=weak) for each in (True, False)]
    made, other = (solved(step, fidelity, read_voltage=0.14) for step in steps)
    (mine,), (theirs,) = operations(made).values(), operations(other).values()
    assert mine["lowest_range"] < mine["highest_range"]
    for name in ("lowest_range", "highest_range", "cell_voltage"):
        assert mine[name] == pytest.approx(theirs[name], rel=1e-9)
    np.testing.assert_allclose(made.values, other.values, rtol=1e-7, atol=1e-9)


def test_without_ridge_a_column_that_lines_lack_stays_zero():
    steps = [half_step(separate=each, ridge=0.0) for each in (True, False)]
    made, other = (solved(step, "dc") for step in steps)
    np.testing.assert_allclose(made.values, other.values, rtol=1e-9, atol=1e-12)
    assert (made.values[:, 0] == 0).any()


@pytest.mark.parametrize("streams", [1, 7, 40])
@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_neither_blocks_nor_jobs_change_a_bit(monkeypatch, fidelity, streams):
    expected = solved(half_step(), fidelity)
    monkeypatch.setattr(AnalogSolver, "streams", streams)
    for jobs in (1, 2):
        made = solved(half_step(), fidelity, jobs)
        np.testing.assert_array_equal(made.values, expected.values)
        np.testing.assert_array_equal(made.measured.energy, expected.measured.energy)


def test_what_is_verified_is_what_was_solved():
    analysis = amc.Analysis(fidelity="dc")
    drawn = [Verifier(5, analysis, 0) for _ in range(2)]
    made = solved(half_step(), "dc", verifier=drawn[0])
    solved(half_step(separate=False), "dc", verifier=drawn[1])
    assert drawn[0].sample.indices == drawn[1].sample.indices
    for index, operation in zip(drawn[0].sample.indices, drawn[0].sample, strict=True):
        np.testing.assert_allclose(operation.solution, made.values[index[-1]], atol=1e-9)
    mine, theirs = (each.verify() for each in drawn)
    assert mine.passed
    np.testing.assert_allclose(mine.solution_deviation, theirs.solution_deviation, atol=1e-9)
    np.testing.assert_allclose(mine.power_deviation, theirs.power_deviation, atol=1e-9)


def test_what_went_the_way_of_whole_circuits_is_verified_too():
    drawn = [Verifier(40, amc.Analysis(fidelity="dc"), 0) for _ in range(2)]
    for verifier, separate in zip(drawn, (True, False), strict=True):
        solved(half_step(ridge=0.0, separate=separate), "dc", verifier=verifier)
        assert len(verifier.sample) == 38
    # One of them has fewer lines than columns, and without ridge no rest.
    mine, theirs = (repeat(each.sample, each.analysis) for each in drawn)
    np.testing.assert_array_equal(mine.failed, theirs.failed)
    np.testing.assert_allclose(mine.solution_deviation, theirs.solution_deviation, atol=1e-9)


@pytest.mark.parametrize(
    ("parameters", "separate"),
    [
        ({}, False),
        ({"wire": amc.Wire(row=1.0)}, True),
        ({"lasso": 0.1}, True),
        ({"hold": False}, True),
        ({"device": amc.Memristor(sinh_voltage=0.3)}, True),
    ],
)
def test_other_half_steps_are_circuits_of_their_own(parameters, separate):
    solver = AnalogSolver(amc.Analysis(fidelity="dc"))
    step = half_step(parameters=parameters, separate=separate)
    assert isinstance(solver.factor(step), ProgrammedFactor)
    assert isinstance(solver.factor(half_step()), Recorded)


def test_what_has_no_time_is_refused_a_window():
    with pytest.raises(UnsupportedError, match="has no time: leave window out"):
        solved(half_step(), "dc", window=1e-6)


def test_a_range_that_leaves_outputs_small_is_said_alike():
    for separate in (True, False):
        with pytest.warns(AccuracyWarning, match="take a larger range"):
            solved(half_step(separate=separate), "dc", range=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solved(half_step(), "dc", range=0.1)


def test_a_part_of_records_is_that_of_the_programmed_factor():
    made = AnalogSolver(amc.Analysis(fidelity="dc")).factor(half_step())
    lines, some = np.array([2, 7, 11, 20]), np.array([7, 20])
    part = made.part(lines)
    np.testing.assert_array_equal(part.array, made.records.array[lines])
    again = part.part(some)
    np.testing.assert_array_equal(again.array, made.records.array[some])
    np.testing.assert_array_equal(again.programmed.lines, some)
    first, last = np.arange(0, 20, 2), np.array([0, 6, 18])
    np.testing.assert_array_equal(made.part(first).part(last).array, made.records.array[last])
    whole = part.as_programmed(np.array([1, 3]))
    np.testing.assert_array_equal(whole.lines, some)
    expected = made.programmed.part(some)
    np.testing.assert_array_equal(whole.circuit.matrix, expected.circuit.matrix)
    np.testing.assert_array_equal(whole.circuit.arrays.cells, expected.circuit.arrays.cells)
    assert dataclasses.replace(part.programmed, lines=None).columns is part.programmed.columns


@pytest.mark.parametrize("fidelity", ["dc", "behavioural"])
def test_circuits_that_ring_for_ever_do_not_settle(fidelity):
    ringing = amc.OpAmp(gbw=1e8, second_pole=1e6, input_capacitance=1e-9)
    steps = [
        half_step(separate=each, parameters={**NOISY, "opamp": ringing}) for each in (True, False)
    ]
    made, other = (solved(step, fidelity) for step in steps)
    assert not made.measured.settled.any()
    assert not other.measured.settled.any()
    if fidelity == "dc":
        np.testing.assert_array_equal(made.values, other.values)


@pytest.mark.parametrize("fidelity", ["dc", "behavioural"])
def test_a_word_line_that_nothing_hangs_on_is_refused(fidelity):
    step = half_step(parameters={"device": amc.Memristor(levels=4), "compensation": False})
    with pytest.raises(UnconnectedError, match="word line 0 of array pair"):
        solved(step, fidelity)


@pytest.mark.parametrize("fidelity", ["dc", "behavioural"])
def test_a_ridge_of_an_unusual_size_is_refused(fidelity):
    for ridge in (1e200, 1e-31):
        with pytest.raises(InputError, match=r"CompactGINV\.ridge = "):
            solved(half_step(ridge=ridge), fidelity)


class Foretold:
    """A backend that foretells of the first of its circuits that its range is too large, once."""

    def __init__(self, batch, near):
        self.batch, self.near = batch, near

    def forecast(self, drive):
        count, ports = len(self.batch), len(self.batch.nodes)
        final = np.zeros((count, 1, ports))
        final[self.near(drive)] = 100.0
        yield Forecast((np.zeros((count, 1)),), final, np.zeros_like(final))


def test_ranges_are_foretold_one_by_one():
    factor = AnalogSolver(amc.Analysis(fidelity="dc")).factor(half_step()).records
    known = Known(np.arange(4), np.array([2, 7, 13]), np.array([0.5, 0.4, 0.3]))
    ridges = np.full(3, 0.1)
    group = Networks(factor, reduce_rows(factor.array, factor.width, known, ridges), ridges)
    rows, volts, repeats = np.array([0, 2]), np.ones(3), np.zeros(3, int)
    first = np.abs(group.drive(rows, volts[rows]).into[1]).max()
    prepared = Foretold(
        group.batch(rows),
        lambda drive: [False, np.abs(drive.into[1]).max() > 0.3 * first],
    )
    forecast = _forecast(prepared, group, rows, volts, repeats, 12)
    np.testing.assert_array_equal(volts, [1.0, 1.0, 0.25])
    np.testing.assert_array_equal(repeats, [0, 0, 2])
    assert not forecast.final.any()
    volts, repeats = np.ones(3), np.array([0, 0, 11])
    forecast = _forecast(prepared, group, rows, volts, repeats, 12)
    np.testing.assert_array_equal(volts, [1.0, 1.0, 0.5])
    assert forecast.final[1].any()


def without_first_column():
    """Return regressions on lines whose first entry is zero."""
    for right in half_step().right_hand_sides:
        some = right.lines < 12
        if some.sum() > 3:
            lines, values = right.lines[some], right.values[:, some]
            yield dataclasses.replace(right, lines=lines, values=values, ridge=0.0)


@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_without_ridge_whatever_lacks_a_column_is_a_whole_circuit(fidelity):
    others = list(half_step().right_hand_sides)[:3]  # with a ridge beside them
    rights = tuple(without_first_column())
    made, other, mixed = (
        solved(dataclasses.replace(half_step(separate=each), right_hand_sides=some), fidelity)
        for each, some in ((True, rights), (False, rights), (True, (*others, *rights[3:])))
    )
    assert not made.values[:, 0].any()
    assert made.values[:, 1:].any(axis=1).sum() == len(rights)
    np.testing.assert_allclose(made.values, other.values, rtol=1e-9, atol=1e-12)
    alone = [right.numbers[0] for right in rights[3:]]
    np.testing.assert_allclose(mixed.values[alone], other.values[alone], rtol=1e-9, atol=1e-12)
    for name in ("simulator", "solver", "circuit", "ngspice"):
        assert made.provenance[name] == other.provenance[name]


@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_output_currents_are_those_through_cells_and_ridge(fidelity):
    step = half_step()
    rights = list(step.right_hand_sides)[:3]
    records = AnalogSolver(amc.Analysis(fidelity=fidelity)).factor(step).records
    found = ReducedSolver(amc.Analysis(fidelity=fidelity)).solve(
        records, *_known_of(rights, records)
    )
    circuit = ProgrammedFactor.of(step.factor, step.cycle, None, step.parameters).circuit
    pair, scale = circuit.arrays, circuit.mapping.scale
    for number, right in enumerate(rights):
        driven, sensed = np.hsplit(pair.cells[right.lines], 2)
        total = driven.sum(axis=1) + sensed.sum(axis=1) + pair.compensation[right.lines]
        x = found.measured.outputs[number]
        # Sensed lines are at virtual ground, all but for the finite gain.
        rows = (driven @ x - scale * found.volts[number] * right.values[0]) / total
        link = right.ridge * circuit.mapping.column_scale**2 * scale**2 / pair.largest
        delivered = (driven * (x - rows[:, None])).sum(axis=0) + link * x
        assert found.current[number] == pytest.approx(delivered.max(), rel=1e-3)
        assert delivered.max() > 1.1 * delivered.min()
