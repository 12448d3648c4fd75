"""Masked factorisation: ANLS over known entries only, its twin, its checkpoints."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from oracles import nnls
from rating_sets import generated

import amcspice as amc
from amcspice.algorithm import complete
from amcspice.errors import InputError
from amcspice.workload.ratings import Ratings

RATINGS = Ratings.of(generated(30, 20)[0]).matrix
SMALL = {"rank": 2, "iterations": 3, "seed": 2}
BEHAVIOURAL = amc.Analysis(fidelity="behavioural")
IDEAL = amc.Analysis(fidelity="ideal")


def test_twin_is_alternating_least_squares_over_the_known_entries():
    """Written out densely, entry by entry."""
    found = complete(RATINGS, analysis=IDEAL, ridge=0.1, **SMALL)
    V = RATINGS.toarray()
    mask = V > 0
    W = np.random.default_rng(2).random((30, 2)) * 2 * V[mask].mean() / 2
    H = np.zeros((20, 2))

    def half(fixed, values, known):
        rows = []
        for v, use in zip(values, known, strict=True):
            tall = np.vstack([fixed[use], np.sqrt(0.1 * use.sum()) * np.eye(2)])
            rows.append(nnls(tall, np.append(v[use], np.zeros(2))))
        return np.array(rows)

    for _ in range(3):
        H = half(W, V.T, mask.T)
        W = half(H, V, mask)
    np.testing.assert_allclose(found.digital_W, W, atol=1e-8)
    np.testing.assert_allclose(found.digital_H, H.T, atol=1e-8)
    residual = np.linalg.norm((V - W @ H.T)[mask]) / np.linalg.norm(V[mask])
    assert found.history[-1].digital_relative_residual == pytest.approx(residual, rel=1e-8)


@pytest.mark.parametrize(
    "analysis",
    [BEHAVIOURAL, pytest.param(amc.Analysis(), marks=[pytest.mark.ngspice, pytest.mark.slow])],
    ids=["behavioural", "reduced"],
)
def test_circuit_follows_its_digital_twin(analysis):
    found = complete(RATINGS, analysis=analysis, ridge=0.1, **SMALL)
    np.testing.assert_allclose(found.W, found.digital_W, atol=2e-3 * found.digital_W.max())
    last = found.history[-1]
    assert last.relative_residual == pytest.approx(last.digital_relative_residual, rel=1e-3)
    assert last.settled == last.regressions == 50
    assert len(found.measured.settling_time) == 150
    assert found.measured.energy.min() > 0


def test_unknown_row_and_column_get_zero_factors():
    padded = sp.csr_array((RATINGS.data, RATINGS.indices, np.append(RATINGS.indptr, RATINGS.nnz)),
                          shape=(31, 21))  # fmt: skip
    found = complete(padded, analysis=BEHAVIOURAL, **SMALL)
    assert not found.W[30].any()
    assert not found.H[:, 20].any()
    assert found.W[:30].any(axis=1).all()


def test_scores_are_kept_of_every_iteration():
    def score(W, H):
        assert W.shape == (30, 2)
        assert H.shape == (20, 2)
        return {"norm": float(np.linalg.norm(W @ H.T))}

    found = complete(RATINGS, analysis=BEHAVIOURAL, score=score, **SMALL)
    assert len(found.scores) == len(found.digital_scores) == 3
    assert found.scores[-1]["norm"] == pytest.approx(np.linalg.norm(found.approximation))


@pytest.mark.parametrize("stop", [1, 2])
def test_resumed_run_gives_the_same_factors(tmp_path, stop):
    options = {"analysis": BEHAVIOURAL, "device": amc.Memristor(write_noise=0.05, seed=1)}
    options |= {"score": lambda W, _H: {"sum": float(W.sum())}, "rank": 2, "seed": 2}
    whole = complete(RATINGS, iterations=3, **options)
    path = tmp_path / "state.npz"
    complete(RATINGS, iterations=stop, checkpoint=path, **options)
    done = []
    resumed = complete(
        RATINGS, iterations=3, checkpoint=path, resume=True,
        on_iteration=lambda number, _: done.append(number), **options,
    )  # fmt: skip
    assert done == list(range(stop + 1, 4))
    for name in ("W", "H", "digital_W", "digital_H"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    np.testing.assert_array_equal(resumed.measured.energy, whole.measured.energy)
    assert resumed.history == whole.history
    assert resumed.scores == whole.scores
    again = complete(RATINGS, iterations=3, checkpoint=path, resume=True, verify=1, **options)
    np.testing.assert_array_equal(again.W, whole.W)  # nothing was left to do
    assert again.verification is None


def test_checkpoint_of_other_ratings_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    complete(RATINGS, analysis=IDEAL, checkpoint=path, **SMALL)
    other = RATINGS.copy()
    other.data[0] += 1
    for changed in ({"known": other}, {"ridge": 0.2}, {"opamp": amc.OpAmp(gain=1e4)}):
        options = {"known": RATINGS, **SMALL, **changed}
        with pytest.raises(InputError, match="of another run"):
            complete(analysis=IDEAL, checkpoint=path, resume=True, **options)


@pytest.mark.ngspice
def test_some_regressions_are_verified():
    found = complete(RATINGS, analysis=BEHAVIOURAL, verify=3, **SMALL)
    assert found.verification.fidelity == "reduced"
    assert len(found.verification.solution_deviation) == 3
    assert found.verification.largest_solution_deviation < 1e-3


@pytest.mark.ngspice
def test_what_is_verified_is_exact_in_number_and_the_same_with_any_number_of_jobs():
    sparse = sp.csr_array(RATINGS * (np.arange(30)[:, None] % 3 > 0))  # rows without any entry
    sparse.eliminate_zeros()
    one, two = (
        complete(sparse, analysis=BEHAVIOURAL, verify=9, jobs=jobs, **SMALL).verification
        for jobs in (1, 2)
    )
    assert len(one.solution_deviation) == 9
    np.testing.assert_array_equal(one.solution_deviation, two.solution_deviation)
    few = complete(sparse, 2, iterations=1, analysis=BEHAVIOURAL, verify=1000)
    assert len(few.verification.solution_deviation) == few.history[0].regressions == 40


def test_lasso_is_the_twins_too():
    plain, sparse = (complete(RATINGS, analysis=IDEAL, lasso=w, **SMALL) for w in (0.0, 3.0))
    assert (sparse.digital_W == 0).sum() > (plain.digital_W == 0).sum()
    np.testing.assert_allclose(sparse.W, sparse.digital_W, atol=1e-8)


def test_stops_when_the_residual_falls_no_more():
    found = complete(RATINGS, rank=2, iterations=50, tolerance=0.05, analysis=IDEAL)
    assert 2 <= len(found.history) < 50


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transpose": RATINGS}, "is not the transpose of"),
        ({"known": sp.csr_array((3, 3))}, "no entry is known"),
        ({"known": -RATINGS}, "negative"),
        ({"rank": 21}, "rank = 21 must be from 1 to 20"),
        ({"iterations": 0}, "iterations = 0"),
        ({"tolerance": 1.0}, "tolerance = 1.0"),
        ({"ridge": -1.0}, "ridge = -1.0"),
        ({"circuit": "ginv-classic"}, "use ginv-compact"),
        ({"verify": -1}, "verify = -1"),
    ],
)
def test_bad_input_is_refused(change, message):
    options = {"known": RATINGS, "analysis": BEHAVIOURAL, **SMALL, **change}
    with pytest.raises(InputError, match=message):
        complete(**options)
