"""Non-negative least squares by block pivoting against conditions of optimality and scipy."""

import time

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from amcspice.errors import AmcspiceError, InputError
from amcspice.problem import block_pivoting, nonnegative
from amcspice.problem.nonnegative import (
    is_unique,
    nonnegative_least_squares,
    nonnegative_least_squares_rows,
)


def violation(A, b, x, ridge=0.0, lasso=0.0):
    """Return by how much x misses the KKT conditions, over the terms that a gradient sums."""
    assert (x >= 0).all()
    gradient = A.T @ (A @ x - b) + ridge * x + lasso
    sizes = np.sqrt(np.square(A).sum(axis=0) + ridge)
    terms = sizes * (np.linalg.norm(b) + sizes @ x) + lasso + np.finfo(float).tiny
    return max(np.abs(gradient[x > 0] / terms[x > 0]).max(initial=0), (-gradient / terms).max())


def by_scipy(A, b, ridge=0.0):
    tall = np.vstack([A, np.sqrt(ridge) * np.eye(A.shape[1])])
    return scipy.optimize.nnls(tall, np.append(b, np.zeros(A.shape[1])), maxiter=10**4)[0]


def left_over(A, B, ridge=0.0, lasso=0.0):
    """Return which right-hand sides the compiled function leaves to scipy."""
    return block_pivoting.solve_shared(A, np.arange(len(A)), B, ridge, lasso)[1]


def well_conditioned(draw, m, n, least=0.03):
    """Return a matrix with singular values from 1 down to ``least`` and columns of any size."""
    Q, _, P = np.linalg.svd(draw.standard_normal((m, n)), full_matrices=False)
    return Q * np.geomspace(1, least, n) @ P * 10 ** draw.uniform(-3, 3, n)


@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (3, 2), (8, 8), (32, 8), (60, 16), (90, 40)])
@pytest.mark.parametrize("noise", [0.0, 1e-3, 1.0])
def test_agrees_with_scipy(shape, noise):
    draw = np.random.default_rng(shape)
    A = well_conditioned(draw, *shape)
    # From no passive variable to all of them.
    x = np.maximum(draw.uniform(-1, 1, (60, shape[1])) + np.linspace(-1, 1, 60)[:, None], 0)
    B = x / np.linalg.norm(A, axis=0) @ A.T
    B += noise * draw.standard_normal(B.shape)
    found = nonnegative_least_squares(A, B)
    scale = np.linalg.norm(A, axis=0)
    for b, one in zip(B, found, strict=True):
        wanted = by_scipy(A, b)
        assert np.abs((one - wanted) * scale).max() <= 1e-12 * np.abs(wanted * scale).max()
        assert violation(A, b, one) < 1e-14
    assert not left_over(A, B).any()


@settings(deadline=None, max_examples=150)
@given(
    st.integers(0, 2**32),
    st.integers(1, 24),
    st.integers(1, 10),
    st.sampled_from([0.0, 1e-6, 1.0, 100.0]),
    st.sampled_from([0.0, 0.01, 1.0]),
    st.sampled_from(["normal", "uniform", "ties", "nearly dependent"]),
)
def test_satisfies_the_conditions_of_optimality(seed, m, n, ridge, lasso, kind):
    draw = np.random.default_rng(seed)
    A = {
        "normal": lambda: draw.standard_normal((m, n)),
        "uniform": lambda: draw.random((m, n)),
        "ties": lambda: draw.integers(-1, 3, (m, n)).astype(float),
        "nearly dependent": lambda: draw.random((m, 1)) + 1e-6 * draw.standard_normal((m, n)),
    }[kind]()
    B = draw.integers(-2, 3, (4, m)) if kind == "ties" else draw.standard_normal((4, m))
    if lasso and not ridge:
        ridge = 1e-6
    for b, x in zip(B, nonnegative_least_squares(A, B, ridge=ridge, lasso=lasso), strict=True):
        assert violation(A, b, x, ridge, lasso) < 1e-12


def test_lasso_is_what_the_shifted_problem_gives():
    draw = np.random.default_rng(4)
    A, B = draw.random((20, 6)), draw.standard_normal((30, 20)) + 1
    lower = np.linalg.cholesky(A.T @ A + 0.1 * np.eye(6))
    for b, x in zip(B, nonnegative_least_squares(A, B, ridge=0.1, lasso=0.8), strict=True):
        shifted = scipy.linalg.solve_triangular(lower, A.T @ b - 0.8, lower=True)
        wanted = scipy.optimize.nnls(lower.T, shifted)[0]
        np.testing.assert_allclose(x, wanted, rtol=0, atol=1e-12)


