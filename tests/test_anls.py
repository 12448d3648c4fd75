"""Alternating non-negative least squares, beside its digital twin."""

import numpy as np
import pytest
import scipy.sparse as sp
from oracles import nnls

import amcspice as amc
from amcspice.algorithm import DenseData, FactorisationTask, SparseData, nmf_many
from amcspice.algorithm.alternating.analog import AnalogSolver
from amcspice.algorithm.alternating.anls import reseed
from amcspice.errors import InputError

DRAW = np.random.default_rng(11)
W0, H0 = DRAW.random((12, 2)), DRAW.random((2, 9))
V = W0 @ H0
NOISY = V + 0.05 * DRAW.random(V.shape)
# Peaked factors, which the iteration finds quickly.
PEAKED = np.random.default_rng(0)
EXACT = PEAKED.random((8, 2)) ** 3 @ PEAKED.random((2, 7)) ** 3
IDEAL = amc.Analysis(fidelity="ideal")
BEHAVIOURAL = amc.Analysis(fidelity="behavioural")


def by_hand(matrix, rank, iterations, seed=0, ridge=0.0):
    """The same iteration in plain scipy, from the documented start."""
    W = np.random.default_rng(seed).random((len(matrix), rank)) * 2 * matrix.mean() / rank
    root = np.sqrt(ridge) * np.eye(rank)

    def step(factor, columns):
        tall = np.vstack([factor, root])
        return np.array([nnls(tall, np.append(c, np.zeros(rank))) for c in columns])

    for _ in range(iterations):
        H = step(W, matrix.T)
        W = step(H, matrix)
    return W, H.T


@pytest.mark.ngspice
@pytest.mark.parametrize("circuit", ["ginv-compact", "ginv-classic"])
def test_exactly_low_rank_matrix_is_recovered(circuit, measured):
    found = amc.nmf(
        EXACT, 2, iterations=12, tolerance=0, circuit=circuit, opamp=amc.OpAmp(gain=1e7)
    )
    residual = np.linalg.norm(EXACT - found.approximation) / np.linalg.norm(EXACT)
    measured("relative residual", residual)
    measured("of the twin", found.history[-1].digital_relative_residual)
    assert residual < 5e-4
    assert found.history[-1].digital_relative_residual < 1e-4
    assert residual == pytest.approx(found.history[-1].relative_residual)
    assert min(found.W.min(), found.H.min()) >= 0


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_twin_is_the_documented_iteration(ridge):
    found = amc.nmf(NOISY, 3, iterations=4, tolerance=0, seed=5, ridge=ridge, analysis=IDEAL)
    W, H = by_hand(NOISY, 3, 4, seed=5, ridge=ridge)
    np.testing.assert_allclose(found.digital_W, W, atol=1e-10)
    np.testing.assert_allclose(found.digital_H, H, atol=1e-10)
    # The ideal fidelity is the same algebra: both start alike and stay alike.
    np.testing.assert_allclose(found.W, W, atol=1e-9)
    np.testing.assert_allclose(found.H, H, atol=1e-9)


@pytest.mark.ngspice
def test_circuit_and_twin_start_alike():
    found = amc.nmf(NOISY, 2, iterations=1, opamp=amc.OpAmp(gain=1e7))
    scale = found.digital_H.max()
    np.testing.assert_allclose(found.H, found.digital_H, atol=1e-3 * scale)
    item = found.history[0]
    assert item.regressions == item.settled == 12 + 9
    assert 0 < item.error_median <= item.error_max < 1e-2
    assert 0 < item.settling_time_median <= item.settling_time_max
    assert item.energy > 0
    assert item.power_mean > 0
    assert found.provenance["ngspice"] >= 39


def test_residual_never_grows():
    found = amc.nmf(NOISY, 3, iterations=12, tolerance=0, analysis=IDEAL)
    residuals = [item.digital_relative_residual for item in found.history]
    assert len(residuals) == 12
    assert (np.diff(residuals) <= 1e-12).all()


