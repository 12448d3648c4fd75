"""Half-steps: regressions on circuits against their digital twin, block by block."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from oracles import nnls

import amcspice as amc
from amcspice.algorithm.alternating.analog import AnalogSolver
from amcspice.algorithm.alternating.block import blocks, solve, solve_block
from amcspice.algorithm.alternating.data import grouped, separate, stored_rows
from amcspice.algorithm.alternating.regression import DigitalSolver, HalfStep
from amcspice.measure import Measurement
from amcspice.pool import Pool
from amcspice.simulation.sample import priorities
from amcspice.simulation.verify import Verifier

DRAW = np.random.default_rng(5)
MATRIX = DRAW.random((10, 3))
VECTORS = np.maximum(DRAW.uniform(-0.5, 1, (6, 3)), 0) @ MATRIX.T + 0.05 * DRAW.random((6, 10))
MASK = DRAW.random((6, 10)) > 0.3
MASK[1] = MASK[0]
GOOD = {"opamp": amc.OpAmp(gain=1e7)}
NOISY = {"device": amc.Memristor(levels=16, write_noise=0.05, seed=4)}
REDUCED = AnalogSolver()
BEHAVIOURAL = AnalogSolver(amc.Analysis(fidelity="behavioural"))
IDEAL = AnalogSolver(amc.Analysis(fidelity="ideal"))
TWIN = DigitalSolver()


def half_step(mask=None, *, matrix=MATRIX, cycle=0, ridge=0.0, circuit=None, **parameters):
    return HalfStep(
        matrix, list(grouped(VECTORS, mask, ridge)), len(VECTORS), cycle, circuit,
        {"ridge": ridge, **parameters},
    )  # fmt: skip


def solved(solver, regressions, jobs=1, **options):
    with Pool(jobs) as pool:
        (solution,) = solve([regressions], solver, pool, **options)
    return solution


def test_twin_is_nnls():
    solution = solved(TWIN, half_step())
    np.testing.assert_allclose(solution.values, [nnls(MATRIX, v) for v in VECTORS], atol=1e-12)
    assert solution.measured.settled.shape == (0,)
    assert solution.provenance == {}


def test_twin_with_masks():
    values = solved(TWIN, half_step(MASK, ridge=0.2)).values
    for x, vector, rows in zip(values, VECTORS, MASK, strict=True):
        tall = np.vstack([MATRIX[rows], np.sqrt(0.2) * np.eye(3)])
        np.testing.assert_allclose(x, nnls(tall, np.append(vector[rows], np.zeros(3))), atol=1e-10)


@pytest.mark.ngspice
@pytest.mark.parametrize("circuit", ["ginv-compact", "ginv-classic"])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_circuit_agrees_with_its_twin(circuit, mask):
    reports = []
    regressions = half_step(mask, circuit=circuit, **GOOD)
    values = solved(REDUCED, regressions, progress=reports.append).values
    expected = solved(TWIN, regressions).values
    np.testing.assert_allclose(values, expected, atol=2e-4 * expected.max())
    assert sum(reports) == 6
    # Vectors that share their known rows share one selection of word lines.
    streams = regressions.right_hand_sides
    assert len(streams) == (1 if mask is None else len(np.unique(mask, axis=0)))


@pytest.mark.ngspice
def test_factors_never_become_negative():
    solution = solved(REDUCED, half_step(opamp=amc.OpAmp(offset=-5e-3)))
    assert solution.values.min() >= 0
    assert solution.values.shape == (6, 3)


def test_vector_without_known_rows_is_zero():
    mask = MASK.copy()
    mask[2] = False
    for solver in (TWIN, IDEAL):
        reports = []
        values = solved(solver, half_step(mask), progress=reports.append).values
        assert not values[2].any()
        assert values[3].any()
        assert sum(reports) == 6


@pytest.mark.parametrize("circuit", ["ginv-compact", "ginv-classic"])
def test_column_unknown_in_the_selected_rows_is_zero(circuit):
    """A rating matrix may leave a component without any evidence; that is no bad input."""
    matrix = MATRIX.copy()
    matrix[:5, 1] = 0
    mask = np.ones((6, 10), bool)
    mask[0, 5:] = False
    regressions = half_step(mask, matrix=matrix, circuit=circuit)
    values = solved(IDEAL, regressions).values
    np.testing.assert_allclose(values, solved(TWIN, regressions).values, atol=1e-12)
    assert values[0, 1] == 0


def test_factor_of_zeros_gives_zeros():
    for mask in (None, MASK):
        solution = solved(BEHAVIOURAL, half_step(mask, matrix=np.zeros((10, 3))))
        assert not solution.values.any()
        assert solution.measured.settled.shape == (0,)


@pytest.mark.ngspice
def test_each_cycle_draws_other_noise():
    options = {"device": amc.Memristor(write_noise=0.02), **GOOD}
    first, again, other = (
        solved(REDUCED, half_step(cycle=cycle, **options)).values for cycle in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(other - first).max() > 1e-3


def test_column_scaling_uses_the_range_of_every_column():
    regressions = half_step(matrix=MATRIX * [1, 1e-3, 1e3], device=amc.Memristor(levels=4))
    assert solved(IDEAL, regressions).provenance["circuit"]["scaling"] == "columns"


def test_what_is_measured_is_that_of_every_regression():
    measured = solved(BEHAVIOURAL, half_step(MASK)).measured
    for name in ("relative_error", "settled", "settling_time", "energy"):
        assert getattr(measured, name).shape == (6,)
    assert measured.power["total"].shape == (6,)
    assert measured.settled.dtype == bool
    assert measured.energy.min() > 0
    assert np.isnan(solved(IDEAL, half_step()).measured.power["total"]).all()


def test_statistics_of_nothing():
    assert Measurement.blank().settled.shape == Measurement.join([]).settled.shape == (0,)


def sparse_half_step(count=120, ridge=0.1):
    draw = np.random.default_rng(1)
    V = np.where(draw.random((count, 10)) < 0.4, draw.random((count, 10)), 0.0)
    return HalfStep(
        MATRIX, list(stored_rows(sp.csr_array(V), ridge)), count, 3, None, NOISY, index=(2, 3)
    )


@pytest.mark.parametrize("solver", [BEHAVIOURAL, TWIN], ids=["analog", "digital"])
@pytest.mark.parametrize("kind", ["sparse", "masked", "whole"])
def test_a_block_is_solved_by_a_pure_function(solver, kind):
    regressions = {
        "sparse": sparse_half_step(),
        "masked": half_step(MASK, **NOISY),
        "whole": half_step(**NOISY),
    }[kind]
    verifier = Verifier(5, BEHAVIOURAL.analysis, 0)
    for block in blocks([regressions], solver, verifier):
        results = []
        for copy in (block, block, pickle.loads(pickle.dumps(block))):
            solutions, drawn = solve_block(copy, lambda _count: None)
            results.append((solutions, drawn.sample.indices))
        assert len(block.verifier.sample) == len(verifier.sample) == 0
        for solutions, indices in results:
            assert indices == results[0][1]
            for solution, first in zip(solutions, results[0][0], strict=True):
                np.testing.assert_array_equal(solution.numbers, first.numbers)
                np.testing.assert_array_equal(solution.values, first.values)
                np.testing.assert_array_equal(solution.measured.energy, first.measured.energy)


def test_a_block_holds_the_word_lines_that_it_needs_and_no_more():
    V = sp.csr_array(np.eye(2, 10, k=4) + np.eye(2, 10, k=7))
    for solver, rows in ((BEHAVIOURAL, lambda f: f.circuit.matrix), (TWIN, lambda f: f.matrix)):
        regressions = HalfStep(MATRIX, stored_rows(V, 0.1), 2)
        (block,) = blocks([regressions], solver)
        np.testing.assert_array_equal(rows(block.shares[0].factor), MATRIX[[4, 5, 7, 8]])


def test_a_sparse_half_step_is_read_block_by_block():
    taken = []

    def streams():
        for number, right in enumerate(sparse_half_step(200).right_hand_sides):
            taken.append(number)
            yield right

    cut = blocks([HalfStep(MATRIX, streams(), 200)], TWIN)
    next(cut)
    assert len(taken) == 48


@pytest.mark.parametrize("streams", [1, 7, 48])
def test_neither_jobs_nor_the_size_of_blocks_change_a_bit(monkeypatch, streams):
    expected = solved(BEHAVIOURAL, sparse_half_step())
    monkeypatch.setattr(AnalogSolver, "streams", streams)
    for jobs in (1, 2):
        drawn = Verifier(5, BEHAVIOURAL.analysis, 0)
        solution = solved(BEHAVIOURAL, sparse_half_step(), jobs, verifier=drawn)
        np.testing.assert_array_equal(solution.values, expected.values)
        np.testing.assert_array_equal(solution.measured.energy, expected.measured.energy)
        present = {int(r.numbers[0]) for r in sparse_half_step().right_hand_sides}
        ranked = [n for _, _, n in draw_in_order((2, 3), 120) if n in present]
        assert drawn.sample.indices == sorted((2, 3, number) for number in ranked[:5])


def draw_in_order(prefix, count):
    """Indices of a half-step by ascending priority."""
    order = np.argsort(priorities(0, *prefix, np.arange(count)), kind="stable")
    return [(*prefix, int(number)) for number in order]


def test_half_steps_beside_one_another_are_what_they_are_alone():
    steps = [half_step(**NOISY), sparse_half_step(), half_step(MASK, ridge=0.1, **NOISY)]
    for solver in (BEHAVIOURAL, TWIN):
        with Pool() as pool:
            together = solve(steps, solver, pool)
        for step, solution in zip(steps, together, strict=True):
            alone = solved(solver, step)
            np.testing.assert_array_equal(solution.values, alone.values)
            np.testing.assert_array_equal(solution.measured.energy, alone.measured.energy)


def test_regressions_by_themselves_do_not_depend_on_their_neighbours():
    for mask in (None, MASK):
        rights = list(separate(VECTORS, mask, 0.0))
        assert [right.numbers.tolist() for right in rights] == [[k] for k in range(6)]
        whole = solved(BEHAVIOURAL, HalfStep(MATRIX, rights, 6, parameters=NOISY)).values
        for number in range(6):
            single = HalfStep(MATRIX, rights[number : number + 1], 6, parameters=NOISY)
            np.testing.assert_array_equal(solved(BEHAVIOURAL, single).values[number], whole[number])