def test_nothing_to_solve():
    A = np.random.default_rng(5).random((6, 3))
    assert nonnegative_least_squares(A, np.zeros((0, 6))).shape == (0, 3)
    assert is_unique(A, np.zeros((0, 6)), np.zeros((0, 3))).shape == (0,)
    assert not nonnegative_least_squares(A, np.zeros((2, 6))).any()
    assert not nonnegative_least_squares(A, -np.ones((2, 6))).any()
    assert not nonnegative_least_squares(np.zeros((6, 3)), np.ones((2, 6))).any()
    assert nonnegative_least_squares_rows(A, sp.csr_array((0, 6))).shape == (0, 3)


def test_a_column_without_an_entry_stays_zero():
    draw = np.random.default_rng(6)
    A, B = draw.random((9, 4)), draw.random((5, 9))
    A[:, 2] = 0
    wanted = nonnegative_least_squares(A[:, [0, 1, 3]], B)
    np.testing.assert_allclose(nonnegative_least_squares(A, B)[:, [0, 1, 3]], wanted, rtol=1e-12)
    for lasso in (0.0, 0.1):
        assert not nonnegative_least_squares(A, B, lasso=lasso)[:, 2].any()
    assert not left_over(A, B).any()


@pytest.mark.parametrize("power", [-120, 120])
def test_units_do_not_matter(power):
    draw = np.random.default_rng(7)
    A, B, unit = draw.random((9, 4)), draw.standard_normal((20, 9)), 2.0**power
    wanted = nonnegative_least_squares(A, B, ridge=0.1, lasso=0.2)
    found = nonnegative_least_squares(
        A * unit**3, B / unit, ridge=0.1 * unit**6, lasso=0.2 * unit**2
    )
    np.testing.assert_array_equal(found * unit**4, wanted)


def test_nearly_dependent_columns_go_to_scipy():
    draw = np.random.default_rng(8)
    A = draw.random((20, 5))
    B = A.sum(axis=1) + 0.1 * draw.random((10, 20))
    for distance, left in ((1e-4, True), (1e-2, False)):
        A[:, 4] = A[:, 0] + distance * draw.random(20) * np.linalg.norm(A[:, 0])
        assert (left_over(A, B) == left).all()
        for b, x in zip(B, nonnegative_least_squares(A, B), strict=True):
            np.testing.assert_allclose(x, by_scipy(A, b), rtol=0, atol=1e-12 * x.max())
            assert violation(A, b, x) < 1e-13


@pytest.mark.parametrize(
    "matrix",
    [
        scipy.linalg.hilbert(9),
        np.vander(np.linspace(0, 1, 20), 9),
        # No pivot is small though the matrix is nearly singular (W. Kahan).
        np.sin(1.2) ** np.arange(30)[:, None] * (np.eye(30) - np.cos(1.2) * np.tri(30, k=-1).T),
    ],
)
def test_ill_conditioned_matrices_still_have_optimal_answers(matrix):
    draw = np.random.default_rng(9)
    B = draw.standard_normal((30, len(matrix))) + draw.random((30, matrix.shape[1])) @ matrix.T
    for b, x in zip(B, nonnegative_least_squares(matrix, B), strict=True):
        assert violation(matrix, b, x) < 1e-13


def test_lasso_with_dependent_columns_asks_for_ridge():
    A = np.ones((4, 2))
    with pytest.raises(InputError, match="linearly independent columns: add a small ridge"):
        nonnegative_least_squares(A, np.ones((1, 4)), lasso=0.1)
    (x,) = nonnegative_least_squares(A, np.ones((1, 4)), lasso=0.1, ridge=1e-9)
    np.testing.assert_allclose(x, 3.9 / 8, rtol=1e-6)
    with pytest.raises(InputError, match="independent"):
        nonnegative_least_squares(np.array([[1.0, 2.0]]), [[1.0]], lasso=0.1)


def test_ends_where_exchanging_all_at_once_goes_round_in_circles():
    A = np.array([[-1.0, 3, 3, 1], [0, 1, 3, 1], [0, 0, 1, -3], [0, 0, 0, -3]])
    b = np.array([3.0, 0, -6, 10])
    passive, met = A.T @ b > 0, set()
    while tuple(passive) not in met:
        met.add(tuple(passive))
        x = np.zeros(4)
        x[passive] = np.linalg.lstsq(A[:, passive], b)[0]
        passive ^= np.where(passive, x < 0, A.T @ (b - A @ x) > 1e-9)
    (solution,) = nonnegative_least_squares(A, [b])
    assert violation(A, b, solution) < 1e-14
    assert violation(A, b, np.maximum(x, 0)) > 1e-3
    assert not left_over(A, b[None])[0]