def test_order_of_columns_does_not_matter():
    order = np.random.default_rng(0).permutation(9)
    plain, moved = (amc.nmf(m, 2, iterations=3, analysis=IDEAL) for m in (NOISY, NOISY[:, order]))
    np.testing.assert_allclose(moved.H, plain.H[:, order], atol=1e-9)
    np.testing.assert_allclose(moved.W, plain.W, atol=1e-9)


def test_scaling_the_matrix_scales_the_product():
    plain, scaled = (amc.nmf(s * NOISY, 2, iterations=3, analysis=IDEAL) for s in (1.0, 1e4))
    np.testing.assert_allclose(scaled.approximation, 1e4 * plain.approximation, rtol=1e-7)
    assert scaled.history[-1].relative_residual == pytest.approx(
        plain.history[-1].relative_residual
    )


def test_seeds_differ_and_repeat():
    one, again, other = (amc.nmf(NOISY, 2, iterations=2, seed=s, analysis=IDEAL) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.W, again.W)
    assert not np.allclose(one.W, other.W)


def test_tolerance_zero_runs_all_iterations():
    """With ridge the residual may rise; that is no reason to stop."""
    found = amc.nmf(NOISY, 3, iterations=6, tolerance=0, seed=5, ridge=0.3, analysis=IDEAL)
    residuals = [item.relative_residual for item in found.history]
    assert len(residuals) == 6
    assert max(np.diff(residuals)) > 0


def test_stops_when_the_residual_hardly_falls():
    found = amc.nmf(NOISY, 2, iterations=200, tolerance=0.01, analysis=IDEAL)
    residuals = [item.relative_residual for item in found.history]
    assert 2 <= len(residuals) < 200
    falls = -np.diff(residuals) / residuals[:-1]
    assert (falls[:-1] >= 0.01).all()
    assert falls[-1] < 0.01


def test_all_zero_matrix():
    found = amc.nmf(np.zeros((4, 3)), 2, analysis=IDEAL)
    assert not found.approximation.any()
    assert not found.digital_approximation.any()
    assert found.history == ()


@pytest.mark.ngspice
def test_all_zero_rows_and_columns_of_the_matrix():
    matrix = NOISY.copy()
    matrix[3], matrix[:, 5] = 0, 0
    found = amc.nmf(matrix, 2, iterations=3)
    assert np.abs(found.approximation[3]).max() < 1e-3 * matrix.max()
    assert np.abs(found.approximation[:, 5]).max() < 1e-3 * matrix.max()


def test_dead_columns_are_given_a_new_start():
    factor = np.array([[0.0, 1.0, 1e-12], [0.0, 4.0, 0.0]])
    alive, count = reseed(factor, [3, 1])
    assert count == 2
    np.testing.assert_array_equal(alive[:, 1], factor[:, 1])
    assert (alive[:, [0, 2]] > 0).all()
    assert alive.max() <= 4.0
    np.testing.assert_array_equal(reseed(factor, [3, 1])[0], alive)
    assert not np.array_equal(reseed(factor, [3, 2])[0], alive)
    same, none = reseed(alive, [3, 1])
    assert none == 0
    np.testing.assert_array_equal(same, alive)
    everything, count = reseed(np.zeros((2, 2)), [0])
    assert count == 2
    assert (everything > 0).all()


@pytest.mark.ngspice
@pytest.mark.parametrize("analysis", [IDEAL, amc.Analysis()], ids=["ideal", "reduced"])
def test_dead_columns_are_reseeded_and_reported(analysis):
    """A lasso kills the second component of a rank-one matrix, at times both; the run goes on.

    What the circuit leaves where a factor is zero must not be taken for a component.
    """
    matrix = np.outer(np.arange(1.0, 7.0), np.ones(5))
    for seed, expected in ((0, [0, 2, 2]), (1, [1, 2, 1])):
        found = amc.nmf(
            matrix, 2, iterations=3, tolerance=0, seed=seed, lasso=2.0, ridge=1e-3,
            analysis=analysis,
        )  # fmt: skip
        assert [item.reseeded for item in found.history] == expected
        last = found.history[-1]
        assert last.relative_residual == pytest.approx(last.digital_relative_residual, abs=1e-4)
        assert found.W.max() < 10


