"""AnalogNMF: scikit-learn's own checks, pipelines, missing entries."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import amcspice as amc
from amcspice import AnalogNMF

DRAW = np.random.default_rng(7)
X = DRAW.random((24, 2)) @ DRAW.random((2, 9)) + 0.01 * DRAW.random((24, 9))
MASK = DRAW.random(X.shape) < 0.7
TWO = {"n_components": 2, "random_state": 0}


# Array API input is not claimed: scikit-learn would skip that check by itself.
CHECKS = [
    check
    for _, check in estimator_checks_generator(AnalogNMF())
    if check.func.__name__ != "check_array_api_input"
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.func.__name__)
def test_scikit_learn_accepts_it(check):
    check(AnalogNMF(max_iter=5))


def test_is_as_good_as_scikit_learns_own():
    model = AnalogNMF(**TWO, tol=1e-6, max_iter=60).fit(X)
    own = NMF(2, init="random", random_state=0, max_iter=2000, tol=1e-8).fit(X)
    assert model.reconstruction_err_ == pytest.approx(own.reconstruction_err_, rel=0.05)
    W = model.transform(X)
    assert model.reconstruction_err_ == pytest.approx(
        np.linalg.norm(X - W @ model.components_), rel=1e-3
    )
    assert model.components_.shape == (2, 9)
    assert model.n_iter_ == len(model.factorisation_.history)


@pytest.mark.parametrize("missing", ["nan", "mask", "sparse"])
def test_missing_entries_are_left_out(missing):
    spoilt = np.where(MASK, X, 99.0)
    given = {
        "nan": {"X": np.where(MASK, X, np.nan)},
        "mask": {"X": spoilt, "mask": MASK},
        "sparse": {"X": sp.csr_array(spoilt), "mask": sp.csr_array(MASK)},
    }[missing]
    model = AnalogNMF(**TWO, max_iter=40)
    W = model.fit_transform(**given)
    filled = model.inverse_transform(W)
    error = np.linalg.norm((filled - X)[~MASK]) / np.linalg.norm(X[~MASK])
    assert error < 0.05
    assert model.reconstruction_err_ == pytest.approx(np.linalg.norm((filled - X)[MASK]))
    np.testing.assert_allclose(model.transform(**given), W, atol=1e-3 * W.max())


def test_sparse_zeros_are_zeros():
    Z = np.where(MASK, X, 0.0)
    dense, sparse = (
        AnalogNMF(**TWO, max_iter=3).fit(one).components_ for one in (Z, sp.csc_array(Z))
    )
    np.testing.assert_array_equal(dense, sparse)


def test_noisy_devices_are_programmed_as_in_the_fit():
    model = AnalogNMF(**TWO, max_iter=4, device=amc.Memristor(write_noise=0.05, seed=1))
    W = model.fit_transform(X)
    np.testing.assert_allclose(model.transform(X), W, atol=1e-4 * W.max())
    ideal = AnalogNMF(**TWO, max_iter=4).fit_transform(X)
    assert np.abs(W - ideal).max() > 1e-2 * ideal.max()
    again = clone(model).fit_transform(X)
    np.testing.assert_array_equal(again, W)


def test_works_in_a_pipeline_and_a_grid_search():
    pipe = make_pipeline(
        MinMaxScaler(), AnalogNMF(**TWO, max_iter=3), KMeans(2, n_init=1, random_state=0)
    )
    assert set(pipe.fit_predict(X)) == {0, 1}
    names = pipe[:-1].get_feature_names_out()
    assert names.tolist() == ["analognmf0", "analognmf1"]
    search = GridSearchCV(
        AnalogNMF(random_state=0, max_iter=3), {"n_components": [1, 2]}, cv=2,
        scoring=lambda model, V: -np.linalg.norm(V - model.inverse_transform(model.transform(V))),
    )  # fmt: skip
    assert search.fit(X).best_params_ == {"n_components": 2}


def test_number_of_jobs_changes_no_bit():
    one = AnalogNMF(**TWO, max_iter=2, n_jobs=1).fit(X)
    two = clone(one).set_params(n_jobs=2).fit(X)
    np.testing.assert_array_equal(one.transform(X), two.transform(X))


def test_more_of_the_analysis_may_be_chosen():
    small = amc.Analysis(fidelity="behavioural", read_voltage=0.01)
    model = AnalogNMF(**TWO, max_iter=3, analysis=small, opamp=amc.OpAmp(offset=1e-4))
    W = model.fit_transform(X)
    plain = AnalogNMF(**TWO, max_iter=3).fit_transform(X)
    assert np.abs(W - plain).max() > 1e-3 * plain.max()
    np.testing.assert_array_equal(clone(model).fit_transform(X), W)
    same = AnalogNMF(**TWO, max_iter=3, analysis=amc.Analysis(fidelity="behavioural"))
    np.testing.assert_array_equal(same.fit_transform(X), plain)
    assert model.get_params()["analysis"] is small
    assert model.transform(X).shape == (24, 2)


@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_a_row_is_transformed_by_itself(mask):
    model = AnalogNMF(**TWO, max_iter=3, device=amc.Memristor(write_noise=0.05)).fit(X)
    whole = model.transform(X, mask)
    for rows in ([3], [5, 0], slice(4, 20)):
        part = model.transform(X[rows], None if mask is None else mask[rows])
        np.testing.assert_array_equal(part, whole[rows])


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        ({}, {"X": -X}, "Negative values in data"),
        ({}, {"X": X, "mask": MASK[1:]}, r"mask: shape \(23, 9\) must be \(24, 9\)"),
        ({"n_components": 10}, {"X": X}, "rank = 10 must be from 1 to 9"),
        ({"fidelity": "exact"}, {"X": X}, "Analysis.fidelity"),
        (
            {"fidelity": "ideal", "analysis": amc.Analysis()},
            {"X": X},
            "either an analysis or its fidelity",
        ),
        ({"circuit": "toaster"}, {"X": X}, "unknown circuit 'toaster'"),
    ],
)
def test_bad_input_is_refused(options, given, message):
    with pytest.raises(amc.InputError, match=message):
        AnalogNMF(**options).fit(**given)


@pytest.mark.parametrize(("asked", "rank"), [("auto", 3), (2.0, 2), (np.int64(2), 2), (None, 3)])
def test_the_number_of_components_is_taken_as_scikit_learn_takes_it(asked, rank):
    X = np.random.default_rng(0).uniform(size=(5, 3))
    model = AnalogNMF(asked, random_state=0, max_iter=1).fit(X)
    assert model.n_components_ == rank


@pytest.mark.parametrize("asked", [2.5, "many", True, [2], float("nan")])
def test_what_is_no_number_of_components_is_refused(asked):
    with pytest.raises(amc.InputError, match="n_components = "):
        AnalogNMF(asked, random_state=0).fit(np.ones((4, 3)))


@pytest.mark.parametrize("asked", [1, np.int64(2), 3, None, "auto", 0, -1, "x", 2.5, [2]])
def test_numbers_of_components_are_taken_or_refused_as_by_scikit_learn(asked):
    """Whole numbers written as floats (2.0) are taken beside, which scikit-learn refuses."""
    V = np.random.default_rng(0).uniform(size=(5, 3))
    try:
        own = NMF(asked, tol=1.0).fit(V).n_components_
    except ValueError:
        with pytest.raises(amc.InputError):
            AnalogNMF(asked, random_state=0, max_iter=1).fit(V)
    else:
        model = AnalogNMF(asked, random_state=0, max_iter=1)
        assert model.fit(V).n_components_ == own