def sample_of_rows(draw, K=40, m=30, density=0.3):
    known = sp.random_array((K, m), density=density, rng=draw, format="csr")
    known.data[::7] = 0.0  # known to be zero
    return known


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_rows_count_where_entries_are_stored(ridge):
    draw = np.random.default_rng(11)
    A, known = draw.random((30, 4)), sample_of_rows(draw)
    known = sp.vstack([known[:5], sp.csr_array((1, 30)), known[5:]], format="csr")
    found = nonnegative_least_squares_rows(A, known, ridge=ridge * np.diff(known.indptr))
    for k in range(known.shape[0]):
        own = slice(known.indptr[k], known.indptr[k + 1])
        rows, b = known.indices[own], known.data[own]
        assert violation(A[rows], b, found[k], ridge * len(rows)) < 1e-13
        if len(rows) >= 4:
            wanted = by_scipy(A[rows], b, ridge * len(rows))
            np.testing.assert_allclose(found[k], wanted, rtol=0, atol=1e-12 * b.max())
    assert not found[5].any()


def test_rows_in_any_order_and_number_type(tmp_path):
    draw = np.random.default_rng(12)
    A, known = draw.random((30, 4)), sample_of_rows(draw)
    wanted = nonnegative_least_squares_rows(A, known, ridge=0.1)
    bounds = zip(known.indptr[:-1], known.indptr[1:], strict=True)
    order = np.concatenate([draw.permutation(np.arange(a, b)) for a, b in bounds])
    mixed = sp.csr_array((known.data[order], known.indices[order], known.indptr), known.shape)
    before = mixed.indices.copy()
    np.testing.assert_array_equal(nonnegative_least_squares_rows(A, mixed, ridge=0.1), wanted)
    np.testing.assert_array_equal(mixed.indices, before)
    for name in ("data", "indices", "indptr"):
        np.save(tmp_path / f"{name}.npy", getattr(known, name))
    parts = [np.load(tmp_path / f"{n}.npy", mmap_mode="r") for n in ("data", "indices", "indptr")]
    stored = sp.csr_array(tuple(parts), known.shape)
    np.testing.assert_array_equal(nonnegative_least_squares_rows(A, stored, ridge=0.1), wanted)


def test_answers_do_not_depend_on_what_stands_beside_them(monkeypatch):
    draw = np.random.default_rng(13)
    A, known = draw.random((30, 4)), sample_of_rows(draw)
    B = known.toarray()
    every = nonnegative_least_squares(A, B, ridge=1e-3)
    rows = nonnegative_least_squares_rows(A, known, ridge=1e-3)
    ridges = 1e-3 * np.arange(1, len(B) + 1)
    every_row = nonnegative_least_squares_rows(A, known, ridge=ridges, lasso=1e-2)
    for k in range(len(B)):
        lines = known.indices[known.indptr[k] : known.indptr[k + 1]]
        alone = nonnegative_least_squares(
            A[lines], B[k : k + 1, lines], ridge=ridges[k], lasso=1e-2
        )
        np.testing.assert_array_equal(every_row[k], alone[0])
    for step in (1, 3, 17):
        cuts = [slice(k, k + step) for k in range(0, len(B), step)]
        parts = [nonnegative_least_squares(A, B[cut], ridge=1e-3) for cut in cuts]
        np.testing.assert_array_equal(np.vstack(parts), every)
        parts = [nonnegative_least_squares_rows(A, known[cut], ridge=1e-3) for cut in cuts]
        np.testing.assert_array_equal(np.vstack(parts), rows)
    monkeypatch.setattr(nonnegative, "STORED_AT_ONCE", 20)
    np.testing.assert_array_equal(nonnegative_least_squares_rows(A, known, ridge=1e-3), rows)


def test_uniqueness_by_hand():
    one = np.ones((1, 2))
    # x1 + x2 = 1 has many solutions, but x1 + x2 = 0 has one.
    assert list(is_unique(one, [[1.0], [0.0], [-1.0]], [[1, 0], [0, 0], [0, 0]])) == [0, 1, 1]
    # x1 = x2 is free to grow.
    assert not is_unique([[1.0, -1.0]], [[0.0]], [[0, 0]])[0]
    # A column of zeros is undetermined, unless it costs something.
    A = [[1.0, 0.0]]
    assert not is_unique(A, [[1.0]], [[1, 0]])[0]
    assert is_unique(A, [[1.0]], [[0.9, 0]], lasso=0.1)[0]
    assert is_unique(A, [[1.0]], [[1 / 1.1, 0]], ridge=0.1)[0]
    # A third column that is the mean of two others can take their place, but not for b = e1.
    A = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])
    assert list(is_unique(A, [[1.0, 1.0], [1.0, 0.0]], [[1, 1, 0], [1, 0, 0]])) == [0, 1]
    # Tied, but independent of the support.
    assert is_unique(np.eye(2), [[1.0, 0.0]], [[1, 0]])[0]