def test_unknown_entries_do_not_matter():
    known = np.random.default_rng(3).random(V.shape) > 0.25
    plain, other = (
        amc.nmf(np.where(known, NOISY, filled), 2, iterations=4, mask=known, analysis=IDEAL)
        for filled in (0.0, 1e3)
    )
    np.testing.assert_allclose(other.approximation, plain.approximation, rtol=1e-6)
    assert other.history[-1].relative_residual == pytest.approx(
        plain.history[-1].relative_residual, rel=1e-6
    )


def test_mask_of_everything_changes_nothing():
    whole = amc.nmf(NOISY, 2, iterations=3, analysis=IDEAL)
    masked = amc.nmf(NOISY, 2, iterations=3, mask=np.ones(V.shape, bool), analysis=IDEAL)
    np.testing.assert_allclose(masked.W, whole.W, atol=1e-12)


@pytest.mark.ngspice
@pytest.mark.slow
def test_missing_entries_of_a_low_rank_matrix_are_predicted(measured):
    known = np.random.default_rng(3).random(EXACT.shape) > 0.2
    found = amc.nmf(
        np.where(known, EXACT, 0), 2, iterations=20, tolerance=0, mask=known,
        opamp=amc.OpAmp(gain=1e7),
    )  # fmt: skip
    error = np.abs(found.approximation - EXACT)[~known].max() / EXACT.max()
    twin = np.abs(found.digital_approximation - EXACT)[~known].max() / EXACT.max()
    measured("largest error of a missing entry", error)
    measured("of the twin", twin)
    assert twin < 0.01
    assert error < twin + 2e-3


def test_callbacks_count():
    seen, iterations = [], []
    amc.nmf(
        NOISY, 2, iterations=2, tolerance=0, analysis=IDEAL, progress=seen.append,
        on_iteration=lambda number, item: iterations.append((number, item.regressions)),
    )  # fmt: skip
    assert iterations == [(1, 21), (2, 21)]
    assert sum(seen) == 42


def assert_equal(result, other):
    for name in ("W", "H", "digital_W", "digital_H"):
        np.testing.assert_array_equal(getattr(result, name), getattr(other, name))
    assert result.history == other.history


def test_factorisations_in_lockstep_are_what_they_are_alone():
    """Of several sizes, dense, masked and sparse, and they do not end together."""
    draw = np.random.default_rng(5)
    sparse = np.where(draw.random((9, 7)) < 0.6, 1 + draw.random((9, 7)), 0.0)
    data = [
        DenseData(draw.random((8, 8))),
        DenseData(np.zeros((8, 8))),
        DenseData(draw.random((8, 8)), ridge=0.1),
        DenseData(draw.random((8, 6)), mask=draw.random((8, 6)) < 0.8, ridge=1e-3),
        SparseData(sp.csr_array(sparse), ridge=0.1),
    ]
    problems = [
        FactorisationTask(
            data=item, rank=2, iterations=6, tolerance=0.02, seed=seed,
            parameters={"device": amc.Memristor(write_noise=0.02, seed=seed)},
        )
        for seed, item in enumerate(data)
    ]  # fmt: skip
    together = nmf_many(problems, BEHAVIOURAL)
    assert len({len(result.history) for result in together}) > 2
    for number, result in enumerate(together):
        (alone,) = nmf_many([problems[number]], BEHAVIOURAL)
        assert_equal(result, alone)
        np.testing.assert_array_equal(result.measured.energy, alone.measured.energy)
    V = np.random.default_rng(5)
    V.random((9, 7)), V.random((9, 7))
    plain = amc.nmf(
        V.random((8, 8)), 2, iterations=6, tolerance=0.02, seed=0, analysis=BEHAVIOURAL,
        device=amc.Memristor(write_noise=0.02),
    )  # fmt: skip
    assert_equal(together[0], plain)


def test_ridge_is_given_once():
    options = {"rank": 2, "iterations": 1, "tolerance": 0.0, "seed": 0}
    with pytest.raises(InputError, match="ridge is no parameter of the circuit here"):
        FactorisationTask(data=DenseData(NOISY), parameters={"ridge": 0.1}, **options)


