"""Predictions, fallbacks and best items; figures of merit of a factorisation of ratings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rating_sets import generated, movielens

import amcspice as amc
from amcspice.errors import InputError
from amcspice.measure import Measurement
from amcspice.workload.factorise_ratings import (
    distributions,
    error_by_count,
    factorise_ratings,
    rating_regressions,
)
from amcspice.workload.ratings import Ratings, RatingTable
from amcspice.workload.recommend import DAMPING, Recommender, load_recommender

BEHAVIOURAL = amc.Analysis(fidelity="behavioural")
TABLE = RatingTable(
    np.array([1, 1, 2, 2, 9]), np.array([10, 20, 10, 30, 20]), np.array([5.0, 1, 4, 2, 3])
)
W = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
H = np.array([[4.0, 2.0, 9.0], [3.0, 1.0, -1.0]])
SMALL = Recommender(Ratings.of(TABLE), W, H)


def pairs(*those):
    users, items = np.array(those).T
    return RatingTable(users, items, np.zeros(len(users)))


def test_prediction_is_the_inner_product_clipped_to_the_scale():
    predicted, covered = SMALL.predict(pairs((1, 10), (2, 20), (1, 30), (2, 30), (9, 10)))
    assert covered.all()
    assert predicted.tolist() == [4.0, 1.0, 5.0, 1.0, 5.0]


def test_fallback_is_the_damped_mean():
    predicted, covered = SMALL.predict(pairs((7, 10), (1, 99), (7, 99)))
    mean = TABLE.values.mean()
    damped = [(9 + DAMPING * mean) / (2 + DAMPING), (6 + DAMPING * mean) / (2 + DAMPING), mean]
    np.testing.assert_allclose(predicted, damped)
    assert not covered.any()


def test_best_items_are_those_not_rated_yet():
    assert [one.item for one in SMALL.top(1)] == [30]
    assert [(one.item, one.rating) for one in SMALL.top(9)] == [(30, 5.0), (10, 5.0)]
    assert [one.item for one in SMALL.top(9, 1)] == [30]
    assert [(one.item, one.ratings) for one in SMALL.top(9, least_ratings=2)] == [(10, 2)]
    # A user without training ratings gets the items by their damped means.
    assert [one.item for one in SMALL.top(5)] == [10, 30, 20]
    with pytest.raises(InputError, match="count = 0"):
        SMALL.top(1, 0)


def test_recommender_survives_its_file(tmp_path):
    SMALL.save(tmp_path / "r.npz")
    again = load_recommender(tmp_path / "r.npz")
    assert again.top(9) == SMALL.top(9)
    assert again.ratings.scale == SMALL.ratings.scale
    wanted = pairs((1, 10), (7, 10), (1, 99))
    np.testing.assert_array_equal(again.predict(wanted)[0], SMALL.predict(wanted)[0])


def test_file_that_is_no_recommender_is_refused(tmp_path):
    (tmp_path / "text").write_text("hello")
    np.savez(tmp_path / "other.npz", W=W)
    SMALL.save(tmp_path / "cut.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "cut.npz").read_bytes()[:-40])
    for name in ("text", "other.npz", "cut.npz"):
        with pytest.raises(InputError, match="not a recommender"):
            load_recommender(tmp_path / name)
    with pytest.raises(InputError, match=r"not a recommender \(no users\); .* without --executor"):
        load_recommender(tmp_path / "other.npz")
    with pytest.raises(InputError, match="no such file"):
        load_recommender(tmp_path / "none")


def test_scores_are_those_of_the_final_factors():
    train, held_out = generated()
    found = factorise_ratings(
        Ratings.of(train), held_out, rank=2, iterations=2, analysis=BEHAVIOURAL, seed=1
    )
    factors = found.factorisation
    for recommender, scores in (
        (found.analog, factors.scores), (found.digital, factors.digital_scores),
    ):  # fmt: skip
        error = recommender.predict(held_out)[0] - held_out.values
        assert scores[-1]["rmse_test"] == pytest.approx(np.sqrt(np.mean(error**2)))
        assert scores[-1]["mae_test"] == pytest.approx(np.abs(error).mean())
        fitted = recommender.predict(train)[0] - train.values
        assert scores[-1]["rmse_train"] == pytest.approx(np.sqrt(np.mean(fitted**2)))
    assert len(found.factorisation.measured.energy) == rating_regressions(found.ratings, 2)
    groups = error_by_count(found.analog, held_out, "user")
    assert groups.number.sum() == len(held_out)
    total = np.sqrt((groups.rmse**2 * groups.number).sum() / len(held_out))
    assert total == pytest.approx(found.factorisation.scores[-1]["rmse_test"])


def test_error_is_grouped_by_the_ratings_behind_it():
    held_out = RatingTable(np.array([1, 2, 7]), np.array([30, 99, 20]), np.array([5.0, 1, 1]))
    groups = error_by_count(SMALL, held_out, "item")
    # Item 99 has no training rating, item 30 one, item 20 two.
    assert groups.lowest.tolist() == [0, 1, 2]
    assert groups.highest.tolist() == [0, 1, 3]
    assert groups.number.tolist() == [1, 1, 1]
    assert groups.rmse[1] == 0


def test_distributions_leave_out_what_did_not_settle():
    settled = np.array([True, True, False])
    values = np.array([1e-9, 3e-9, np.nan])
    found = distributions(
        replace(
            Measurement.blank(len(values)),
            settled=settled,
            settling_time=values,
            energy=values,
        )
    )
    assert found["settling_time_s"]["median"] == pytest.approx(2e-9)
    assert found["energy_j"]["max"] == pytest.approx(3e-9)
    empty = distributions(Measurement.blank())
    assert np.isnan(empty["energy_j"]["p95"])


def test_held_out_ratings_must_exist():
    with pytest.raises(InputError, match="no held-out ratings"):
        factorise_ratings(Ratings.of(TABLE), RatingTable(*[np.empty(0)] * 3), rank=1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_movielens_predictions_of_the_circuit_are_as_good_as_digital_ones(measured):
    """Rank 8, ridge 0.1, 8 iterations, ideal cells (0.929 measured digitally)."""
    train, held_out = movielens()
    found = factorise_ratings(Ratings.of(train), held_out, rank=8, analysis=BEHAVIOURAL, jobs=2)
    analog, digital = found.factorisation.scores[-1], found.factorisation.digital_scores[-1]
    measured("rmse_test", analog["rmse_test"])
    measured("rmse_test_digital", digital["rmse_test"])
    assert abs(analog["rmse_test"] - digital["rmse_test"]) < 0.005
    assert analog["rmse_test"] <= 0.935
    assert found.factorisation.measured.settled.all()


def test_ratings_that_are_all_equal_are_refused():
    """Every prediction would be cut to the one value there is, with an error of zero."""
    users, items = np.divmod(np.arange(12), 4)
    equal = RatingTable(users + 1, items + 1, np.full(12, 3.0))
    with pytest.raises(InputError, match="all 12 ratings are 3"):
        factorise_ratings(Ratings.of(equal), rank=1)