@pytest.mark.parametrize("unit", [0.25, 1.0, 4.0, 1e3])
@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_uniqueness_with_a_lasso_in_any_unit(unit, size):
    """Of parallel columns the longer one costs less; of equal ones either will do."""
    penalty = 0.1 * unit * size
    for second, unique in ((1.0, False), (0.5, True)):
        A, x = unit * np.array([[1.0, second]]), [0.9 * size / unit, 0.0]
        assert is_unique(A, [[size]], [x], lasso=penalty)[0] == unique


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_uniqueness_is_what_a_linear_programme_says(unit):
    draw = np.random.default_rng(14)
    for _ in range(60):
        m, n = draw.integers(1, 5), draw.integers(1, 6)
        A = draw.integers(-1, 3, (m, n)).astype(float)
        b = draw.integers(-1, 3, m).astype(float)
        (x,) = nonnegative_least_squares(A, [b])
        slope = A.T @ (b - A @ x)
        # The widest range of every variable over the set of solutions.
        free = slope > -1e-9
        unique = True
        for j in np.flatnonzero(free):
            for sign in (-1, 1):
                cost = np.zeros(n)
                cost[j] = sign
                bounds = [(0, 50 if one else 0) for one in free]
                found = scipy.optimize.linprog(cost, A_eq=A, b_eq=A @ x, bounds=bounds)
                unique &= found.status == 0 and abs(found.x[j] - x[j]) < 1e-6
        assert is_unique(A * unit, [b / unit], [x / unit**2])[0] == unique


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda A: nonnegative_least_squares(A, np.ones((1, 4))), "vectors: shape"),
        (lambda A: nonnegative_least_squares(A, np.ones(5)), "two dimensions"),
        (lambda A: nonnegative_least_squares(A, np.full((1, 5), np.nan)), "finite"),
        (lambda A: nonnegative_least_squares(A, np.ones((1, 5)), ridge=-1), "ridge=-1"),
        (lambda A: nonnegative_least_squares(A, np.ones((1, 5)), lasso=np.nan), "lasso=nan"),
        (lambda A: nonnegative_least_squares_rows(A, sp.csr_array((2, 4))), "known: shape"),
        (lambda A: is_unique(A, np.ones((1, 5)), np.ones((1, 5))), "solutions: shape"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call(np.ones((5, 2)))


def test_no_end_is_said(monkeypatch):
    def endless(*arguments, **options):
        raise RuntimeError("Maximum number of iterations reached.")

    monkeypatch.setattr(scipy.optimize, "nnls", endless)
    with pytest.raises(AmcspiceError, match="add a small ridge"):
        nonnegative_least_squares(np.ones((3, 2)), np.ones((1, 3)))


def test_faster_than_a_loop_of_scipy():
    draw = np.random.default_rng(15)
    A = draw.random((32, 8))
    B = np.maximum(draw.uniform(-0.5, 1, (10_000, 8)), 0) @ A.T
    B += 0.1 * draw.standard_normal(B.shape)
    wanted = np.array([scipy.optimize.nnls(A, b)[0] for b in B])
    found = nonnegative_least_squares(A, B)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * wanted.max())
    ratios = []
    for _ in range(5):  # another process may take the processor at any time
        start = time.process_time()
        for b in B[:2000]:
            scipy.optimize.nnls(A, b)
        middle = time.process_time()
        nonnegative_least_squares(A, B[:2000])
        ratios.append((middle - start) / (time.process_time() - middle))
    assert max(ratios) >= 5


def test_ridge_of_rows_with_nearly_dependent_columns_is_that_of_each_regression():
    """The other method answers these; their ridge decides between the columns."""
    draw = np.random.default_rng(3)
    A = draw.random((14, 3))
    A[:, 2] = A[:, 1] + 1e-3 * draw.random(14)
    mask, ridge = draw.random((6, 14)) < 0.6, 1e-7
    vectors = np.where(mask, draw.random((6, 14)), 0.0)
    ridges = ridge * mask.sum(axis=1)
    found = nonnegative_least_squares_rows(A, sp.csr_array(vectors), ridge=ridges)
    for x, rows, vector in zip(found, mask, vectors, strict=True):
        tall = np.vstack([A[rows], np.sqrt(ridge * rows.sum()) * np.eye(3)])
        expected = scipy.optimize.nnls(tall, np.append(vector[rows], np.zeros(3)))[0]
        np.testing.assert_allclose(x, expected, rtol=1e-6, atol=1e-9)