@pytest.mark.parametrize("jobs", [2, 3])
def test_neither_jobs_nor_the_size_of_blocks_change_a_bit(monkeypatch, jobs):
    mask = np.random.default_rng(3).random(V.shape) > 0.25
    options = {
        "mask": mask, "iterations": 2, "fidelity": "behavioural",
        "device": amc.Memristor(write_noise=0.02),
    }  # fmt: skip
    alone = amc.nmf(NOISY, 2, **options)
    monkeypatch.setattr(AnalogSolver, "streams", 5)
    assert_equal(amc.nmf(NOISY, 2, jobs=jobs, **options), alone)
    assert_equal(amc.nmf(NOISY, 2, **options), alone)


@pytest.mark.ngspice
def test_what_is_verified_depends_on_neither_jobs_nor_blocks(monkeypatch):
    mask = np.random.default_rng(3).random(V.shape) > 0.25
    options = {"mask": mask, "iterations": 2, "fidelity": "behavioural", "verify": 4}
    results = [amc.nmf(NOISY, 2, **options)]
    monkeypatch.setattr(AnalogSolver, "streams", 5)
    results += [amc.nmf(NOISY, 2, jobs=jobs, **options) for jobs in (1, 2)]
    for result in results:
        assert len(result.verification.solution_deviation) == 4
        np.testing.assert_array_equal(
            result.verification.solution_deviation, results[0].verification.solution_deviation
        )


def test_fields_of_the_analysis_may_be_given_by_themselves():
    plain = amc.nmf(NOISY, 2, iterations=2, analysis=IDEAL, device=amc.Memristor(levels=8))
    result = amc.nmf(NOISY, 2, iterations=2, fidelity="ideal", device=amc.Memristor(levels=8))
    np.testing.assert_array_equal(result.W, plain.W)
    with pytest.raises(InputError, match="either an analysis or its fields"):
        amc.nmf(NOISY, 2, analysis=IDEAL, fidelity="ideal")
    with pytest.raises(InputError, match="does not take colour"):
        amc.nmf(NOISY, 2, fidelity="ideal", colour="red")


def test_what_is_measured_is_that_of_every_regression():
    result = amc.nmf(NOISY, 2, iterations=3, tolerance=0, fidelity="behavioural")
    energy = result.measured.energy
    assert energy.shape == (3 * 21,)
    assert energy[-21:].sum() == pytest.approx(result.history[-1].energy, rel=1e-12)


def test_unknown_entries_do_not_choose_the_range():
    """The classic circuit takes all word lines, those that are off too."""
    mask = np.random.default_rng(3).random(V.shape) > 0.25
    rest = 100 * (NOISY.sum() - NOISY[mask].sum()) / (~mask).sum()
    small, large = (
        amc.nmf(
            np.where(mask, NOISY, filled), 2, iterations=1, mask=mask, circuit="ginv-classic",
            fidelity="behavioural",
        )
        for filled in (0.0, rest)
    )  # fmt: skip
    np.testing.assert_allclose(large.approximation, small.approximation, rtol=1e-3, atol=1e-4)
    assert large.history[0].energy == pytest.approx(small.history[0].energy, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"V": -NOISY}, "is negative"),
        ({"rank": 10}, "rank = 10 must be from 1 to 9"),
        ({"iterations": 0}, "iterations = 0 must be at least 1"),
        ({"tolerance": 1.0}, "tolerance = 1.0 must be from 0"),
        ({"mask": np.ones((2, 2))}, r"mask: shape \(2, 2\) must be \(12, 9\), as V"),
        ({"verify": -1}, "verify = -1 must be a whole number"),
        ({"verify": 1}, "nothing to verify the ideal fidelity"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        amc.nmf(**{"V": NOISY, "rank": 2, "analysis": IDEAL, **change})


def test_regressions_without_a_rest_are_told_as_that():
    r, c = np.mgrid[-1:1:64j, -1:1:64j]
    V = np.clip(0.5 + 0.25 * np.cos(9 * np.hypot(r, c) ** 2) + 0.2 * np.sin(7 * c), 0, 1)
    cells = amc.Memristor(levels=64, write_noise=0.01, seed=1)
    with pytest.raises(amc.SimulationError, match=r"regressions for . found no rest.*ridge"):
        amc.nmf(V, rank=6, iterations=8, fidelity="dc", device=cells)
